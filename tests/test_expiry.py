"""Expiry is announced in time, once for each threshold, and by all channels."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from maptician_scim import expiry, signals
from maptician_scim.models import Token, now

OPS = ["ops@maptician.example", "it@maptician.example"]


class BrokenBackend(BaseEmailBackend):
    """A mail server that is down."""

    def send_messages(self, messages):
        raise ConnectionRefusedError("connection refused")


@pytest.fixture
def emails(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"EXPIRY_EMAILS": OPS}


@pytest.fixture
def heard():
    """What a host hears by the signal."""
    found = []

    def receive(sender, token, tenant, days, **kwargs):
        found.append((sender, token, tenant, days))

    signals.token_expiring.connect(receive)
    yield found
    signals.token_expiring.disconnect(receive)


@pytest.fixture
def expiring(acme):
    """A function: a token of acme that expires in so many days."""

    def issue(days, name="Okta", **values):
        expires_at = now() + timedelta(days=days)
        return Token.objects.issue(tenant=acme, name=name, expires_at=expires_at, **values)[0]

    return issue


def announce():
    return expiry.announce(expiry.expiring())


def pass_days(token, days):
    Token.objects.filter(pk=token.pk).update(expires_at=token.expires_at - timedelta(days=days))


@pytest.mark.parametrize(
    ("days", "expected"), [(31, None), (29.9, 30), (8, 30), (6.9, 7), (2, 7), (0.9, 1), (0.01, 1)]
)
def test_smallest_threshold_that_is_reached_counts(expiring, heard, days, expected):
    token = expiring(days)
    announce()
    assert [days for *_, days in heard] == ([] if expected is None else [expected])
    assert Token.objects.get().announced_days == expected
    assert expiry.threshold(token) == expected


def test_token_that_never_expires_has_no_threshold(acme, heard):
    token, _ = Token.objects.issue(tenant=acme, name="Okta", expires_at=None)
    assert expiry.threshold(token) is None
    announce()
    assert heard == []


def test_each_threshold_is_announced_once(expiring, heard, emails):
    token = expiring(31)
    for step in range(33):
        pass_days(token, step)
        announce()
        announce()
    assert [days for *_, days in heard] == [30, 7, 1]
    assert len(mail.outbox) == 3


def test_signal_names_token_and_tenant(expiring, heard, acme):
    token = expiring(5)
    announce()
    assert heard == [(Token, token, acme, 7)]


def test_receiver_that_raises_stops_nobody(expiring, heard, emails, caplog):
    def broken(**kwargs):
        raise RuntimeError("broken receiver")

    signals.token_expiring.connect(broken)
    try:
        expiring(5)
        expiring(5, name="Entra")
        assert announce() == []
    finally:
        signals.token_expiring.disconnect(broken)
    assert len(heard) == len(mail.outbox) == 2
    assert "broken receiver" in caplog.text


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_token_that_is_over_is_not_announced(expiring, heard, end):
    token = expiring(0 if end == "expired" else 5)
    if end == "revoked":
        token.revoke()
    announce()
    assert heard == []


def test_if_the_successor_is_in_use_then_there_is_nothing_to_announce(expiring, heard):
    token = expiring(5)
    successor, _ = token.rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    Token.objects.filter(pk=successor.pk).update(first_used_at=now(), last_used_at=now())
    announce()
    assert heard == []


def test_if_the_successor_is_not_used_then_it_is_announced(expiring, heard):
    token = expiring(200)
    token.rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    announce()
    assert [(found, days) for _, found, _, days in heard] == [(token, 7)]


def test_if_the_successor_is_dead_then_it_is_announced(expiring, heard):
    token = expiring(5)
    successor, _ = token.rotate(name="Okta (2)", keep_for=None)
    Token.objects.filter(pk=successor.pk).update(first_used_at=now(), last_used_at=now())
    successor.revoke()
    announce()
    assert len(heard) == 1


def test_tenant_sees_its_own_the_next_first(expiring, acme, globex):
    later, sooner = expiring(9, "later"), expiring(2, "sooner")
    expiring(99, "no matter")
    Token.objects.issue(tenant=globex, name="x", expires_at=now() + timedelta(days=1))
    assert expiry.expiring(acme) == [sooner, later]
    assert len(expiry.expiring()) == 3


def test_finding_them_costs_the_same_for_few_and_many(expiring, django_assert_num_queries):
    for size in (2, 9):
        for number in range(size):
            expiring(5, f"{size}-{number}").rotate(name="next", keep_for=None)
        with django_assert_num_queries(2):
            expiry.expiring()


# -- e-mail -----------------------------------------------------------------------------------


def test_email_tells_what_to_know_and_to_do(acme, expiring, emails):
    token = expiring(5)
    Token.objects.update(
        last_used_at=now() - timedelta(hours=2),
        last_used_ip="192.0.2.7",
        last_used_client="Okta SCIM Client 1.0.0",
    )
    announce()
    [message] = mail.outbox
    assert message.to == OPS
    assert message.subject == "SCIM token “Okta” of Acme expires in 5 days"
    body = message.body.replace("\xa0", " ")
    for expected in (
        "“Okta”",
        token.prefix,
        "Acme",
        "2 hours ago from 192.0.2.7 by Okta",
        f"manage.py scim_token rotate {token.prefix}",
        str(token.expires_at.year),
        "UTC",
    ):
        assert expected in body
    assert token.digest not in body
    assert message.content_subtype == "plain"


def test_without_addresses_nothing_is_sent_and_all_is_well(expiring):
    expiring(5)
    assert announce() == []
    assert mail.outbox == []
    assert Token.objects.get().announced_days == 7


def test_name_of_several_lines_adds_no_header(expiring, emails):
    expiring(5, name="Okta\nBcc: evil@example.com")
    assert announce() == []
    [message] = mail.outbox
    assert message.message()["Bcc"] is None
    assert "\n" not in message.subject


def test_if_the_mail_server_is_down_then_nothing_is_lost(expiring, heard, emails, settings):
    settings.EMAIL_BACKEND = f"{__name__}.BrokenBackend"
    tokens = [expiring(5), expiring(5, name="Entra")]
    assert announce() == tokens
    assert len(heard) == 2
    assert set(Token.objects.values_list("announced_days", flat=True)) == {None}
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert announce() == []
    assert len(mail.outbox) == 2
    assert announce() == []
    assert len(mail.outbox) == 2


def test_failure_is_logged_without_the_server_s_words(expiring, emails, settings, caplog):
    settings.EMAIL_BACKEND = f"{__name__}.BrokenBackend"
    token = expiring(5)
    announce()
    assert f"No e-mail about {token}: ConnectionRefusedError" in caplog.text


def test_expiry_that_was_changed_meanwhile_is_announced_again(expiring):
    token = expiring(5)
    found = expiry.expiring()
    Token.objects.update(expires_at=now() + timedelta(days=400))
    expiry.announce(found)
    token.refresh_from_db()
    assert token.announced_days is None
