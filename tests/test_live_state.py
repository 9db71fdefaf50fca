"""The live state: what an administrator reads while the customer's one tests the connection."""

import re
from datetime import timedelta

import pytest
from django.utils.http import http_date

from maptician_scim import live
from maptician_scim.live import state_of, states
from maptician_scim.models import Connection, Event, Token, now
from tests.client import ScimClient
from tests.factories import OccupantFactory

OKTA = "Okta SCIM Client 1.0.0"


def test_connector(client, **headers):
    """Okta's Test Connector."""
    path = headers.pop("path", "/Users")
    return client.request_scim("GET", f"{path}?startIndex=1&count=2", user_agent=OKTA, **headers)


test_connector.__test__ = False


def only_token():
    return Token.objects.get(tenant__subdomain="acme")


# -- without trouble ------------------------------------------------------------------------------


def test_without_a_token_one_is_to_be_issued(acme):
    state = state_of(acme)
    assert (state.kind, state.headline) == ("no_token", "No token has been issued yet.")
    assert "Issue a token" in state.advice


@pytest.mark.parametrize("end", ["revoke", "expire"])
def test_with_tokens_that_have_ended_it_says_so(acme, scim, end):
    test_connector(scim)
    if end == "revoke":
        only_token().revoke()
    else:
        Token.objects.update(expires_at=now())
    assert (state_of(acme).kind, "revoked or have expired" in state_of(acme).headline) == (
        "no_token",
        True,
    )


def test_before_the_first_request_it_waits_and_names_the_token(acme, scim):
    state = state_of(acme)
    assert (state.kind, state.headline) == ("waiting", "Waiting for the first request.")
    assert "(Test)" in state.advice


def test_after_the_test_it_is_connected_by_whom_when_and_to_how_many(acme, scim):
    for _ in range(3):
        OccupantFactory(company=acme)
    OccupantFactory()
    test_connector(scim)
    state = state_of(acme)
    assert state.kind == "connected"
    assert re.fullmatch(r"Connected: Okta, \d\d:\d\d:\d\d, 4 people visible", state.headline)


def test_one_person_is_no_people(acme, scim):
    OccupantFactory(company=acme)
    test_connector(scim)
    assert state_of(acme).headline.endswith("1 person visible")


def test_use_of_another_day_has_its_date(acme, scim):
    test_connector(scim)
    Token.objects.update(last_used_at=now() - timedelta(days=1))
    assert re.search(r"\d{1,2} \w+ \d{4}, \d\d:\d\d:\d\d,", state_of(acme).headline)


def test_successor_that_has_not_been_used_waits_once_the_old_token_is_revoked(acme, scim):
    test_connector(scim)
    old = only_token()
    old.rotate(name="Next", keep_for=None)
    assert state_of(acme).kind == "connected"
    old.revoke()
    assert state_of(acme).kind == "waiting"


def test_switched_off_is_off_whatever_was(acme, scim):
    test_connector(scim)
    Connection.objects.update_or_create(tenant=acme, defaults={"is_enabled": False})
    state = state_of(acme)
    assert (state.kind, state.headline) == ("off", "SCIM is switched off.")


def test_what_was_refused_while_off_is_forgotten_when_on(acme, scim):
    test_connector(scim)
    Connection.objects.update_or_create(tenant=acme, defaults={"is_enabled": False})
    assert test_connector(scim).status_code == 403
    Connection.objects.update(is_enabled=True)
    assert state_of(acme).kind == "connected"


# -- each reason, by the request that has it ------------------------------------------------------


def wrong_token(scim):
    scim.secret = scim.secret[:-1]
    return test_connector(scim)


def unknown_token(scim):
    Token.objects.filter(digest=only_token().digest).update(digest="0" * 64)
    return test_connector(scim)


def no_header(scim):
    return test_connector(scim, authorization="")


def other_scheme(scim):
    return test_connector(scim, authorization="Basic cGF0OnBhc3M=")


def doubled_bearer(scim):
    return test_connector(scim, authorization=f"Bearer Bearer {scim.secret}")


def words_around(scim):
    return test_connector(scim, authorization=f"Bearer {scim.secret} please")


def revoked(scim):
    only_token().revoke()
    return test_connector(scim)


def expired(scim):
    Token.objects.update(expires_at=now() - timedelta(days=1))
    return test_connector(scim)


def wrong_clock(scim):
    Token.objects.update(expires_at=now() - timedelta(minutes=1))
    return test_connector(scim, date=http_date(now().timestamp() - 3600))


def outside_the_network(scim):
    Token.objects.update(networks=["192.0.2.0/24"])
    return test_connector(scim)


def wrong_subdomain(scim):
    scim.host = "globex.localhost"
    return test_connector(scim)


def unknown_subdomain(scim):
    scim.host = "acme-corp.localhost"
    return test_connector(scim)


def users_at_the_end(scim):
    return test_connector(scim, path="/Users/Users")


def doubled_base(scim):
    return test_connector(scim, path="/scim/v2/Users")


def without_the_path(scim):
    return scim.get("/Users?startIndex=1&count=2", headers=_headers(scim))


def another_version(scim):
    return scim.get("/scim/v1/Users", headers=_headers(scim))


def _headers(scim):
    return {
        "host": scim.host,
        "user-agent": OKTA,
        "authorization": f"Bearer {scim.secret}",
    }


