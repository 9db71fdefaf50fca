"""The mass-deactivation safeguard as an identity provider meets it."""

import pytest

from maptician_scim import safeguard
from maptician_scim.models import Connection, Event
from tests.client import BULK_RESPONSE, ERROR, PATCH_OP, USER, refs

LIMIT = 2
OFF = {"op": "replace", "value": {"active": False}}
ON = {"op": "replace", "value": {"active": True}}


@pytest.fixture(autouse=True)
def _guarded(acme):
    Connection.objects.create(
        tenant=acme, safeguard="on", safeguard_people=LIMIT, safeguard_percent=0
    )


@pytest.fixture
def people(scim):
    """The ids of more people than may go."""
    return [scim.create(userName=f"p{n}@acme.example").json()["id"] for n in range(5)]


def patch(scim, scim_id):
    return scim.modify(scim_id, OFF)


def put(scim, scim_id):
    return scim.replace(scim_id, {"schemas": [USER], "userName": scim_id, "active": False})


def delete(scim, scim_id):
    return scim.remove(scim_id)


VERBS = pytest.mark.parametrize("leave", [patch, put, delete])


def reach_limit(scim, people):
    for scim_id in people[:LIMIT]:
        assert patch(scim, scim_id).status_code == 200


def is_active(scim, scim_id):
    return scim.read(scim_id).json()["active"]


# -- people ---------------------------------------------------------------------------------------


@VERBS
def test_one_more_than_the_limit_is_held_back(scim, people, leave):
    for scim_id in people[:LIMIT]:
        assert leave(scim, scim_id).status_code in (200, 204)
    answer = leave(scim, people[LIMIT])
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert answer.json()["schemas"] == [ERROR]
    assert answer.json()["status"] == "429"
    assert (
        f"more than {LIMIT} people were to be deactivated or deleted within an hour"
        in answer.json()["detail"]
    )
    assert "ask Maptician's administrator to release it" in answer.json()["detail"]
    assert is_active(scim, people[LIMIT])


@VERBS
def test_what_was_held_back_is_in_the_log(scim, people, leave):
    reach_limit(scim, people)
    leave(scim, people[LIMIT])
    event = Event.objects.get(reason="safeguard")
    assert (event.status, event.resource_id) == (429, people[LIMIT])
    assert event.facts == {"limit": str(LIMIT)}


@VERBS
def test_somebody_inactive_costs_nothing(scim, people, leave):
    patch(scim, people[0])
    leave(scim, people[0])
    assert patch(scim, people[1]).status_code == 200


@VERBS
def test_somebody_inactive_is_never_held_back(scim, people, leave):
    reach_limit(scim, people)
    patch(scim, people[LIMIT])
    assert leave(scim, people[0]).status_code in (200, 204)


def test_everything_else_goes_on(scim, people):
    reach_limit(scim, people)
    patch(scim, people[LIMIT])
    assert scim.create(userName="new@acme.example").status_code == 201
    title = {"op": "replace", "path": "title", "value": "Clerk"}
    assert scim.modify(people[LIMIT], title).status_code == 200
    assert scim.modify(people[0], ON).status_code == 200


def test_somebody_who_came_back_and_goes_again_counts_once(scim, people):
    for operation in (OFF, ON, OFF, ON):
        assert scim.modify(people[0], operation).status_code == 200
    assert patch(scim, people[1]).status_code == 200
    assert patch(scim, people[0]).status_code == 200


def test_somebody_who_came_back_still_counts(scim, people):
    for scim_id in people[:LIMIT]:
        scim.modify(scim_id, OFF)
        scim.modify(scim_id, ON)
    assert patch(scim, people[LIMIT]).status_code == 429


def test_another_tenant_is_left_alone(scim, people, other_scim):
    reach_limit(scim, people)
    patch(scim, people[LIMIT])
    theirs = other_scim.create(userName="pat@globex.example").json()["id"]
    assert patch(other_scim, theirs).status_code == 200


@VERBS
def test_release_lets_the_retries_through(scim, acme, people, leave):
    reach_limit(scim, people)
    leave(scim, people[LIMIT])
    safeguard.release(acme, "boss")
    for scim_id in people[LIMIT:]:
        assert leave(scim, scim_id).status_code in (200, 204)


