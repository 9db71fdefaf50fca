"""A worker killed at any step of any verb leaves all as it was, or all done; a retry mends it.

The steps are those of ``tests.broken.wsgi``. The suite kills at some of each verb, the last ones
included; ``THOROUGH=1`` kills at every one.
"""

import time

import httpx
import pytest
from django.db import connection

from tests.broken import KILL_AT, STEPS, THOROUGH
from tests.broken.verbs import Trial, send, send_again

STRIDE = 1 if THOROUGH else 6


def test_killed_worker_leaves_nothing_half_done_and_a_retry_mends_it(client, company, verb):
    undisturbed = Trial(verb, company)
    before = undisturbed.states()
    answer = send(client, undisturbed.request, **{KILL_AT: "0"})
    assert answer.is_success, answer.text
    after, wanted, steps = undisturbed.states(), undisturbed.resources(), int(answer.headers[STEPS])
    done = []
    for step in sorted({*range(1, steps, STRIDE), steps - 2, steps - 1, steps}):
        trial = Trial(verb, company)
        with pytest.raises(httpx.TransportError):
            send(client, trial.request, **{KILL_AT: str(step)})
        wait_for_rollback()
        found = trial.states()
        for state, *either in zip(found, before, after, strict=True):
            assert state in either, f"step {step} of {steps}"
        done.append(found == after)
        assert send_again(client, trial.request)
        assert trial.resources() == wanted, f"step {step} of {steps}"
    assert done == sorted(done)
    assert (done[0], done[-1]) == (False, True)


def wait_for_rollback():
    """Until PostgreSQL has noticed that a client is gone."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state <> 'idle' AND pid <> pg_backend_pid()"
    )
    with connection.cursor() as cursor:
        for _ in range(1000):
            [(busy,)] = cursor.execute(others).fetchall()
            if not busy:
                return
            time.sleep(0.01)
    raise AssertionError("A transaction is open still.")
