"""Receivers of the host that raise, for every verb: before the commit they undo all, after it
nothing."""

import secrets

import httpx
import pytest

from maptician_scim.models import Event
from tests.broken import FAULT, THOROUGH
from tests.broken.faults import AFTER, PUT_OFF, REFUSED
from tests.broken.verbs import VERBS, Trial, send, send_again
from tests.client import ERROR


def each(faults):
    """Every verb with the first fault, and two with the others; ``THOROUGH``: all with all."""
    cases = [
        (verb, fault)
        for number, fault in enumerate(faults)
        for verb in VERBS
        if THOROUGH or number == 0 or verb in {"deactivate", "delete a group"}
    ]
    return pytest.mark.parametrize(("verb", "fault"), cases, indirect=["verb"])


@pytest.fixture
def trial(company, verb):
    return Trial(verb, company)


def send_with(client, trial, fault):
    """The answers, which are those of the operations for Bulk, and the events of the request."""
    request_id = secrets.token_hex(8)
    answer = send(client, trial.request, **{FAULT: fault, "X-Request-Id": request_id})
    events = Event.objects.filter(correlation_id=request_id).order_by("id")
    if trial.request[1] == "/Bulk":
        operations = answer.json()["Operations"]
        answers = [(int(o["status"]), o.get("response")) for o in operations]
    else:
        body = answer.json() if answer.content else None
        answers = [(answer.status_code, body)]
    return answers, [event.status for event in events]


@each(REFUSED)
def test_if_a_receiver_inside_fails_then_409_and_nothing_is_changed(client, trial, fault):
    before = trial.states()
    answers, logged = send_with(client, trial, fault)
    assert {status for status, _ in answers} == {409}
    assert all(body["schemas"] == [ERROR] for _, body in answers)
    assert all("a rule of its own" in body["detail"] for _, body in answers)
    assert logged == [409] * len(answers)
    assert trial.states() == before


@each(["lose_the_database"])
def test_if_a_receiver_inside_loses_the_database_then_503_and_nothing_is_changed(
    client, trial, fault
):
    before = trial.states()
    answers, logged = send_with(client, trial, fault)
    assert {status for status, _ in answers} == {503}
    assert logged == [503] * len(answers)
    assert trial.states() == before


@each([*AFTER, *PUT_OFF])
def test_if_a_receiver_fails_after_the_commit_then_the_success_is_answered(
    server, client, company, verb, trial, fault
):
    undisturbed = Trial(verb, company)
    assert send(client, undisturbed.request).is_success
    said_before = len(server.log.read_text())
    answers, logged = send_with(client, trial, fault)
    assert all(status < 300 for status, _ in answers), answers
    assert logged == [status for status, _ in answers]
    assert trial.states() == undisturbed.states()
    said = server.log.read_text()[said_before:]
    assert "; the change stays\nTraceback" in said


@pytest.mark.parametrize("fault", ["leave", "leave_after"])
@pytest.mark.parametrize("verb", ["deactivate"], indirect=True)
def test_receiver_that_ends_the_process_is_like_a_kill(client, company, verb, trial, fault):
    undisturbed = Trial(verb, company)
    before = trial.states()
    send(client, undisturbed.request)
    with pytest.raises(httpx.TransportError):
        send(client, trial.request, **{FAULT: fault})
    assert trial.states() == (before if fault == "leave" else undisturbed.states())
    assert send_again(client, trial.request)
    assert trial.resources() == undisturbed.resources()
