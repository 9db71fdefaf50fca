"""Every kind of PATCH path and what it does to a person (RFC 7644 sections 3.5.2.1 to 3.5.2.3)."""

import pytest

from tests.api.test_patch import PAT
from tests.api.test_writing import writable
from tests.client import ENTERPRISE, USER

WORK, HOME = PAT["emails"]
PHONES, [ADDRESS] = PAT["phoneNumbers"], PAT["addresses"]
NEW = {"value": "new@example.com"}


@pytest.fixture
def pat(scim):
    return scim.create(**PAT).json()


def emails(*entries):
    return {"emails": list(entries)}


def extension(**changes):
    kept = PAT[ENTERPRISE] | changes
    return {ENTERPRISE: {name: value for name, value in kept.items() if value is not None}}


VALUE_PATHS = {
    'type eq "work" and value co "example"': [WORK | {"display": "D"}, HOME],
    'type eq "work" or type eq "home"': [WORK | {"display": "D"}, HOME | {"display": "D"}],
    'not (type eq "work")': [WORK, HOME | {"display": "D"}],
    'value sw "pat@home"': [WORK, HOME | {"display": "D"}],
    'value ew "home.EXAMPLE"': [WORK, HOME | {"display": "D"}],
    "primary pr": [WORK | {"display": "D"}, HOME],
    "primary eq true": [WORK | {"display": "D"}, HOME],
    'type ne "work"': [WORK, HOME | {"display": "D"}],
    'display eq "WORK"': [WORK | {"display": "D"}, HOME],
    '(type eq "work" and value pr) or (type eq "x" and not (value co "y"))': [
        WORK | {"display": "D"},
        HOME,
    ],
}


@pytest.mark.parametrize("condition", VALUE_PATHS)
def test_value_path_writes_to_just_the_entries_its_filter_matches(scim, pat, condition):
    operation = {"op": "replace", "path": f"emails[{condition}].display", "value": "D"}
    answer = scim.modify(pat["id"], operation)
    assert answer.status_code == 200, answer.json()
    assert writable(answer.json()) == PAT | emails(*VALUE_PATHS[condition])


