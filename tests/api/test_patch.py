"""PATCH in the dialects identity providers speak (RFC 7644 section 3.5.2)."""

import pytest

from maptician_scim.models import ProvisionedUser
from tests.api.test_writing import PAT, writable
from tests.client import ENTERPRISE, PATCH_OP, USER


@pytest.fixture
def pat(scim):
    return scim.create(**PAT).json()


def replaced(**changes):
    return PAT | changes


def found(scim, condition):
    return scim.search(condition).json()["Resources"]


def entry(resource, attribute, kind):
    return next(e for e in resource[attribute] if e.get("type") == kind)


@pytest.mark.rfc("7644", "3.5", "b")
@pytest.mark.rfc("7644", "3.5.2", "m")
@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": {"active": False}},
        {"op": "replace", "path": "active", "value": False},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": "active", "value": "false"},
        {
            "op": "replace",
            "path": f"{USER}:active",
            "value": False,
        },
        {"Op": "REPLACE", "Path": "Active", "Value": False},
    ],
    ids=["okta", "path", "entra", "add", "urn", "odd case"],
)
def test_every_way_to_deactivate_deactivates(scim, pat, host, acme, operation):
    answer = scim.modify(pat["id"], operation)
    assert answer.status_code == 200
    assert writable(answer.json()) == replaced(active=False)
    assert not host.is_active(host.people(acme).get(), acme)


@pytest.mark.rfc("7643", "3.1", "f")
def test_if_reactivated_then_id_and_attributes_are_the_same(scim, pat):
    scim.modify(pat["id"], {"op": "replace", "value": {"active": False}})
    answer = scim.modify(pat["id"], {"op": "replace", "value": {"active": True}})
    assert answer.json()["id"] == pat["id"]
    assert writable(answer.json()) == PAT


@pytest.mark.rfc("7644", "3.5.2", "f", "m")
@pytest.mark.rfc("7644", "3.5.2.2", "a")
@pytest.mark.rfc("7644", "3.5.2.3", "a", "b", "c")
@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        ({"op": "replace", "path": "title", "value": "B"}, {"title": "B"}),
        ({"op": "remove", "path": "locale"}, {"locale": None}),
        ({"op": "Remove", "path": "locale", "value": "de-DE"}, {"locale": None}),
        ({"op": "replace", "path": "title", "value": ""}, {"title": None}),
        ({"op": "replace", "path": "title", "value": None}, {"title": None}),
        (
            {"op": "replace", "value": {"title": "", "nickName": "P"}},
            {"title": None, "nickName": "P"},
        ),
        (
            {"op": "replace", "path": "name.givenName", "value": "Kim"},
            {"name": PAT["name"] | {"givenName": "Kim"}},
        ),
        (
            {"op": "Add", "value": {"name.givenName": "Kim", "nickName": "K"}},
            {"name": PAT["name"] | {"givenName": "Kim"}, "nickName": "K"},
        ),
        (
            {"op": "replace", "value": {"name": {"givenName": "Kim"}}},
            {"name": PAT["name"] | {"givenName": "Kim"}},
        ),
        (
            {"op": "replace", "value": {f"{ENTERPRISE}:department": "B"}},
            {ENTERPRISE: PAT[ENTERPRISE] | {"department": "B"}},
        ),
        (
            {"op": "replace", "value": {ENTERPRISE: {"department": "B"}}},
            {ENTERPRISE: PAT[ENTERPRISE] | {"department": "B"}},
        ),
        (
            {"op": "Replace", "path": "department", "value": "B"},
            {ENTERPRISE: PAT[ENTERPRISE] | {"department": "B"}},
        ),
        (
            {"op": "Add", "path": "manager", "value": "m1"},
            {ENTERPRISE: PAT[ENTERPRISE] | {"manager": {"value": "m1", "displayName": "Kim"}}},
        ),
        (
            {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": [{"$ref": "r", "value": "m1"}]},
            {
                ENTERPRISE: PAT[ENTERPRISE]
                | {"manager": {"value": "m1", "$ref": "r", "displayName": "Kim"}}
            },
        ),
        (
            {"op": "remove", "path": f"{ENTERPRISE}:manager"},
            {ENTERPRISE: {"department": "Space", "costCenter": "42"}},
        ),
        (
            {"op": "replace", "value": {"id": "x", "meta": {}, "groups": [], "title": "B"}},
            {"title": "B"},
        ),
        ({"op": "add", "path": "shoeSize", "value": 44}, {}),
        ({"op": "remove", "path": "urn:x:y:z"}, {}),
        ({"op": "add", "path": "roles", "value": "planner"}, {"roles": [{"value": "planner"}]}),
        (
            {"op": "add", "path": "roles", "value": '[{"a": 1}]'},
            {"roles": [{"value": '[{"a": 1}]'}]},
        ),
        (
            {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "planner"},
            {"roles": [{"value": "planner", "primary": True}]},
        ),
    ],
    ids=lambda value: str(value)[:90] if "op" in value else "",
)
def test_operation_changes_just_what_it_names(scim, pat, operation, changes):
    answer = scim.modify(pat["id"], operation)
    assert answer.status_code == 200, answer.json()
    expected = {n: v for n, v in replaced(**changes).items() if v is not None}
    assert writable(answer.json()) == expected
    assert scim.read(pat["id"]).json() == answer.json()


