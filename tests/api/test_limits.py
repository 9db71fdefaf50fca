"""Each limit holds, and what is just below it passes."""

from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pydantic import BaseModel

from maptician_scim import bulk
from maptician_scim.models import Event
from tests.client import ERROR, refs
from tests.extensions import ADAPTER, WORKPLACE


@pytest.fixture
def limit(settings):
    """A function that sets limits."""

    def change(**limits):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | limits

    return change


def refusal(answer, status, scim_type=None):
    """The detail of a SCIM Error of this kind."""
    body = answer.json()
    assert (answer.status_code, body.get("scimType")) == (status, scim_type)
    assert (body["schemas"], body["status"]) == ([ERROR], str(status))
    return body["detail"]


# -- filters -----------------------------------------------------------------------------------


def any_of(term, number):
    return " or ".join(term.format(n) for n in range(number))


FILTERS = {
    'title co "x{}"': 60,
    'title pr and nickName eq "{}"': 30,
    'not (title eq "x{}")': 60,
    'emails.value co "x{}"': 10,
    'roles[value eq "x{}"]': 10,
    'emails[type eq "work" and value sw "x{}"]': 5,
    'groups.display co "x{}"': 10,
}
"""Terms of filters on people, and how many a filter may have."""


@pytest.mark.parametrize(("term", "most"), FILTERS.items())
def test_filter_of_too_many_terms_is_refused(scim, term, most):
    assert scim.search(any_of(term, most)).status_code == 200
    detail = refusal(scim.search(any_of(term, most + 2)), 400, "invalidFilter")
    assert "at most 60 are allowed" in detail
    assert term.strip("not (").partition(" ")[0].partition("[")[0] in detail


@pytest.mark.parametrize("term", ['members.display co "x{}"', 'members[display co "x{}"]'])
def test_filter_of_groups_by_too_many_members_is_refused(scim, term):
    assert scim.groups(any_of(term, 10)).status_code == 200
    assert "members" in refusal(scim.groups(any_of(term, 11)), 400, "invalidFilter")


def test_path_that_selects_members_by_too_many_terms_is_refused(scim):
    team = scim.push("Sales").json()["id"]

    def remove(terms):
        selection = any_of('display co "x{}"', terms)
        return scim.modify_group(team, {"op": "remove", "path": f"members[{selection}]"})

    assert remove(10).status_code == 200
    assert "members" in refusal(remove(11), 400, "invalidFilter")


def test_term_that_is_repeated_is_one(scim):
    statements = []
    for number in (1, 150):
        with CaptureQueriesContext(connection) as queries:
            scim.search(" or ".join(['emails.value co "x"'] * number))
        statements.append(queries.captured_queries[-1]["sql"])
    assert statements[0] == statements[1]


# -- values ------------------------------------------------------------------------------------


def values(number):
    return [{"value": f"v{n}"} for n in range(number)]


@pytest.mark.parametrize("name", ["roles", "emails", "ROLES"])
def test_attribute_with_too_many_values_is_refused(scim, limit, name):
    limit(MAX_VALUES=20)
    assert scim.create(userName="a", **{name: values(20)}).status_code == 201
    detail = refusal(scim.create(userName="b", **{name: values(21)}), 400, "invalidValue")
    assert detail == f"'{name.lower()}' has 21 values; at most 20 are allowed."


def test_replaced_attribute_with_too_many_values_is_refused(scim, limit):
    limit(MAX_VALUES=20)
    pat = scim.create(userName="pat").json()
    assert scim.replace(pat["id"], {"userName": "pat", "roles": values(20)}).status_code == 200
    answer = scim.replace(pat["id"], {"userName": "pat", "roles": values(21)})
    assert "'roles' has 21 values" in refusal(answer, 400, "invalidValue")


def test_too_many_values_in_one_operation_are_refused(scim, limit):
    limit(MAX_VALUES=20)
    pat = scim.create(userName="pat").json()["id"]
    answer = scim.modify(pat, {"op": "add", "path": "roles", "value": values(21)})
    assert "'roles' has 21 values" in refusal(answer, 400, "invalidValue")
    assert scim.modify(pat, {"op": "add", "path": "roles", "value": values(20)}).status_code == 200


