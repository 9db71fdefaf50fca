"""Whatever raises, wherever: no traceback that people get to see holds a token or a password."""

import logging
import sys

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from maptician_scim import tokens
from maptician_scim.models import Token
from maptician_scim.models.tokens import TokenQuerySet

PASSWORD = "Correct-Horse-1"


DEPTHS = [
    "maptician_scim.views.base.client_address",
    "maptician_scim.authentication.presented_secret",
    "maptician_scim.tokens.is_well_formed",
    "maptician_scim.tokens._checksum",
    "maptician_scim.tokens._base62",
    "maptician_scim.tokens.zlib.crc32",
    "maptician_scim.tokens.digest",
    "maptician_scim.tokens.hashlib.sha256",
    "maptician_scim.models.tokens.Token.letting_in",
    "maptician_scim.authentication.hmac.compare_digest",
    "maptician_scim.authentication.tenant_key",
    "maptician_scim.throttling.admit",
    "maptician_scim.models.Token.mark_used",
    "maptician_scim.authentication.check_scope",
    "maptician_scim.parsers.read_limited",
    "maptician_scim.parsers.load",
    "maptician_scim.parsers._unique_names",
    "maptician_scim.parsers._check_depth",
    "maptician_scim.provisioning.UserProvisioner.note",
    "maptician_scim.protocol.messages.scim.Resource.model_dump",
    "maptician_scim.protocol.dialects.pruned",
    "maptician_scim.provisioning.base.transactions.write",
    "maptician_scim.adapters.UserAdapter.take",
    "maptician_scim.events.record",
    "maptician_scim.activity.count",
    "maptician_scim.writing.insert",
    "maptician_scim.renderers.orjson.dumps",
]
"""Functions that a request calls, from the outside inwards."""


@pytest.fixture(params=DEPTHS)
def failing(request, send, monkeypatch):
    """One of them raises, and nothing of ours catches it."""

    def fail(*args, **kwargs):
        del args, kwargs  # this frame is shown, too
        raise ZeroDivisionError("told to fail")

    def pass_on(error, correlation_id):
        raise error

    monkeypatch.setattr("maptician_scim.views.base.as_scim_error", pass_on)
    monkeypatch.setattr(request.param, fail)


@pytest.fixture(params=["POST", "PATCH"])
def send(request, scim):
    """Send a password, by one of the ways there are."""
    if request.param == "POST":
        return lambda: scim.create(userName="pat", password=PASSWORD)
    pat = scim.create(userName="pat").json()["id"]
    return lambda: scim.modify(pat, {"op": "replace", "path": "password", "value": PASSWORD})


def assert_discreet(text, secret):
    assert secret[tokens.PREFIX_LENGTH :][:20] not in text
    assert secret[-20:] not in text
    assert PASSWORD not in text


def test_debug_page_shows_no_secret(send, scim, settings, failing):
    settings.DEBUG = True
    page = send()
    assert (page.status_code, b"told to fail" in page.content) == (500, True)
    assert_discreet(page.content.decode(), scim.secret)


def test_error_mail_shows_no_secret(send, scim, settings, failing):
    settings.ADMINS = [("Admin", "admin@maptician.example")]
    handler = AdminEmailHandler(include_html=True)
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        send()
    finally:
        logger.removeHandler(handler)
    [sent] = mail.outbox
    [(page, _)] = sent.alternatives
    assert "told to fail" in page
    assert_discreet(sent.body + page, scim.secret)


def test_unforeseen_failure_in_our_log_shows_no_secret(send, scim, settings, monkeypatch):
    """The handler of a host that mails what we log, with all variables."""

    def fail(*args):
        del args
        raise ZeroDivisionError("told to fail")

    monkeypatch.setattr("maptician_scim.adapters.UserAdapter.take", fail)
    settings.ADMINS = [("Admin", "admin@maptician.example")]
    handler = AdminEmailHandler(include_html=True)
    logger = logging.getLogger("maptician_scim")
    logger.addHandler(handler)
    try:
        assert send().status_code == 500
    finally:
        logger.removeHandler(handler)
    [sent] = [m for m in mail.outbox if "failed unforeseen" in m.subject]
    [(page, _)] = sent.alternatives
    assert "told to fail" in page
    assert_discreet(sent.body + page, scim.secret)


def test_sql_in_the_log_shows_no_secret(send, scim, settings, caplog):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"SET_PASSWORD": True}
    for name in ("django.db.backends", "maptician_scim", None):
        caplog.set_level(logging.DEBUG, logger=name)
    with CaptureQueriesContext(connection):  # which has each statement logged
        assert send().status_code in (200, 201)
    assert tokens.digest(scim.secret) in caplog.text
    assert_discreet(caplog.text, scim.secret)


def test_token_that_cannot_be_saved_is_not_shown(acme, monkeypatch):
    issued = []

    def generate():
        issued.append(tokens.Secret("mapt_scim_" + "x" * 49))
        return issued[0]

    def fail(*args, **fields):
        raise ZeroDivisionError("told to fail")

    monkeypatch.setattr(tokens, "generate", generate)
    monkeypatch.setattr(TokenQuerySet, "create", fail)
    try:
        Token.objects.issue(tenant=acme, name="Test")
    except ZeroDivisionError:
        page = ExceptionReporter(None, *sys.exc_info()).get_traceback_html()
    assert "told to fail" in page
    assert "x" * 10 not in page