REASONS = [
    (wrong_token, 401, "not a whole token of ours", "Copy the whole token again", True),
    (unknown_token, 401, "there is no such token", "Issue a new token", True),
    (no_header, 401, "no Authorization header", "paste the token", False),
    (other_scheme, 401, "of another kind than Bearer", "“HTTP Header” instead of user name", False),
    (doubled_bearer, 401, "Bearer stands twice", "Paste the token alone", False),
    (words_around, 401, "more than a token", "without words or spaces", False),
    (revoked, 401, "the token is revoked", "Paste the token that replaced it", True),
    (expired, 401, "the token has expired", "Issue a new token", True),
    (wrong_clock, 401, "the client's clock shows another time", "Compare the server's clock", True),
    (outside_the_network, 401, "came from 127.0.0.1", "Add that address", True),
    (wrong_subdomain, 401, "to “globex.localhost”", "Correct the base URL", True),
    (unknown_subdomain, 404, "to “acme-corp.localhost”", "Correct the base URL", True),
    (users_at_the_end, 404, "the base URL is wrong", "ends in /scim/v2, with nothing behind", True),
    (doubled_base, 404, "the base URL is wrong", "ends in /scim/v2, with nothing behind", True),
    (without_the_path, 404, "the base URL is wrong", "ends in /scim/v2", False),
    (another_version, 404, "the base URL is wrong", "ends in /scim/v2", False),
]


@pytest.mark.parametrize(
    ("send", "status", "why", "advice", "has_prefix"),
    REASONS,
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_wrong_request_is_explained(acme, globex, scim, send, status, why, advice, has_prefix):
    prefix = scim.secret[:18]
    assert send(scim).status_code == status
    state = state_of(acme)
    assert state.kind == "broken"
    assert re.match(r"Okta was not let in at \d\d:\d\d:\d\d: ", state.headline)
    assert why in state.headline
    assert advice in state.advice
    assert (f"begins with {prefix}." in state.headline) is has_prefix


@pytest.mark.parametrize("send", [case[0] for case in REASONS], ids=lambda f: f.__name__)
def test_after_the_mistake_is_mended_it_is_connected(acme, globex, scim, send):
    """Also within the second in which the first right request came before the wrong one."""
    test_connector(scim)
    host, secret, token = scim.host, scim.secret, Token.objects.filter(pk=only_token().pk)
    before = token.values("digest", "revoked_at", "expires_at", "networks").get()
    send(scim)
    assert state_of(acme).kind == "broken"
    scim.host, scim.secret = host, secret
    token.update(**before)
    assert test_connector(scim).status_code == 200
    assert state_of(acme).kind == "connected"


def test_stranger_in_the_log_says_when_the_connection_last_worked(acme, scim):
    test_connector(scim)
    ScimClient("acme", "guessed").search()
    assert "The last request that was let in came at" in state_of(acme).advice


def test_token_of_somebody_else_is_not_named(acme, other_scim):
    other_scim.host = "acme.localhost"
    test_connector(other_scim)
    state = state_of(acme)
    assert "belongs to somebody else" in state.headline
    assert other_scim.secret[:14] not in state.headline


def test_refusal_of_a_single_request_breaks_nothing(acme, scim):
    test_connector(scim)
    scim.search("userName zz 1")
    assert Event.objects.get().status == 400
    assert state_of(acme).kind == "connected"


def test_no_state_holds_a_secret(acme, globex, scim):
    secret = scim.secret
    for send, *_ in REASONS:
        send(scim)
        assert secret[18:-6] not in repr(state_of(acme))
        scim.host, scim.secret = "acme.localhost", secret


# -- many tenants, and watching -------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 20])
def test_states_cost_the_same_for_many_as_for_few(host, client_of, size, django_assert_num_queries):
    tenants = [host.tenant(f"t{n}") for n in range(size)]
    for n, tenant in enumerate(tenants):
        OccupantFactory(company=tenant)
        client = client_of(tenant)
        test_connector(client if n % 2 else ScimClient(tenant.subdomain, "wrong"))
    Connection.objects.make_missing(tenants)
    connections = list(Connection.objects.select_related("tenant").order_by("pk"))
    with django_assert_num_queries(3):  # tokens, events of refusals, people
        found = states(connections)
    kinds = [found[tenant.pk].kind for tenant in tenants]
    assert kinds == ["broken", "connected"] * (size // 2)
    assert {state.people for state in found.values()} == {1}


def test_state_of_no_tenants_is_none(db):
    assert states([]) == {}


def test_while_watched_every_request_is_written(acme, scim):
    connection = Connection.objects.create(tenant=acme)
    test_connector(scim)
    Token.objects.update(last_used_at=now() - timedelta(seconds=5))
    test_connector(scim)
    assert now() - only_token().last_used_at > timedelta(seconds=4)
    live.keep_watching(connection)
    test_connector(scim)
    assert now() - only_token().last_used_at < timedelta(seconds=4)


def test_watching_is_written_every_five_seconds_at_most(acme, django_assert_num_queries):
    connection = Connection.objects.create(tenant=acme)
    live.keep_watching(connection)
    with django_assert_num_queries(0):
        live.keep_watching(connection)
    connection.watched_until -= timedelta(seconds=6)
    with django_assert_num_queries(1):
        live.keep_watching(connection)
