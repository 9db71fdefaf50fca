"""How many statements a request costs: a fixed number, whatever the size of the tenant."""

import json
import re
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pydantic import BaseModel

from maptician_scim.linking import link_users
from maptician_scim.models import ProvisionedUser
from tests.factories import DeskFactory, OccupantFactory
from tests.live import okta_user

# What opens and closes transactions; inside a test they are savepoints of its own transaction.
BRACKETS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


class Counted(CaptureQueriesContext):
    """The statements of a block, without the brackets of transactions."""

    @property
    def statements(self):
        return [q["sql"] for q in self.captured_queries if not q["sql"].startswith(BRACKETS)]


@pytest.fixture
def count():
    return Counted(connection)


@pytest.fixture(params=[10, 1000])
def size(request):
    return request.param


@pytest.fixture
def people(acme, scim, size):
    """So many people, one of whom is returned; the token has been used this minute."""
    users = [OccupantFactory.build(company=acme, email=f"p{n}@acme.example") for n in range(size)]
    type(users[0]).objects.bulk_create(users)
    link_users(acme)
    return scim.search(count=1).json()["Resources"][0]


def test_look_up_costs_two(scim, people, django_assert_num_queries):
    with django_assert_num_queries(2):
        found = scim.search(f'userName eq "{people["userName"].upper()}"').json()
    assert found["Resources"] == [people]


