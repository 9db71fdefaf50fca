"""Memberships are changed in the host's own table, and nothing else of theirs is touched."""

import pytest
from django.db import models

from example_project.workplace.models import DeskOffer, Occupant, TeamMembership
from example_project.workplace.scim import TeamAdapter
from maptician_scim import signals
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.group_opening import CannotOpen, open_group, openable_groups
from maptician_scim.linking import link_users
from maptician_scim.links import Link, columns_of
from maptician_scim.models import Event, ProvisionedGroup, ProvisionedUser
from maptician_scim.protocol.group_patch import Effect, Plan, read_members
from maptician_scim.relations import find_relation, group_model
from tests.client import refs
from tests.factories import (
    NeighbourhoodFactory,
    OccupantFactory,
    TeamFactory,
    TeamMembershipFactory,
)


def id_of(occupant):
    return str(ProvisionedUser.objects.get(user=occupant).scim_id)


@pytest.fixture
def lead(acme):
    return TeamMembershipFactory(team__company=acme, team__name="Team", lead=True)


@pytest.fixture
def team(acme, lead):
    """The SCIM id of a team that was opened, with somebody who leads it."""
    return str(open_group(acme, lead.team).scim_id)


# -- what is done by hand ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "push",
    [
        lambda scim, team, ids: scim.put_group(
            team, {"displayName": "Team", "members": refs(*ids)}
        ),
        lambda scim, team, ids: scim.modify_group(
            team, {"op": "replace", "path": "members", "value": refs(*ids)}
        ),
        lambda scim, team, ids: scim.modify_group(
            team,
            {"op": "remove", "path": "members"},
            {"op": "add", "path": "members", "value": refs(*ids)},
        ),
        lambda scim, team, ids: scim.modify_group(
            team,
            {"op": "remove", "path": f'members[value eq "{ids[0]}"]'},
            {"op": "add", "path": "members", "value": refs(ids[0])},
        ),
    ],
    ids=["PUT", "replace", "remove all and add", "remove one and add"],
)
def test_mark_of_a_lead_survives_every_push(scim, acme, lead, team, push):
    other = id_of(OccupantFactory(company=acme))
    before = TeamMembership.objects.values().get(pk=lead.pk)
    assert push(scim, team, [id_of(lead.occupant), other]).status_code == 200
    assert TeamMembership.objects.values().get(pk=lead.pk) == before
    assert id_of(lead.occupant) in scim.members(team)


def test_member_whom_scim_does_not_see_is_never_touched(scim, acme, globex, lead, team):
    stranger = TeamMembershipFactory(team=lead.team, occupant=OccupantFactory(company=globex))
    scim.modify_group(team, {"op": "replace", "path": "members", "value": []})
    assert list(TeamMembership.objects.all()) == [stranger]
    assert scim.members(team) == set()


def test_membership_saved_by_hand_moves_the_version(scim, lead, team):
    before = scim.group(team).json()["meta"]["version"]
    TeamMembershipFactory(team=lead.team)
    after = scim.group(team).json()["meta"]["version"]
    TeamMembership.objects.get(pk=lead.pk).delete()
    assert len({before, after, scim.group(team).json()["meta"]["version"]}) == 3


def test_pushed_member_is_offered_a_desk(
    scim, acme, lead, team, django_capture_on_commit_callbacks
):
    lead.team.neighbourhood = NeighbourhoodFactory(company=acme, desks=2)
    lead.team.save()
    person = OccupantFactory(company=acme)
    add = {"op": "add", "path": "members", "value": refs(id_of(person))}
    with django_capture_on_commit_callbacks(execute=True):
        scim.modify_group(team, add)
    assert DeskOffer.objects.open().of(person).exists()
    remove = {"op": "remove", "path": "members", "value": refs(id_of(person))}
    with django_capture_on_commit_callbacks(execute=True):
        scim.modify_group(team, remove)
    assert not DeskOffer.objects.open().of(person).exists()