CHANGES = [
    # A mapped element, an unmapped one, and both at once.
    (
        ("replace", 'phoneNumbers[type eq "mobile"].value', "9"),
        {"phoneNumbers": [PHONES[0], PHONES[1] | {"value": "9"}]},
    ),
    (
        ("replace", 'addresses[type eq "work"].locality', "Bonn"),
        {"addresses": [ADDRESS | {"locality": "Bonn"}]},
    ),
    (
        ("replace", 'addresses[type eq "work"].postalCode', "1"),
        {"addresses": [ADDRESS | {"postalCode": "1"}]},
    ),
    (
        ("add", 'addresses[type eq "home"].locality', "Bonn"),
        {"addresses": [ADDRESS, {"type": "home", "locality": "Bonn"}]},
    ),
    (
        ("remove", 'addresses[type eq "work"].locality', None),
        {"addresses": [{n: v for n, v in ADDRESS.items() if n != "locality"}]},
    ),
    (("add", 'emails[type eq "work"]', {"display": "D"}), emails(WORK | {"display": "D"}, HOME)),
    (("replace", 'emails[type eq "work"]', NEW), emails(WORK | NEW, HOME)),
    (("replace", "emails.display", "D"), emails(WORK | {"display": "D"}, HOME | {"display": "D"})),
    # Entries are created where the path says which: type eq "x".
    (("replace", 'emails[type eq "other"]', NEW), emails(WORK, HOME, NEW | {"type": "other"})),
    (
        ("replace", 'emails[type eq "other"].value', NEW["value"]),
        emails(WORK, HOME, NEW | {"type": "other"}),
    ),
    (
        ("add", 'emails[type eq "other" and primary eq true].value', NEW["value"]),
        emails(WORK | {"primary": False}, HOME, NEW | {"type": "other", "primary": True}),
    ),
    (("replace", 'emails[type eq "other"].value', ""), {}),
    (("add", 'emails[type eq "other"].primary', True), {}),
    # One entry is primary.
    (
        ("replace", 'emails[type eq "home"].primary', True),
        emails(WORK | {"primary": False}, HOME | {"primary": True}),
    ),
    (
        ("add", "emails", [NEW | {"primary": True}]),
        emails(WORK | {"primary": False}, HOME, NEW | {"primary": True}),
    ),
    # Adding.
    (("add", "emails", NEW), emails(WORK, HOME, NEW)),
    (("add", "emails", [NEW]), emails(WORK, HOME, NEW)),
    (("add", "emails", [HOME]), {}),
    (("add", "emails", [HOME, NEW]), emails(WORK, HOME, NEW)),
    (
        ("add", "photos", [{"value": "https://x.example/1"}]),
        {"photos": [{"value": "https://x.example/1"}]},
    ),
    (("add", "phoneNumbers", []), {}),
    (
        ("add", "name", {"honorificPrefix": "Dr."}),
        {"name": PAT["name"] | {"honorificPrefix": "Dr."}},
    ),
    (("add", "name.honorificPrefix", "Dr."), {"name": PAT["name"] | {"honorificPrefix": "Dr."}}),
    (("add", "nickName", "P"), {"nickName": "P"}),
    # Replacing.
    (("replace", "emails", [NEW]), emails(NEW)),
    (("replace", "emails", []), {"emails": None}),
    (("replace", "name", {"middleName": "X"}), {"name": PAT["name"] | {"middleName": "X"}}),
    # Removing.
    (("remove", 'emails[type eq "work"]', None), emails(HOME)),
    (("remove", 'emails[value co "@"]', None), {"emails": None}),
    (("remove", 'emails[type eq "nothing"]', None), {}),
    (("remove", 'emails[type eq "nothing"].display', None), {}),
    (
        ("remove", 'emails[type eq "work"].display', None),
        emails({n: v for n, v in WORK.items() if n != "display"}, HOME),
    ),
    (("remove", "emails", []), {}),
    (("remove", "emails", None), {"emails": None}),
    (("remove", "name.middleName", None), {"name": {"givenName": "Pat", "familyName": "Lee"}}),
    (("remove", "name", None), {"name": None}),
    (("remove", "nickName", None), {}),
    # URNs.
    (("replace", f"{USER}:title", "T"), {"title": "T"}),
    (("replace", f"{USER}:name.givenName", "T"), {"name": PAT["name"] | {"givenName": "T"}}),
    (("replace", f'{USER}:emails[type eq "work"].value', NEW["value"]), emails(WORK | NEW, HOME)),
    (("replace", f"{ENTERPRISE}:department", "D"), extension(department="D")),
    (
        ("replace", f"{ENTERPRISE}:manager.displayName", "D"),
        extension(manager=PAT[ENTERPRISE]["manager"] | {"displayName": "D"}),
    ),
    (("add", ENTERPRISE, {"division": "D"}), extension(division="D")),
    (("remove", f"{ENTERPRISE}:department", None), extension(department=None)),
    (
        ("remove", f"{ENTERPRISE}:manager.displayName", None),
        extension(manager={"value": "Kim Boss"}),
    ),
    (("remove", ENTERPRISE, None), {ENTERPRISE: None}),
    (("replace", ENTERPRISE, None), {ENTERPRISE: None}),
]


@pytest.mark.parametrize(("operation", "changes"), CHANGES, ids=lambda value: str(value)[:80])
def test_operation_changes_the_whole_resource_in_just_this(scim, pat, operation, changes):
    op, path, value = operation
    sent = {"op": op, "path": path} | ({} if op == "remove" and value is None else {"value": value})
    answer = scim.modify(pat["id"], sent)
    assert answer.status_code == 200, answer.json()
    expected = {name: value for name, value in (PAT | changes).items() if value is not None}
    assert writable(answer.json()) == expected
    assert scim.read(pat["id"]).json() == answer.json()


def test_if_primary_comes_before_the_value_of_an_entry_then_the_entry_is_primary(scim, pat):
    operations = [
        {"op": "add", "path": 'emails[type eq "other"].primary', "value": True},
        {"op": "add", "path": 'emails[type eq "other"].value', "value": NEW["value"]},
    ]
    answer = scim.modify(pat["id"], *operations)
    made = NEW | {"type": "other", "primary": True}
    assert writable(answer.json()) == PAT | emails(WORK | {"primary": False}, HOME, made)