def test_values_that_become_too_many_are_refused(scim, limit):
    limit(MAX_VALUES=20)
    pat = scim.create(userName="pat", roles=values(20)).json()
    answer = scim.modify(pat["id"], {"op": "add", "path": "roles", "value": [{"value": "more"}]})
    assert "'roles' has 21 values" in refusal(answer, 400, "invalidValue")
    assert scim.read(pat["id"]).json() == pat


def test_values_of_an_extension_are_counted_too(scim, limit):
    limit(MAX_VALUES=20, USER_ADAPTER=ADAPTER)
    pat = {"userName": "pat", WORKPLACE: {"lockers": list(range(20))}}
    made = scim.create(**pat)
    assert made.status_code == 201
    pat[WORKPLACE]["lockers"].append(20)
    answer = scim.replace(made.json()["id"], pat)
    assert "has 21 values; at most 20 are allowed" in refusal(answer, 400, "invalidValue")


def test_whoever_has_too_many_values_already_is_deactivated_all_the_same(scim, limit):
    pat = scim.create(userName="pat", roles=values(20)).json()["id"]
    limit(MAX_VALUES=10)
    answer = scim.modify(pat, {"op": "replace", "value": {"active": False}})
    assert (answer.status_code, answer.json()["active"]) == (200, False)


def test_members_of_a_group_have_no_limit(scim, limit):
    people = [scim.create(userName=f"p{n}").json()["id"] for n in range(4)]
    limit(MAX_VALUES=3)
    assert scim.push("Sales", people).status_code == 201


def test_groups_that_a_client_sends_back_are_not_counted(scim, limit):
    limit(MAX_VALUES=3)
    assert scim.create(userName="pat", groups=refs(*"abcdef")).status_code == 201


