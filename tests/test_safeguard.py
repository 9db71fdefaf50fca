"""What the safeguard counts, whom it tells, and what an admin's decision does."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, connections

from maptician_scim import rehearsal, safeguard, signals
from maptician_scim.explanations import sentence
from maptician_scim.linking import link_users
from maptician_scim.models import (
    Brake,
    Connection,
    Departure,
    Event,
    HeldBack,
    ProvisionedUser,
    Token,
    now,
)
from tests.client import USER, ScimClient
from tests.factories import OccupantFactory
from tests.live import at_once
from tests.test_queries import Counted

OFF = {"op": "replace", "value": {"active": False}}
OPS = ["ops@maptician.example"]


class BrokenBackend(BaseEmailBackend):
    """What a mail service's own library may raise."""

    def send_messages(self, messages):
        raise RuntimeError("quota exceeded")


@pytest.fixture
def guard(acme):
    """A function: acme's safeguard with these thresholds."""

    def switch(people=2, percent=0, **values):
        Connection.objects.update_or_create(
            tenant=acme,
            defaults={"safeguard": "on", "safeguard_people": people, "safeguard_percent": percent}
            | values,
        )

    return switch


@pytest.fixture
def crowd(acme, scim):
    """A function: the ids of so many new people."""

    def make(size):
        scim.search()  # the token has been used this minute
        users = OccupantFactory.build_batch(size, company=acme)
        type(users[0]).objects.bulk_create(users)
        link_users(acme)
        found = ProvisionedUser.objects.for_tenant(acme).order_by("id")
        return [str(scim_id) for scim_id in found.values_list("scim_id", flat=True)]

    return make


def leave(scim, ids):
    """The status of each deactivation."""
    return [scim.modify(scim_id, OFF).status_code for scim_id in ids]


@pytest.fixture
def tripped(guard, scim, crowd):
    """Two people have left, the third and the fourth were held back: those two."""
    guard(people=2)
    ids = crowd(5)
    assert leave(scim, ids[:4]) == [200, 200, 429, 429]
    return ids[2:4]


# -- how many -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "percent", "size", "limit"),
    [(2, 0, 10, 2), (2, 50, 10, 5), (6, 50, 10, 6), (1, 25, 7, 1), (1, 100, 3, 3)],
    ids=["number", "share", "number is larger", "share is rounded down", "all"],
)
def test_larger_of_number_and_share_counts(guard, scim, crowd, people, percent, size, limit):
    guard(people, percent)
    statuses = leave(scim, crowd(size))
    assert statuses == [200] * limit + [429] * (size - limit)


def test_share_is_of_the_people_active_before(guard, scim, crowd, acme):
    """Five had left long ago: a fifth of the other ten are two."""
    guard(people=1, percent=20)
    ids = crowd(15)
    acme.occupants.filter(scim_records__scim_id__in=ids[:5]).update(is_active=False)
    assert leave(scim, ids[5:8]) == [200, 200, 429]


def test_share_follows_people_who_come(guard, scim, crowd):
    guard(people=1, percent=50)
    assert leave(scim, crowd(4)[:2]) == [200, 200]
    assert leave(scim, crowd(4)[2:4]) == [200, 200]


def test_without_own_thresholds_those_of_the_settings_hold(guard, scim, crowd, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {
        "SAFEGUARD_PEOPLE": 1,
        "SAFEGUARD_PERCENT": 0,
    }
    guard(people=None, percent=None)
    assert leave(scim, crowd(2)) == [200, 429]


@pytest.mark.parametrize(
    ("setting", "own", "is_on"),
    [(False, "", False), (True, "", True), (True, "off", False), (False, "on", True)],
)
def test_tenants_choice_goes_before_the_setting(acme, settings, setting, own, is_on):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"SAFEGUARD": setting}
    assert Connection(tenant=acme, safeguard=own).is_guarded is is_on


def test_who_left_an_hour_ago_does_not_count_any_more(guard, scim, crowd):
    guard(people=2)
    ids = crowd(3)
    leave(scim, ids[:2])
    Departure.objects.update(left_at=now() - timedelta(minutes=59))
    assert leave(scim, ids[2:]) == [429]
    Brake.objects.all().delete()
    Departure.objects.update(left_at=now() - timedelta(minutes=61))
    assert leave(scim, ids[2:]) == [200]
    assert Departure.objects.count() == 1


def test_post_that_takes_somebody_up_as_inactive_counts(guard, scim, crowd, acme):
    guard(people=1)
    first, second = crowd(2)
    user = ProvisionedUser.objects.get(scim_id=second).user
    user_name = scim.read(second).json()["userName"]
    scim.remove(second)
    user.is_active = True
    user.save()
    Departure.objects.all().delete()
    leave(scim, [first])
    answer = scim.create(userName=user_name, active=False)
    assert answer.status_code == 429
    user.refresh_from_db()
    assert user.is_active
    held = HeldBack.objects.get()
    assert (held.resource_id, held.name, held.key) == ("", user_name, str(user.pk))


