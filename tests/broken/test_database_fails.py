"""A database that fails in the middle: 503 with ``Retry-After``, nothing half-done, and then on."""

from contextlib import contextmanager

import pytest
from django.db import connection

from tests import live
from tests.broken import CUT_AT, STEPS, THOROUGH
from tests.broken.people import Person
from tests.broken.verbs import VERBS, Trial, each_verb, patch, send, send_again
from tests.client import ERROR
from tests.live import at_once

STRIDE = 1 if THOROUGH else 4
FAILURES = {
    "deadlock": "40P01",
    "serialization failure": "40001",
    "lock timeout": "55P03",
    "disk full": "53100",
    "out of memory": "53200",
    "statement timeout": "57014",
    "input/output error": "58030",
    "read-only after a failover": "25006",
    "corrupted index": "XX002",
}
TABLES = ("workplace_occupant", "maptician_scim_event")
"""What a verb on a person writes to first, and what every verb writes to last."""


@contextmanager
def failing(table, code, times=10**6):
    """Let so many writes to a table fail, with this SQLSTATE."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE failures")  # no rollback turns it back
        cursor.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('failures') <= {times} THEN RAISE 'broken' USING ERRCODE = '{code}';"
            " END IF; RETURN NEW; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION fail CASCADE")
            cursor.execute("DROP SEQUENCE failures")


def check_unavailable(answer):
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["Retry-After"].isdecimal()
    body = answer.json()
    assert (body["schemas"], body["status"]) == ([ERROR], "503")


@pytest.mark.parametrize("verb", [name for name in VERBS if name != "bulk"], indirect=True)
def test_if_the_disk_is_full_then_503_and_nothing_is_written(client, company, verb):
    trial = Trial(verb, company)
    before = trial.states()
    with failing(TABLES[1], FAILURES["disk full"]):
        check_unavailable(send(client, trial.request))
        assert client.get("/Users", params={"count": 1}).status_code == 200
    assert trial.states() == before
    assert send_again(client, trial.request)


@pytest.mark.parametrize("verb", ["bulk"], indirect=True)
def test_if_the_disk_is_full_then_every_operation_is_503(client, company, verb):
    trial = Trial(verb, company)
    before = trial.states()
    with failing(TABLES[1], FAILURES["disk full"]):
        answer = send(client, trial.request)
    assert [o["status"] for o in answer.json()["Operations"]] == ["503", "503"]
    assert trial.states() == before
    assert send_again(client, trial.request)


@pytest.mark.parametrize("verb", ["create"], indirect=True)
@pytest.mark.parametrize("table", TABLES if THOROUGH else TABLES[:1])
@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_fails_it_is_503_and_nothing_is_written(client, company, verb, failure, table):
    trial = Trial(verb, company)
    before = trial.states()
    with failing(table, FAILURES[failure]):
        check_unavailable(send(client, trial.request))
    assert trial.states() == before
    assert send(client, trial.request).status_code == 201


@each_verb()
@pytest.mark.parametrize("failure", ["deadlock", "serialization failure"])
def test_what_is_over_at_the_third_attempt_no_client_hears_of(client, company, verb, failure):
    undisturbed, trial = Trial(verb, company), Trial(verb, company)
    assert send(client, undisturbed.request).is_success
    with failing(TABLES[1], FAILURES[failure], times=2):
        assert send(client, trial.request).is_success
    assert trial.states() == undisturbed.states()


@each_verb()
def test_connection_cut_at_any_step_is_503_or_not_noticed(client, company, verb):
    undisturbed = Trial(verb, company)
    before = undisturbed.states()
    answer = send(client, undisturbed.request, **{CUT_AT: "99"})
    after, wanted, steps = undisturbed.states(), undisturbed.resources(), int(answer.headers[STEPS])
    assert steps < 99
    for step in sorted({*range(1, steps, STRIDE), steps - 2, steps - 1, steps}):
        trial = Trial(verb, company)
        answer = send(client, trial.request, **{CUT_AT: str(step)})
        found = trial.states()
        for state, *either in zip(found, before, after, strict=True):
            assert state in either, f"step {step} of {steps}"
        if "Operations" in answer.text:
            statuses = {operation["status"] for operation in answer.json()["Operations"]}
            assert statuses <= {"201", "503"}
        elif answer.is_success:
            assert found == after
        else:
            check_unavailable(answer)
        assert send_again(client, trial.request)
        assert trial.resources() == wanted, f"step {step} of {steps}"


def test_connections_cut_between_requests_no_client_notices(server, acme):
    with server.client("acme", acme.secret) as client:
        assert [client.get("/Users").status_code for _ in range(10)] == [200] * 10
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert [client.get("/Users").status_code for _ in range(10)] == [200] * 10


@pytest.fixture(scope="module")
def serializable(database_url, tmp_path_factory):
    """A server each of whose transactions sees the database as if it were alone."""
    url = f"{database_url}?options=-c%20default_transaction_isolation%3Dserializable"
    directory = tmp_path_factory.mktemp("serializable")
    with live.serving(live.environment(url), directory, "--preload") as running:
        yield running


def test_serialization_failures_lose_nothing(serializable, acme, name):
    jane = Person(acme, name).join()
    addresses = {f"{n}@{jane.mark}.example" for n in range(16)}
    path = f"/Users/{jane.id}"

    def add(address):
        value = [{"value": address, "type": address}]
        request = "PATCH", path, patch({"op": "add", "path": "emails", "value": value})
        while (answer := send(client, request)).status_code == 503:
            check_unavailable(answer)
        return answer.status_code

    with serializable.client("acme", acme.secret) as client:
        assert set(at_once(*(lambda a=a: add(a) for a in addresses))) == {200}
        emails = client.get(path).json()["emails"]
    assert {email["value"] for email in emails} == addresses | {jane.name}
    assert "Attempt 1 to write failed" in serializable.log.read_text()
