"""The provisioning log: a line for every write and every refused request, never a secret."""

import logging
import time
from unittest.mock import ANY

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.models import RestrictedError

from maptician_scim import events
from maptician_scim.models import Connection, Event, ProvisionedUser, Token
from maptician_scim.models.events import EventQuerySet
from tests.client import ScimClient
from tests.factories import OccupantFactory

PASSWORD = "Correct-Horse-1"
DEACTIVATE = {"op": "replace", "value": {"active": False}}


@pytest.fixture
def pat(acme):
    user = OccupantFactory(company=acme, email="pat@acme.example", job_title="Clerk")
    return ProvisionedUser.objects.get(user=user)


@pytest.fixture
def stranger(acme):
    """Somebody who has mistyped the token."""
    return ScimClient(acme.subdomain, "mapt_scim_wrong")


def only_event():
    return Event.objects.get()


def lines(*fields):
    return list(Event.objects.order_by("id").values_list(*fields))


def test_create_is_one_line_with_everything(scim, acme):
    created = scim.create(userName="pat@acme.example", title="Clerk").json()
    event, token = only_event(), Token.objects.get()
    assert (event.tenant, event.token, event.token_prefix) == (acme, token, token.prefix)
    assert (event.verb, event.resource_type, event.status) == ("create", "User", 201)
    assert (event.resource_id, event.user_name) == (created["id"], "pat@acme.example")
    assert event.changes["title"] == {"old": None, "new": "Clerk"}
    assert (event.ip, event.scim_type, event.detail) == ("127.0.0.1", "", "")


@pytest.mark.parametrize(
    ("verb", "request_"),
    [
        ("replace", lambda scim, key: scim.replace(key, {"userName": "pat@acme.example"})),
        ("patch", lambda scim, key: scim.modify(key, {"op": "remove", "path": "title"})),
        (
            "deactivate",
            lambda scim, key: scim.modify(key, DEACTIVATE),
        ),
        ("delete", lambda scim, key: scim.remove(key)),
    ],
    ids=["replace", "patch", "deactivate", "delete"],
)
def test_write_is_one_line_under_its_verb(scim, pat, verb, request_):
    request_(scim, pat.scim_id)
    assert lines("verb", "resource_id", "user_name") == [
        (verb, str(pat.scim_id), "pat@acme.example")
    ]


def test_reactivation_has_its_own_verb(scim, pat):
    for active in (False, True):
        scim.modify(pat.scim_id, {"op": "replace", "value": {"active": active}})
    assert lines("verb") == [("deactivate",), ("reactivate",)]


def test_changes_are_old_and_new_values(scim, pat):
    scim.modify(pat.scim_id, {"op": "replace", "path": "title", "value": "Boss"})
    assert only_event().changes == {"title": {"old": "Clerk", "new": "Boss"}}


def test_reading_writes_no_line(scim, pat):
    scim.search()
    scim.read(pat.scim_id)
    assert not Event.objects.exists()


@pytest.mark.parametrize("is_set", [False, True], ids=["dropped", "set"])
def test_password_is_in_no_line_and_no_log(scim, settings, caplog, is_set):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"SET_PASSWORD": is_set}
    caplog.set_level(logging.DEBUG)
    key = scim.create(userName="pat@acme.example", password=PASSWORD).json()["id"]
    scim.modify(key, {"op": "replace", "path": "password", "value": PASSWORD})
    scim.replace(key, {"userName": "", "password": PASSWORD})
    assert len(lines("id")) == 3
    assert PASSWORD not in str(list(Event.objects.values()))
    assert PASSWORD not in caplog.text


# -- refusals ---------------------------------------------------------------------------------


def test_refused_write_is_a_line_with_the_reason(scim, pat):
    answer = scim.create(userName="PAT@acme.example")
    event = only_event()
    assert (event.verb, event.status, event.scim_type) == ("create", 409, "uniqueness")
    assert event.detail == answer.json()["detail"]
    assert event.changes == {}


def test_refused_read_is_a_line(scim):
    scim.search("userName zz 1")
    assert lines("verb", "status", "scim_type") == [("read", 400, "invalidFilter")]


def test_refused_write_to_a_protected_account_is_a_line(scim, acme):
    admin = OccupantFactory(company=acme, break_glass=True)
    key = ProvisionedUser.objects.get(user=admin).scim_id
    assert scim.remove(key).status_code == 403
    assert lines("verb", "status", "resource_id") == [("delete", 403, str(key))]


def test_write_with_a_read_only_token_is_a_line(acme, client_of):
    client_of(acme, scopes=["users:read"]).create(userName="pat@acme.example")
    assert lines("verb", "status") == [("create", 403)]


def test_write_with_a_read_only_token_says_who_was_meant(acme, client_of):
    client_of(acme, scopes=["users:read"]).create(
        userName="pat@acme.example", emails=[{"value": "Pat@acme.example"}], password=PASSWORD
    )
    event = only_event()
    assert (event.user_name, event.email_key) == ("pat@acme.example", "pat@acme.example")
    assert event.facts == {"scope": "users:write"}
    assert "pat@acme.example" in event.request["body"]
    assert PASSWORD not in event.request["body"]