def test_value_path_changes_one_entry(scim, pat):
    operation = {"op": "Replace", "path": 'emails[type eq "work"].Value', "value": "new@x"}
    emails = scim.modify(pat["id"], operation).json()["emails"]
    assert emails == [PAT["emails"][0] | {"value": "new@x"}, PAT["emails"][1]]


def test_value_path_that_matches_nothing_makes_the_entry(scim, pat):
    operation = {"op": "Add", "path": 'phoneNumbers[type eq "fax"].value', "value": "3"}
    phones = scim.modify(pat["id"], operation).json()["phoneNumbers"]
    assert phones == [*PAT["phoneNumbers"], {"value": "3", "type": "fax"}]


def test_parts_of_an_address_make_one_address(scim):
    made = scim.create(userName="b").json()
    parts = {
        "streetAddress": "1 St",
        "locality": "L",
        "region": "R",
        "postalCode": "P",
        "country": "DE",
    }
    operations = [
        {"op": "Add", "path": f'addresses[type eq "work"].{name}', "value": value}
        for name, value in parts.items()
    ]
    addresses = scim.modify(made["id"], *operations).json()["addresses"]
    assert addresses == [parts | {"type": "work"}]


@pytest.mark.rfc("7643", "2.4", "c")
@pytest.mark.rfc("7644", "3.5.2", "h")
def test_if_another_entry_becomes_primary_then_the_first_is_not(scim, pat):
    operation = {
        "op": "add",
        "path": "emails",
        "value": [{"value": "n@x", "type": "other", "primary": True}],
    }
    emails = scim.modify(pat["id"], operation).json()["emails"]
    assert [e["value"] for e in emails if e.get("primary")] == ["n@x"]


def test_remove_with_a_list_of_values_takes_just_those(scim, pat):
    operation = {"op": "Remove", "path": "emails", "value": [{"value": "pat@home.example"}]}
    assert scim.modify(pat["id"], operation).json()["emails"] == PAT["emails"][:1]


def test_emails_as_one_object_are_a_list_of_one(scim, pat):
    operation = {"op": "replace", "path": "emails", "value": {"value": "n@x", "type": "work"}}
    assert scim.modify(pat["id"], operation).json()["emails"] == [{"value": "n@x", "type": "work"}]


def test_if_active_is_null_then_it_stays(scim, pat):
    answer = scim.modify(pat["id"], {"op": "replace", "path": "active", "value": None})
    assert answer.json()["active"] is True


@pytest.mark.rfc("7644", "3.5.2.2", "a")
@pytest.mark.parametrize("path", ["active", "Active", f"{USER}:active"])
def test_active_that_is_removed_is_unassigned_and_shuts_nobody_out(scim, acme, host, pat, path):
    removed = scim.modify(pat["id"], {"op": "remove", "path": path})
    assert (removed.status_code, "active" in removed.json()) == (200, False)
    assert scim.read(pat["id"]).json() == removed.json()
    assert found(scim, "active pr") == found(scim, "active eq true") == []
    assert found(scim, "not (active eq true)") == [removed.json()]
    assert host.is_active(host.people(acme).get(), acme)
    assert scim.modify(pat["id"], {"op": "remove", "path": path}).status_code == 200
    again = scim.modify(pat["id"], {"op": "add", "path": "active", "value": True})
    assert again.json()["active"] is True
    assert found(scim, "active eq true") == [again.json()]


