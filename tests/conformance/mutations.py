"""Deliberate breaks of the code, each with the row it breaks and the test that has to notice."""

from dataclasses import dataclass

ACCESS = "tests/api/test_access.py"
BULK = "tests/api/test_bulk.py"
CURSORS = "tests/api/test_cursors.py"
DISCOVERY = "tests/api/test_discovery.py"
EXTENSIONS = "tests/api/test_extensions.py"
GROUPS = "tests/api/test_groups.py"
MEMBERS = "tests/api/test_group_members.py"
PROJECTION = "tests/api/test_projection.py"
READING = "tests/api/test_reading.py"
RFC = "tests/api/test_rfc.py"
SORTING = "tests/api/test_sorting.py"
WRITING = "tests/api/test_writing.py"


@dataclass(frozen=True)
class Mutation:
    """One change: ``old`` stands in the file exactly once, and ``new`` takes its place."""

    row: str
    file: str
    old: str
    new: str
    test: str

    @property
    def change(self) -> tuple[str, str]:
        return self.old, self.new


MUTATIONS = (
    Mutation(
        "7643-2.4-c",
        "maptician_scim/protocol/dialects.py",
        'return {name: False if name.lower() == "primary" else v for name, v in entry.items()}',
        "return dict(entry)",
        f"{WRITING}::test_of_two_primary_entries_the_newest_stays_so",
    ),
    Mutation(
        "7643-2.5-a",
        "maptician_scim/protocol/dialects.py",
        'return value is None or value == "" or value == [] or value == {}',
        "return value is None",
        f"{WRITING}::test_null_and_empty_mean_unassigned",
    ),
    Mutation(
        "7643-3.1-o",
        "maptician_scim/protocol/messages.py",
        "return f'W/\"{fingerprint}\"'",
        "return f'\"{fingerprint}\"'",
        f"{RFC}::test_version_is_the_weak_entity_tag",
    ),
    Mutation(
        "7643-4.1.2-f",
        "maptician_scim/relations.py",
        '"type": "direct"}',
        '"type": "indirect"}',
        f"{GROUPS}::test_person_shows_their_groups",
    ),
    Mutation(
        "7643-7-g",
        "maptician_scim/protocol/filters.py",
        'if operand.comparing == "text":',
        'if operand.comparing != "user_name":',
        f"{READING}::test_external_id_is_compared_with_its_case",
    ),
    Mutation(
        "7643-7-j",
        "maptician_scim/protocol/group_patch.py",
        "if binding is not None and binding.sub_field_name is not None:",
        "if binding is None:",
        f"{MEMBERS}::test_impossible_operation_is_refused_whole",
    ),
    Mutation(
        "7643-9.2-a",
        "maptician_scim/protocol/messages.py",
        'password = attributes.pop("password", None)',
        'password = attributes.get("password")',
        f"{WRITING}::test_password_is_dropped_and_kept_nowhere",
    ),
    Mutation(
        "7644-2-c",
        "maptician_scim/authentication.py",
        "return f'{SCHEME} realm=\"SCIM\"'",
        'return "Basic"',
        f"{ACCESS}::test_if_refused_then_401_is_a_scim_error_with_a_challenge",
    ),
    Mutation(
        "7644-2-e",
        "maptician_scim/authentication.py",
        "if tenant_key(token.tenant) != key:",
        "if tenant_key(token.tenant) == key == token.prefix:",
        f"{ACCESS}::test_token_of_another_tenant_is_refused_like_any_other",
    ),
    Mutation(
        "7644-2.1-d",
        "maptician_scim/authentication.py",
        "if token.is_revoked:",
        "if token.is_revoked and token.is_expired:",
        f"{ACCESS}::test_if_revoked_or_expired_then_refused_like_any_other",
    ),
    Mutation(
        "7644-3.3-f",
        "maptician_scim/exceptions.py",
        'scim_type = "uniqueness"',
        'scim_type = "invalidValue"',
        f"{WRITING}::test_if_the_user_name_is_taken_then_409",
    ),
    Mutation(
        "7644-3.4.2-c",
        "maptician_scim/protocol/messages.py",
        '"totalResults": total,',
        '"totalResults": len(resources),',
        f"{READING}::test_test_connector_shows_the_first_people_as_integers",
    ),
    Mutation(
        "7644-3.4.2.3-b",
        "maptician_scim/protocol/query.py",
        'values.get("sortOrder", "ascending")',
        'values.get("sortOrder", "descending")',
        f"{SORTING}::test_text_is_sorted_without_regard_to_case_and_by_code_point",
    ),
    Mutation(
        "7644-3.5.1-d",
        "maptician_scim/protocol/extensions.py",
        ".setdefault(name, old) != old:",
        ".setdefault(name, old) is None:",
        f"{EXTENSIONS}::test_immutable_attribute_is_set_once",
    ),
    Mutation(
        "7644-3.7-d",
        "maptician_scim/bulk.py",
        "errors >= bulk.fail_on_errors",
        "errors > bulk.fail_on_errors",
        f"{BULK}::test_after_so_many_errors_nothing_more_is_done",
    ),
    Mutation(
        "7644-3.7.2-a",
        "maptician_scim/protocol/bulk.py",
        'reference["before"] + scim_id',
        'reference["before"] + value',
        f"{BULK}::test_what_is_referred_to_may_come_later",
    ),
    Mutation(
        "7644-3.7.4-b",
        "maptician_scim/protocol/bulk.py",
        "if len(raw) > most:",
        "if len(raw) > most + 1:",
        f"{BULK}::test_if_one_operation_is_too_many_then_413_in_no_time_and_nothing_is_done",
    ),
    Mutation(
        "7644-3.8-b",
        "maptician_scim/parsers.py",
        "redaction.Hidden(body.decode()),",
        'redaction.Hidden(body.decode("latin-1")),',
        f"{RFC}::test_answer_is_utf_8_and_so_is_a_body_without_a_charset",
    ),
    Mutation(
        "7644-3.9-c",
        "maptician_scim/protocol/projection.py",
        "return not {(schema, attribute, None), (schema, None, None)} & self._excluded",
        "return (schema, None, None) not in self._excluded",
        f"{PROJECTION}::test_excluded_attributes_are_left_out",
    ),
    Mutation(
        "7644-3.12-b",
        "maptician_scim/protocol/messages.py",
        '"status": str(status)',
        '"status": status',
        f"{ACCESS}::test_if_refused_then_401_is_a_scim_error_with_a_challenge",
    ),
    Mutation(
        "7644-3.12-c",
        "maptician_scim/exceptions.py",
        "status = 412",
        "status = 409",
        f"{WRITING}::test_if_match_of_an_old_version_is_412_and_nothing_changes",
    ),
    Mutation(
        "7644-3.12-d",
        "maptician_scim/errors.py",
        'f"The request failed for a reason that was not foreseen. Report it as {correlation_id}."',
        "str(error)",
        f"{ACCESS}::test_unforeseen_failure_is_a_scim_500_with_the_id_to_report",
    ),
    Mutation(
        "7644-4-e",
        "maptician_scim/views/discovery.py",
        'if "filter" in request.query_params:',
        'if request.query_params.get("filter") == "":',
        f"{DISCOVERY}::test_filter_is_403",
    ),
    Mutation(
        "7644-7.8-a",
        "maptician_scim/protocol/filters.py",
        "value = comparison_key(value)",
        "value = str(value)",
        f"{READING}::test_letters_beyond_ascii_have_a_lower_case",
    ),
    Mutation(
        "7644-8.1-a",
        "maptician_scim/renderers.py",
        "media_type = SCIM_JSON",
        'media_type = "application/json"',
        f"{ACCESS}::test_answer_is_scim_json_whatever_is_accepted",
    ),
    Mutation(
        "9865-2-d",
        "maptician_scim/provisioning/searching.py",
        "place is not None, len(rows) > size",
        "place is not None, len(rows) >= size",
        f"{CURSORS}::test_last_page_has_no_next_cursor",
    ),
    Mutation(
        "9865-2-e",
        "maptician_scim/provisioning/searching.py",
        "if has_previous and rows else None",
        "if rows else None",
        f"{CURSORS}::test_first_page_has_a_cursor_to_the_next_one",
    ),
    Mutation(
        "9865-5.2-a",
        "maptician_scim/provisioning/searching.py",
        "str(self.tenant.pk), types,",
        "types,",
        f"{CURSORS}::test_cursor_of_another_tenant_is_invalid_cursor",
    ),
)
