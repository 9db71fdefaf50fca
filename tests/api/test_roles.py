"""Roles and entitlements: what can be assigned, and what people carry (Okta's schemas)."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from maptician_scim.conf import scim_settings
from maptician_scim.models import READ_ONLY
from maptician_scim.roles import Entitlement, Role
from tests.client import ERROR, LIST

ROLE = "urn:okta:scim:schemas:core:1.0:Role"
ENTITLEMENT = "urn:okta:scim:schemas:core:1.0:Entitlement"
# The same in every process that runs the tests.
PLANNER, MANAGER, SPECIAL = (str(UUID(int=n, version=4)) for n in range(3))
ENDPOINTS = ["/Roles", "/Entitlements"]


@pytest.fixture(autouse=True)
def _offers(monkeypatch):
    """acme offers two roles and an entitlement; globex offers one role."""
    roles = {
        "acme": [
            Role(PLANNER, "Team planner", "Seats a team."),
            Role(MANAGER, "Facility manager"),
        ],
        "globex": [Role(SPECIAL, "Special")],
    }
    entitlements = {"acme": [Entitlement("floor 1 ä", "Ground floor")]}
    for name, offers in (("roles", roles), ("entitlements", entitlements)):
        method = classmethod(lambda cls, tenant, offers=offers: offers.get(tenant.subdomain, []))
        monkeypatch.setattr(scim_settings.USER_ADAPTER, name, method)


@pytest.fixture
def configure(settings):
    def change(**changes):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | changes

    return change


def read(client, path):
    return client.request_scim("GET", path)


def found(client, path):
    return [resource["displayName"] for resource in read(client, path).json()["Resources"]]


# -- what can be assigned ----------------------------------------------------------------------


def test_roles_are_listed_in_okta_s_schema(scim):
    body = read(scim, "/Roles").json()
    assert {name: body[name] for name in body if name != "Resources"} == {
        "schemas": [LIST],
        "totalResults": 2,
        "startIndex": 1,
        "itemsPerPage": 2,
    }
    planner, _ = body["Resources"]
    version = planner["meta"].pop("version")
    assert planner == {
        "schemas": [ROLE],
        "id": PLANNER,
        "displayName": "Team planner",
        "description": "Seats a team.",
        "meta": {
            "resourceType": "Role",
            "location": f"http://acme.localhost/scim/v2/Roles/{PLANNER}",
        },
    }
    assert version.startswith('W/"')


def test_entitlement_has_its_resource_type_as_type(scim):
    [floor] = read(scim, "/Entitlements").json()["Resources"]
    assert (floor["schemas"], floor["type"]) == ([ENTITLEMENT], "Entitlement")
    assert "description" not in floor


@pytest.mark.rfc("7643", "2.3.7", "d")
@pytest.mark.parametrize("path", ENDPOINTS)
def test_each_is_read_at_its_location(scim, path):
    for resource in read(scim, path).json()["Resources"]:
        answer = read(scim, resource["meta"]["location"].partition("/scim/v2")[2])
        assert answer.json() == resource
        assert answer.headers["ETag"] == resource["meta"]["version"]


def test_if_the_tenant_does_not_offer_it_then_404(scim):
    for path in (f"/Roles/{SPECIAL}", "/Roles/x", f"/Entitlements/{PLANNER}"):
        answer = read(scim, path)
        assert (answer.status_code, answer.json()["schemas"]) == (404, [ERROR])


def test_tenants_see_their_own_alone(scim, other_scim):
    assert found(other_scim, "/Roles") == ["Special"]
    assert found(other_scim, "/Entitlements") == []
    assert found(scim, f'/Roles?filter=id eq "{SPECIAL}"') == []


@pytest.mark.parametrize("path", [*ENDPOINTS, f"/Roles/{PLANNER}"])
def test_writing_is_405(scim, path):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = scim.request_scim(method, path, {"displayName": "Mine"})
        assert (answer.status_code, answer.json()["schemas"]) == (405, [ERROR])
    assert found(scim, "/Roles") == ["Team planner", "Facility manager"]


def test_without_a_valid_token_401(scim):
    for path in ENDPOINTS:
        assert scim.request_scim("GET", path, authorization="Bearer x").status_code == 401


def test_token_that_may_not_read_users_is_403(acme, client_of):
    client = client_of(acme, scopes=[scope for scope in READ_ONLY if "groups" in scope])
    for path in ENDPOINTS:
        assert client.request_scim("GET", path, {"a": 1}).status_code == 403


def test_pages_are_those_of_all_lists(scim):
    for query, names, total in (
        ("count=1&startIndex=1", ["Team planner"], 2),
        ("count=1&startIndex=2", ["Facility manager"], 2),
        ("startIndex=3", [], 2),
        ("startIndex=0&count=-1", [], 2),
        ('filter=displayName eq "TEAM planner"&count=5', ["Team planner"], 1),
    ):
        body = read(scim, f"/Roles?{query}").json()
        assert [r["displayName"] for r in body["Resources"]] == names, query
        assert (body["totalResults"], body["itemsPerPage"]) == (total, len(names)), query


FILTERS = {
    f'id eq "{MANAGER}"': ["Facility manager"],
    "description pr": ["Team planner"],
    'not (displayName sw "team") or description co "seats"': ["Team planner", "Facility manager"],
    'meta.resourceType eq "Role" and displayName ew "MANAGER"': ["Facility manager"],
    f'{ROLE}:displayName gt "T"': ["Team planner"],
    'id eq "floor"': [],
    "externalId pr": [],
}


def test_filter_is_evaluated(scim):
    for filter_text, names in FILTERS.items():
        assert found(scim, f"/Roles?filter={filter_text}") == names, filter_text


NO_FILTERS = {
    'shoeSize eq "x"': "shoeSize",
    'displayName eq "x" or shoeSize eq "x"': "shoeSize",
    'type eq "Role"': "type",
    "displayName eq 5": "displayName",
    'displayName[value eq "x"]': "displayName",
    'schemas eq "x"': "schemas",
    'meta.location eq "x"': "meta.location",
    "displayName": "column",
    "": "empty",
    "displayName pr or " * 300 + "id pr": "4000",
    "(" * 21 + "id pr" + ")" * 21: "nested",
    'id eq "\\u0000"': "character",
}


def test_what_cannot_be_filtered_is_400_naming_it(scim):
    for filter_text, named in NO_FILTERS.items():
        answer = read(scim, f"/Roles?filter={filter_text}")
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")
        assert named in answer.json()["detail"]


def test_lists_are_sorted(scim):
    for query, names in (
        ("sortBy=displayName", ["Facility manager", "Team planner"]),
        ("sortBy=displayName&sortOrder=descending", ["Team planner", "Facility manager"]),
        ("sortBy=description", ["Team planner", "Facility manager"]),
        ("sortBy=description&sortOrder=Descending", ["Facility manager", "Team planner"]),
        (f"sortBy={ROLE}:displayName&count=1&startIndex=2", ["Team planner"]),
    ):
        assert found(scim, f"/Roles?{query}") == names, query


@pytest.mark.rfc("9865", "2", "c", "d")
@pytest.mark.parametrize("query", ["", "&sortBy=displayName", "&filter=displayName co 'r'"])
def test_walk_by_cursor_is_the_list(scim, query):
    query = query.replace("'", '"')
    cursor, names = "", []
    while cursor is not None:
        body = read(scim, f"/Roles?cursor={cursor}&count=1{query}").json()
        assert (body["totalResults"], "startIndex" in body) == (2, False)
        names += [role["displayName"] for role in body["Resources"]]
        cursor = body.get("nextCursor")
    assert names == found(scim, f"/Roles?{query[1:]}")


def test_cursor_keeps_its_place_when_the_list_changes(scim, monkeypatch):
    cursor = read(scim, "/Roles?cursor&count=1").json()["nextCursor"]
    last = Role(MANAGER, "Facility manager")
    for before in ([], [Role("new", "New"), Role(PLANNER, "Team planner")]):
        monkeypatch.setattr(scim_settings.USER_ADAPTER, "roles", lambda _, b=before: [*b, last])
        assert found(scim, f"/Roles?cursor={cursor}") == ["Facility manager"]


@pytest.mark.rfc("9865", "2", "a")
@pytest.mark.rfc("9865", "2.1")
def test_wrong_cursors_are_400_as_everywhere(scim, other_scim):
    scim.create(userName="a")
    scim.create(userName="b")
    cursors = [
        read(scim, f"{path}?cursor&count=1").json()["nextCursor"] for path in ("/Roles", "/Users")
    ]
    refused = (
        (scim, "cursor=x", "invalidCursor"),
        (scim, f"cursor={cursors[1]}", "invalidCursor"),
        (scim, f"cursor={cursors[0]}&sortBy=displayName", "invalidCursor"),
        (other_scim, f"cursor={cursors[0]}", "invalidCursor"),
        (scim, f"cursor={cursors[0]}&count=2", "invalidCount"),
        (scim, "cursor&count=1001", "invalidCount"),
    )
    for client, query, scim_type in refused:
        answer = read(client, f"/Roles?{query}")
        assert (answer.status_code, answer.json()["scimType"]) == (400, scim_type), query
    assert found(scim, "/Roles?cursor&count=-1") == []


@pytest.mark.rfc("7644", "3.4.3", "a", "e")
def test_search_finds_what_a_list_does(scim, acme, client_of, configure):
    body = {"sortBy": "displayName", "count": 1, "attributes": ["displayName"]}
    reader = client_of(acme, scopes=["users:read"])
    [role] = reader.request_scim("POST", "/Roles/.search", body).json()["Resources"]
    assert role == {"schemas": [ROLE], "id": MANAGER, "displayName": "Facility manager"}
    answer = scim.request_scim("POST", "/Entitlements/.search/", {"filter": "displayName pr"})
    assert answer.json()["totalResults"] == 1
    answer = scim.request_scim("POST", "/Roles/.search", {"attributes": ["a["]})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    configure(ROLES_AND_ENTITLEMENTS=False)
    assert scim.request_scim("POST", "/Roles/.search", {}).status_code == 404


def test_order_that_is_none_is_400_naming_it(scim):
    for query, named in (
        ("sortBy=shoeSize", "shoeSize"),
        ("sortBy=meta", "meta"),
        ("sortBy=", "sortBy"),
        ("sortBy=[", "sortBy"),
        ("sortBy=displayName&sortOrder=up", "sortOrder"),
    ):
        answer = read(scim, f"/Roles?{query}")
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), query
        assert named in answer.json()["detail"], query


def test_number_of_queries_does_not_grow_with_the_list(scim, monkeypatch):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            read(scim, "/Roles?count=1000")
        return len(captured)

    read(scim, "/Roles")  # the first request of a minute notes the use of the token
    few = queries()
    many = [Role(str(uuid4()), f"Role {n}") for n in range(200)]
    monkeypatch.setattr(scim_settings.USER_ADAPTER, "roles", lambda tenant: many)
    assert queries() == few == 1


@pytest.mark.parametrize("path", [*ENDPOINTS, f"/Roles/{PLANNER}"])
def test_if_left_out_by_setting_then_404_for_everything(scim, configure, path):
    configure(ROLES_AND_ENTITLEMENTS=False)
    for method in ("GET", "POST", "DELETE"):
        assert scim.request_scim(method, path, {"a": 1}).status_code == 404


@pytest.mark.parametrize("is_on", [True, False])
def test_discovery_follows_the_setting(scim, configure, is_on):
    configure(ROLES_AND_ENTITLEMENTS=is_on)
    types = {t["id"]: t for t in read(scim, "/ResourceTypes").json()["Resources"]}
    schemas = {s["id"] for s in read(scim, "/Schemas").json()["Resources"]}
    assert ({"Role", "Entitlement"} <= types.keys()) is is_on
    assert ({ROLE, ENTITLEMENT} <= schemas) is is_on
    assert read(scim, f"/Schemas/{ROLE}").status_code == (200 if is_on else 404)
    if is_on:
        assert (types["Role"]["endpoint"], types["Role"]["schema"]) == ("/Roles", ROLE)
        assert types["Entitlement"]["endpoint"] == "/Entitlements"
        assert types["Entitlement"]["schema"] == ENTITLEMENT
        assert types["Entitlement"]["schemaExtensions"] == []


# -- what people carry -------------------------------------------------------------------------

CARRIED = {
    "roles": [{"value": PLANNER, "display": "Planner of teams", "type": "x", "primary": True}],
    "entitlements": [{"value": "badge", "display": "Badge", "type": "Card"}],
}


def carried(document):
    return {name: document[name] for name in ("roles", "entitlements") if name in document}


def test_what_is_posted_is_answered_as_sent(scim):
    created = scim.create(userName="pat", **CARRIED).json()
    assert carried(created) == CARRIED
    assert carried(scim.read(created["id"]).json()) == CARRIED
    assert carried(scim.search('userName eq "pat"').json()["Resources"][0]) == CARRIED


def test_what_is_put_replaces_and_what_is_left_out_is_gone(scim):
    created = scim.create(userName="pat").json()
    assert carried(scim.replace(created["id"], {"userName": "pat"} | CARRIED).json()) == CARRIED
    assert carried(scim.replace(created["id"], {"userName": "pat"}).json()) == {}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "roles", "value": [{"value": "new"}]}, [PLANNER, "new"]),
        ({"op": "replace", "path": "roles", "value": [{"value": "new"}]}, ["new"]),
        ({"op": "replace", "value": {"roles": [{"value": "new"}]}}, ["new"]),
        ({"op": "remove", "path": f'roles[value eq "{PLANNER}"]'}, []),
        ({"op": "remove", "path": "roles"}, []),
        ({"op": "Add", "path": "roles", "value": "new"}, [PLANNER, "new"]),
    ],
)
def test_patch_changes_roles(scim, operation, expected):
    created = scim.create(userName="pat", roles=[{"value": PLANNER}]).json()
    patched = scim.modify(created["id"], operation).json()
    assert [role["value"] for role in patched.get("roles", [])] == expected


@pytest.mark.parametrize("name", ["roles", "entitlements"])
def test_people_are_found_by_what_they_carry(scim, name):
    scim.create(userName="other", roles=[{"value": "x"}], entitlements=[{"value": "y"}])
    created = scim.create(userName="pat", **CARRIED).json()
    for part in ("value", "display", "type"):
        value = CARRIED[name][0][part]
        for text in (f'{name}.{part} eq "{value}"', f'{name}[{part} eq "{value}"]'):
            assert [p["id"] for p in scim.search(text).json()["Resources"]] == [created["id"]]


@pytest.mark.parametrize("sent", [PLANNER, "TEAM planner"])
def test_known_role_gets_its_name(scim, sent):
    created = scim.create(userName="pat", roles=[{"value": sent}]).json()
    assert created["roles"] == [{"value": sent, "display": "Team planner"}]


def test_known_entitlement_gets_its_name_and_type(scim):
    created = scim.create(userName="pat", entitlements=[{"value": "floor 1 ä"}]).json()
    assert created["entitlements"] == [
        {"value": "floor 1 ä", "display": "Ground floor", "type": "Entitlement"}
    ]


def test_role_of_another_tenant_is_unknown(scim):
    created = scim.create(userName="pat", roles=[{"value": SPECIAL}]).json()
    assert created["roles"] == [{"value": SPECIAL}]


@pytest.mark.parametrize("sent", ["planner", '{"id": "06b0", "value": "25"}', ["a", "b"]])
def test_unknown_roles_as_entra_sends_them_are_kept(scim, sent):
    created = scim.create(userName="pat", roles=sent).json()
    values = sent if isinstance(sent, list) else [sent]
    assert created["roles"] == [{"value": value} for value in values]


@pytest.fixture
def _refusing(configure):
    configure(UNKNOWN_ROLES="refuse")


@pytest.mark.usefixtures("_refusing")
@pytest.mark.parametrize("name", ["roles", "entitlements"])
@pytest.mark.parametrize("entry", [{"value": "Zar"}, {"display": "Zar"}, {"value": SPECIAL}, "Zar"])
def test_if_unknown_ones_are_refused_then_400_naming_it(scim, host, acme, name, entry):
    pat = scim.create(userName="pat", title="T").json()
    value = entry if isinstance(entry, str) else next(iter(entry.values()))
    for answer in (
        scim.create(userName="sam", **{name: [entry]}),
        scim.replace(pat["id"], {"userName": "pat", name: [entry]}),
        scim.modify(pat["id"], {"op": "add", "path": name, "value": [entry]}),
    ):
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
        assert name in answer.json()["detail"]
        assert value in answer.json()["detail"]
    assert scim.read(pat["id"]).json() == pat
    assert host.people(acme).count() == 1


@pytest.mark.usefixtures("_refusing")
def test_if_unknown_ones_are_refused_then_known_ones_are_taken(scim):
    roles = [{"value": MANAGER}, {"value": "team planner"}]
    answer = scim.create(userName="pat", roles=roles, entitlements=[{"value": "Ground Floor"}])
    assert answer.status_code == 201


def test_what_somebody_has_when_unknown_ones_become_refused_stays(scim, configure):
    pat = scim.create(userName="pat", roles=[{"value": "old"}]).json()
    configure(UNKNOWN_ROLES="refuse")
    assert scim.replace(pat["id"], pat | {"title": "T"}).json()["roles"] == [{"value": "old"}]
    again = [{"value": "old", "primary": True}]
    assert scim.replace(pat["id"], pat | {"roles": again}).json()["roles"] == again
    patched = scim.modify(pat["id"], {"op": "add", "path": "roles", "value": [{"value": MANAGER}]})
    assert [role["value"] for role in patched.json()["roles"]] == ["old", MANAGER]


def test_nothing_is_looked_up_for_whoever_changes_no_role(scim, monkeypatch):
    pat = scim.create(userName="pat", **CARRIED).json()
    asked = []
    for name in ("roles", "entitlements"):
        monkeypatch.setattr(scim_settings.USER_ADAPTER, name, asked.append)
    assert scim.replace(pat["id"], pat | {"title": "T"}).json()["title"] == "T"
    assert asked == []
