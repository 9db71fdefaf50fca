"""Where people belong to several tenants; run by ``tests/test_second_host.py``."""

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.test import Client

from maptician_scim.models import Event
from tests.clubs.models import Membership
from tests.clubs.scim import MemberAdapter

SHUT_OUT = {"op": "replace", "value": {"active": False}}


@pytest.fixture
def pat(acme, globex):
    """Somebody who is a member of both clubs."""
    user = User.objects.create(username="pat", email="pat@example.com", first_name="Pat")
    for club in (acme, globex):
        Membership.objects.create(user=user, club=club, position=f"At {club.subdomain}")
    return user


@pytest.fixture
def browser(pat):
    """Where Pat is logged in."""
    client = Client()
    client.force_login(pat)
    return client


def look_up(client, user_name):
    [found] = client.search(f'userName eq "{user_name}"').json()["Resources"]
    return found


def active_in(user):
    return list(user.memberships.filter(is_active=True).values_list("club__subdomain", flat=True))


def test_each_club_sees_its_own_membership(scim, other_scim, pat):
    mine, theirs = (look_up(client, "pat") for client in (scim, other_scim))
    assert (mine["title"], theirs["title"]) == ("At acme", "At globex")
    assert mine["id"] != theirs["id"]
    assert scim.search('title eq "At globex"').json()["totalResults"] == 0


def test_deactivation_ends_the_membership_and_leaves_the_person_active_elsewhere(
    scim, other_scim, pat
):
    theirs = look_up(other_scim, "pat")
    assert scim.modify(look_up(scim, "pat")["id"], SHUT_OUT).json()["active"] is False
    pat.refresh_from_db()
    assert (pat.is_active, active_in(pat)) == (True, ["globex"])
    assert look_up(other_scim, "pat") == theirs


def test_sessions_end_with_the_last_membership(scim, other_scim, pat, browser):
    scim.modify(look_up(scim, "pat")["id"], SHUT_OUT)
    assert get_user(browser).is_authenticated
    other_scim.modify(look_up(other_scim, "pat")["id"], SHUT_OUT)
    assert not get_user(browser).is_authenticated


@pytest.mark.parametrize("behaviour", ["deactivate", "delete"])
def test_delete_leaves_the_person_to_the_other_club(scim, other_scim, pat, settings, behaviour):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"DELETE_BEHAVIOUR": behaviour}
    theirs = look_up(other_scim, "pat")
    assert scim.remove(look_up(scim, "pat")["id"]).status_code == 204
    assert active_in(pat) == ["globex"]
    assert look_up(other_scim, "pat") == theirs


def test_an_adapter_that_knows_no_better_deletes_nobody_another_club_shares(
    scim, other_scim, pat, settings, monkeypatch
):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"DELETE_BEHAVIOUR": "delete"}
    monkeypatch.delattr(MemberAdapter, "delete")
    mine, theirs = (look_up(client, "pat") for client in (scim, other_scim))
    assert scim.remove(mine["id"]).status_code == 409
    assert (look_up(scim, "pat"), look_up(other_scim, "pat")) == (mine, theirs)


def test_membership_that_ends_outside_scim_ends_the_view(scim, other_scim, pat, acme):
    pat.memberships.get(club=acme).delete()
    assert scim.search().json()["totalResults"] == 0
    assert other_scim.search().json()["totalResults"] == 1


# -- one account, two clubs ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "evil@acme.example"},
        {"op": "replace", "path": "name.givenName", "value": "Evil"},
        {"op": "replace", "path": "password", "value": "Correct-Horse-1"},
    ],
    ids=["e-mail", "name", "password"],
)
def test_one_club_cannot_change_what_another_sees_or_lets_in(
    scim, other_scim, pat, settings, operation
):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"SET_PASSWORD": True}
    theirs, password = look_up(other_scim, "pat"), pat.password
    answer = scim.modify(look_up(scim, "pat")["id"], operation)
    assert (answer.status_code, Event.objects.get().reason) == (403, "shared")
    pat.refresh_from_db()
    assert pat.password == password
    assert look_up(other_scim, "pat") == theirs


def test_one_club_may_change_what_is_its_own(scim, other_scim, pat):
    theirs = look_up(other_scim, "pat")
    mine = look_up(scim, "pat") | {"userName": "patricia", "title": "Chair", "nickName": "P"}
    answer = scim.replace(mine["id"], mine)
    assert (answer.status_code, answer.json()["title"]) == (200, "Chair")
    pat.refresh_from_db()
    assert pat.username == "pat"
    assert look_up(other_scim, "pat") == theirs


def test_who_is_left_to_one_club_is_its_own_to_change(scim, pat, globex):
    pat.memberships.get(club=globex).delete()
    body = look_up(scim, "pat") | {"name": {"givenName": "Patricia"}}
    assert scim.replace(body["id"], body).json()["name"]["givenName"] == "Patricia"


# -- somebody of whom another tenant knows ------------------------------------------------------


@pytest.fixture
def stranger(globex):
    """A member of the other club, under the very username and e-mail acme is about to send."""
    user = User.objects.create(username="kim@x.example", email="kim@x.example", first_name="Kim")
    user.set_password("Correct-Horse-1")
    user.save()
    Membership.objects.create(user=user, club=globex)
    return user


def newcomer(user_name):
    emails = [{"type": "work", "value": user_name}]
    return {"userName": user_name, "emails": emails, "name": {"givenName": "New"}}


def as_others_would_be(resource, user_name):
    """A resource without what differs between any two."""
    text = {k: v for k, v in resource.items() if k not in ("id", "meta")}
    return str(text).replace(user_name, "?")


def test_creating_somebody_of_another_club_does_not_reveal_them(scim, stranger):
    known = scim.create(**newcomer("kim@x.example"))
    unknown = scim.create(**newcomer("nobody@x.example"))
    assert (known.status_code, unknown.status_code) == (201, 201)
    assert as_others_would_be(known.json(), "kim@x.example") == as_others_would_be(
        unknown.json(), "nobody@x.example"
    )


def test_creating_somebody_of_another_club_does_not_take_them_over(scim, other_scim, stranger):
    theirs = look_up(other_scim, "kim@x.example")
    mine = scim.create(**newcomer("kim@x.example")).json()
    scim.modify(mine["id"], SHUT_OUT)
    scim.remove(mine["id"])
    stranger.refresh_from_db()
    assert (stranger.first_name, active_in(stranger)) == ("Kim", ["globex"])
    assert stranger.check_password("Correct-Horse-1")
    assert look_up(other_scim, "kim@x.example") == theirs


def test_username_of_an_administrator_is_not_revealed_either(scim):
    root = User.objects.create_superuser("root")
    assert scim.create(userName="root").status_code == 201
    assert not root.memberships.exists()
