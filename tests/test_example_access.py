"""Somebody who supports one company sees nothing of the others in the example project's admin."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.urls import reverse

from example_project.workplace.access import companies_of
from example_project.workplace.models import (
    ApiKey,
    Company,
    Desk,
    DeskAssignment,
    DeskOffer,
    Floor,
    Location,
    Neighbourhood,
    Occupant,
    Team,
    TeamMembership,
)
from maptician_scim.models import Event, Token
from tests.factories import CompanyFactory, DeskFactory, OccupantFactory

MODELS = [Company, Occupant, Location, Floor, Desk, DeskAssignment, ApiKey]
MODELS += [Neighbourhood, Team, TeamMembership, DeskOffer]
HINT = "Zyx"  # stands in everything of the other company, and nowhere else


@pytest.fixture
def group(acme):
    group = Group.objects.create(name="Acme support")
    acme.support_group = group
    acme.save()
    return group


@pytest.fixture
def supporter(group):
    """Of acme's support, with every permission on the project's models."""
    user = OccupantFactory(company=None, username="support", is_staff=True)
    group.permissions.set(Permission.objects.filter(content_type__app_label="workplace"))
    user.groups.add(group)
    return user


@pytest.fixture
def browser(client, supporter):
    client.force_login(supporter)
    return client


@pytest.fixture
def own(acme):
    """A desk of acme's, and who sits there."""
    return furnish(acme, "Own")


@pytest.fixture
def foreign(db):
    """The same of another company, which has a support group too."""
    group = Group.objects.create(name=f"{HINT} support")
    return furnish(CompanyFactory(subdomain="zyx", name=HINT, support_group=group), HINT)


def furnish(company, word):
    person = OccupantFactory(
        company=company, username=f"{word}@x.example", first_name=word, user_type=f"{word} type"
    )
    location = Location.objects.create(company=company, name=f"{word} house", city=f"{word} city")
    floor = Floor.objects.create(location=location, name=f"{word} floor")
    place = Neighbourhood.objects.create(floor=floor, name=f"{word} corner")
    desk = DeskFactory(floor=floor, neighbourhood=place, label=f"{word}-1")
    team = Team.objects.create(company=company, name=f"{word} team", neighbourhood=place)
    key, _ = ApiKey.objects.issue(person, f"{word} key")
    return {
        Company: company,
        Occupant: person,
        Location: location,
        Floor: floor,
        Desk: desk,
        DeskAssignment: DeskAssignment.objects.create(desk=desk, occupant=person),
        ApiKey: key,
        Neighbourhood: place,
        Team: team,
        TeamMembership: TeamMembership.objects.create(team=team, occupant=person),
        DeskOffer: DeskOffer.objects.create(team=team, occupant=person, desk=desk),
    }


def page(model, name, *args):
    return reverse(f"admin:workplace_{model._meta.model_name}_{name}", args=args)


by_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


# -- companies_of ----------------------------------------------------------------------------


def test_superuser_may_see_all_companies(acme, globex):
    assert set(companies_of(OccupantFactory(staff=True))) == {acme, globex}


def test_supporter_may_see_the_companies_of_their_groups(acme, globex, supporter):
    assert list(companies_of(supporter)) == [acme]


def test_company_supported_by_two_of_their_groups_is_seen_once(acme, supporter):
    supporter.groups.add(Group.objects.create(name="More"))
    assert list(companies_of(supporter)) == [acme]


def test_staff_in_no_group_may_see_none(acme):
    assert not companies_of(OccupantFactory(company=None, is_staff=True)).exists()


def test_nobody_in_particular_may_see_none(acme):
    assert not companies_of(AnonymousUser()).exists()


def test_if_the_group_is_deleted_then_the_company_stays(acme, group):
    group.delete()
    acme.refresh_from_db()
    assert acme.support_group is None


# -- pages -----------------------------------------------------------------------------------


@by_model
def test_list_and_its_filters_show_their_own_company_only(browser, own, foreign, model):
    answer = browser.get(page(model, "changelist"))
    assert list(answer.context["cl"].queryset) == [own[model]]
    assert HINT not in answer.content.decode()


@by_model
def test_superuser_sees_both_companies(admin_client, own, foreign, model):
    listed = set(admin_client.get(page(model, "changelist")).context["cl"].queryset)
    assert {own[model], foreign[model]} <= listed


@by_model
def test_row_of_another_company_is_as_one_that_is_not_there(browser, own, foreign, model):
    there = browser.get(page(model, "change", foreign[model].pk), follow=True)
    missing = browser.get(page(model, "change", 4711), follow=True)
    assert said(there).replace(f"“{foreign[model].pk}”", "“4711”") == said(missing)
    assert HINT not in there.content.decode()


