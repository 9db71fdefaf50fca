"""Teams of the example project: who is in them, and the desks their members are offered."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

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


def test_membership_that_sql_writes_begins_now_and_leads_nobody(team, acme):
    values = [team.pk, OccupantFactory(company=acme).pk]
    with connection.cursor() as cursor:
        table = "workplace_teammembership"
        cursor.execute(f"INSERT INTO {table} (team_id, occupant_id) VALUES (%s, %s)", values)
    member = TeamMembership.objects.get()
    assert abs(member.joined_at - team.created_at) < timedelta(minutes=1)
    assert member.is_lead is False


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
    assert seating.arrange_offers(team) == 1
    [offer] = offers()
    assert (offer.team, offer.occupant, offer.state) == (team, pat, State.OPEN)
    assert offer.desk == place.desks.order_by("label").first()
    assert offer.offered_at - team.created_at < timedelta(minutes=1)


def test_nobody_is_offered_a_second_desk(team, pat):
    seating.arrange_offers(team)
    assert seating.arrange_offers(team) == 0
    assert len(offers()) == 1


def test_whom_another_team_offers_a_desk_is_passed_over(team, pat):
    DeskOfferFactory(occupant=pat)
    assert seating.arrange_offers(team) == 0


def test_whoever_has_a_desk_keeps_it_and_is_offered_none(team, pat):
    seated = seat(pat)
    seating.arrange_offers(team)
    assert (offers(), DeskAssignment.objects.get()) == ([], seated)


def test_deactivated_member_is_offered_none(team):
    TeamMembershipFactory(team=team, occupant__is_active=False)
    assert seating.arrange_offers(team) == 0


def test_who_is_in_no_team_is_offered_none(team, acme):
    OccupantFactory(company=acme)
    TeamMembershipFactory(team=TeamFactory(company=acme))
    assert seating.arrange_offers(team) == 0


def test_team_without_a_neighbourhood_offers_nothing(acme, place):
    team = TeamMembershipFactory(team__company=acme).team
    assert seating.arrange_offers(team) == 0


def test_where_desks_are_scarce_those_who_joined_first_get_them(team, place):
    people = [TeamMembershipFactory(team=team).occupant for _ in range(4)]
    TeamMembership.objects.filter(occupant=people[0]).update(joined_at="2040-01-01T00:00Z")
    seat(people[1], place.desks.last())
    assert seating.arrange_offers(team) == 2
    assert {offer.occupant for offer in offers()} == {people[2], people[3]}
    assert not place.desks.offerable().exists()


def test_desk_that_becomes_free_is_offered_with_the_next_change(team, pat, place):
    seated = [seat(OccupantFactory(company=pat.company), desk) for desk in place.desks.all()]
    seating.arrange_offers(team)
    assert offers() == []
    DeskAssignment.objects.filter(pk=seated[0].pk).free()
    seating.arrange_offers(team)
    assert [offer.desk for offer in offers()] == [seated[0].desk]


def test_offer_that_was_overtaken_gives_way_to_another(team, pat):
    seating.arrange_offers(team)
    [first] = offers()
    seat(OccupantFactory(company=pat.company), first.desk)
    assert seating.arrange_offers(team) == 1
    [first, second] = offers()
    assert (first.state, second.state) == (State.WITHDRAWN, State.OPEN)
    assert first.desk != second.desk


def test_two_teams_of_one_neighbourhood_offer_different_desks(acme, team, pat, place):
    other = TeamMembershipFactory(team__company=acme, team__neighbourhood=place).team
    assert [seating.arrange_offers(t) for t in (team, other)] == [1, 1]
    assert len({offer.desk for offer in offers()}) == 2


@pytest.mark.parametrize("size", [1, 40])
def test_offering_costs_the_same_for_few_and_many(acme, size):
    team = TeamFactory(company=acme, neighbourhood=NeighbourhoodFactory(company=acme, desks=size))
    for _ in range(size):
        TeamMembershipFactory(team=team)
    with CaptureQueriesContext(connection) as queries:
        seating.arrange_offers(team)
    assert len(offers()) == size
    statements = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert len(statements) == 4, statements


# -- withdrawing -------------------------------------------------------------------------------


def test_who_leaves_the_team_loses_the_offer_alone(team, pat):
    stays = DeskOfferFactory(team=team).occupant
    seated = seat(TeamMembershipFactory(team=team).occupant)
    elsewhere = DeskOfferFactory()
    seating.arrange_offers(team)
    TeamMembership.objects.filter(team=team).exclude(occupant=stays).delete()
    seating.arrange_offers(team)
    assert [offer.occupant for offer in offers(state=State.WITHDRAWN)] == [pat]
    assert {offer.occupant for offer in offers(state=State.OPEN)} == {stays, elsewhere.occupant}
    assert DeskAssignment.objects.current().get() == seated


def test_team_that_sits_nowhere_any_more_offers_nothing(team, pat):
    seating.arrange_offers(team)
    team.neighbourhood = None
    seating.arrange_offers(team)
    assert [offer.state for offer in offers()] == [State.WITHDRAWN]


def test_desk_of_somebody_who_left_is_offered_to_who_came(acme):
    place = NeighbourhoodFactory(company=acme, desks=1)
    team = TeamFactory(company=acme, neighbourhood=place)
    leaving, coming = OccupantFactory.create_batch(2, company=acme)
    team.members.add(leaving)
    seating.arrange_offers(team)
    team.members.set([coming])
    seating.arrange_offers(team)
    assert [offer.occupant for offer in offers(state=State.OPEN)] == [coming]


@pytest.fixture
def switch(scim, django_capture_on_commit_callbacks):
    """A function: the identity provider deactivates somebody, or reactivates them."""

    def send(person, active):
        scim_id = person.scim_records.get().scim_id
        with django_capture_on_commit_callbacks(execute=True):
            scim.modify(scim_id, {"op": "replace", "path": "active", "value": active})

    return send


def test_deactivation_withdraws_and_reactivation_offers_anew(switch, team, pat):
    seating.arrange_offers(team)
    switch(pat, active=False)
    assert [offer.state for offer in offers()] == [State.WITHDRAWN]
    switch(pat, active=True)
    assert [offer.state for offer in offers()] == [State.WITHDRAWN, State.OPEN]
    assert offers()[1].team == team


def test_who_gets_the_old_desk_back_is_offered_none(switch, pat):
    seated = seat(pat)
    switch(pat, active=False)
    switch(pat, active=True)
    assert DeskAssignment.objects.current().get().desk == seated.desk
    assert offers() == []


def test_who_is_in_no_team_comes_back_without_an_offer(switch, acme, place):
    person = OccupantFactory(company=acme)
    switch(person, active=False)
    switch(person, active=True)
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
    seating.arrange_offers(team)
    seating.decline(offers()[0])
    assert seating.arrange_offers(team) == 0
    team.members.clear()
    team.members.add(pat)
    assert seating.arrange_offers(team) == 1
    assert [offer.state for offer in offers()] == [State.DECLINED, State.OPEN]


def test_declined_desk_is_offered_to_somebody_else(acme):
    place = NeighbourhoodFactory(company=acme, desks=1)
    team = TeamMembershipFactory(team__company=acme, team__neighbourhood=place).team
    seating.arrange_offers(team)
    other = TeamMembershipFactory(team=team).occupant
    seating.decline(offers()[0])
    seating.arrange_offers(team)
    assert [offer.occupant for offer in offers(state=State.OPEN)] == [other]


# -- the page "My desk" ------------------------------------------------------------------------


@pytest.fixture
def at_acme(client, pat):
    """A function: what Pat gets from an address of acme's, as text or as the answer."""
    client.force_login(pat)

    def go(path="/desk/", method="get"):
        answer = getattr(client, method)(path, headers={"host": "acme.localhost"}, follow=True)
        return answer.content.decode()

    return go