def test_active_is_shown_again_once_it_is_another_than_was_removed(scim, pat):
    scim.modify(pat["id"], {"Op": "Remove", "Path": "active"})
    ProvisionedUser.objects.update(active_when_removed=False)  # as if the host had reactivated
    assert scim.read(pat["id"]).json()["active"] is True
    assert scim.search("active eq true").json()["totalResults"] == 1


@pytest.mark.rfc("7643", "7", "i")
@pytest.mark.rfc("7644", "3.5.2", "b", "c", "d", "e", "i", "j", "k", "l")
@pytest.mark.rfc("7644", "3.5.2.1", "a")
@pytest.mark.rfc("7644", "3.5.2.2", "f")
@pytest.mark.rfc("7644", "3.5.2.3", "e")
@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "move", "path": "title", "value": "x"}, "invalidValue"),
        ({"op": 5, "path": "title", "value": "x"}, "invalidValue"),
        ({"path": "title", "value": "x"}, "invalidValue"),
        ({"op": "replace", "path": "title"}, "invalidValue"),
        ({"op": "replace", "value": "x"}, "invalidValue"),
        ({"op": "replace", "path": 5, "value": "x"}, "invalidSyntax"),
        ({"op": "replace", "path": "title", "value": 5}, "invalidValue"),
        ({"op": "replace", "path": "title", "value": {"value": "x"}}, "invalidValue"),
        ({"op": "replace", "value": {"title": {"value": "x"}}}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": "maybe"}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": {"value": False}}, "invalidValue"),
        ({"op": "replace", "path": "name", "value": "Pat"}, "invalidValue"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "replace", "path": "emails[", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": 'emails[value sw "q"].display', "value": "x"}, "noTarget"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "meta.created", "value": "x"}, "mutability"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "userName", "value": "  "}, "invalidValue"),
        ({"op": "replace", "path": "title", "value": "x" * 300}, "invalidValue"),
        ({"op": "replace", "path": "title[value eq 5]", "value": "x"}, "invalidFilter"),
        ("replace", "invalidSyntax"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_operation_is_400_and_the_good_one_before_it_is_undone(scim, pat, operation, scim_type):
    answer = scim.modify(pat["id"], {"op": "replace", "path": "nickName", "value": "x"}, operation)
    assert (answer.status_code, answer.json().get("scimType")) == (400, scim_type)
    assert answer.json()["detail"]
    assert scim.read(pat["id"]).json() == pat


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("nickName", 5, "nickName"),
        ("name", {"givenName": 5}, "name.givenName"),
        ("phoneNumbers", ["1"], "phoneNumbers"),
        ("phoneNumbers", [{"value": 5}], "phoneNumbers"),
        (ENTERPRISE, {"employeeNumber": 5}, f"{ENTERPRISE}:employeeNumber"),
        (f"{ENTERPRISE}:manager", {"$ref": 5}, "manager.$ref"),
        ("userName", None, "userName"),
    ],
    ids=str,
)
@pytest.mark.parametrize("with_path", [True, False], ids=["path", "no path"])
def test_refusal_names_the_attribute_as_the_client_does(scim, pat, path, value, named, with_path):
    operation = {"path": path, "value": value} if with_path else {"value": {path: value}}
    answer = scim.modify(
        pat["id"],
        {"op": "add", "path": "locale", "value": "en"},
        {"op": "replace"} | operation,
    )
    assert answer.status_code == 400
    assert f"'{named}" in answer.json()["detail"] or f"{named}'" in answer.json()["detail"]


@pytest.mark.rfc("7644", "3.5.2", "a")
@pytest.mark.parametrize(
    "body",
    [{}, {"Operations": []}, {"Operations": {}}, {"Operations": "x"}, {"Operations": [5]}],
    ids=str,
)
def test_body_without_operations_is_400(scim, pat, body):
    answer = scim.request_scim("PATCH", f"/Users/{pat['id']}", {"schemas": [PATCH_OP]} | body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")
    assert "Operations" in answer.json()["detail"]


def test_too_many_operations_are_400(scim, pat):
    operations = [{"op": "replace", "path": "title", "value": "x"}] * 1001
    answer = scim.modify(pat["id"], *operations)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
