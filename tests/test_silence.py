"""The silence alarm learns a tenant's rhythm, and explains itself."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from maptician_scim import silence
from maptician_scim.activity import Hour, history, hour_of
from maptician_scim.models import Activity, Connection, Token, now

PRESENT = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


def hours(*ago, errors=0):
    """A history with a request in the hours so many hours ago."""
    moments = sorted(PRESENT - timedelta(hours=n) for n in ago)
    return [Hour(moment, 1, errors, moment) for moment in moments]


def every(step, *, first=0, until=480):
    return range(first, until, step)


def rhythm(found):
    return silence.rhythm(found, PRESENT)


def test_without_any_request_there_is_no_alarm():
    found = rhythm([])
    assert not found.is_alarming
    assert "No request has been let in yet" in found.explanation()


@pytest.mark.parametrize(("ago", "is_alarming"), [(5, False), (13, False), (15, True), (40, True)])
def test_silent_for_longer_than_the_longest_pause_is_alarming(ago, is_alarming):
    found = rhythm(hours(*every(13, first=ago, until=ago + 400)))
    assert found.longest_pause == timedelta(hours=13)
    assert found.is_alarming is is_alarming


def test_one_long_pause_is_usual():
    found = rhythm(hours(*every(1, first=40, until=100), *every(1, first=150, until=500)))
    assert found.longest_pause == timedelta(hours=51)
    assert not found.is_alarming


@pytest.mark.parametrize(("ago", "is_alarming"), [(3, False), (12, False), (13, True)])
def test_nobody_is_called_for_less_than_half_a_day(ago, is_alarming):
    assert rhythm(hours(*every(1, first=ago, until=500))).is_alarming is is_alarming


@pytest.mark.parametrize(
    "found",
    [hours(*every(1, first=100, until=400)), hours(*every(50, first=100, until=500))],
    ids=["less than two weeks", "fewer than ten hours"],
)
def test_with_too_little_history_there_is_no_alarm(found):
    assert rhythm(found).longest_pause is None
    assert not rhythm(found).is_alarming
    assert "two weeks" in rhythm(found).explanation()


def test_refused_requests_are_silence():
    known = hours(*every(1, first=60, until=500))
    assert rhythm([*known, *hours(*range(59, 0, -1), errors=1)]).is_alarming


def test_history_before_the_last_thirty_days_of_use_is_forgotten():
    found = rhythm(hours(1500, *every(10, first=20, until=600)))
    assert found.longest_pause == timedelta(hours=10)


def test_long_silence_does_not_make_itself_forgotten():
    assert rhythm(hours(*every(2, first=2000, until=2500))).is_alarming


def test_alarm_explains_itself():
    text = rhythm(hours(*every(14, first=40, until=460))).explanation().replace("\xa0", " ")
    assert text == (
        "The last request was 1 day, 16 hours ago; in the 30 days before it, the longest pause was "
        "14 hours."
    )


# -- history ------------------------------------------------------------------------------------


@pytest.fixture
def token(acme):
    return Token.objects.issue(tenant=acme, name="Okta")[0]


def test_use_that_is_not_counted_yet_is_one_request(acme, token):
    token.mark_used(None, "Okta")
    [hour] = history(acme)
    assert (hour.hour, hour.requests, hour.errors) == (hour_of(now()), 1, 0)
    assert hour.last == Token.objects.get().last_used_at


def test_history_is_the_tenants_own_and_in_order(acme, globex):
    this_hour = hour_of(now())
    for tenant, ago in ((acme, 1), (globex, 2), (acme, 3)):
        Activity.objects.add(tenant.pk, this_hour - timedelta(hours=ago), ago, 0)
    assert [hour.requests for hour in history(acme)] == [3, 1]


def test_history_ends_with_the_latest_hours_whatever_is_kept(acme):
    this_hour = hour_of(now())
    Activity.objects.bulk_create(
        Activity(tenant=acme, hour=this_hour - timedelta(hours=n), requests=n + 1)
        for n in range(1000)
    )
    found = history(acme)
    assert (len(found), found[-1].requests) == (720, 1)


# -- for monitoring ------------------------------------------------------------------------------


@pytest.fixture
def silent(acme, token):
    """acme, whose identity provider has fallen silent."""
    Activity.objects.bulk_create(
        Activity(tenant=acme, hour=hour_of(now()) - timedelta(hours=n), requests=1)
        for n in range(50, 500, 3)
    )
    return acme


def test_silent_tenant_is_named(silent, globex):
    [(tenant, found)] = silence.alarms([silent, globex])
    assert tenant == silent
    assert found.longest_pause == timedelta(hours=3)


def test_tenant_that_is_switched_off_is_not_named(silent):
    Connection.objects.create(tenant=silent, is_enabled=False)
    silent.refresh_from_db()
    assert not list(silence.alarms([silent]))


def test_tenant_without_a_token_in_force_is_not_named(silent, token):
    token.revoke()
    assert not list(silence.alarms([silent]))


def test_scim_token_check_tells_of_it(acme, capsys):
    Token.objects.issue(tenant=acme, name="Okta")
    Token.objects.update(first_used_at=now(), last_used_at=now() - timedelta(hours=40))
    for ago in range(40, 500, 5):
        Activity.objects.add(acme.pk, hour_of(now() - timedelta(hours=ago)), 3, 0)
    with pytest.raises(SystemExit, match="1"):
        call_command("scim_token", "check")
    assert "Acme is silent. The last request was 1" in capsys.readouterr().out


def test_request_of_this_minute_is_not_zero_minutes_ago():
    assert "less than a minute ago" in rhythm(hours(*every(5))).explanation()
