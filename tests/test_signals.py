"""What a host hears of provisioning, and what its receivers can prevent."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection

from example_project.workplace.models import Occupant
from maptician_scim import signals
from maptician_scim.models import Event, ProvisionedUser
from tests.client import ERROR
from tests.factories import OccupantFactory

AFTER_COMMIT = {
    "provisioned": signals.user_provisioned,
    "updated": signals.user_updated,
    "deactivated": signals.user_deactivated,
    "reactivated": signals.user_reactivated,
    "deleted": signals.user_deleted,
}


def set_active(value):
    return {"op": "replace", "value": {"active": value}}


TITLE = {"op": "replace", "path": "title", "value": "Boss"}
VERBS = {
    "provisioned": lambda scim, key: scim.create(userName="new@acme.example"),
    "updated": lambda scim, key: scim.modify(key, TITLE),
    "deactivated": lambda scim, key: scim.modify(key, set_active(False)),
    "reactivated": lambda scim, key: scim.modify(key, set_active(True)),
    "deleted": lambda scim, key: scim.remove(key),
}
each_verb = pytest.mark.parametrize("verb", VERBS)


@pytest.fixture
def listen():
    """A function that connects receivers until the end of the test."""
    connected = []

    def connect(signal, receiver):
        signal.connect(receiver, weak=False)
        connected.append((signal, receiver))

    yield connect
    for signal, receiver in connected:
        signal.disconnect(receiver)


@pytest.fixture
def heard(listen):
    """What was said after commits: the name of the signal and its arguments."""
    said = []
    for name, signal in AFTER_COMMIT.items():
        listen(signal, lambda name=name, **arguments: said.append((name, arguments)))
    return said


@pytest.fixture
def heard_inside(listen):
    """What was said inside transactions."""
    said = []
    listen(signals.in_transaction, lambda **arguments: said.append((arguments["verb"], arguments)))
    return said


@pytest.fixture
def person(acme, request):
    """Somebody to whom the verb of the test can be done."""
    callspec = getattr(request.node, "callspec", None)
    is_active = callspec is None or callspec.params.get("verb") != "reactivated"
    user = OccupantFactory(company=acme, is_active=is_active, job_title="Clerk")
    return ProvisionedUser.objects.select_related("user").get(user=user)


def state():
    """Everything SCIM might have written."""
    people = Occupant.objects.order_by("pk").values_list("pk", "is_active", "job_title", "username")
    records = ProvisionedUser.objects.order_by("pk").values_list("pk", "deleted_at", "modified_at")
    return list(people), list(records)


@each_verb
def test_verb_is_told_after_the_commit_only(
    scim, acme, person, heard, verb, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks:
        VERBS[verb](scim, person.scim_id)
    assert heard == []
    for callback in callbacks:
        callback()
    [(name, arguments)] = heard
    assert (name, arguments["tenant"]) == (verb, acme)
    assert arguments["provisioned_user"].user_id == arguments["user"].pk
    assert arguments["changes"]


@each_verb
def test_verb_is_told_inside_the_transaction(scim, acme, person, heard_inside, verb):
    VERBS[verb](scim, person.scim_id)
    [(name, arguments)] = heard_inside
    assert (name, arguments["tenant"]) == (verb, acme)
    assert arguments["provisioned_user"].user_id == arguments["user"].pk


def test_changes_hold_old_and_new_values(scim, person, heard_inside):
    VERBS["updated"](scim, person.scim_id)
    assert heard_inside[0][1]["changes"] == {"title": {"old": "Clerk", "new": "Boss"}}


def test_deactivation_with_other_changes_is_told_once(scim, person, heard_inside):
    scim.modify(person.scim_id, TITLE, set_active(False))
    [(name, arguments)] = heard_inside
    assert name == "deactivated"
    assert arguments["changes"].keys() == {"title", "active"}


def test_what_changes_nothing_is_not_told(scim, person, heard_inside):
    scim.modify(person.scim_id, set_active(True))
    assert heard_inside == []


def test_what_is_refused_is_not_told(
    scim, person, heard, heard_inside, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        assert scim.create(userName=person.user_name).status_code == 409
    assert (heard, heard_inside) == ([], [])


@each_verb
@pytest.mark.parametrize("error", [ValueError, IntegrityError])
def test_if_a_receiver_inside_raises_then_409_and_nothing_is_written(
    scim, person, listen, heard, verb, error, django_capture_on_commit_callbacks
):
    def refuse(**arguments):
        raise error("no")

    listen(signals.in_transaction, refuse)
    before = state()
    with django_capture_on_commit_callbacks(execute=True):
        answer = VERBS[verb](scim, person.scim_id)
    assert (answer.status_code, answer.json()["schemas"]) == (409, [ERROR])
    assert state() == before
    assert heard == []
    assert list(Event.objects.values_list("status", "changes")) == [(409, {})]


def test_the_log_of_the_host_says_which_receiver_refused(scim, person, listen, caplog):
    def no_changes_on_sundays(**arguments):
        raise ValueError("closed")

    listen(signals.in_transaction, no_changes_on_sundays)
    answer = scim.modify(person.scim_id, TITLE)
    assert answer["X-Request-Id"] in caplog.text
    assert "no_changes_on_sundays" in caplog.text


def test_the_log_of_the_host_says_which_constraint_refused_and_no_value(
    scim, person, listen, caplog
):
    def seat_twice(user, **arguments):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO scim_rule VALUES ('a secret value'), ('a secret value')")

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE scim_rule (x text CONSTRAINT only_once UNIQUE)")
    listen(signals.in_transaction, seat_twice)
    answer = scim.modify(person.scim_id, TITLE)
    assert answer.status_code == 409
    name = "only_once" if connection.vendor == "postgresql" else "IntegrityError"
    [line] = [r.getMessage() for r in caplog.records if r.name == "maptician_scim.errors"]
    assert line == f"Request {answer['X-Request-Id']} was refused by the constraint {name}"


def test_what_a_refusing_receiver_says_stays_inside(scim, person, listen):
    def refuse(**arguments):
        raise ValueError("the secret of the house")

    listen(signals.in_transaction, refuse)
    assert "secret" not in VERBS["updated"](scim, person.scim_id).content.decode()


def test_what_a_receiver_inside_writes_falls_with_the_verb(scim, acme, person, listen):
    def write_and_refuse(**arguments):
        OccupantFactory(company=acme, email="written@acme.example")
        raise ValueError("no")

    listen(signals.in_transaction, write_and_refuse)
    assert VERBS["updated"](scim, person.scim_id).status_code == 409
    assert not Occupant.objects.filter(email="written@acme.example").exists()


@pytest.mark.django_db(transaction=True)
def test_receiver_after_the_commit_sees_what_is_committed(scim, person, listen):
    seen = []

    def look(user, **arguments):
        title = Occupant.objects.get(pk=user.pk).job_title
        seen.append((connection.in_atomic_block, title))

    listen(signals.user_updated, look)
    assert VERBS["updated"](scim, person.scim_id).status_code == 200
    assert seen == [(False, "Boss")]


@pytest.mark.django_db(transaction=True)
def test_receiver_inside_is_in_the_transaction(scim, person, listen):
    seen = []
    listen(signals.in_transaction, lambda **_: seen.append(connection.in_atomic_block))
    VERBS["updated"](scim, person.scim_id)
    assert seen == [True]


@pytest.mark.django_db(transaction=True)
def test_receiver_after_the_commit_that_raises_changes_nothing(scim, person, listen, heard, caplog):
    def fail(**arguments):
        raise ValueError("too late")

    listen(signals.user_updated, fail)
    answer = VERBS["updated"](scim, person.scim_id)
    assert (answer.status_code, answer.json()["title"]) == (200, "Boss")
    assert scim.read(person.scim_id).json() == answer.json()
    assert [name for name, _ in heard] == ["updated"]
    assert "too late" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_receiver_inside_that_raises_undoes_a_real_transaction(scim, person, listen):
    def refuse(**arguments):
        raise ValueError("no")

    listen(signals.in_transaction, refuse)
    assert VERBS["deactivated"](scim, person.scim_id).status_code == 409
    assert Occupant.objects.get(pk=person.user_id).is_active


# -- rules of the host itself -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValidationError({"job_title": "No such job."}), "'title' cannot take this value: No such"),
        (ValidationError("Not on Sundays."), "A value cannot be taken: Not on Sundays."),
        (ValidationError({"badge": "Lost."}), "A value cannot be taken: Lost."),
    ],
    ids=["of a mapped field", "of the whole", "of another field"],
)
def test_what_the_hosts_own_validation_refuses_is_a_400(scim, monkeypatch, error, detail):
    def refuse(self, *args, **kwargs):
        raise error

    monkeypatch.setattr(Occupant, "save", refuse)
    answer = scim.create(userName="pat@acme.example", title="Astronaut")
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert detail in answer.json()["detail"]
