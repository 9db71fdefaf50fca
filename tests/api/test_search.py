"""``/.search``: the parameters of a list in the body of a POST (RFC 7644 section 3.4.3)."""

import pytest

from maptician_scim.models import Event
from tests.client import LIST

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


@pytest.fixture
def people(scim):
    return [scim.create(userName=f"p{n}", title=f"T{9 - n}").json() for n in range(5)]


@pytest.fixture(params=["/.search", "/Users/.search", "/Users/.search/"])
def search(scim, request):
    """A function: POST of a SearchRequest."""

    def post(**body):
        return scim.request_scim("POST", request.param, {"schemas": [SEARCH]} | body)

    return post


@pytest.mark.rfc("7644", "3.4.3", "a", "b", "e")
def test_search_finds_what_a_list_does(search, people):
    answer = search(
        filter='title gt "T5"',
        sortBy="title",
        sortOrder="descending",
        startIndex=2,
        count=2,
        attributes=["userName", "name.givenName,title"],
    )
    assert answer.json() == {
        "schemas": [LIST],
        "totalResults": 4,
        "startIndex": 2,
        "itemsPerPage": 2,
        "Resources": [
            {name: person[name] for name in ("schemas", "id", "userName", "title")}
            for person in people[1:3]
        ],
    }


def test_search_for_nothing_particular_finds_everybody(search, people):
    body = search().json()
    assert (body["totalResults"], body["Resources"]) == (5, people)


def test_names_in_a_search_are_the_same_in_any_case(search, people):
    body = search(COUNT=1, SortBy="userName", excludedattributes="meta", sortorder=None).json()
    assert [p["id"] for p in body["Resources"]] == [people[0]["id"]]
    assert "meta" not in body["Resources"][0]


@pytest.mark.rfc("7644", "3.4.3", "b", "d")
@pytest.mark.parametrize(
    ("body", "scim_type", "named"),
    [
        ({"filter": ["a"]}, "invalidFilter", "filter"),
        ({"filter": ""}, "invalidFilter", "empty"),
        ({"filter": "shoeSize pr"}, "invalidFilter", "shoeSize"),
        ({"filter": "title pr or " * 400 + "title pr"}, "invalidFilter", "4000"),
        ({"sortBy": 1}, "invalidValue", "sortBy"),
        ({"sortBy": "name"}, "invalidValue", "name"),
        ({"sortOrder": "up"}, "invalidValue", "sortOrder"),
        ({"startIndex": "1"}, "invalidValue", "startIndex"),
        ({"startIndex": True}, "invalidValue", "startIndex"),
        ({"count": 1.5}, "invalidValue", "count"),
        ({"count": "x", "cursor": ""}, "invalidCount", "count"),
        ({"cursor": 1}, "invalidCursor", "cursor"),
        ({"cursor": "x"}, "invalidCursor", "cursor"),
        ({"cursor": "", "startIndex": 1}, "invalidValue", "cursor"),
        ({"attributes": {"a": 1}}, "invalidValue", "attributes"),
        ({"attributes": [1]}, "invalidValue", "attributes"),
        ({"attributes": ["password"]}, "invalidValue", "password"),
        ({"attributes": "a", "excludedAttributes": "b"}, "invalidValue", "attributes"),
        ({"schemas": [LIST]}, "invalidSyntax", "schemas"),
        ({"schemas": SEARCH}, "invalidSyntax", "schemas"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_searched_for_is_400_naming_it(search, body, scim_type, named):
    answer = search(**body)
    assert (answer.status_code, answer.json().get("scimType")) == (400, scim_type)
    assert named in answer.json()["detail"]


@pytest.mark.parametrize("body", ["", "[]", "x"])
def test_search_without_an_object_is_400(scim, body):
    answer = scim.request_scim("POST", "/Users/.search", body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")


@pytest.mark.parametrize("path", ["/.search", "/Users/.search", "/Groups/.search"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_search_is_a_post(scim, method, path):
    assert scim.request_scim(method, path).status_code == 405


@pytest.mark.parametrize(
    ("scopes", "path", "status"),
    [
        (["users:read"], "/Users/.search", 200),
        (["users:read"], "/.search", 200),
        (["users:read"], "/Groups/.search", 403),
        (["groups:read"], "/Users/.search", 403),
        (["groups:read"], "/Groups/.search", 200),
        (["users:write"], "/Users/.search", 403),
    ],
)
def test_search_needs_to_read_and_no_more(acme, client_of, scopes, path, status):
    client = client_of(acme, scopes=scopes)
    answer = client.request_scim("POST", path, {"schemas": [SEARCH]})
    assert answer.status_code == status


def test_root_shows_nobody_whom_the_token_may_not_read(acme, client_of, people):
    answer = client_of(acme, scopes=["groups:read"]).request_scim("POST", "/.search", {})
    assert people[0]["id"] not in answer.content.decode()


@pytest.mark.rfc("7644", "3.4.2.1", "a")
def test_get_of_the_base_url_finds_what_a_search_at_the_root_does(scim, people):
    team = scim.push("T9").json()
    for query, resources in {
        "": [*people, team],
        "?filter=title%20eq%20%22T8%22": [people[1]],
        '?filter=displayName%20eq%20"t9"': [team],
        "?startIndex=5&count=2": [people[4], team],
    }.items():
        answer = scim.request_scim("GET", f"/{query}")
        assert (answer.status_code, answer.json()["Resources"]) == (200, resources)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_base_url_can_only_be_read(scim, method):
    assert scim.request_scim(method, "/", {"userName": "a"}).status_code == 404


def test_base_url_shows_nobody_whom_the_token_may_not_read(acme, client_of, people):
    answer = client_of(acme, scopes=["groups:read"]).request_scim("GET", "/")
    assert answer.json()["totalResults"] == 0


@pytest.mark.parametrize("path", ["/Users?attributes=password", "/Groups", "/Groups/x"])
def test_write_the_token_may_not_do_is_403_whatever_is_asked_for(acme, client_of, path):
    method = "PUT" if path == "/Groups/x" else "POST"
    answer = client_of(acme, scopes=["users:read"]).request_scim(method, path, {"userName": "a"})
    assert answer.status_code == 403


def test_refused_search_is_logged_as_reading(scim, acme):
    scim.request_scim("POST", "/.search", {"filter": "x"})
    assert Event.objects.for_tenant(acme).get().verb == "read"


def test_search_stays_within_the_tenant(search, people, other_scim):
    other_scim.create(userName="foreign")
    assert search(filter='userName pr or not (userName eq "x")').json()["totalResults"] == 5
