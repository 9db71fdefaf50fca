"""Where a token is in its life, and how a rotation is going."""

from datetime import UTC, datetime, timedelta

import pytest

from maptician_scim import lifecycle
from maptician_scim.lifecycle import Progress, State
from maptician_scim.models import Token, now
from tests.client import ScimClient


def plain(text):
    """Without the spaces that keep a number and its unit on one line."""
    return text.replace("\xa0", " ")


@pytest.fixture
def token(acme):
    return Token.objects.issue(tenant=acme, name="Okta")[0]


@pytest.fixture
def rotated(token):
    """A token that was used before it was rotated, and its successor, which was not used."""
    used(token, now() - timedelta(hours=1))
    successor, _ = token.rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    return token, successor


def used(token, at):
    Token.objects.filter(pk=token.pk, first_used_at=None).update(first_used_at=at)
    Token.objects.filter(pk=token.pk).update(last_used_at=at)


def progress(token):
    found = lifecycle.rotation_of(Token.objects.get(pk=token.pk))
    return found and found.progress


# -- states -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_in", "expected"),
    [
        (None, State.VALID),
        (timedelta(days=31), State.VALID),
        (timedelta(days=29), State.EXPIRING),
        (timedelta(seconds=5), State.EXPIRING),
        (timedelta(0), State.EXPIRED),
        (timedelta(days=-9), State.EXPIRED),
    ],
)
def test_state_follows_the_expiry(acme, expires_in, expected):
    expires_at = None if expires_in is None else now() + expires_in
    token, _ = Token.objects.issue(tenant=acme, name="Okta", expires_at=expires_at)
    assert lifecycle.state_of(token) is expected


@pytest.mark.parametrize("state", State)
def test_filter_agrees_with_the_state_of_each(acme, state):
    def issue(**values):
        return Token.objects.issue(tenant=acme, name="x", **values)[0]

    issue(expires_at=None)
    issue(expires_at=now() + timedelta(days=5))
    issue(expires_at=now())
    issue(expires_at=now()).revoke()
    issue().revoke()
    issue().rotate(name="live", keep_for=None)
    issue(expires_at=None).rotate(name="dead", keep_for=None)[0].revoke()
    issue(expires_at=now() + timedelta(days=5)).rotate(name="over", keep_for=None, expires_at=now())
    everything = list(Token.objects.all())
    expected = {token for token in everything if lifecycle.state_of(token) is state}
    assert set(lifecycle.in_state(Token.objects.all(), state)) == expected
    assert expected
    assert sum(lifecycle.in_state(Token.objects.all(), s).count() for s in State) == len(everything)


def test_token_whose_successor_is_dead_is_superseded_no_more(rotated):
    old, successor = rotated
    assert lifecycle.state_of(old) is State.SUPERSEDED
    successor.revoke("never arrived")
    assert lifecycle.state_of(Token.objects.get(pk=old.pk)) is State.EXPIRING


@pytest.mark.parametrize(
    ("expires_in", "expected"),
    [
        (timedelta(days=29, hours=1), "expires in 30 days"),
        (timedelta(days=12), "expires in 12 days"),
        (timedelta(hours=25), "expires in 2 days"),
        (timedelta(hours=24), "expires in 24 hours"),
        (timedelta(minutes=61), "expires in 2 hours"),
        (timedelta(seconds=30), "expires in 1 hour"),
    ],
)
def test_expiry_is_told_in_its_unit(token, expires_in, expected):
    token.expires_at = now() + expires_in
    assert lifecycle.state_text(token) == expected


def test_superseded_token_tells_its_end(rotated):
    old, _ = rotated
    assert (
        lifecycle.state_text(old) == f"superseded, works until {lifecycle.moment(old.expires_at)}"
    )
    old.expires_at = None
    assert lifecycle.state_text(old) == "superseded, works until it is revoked"


# -- rotation ---------------------------------------------------------------------------------


def test_without_a_rotation_there_is_no_progress(token):
    assert progress(token) is None


def test_successor_that_was_not_used_is_waited_for(rotated):
    assert progress(rotated[0]) is Progress.UNUSED


def test_if_both_are_in_use_then_it_is_not_safe(rotated):
    old, successor = rotated
    used(successor, now() - timedelta(minutes=10))
    used(old, now() - timedelta(minutes=3))
    found = lifecycle.rotation_of(Token.objects.get(pk=old.pk))
    assert found.progress is Progress.IN_USE
    assert plain(found.sentence) == "Last used 3 minutes ago: not yet safe to revoke."


def test_if_the_old_one_is_silent_since_then_it_is_safe(rotated):
    old, successor = rotated
    since = now() - timedelta(minutes=10)
    used(successor, since)
    used(successor, now())
    found = lifecycle.rotation_of(Token.objects.get(pk=old.pk))
    assert found.progress is Progress.SAFE
    assert found.sentence == (
        f"Successor in use since {lifecycle.moment(since)}, old one silent since: safe to revoke."
    )


def test_old_token_that_was_never_used_is_safe_too(token):
    successor, _ = token.rotate(name="Okta (2)", keep_for=None)
    used(successor, now())
    assert progress(token) is Progress.SAFE


@pytest.mark.parametrize("end", ["revoked", "expired", "successor revoked"])
def test_rotation_that_is_over_has_no_progress(rotated, end):
    old, successor = rotated
    if end == "expired":
        Token.objects.filter(pk=old.pk).update(expires_at=now())
    else:
        (old if end == "revoked" else successor).revoke()
    assert progress(old) is None


def test_rotation_from_the_first_request_to_safe(acme):
    old, secret = Token.objects.issue(tenant=acme, name="Okta")
    before = ScimClient("acme", secret)
    assert before.search().status_code == 200
    _, new_secret = old.rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    after = ScimClient("acme", new_secret)
    assert progress(old) is Progress.UNUSED
    assert after.search().status_code == 200
    assert progress(old) is Progress.SAFE
    Token.objects.filter(pk=old.pk).update(last_used_at=now() - timedelta(seconds=2))
    assert before.search().status_code == 200
    assert progress(old) is Progress.IN_USE


# -- words ------------------------------------------------------------------------------------


def test_last_use_tells_when_where_and_who(token):
    assert lifecycle.last_use(token) == "never used"
    token.last_used_at = now() - timedelta(hours=3)
    token.last_used_ip = "192.0.2.7"
    token.last_used_client = "Okta SCIM Client 1.0.0"
    assert plain(lifecycle.last_use(token)) == "3 hours ago from 192.0.2.7 by Okta"
    token.last_used_ip, token.last_used_client = None, ""
    assert plain(lifecycle.last_use(token)) == (
        "3 hours ago from an unknown address by A client without a name"
    )


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(days=9), "1 week ago"),
    ],
)
def test_time_past_is_told_in_its_largest_unit(back, expected):
    assert plain(lifecycle.ago(now() - back)) == expected


def test_moment_of_another_day_has_its_date():
    assert lifecycle.moment(datetime(2020, 3, 4, 5, 6, tzinfo=UTC)).startswith("March 4")