def test_each_operation_sees_what_the_one_before_it_did(scim, pat):
    operations = [
        {"op": "add", "path": "emails", "value": [NEW]},
        {"op": "replace", "path": 'emails[value sw "new"].type', "value": "other"},
        {"op": "remove", "path": 'emails[type eq "home"]'},
    ]
    answer = scim.modify(pat["id"], *operations)
    assert writable(answer.json()) == PAT | emails(WORK, NEW | {"type": "other"})


@pytest.mark.parametrize("value", ["own", "other"])
def test_own_id_may_be_sent_back_and_no_other(scim, pat, value):
    sent = pat["id"] if value == "own" else "x"
    operation = {"op": "replace", "path": "id", "value": sent}
    answer = scim.modify(pat["id"], operation, {"op": "add", "path": "title", "value": "T"})
    assert answer.json().get("scimType") == (None if value == "own" else "mutability")
    assert scim.read(pat["id"]).json()["title"] == ("T" if value == "own" else PAT["title"])


REFUSALS = [
    (("replace", 'emails[type eq "other" or type eq "x"].value', "x"), "noTarget", "emails"),
    (("replace", 'emails[value eq "x@x.x"].display', "x"), "noTarget", "emails"),
    (("add", 'emails[value eq "x@x.x"].display', "x"), "noTarget", "emails"),
    (("replace", "emails[primary eq false].value", "x"), "noTarget", "emails"),
    (("replace", "emails[not (value pr)].value", "x"), "noTarget", "emails"),
    (("replace", 'emails[type ne "work" and type ne "home"].value', "x"), "noTarget", "emails"),
    (
        ("replace", 'emails[type eq "other"]', {"type": "home", "value": "x"}),
        "invalidValue",
        "emails",
    ),
    (("replace", 'emails[type eq "work"].primary', "maybe"), "invalidValue", "primary"),
    (("replace", 'emails[type eq "work"]', "x"), "invalidValue", "emails"),
    (("add", "emails", "x"), "invalidValue", "emails"),
    (("replace", ENTERPRISE, "x"), "invalidValue", ENTERPRISE),
    (("replace", "emails[shoe eq 5].value", "x"), "invalidFilter", "shoe"),
    (("replace", "emails[primary gt true].value", "x"), "invalidFilter", "primary"),
    (("replace", "emails[type gt 5].value", "x"), "invalidFilter", "type"),
    (("replace", 'emails[type eq "work"', "x"), "invalidPath", "emails"),
    (("replace", "na me", "x"), "invalidPath", "na me"),
    (("replace", "x" * 4001, "x"), "invalidPath", "4001 characters"),
    (("replace", f"emails[{'(' * 21}value pr{')' * 21}].value", "x"), "invalidPath", "nested"),
    (("replace", "groups", [{"value": "x"}]), "mutability", "groups"),
    (("replace", "meta.lastModified", "2026-01-01T00:00:00Z"), "mutability", "meta"),
    (("remove", "id", None), "mutability", "id"),
    (("remove", "meta", None), "mutability", "meta"),
    (("remove", "groups", None), "mutability", "groups"),
    (("remove", "userName", None), "mutability", "userName"),
    (("replace", "userName", None), "mutability", "userName"),
    (("replace", "userName", ""), "mutability", "userName"),
    (("remove", "schemas", None), "mutability", "schemas"),
]


@pytest.mark.parametrize(
    ("operation", "scim_type", "named"), REFUSALS, ids=lambda value: str(value)[:80]
)
def test_refusal_says_what_and_why_and_nothing_is_changed(scim, pat, operation, scim_type, named):
    op, path, value = operation
    good = {"op": "add", "path": "nickName", "value": "x"}
    answer = scim.modify(pat["id"], good, {"op": op, "path": path, "value": value})
    assert (answer.status_code, answer.json()["scimType"]) == (400, scim_type)
    assert named in answer.json()["detail"]
    assert scim.read(pat["id"]).json() == pat


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800"])
@pytest.mark.parametrize("end", ["", ".value"])
def test_path_with_a_text_that_no_database_keeps_creates_no_entry(scim, pat, text, end):
    value = "Engineer" if end else {"value": "Engineer"}
    path = f'entitlements[type eq "{text}"]{end}'
    answer = scim.modify(pat["id"], {"op": "add", "path": path, "value": value})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidPath")
    assert "a character that is not allowed" in answer.json()["detail"]
    assert scim.read(pat["id"]).json() == pat
