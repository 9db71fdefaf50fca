"""``attributes`` and ``excludedAttributes`` (RFC 7644 section 3.9)."""

from urllib.parse import urlencode

import pytest

from tests.client import ENTERPRISE, PATCH_OP, USER


@pytest.fixture
def person(scim):
    return scim.create(
        userName="kim@x",
        externalId="1",
        title="Boss",
        name={"givenName": "Kim", "familyName": "Li"},
        emails=[
            {"value": "kim@x.example", "type": "work", "primary": True},
            {"value": "kim@home.example", "type": "home"},
        ],
        **{ENTERPRISE: {"department": "Sales", "manager": {"value": "7", "displayName": "Ann"}}},
    ).json()


@pytest.fixture
def shown(scim, person):
    """A function: what is shown of the person with these parameters, without id and schemas."""

    def read(**parameters):
        answer = scim.read(f"{person['id']}?{urlencode(parameters, doseq=True)}")
        assert answer.status_code == 200, answer.json()
        document = answer.json()
        assert (document.pop("id"), document.pop("schemas")) == (person["id"], person["schemas"])
        return document

    return read


WORK, HOME = {"type": "work"}, {"type": "home"}


@pytest.mark.rfc("7644", "3.4.2.5", "a")
@pytest.mark.rfc("7644", "3.9", "a", "b")
@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("userName", {"userName": "kim@x"}),
        ("USERNAME, title ,", {"userName": "kim@x", "title": "Boss"}),
        (["userName", "title"], {"userName": "kim@x", "title": "Boss"}),
        ("name.givenName", {"name": {"givenName": "Kim"}}),
        ("name,name.givenName", {"name": {"givenName": "Kim", "familyName": "Li"}}),
        ("emails.type", {"emails": [WORK, HOME]}),
        ('emails[type eq "work"].type', {"emails": [WORK, HOME]}),
        ('emails[value eq "a,b]"].type,title', {"emails": [WORK, HOME], "title": "Boss"}),
        (f"{USER}:name.familyName", {"name": {"familyName": "Li"}}),
        (f"{ENTERPRISE}:department", {ENTERPRISE: {"department": "Sales"}}),
        (f"{ENTERPRISE}:manager.displayName", {ENTERPRISE: {"manager": {"displayName": "Ann"}}}),
        ("department", {ENTERPRISE: {"department": "Sales"}}),
        ("id", {}),
        ("schemas", {}),
        ("shoeSize", {}),
        ("shoeSize,userName.x,urn:no:such:Thing:title,title", {"title": "Boss"}),
    ],
    ids=str,
)
def test_attributes_are_all_that_is_shown(shown, attributes, expected):
    assert shown(attributes=attributes) == expected


def test_whole_schemas_can_be_named(shown, person):
    assert shown(attributes=ENTERPRISE) == {ENTERPRISE: person[ENTERPRISE]}
    own = person.keys() - {"id", "schemas", ENTERPRISE}
    assert shown(attributes=USER.upper()).keys() == own
    assert shown(excludedAttributes=ENTERPRISE).keys() == own
    assert shown(excludedAttributes=USER).keys() == {ENTERPRISE}


@pytest.mark.rfc("7644", "3.4.2.5", "a", "b")
@pytest.mark.rfc("7644", "3.9", "c")
@pytest.mark.parametrize(
    ("excluded", "missing"),
    [
        ("title", {"title"}),
        ("TITLE,emails", {"title", "emails"}),
        ("meta", {"meta"}),
        ("id,schemas", set()),
        ("password,groups,shoeSize", set()),
        ("name.givenName,name.familyName", {"name"}),
        (f"{ENTERPRISE}:department,{ENTERPRISE}:manager", {ENTERPRISE}),
    ],
)
def test_excluded_attributes_are_left_out(shown, person, excluded, missing):
    whole = {n: v for n, v in person.items() if n not in {"id", "schemas"} | missing}
    assert shown(excludedAttributes=excluded) == whole


def test_parts_of_an_attribute_can_be_excluded(shown, person):
    document = shown(excludedAttributes="emails.value,emails.primary,manager.value")
    assert document["emails"] == [WORK, HOME]
    assert document[ENTERPRISE]["manager"] == {"displayName": "Ann"}
    assert document["name"] == person["name"]


def test_nothing_selected_is_everything(shown, person):
    for parameters in ({}, {"attributes": ""}, {"excludedAttributes": " , "}):
        assert shown(**parameters) == {
            name: value for name, value in person.items() if name not in ("id", "schemas")
        }


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"attributes": "password"}, "password"),
        ({"attributes": f"title,{USER}:PASSWORD"}, "password"),
        ({"attributes": "title", "excludedAttributes": "name"}, "excludedAttributes"),
        ({"attributes": "emails["}, "attributes"),
        ({"attributes": "a b"}, "a b"),
        ({"excludedAttributes": "\x00"}, "name"),
        ({"attributes": ",".join(f"a{n}" for n in range(1000))}, "4000"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
def test_what_cannot_be_selected_is_400_and_nothing_is_written(
    scim, person, method, parameters, named
):
    path = "/Users" if method == "POST" else f"/Users/{person['id']}"
    answer = scim.request_scim(method, f"{path}?{urlencode(parameters)}", {"userName": "x"})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert named in answer.json()["detail"]
    assert scim.search().json()["Resources"] == [person]


def test_lists_are_projected(scim, person):
    expected = {"schemas": person["schemas"], "id": person["id"], "title": "Boss"}
    assert scim.search(attributes="title").json()["Resources"] == [expected]
    assert scim.search('name.givenName eq "kim"', attributes="title", cursor="").json()[
        "Resources"
    ] == [expected]


@pytest.mark.rfc("7644", "3.5.2", "n")
@pytest.mark.rfc("7644", "3.9", "a", "b")
def test_every_write_answers_with_what_is_selected(scim, person):
    path = f"/Users/{person['id']}?attributes=title"
    operation = {"op": "replace", "path": "title", "value": "New"}
    patched = scim.request_scim("PATCH", path, {"schemas": [PATCH_OP], "Operations": [operation]})
    replaced = scim.request_scim("PUT", path, person | {"title": "Newer"})
    created = scim.request_scim("POST", "/Users?excludedAttributes=meta,id", {"userName": "new"})
    assert patched.json() == {"schemas": person["schemas"], "id": person["id"], "title": "New"}
    assert replaced.json()["title"] == "Newer"
    assert replaced.json().keys() == patched.json().keys()
    assert "meta" not in created.json()
    assert created["Location"].endswith(f"/Users/{created.json()['id']}")


def test_headers_are_those_of_the_whole_resource(scim, person):
    answer = scim.read(f"{person['id']}?attributes=title")
    assert answer["ETag"] == person["meta"]["version"]
    assert answer["Location"] == person["meta"]["location"]


def test_password_is_never_shown(scim):
    created = scim.create(userName="a", password="Correct-Horse-1")
    assert "password" not in created.json()
