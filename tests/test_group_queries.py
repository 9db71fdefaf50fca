"""How many statements a request on groups costs: a fixed number, whatever the size of the group."""

import tracemalloc

import pytest

from example_project.workplace.models import Team, TeamMembership
from maptician_scim.group_opening import open_group
from maptician_scim.linking import link_users
from maptician_scim.models import ProvisionedUser
from tests.client import GROUP, refs
from tests.factories import OccupantFactory, TeamFactory
from tests.test_queries import Counted, connection

SIZES = pytest.mark.parametrize("size", [1, 300])
THOUSAND = pytest.mark.parametrize("size", [1, 1000])


def crowd(tenant, size):
    """The ids of so many new people."""
    users = OccupantFactory.build_batch(size, company=tenant)
    type(users[0]).objects.bulk_create(users)
    link_users(tenant)
    found = ProvisionedUser.objects.for_tenant(tenant).order_by("id")
    return [str(scim_id) for scim_id in found.values_list("scim_id", flat=True)]


@pytest.fixture
def ids(acme, scim, size):
    scim.search()  # the token has been used this minute
    return crowd(acme, size)


@pytest.fixture
def team(acme, ids):
    """A group that all are in."""
    team = TeamFactory(company=acme, name="All")
    people = ProvisionedUser.objects.for_tenant(acme).values_list("user", flat=True)
    TeamMembership.objects.bulk_create(TeamMembership(team=team, occupant_id=pk) for pk in people)
    return str(open_group(acme, team).scim_id)


def statements(call):
    with Counted(connection) as counted:
        answer = call()
    assert answer.status_code in (200, 201, 204), answer.content
    return counted.statements


@SIZES
def test_get_costs_three(scim, team, size, django_assert_num_queries):
    with django_assert_num_queries(3):
        group = scim.group(team).json()
    assert len(group["members"]) == size


@SIZES
def test_page_costs_three(scim, acme, team, size, django_assert_num_queries):
    open_group(acme, TeamFactory(company=acme))
    with django_assert_num_queries(3):
        assert scim.groups("members pr").json()["totalResults"] == 1


@SIZES
def test_people_are_shown_with_their_groups_at_no_query_more(
    scim, team, ids, django_assert_num_queries
):
    with django_assert_num_queries(2):
        assert "groups" in scim.read(ids[0]).json()


@SIZES
def test_create_costs_eight(scim, ids, size):
    done = statements(lambda: scim.push("New", ids))
    assert len(done) == 9, done
    assert Team.objects.get().members.count() == size


@THOUSAND
def test_adding_costs_seven_and_what_is_shown(scim, acme, ids, size):
    team = str(open_group(acme, TeamFactory(company=acme)).scim_id)
    change = {"op": "add", "path": "members", "value": refs(*ids)}
    done = statements(lambda: scim.modify_group(team, change, prefer="return=minimal"))
    assert len(done) == 7, done
    assert len(scim.members(team)) == size


@THOUSAND
@pytest.mark.parametrize("is_listed", [True, False])
def test_removing_costs_six(scim, team, ids, is_listed):
    change = {"op": "remove", "path": "members"} | ({"value": refs(*ids)} if is_listed else {})
    done = statements(lambda: scim.modify_group(team, change, prefer="return=minimal"))
    assert len(done) == 6, done
    assert scim.members(team) == set()


@SIZES
def test_removing_each_in_an_operation_of_its_own_costs_the_same(scim, team, ids):
    changes = [{"op": "remove", "path": f'members[value eq "{i}"]'} for i in ids]
    done = statements(lambda: scim.modify_group(team, *changes, prefer="return=minimal"))
    assert len(done) == 6, done


@SIZES
def test_put_of_all_costs_nine(scim, team, size):
    group = scim.group(team).json()
    half = group["members"][: size // 2]
    done = statements(lambda: scim.put_group(team, group | {"members": half}))
    assert len(done) <= 9, done
    assert len(scim.members(team)) == size // 2


@SIZES
def test_delete_of_a_person_costs_the_same_whatever_their_groups(scim, acme, team, ids, size):
    pk = ProvisionedUser.objects.get(scim_id=ids[0]).user_id
    for n in range(min(size, 30)):
        open_group(acme, TeamFactory(company=acme, name=f"T{n}", members=[pk]))
    done = statements(lambda: scim.remove(ids[0]))
    of_groups = [s for s in done if "group" in s and "provisioneduser" not in s.split("FROM")[0]]
    assert len(of_groups) == 3, of_groups


@SIZES
def test_delete_costs_twelve(scim, ids, size):
    group = {"schemas": [GROUP], "displayName": "All", "members": refs(*ids)}
    path = f"/Groups/{scim.request_scim('POST', '/Groups', group).json()['id']}"
    done = statements(lambda: scim.request_scim("DELETE", path))
    assert len(done) <= 12, done
    assert not TeamMembership.objects.exists()


def test_members_that_are_not_shown_are_not_read(scim, acme):
    team = TeamFactory(company=acme, members=[OccupantFactory(company=acme)])
    scim_id = str(open_group(acme, team).scim_id)
    change = {"op": "replace", "path": "displayName", "value": "New"}
    done = statements(lambda: scim.modify_group(scim_id, change, prefer="return=minimal"))
    assert not [s for s in done if "teammembership" in s]


@pytest.mark.parametrize("size", [1500])
def test_memory_does_not_grow_with_the_group(scim, acme, team, size):
    person = crowd(acme, 1)[-1]
    change = {"op": "add", "path": "members", "value": refs(person)}
    scim.modify_group(team, change, prefer="return=minimal")
    tracemalloc.start()
    change = {"op": "remove", "path": "members", "value": refs(person)}
    scim.modify_group(team, change, prefer="return=minimal")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000