@pytest.mark.parametrize("body", ["{", "[]", "", '{"userName": 7}', '{"a": 1, "a": 2}'])
def test_write_with_a_read_only_token_and_an_odd_body_is_403_all_the_same(acme, client_of, body):
    answer = client_of(acme, scopes=["users:read"]).request_scim("POST", "/Users", body)
    assert answer.status_code == 403
    assert only_event().user_name == ""


@pytest.fixture
def refused_facts(scim, pat):
    """A function: the facts of a refused attempt to create pat again."""

    def attempt():
        assert scim.create(userName="pat@acme.example").status_code == 409
        return Event.objects.latest("id").facts

    return attempt


def test_refused_user_name_of_somebody_active_says_whose_it_is(refused_facts, pat):
    assert refused_facts() == {"id": str(pat.scim_id)}


def test_refused_user_name_says_since_when_scim_deactivated_its_owner(scim, refused_facts, pat):
    scim.modify(pat.scim_id, DEACTIVATE)
    at = Event.objects.latest("id").created_at.isoformat()
    assert refused_facts() == {"id": str(pat.scim_id), "since": at}


def test_refused_user_name_of_somebody_created_inactive_says_since_when(scim):
    scim.create(userName="kim", active=False)
    created = only_event()
    scim.create(userName="kim")
    facts = Event.objects.latest("id").facts
    assert facts == {"id": created.resource_id, "since": created.created_at.isoformat()}


def test_refused_user_name_says_by_when_an_admin_deactivated_its_owner(scim, refused_facts, pat):
    for active in (False, True):
        scim.modify(pat.scim_id, {"op": "replace", "value": {"active": active}})
    pat.user.refresh_from_db()
    pat.user.is_active = False
    pat.user.save()
    pat.refresh_from_db()
    at = pat.modified_at.isoformat()
    assert refused_facts() == {"id": str(pat.scim_id), "by_then": at, "by": "host"}


def test_refused_user_name_of_whom_the_log_knows_nothing_claims_nothing(refused_facts, pat):
    pat.user.is_active = False
    pat.user.save()
    pat.refresh_from_db()
    assert refused_facts() == {"id": str(pat.scim_id), "by_then": pat.modified_at.isoformat()}


