"""Each deviation of an identity provider: accepted and noted, or refused in strict mode."""

import json

import pytest

from maptician_scim.models import Event
from maptician_scim.protocol.tolerances import DEVIATIONS, Tolerance
from tests.api.test_patch import PAT
from tests.api.test_writing import writable
from tests.client import ENTERPRISE, GROUP, PATCH_OP, USER

LITERAL = PAT | {
    ENTERPRISE: {
        "department": "Space",
        "manager": {"value": "1", "$ref": "https://acme.localhost/Users/1"},
    }
}


def op(name, path, value=None):
    return {"op": name, "path": path} | ({} if value is None else {"value": value})


PATCHES = [
    (Tolerance.ACTIVE_AS_TEXT, op("replace", "active", "False"), "active"),
    (Tolerance.BOOLEAN_AS_TEXT, op("replace", 'emails[type eq "home"].primary', "True"), "primary"),
    (Tolerance.EMPTY_VALUE, op("replace", "title", ""), "title"),
    (Tolerance.EMPTY_VALUE, {"op": "add", "path": "title", "value": None}, "title"),
    (Tolerance.ONE_OBJECT, op("replace", "emails", {"value": "n@x.example"}), "emails"),
    (
        Tolerance.TWO_PRIMARIES,
        op("add", "ims", [{"value": v, "primary": True} for v in "ab"]),
        "ims",
    ),
    (Tolerance.EMAIL_WITHOUT_ADDRESS, op("replace", 'emails[type eq "work"].value', "x"), "emails"),
    (Tolerance.EMAIL_WITHOUT_ADDRESS, op("add", "emails", [{"value": "x"}]), "emails"),
    (Tolerance.MANAGER_AS_TEXT, op("add", f"{ENTERPRISE}:manager", "m"), "manager"),
    (
        Tolerance.MANAGER_AS_LIST,
        op("add", f"{ENTERPRISE}:manager", [{"value": "m", "$ref": "r"}]),
        "manager",
    ),
    (Tolerance.MANAGER_WITHOUT_REF, op("add", f"{ENTERPRISE}:manager", {"value": "m"}), "manager"),
    (Tolerance.ROLE_AS_TEXT, op("add", "roles", "planner"), "roles"),
    (Tolerance.ROLE_AS_TEXT, op("add", "roles", ["planner"]), "roles"),
    (Tolerance.ROLE_AS_JSON, op("add", "roles", '{"id": "1"}'), "roles"),
    (Tolerance.CAPITALISED_OP, op("Replace", "title", "x"), "op"),
    (Tolerance.PATHS_AS_KEYS, {"op": "add", "value": {"name.givenName": "x"}}, "name.givenName"),
    (
        Tolerance.PATHS_AS_KEYS,
        {"op": "add", "value": {f"{ENTERPRISE}:department": "x"}},
        "department",
    ),
    (Tolerance.PATHS_AS_KEYS, {"op": "add", "value": {USER: {"title": "x"}}}, USER),
    (Tolerance.EXTENSION_WITHOUT_URN, op("replace", "department", "x"), "department"),
    (Tolerance.ENTRY_CREATED, op("add", 'emails[type eq "other"].value', "n@x.example"), "emails"),
    (Tolerance.ENTRY_CREATED, op("add", "roles[primary eq true].value", "x"), "roles"),
    (Tolerance.READ_ONLY_SENT_BACK, {"op": "replace", "value": {"meta": {}, "title": "x"}}, "meta"),
    (Tolerance.READ_ONLY_SENT_BACK, {"op": "replace", "value": {"id": None}}, "id"),
    (Tolerance.UNKNOWN_ATTRIBUTE, op("add", "shoeSize", "44"), "shoeSize"),
    (Tolerance.UNKNOWN_ATTRIBUTE, op("remove", "shoeSize"), "shoeSize"),
    (Tolerance.REMOVE_BY_VALUE, op("remove", "emails", [{"value": "pat@home.example"}]), "emails"),
    (Tolerance.REMOVE_WITH_VALUE, op("remove", "title", "x"), "title"),
]

