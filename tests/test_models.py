"""Rules that the database keeps, and which rows are whose."""

import uuid
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, connections, transaction

from example_project.workplace.models import Company, Occupant
from maptician_scim import tokens
from maptician_scim.exceptions import CannotRotate
from maptician_scim.models import (
    READ_ONLY,
    Event,
    ProvisionedUser,
    Scope,
    SessionKey,
    Token,
    detach,
    now,
)
from tests.factories import CompanyFactory, OccupantFactory


@pytest.fixture
def pat(acme):
    return OccupantFactory(company=acme, email="pat@acme.example")


@pytest.fixture
def record(pat):
    return ProvisionedUser.objects.get(user=pat)


@pytest.fixture
def token(acme):
    return Token.objects.issue(tenant=acme, name="Okta")[0]


def refused(constraint, **values):
    """Whether the database refuses a row, by the constraint of this name if it tells."""
    try:
        with transaction.atomic():
            ProvisionedUser.objects.create(**values)
    except IntegrityError as error:
        return constraint in str(error) or "UNIQUE constraint failed" in str(error)
    return False


# -- provisioned users ------------------------------------------------------------------------


def test_user_name_is_unique_per_tenant(acme, record):
    kim = OccupantFactory(company=acme)
    ProvisionedUser.objects.filter(user=kim).delete()
    again = {"tenant": acme, "user": kim, "user_name": "x", "user_name_key": record.user_name_key}
    assert refused("scim_user_name_is_unique_per_tenant", **again)


def test_user_has_one_live_record_per_tenant(acme, pat, record):
    again = {"tenant": acme, "user": pat, "user_name": "x", "user_name_key": "x"}
    assert refused("scim_one_record_per_tenant_and_user", **again)


def test_live_record_needs_a_user(acme):
    nobody = {"tenant": acme, "user": None, "user_name": "x", "user_name_key": "x"}
    assert refused("scim_live_record_has_a_user", **nobody)


def test_deleted_record_leaves_user_and_name_free(acme, pat, record):
    detach(record)
    again = ProvisionedUser.objects.create(
        tenant=acme, user=pat, user_name="pat", user_name_key=record.user_name_key
    )
    assert again.scim_id != record.scim_id


def test_other_tenant_may_have_the_same_user_name(record, globex):
    kim = OccupantFactory(company=globex, email=record.user_name)
    assert ProvisionedUser.objects.get(user=kim).user_name_key == record.user_name_key


def test_tenant_sees_its_own_live_people_only(acme, globex, record):
    OccupantFactory(company=globex)
    detach(ProvisionedUser.objects.get(user=OccupantFactory(company=acme)))
    assert list(ProvisionedUser.objects.for_tenant(acme)) == [record]
    assert ProvisionedUser.objects.ever_of(acme).count() == 2
    assert ProvisionedUser.objects.live().count() == 2


def test_person_the_host_has_moved_is_not_seen(acme, pat, record, globex):
    Occupant.objects.filter(pk=pat.pk).update(company=globex)
    assert not ProvisionedUser.objects.for_tenant(acme).exists()
    assert not ProvisionedUser.objects.for_tenant(globex).exists()


def test_record_is_shown_by_its_user_name(record):
    assert str(record) == "pat@acme.example"


def test_ids_are_random_uuids(record):
    assert record.scim_id.version == uuid.uuid4().version


def test_record_of_a_deleted_host_user_stays_without_them(pat, record):
    pat.delete()
    record.refresh_from_db()
    assert record.user is None
    assert record.deleted_at is not None


def test_company_that_is_deleted_takes_its_provisioning_along(token, globex):
    Token.objects.issue(tenant=globex, name="Okta")
    Event.objects.create(tenant=globex, verb="create", status=201, correlation_id="x")
    Company.objects.get(pk=globex.pk).delete()
    assert list(Token.objects.all()) == [token]
    assert not Event.objects.exists()


def test_times_are_in_milliseconds():
    assert now().microsecond % 1000 == 0
    assert now().tzinfo is not None


# -- tokens -----------------------------------------------------------------------------------


@pytest.mark.rfc("7643", "9.2", "b")
@pytest.mark.rfc("7644", "2.1", "d")
@pytest.mark.rfc("7644", "7.7", "a")
def test_token_is_kept_as_a_digest_only(acme):
    token, secret = Token.objects.issue(tenant=acme, name="Okta")
    assert tokens.is_well_formed(secret)
    assert token.digest == tokens.digest(secret)
    assert secret.startswith(token.prefix)
    assert secret not in str(Token.objects.values().get())