@pytest.mark.django_db(transaction=True)
def test_refusal_is_written_although_the_host_uses_atomic_requests(scim, pat, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert scim.create(userName="pat@acme.example").status_code == 409
    assert lines("status") == [(409,)]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_if_no_line_can_be_written_then_the_answer_is_the_same(scim, monkeypatch, error):
    def fail(**fields):
        raise error("the connection is closed")

    monkeypatch.setattr(Event.objects, "create", fail)
    answer = scim.read("nobody")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/scim+json")


def test_wrong_token_is_a_line_of_the_tenant(stranger, acme):
    assert stranger.search().status_code == 401
    event = only_event()
    assert (event.tenant, event.token, event.status) == (acme, None, 401)
    assert "mapt_scim_wrong" in event.detail


def test_foreign_secret_is_in_no_line(acme):
    ScimClient(acme.subdomain, "hunter2-somebodys-password").search()
    assert "hunter2" not in str(list(Event.objects.values()))


def test_many_wrong_tokens_are_one_line(stranger, django_assert_num_queries):
    stranger.search()
    with django_assert_num_queries(1):  # is there such a tenant?
        stranger.search()
    assert len(lines("id")) == 1


def test_next_line_counts_the_refusals_in_between(stranger, monkeypatch):
    monkeypatch.setattr(events, "REFUSALS_LOGGED_EVERY", 1)
    for _ in range(4):
        stranger.search()
    time.sleep(1.1)
    stranger.search()
    assert [detail.count("3 more") for (detail,) in lines("detail")] == [0, 1]


def test_reasons_are_counted_apart(stranger, acme, scim):
    stranger.search()
    Token.objects.get().revoke()
    scim.search()
    details = [detail for (detail,) in lines("detail")]
    assert ["revoked" in detail for detail in details] == [False, True]


def test_unknown_tenants_are_one_line_without_a_tenant(db):
    for name in ("nobody", "noone"):
        assert ScimClient(name, "x").search().status_code == 404
    assert lines("tenant", "status") == [(None, 404)]


def test_token_of_another_tenant_is_a_line_that_does_not_name_it(acme, other_scim):
    other_scim.host = "acme.localhost"
    other_scim.search()
    event = Event.objects.for_tenant(acme).get()
    assert (event.token, event.token_prefix, event.reason) == (None, "", "other_tenant")
    assert other_scim.secret[:18] not in event.detail


def test_token_sent_to_another_address_is_a_line_of_its_owner_too(acme, globex, other_scim):
    other_scim.host = "acme.localhost"
    other_scim.search()
    event = Event.objects.for_tenant(globex).get()
    assert (event.reason, event.facts["host"]) == ("wrong_subdomain", "acme.localhost")


@pytest.mark.parametrize("address", ["glbex.localhost", "localhost", "globex.elsewhere.example"])
def test_token_sent_to_an_unknown_address_is_a_line_of_its_owner(
    globex, other_scim, address, settings
):
    settings.ALLOWED_HOSTS = ["*"]
    other_scim.host = address
    assert other_scim.search().status_code == 404
    event = Event.objects.for_tenant(globex).get()
    assert (event.reason, event.facts["host"]) == ("wrong_subdomain", address)


def test_processes_that_share_no_cache_write_one_line(stranger):
    stranger.search()
    events.cache.clear()
    stranger.search()
    assert len(lines("id")) == 1


def test_process_that_is_slower_by_a_moment_writes_none(stranger, monkeypatch):
    monkeypatch.setattr(EventQuerySet, "has_refusal", lambda *args: False)
    monkeypatch.setattr(events.time, "time", lambda: 1_000_000.0)
    stranger.search()
    events.cache.clear()
    assert stranger.search().status_code == 401
    assert len(lines("id")) == 1


def test_refusal_is_answered_while_the_cache_is_down(stranger, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise ConnectionError("the cache is down")

    monkeypatch.setattr(events.cache, "add", fail)
    assert stranger.search().status_code == 401
    assert "No event for request" in caplog.text


# -- the lines themselves ---------------------------------------------------------------------


def test_correlation_id_is_the_answers(scim):
    answer = scim.create(userName="pat@acme.example")
    assert only_event().correlation_id == answer["X-Request-Id"]


def test_correlation_id_of_the_client_is_taken(scim):
    scim.request_scim("POST", "/Users", {"userName": "pat"}, X_Request_Id="okta-42")
    assert only_event().correlation_id == "okta-42"


@pytest.mark.parametrize("sent", ["x" * 65, "a b", "a\tb", "<script>", ""])
def test_correlation_id_that_is_odd_is_replaced(scim, sent):
    answer = scim.request_scim("POST", "/Users", {"userName": "pat"}, X_Request_Id=sent)
    assert answer["X-Request-Id"] not in ("", sent)
    assert only_event().correlation_id == answer["X-Request-Id"]


def test_client_with_a_long_name_is_served_and_named_in_short(scim, acme):
    assert scim.request_scim("GET", "/Users", user_agent="x" * 300).status_code == 200
    assert Token.objects.get(tenant=acme).last_used_client == "x" * 200


def test_token_sent_as_the_clients_name_is_kept_nowhere(scim, acme):
    scim.request_scim("GET", "/Users", user_agent=f"curl {scim.secret}")
    assert scim.secret[20:] not in Token.objects.get(tenant=acme).last_used_client


def test_long_values_are_kept_in_short(scim, acme):
    Connection.objects.create(tenant=acme, email_domains=["acme.example"])
    home = {"type": "home", "value": f"{'x' * 500_000}@evil.example"}
    scim.create(userName="pat@acme.example", emails=[home])
    event = only_event()
    assert event.reason == "email_domain"
    assert len(event.detail) < 1100
    assert len(event.facts["address"]) < 300


def test_client_is_named(scim):
    scim.request_scim("POST", "/Users", {"userName": "pat"}, User_Agent="Okta " + "x" * 300)
    assert only_event().client == ("Okta " + "x" * 300)[:200]


def test_long_id_in_the_path_fits_into_the_line(scim):
    assert scim.remove("9" * 300).status_code == 404
    assert only_event().resource_id == "9" * 64


def test_log_is_append_only(scim):
    scim.create(userName="pat@acme.example")
    event = only_event()
    event.status = 500
    with pytest.raises(TypeError, match="append-only"):
        event.save()


def test_token_that_did_something_cannot_be_deleted(scim):
    scim.create(userName="pat@acme.example")
    with pytest.raises(RestrictedError):
        Token.objects.get().delete()


def test_each_tenant_has_its_own_lines(scim, other_scim, acme):
    scim.create(userName="pat@acme.example")
    other_scim.create(userName="pat@globex.example")
    assert [e.user_name for e in Event.objects.for_tenant(acme)] == ["pat@acme.example"]


def test_each_request_is_one_structured_line_of_the_log(scim, acme, caplog):
    caplog.set_level(logging.INFO, "maptician_scim.request")
    answer = scim.search('userName eq "secret-name"')
    [line] = [r for r in caplog.records if r.name == "maptician_scim.request"]
    assert line.getMessage().startswith("GET /scim/v2/Users 200 ")
    assert "secret-name" not in line.getMessage()
    expected = {
        "tenant": str(acme.pk),
        "token_prefix": Token.objects.get().prefix,
        "status": 200,
        "duration_ms": ANY,
        "correlation_id": answer["X-Request-Id"],
    }
    assert {name: getattr(line, name) for name in expected} == expected