def test_page_shows_the_offer_and_accepting_makes_it_the_desk(at_acme, team):
    seating.arrange_offers(team)
    [offer] = offers()
    assert f"{team} offers you <strong>{offer.desk}</strong>" in at_acme()
    assert f"You sit at <strong>{offer.desk}</strong>" in at_acme(
        f"/desk/{offer.pk}/accept/", "post"
    )


def test_page_after_declining_shows_no_desk(at_acme, team):
    seating.arrange_offers(team)
    assert "You have none" in at_acme(f"/desk/{offers()[0].pk}/decline/", "post")
    assert [offer.state for offer in offers()] == [State.DECLINED]


def test_if_the_desk_is_taken_then_the_page_says_so_and_offers_another(at_acme, team):
    seating.arrange_offers(team)
    [offer] = offers()
    seat(OccupantFactory(company=team.company), offer.desk)
    page = at_acme(f"/desk/{offer.pk}/accept/", "post")
    assert f"{offer.desk} is no longer on offer." in page
    assert f"offers you <strong>{offers(state=State.OPEN)[0].desk}</strong>" in page


def test_page_marks_whom_they_lead(at_acme, team, pat):
    TeamFactory(company=team.company, name="Choir", members=[pat])
    assert "Team lead" not in at_acme()
    TeamMembership.objects.filter(team=team, occupant=pat).update(is_lead=True)
    page = at_acme()
    assert (page.count("Team lead"), "Choir" in page) == (1, True)


def test_page_costs_the_same_for_few_and_many_teams(at_acme, team, pat):
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            at_acme()
        costs.append(len(queries))
        for _ in range(5):
            TeamFactory(company=team.company, members=[pat])
    assert costs == [7, 7]


@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_offer_to_somebody_else_is_not_theirs_to_answer(client, at_acme, team, answer):
    offer = DeskOfferFactory(team=team)
    path = f"/desk/{offer.pk}/{answer}/"
    host = {"host": "acme.localhost"}
    assert client.post(path, headers=host).status_code == 404
    assert client.get(path, headers=host).status_code == 405
    assert offers()[0].state == State.OPEN