def said(answer):
    return repr([answer.redirect_chain, *map(str, answer.context["messages"])])


@by_model
@pytest.mark.parametrize("view", ["history", "delete"])
def test_other_pages_of_such_a_row_do_not_open(browser, own, foreign, model, view):
    answer = browser.get(page(model, view, foreign[model].pk), follow=True)
    assert HINT not in answer.content.decode()


@by_model
def test_form_of_their_own_row_names_nothing_else(browser, own, foreign, model):
    answer = browser.get(page(model, "change", own[model].pk))
    assert answer.status_code == 200
    assert HINT not in answer.content.decode()


AUTOCOMPLETES = [
    (Occupant, "company"),
    (Location, "company"),
    (Floor, "location"),
    (Desk, "floor"),
    (Desk, "neighbourhood"),
    (DeskAssignment, "desk"),
    (DeskAssignment, "occupant"),
    (Neighbourhood, "floor"),
    (Team, "company"),
    (Team, "neighbourhood"),
    (TeamMembership, "team"),
    (TeamMembership, "occupant"),
]


def test_every_autocomplete_of_the_project_is_tested():
    known = {
        (model, name)
        for model in MODELS
        for name in admin.site.get_model_admin(model).autocomplete_fields
    }
    assert known == set(AUTOCOMPLETES)


@pytest.mark.parametrize(
    ("model", "field"), AUTOCOMPLETES, ids=[f"{m.__name__}.{f}" for m, f in AUTOCOMPLETES]
)
def test_autocomplete_offers_their_own_company_only(browser, own, foreign, model, field):
    asked = {"app_label": "workplace", "model_name": model._meta.model_name, "field_name": field}
    answer = browser.get(reverse("admin:autocomplete"), asked)
    target = model._meta.get_field(field).related_model
    assert [result["id"] for result in answer.json()["results"]] == [str(own[target].pk)]


@pytest.mark.parametrize(
    ("model", "field"), AUTOCOMPLETES, ids=[f"{m.__name__}.{f}" for m, f in AUTOCOMPLETES]
)
def test_row_of_another_company_cannot_be_chosen_by_its_number(browser, own, foreign, model, field):
    # Who is in which team is chosen once.
    view = ["add"] if model is TeamMembership else ["change", own[model].pk]
    form = browser.get(page(model, *view)).context["adminform"].form
    target = model._meta.get_field(field).related_model
    assert form.fields[field].queryset.filter(pk=own[target].pk).exists()
    assert not form.fields[field].queryset.filter(pk=foreign[target].pk).exists()


# -- rights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["is_staff", "is_superuser", "groups", "user_permissions"])
def test_supporter_gives_no_rights(browser, admin_client, own, name):
    form = page(Occupant, "change", own[Occupant].pk)
    assert name not in browser.get(form).context["adminform"].form.fields
    assert name in admin_client.get(form).context["adminform"].form.fields


def test_supporter_still_deactivates_people(browser, own):
    form = browser.get(page(Occupant, "change", own[Occupant].pk)).context["adminform"].form
    assert "is_active" in form.fields


def test_supporter_does_not_say_who_supports(browser, own):
    form = browser.get(page(Company, "change", own[Company].pk)).context["adminform"].form
    assert set(form.fields) == {"name", "subdomain"}


def test_supporter_does_not_change_a_superuser(browser, own):
    Occupant.objects.filter(pk=own[Occupant].pk).update(is_superuser=True)
    password = reverse("admin:auth_user_password_change", args=[own[Occupant].pk])
    form = page(Occupant, "change", own[Occupant].pk)
    assert browser.get(password).status_code == 403
    assert browser.post(form, {"username": "mine"}).status_code == 403


# -- a customer who leaves ---------------------------------------------------------------------


def test_company_without_people_goes_with_its_tokens_and_its_log(client, acme, scim, admin_user):
    scim.create(userName="")  # refused, and in the log with the token
    client.force_login(admin_user)
    answer = client.post(reverse("admin:workplace_company_delete", args=[acme.pk]), {"post": "yes"})
    assert answer.status_code == 302
    assert not Company.objects.exists()
    assert not Token.objects.exists()
    assert not Event.objects.exists()


def test_token_that_is_in_the_log_is_not_deleted_by_itself(client, acme, scim, admin_user):
    scim.create(userName="")
    client.force_login(admin_user)
    token = Token.objects.get()
    page = reverse("admin:maptician_scim_token_delete", args=[token.pk])
    assert client.post(page, {"post": "yes"}).status_code == 403
    event = reverse("admin:maptician_scim_event_delete", args=[Event.objects.get().pk])
    assert client.post(event, {"post": "yes"}).status_code == 403
    assert Token.objects.exists()
    assert Event.objects.exists()
