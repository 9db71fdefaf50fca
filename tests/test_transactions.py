"""A database that fails for a moment: tried again where nothing can be half-done."""

from contextlib import contextmanager

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from maptician_scim import transactions
from maptician_scim.exceptions import Unavailable
from maptician_scim.models import Event, ProvisionedUser, Token
from tests.client import ERROR, ScimClient
from tests.factories import CompanyFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scim():
    acme = CompanyFactory(subdomain="acme")
    _, secret = Token.objects.issue(tenant=acme, name="Test")
    client = ScimClient("acme", secret)
    client.search()  # notes the use of the token, so that later requests need not
    return client


@contextmanager
def failing(part, error, times):
    """Let the statements that hold ``part`` fail so many times; how often they were tried."""
    tried = []

    def wrapper(execute, sql, params, many, context):
        if part in sql:
            tried.append(sql)
            if len(tried) <= times:
                raise error
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield tried


INSERT = 'INSERT INTO "maptician_scim_provisioneduser"'
FAILURES = [OperationalError("server closed the connection"), InterfaceError("connection closed")]


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_write_that_fails_before_the_commit_is_tried_again(scim, error):
    with failing(INSERT, error, times=2) as tried:
        answer = scim.create(userName="a")
    assert (answer.status_code, len(tried)) == (201, 3)
    assert ProvisionedUser.objects.count() == Event.objects.count() == 1


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_if_writing_fails_for_good_then_503_and_nothing_is_written(scim, error):
    with failing(INSERT, error, times=99):
        answer = scim.create(userName="a")
    assert (answer.status_code, answer.json()["schemas"]) == (503, [ERROR])
    assert answer.headers["Retry-After"].isdecimal()
    assert not ProvisionedUser.objects.exists()
    assert CompanyFactory(subdomain="acme").occupants.count() == 0
    assert Event.objects.get().status == 503


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_read_is_tried_once_more(scim, error):
    scim.create(userName="a")
    with failing('"user_name_key" =', error, times=1) as tried:
        answer = scim.search('userName eq "a"')
    assert (answer.json()["totalResults"], len(tried)) == (1, 2)


@pytest.mark.parametrize("part", ['"user_name_key" =', '"maptician_scim_token"'])
def test_if_reading_fails_for_good_then_503(scim, part):
    with failing(part, OperationalError("gone"), times=99):
        answer = scim.search('userName eq "a"')
    assert (answer.status_code, answer.json()["status"]) == (503, "503")
    assert answer.headers["Retry-After"] == "5"


def test_commit_whose_outcome_is_unknown_is_not_repeated(scim, monkeypatch):
    ran = []

    def lost():
        connection.rollback()
        raise OperationalError("gone while committing")

    monkeypatch.setattr(connection, "_commit", lost)
    with pytest.raises(Unavailable):
        transactions.write(lambda: ran.append(1))
    assert ran == [1]


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_commit_that_was_rolled_back_is_tried_again(monkeypatch, state):
    """As at the isolation level ``SERIALIZABLE``, or after a deadlock of deferred constraints."""
    commit, ran = connection._commit, []

    class RolledBack(Exception):
        sqlstate = state

    def refused_once():
        if len(ran) == 1:
            connection.rollback()
            raise OperationalError("could not serialize access") from RolledBack()
        commit()

    monkeypatch.setattr(connection, "_commit", refused_once)
    transactions.write(lambda: ran.append(1))
    assert ran == [1, 1]


def test_inside_a_transaction_of_the_caller_nothing_is_repeated():
    ran = []

    def work():
        ran.append(1)
        raise OperationalError("gone")

    with pytest.raises(OperationalError), transaction.atomic():
        transactions.write(work)
    assert ran == [1]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="ends a server process")
def test_if_the_server_ends_the_connection_then_the_next_request_opens_another(scim):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    other.close()
    assert scim.search().status_code == 200


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks")
def test_if_somebody_keeps_a_lock_then_503_after_the_timeout(scim):
    created = scim.create(userName="a").json()
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute('SELECT 1 FROM "workplace_occupant" FOR UPDATE')
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        answer = scim.modify(created["id"], {"op": "replace", "path": "title", "value": "x"})
    finally:
        other.rollback()
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
    assert answer.status_code == 503
    assert scim.read(created["id"]).json() == created
