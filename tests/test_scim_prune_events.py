"""``manage.py scim_prune_events``"""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.signals import post_delete

from maptician_scim.models import Event, EventQuerySet, HeldBack, Token, now

pytestmark = pytest.mark.django_db
REQUEST = {"method": "POST", "body": "{}"}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(*arguments, stderr=None):
    output = io.StringIO()
    call_command("scim_prune_events", *arguments, stdout=output, stderr=stderr or io.StringIO())
    return output.getvalue().splitlines()


def event(tenant, age, **fields):
    return Event.objects.create(
        tenant=tenant,
        verb="create",
        status=201,
        correlation_id="c",
        created_at=now() - timedelta(days=age),
        **fields,
    )


def left():
    return set(Event.objects.all())


def test_events_older_than_the_setting_go(acme, globex):
    old, young = event(acme, 366), event(globex, 364)
    assert run() == ["1 events removed.", "0 requests forgotten."]
    assert left() == {young}
    assert old.pk is not None


def test_setting_is_taken(acme, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"EVENT_RETENTION_DAYS": 7}
    event(acme, 8)
    young = event(acme, 6)
    run()
    assert left() == {young}


def test_days_may_be_named(acme):
    event(acme, 3)
    young = event(acme, 1)
    assert run("--older-than", "2")[0] == "1 events removed."
    assert left() == {young}


def test_ids_need_not_be_in_the_order_of_time(acme):
    young = [event(acme, 1)]
    for age in (400, 2, 500, 3):
        row = event(acme, age)
        if age < 300:
            young.append(row)
    assert run("--batch-size", "2")[0] == "2 events removed."
    assert left() == set(young)


def test_requests_are_forgotten_before_their_events(acme):
    old, young = event(acme, 31, request=REQUEST), event(acme, 29, request=REQUEST)
    assert run() == ["0 events removed.", "1 requests forgotten."]
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.request, young.request) == (None, REQUEST)


def test_second_run_finds_nothing(acme):
    event(acme, 31, request=REQUEST)
    event(acme, 400)
    run()
    assert run() == ["0 events removed.", "0 requests forgotten."]


def test_of_one_tenant(acme, globex):
    event(acme, 400)
    other = event(globex, 400, request=REQUEST)
    assert run("--tenant", "acme") == ["1 events removed.", "0 requests forgotten."]
    assert left() == {other}


def test_events_of_no_tenant_go_too(acme):
    event(None, 400)
    run()
    assert left() == set()


def test_dry_run_counts_and_writes_nothing(acme):
    event(acme, 400, request=REQUEST)
    kept = event(acme, 40, request=REQUEST)
    assert run("--dry-run") == ["1 events would be removed.", "1 requests would be forgotten."]
    assert len(left()) == 2
    kept.refresh_from_db()
    assert kept.request == REQUEST


def test_stopped_run_is_finished_by_the_next(acme, monkeypatch):
    for _ in range(5):
        event(acme, 400)
    remove, calls = EventQuerySet.remove, []

    def stops(rows):
        calls.append(rows)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return remove(rows)

    monkeypatch.setattr(EventQuerySet, "remove", stops)
    with pytest.raises(KeyboardInterrupt):
        run("--batch-size", "2")
    monkeypatch.undo()
    assert len(left()) == 3
    assert run("--batch-size", "2")[0] == "3 events removed."


def test_no_event_is_loaded_whoever_listens(acme, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("loaded")

    for _ in range(3):
        event(acme, 400, request=REQUEST)
    event(acme, 40, request=REQUEST)
    monkeypatch.setattr(Event, "from_db", never)
    post_delete.connect(never, sender=Event)
    try:
        assert run("--batch-size", "2") == ["3 events removed.", "1 requests forgotten."]
    finally:
        post_delete.disconnect(never, sender=Event)


def test_statements_are_as_many_as_batches(acme, django_assert_num_queries):
    for _ in range(10):
        event(acme, 400)
    # The ends, the parts, who was held back, the ends of the requests; which totals to tidy.
    totals = 1 if connection.vendor == "postgresql" else 0
    with django_assert_num_queries(1 + 5 + 1 + 1 + totals):
        run("--batch-size", "2")


def test_tokens_of_removed_events_can_go(acme):
    token, _ = Token.objects.issue(tenant=acme, name="Old")
    event(acme, 400, token=token)
    run()
    token.delete()
    assert not Token.objects.exists()


def test_without_events_nothing_is_drawn(acme):
    terminal = Terminal()
    assert run(stderr=terminal) == ["0 events removed.", "0 requests forgotten."]
    assert terminal.getvalue() == ""


def test_in_a_terminal_there_is_a_progress_bar(acme):
    for _ in range(4):
        event(acme, 400)
    terminal = Terminal()
    run("--batch-size", "2", stderr=terminal)
    steps = terminal.getvalue().rstrip("\n").split("\r")[1:]
    assert [step.split()[-1] for step in steps] == ["0/2", "1/2", "2/2"]
    assert all(step.startswith("Removing events") for step in steps)


def test_outside_a_terminal_there_is_none(acme):
    event(acme, 400)
    output = io.StringIO()
    run(stderr=output)
    assert output.getvalue() == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--older-than", "0"],
        ["--older-than", "-1"],
        ["--older-than", "soon"],
        ["--batch-size", "0"],
        ["--tenant", "nobody"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_an_error(acme, arguments):
    event(acme, 400)
    with pytest.raises(CommandError):
        run(*arguments)
    assert len(left()) == 1


def test_who_was_held_back_long_ago_leaves_the_list(acme, globex):
    for tenant in (acme, globex):
        for age in (364, 366):
            HeldBack.objects.create(
                tenant=tenant,
                resource_type="User",
                key=str(age),
                name="pat",
                last_at=now() - timedelta(days=age),
            )
    run("--tenant", "acme", "--dry-run")
    assert HeldBack.objects.count() == 4
    run("--tenant", "acme")
    assert [held.key for held in HeldBack.objects.for_tenant(acme)] == ["364"]
    assert HeldBack.objects.for_tenant(globex).count() == 2