def test_member_who_moves_to_another_company_and_back_moves_the_version(
    scim, acme, globex, lead, team
):
    versions = [scim.group(team).json()["meta"]["version"]]
    for company, members in ((globex, 0), (acme, 0)):
        lead.occupant.company = company
        lead.occupant.save()
        versions.append(scim.group(team).json()["meta"]["version"])
        assert len(scim.members(team)) == members
    assert versions[0] != versions[1]


def test_member_who_is_linked_later_moves_the_version(scim, acme, lead, team):
    before = scim.group(team).json()["meta"]["version"]
    [person] = Occupant.objects.bulk_create([OccupantFactory.build(company=acme)])
    TeamMembership.objects.bulk_create([TeamMembership(team=lead.team, occupant=person)])
    link_users(acme)
    assert len(scim.members(team)) == 2
    assert scim.group(team).json()["meta"]["version"] != before


# -- opening ------------------------------------------------------------------------------------


def test_group_cannot_be_opened_twice(acme, lead, team):
    with pytest.raises(CannotOpen):
        open_group(acme, lead.team)


def test_group_of_another_tenant_cannot_be_opened(globex, lead):
    assert not openable_groups(globex)
    with pytest.raises(CannotOpen):
        open_group(globex, lead.team)


def test_group_with_a_name_that_is_visible_already_cannot_be_opened(acme):
    open_group(acme, TeamFactory(company=acme, name="Straße"))
    with pytest.raises(CannotOpen, match="this name"):
        open_group(acme, TeamFactory(company=acme, name="STRASSE"))


def test_name_that_another_visible_group_has_is_not_taken_over_from_the_host(scim, acme, team):
    open_group(acme, TeamFactory(company=acme, name="Straße"))
    group = ProvisionedGroup.objects.get(scim_id=team).group
    group.name = "STRASSE"
    group.save()
    assert scim.group(team).json()["displayName"] == "Team"


def test_group_of_a_team_that_moved_to_another_company_is_gone(scim, globex, lead, team):
    lead.team.company = globex
    lead.team.save()
    assert scim.group(team).status_code == 404
    assert scim.groups().json()["totalResults"] == 0


# -- signals -------------------------------------------------------------------------------------


@pytest.fixture
def heard():
    """What a receiver inside the transaction has heard."""
    calls = []

    def receive(sender, signal, **arguments):
        calls.append(arguments)

    signals.group_in_transaction.connect(receive)
    yield calls
    signals.group_in_transaction.disconnect(receive)


def test_host_hears_who_came_and_who_went(scim, acme, lead, team, heard):
    person = OccupantFactory(company=acme)
    change = {"op": "replace", "path": "members", "value": refs(id_of(person))}
    scim.modify_group(team, change)
    [call] = heard
    assert (call["verb"], call["tenant"], call["group"]) == ("updated", acme, lead.team)
    assert (call["added"], call["removed"]) == ([person.pk], [lead.occupant.pk])
    assert call["changes"] == Event.objects.get().changes


def test_host_hears_of_the_beginning_and_the_end(scim, heard):
    group = scim.push("New").json()
    scim.put_group(group["id"], group)
    scim.remove_group(group["id"])
    assert [call["verb"] for call in heard] == ["provisioned", "deleted"]


def test_receiver_that_raises_undoes_everything(scim, acme, team):
    def refuse(**arguments):
        raise ValueError("no")

    signals.group_in_transaction.connect(refuse)
    try:
        before = scim.group(team).json()
        answer = scim.modify_group(
            team,
            {"op": "replace", "path": "displayName", "value": "New"},
            {"op": "remove", "path": "members"},
        )
    finally:
        signals.group_in_transaction.disconnect(refuse)
    assert (answer.status_code, Event.objects.get().reason) == (409, "host_rule")
    assert scim.group(team).json() == before


@pytest.mark.parametrize("name", ["group_provisioned", "group_updated", "group_deleted"])
def test_host_hears_after_the_commit(scim, team, name, django_capture_on_commit_callbacks):
    heard = []

    def receive(sender, signal, **arguments):
        heard.append(sorted(arguments))

    getattr(signals, name).connect(receive)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            scim.push("New")
            scim.modify_group(team, {"op": "replace", "path": "displayName", "value": "B"})
            scim.remove_group(team)
    finally:
        getattr(signals, name).disconnect(receive)
    assert heard == [["added", "changes", "group", "provisioned_group", "removed", "tenant"]]