BODIES = [
    (Tolerance.ACTIVE_AS_TEXT, {"active": "TRUE"}, "active"),
    (Tolerance.BOOLEAN_AS_TEXT, {"ims": [{"value": "x", "primary": "true"}]}, "primary"),
    (Tolerance.EMPTY_VALUE, {"nickName": ""}, "nickName"),
    (Tolerance.EMPTY_VALUE, {"phoneNumbers": [{"value": "", "type": "work"}]}, "phoneNumbers"),
    (Tolerance.ONE_OBJECT, {"emails": {"value": "n@x.example"}}, "emails"),
    (Tolerance.TWO_PRIMARIES, {"ims": [{"value": v, "primary": True} for v in "ab"]}, "ims"),
    (Tolerance.EMAIL_WITHOUT_ADDRESS, {"emails": [{"value": "pat at work"}]}, "emails"),
    (Tolerance.MANAGER_AS_TEXT, {ENTERPRISE: {"manager": "m"}}, "manager"),
    (Tolerance.MANAGER_AS_LIST, {ENTERPRISE: {"manager": [{"$ref": "r"}]}}, "manager"),
    (Tolerance.MANAGER_WITHOUT_REF, {ENTERPRISE: {"manager": {"value": "m"}}}, "manager"),
    (Tolerance.ROLE_AS_TEXT, {"roles": "planner"}, "roles"),
    (Tolerance.ROLE_AS_JSON, {"roles": ['{"id": "1"}']}, "roles"),
    (Tolerance.UNKNOWN_SCHEMA, {"schemas": [USER, "http://schemas.microsoft.com/x"]}, "microsoft"),
]


def each(cases):
    return [pytest.param(*case, id=f"{case[0]}-{n}") for n, case in enumerate(cases)]


@pytest.fixture
def pat(scim):
    return scim.create(**LITERAL).json()


@pytest.fixture
def strict(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"STRICT": True}


def noted():
    """What the newest event says was accepted."""
    return Event.objects.latest("id").tolerated


@pytest.mark.parametrize(("tolerance", "operation", "place"), each(PATCHES))
def test_if_a_patch_deviates_then_it_is_accepted_and_the_event_says_so(
    scim, pat, tolerance, operation, place
):
    answer = scim.modify(pat["id"], operation)
    assert answer.status_code == 200, answer.json()
    assert noted() == [tolerance]


@pytest.mark.parametrize(("tolerance", "operation", "place"), each(PATCHES))
def test_in_strict_mode_such_a_patch_is_refused(scim, pat, strict, tolerance, operation, place):
    good = {"op": "replace", "path": "nickName", "value": "x"}
    answer = scim.modify(pat["id"], good, operation)
    refused_as(answer, tolerance, place)
    assert scim.read(pat["id"]).json() == pat


@pytest.mark.parametrize(("tolerance", "body", "place"), each(BODIES))
def test_if_a_body_deviates_then_it_is_accepted_and_the_event_says_so(
    scim, pat, tolerance, body, place
):
    for verb, status in (("POST", 201), ("PUT", 200)):
        answer = sent(scim, verb, pat, body | {"userName": verb})
        assert answer.status_code == status, answer.json()
        assert noted() == [tolerance]


@pytest.mark.parametrize(("tolerance", "body", "place"), each(BODIES))
def test_in_strict_mode_such_a_body_is_refused(scim, pat, strict, tolerance, body, place):
    for verb in ("POST", "PUT"):
        refused_as(sent(scim, verb, pat, body), tolerance, place)
    assert scim.search().json()["Resources"] == [pat]


def sent(scim, verb, pat, body):
    body = {"schemas": [USER], "userName": "kim"} | body
    path = "/Users" if verb == "POST" else f"/Users/{pat['id']}"
    return scim.request_scim(verb, path, body)


def refused_as(answer, tolerance, place):
    refusal = DEVIATIONS[tolerance].refusal("")
    assert answer.status_code == refusal.status
    assert answer.json()["scimType"] == refusal.scim_type
    assert place in answer.json()["detail"]
    assert DEVIATIONS[tolerance].rule in answer.json()["detail"]
    assert noted() == []


def test_every_tolerance_is_tested():
    of_extensions = {Tolerance.NUMBER_AS_TEXT, Tolerance.DATE_WITHOUT_TIME}  # test_extensions.py
    tested = {case[0] for case in [*PATCHES, *BODIES]} | {Tolerance.BARE_TOKEN} | of_extensions
    assert tested == set(Tolerance) == DEVIATIONS.keys()


# -- members of groups ---------------------------------------------------------------------------


def member_operations(scim_id):
    """What is sent of a member: the deviation, the operation, the place in a refusal."""
    one = {"value": scim_id, "$ref": None, "display": None}
    return [
        (Tolerance.CAPITALISED_OP, op("Add", "members", [one]), "op"),
        (Tolerance.ONE_OBJECT, op("replace", "members", one), "members"),
        (Tolerance.REMOVE_BY_VALUE, op("remove", "members", [one]), "members"),
        (Tolerance.REMOVE_WITH_VALUE, op("remove", f'members[value eq "{scim_id}"]', "x"), scim_id),
        (Tolerance.PATHS_AS_KEYS, {"op": "add", "value": {f"{GROUP}:members": [one]}}, GROUP),
        (Tolerance.PATHS_AS_KEYS, {"op": "add", "value": {GROUP: {"members": [one]}}}, GROUP),
        (
            Tolerance.READ_ONLY_SENT_BACK,
            {"op": "replace", "value": {"id": None, "members": [one]}},
            "id",
        ),
    ]