def test_look_up_of_nobody_costs_two(scim, people, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert scim.search('userName eq "nobody"').json()["totalResults"] == 0


def test_get_costs_two(scim, people, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert scim.read(people["id"]).json() == people


@pytest.mark.parametrize("filter_text", [None, 'emails[type eq "work"] and not (title pr)'])
def test_page_costs_two_and_one_for_the_total(
    scim, people, size, filter_text, django_assert_num_queries
):
    knows_total_first = filter_text is None and connection.vendor == "postgresql"
    with django_assert_num_queries(3 if size > 100 or knows_total_first else 2):
        body = scim.search(filter_text, count=100).json()
    assert body["totalResults"] == size
    assert len(body["Resources"]) == min(size, 100)


def test_sorted_page_costs_two_and_one_for_the_total(scim, people, size, django_assert_num_queries):
    for sort_by in ("title", "emails", "meta.created"):
        with django_assert_num_queries(3 if size > 100 else 2):
            body = scim.search(sortBy=sort_by, count=100, attributes="title").json()
        assert body["totalResults"] == size


def test_page_by_cursor_costs_four(scim, people, size, django_assert_num_queries):
    # The token, the places of the page, its resources, and the total.
    for order in ({}, {"sortBy": "userName"}):
        with django_assert_num_queries(4):
            body = scim.search(cursor="", count=3, **order).json()
        for _ in range(2):
            with django_assert_num_queries(4):
                body = scim.search(cursor=body["nextCursor"], count=3, **order).json()
        with django_assert_num_queries(4):
            scim.search(cursor=body["previousCursor"], count=3, **order)


def test_search_by_post_costs_what_a_list_does(scim, people, size, django_assert_num_queries):
    with django_assert_num_queries(3 if size > 100 else 2):
        scim.request_scim("POST", "/Users/.search", {"filter": "userName pr", "count": 100})


def test_search_of_all_kinds_costs_the_same_for_many(scim, people, size, django_assert_num_queries):
    scim.push("All")
    # The token, two totals, the order; then people, groups and their members.
    with django_assert_num_queries(7):
        answer = scim.request_scim("POST", "/.search", {"sortBy": "id", "count": size + 1})
    assert {r["meta"]["resourceType"] for r in answer.json()["Resources"]} == {"User", "Group"}


def test_create_costs_at_most_six(scim, people, count):
    with count:
        answer = scim.create(userName="new", emails=[{"value": "n@x", "type": "work"}])
    assert answer.status_code == 201
    assert len(count.statements) <= 6


def test_put_costs_at_most_six(scim, people, count):
    with count:
        answer = scim.replace(people["id"], people | {"userName": "other", "title": "New"})
    assert answer.json()["title"] == "New"
    assert len(count.statements) <= 6


def test_patch_costs_at_most_six(scim, people, count):
    operations = [
        {"op": "replace", "path": path, "value": "New"}
        for path in ("title", "nickName", "name.givenName", "department")
    ]
    with count:
        assert scim.modify(people["id"], *operations).status_code == 200
    assert len(count.statements) <= 6


def test_taking_a_kept_person_up_again_costs_at_most_six(scim, people, count):
    scim.remove(people["id"])
    with count:
        assert scim.create(userName=people["userName"]).status_code == 201
    assert len(count.statements) <= 6


def test_deactivation_costs_one_more_and_what_the_host_does(scim, people, count):
    user = ProvisionedUser.objects.get(scim_id=people["id"]).user
    DeskFactory(company=user.company)
    with count:
        scim.modify(people["id"], {"op": "replace", "value": {"active": False}})
    of_the_host = [s for s in count.statements if re.search("apikey|deskassignment|deskoffer", s)]
    assert len(of_the_host) == 3
    assert len(count.statements) - len(of_the_host) <= 7


def test_last_use_is_written_once_a_minute(scim, acme, count):
    with count:
        scim.search()
        scim.search()
    assert len([s for s in count.statements if s.startswith("UPDATE")]) == 1


def test_page_makes_no_object_and_validates_nothing(scim, people, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a list is made from rows")

    for model in (ProvisionedUser, get_user_model()):
        monkeypatch.setattr(model, "__init__", never)
    for name in ("__init__", "model_validate", "model_construct"):
        monkeypatch.setattr(BaseModel, name, never)
    assert scim.search(count=100).status_code == 200


LARGE = {"maptician_scim_provisioneduser", "workplace_occupant"}


def scanned(plan):
    """The tables a plan reads from their beginning to their end; it may do so with small ones."""
    if isinstance(plan, list):
        return set().union(*map(scanned, plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan["Relation Name"]} if plan.get("Node Type") == "Seq Scan" else set()
    return own.union(*map(scanned, plan.values()))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's plan")
def test_look_up_by_user_name_uses_an_index(scim, acme):
    users = [OccupantFactory.build(company=acme, email=f"p{n}@x") for n in range(5000)]
    type(users[0]).objects.bulk_create(users)
    link_users(acme)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as queries:
        scim.search('userName eq "P77@X"')
    [look_up] = [q["sql"] for q in queries if "user_name_key" in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {look_up}")
        plan = cursor.fetchone()[0]
    text = json.dumps(plan)
    assert "scim_user_name_is_unique_per_tenant" in text or "scim_user_by_name" in text
    assert not LARGE & scanned(plan)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's plan")
def test_get_by_id_uses_an_index(scim, people, size):
    with CaptureQueriesContext(connection) as queries:
        scim.read(str(uuid.uuid4()))
    [look_up] = [q["sql"] for q in queries if '"scim_id" =' in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {look_up}")
        plan = cursor.fetchone()[0]
    assert size < 1000 or not LARGE & scanned(plan)


# -- bulk: everything counts, BEGIN and COMMIT too ------------------------------------------------


def new_people(size):
    """The creation of so many people with all the attributes that are mapped, and some more."""
    for n in range(size):
        name = f"p{uuid.uuid4().hex}@acme.example"
        yield {
            "method": "POST",
            "path": "/Users",
            "bulkId": str(n),
            "data": okta_user(name, nickName="P", groups=[]),
        }


@pytest.mark.django_db(transaction=True)
def test_each_person_of_a_bulk_costs_six_statements(scim):
    scim.search()  # notes the use of the token
    costs = {}
    for size in (1, 20):
        with CaptureQueriesContext(connection) as all_statements:
            answer = scim.bulk(*new_people(size))
        assert {r["status"] for r in answer.json()["Operations"]} == {"201"}
        costs[size] = [query["sql"] for query in all_statements.captured_queries]
    [of_the_request, of_a_person] = [costs[1][:1], costs[1][1:]]
    assert "maptician_scim_token" in of_the_request[0]
    assert (of_a_person[0][:5], of_a_person[-1]) == ("BEGIN", "COMMIT")
    assert len(of_a_person) == 6
    assert len(costs[20]) == len(of_the_request) + 20 * len(of_a_person)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["replace", "modify"])
def test_a_change_costs_at_most_eight_statements(scim, how):
    person = scim.create(userName="pat").json()
    with CaptureQueriesContext(connection) as all_statements:
        if how == "replace":
            answer = scim.replace(person["id"], person | {"userName": "kim", "title": "New"})
        else:
            answer = scim.modify(person["id"], {"op": "add", "path": "title", "value": "New"})
    assert answer.json()["title"] == "New"
    assert len(all_statements.captured_queries) <= 8