def test_keep_goes_on_holding_back(scim, acme, people):
    reach_limit(scim, people)
    patch(scim, people[LIMIT])
    safeguard.keep(acme, "boss")
    assert patch(scim, people[LIMIT]).status_code == 429


def test_in_bulk_each_operation_counts(scim, people):
    operations = [
        {
            "method": "PATCH",
            "path": f"/Users/{scim_id}",
            "data": {"schemas": [PATCH_OP], "Operations": [OFF]},
        }
        for scim_id in people
    ]
    body = scim.bulk(*operations).json()
    assert body["schemas"] == [BULK_RESPONSE]
    statuses = [result["status"] for result in body["Operations"]]
    assert statuses == ["200"] * LIMIT + ["429"] * (len(people) - LIMIT)
    assert "safeguard" in body["Operations"][-1]["response"]["detail"]
    assert Event.objects.filter(reason="safeguard").count() == len(people) - LIMIT


# -- groups ---------------------------------------------------------------------------------------


def clear(scim, group, people):
    return scim.modify_group(group, {"op": "remove", "path": "members"})


def remove_one_by_one(scim, group, people):
    named = [{"op": "remove", "path": f'members[value eq "{p}"]'} for p in people]
    return scim.modify_group(group, *named)


def replace(scim, group, people):
    body = scim.group(group).json()
    return scim.put_group(group, body | {"members": []})


def end(scim, group, people):
    return scim.remove_group(group)


EMPTYING = pytest.mark.parametrize("empty", [clear, remove_one_by_one, replace, end])


@EMPTYING
def test_group_of_more_than_the_limit_is_not_emptied(scim, people, empty):
    group = scim.push("All", people).json()["id"]
    answer = empty(scim, group, people)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert f"more than {LIMIT} people were to leave it within an hour" in answer.json()["detail"]
    assert scim.members(group) == set(people)


@EMPTYING
def test_group_within_the_limit_is_emptied(scim, people, empty):
    group = scim.push("Few", people[:LIMIT]).json()["id"]
    assert empty(scim, group, people[:LIMIT]).status_code in (200, 204)


def test_removals_from_one_group_add_up(scim, people):
    group = scim.push("All", people).json()["id"]
    for scim_id in people[:LIMIT]:
        assert remove_one_by_one(scim, group, [scim_id]).status_code == 200
    assert remove_one_by_one(scim, group, people[LIMIT : LIMIT + 1]).status_code == 429


def test_removals_from_another_group_count_for_that_one(scim, people):
    for name in ("One", "Two", "Three"):
        group = scim.push(name, people).json()["id"]
        assert remove_one_by_one(scim, group, people[:LIMIT]).status_code == 200


def test_group_that_was_stopped_stays_as_it_is_until_it_is_released(scim, acme, people):
    group = scim.push("All", people).json()["id"]
    clear(scim, group, people)
    assert remove_one_by_one(scim, group, people[:1]).status_code == 429
    assert scim.modify_group(group, {"op": "replace", "value": {"displayName": "X"}}).json()
    safeguard.release(acme, "boss")
    assert clear(scim, group, people).status_code == 200
    assert scim.members(group) == set()


def test_group_that_was_stopped_stops_no_people(scim, people):
    group = scim.push("All", people).json()["id"]
    clear(scim, group, people)
    assert patch(scim, people[0]).status_code == 200


def test_people_who_were_stopped_stop_no_group(scim, people):
    reach_limit(scim, people)
    patch(scim, people[LIMIT])
    group = scim.push("All", people).json()["id"]
    assert remove_one_by_one(scim, group, people[:1]).status_code == 200


def test_members_who_are_exchanged_count(scim, people):
    group = scim.push("Few", people[:3]).json()["id"]
    exchange = {"op": "replace", "path": "members", "value": refs(*people[3:])}
    assert scim.modify_group(group, exchange).status_code == 429
    assert scim.members(group) == set(people[:3])


def test_members_who_stay_do_not_count(scim, people):
    group = scim.push("All", people).json()["id"]
    all_but_two = {"op": "replace", "path": "members", "value": refs(*people[LIMIT:])}
    assert scim.modify_group(group, all_but_two).status_code == 200
