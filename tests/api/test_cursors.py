"""Pages by cursor (RFC 9865)."""

import re
import time

import pytest

from maptician_scim import cursors
from maptician_scim.exceptions import ExpiredCursor, InvalidCursor
from maptician_scim.models import Event
from tests.client import ENTERPRISE, LIST


@pytest.fixture
def people(scim):
    """Seven people, in the order of their creation; the titles of some are equal, two have none."""
    titles = ["b", "a", None, "c", "a", "", "\U0001f600 é"]
    return [scim.create(userName=f"p{n}", title=t).json() for n, t in enumerate(titles)]


@pytest.fixture
def walk(scim):
    """A function: the pages of a whole walk, and what happens after each of them."""

    def pages(between=lambda page: None, cursor="", direction="nextCursor", **parameters):
        while True:
            answer = scim.search(cursor=cursor, **parameters)
            assert answer.status_code == 200, answer.json()
            yield answer.json()
            between(answer.json())
            cursor = answer.json().get(direction)
            if cursor is None:
                return

    return pages


def ids(pages):
    return [person["id"] for page in pages for person in page["Resources"]]


@pytest.mark.rfc("9865", "2", "c", "e")
def test_first_page_has_a_cursor_to_the_next_one(scim, people):
    body = scim.search(cursor="", count=2).json()
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", body.pop("nextCursor"))
    assert body == {
        "schemas": [LIST],
        "totalResults": 7,
        "itemsPerPage": 2,
        "Resources": people[:2],
    }


def test_cursor_without_a_value_is_empty(scim, people):
    assert "nextCursor" in scim.request_scim("GET", "/Users?cursor&count=2").json()


@pytest.mark.rfc("9865", "2", "d")
def test_last_page_has_no_next_cursor(scim, people):
    for count in (7, 8):
        body = scim.search(cursor="", count=count).json()
        assert body["Resources"] == people
        assert not {"nextCursor", "previousCursor", "startIndex"} & body.keys()


@pytest.mark.rfc("9865", "2.4")
def test_list_without_a_cursor_is_paged_by_number(scim, people):
    body = scim.search(count=2).json()
    assert body["startIndex"] == 1
    assert "nextCursor" not in body


ORDERS = [
    {},
    {"sortBy": "userName", "sortOrder": "descending"},
    {"sortBy": "title"},
    {"sortBy": "title", "sortOrder": "descending"},
    {"sortBy": "meta.created", "sortOrder": "descending"},
    {"sortBy": "id"},
    {"sortBy": "active"},
    {"sortBy": "emails"},
    {"sortBy": f"{ENTERPRISE}:department"},
]


@pytest.mark.rfc("9865", "2", "b", "c", "d")
@pytest.mark.parametrize("parameters", ORDERS, ids=str)
@pytest.mark.parametrize("count", [1, 3])
def test_walk_there_and_back_is_the_list(scim, people, walk, parameters, count):
    there = list(walk(count=count, **parameters))
    assert ids(there) == ids([scim.search(**parameters).json()])
    assert all(page["totalResults"] == 7 for page in there)
    last = there[-1]["previousCursor"]
    back = list(walk(cursor=last, direction="previousCursor", count=count, **parameters))
    assert [page["Resources"] for page in back] == [page["Resources"] for page in there[-2::-1]]


def test_walk_forward_again_from_a_page_that_was_gone_back_to(scim, people):
    first = scim.search(cursor="", count=2).json()
    second = scim.search(cursor=first["nextCursor"], count=2).json()
    third = scim.search(cursor=second["nextCursor"], count=2).json()
    back = scim.search(cursor=third["previousCursor"], count=2).json()
    assert back["Resources"] == second["Resources"]
    assert scim.search(cursor=back["nextCursor"], count=2).json()["Resources"] == people[4:6]


@pytest.mark.rfc("9865", "2", "a")
def test_count_of_none_tells_the_total_only(scim, people):
    for count in (0, -3):
        body = scim.search(cursor="", count=count).json()
        assert (body["totalResults"], body["Resources"]) == (7, [])
        assert "nextCursor" not in body