def test_rule_of_the_host_on_memberships_refuses_the_push(scim, acme, team, monkeypatch):
    monkeypatch.setattr(TeamAdapter, "membership_values", lambda adapter: {"is_lead": None})
    before, person = scim.group(team).json(), id_of(OccupantFactory(company=acme))
    answer = scim.modify_group(team, {"op": "add", "path": "members", "value": refs(person)})
    assert (answer.status_code, Event.objects.get().reason) == (409, "host_rule")
    assert scim.group(team).json() == before


def test_values_of_the_host_are_written_beside_a_new_member(scim, acme, lead, team, monkeypatch):
    monkeypatch.setattr(TeamAdapter, "membership_values", lambda adapter: {"is_lead": True})
    person = OccupantFactory(company=acme)
    scim.modify_group(team, {"op": "add", "path": "members", "value": refs(id_of(person))})
    assert lead.team.memberships.get(occupant=person).is_lead


# -- the plan ------------------------------------------------------------------------------------


def test_what_comes_later_wins():
    plan = Plan()
    a, b = read_members(["a", "b"])
    plan.add([a, b])
    plan.remove([a])
    assert plan.steps == [Effect(shall_be={"a": False, "b": True})]


def test_selection_stands_between_what_comes_before_and_after():
    plan = Plan()
    plan.add(read_members("a"))
    plan.select("members[type pr]")
    plan.add(read_members("b"))
    assert [type(step).__name__ for step in plan.steps] == ["Effect", "Selection", "Effect"]


def test_nothing_that_came_before_a_replacement_is_done():
    plan = Plan()
    plan.add(read_members("a"))
    plan.select("members[type pr]")
    plan.replace(read_members("b"))
    assert plan.steps == [Effect(is_cleared=True, shall_be={"b": True})]
    assert [member.value for member in plan.added] == ["a", "b"]


# -- the host's table ----------------------------------------------------------------------------


def test_relation_is_found_from_either_side():
    relation = find_relation(group_model(), "members")
    assert (relation.through, relation.group_field) == (TeamMembership, "team")
    assert (relation.user_field, relation.to_users, relation.to_groups) == (
        "occupant",
        "members",
        "teams",
    )


@pytest.mark.parametrize("name", ["nothing", "name", "company", "desk_offers"])
def test_what_is_no_relation_with_people_is_refused(name):
    with pytest.raises(ValueError, match=name):
        find_relation(group_model(), name)


def test_columns_of_a_membership_come_from_the_fields(db):
    class Seat(models.Model):
        id = models.UUIDField(primary_key=True, default=lambda: None)
        group = models.ForeignKey(group_model(), on_delete=models.CASCADE)
        member = models.ForeignKey("workplace.Occupant", on_delete=models.CASCADE)
        note = models.CharField(default="by SCIM", max_length=10)
        since = models.DateTimeField(auto_now_add=True)
        by_database = models.IntegerField(db_default=3)
        company = models.IntegerField()

        class Meta:
            app_label = "never_migrated"
            managed = False

    columns = dict(columns_of(Link(Seat, "group", "member"), 5, {"company": 7}))
    given = {name.strip('"'): values for name, (_, values) in columns.items()}
    assert given.pop("since")[0] is not None
    assert given == {"id": [], "group_id": [5], "note": ["by SCIM"], "company": [7]}


def test_adapter_speaks_the_language_of_django_scim2(acme, lead, team):
    record = ProvisionedGroup.objects.get(scim_id=team)
    adapter = GroupAdapterOfTeams(record.group, provisioned_group=record)
    adapter.handle_operations([{"op": "remove", "path": "members"}])
    adapter.handle_operations([{"op": "replace", "path": "displayName", "value": "New"}])
    adapter.save()
    assert not TeamMembership.objects.exists()
    assert adapter.to_dict()["displayName"] == "New"
    assert adapter.location == f"https://acme.localhost/scim/v2/Groups/{team}"


class GroupAdapterOfTeams(GroupAdapter):
    tenant_field = "company"
    members_field = "members"
