"""Some hundred requests from seeds that are the same every time, and what a report says."""

import logging

import pytest
from django.db import connections

from maptician_scim.models import Event, ProvisionedUser
from tests.fuzz.judge import UUID
from tests.fuzz.messages import Answer
from tests.fuzz.run import Run
from tests.fuzz.transports import InProcess
from tests.oracles.strategies import undone

REQUESTS = 200


@pytest.fixture(autouse=True)
def _open_connection(monkeypatch):
    """The end of a request leaves the transaction of a test open, as with Django's test client."""
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_found(seed):
    """``python -m tests.fuzz --seed`` shows what it was, and sends as many requests as wanted."""
    summary = Run(InProcess(), seed).go(requests=REQUESTS).summary()
    assert summary["findings"] == []
    assert (summary["requests"], summary["checks"]) == (REQUESTS, 1)
    assert summary["succeeded"] > REQUESTS // 3
    assert summary["mutated"] > REQUESTS // 10


@pytest.mark.django_db
def test_same_seed_sends_the_same_requests():
    sent = [[], []]
    for requests in sent:
        with undone():
            run = Run(InProcess(), 7)
            for _ in range(20):
                request = run.make()
                body = UUID.sub(b"<id>", request.body)
                requests.append((request.tenant.key, request.kind, request.method, body))
    assert sent[0] == sent[1]


class Rogue(InProcess):
    """An application that does what none may do."""

    def __init__(self, deed):
        self.deed = deed

    def send(self, request):
        answer = super().send(request)
        self.deed(answer)
        return answer


def break_an_answer(answer):
    answer.status = 500


DEEDS = {
    "answer": (break_an_answer, "status 500"),
    "record": (
        lambda answer: ProvisionedUser.objects.update(digest="0" * 32),
        "digest is not that",
    ),
    "no event": (lambda answer: Event.objects.all().remove(), "the log has"),
    "secret": (
        lambda answer: Event.objects.update(facts={"a": "pass-phrase-that-nobody-may-see-1"}),
        "an event holds a secret",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("deed", "said"), DEEDS.values(), ids=DEEDS)
def test_what_is_wrong_is_found_and_reported(deed, said):
    summary = Run(Rogue(deed), 1).go(requests=15).summary()
    faults = [fault for finding in summary["findings"] for fault in finding["faults"]]
    assert any(said in fault for fault in faults), faults
    assert isinstance(summary["findings"][0]["request"], dict)


@pytest.mark.django_db
def test_error_and_secret_in_the_log_are_found():
    run = Run(InProcess(), 1)
    logger = logging.getLogger("maptician_scim.request")
    run.transport.send = lambda request: (
        logger.error("%s", run.log.secrets[0]) or Answer(200, {}, b"")
    )
    faults = run.go(requests=1).findings[0]["faults"]
    assert any(fault.startswith("logged: ") for fault in faults)
    assert "the log holds a secret: maptician_scim.request ERROR" in faults


@pytest.mark.django_db
def test_a_run_that_finds_too_much_ends():
    report = Run(Rogue(break_an_answer), 1).go(requests=100)
    assert report.requests == 20