@pytest.fixture
def crew(scim):
    body = {"schemas": [GROUP], "displayName": "Crew"}
    return scim.request_scim("POST", "/Groups", body).json()


def test_if_members_are_sent_with_a_deviation_then_the_event_says_so(scim, pat, crew):
    path = f"/Groups/{crew['id']}"
    for tolerance, operation, _ in member_operations(pat["id"]):
        body = {"schemas": [PATCH_OP], "Operations": [operation]}
        answer = scim.request_scim("PATCH", path, body).json()
        assert (noted(), "members" in answer) == ([tolerance], operation["op"] != "remove"), answer
    answer = scim.request_scim("PUT", path, crew | {"members": {"value": pat["id"]}})
    assert (answer.status_code, noted()) == (200, [Tolerance.ONE_OBJECT])


def test_in_strict_mode_members_with_a_deviation_are_refused(scim, pat, crew, strict):
    for tolerance, operation, place in member_operations(pat["id"]):
        body = {"schemas": [PATCH_OP], "Operations": [operation]}
        refused_as(scim.request_scim("PATCH", f"/Groups/{crew['id']}", body), tolerance, place)
    answer = scim.request_scim("GET", f"/Groups/{crew['id']}").json()
    assert answer == crew


# -- what deviates in nothing --------------------------------------------------------------------


@pytest.mark.parametrize("is_strict", [False, True], ids=["tolerant", "strict"])
def test_what_the_rfcs_foresee_is_never_noted_nor_refused(scim, settings, is_strict):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"STRICT": is_strict}
    made = scim.create(**LITERAL, password="x", groups=[], nickName=None, photos=[]).json()
    assert noted() == []
    answer = scim.replace(made["id"], made)
    assert (answer.status_code, answer.json(), noted()) == (200, made, [])
    operations = [
        op("add", "emails", {"value": "n@x.local"}),
        op("replace", 'emails[type eq "work"].display', "x"),
        op("replace", f"{ENTERPRISE}:department", "x"),
        {"op": "replace", "value": {"id": made["id"], ENTERPRISE: {"division": "y"}}},
        {"op": "replace", "path": "title", "value": None},
        op("remove", 'phoneNumbers[type eq "work"]'),
    ]
    answer = scim.modify(made["id"], *operations)
    assert (answer.status_code, noted()) == (200, [])
    assert writable(answer.json())[ENTERPRISE]["division"] == "y"


# -- the request around it -----------------------------------------------------------------------


def test_token_without_the_word_bearer_is_accepted_and_noted(scim):
    made = scim.request_scim("POST", "/Users", {"userName": "a"}, authorization=scim.secret)
    assert made.status_code == 201
    assert noted() == [Tolerance.BARE_TOKEN]


def test_in_strict_mode_a_token_without_the_word_bearer_is_401(scim, strict):
    answer = scim.request_scim("GET", "/Users", authorization=scim.secret)
    assert answer.status_code == 401
    assert Event.objects.get().reason == "malformed"


@pytest.mark.parametrize("text", ['active eq "True"', 'department eq "x"', "manager pr"])
def test_filter_that_deviates_is_refused_in_strict_mode_only(scim, pat, settings, text):
    assert scim.search(text).status_code == 200
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"STRICT": True}
    answer = scim.search(text)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")
    assert text.split()[0] in answer.json()["detail"]


def test_several_deviations_are_noted_once_each(scim, pat):
    operations = [op("Replace", "active", "False"), op("Replace", "active", "True")]
    scim.modify(pat["id"], *operations)
    assert noted() == [Tolerance.CAPITALISED_OP, Tolerance.ACTIVE_AS_TEXT]


def test_refused_request_says_what_was_accepted_until_then(scim, pat):
    answer = scim.modify(pat["id"], op("Replace", "active", "False"), op("Add", "name", "x"))
    assert answer.status_code == 400
    assert noted() == [Tolerance.CAPITALISED_OP, Tolerance.ACTIVE_AS_TEXT]


def test_next_request_starts_with_nothing_accepted(scim, pat):
    scim.modify(pat["id"], op("Replace", "title", "x"))
    scim.modify(pat["id"], op("replace", "title", "y"))
    assert noted() == []


def test_what_was_kept_before_strict_mode_can_still_be_changed(scim, settings):
    made = scim.create(userName="a", emails=[{"value": "no address"}], roles="planner").json()
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"STRICT": True}
    answer = scim.modify(made["id"], op("replace", "title", "x"))
    assert writable(answer.json()) == writable(made) | {"title": "x"}
    assert json.dumps(noted()) == "[]"
