"""Deactivated means out: sessions, API keys and the desk."""

import pytest
from django.contrib.auth import get_user, get_user_model, login, update_session_auth_hash
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from example_project.workplace.models import ApiKey, DeskAssignment
from maptician_scim import sessions
from maptician_scim.models import ProvisionedUser, SessionKey
from maptician_scim.signals import in_transaction
from tests.factories import DeskFactory, OccupantFactory

ENGINES = {
    name: f"django.contrib.sessions.backends.{name}"
    for name in ("db", "cached_db", "cache", "signed_cookies")
}
DEACTIVATE = {"op": "replace", "value": {"active": False}}
REACTIVATE = {"op": "replace", "value": {"active": True}}


@pytest.fixture
def pat(acme):
    return OccupantFactory(company=acme)


@pytest.fixture(params=["db", "cached_db"])
def engine(request, settings):
    """Session engines that keep rows."""
    settings.SESSION_ENGINE = ENGINES[request.param]


def scim_id(user):
    return str(ProvisionedUser.objects.live().get(user=user).scim_id)


def logged_in(user):
    browser = Client()
    browser.force_login(user)
    return browser


def keys_of(user):
    return set(SessionKey.objects.filter(user=user).values_list("session_key", flat=True))


WAYS = {
    "PATCH": lambda scim, user: scim.modify(scim_id(user), DEACTIVATE),
    "PUT": lambda scim, user: scim.replace(
        scim_id(user), scim.read(scim_id(user)).json() | {"active": False}
    ),
    "DELETE": lambda scim, user: scim.remove(scim_id(user)),
}


def let_in_again(scim, user):
    record = ProvisionedUser.objects.filter(user=user).latest("id")
    if record.deleted_at:
        return scim.create(userName=user.email)
    return scim.modify(record.scim_id, REACTIVATE)


shut_out = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


# -- the index --------------------------------------------------------------------------------


def test_login_is_noted(pat):
    browsers = [logged_in(pat), logged_in(pat)]
    assert keys_of(pat) == {browser.session.session_key for browser in browsers}


def test_logout_is_forgotten(pat):
    browser = logged_in(pat)
    browser.logout()
    assert keys_of(pat) == set()


def test_login_of_another_person_in_the_same_browser_is_theirs(acme, pat):
    browser, kim = logged_in(pat), OccupantFactory(company=acme)
    browser.force_login(kim)
    assert browser.session.session_key in keys_of(kim)
    assert browser.session.session_key not in keys_of(pat)


def test_session_with_a_new_key_after_a_password_change_is_ended_too(scim, pat):
    browser = logged_in(pat)
    request = RequestFactory().post("/")
    request.session, request.user = SessionStore(browser.session.session_key), pat
    update_session_auth_hash(request, pat)
    scim.modify(scim_id(pat), DEACTIVATE)
    assert not Session.objects.filter(session_key=request.session.session_key).exists()


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache"])
@shut_out
def test_login_that_a_deactivation_overtakes_leaves_no_session(scim, pat, settings, engine, way):
    settings.SESSION_ENGINE = ENGINES[engine]
    request = RequestFactory().post("/")
    request.session = sessions.store()()
    password_was_right = get_user_model().objects.get(pk=pat.pk)
    way(scim, pat)
    login(request, password_was_right)
    key = request.session.session_key
    assert (keys_of(pat), Session.objects.count()) == (set(), 0)
    assert key is None or not request.session.exists(key)
    assert request.session.is_empty()