def test_walk_of_a_filter_is_projected(scim, people, walk):
    pages = list(walk(filter='title eq "a"', count=1, attributes="userName"))
    assert ids(pages) == [people[1]["id"], people[4]["id"]]
    assert pages[0]["totalResults"] == 2
    assert pages[0]["Resources"][0].keys() == {"schemas", "id", "userName"}


def test_count_may_be_left_out_after_the_first_page(scim, people):
    cursor = scim.search(cursor="", count=2).json()["nextCursor"]
    assert scim.search(cursor=cursor).json()["Resources"] == people[2:4]


@pytest.mark.parametrize("sort_by", [None, "userName"])
def test_resource_a_page_ended_with_may_go_or_change(scim, people, sort_by):
    order = {"sortBy": sort_by} if sort_by else {}
    cursor = scim.search(cursor="", count=3, **order).json()["nextCursor"]
    scim.remove(people[2]["id"])
    scim.modify(people[3]["id"], {"op": "replace", "path": "title", "value": "New"})
    found = scim.search(cursor=cursor, count=3, **order).json()
    assert ids([found]) == [p["id"] for p in people[3:6]]
    assert found["totalResults"] == 6


def test_back_to_where_nobody_is_left_is_the_first_page(scim, people):
    cursor = scim.search(cursor="", count=2).json()["nextCursor"]
    previous = scim.search(cursor=cursor, count=2).json()["previousCursor"]
    for person in people[:2]:
        scim.remove(person["id"])
    body = scim.search(cursor=previous, count=2).json()
    assert body["Resources"] == people[2:4]
    assert "previousCursor" not in body


def test_walk_beyond_those_who_are_left_is_an_empty_last_page(scim, people):
    cursor = scim.search(cursor="", count=6).json()["nextCursor"]
    scim.remove(people[6]["id"])
    body = scim.search(cursor=cursor, count=6).json()
    assert (body["totalResults"], body["Resources"]) == (6, [])
    assert "nextCursor" not in body


@pytest.mark.rfc("9865", "2.1")
@pytest.mark.parametrize("count", ["x", "1.5", "", 1001, 10**30])
def test_count_that_cannot_be_is_invalid_count(scim, people, count):
    answer = scim.search(cursor="", count=count)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidCount")
    assert "count" in answer.json()["detail"]


@pytest.mark.rfc("9865", "2.1")
def test_count_that_changes_on_the_way_is_invalid_count(scim, people):
    cursor = scim.search(cursor="", count=2).json()["nextCursor"]
    answer = scim.search(cursor=cursor, count=3)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidCount")
    assert "2" in answer.json()["detail"]


def test_cursor_and_start_index_exclude_each_other(scim, people):
    answer = scim.search(cursor="", startIndex=1)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")


def test_two_cursors_are_invalid_cursor(scim):
    answer = scim.request_scim("GET", "/Users?cursor=&cursor=")
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidCursor")


@pytest.fixture
def refused(scim, people):
    """A function: the answer to a cursor that is not valid, which is always the same."""
    expected = scim.search(cursor="nonsense").json()
    assert (expected["status"], expected["scimType"]) == ("400", "invalidCursor")

    def check(client=scim, path="/Users", **body):
        started = time.process_time()
        answer = client.request_scim("POST", f"{path}/.search", {"count": 2} | body)
        assert time.process_time() - started < 0.1
        assert (answer.status_code, answer.json()) == (400, expected)

    return check


@pytest.mark.rfc("9865", "2.1")
@pytest.mark.rfc("9865", "5.2", "d")
def test_cursor_edited_by_hand_is_invalid_cursor(scim, refused):
    cursor = scim.search(cursor="", count=2).json()["nextCursor"]
    half = len(cursor) // 2
    other = "A" if cursor[half] != "A" else "B"
    for edited in (
        cursor[:half] + other + cursor[half + 1 :],
        cursor[:-1],
        cursor + "A",
        cursor.upper(),
        cursor.replace("~", ":"),
        "~".join(cursor.split("~")[::-1]),
        "~~",
        "." * 100,
        "é",
        " ",
        "%00",
        "x" * 100_000,
    ):
        refused(cursor=edited)