def test_answer_without_the_forms_token_is_refused(team, pat):
    seating.arrange_offers(team)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(pat)
    path = f"/desk/{offers()[0].pk}/accept/"
    assert browser.post(path, headers={"host": "acme.localhost"}).status_code == 403


@pytest.mark.parametrize(
    ("address", "status"), [("acme", 200), ("globex", 302), ("nobody", 404), ("", 404)]
)
def test_page_is_at_the_address_of_the_own_company_alone(client, pat, globex, address, status):
    client.force_login(pat)
    answer = client.get("/desk/", headers={"host": f"{address}.localhost".strip(".")})
    assert answer.status_code == status


def test_stranger_signs_in_first(client, acme):
    answer = client.get("/desk/", headers={"host": "acme.localhost"})
    assert answer["Location"] == "/login/?next=/desk/"


@pytest.mark.parametrize(("address", "status"), [("acme", 302), ("globex", 200)])
def test_password_lets_people_in_at_their_own_company(client, pat, globex, address, status):
    pat.set_password("Correct-Horse-1")
    pat.save()
    entered = {"username": pat.username, "password": "Correct-Horse-1"}
    answer = client.post("/login/", entered, headers={"host": f"{address}.localhost"})
    assert answer.status_code == status
    if status == 200:
        assert "enter a correct username and password" in answer.content.decode()


def test_address_of_no_company_lets_nobody_in(client, db):
    assert client.get("/login/", headers={"host": "localhost"}).status_code == 404


# -- the admin ---------------------------------------------------------------------------------


def test_saved_team_offers_its_members_desks(admin_client, acme, place):
    pat = OccupantFactory(company=acme)
    rows = {"0-occupant": pat.pk, "0-is_lead": "on", "TOTAL_FORMS": 1, "INITIAL_FORMS": 0}
    form = {"company": acme.pk, "name": "Design", "neighbourhood": place.pk}
    form |= {f"memberships-{name}": value for name, value in rows.items()}
    answer = admin_client.post(reverse("admin:workplace_team_add"), form, follow=True)
    assert "Members without a desk who were offered one: 1." in answer.content.decode()
    assert TeamMembership.objects.get(is_lead=True).occupant == pat
    assert [offer.occupant for offer in offers()] == [pat]


def test_team_that_moves_offers_desks_where_it_sits_now(admin_client, team, pat):
    seating.arrange_offers(team)
    there = NeighbourhoodFactory(company=team.company, desks=1)
    rows = {"0-id": team.memberships.get().pk, "0-occupant": pat.pk, "0-team": team.pk}
    rows |= {"TOTAL_FORMS": 1, "INITIAL_FORMS": 1}
    form = {"company": team.company_id, "name": team.name, "neighbourhood": there.pk}
    form |= {f"memberships-{name}": value for name, value in rows.items()}
    admin_client.post(reverse("admin:workplace_team_change", args=[team.pk]), form)
    assert [offer.desk for offer in offers(state=State.OPEN)] == [there.desks.get()]


@pytest.mark.parametrize("way", ["delete", "action"])
def test_membership_that_is_deleted_withdraws_the_offer(admin_client, team, pat, way):
    seating.arrange_offers(team)
    pk = team.memberships.get().pk
    if way == "delete":
        page = reverse("admin:workplace_teammembership_delete", args=[pk])
        admin_client.post(page, {"post": "yes"})
    else:
        act(admin_client, "teammembership", "delete_selected", pk)
    assert [offer.state for offer in offers()] == [State.WITHDRAWN]


def test_members_who_are_too_many_for_a_page_are_in_the_list_alone(
    admin_client, team, pat, monkeypatch
):
    page = reverse("admin:workplace_team_change", args=[team.pk])
    assert str(pat) in admin_client.get(page).content.decode()
    monkeypatch.setattr("example_project.workplace.admin.MEMBERS_ON_A_PAGE", 0)
    assert str(pat) not in admin_client.get(page).content.decode()
    listed = admin_client.get(reverse("admin:workplace_teammembership_changelist"))
    assert str(pat) in listed.content.decode()


def test_membership_that_is_added_by_itself_is_offered_a_desk(admin_client, acme, team):
    kim = OccupantFactory(company=acme)
    form = {"team": team.pk, "occupant": kim.pk}
    admin_client.post(reverse("admin:workplace_teammembership_add"), form)
    assert [offer.occupant for offer in offers()] == [kim]


def test_offer_can_be_withdrawn_by_hand(admin_client, team):
    offer = DeskOfferFactory(team=team)
    act(admin_client, "deskoffer", "withdraw", offer.pk)
    assert offers()[0].state == State.WITHDRAWN


def act(admin_client, model, action, pk):
    chosen = {"action": action, "_selected_action": pk, "post": "yes"}
    return admin_client.post(reverse(f"admin:workplace_{model}_changelist"), chosen)