@pytest.mark.parametrize("engine", ["cached_db", "cache"])
@shut_out
def test_if_the_cache_that_keeps_sessions_is_down_then_503_and_all_stays(
    scim, pat, settings, monkeypatch, engine, way
):
    settings.SESSION_ENGINE = ENGINES[engine]
    browser = logged_in(pat)

    def refuse(names):
        raise ConnectionError("Connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(cache, "delete_many", refuse)
        answer = way(scim, pat)
    pat.refresh_from_db()
    assert (answer.status_code, pat.is_active) == (503, True)
    assert answer["Retry-After"].isdecimal()
    assert keys_of(pat) == {browser.session.session_key}
    assert way(scim, pat).status_code in (200, 204)


def test_login_of_somebody_whom_the_host_lets_in_inactive_is_kept(pat):
    pat.is_active = False
    pat.save()
    browser = logged_in(pat)
    assert keys_of(pat) == {browser.session.session_key}


def test_sessions_from_before_are_noted_once(pat):
    browser = logged_in(pat)
    SessionKey.objects.all().delete()
    for _ in range(2):
        sessions.index_existing()
    assert keys_of(pat) == {browser.session.session_key}


def test_expired_anonymous_garbled_and_ownerless_sessions_are_not_noted(pat, acme):
    expired = logged_in(pat).session
    expired.set_expiry(-1)
    expired.save()
    kim = OccupantFactory(company=acme)
    logged_in(kim)
    kim.delete()
    SessionStore().save()
    Session.objects.filter(pk=logged_in(pat).session.session_key).update(session_data="garbled")
    SessionKey.objects.all().delete()
    assert sessions.index_existing() == 0
    assert not SessionKey.objects.exists()


def test_engine_without_rows_has_none_to_note(settings, db):
    settings.SESSION_ENGINE = ENGINES["signed_cookies"]
    assert sessions.index_existing() == 0


# -- deactivation -----------------------------------------------------------------------------


@shut_out
@pytest.mark.usefixtures("engine")
def test_deactivation_ends_every_session(scim, pat, way):
    browsers = [logged_in(pat), logged_in(pat)]
    assert way(scim, pat).status_code in (200, 204)
    assert not Session.objects.exists()
    assert keys_of(pat) == set()
    assert let_in_again(scim, pat).status_code in (200, 201)
    pat.refresh_from_db()
    assert pat.is_active
    assert [get_user(browser).is_authenticated for browser in browsers] == [False, False]


def test_deactivation_takes_cached_sessions_out_of_the_cache(scim, pat, settings):
    settings.SESSION_ENGINE = ENGINES["cached_db"]
    name = logged_in(pat).session.cache_key
    assert cache.get(name) is not None
    scim.modify(scim_id(pat), DEACTIVATE)
    assert cache.get(name) is None


def test_deactivation_ends_sessions_that_are_in_the_cache_only(scim, pat, settings):
    settings.SESSION_ENGINE = ENGINES["cache"]
    browser = logged_in(pat)
    for operation in (DEACTIVATE, REACTIVATE):
        assert scim.modify(scim_id(pat), operation).status_code == 200
    assert not get_user(browser).is_authenticated


def test_deactivation_works_with_sessions_in_cookies(scim, pat, settings):
    settings.SESSION_ENGINE = ENGINES["signed_cookies"]
    logged_in(pat)
    assert scim.modify(scim_id(pat), DEACTIVATE).status_code == 200


def test_deactivation_leaves_the_sessions_of_others(scim, acme, pat):
    kim = OccupantFactory(company=acme)
    browser = logged_in(kim)
    scim.modify(scim_id(pat), DEACTIVATE)
    assert get_user(browser) == kim
    assert keys_of(kim) == {browser.session.session_key}


@pytest.mark.usefixtures("engine")
def test_deactivation_costs_the_same_statements_for_few_and_many_sessions(scim, acme):
    costs = []
    scim.search()  # the token's last use is written now
    for count in (1, 12):
        person = OccupantFactory(company=acme)
        for _ in range(count):
            logged_in(person)
        with CaptureQueriesContext(connection) as queries:
            assert scim.modify(scim_id(person), DEACTIVATE).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_change_of_another_attribute_ends_no_session(scim, pat):
    browser = logged_in(pat)
    scim.modify(scim_id(pat), {"op": "replace", "path": "title", "value": "Boss"})
    assert get_user(browser) == pat


def test_refused_deactivation_of_a_protected_account_ends_no_session(scim, acme):
    admin = OccupantFactory(company=acme, break_glass=True)
    browser = logged_in(admin)
    assert scim.modify(scim_id(admin), DEACTIVATE).status_code == 403
    assert get_user(browser) == admin


@pytest.mark.usefixtures("engine")
def test_deactivation_that_rolls_back_leaves_the_session(scim, pat):
    browser = logged_in(pat)

    def refuse(**kwargs):
        raise ValueError("no")

    in_transaction.connect(refuse)
    try:
        assert scim.modify(scim_id(pat), DEACTIVATE).status_code == 409
    finally:
        in_transaction.disconnect(refuse)
    assert get_user(browser) == pat


# -- what else ends, in the example project ---------------------------------------------------


@shut_out
def test_deactivation_revokes_api_keys(scim, acme, pat, way):
    ApiKey.objects.issue(pat, "Script")
    other, _ = ApiKey.objects.issue(OccupantFactory(company=acme), "Script")
    way(scim, pat)
    assert list(ApiKey.objects.active()) == [other]


def test_reactivation_does_not_revive_api_keys(scim, pat):
    ApiKey.objects.issue(pat, "Script")
    for operation in (DEACTIVATE, REACTIVATE):
        scim.modify(scim_id(pat), operation)
    assert not ApiKey.objects.active().exists()


@shut_out
def test_deactivation_frees_the_desk_and_keeps_the_history(scim, acme, pat, way):
    desk = DeskFactory(company=acme)
    DeskAssignment.objects.create(desk=desk, occupant=pat)
    way(scim, pat)
    assert not DeskAssignment.objects.of(pat).current().exists()
    assert DeskAssignment.objects.of(pat).get().desk == desk


@pytest.fixture
def given_up(acme, pat):
    """A desk somebody had, and gave up by themselves."""
    return DeskAssignment.objects.create(
        desk=DeskFactory(company=acme), occupant=pat, until=timezone.now()
    )


@pytest.mark.usefixtures("given_up")
def test_reactivation_gives_the_desk_back_each_time(scim, acme, pat):
    last = DeskAssignment.objects.create(desk=DeskFactory(company=acme), occupant=pat)
    for operation in (DEACTIVATE, REACTIVATE) * 2:
        scim.modify(scim_id(pat), operation)
    assert DeskAssignment.objects.of(pat).current().get().desk == last.desk


@pytest.mark.usefixtures("given_up")
def test_who_had_no_desk_gets_none_back(scim, pat):
    for operation in (DEACTIVATE, REACTIVATE):
        scim.modify(scim_id(pat), operation)
    assert not DeskAssignment.objects.of(pat).current().exists()


def test_if_the_desk_is_taken_then_reactivation_leaves_it(scim, acme, pat):
    desk, kim = DeskFactory(company=acme), OccupantFactory(company=acme)
    DeskAssignment.objects.create(desk=desk, occupant=pat)
    scim.modify(scim_id(pat), DEACTIVATE)
    DeskAssignment.objects.create(desk=desk, occupant=kim)
    answer = scim.modify(scim_id(pat), REACTIVATE)
    assert (answer.status_code, answer.json()["active"]) == (200, True)
    assert DeskAssignment.objects.current().get().occupant == kim