@pytest.mark.rfc("7644", "7.4", "c")
def test_token_lives_for_a_year(token):
    assert token.expires_at - token.created_at <= timedelta(days=365)
    assert token.expires_at - token.created_at > timedelta(days=364)


@pytest.mark.parametrize(("days", "expected"), [(30, timedelta(days=30)), (None, None)])
def test_token_lives_as_long_as_the_setting_says(acme, settings, days, expected):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"TOKEN_LIFETIME_DAYS": days}
    expires = Token.objects.issue(tenant=acme, name="Okta")[0].expires_at
    assert (expires and round((expires - now()) / timedelta(days=1))) == (
        expected and expected.days
    )


def test_token_allows_everything_unless_told(acme, token):
    assert all(token.allows(scope) for scope in Scope.values)
    reading, _ = Token.objects.issue(tenant=acme, name="Report", scopes=READ_ONLY)
    assert [s for s in Scope.values if reading.allows(s)] == ["users:read", "groups:read"]


def test_valid_tokens_are_neither_expired_nor_revoked(acme, token):
    eternal, expired, revoked = (Token.objects.issue(tenant=acme, name="x")[0] for _ in range(3))
    Token.objects.filter(pk=eternal.pk).update(expires_at=None)
    Token.objects.filter(pk=expired.pk).update(expires_at=now())
    revoked.revoke("lost")
    assert set(Token.objects.valid()) == {token, eternal}
    expired.refresh_from_db()
    assert (expired.is_expired, revoked.is_revoked) == (True, True)


def test_revoked_token_keeps_the_reason(token):
    token.revoke("lost")
    token.refresh_from_db()
    assert (token.is_revoked, token.revoked_reason) == (True, "lost")


def test_tokens_are_a_tenants_own(acme, globex, token):
    Token.objects.issue(tenant=globex, name="Okta")
    assert list(Token.objects.for_tenant(acme)) == [token]


def test_first_use_is_written(token):
    token.mark_used("10.0.0.1", "Okta")
    token.refresh_from_db()
    assert token.last_used_ip == "10.0.0.1"
    assert now() - token.last_used_at < timedelta(minutes=1)


def test_use_within_a_minute_costs_no_query(token, django_assert_num_queries):
    token.mark_used("10.0.0.1", "Okta")
    token = Token.letting_in(token.digest)
    with django_assert_num_queries(0):
        token.mark_used("10.0.0.2", "Okta")


def test_use_a_minute_later_is_written(token):
    Token.objects.update(last_used_at=now() - timedelta(seconds=61), last_used_ip="10.0.0.1")
    token.refresh_from_db()
    token.mark_used("10.0.0.2", "Okta")
    token.refresh_from_db()
    assert token.last_used_ip == "10.0.0.2"


def test_slower_of_two_parallel_uses_writes_nothing(token):
    faster = Token.objects.get(pk=token.pk)
    faster.mark_used("10.0.0.1", "Okta")
    token.mark_used("10.0.0.2", "Okta")
    token.refresh_from_db()
    assert token.last_used_ip == "10.0.0.1"


def test_only_the_first_revocation_counts(token):
    same = Token.objects.get(pk=token.pk)
    assert token.revoke("leaked") is True
    at = token.revoked_at
    assert same.revoke("tidying up") is False
    assert (same.revoked_at, same.revoked_reason) == (at, "leaked")
    token.refresh_from_db()
    assert (token.revoked_at, token.revoked_reason) == (at, "leaked")


def test_one_nonce_is_one_token(acme):
    Token.objects.issue(tenant=acme, name="a", nonce="n")
    with pytest.raises(IntegrityError), transaction.atomic():
        Token.objects.issue(tenant=acme, name="b", nonce="n")
    for name in ("c", "d"):
        Token.objects.issue(tenant=acme, name=name)
    assert Token.objects.count() == 3


def test_secret_does_not_show_in_its_repr(acme):
    token, secret = Token.objects.issue(tenant=acme, name="Okta")
    assert repr(secret) == f"<Secret {token.prefix}…>"
    assert secret not in repr((token, secret, {"secret": secret}))
    assert f"{secret}" == str(secret)
    assert tokens.is_well_formed(str(secret))


# -- rotation ---------------------------------------------------------------------------------