def test_who_is_deleted_for_good_counts_too(guard, scim, crowd):
    guard(people=1, delete_behaviour="delete")
    first, second = crowd(2)
    assert [scim.remove(first).status_code, scim.remove(second).status_code] == [204, 429]


def test_refusal_for_another_reason_counts_nobody(guard, scim, crowd):
    guard(people=1)
    first, second = crowd(2)
    taken = scim.read(first).json()["userName"]
    body = {"schemas": [USER], "userName": taken, "active": False}
    assert scim.replace(second, body).status_code == 409
    assert not Departure.objects.exists()


# -- what it costs --------------------------------------------------------------------------------


def statements(call):
    with Counted(connection) as counted:
        call()
    return counted.statements


@pytest.mark.parametrize("size", [10, 1000])
def test_deactivation_costs_four_more_whatever_the_size(guard, scim, crowd, acme, size):
    ids = crowd(size)
    without = statements(lambda: leave(scim, ids[:1]))
    assert not any("brake" in sql or "departure" in sql for sql in without)
    guard(people=size)
    leave(scim, ids[1:2])  # the brake has its row now
    Departure.objects.add(acme, "", map(str, range(size // 2)))
    # The brake, who has left; who left long ago is forgotten, who leaves is noted.
    assert len(statements(lambda: leave(scim, ids[-1:]))) == len(without) + 4


def test_other_writes_cost_nothing_more(guard, scim, crowd):
    title = {"op": "replace", "path": "title", "value": "Clerk"}
    [scim_id] = crowd(1)
    without = statements(lambda: scim.modify(scim_id, title))
    guard()
    title["value"] = "Boss"
    assert len(statements(lambda: scim.modify(scim_id, title))) == len(without)


def test_active_people_are_counted_once_an_hour(guard, scim, crowd):
    guard(people=1, percent=100)
    ids = crowd(9)
    leave(scim, ids[:2])

    def counts():
        sqls = statements(lambda: leave(scim, [ids.pop()]))
        return [sql for sql in sqls if "is_active" in sql and "COUNT" in sql]

    assert counts() == []
    Brake.objects.update(counted_at=now() - timedelta(minutes=61))
    assert len(counts()) == 1


# -- the list, and who is told --------------------------------------------------------------------


def test_list_says_who_when_how_often_and_with_which_token(tripped, scim, acme):
    first = HeldBack.objects.get(resource_id=tripped[0])
    leave(scim, tripped[:1])
    again = HeldBack.objects.get(resource_id=tripped[0])
    assert (again.attempts, again.first_at) == (2, first.first_at)
    assert again.last_at > first.last_at
    assert again.token == Token.objects.get()
    assert again.name == scim.read(tripped[0]).json()["userName"]
    assert set(HeldBack.objects.values_list("resource_id", flat=True)) == set(tripped)


@pytest.fixture
def heard():
    """What a host hears by the signal."""
    found = []

    def receive(sender, tenant, limit, tripped_at, **kwargs):
        found.append((sender, tenant, limit, tripped_at))

    signals.safeguard_tripped.connect(receive)
    yield found
    signals.safeguard_tripped.disconnect(receive)


@pytest.fixture
def emails(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"SAFEGUARD_EMAILS": OPS}


@pytest.mark.django_db(transaction=True)
def test_admins_are_told_once_by_signal_and_by_email(heard, emails, tripped, acme):
    assert heard == [(Brake, acme, 2, Brake.objects.get().tripped_at)]
    [message] = mail.outbox
    assert message.to == OPS
    assert message.subject == "SCIM of Acme: the safeguard has stopped a mass deactivation"
    assert "more than 2 people" in message.body


@pytest.mark.django_db(transaction=True)
def test_next_trip_is_told_again(heard, emails, tripped, acme, scim):
    safeguard.release(acme, "boss")
    Brake.objects.update(released_until=now())
    assert leave(scim, tripped) == [200, 200]
    [last] = ProvisionedUser.objects.filter(user__is_active=True).values_list("scim_id", flat=True)
    assert leave(scim, [last]) == [429]
    assert (len(heard), len(mail.outbox)) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_mail_server_that_fails_leaves_the_answer_alone(heard, emails, settings, guard, request):
    settings.EMAIL_BACKEND = f"{__name__}.BrokenBackend"
    tripped = request.getfixturevalue("tripped")
    assert HeldBack.objects.count() == len(tripped)
    assert len(heard) == 1


@pytest.mark.django_db(transaction=True)
def test_without_addresses_nobody_is_written_to(heard, tripped):
    assert (len(heard), mail.outbox) == (1, [])


def test_log_has_the_trip_the_refusals_and_the_decisions(tripped, acme):
    safeguard.keep(acme, "boss")
    safeguard.release(acme, "boss")
    events = Event.objects.for_tenant(acme).order_by("pk")
    found = [(event.verb, event.status) for event in events if event.verb != "deactivate"]
    assert found == [("trip", 200), ("patch", 429), ("patch", 429), ("keep", 200), ("release", 200)]
    assert sentence(events.get(verb="trip")) == (
        "The safeguard has stopped A client without a name, which wanted to take more than 2 "
        "people away within an hour."
    )
    assert sentence(events.get(verb="keep")) == "boss kept the brake of the safeguard."
    assert sentence(events.get(verb="release")) == "boss released the brake of the safeguard."


# -- what an admin decides ------------------------------------------------------------------------


def test_release_takes_those_who_come_again_off_the_list(tripped, scim, acme):
    assert safeguard.release(acme, "boss")
    assert leave(scim, tripped[:1]) == [200]
    assert list(HeldBack.objects.values_list("resource_id", flat=True)) == tripped[1:]


def test_release_lasts_longer_than_clients_are_told_to_wait():
    assert timedelta(seconds=safeguard.RETRY_AFTER) < safeguard.RELEASED_FOR


def test_after_a_release_it_counts_anew(tripped, scim, acme, crowd):
    safeguard.release(acme, "boss")
    leave(scim, tripped)
    Brake.objects.update(released_until=now())
    assert leave(scim, crowd(3)[-4:]) == [200, 200, 429, 429]


def test_brake_does_not_let_go_by_itself(tripped, scim):
    hours_ago = now() - timedelta(hours=5)
    Brake.objects.update(tripped_at=hours_ago)
    Departure.objects.update(left_at=hours_ago)
    assert leave(scim, tripped) == [429, 429]


def test_who_is_refused_while_an_admin_releases_is_not_listed(tripped, acme, scim, monkeypatch):
    HeldBack.objects.all().delete()
    hold_back = safeguard.hold_back

    def too_late(origin, stopped):
        safeguard.release(acme, "boss")
        hold_back(origin, stopped)

    monkeypatch.setattr(safeguard, "hold_back", too_late)
    assert leave(scim, tripped[:1]) == [429]
    assert not HeldBack.objects.exists()
    assert not Brake.objects.get().is_on


@pytest.mark.parametrize("decide", [safeguard.release, safeguard.keep])
def test_decision_is_made_once(tripped, acme, decide):
    assert decide(acme, "boss") is True
    assert decide(acme, "boss") is False


@pytest.mark.parametrize("decide", [safeguard.release, safeguard.keep])
def test_without_a_brake_there_is_nothing_to_decide(acme, decide):
    assert decide(acme, "boss") is False
    assert not Event.objects.exists()


def test_rehearsal_counts_nobody_and_stops_nobody(guard, scim, crowd):
    guard(people=1)
    ids = crowd(3)
    with rehearsal.rehearsing():
        assert leave(scim, ids) == [200, 200, 200]
    assert not Departure.objects.exists()
    assert not Brake.objects.exists()


# -- at the same moment ---------------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leaving", ["deactivate", "delete"])
def test_of_fifty_at_once_exactly_as_many_pass_as_may(guard, scim, crowd, acme, leaving):
    guard(people=10)
    ids = crowd(50)

    def go(scim_id):
        client = ScimClient("acme", scim.secret)
        try:
            if leaving == "delete":
                return client.remove(scim_id).status_code
            return client.modify(scim_id, OFF).status_code
        finally:
            connections.close_all()

    statuses = at_once(*[lambda scim_id=scim_id: go(scim_id) for scim_id in ids])
    assert sorted(statuses) == [204 if leaving == "delete" else 200] * 10 + [429] * 40
    assert acme.occupants.filter(is_active=True).count() == 40
    assert HeldBack.objects.count() == 40
    assert Event.objects.filter(verb="trip").count() == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks")
@pytest.mark.django_db(transaction=True)
def test_whoever_is_counted_makes_only_those_wait_who_are_counted_too(guard, scim, crowd):
    guard(people=10)
    ids = crowd(3)
    leave(scim, ids[:1])
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM maptician_scim_brake FOR UPDATE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        title = scim.modify(ids[1], {"op": "replace", "path": "title", "value": "Clerk"})
        created = scim.create(userName="new@acme.example")
        group = scim.push("All", ids)
        emptied = scim.modify_group(group.json()["id"], {"op": "remove", "path": "members"})
        waiting = scim.modify(ids[1], OFF)
    finally:
        other.rollback()
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
    passed = [answer.status_code for answer in (title, created, group, emptied)]
    assert passed == [200, 201, 201, 200]
    assert waiting.status_code == 503
