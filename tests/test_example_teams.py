"""Teams of the example project: who is in them, and the desks their members are offered."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from example_project.workplace import seating
from example_project.workplace.models import (
    DeskAssignment,
    DeskOffer,
    Neighbourhood,
    Team,
    TeamMembership,
)
from tests.factories import (
    DeskFactory,
    DeskOfferFactory,
    NeighbourhoodFactory,
    OccupantFactory,
    TeamFactory,
    TeamMembershipFactory,
)

State = DeskOffer.State


@pytest.fixture
def place(acme):
    """A neighbourhood with three free desks."""
    return NeighbourhoodFactory(company=acme, desks=3)


@pytest.fixture
def team(acme, place):
    return TeamFactory(company=acme, neighbourhood=place)


@pytest.fixture
def pat(team):
    """A member without a desk."""
    return TeamMembershipFactory(team=team).occupant


def offers(**conditions):
    return list(DeskOffer.objects.filter(**conditions).order_by("pk"))


def seat(person, desk=None):
    desk = desk or DeskFactory(company=person.company)
    return DeskAssignment.objects.create(desk=desk, occupant=person)


# -- what the database holds -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Design", "DESIGN", "design"])
def test_team_name_is_unique_without_regard_to_case(acme, name):
    TeamFactory(company=acme, name="Design")
    with pytest.raises(IntegrityError), transaction.atomic():
        TeamFactory(company=acme, name=name)


def test_two_companies_can_each_have_a_team_of_the_same_name(acme, globex):
    teams = [TeamFactory(company=company, name="Design") for company in (acme, globex)]
    assert [list(Team.objects.of(company)) for company in (acme, globex)] == [[t] for t in teams]


def test_member_is_once_in_a_team(team, pat):
    with pytest.raises(IntegrityError), transaction.atomic():
        TeamMembershipFactory(team=team, occupant=pat)


def test_desk_is_offered_to_one_person_at_a_time(team):
    offer = DeskOfferFactory(team=team)
    with pytest.raises(IntegrityError), transaction.atomic():
        DeskOfferFactory(team=team, desk=offer.desk)


def test_person_is_offered_one_desk_at_a_time(team):
    offer = DeskOfferFactory(team=team)
    with pytest.raises(IntegrityError), transaction.atomic():
        DeskOfferFactory(team=team, occupant=offer.occupant)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.DECLINED, State.WITHDRAWN])
def test_offer_that_ended_says_when(team, state):
    with pytest.raises(IntegrityError), transaction.atomic():
        DeskOfferFactory(team=team, state=state)


# -- what the forms hold -----------------------------------------------------------------------


def test_person_of_another_company_is_no_member(team, globex):
    with pytest.raises(ValidationError, match="another company"):
        TeamMembership(team=team, occupant=OccupantFactory(company=globex)).full_clean()


def test_team_does_not_sit_in_another_company(team, globex):
    team.neighbourhood = NeighbourhoodFactory(company=globex)
    with pytest.raises(ValidationError, match="another company"):
        team.full_clean()


def test_team_with_members_does_not_move_to_another_company(team, pat, globex):
    team.company, team.neighbourhood = globex, None
    with pytest.raises(ValidationError, match="another company"):
        team.full_clean()


def test_second_team_of_a_name_is_refused_in_words(team):
    twin = Team(company=team.company, name=team.name.upper())
    with pytest.raises(ValidationError, match="has a team of this name"):
        twin.full_clean()


def test_desk_is_in_no_neighbourhood_of_another_floor(place, globex):
    desk = DeskFactory(company=globex)
    desk.neighbourhood = place
    with pytest.raises(ValidationError, match="another floor"):
        desk.full_clean()


def test_neighbourhoods_are_those_of_the_company(acme, globex, place):
    NeighbourhoodFactory(company=globex)
    assert list(Neighbourhood.objects.of(acme)) == [place]


# -- offering ----------------------------------------------------------------------------------


def test_member_without_a_desk_is_offered_one_of_the_neighbourhood(team, pat, place):
    DeskFactory(company=team.company)  # free too, but elsewhere
    assert seating.offer_desks(team) == 1
    [offer] = offers()
    assert (offer.team, offer.occupant, offer.state) == (team, pat, State.OPEN)
    assert offer.desk == place.desks.order_by("label").first()
    assert offer.offered_at - team.created_at < timedelta(minutes=1)


def test_nobody_is_offered_a_second_desk(team, pat):
    seating.offer_desks(team)
    assert seating.offer_desks(team) == 0
    assert len(offers()) == 1


def test_whom_another_team_offers_a_desk_is_passed_over(team, pat):
    DeskOfferFactory(occupant=pat)
    assert seating.offer_desks(team) == 0


def test_whoever_has_a_desk_keeps_it_and_is_offered_none(team, pat):
    seated = seat(pat)
    seating.follow_team(team, added=[pat.pk])
    assert (offers(), DeskAssignment.objects.get()) == ([], seated)


def test_deactivated_member_is_offered_none(team):
    TeamMembershipFactory(team=team, occupant__is_active=False)
    assert seating.offer_desks(team) == 0


def test_who_is_in_no_team_is_offered_none(team, acme):
    OccupantFactory(company=acme)
    TeamMembershipFactory(team=TeamFactory(company=acme))
    assert seating.offer_desks(team) == 0


def test_team_without_a_neighbourhood_offers_nothing(acme, place, django_assert_num_queries):
    team = TeamMembershipFactory(team__company=acme).team
    with django_assert_num_queries(0):
        assert seating.offer_desks(team) == 0


def test_where_desks_are_scarce_those_who_joined_first_get_them(team, place):
    people = [TeamMembershipFactory(team=team).occupant for _ in range(4)]
    TeamMembership.objects.filter(occupant=people[0]).update(joined_at="2040-01-01T00:00Z")
    seat(people[1], place.desks.last())
    assert seating.offer_desks(team) == 2
    assert {offer.occupant for offer in offers()} == {people[2], people[3]}
    assert not place.desks.offerable().exists()


def test_desk_that_becomes_free_is_offered_with_the_next_change(team, pat, place):
    seated = [seat(OccupantFactory(company=pat.company), desk) for desk in place.desks.all()]
    seating.offer_desks(team)
    assert offers() == []
    DeskAssignment.objects.filter(pk=seated[0].pk).free()
    seating.follow_team(team, added=[pat.pk])
    assert [offer.desk for offer in offers()] == [seated[0].desk]


def test_offer_that_was_overtaken_gives_way_to_another(team, pat):
    seating.offer_desks(team)
    [first] = offers()
    seat(OccupantFactory(company=pat.company), first.desk)
    assert seating.offer_desks(team) == 1
    [first, second] = offers()
    assert (first.state, second.state) == (State.WITHDRAWN, State.OPEN)
    assert first.desk != second.desk


def test_two_teams_of_one_neighbourhood_offer_different_desks(acme, team, pat, place):
    other = TeamMembershipFactory(team__company=acme, team__neighbourhood=place).team
    assert [seating.offer_desks(t) for t in (team, other)] == [1, 1]
    assert len({offer.desk for offer in offers()}) == 2


@pytest.mark.parametrize("size", [1, 40])
def test_offering_costs_the_same_for_few_and_many(acme, size):
    team = TeamFactory(company=acme, neighbourhood=NeighbourhoodFactory(company=acme, desks=size))
    for _ in range(size):
        TeamMembershipFactory(team=team)
    with CaptureQueriesContext(connection) as queries:
        seating.follow_team(team, added=[1], removed=[1])
    assert len(offers()) == size
    statements = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(statements) == 4, statements


# -- withdrawing -------------------------------------------------------------------------------


def test_who_leaves_the_team_loses_the_offer_alone(team, pat):
    stays = DeskOfferFactory(team=team).occupant
    seated = seat(TeamMembershipFactory(team=team).occupant)
    elsewhere = DeskOfferFactory()
    seating.offer_desks(team)
    TeamMembership.objects.filter(team=team).exclude(occupant=stays).delete()
    seating.follow_team(team, removed=[pat.pk, seated.occupant_id])
    assert [offer.occupant for offer in offers(state=State.WITHDRAWN)] == [pat]
    assert {offer.occupant for offer in offers(state=State.OPEN)} == {stays, elsewhere.occupant}
    assert DeskAssignment.objects.current().get() == seated


def test_desk_of_somebody_who_left_is_offered_to_who_came(acme):
    place = NeighbourhoodFactory(company=acme, desks=1)
    team = TeamFactory(company=acme, neighbourhood=place)
    leaving, coming = OccupantFactory.create_batch(2, company=acme)
    team.members.add(leaving)
    seating.follow_team(team, added=[leaving.pk])
    team.members.set([coming])
    seating.follow_team(team, added=[coming.pk], removed=[leaving.pk])
    assert [offer.occupant for offer in offers(state=State.OPEN)] == [coming]


def test_deactivation_withdraws_and_reactivation_offers_anew(scim, team):
    pat = scim.create(userName="pat@acme.example").json()
    team.members.add(team.company.occupants.get())
    seating.offer_desks(team)
    for active, states in ((False, [State.WITHDRAWN]), (True, [State.WITHDRAWN, State.OPEN])):
        scim.modify(pat["id"], {"op": "replace", "path": "active", "value": active})
        assert [offer.state for offer in offers()] == states


def test_who_gets_the_old_desk_back_is_offered_none(scim, team):
    pat = scim.create(userName="pat@acme.example").json()
    person = team.company.occupants.get()
    team.members.add(person)
    seat(person)
    for active in (False, True):
        scim.modify(pat["id"], {"op": "replace", "path": "active", "value": active})
    assert DeskAssignment.objects.of(person).current().exists()
    assert offers() == []


def test_who_is_in_no_team_comes_back_without_an_offer(scim, team):
    pat = scim.create(userName="pat@acme.example").json()
    for active in (False, True):
        scim.modify(pat["id"], {"op": "replace", "path": "active", "value": active})
    assert offers() == []


# -- answering ---------------------------------------------------------------------------------


def test_accepted_desk_is_theirs(team):
    offer = DeskOfferFactory(team=team)
    assert seating.accept(offer).occupant == offer.occupant
    assert DeskAssignment.objects.current().get().desk == offer.desk
    [offer] = offers()
    assert (offer.state, offer.ended_at is None) == (State.ACCEPTED, False)


def test_if_accepted_twice_then_the_second_is_refused(team):
    offer = DeskOfferFactory(team=team)
    seating.accept(offer)
    with pytest.raises(seating.DeskTaken):
        seating.accept(offer)
    assert DeskAssignment.objects.count() == 1


@pytest.mark.parametrize("taken", ["the desk", "the person"])
def test_offer_that_was_overtaken_cannot_be_accepted(team, taken):
    offer = DeskOfferFactory(team=team)
    if taken == "the desk":
        seat(OccupantFactory(company=team.company), offer.desk)
    else:
        seat(offer.occupant)
    with pytest.raises(seating.DeskTaken):
        seating.accept(offer)
    assert [offer.state for offer in offers()] == [State.WITHDRAWN]
    assert DeskAssignment.objects.count() == 1


def test_no_is_no_until_they_join_anew(team, pat):
    seating.offer_desks(team)
    seating.decline(offers()[0])
    assert seating.offer_desks(team) == 0
    team.members.clear()
    team.members.add(pat)
    assert seating.offer_desks(team) == 1
    assert [offer.state for offer in offers()] == [State.DECLINED, State.OPEN]


def test_declined_desk_is_offered_to_somebody_else(acme):
    place = NeighbourhoodFactory(company=acme, desks=1)
    team = TeamMembershipFactory(team__company=acme, team__neighbourhood=place).team
    seating.offer_desks(team)
    other = TeamMembershipFactory(team=team).occupant
    seating.decline(offers()[0])
    seating.follow_team(team, added=[other.pk])
    assert [offer.occupant for offer in offers(state=State.OPEN)] == [other]