def test_successor_inherits_rights_and_networks(acme):
    old, _ = Token.objects.issue(
        tenant=acme, name="Okta", scopes=READ_ONLY, networks=["10.0.0.0/8"]
    )
    new, secret = old.rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    assert (new.tenant, new.predecessor, new.name) == (acme, old, "Okta (2)")
    assert (new.scopes, new.networks) == (list(READ_ONLY), ["10.0.0.0/8"])
    assert new.digest == tokens.digest(secret)
    old.refresh_from_db()
    assert old.rotated_at == new.created_at
    assert old.expires_at == old.rotated_at + timedelta(hours=72)
    assert old.is_valid
    assert old.live_successors == [new]


def test_rotation_makes_no_token_live_longer(acme):
    end = now() + timedelta(hours=5)
    old, _ = Token.objects.issue(tenant=acme, name="Okta", expires_at=end)
    old.rotate(name="Okta (2)", keep_for=timedelta(hours=72))
    old.refresh_from_db()
    assert old.expires_at == end


@pytest.mark.parametrize("eternal", [True, False])
def test_rotated_token_may_be_kept_until_it_is_revoked(acme, eternal):
    end = None if eternal else now() + timedelta(days=99)
    old, _ = Token.objects.issue(tenant=acme, name="Okta", expires_at=end)
    old.rotate(name="Okta (2)", keep_for=None)
    old.refresh_from_db()
    assert (old.expires_at, old.rotated_at is None) == (end, False)


def revoke_it(token):
    Token.objects.get(pk=token.pk).revoke("lost")


def expire_it(token):
    Token.objects.filter(pk=token.pk).update(expires_at=now())


def rotate_it(token):
    Token.objects.get(pk=token.pk).rotate(name="Okta (2)", keep_for=None)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(revoke_it, "is revoked"), (expire_it, "has expired"), (rotate_it, r"is Okta \(2\)")],
)
def test_what_cannot_be_rotated_is_refused_whatever_the_caller_has_in_hand(token, spoil, message):
    spoil(token)
    count = Token.objects.count()
    with pytest.raises(CannotRotate, match=message):
        token.rotate(name="Okta (3)", keep_for=None)
    assert Token.objects.count() == count


def test_if_the_successor_was_lost_then_it_is_rotated_again(token):
    first, _ = token.rotate(name="Okta (2)", keep_for=None)
    first.revoke("never arrived")
    second, _ = token.rotate(name="Okta (3)", keep_for=None)
    assert token.live_successors == [second]


@pytest.mark.django_db(transaction=True)
def test_of_two_rotations_at_once_one_goes_through(acme):
    if connection.vendor == "sqlite":
        pytest.skip("A database in memory has one connection.")
    token, _ = Token.objects.issue(tenant=acme, name="Okta")
    barrier, outcomes = Barrier(3), []

    def rotate(number):
        mine = Token.objects.get(pk=token.pk)
        barrier.wait()
        try:
            mine.rotate(name=f"Okta ({number})", keep_for=None)
            outcomes.append("rotated")
        except CannotRotate:
            outcomes.append("refused")
        connections.close_all()

    threads = [Thread(target=rotate, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "rotated"]
    assert Token.objects.count() == 2


# -- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "name", "expected"),
    [
        ([], "Okta", "Okta"),
        (["Okta"], "Okta", "Okta (2)"),
        (["OKTA"], "okta", "okta (2)"),
        (["Okta", "Okta (2)"], "Okta", "Okta (3)"),
        (["Okta (2)"], "Okta (2)", "Okta (3)"),
        (["Okta (9)"], "Okta (9)", "Okta (10)"),
        (["Straße"], "STRASSE", "STRASSE (2)"),
        (["x" * 100], "x" * 100, "x" * 96 + " (2)"),
        (["(2)"], "(2)", "(2) (2)"),
    ],
)
def test_free_name_counts_on(acme, globex, taken, name, expected):
    for each in taken:
        Token.objects.issue(tenant=acme, name=each)
    assert Token.objects.for_tenant(acme).free_name(name) == expected
    assert Token.objects.for_tenant(globex).free_name(name) == name


def test_token_is_shown_by_name_and_prefix(token):
    assert str(token) == f"Okta ({token.prefix}…)"


# -- session keys -----------------------------------------------------------------------------


def test_session_keys_go_with_their_user(db):
    user = OccupantFactory(company=CompanyFactory())
    key = SessionKey.objects.create(user=user, session_key="abc")
    assert str(key) == str(user)
    user.delete()
    assert not SessionKey.objects.exists()