def test_too_many_values_are_refused_before_they_are_validated(scim, limit, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("validation is what takes the time")

    limit(MAX_VALUES=20)
    pat = scim.create(userName="pat").json()["id"]
    monkeypatch.setattr(BaseModel, "model_validate", never)
    refusal(scim.create(userName="a", roles=values(21)), 400, "invalidValue")
    answer = scim.modify(pat, {"op": "add", "path": "roles", "value": values(21)})
    refusal(answer, 400, "invalidValue")


# -- headers -----------------------------------------------------------------------------------


def test_headers_that_are_too_large_are_431(scim, limit):
    limit(MAX_HEADERS_SIZE=2000)
    assert scim.request_scim("GET", "/Users", x_trace="x" * 1000).status_code == 200
    detail = refusal(scim.request_scim("GET", "/Users", x_trace="x" * 2000), 431)
    assert "at most 2000 are allowed" in detail
    assert "'X-Trace'" in detail


def test_many_headers_are_counted_together(scim, limit):
    limit(MAX_HEADERS_SIZE=2000)
    many = {f"x_{n}": "x" * 100 for n in range(20)}
    refusal(scim.request_scim("GET", "/Users", **many), 431)


def test_without_a_token_headers_that_are_too_large_tell_nothing(scim, limit):
    limit(MAX_HEADERS_SIZE=2000)
    answer = scim.request_scim("GET", "/Users", x_trace="x" * 2000, authorization="")
    assert answer.status_code == 401


# -- answers -----------------------------------------------------------------------------------


@pytest.fixture
def people(scim):
    return [scim.create(userName=f"p{n}", nickName="x" * 1000).json() for n in range(4)]


def test_list_that_is_too_large_is_refused_and_never_cut(scim, people, limit):
    size = len(scim.search(count=3).content)
    limit(MAX_RESPONSE_SIZE=size)
    assert len(scim.search(count=3).json()["Resources"]) == 3
    detail = refusal(scim.search(count=4), 400, "tooMany")
    assert f"at most {size} are sent" in detail
    assert "'count'" in detail


@pytest.mark.parametrize("path", ["/Users/.search", "/.search"])
def test_search_that_is_too_large_is_refused(scim, people, limit, path):
    limit(MAX_RESPONSE_SIZE=3000)
    refusal(scim.request_scim("POST", path, {"count": 4}), 400, "tooMany")
    assert scim.request_scim("POST", path, {"count": 1}).status_code == 200


def test_group_that_is_too_large_is_shown_without_its_members(scim, people, limit):
    team = scim.push("Sales", [p["id"] for p in people]).json()["id"]
    limit(MAX_RESPONSE_SIZE=500)
    assert "excludedAttributes=members" in refusal(scim.group(team), 400, "tooMany")
    assert scim.group(team, "?excludedAttributes=members").status_code == 200


def test_change_is_answered_however_large_the_answer(scim, people, limit):
    limit(MAX_RESPONSE_SIZE=500)
    answer = scim.modify(people[0]["id"], {"op": "add", "path": "title", "value": "x"})
    assert (answer.status_code, answer.json()["title"]) == (200, "x")


# -- bulk --------------------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch):
    """A clock that goes on ten seconds whenever somebody looks at it."""
    clock = SimpleNamespace(now=0.0)

    def look():
        clock.now += 10
        return clock.now

    monkeypatch.setattr(bulk, "time", SimpleNamespace(monotonic=look))


def post(name):
    return {"method": "POST", "path": "/Users", "bulkId": name, "data": {"userName": name}}


def test_bulk_begins_no_operation_after_its_time(scim, slow, limit):
    limit(BULK_TIME_LIMIT=45)
    answer = scim.bulk(*[post(f"p{n}") for n in range(6)])
    assert answer.status_code == 200
    done = [result["status"] for result in answer.json()["Operations"]]
    assert done == ["201"] * 2 + ["503"] * 4
    assert scim.search().json()["totalResults"] == 2
    last = answer.json()["Operations"][-1]
    assert last["response"]["status"] == "503"
    assert "was not begun. Send it again" in last["response"]["detail"]


def test_operations_that_were_not_begun_are_one_line_of_the_log(scim, slow, limit):
    limit(BULK_TIME_LIMIT=45)
    scim.bulk(*[post(f"p{n}") for n in range(6)])
    [line] = Event.objects.filter(status=503)
    assert (line.verb, Event.objects.count()) == ("bulk", 3)


def test_bulk_in_time_is_done_as_a_whole(scim, slow, limit):
    limit(BULK_TIME_LIMIT=200)
    answer = scim.bulk(*[post(f"p{n}") for n in range(6)])
    assert [r["status"] for r in answer.json()["Operations"]] == ["201"] * 6


# -- time --------------------------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="statement_timeout is PostgreSQL's")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("method", "path", "inside"),
    [("GET", f"/Users/{UUID(int=1)}", "_with_id"), ("POST", "/Users", "_create")],
    ids=["GET", "POST"],
)
def test_statement_that_takes_too_long_is_503_and_not_tried_again(
    scim, monkeypatch, method, path, inside
):
    tries = []

    def slow(*args):
        tries.append(args)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(f"maptician_scim.provisioning.UserProvisioner.{inside}", slow)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 100")
    try:
        answer = scim.request_scim(method, path, {"userName": "a"} if method == "POST" else "")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
    refusal(answer, 503)
    assert answer.headers["Retry-After"] == "5"
    assert len(tries) == 1


@pytest.mark.parametrize("announced", ["9" * 5000, "ten"])
def test_length_that_no_number_can_be_made_of_is_no_body(scim, announced):
    """gunicorn refuses it before; other servers need not."""
    answer = scim.generic(
        "POST",
        "/scim/v2/Users",
        "{}",
        content_type="application/scim+json",
        headers={"host": scim.host, "authorization": f"Bearer {scim.secret}"},
        CONTENT_LENGTH=announced,
    )
    refusal(answer, 400, "invalidSyntax")