@pytest.mark.rfc("9865", "5.2", "a", "d")
def test_cursor_of_another_tenant_is_invalid_cursor(scim, other_scim, refused):
    for number in range(3):
        other_scim.create(userName=f"foreign{number}")
    cursor = other_scim.search(cursor="", count=2).json()["nextCursor"]
    refused(cursor=cursor)
    assert other_scim.search(cursor=cursor, count=2).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"filter": "title pr"},
        {"filter": 'userName sw "P"'},
        {"filter": None},
        {"sortBy": "userName"},
        {"sortBy": None},
        {"sortOrder": "descending"},
    ],
    ids=str,
)
def test_cursor_of_another_query_is_invalid_cursor(scim, refused, changed):
    query = {"filter": 'userName sw "p"', "sortBy": "title"}
    cursor = scim.search(cursor="", count=2, **query).json()["nextCursor"]
    refused(**query | {"cursor": cursor} | changed)


@pytest.mark.rfc("9865", "2.1")
def test_cursor_that_has_expired_says_so(scim, people, settings):
    cursor = scim.search(cursor="", count=2).json()["nextCursor"]
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"CURSOR_LIFETIME": -1}
    answer = scim.search(cursor=cursor, count=2)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "expiredCursor")
    assert scim.search("title pr", cursor=cursor, count=2).json()["scimType"] == "invalidCursor"


def test_cursor_outlives_its_token(scim, people, acme, client_of):
    cursor = scim.search(cursor="", count=2).json()["nextCursor"]
    assert client_of(acme).search(cursor=cursor, count=2).json()["Resources"] == people[2:4]


def test_cursor_in_order_of_creation_holds_nothing_of_a_person(scim, people):
    cursor = scim.search(cursor="", count=2).json()["nextCursor"]
    digest, *fields = cursors._signer().unsign_object(cursor)
    assert re.fullmatch("[0-9a-f]{24}", digest)
    assert fields == [False, 0, fields[2], None, 2]


def test_cursor_stays_short_whatever_it_was_sorted_by(scim):
    for name, title in zip("abc", ["0", "1", "2"], strict=True):
        scim.create(userName=name, nickName="".join(map(chr, range(0x4E00, 0x5E00))) + title)
    cursor, names = "", []
    while cursor is not None:
        body = scim.search(cursor=cursor, count=1, sortBy="nickName").json()
        names += [person["userName"] for person in body["Resources"]]
        cursor = body.get("nextCursor")
        assert len(cursor or "") < 2000
    assert names == ["a", "b", "c"]


def test_log_keeps_no_cursor(scim, people, acme):
    cursor = scim.search(cursor="", count=2, sortBy="userName").json()["nextCursor"]
    scim.search(cursor=cursor, count=3, sortBy="userName")
    scim.request_scim("POST", "/Users/.search", {"Cursor": cursor, "count": 5})
    refused = Event.objects.for_tenant(acme).filter(status=400).order_by("id")
    kept = [event.request for event in refused]
    assert [cursor in str(request) for request in kept] == [False, False]
    assert "sortBy=userName" in kept[0]["target"]
    assert '"count": 5' in kept[1]["body"]


@pytest.mark.rfc("9865", "4", "a", "b")
def test_service_provider_config_announces_cursors(scim):
    config = scim.request_scim("GET", "/ServiceProviderConfig").json()
    assert config["sort"] == {"supported": True}
    assert config["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 1000,
        "cursorTimeout": 3600,
    }


@pytest.mark.parametrize("text", ["", "~", "a~b~c", "é~a~b"])
def test_text_that_is_no_cursor_cannot_be_read(text):
    with pytest.raises(InvalidCursor):
        cursors.read(text, "digest")


def test_cursor_is_read_as_it_was_written(settings):
    cursor = cursors.Cursor(True, 1, 2**62, "\U0001f600", 1000)
    text = cursors.write(cursor, "digest")
    assert cursors.read(text, "digest") == cursor
    settings.MAPTICIAN_SCIM = {"CURSOR_LIFETIME": -1}
    with pytest.raises(ExpiredCursor):
        cursors.read(text, "digest")
