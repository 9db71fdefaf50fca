"""Requests are counted by the hour, without a write for each."""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from maptician_scim import activity, rehearsal
from maptician_scim.models import Activity, Connection, now
from maptician_scim.models.activity import ActivityQuerySet


def counted(tenant):
    rows = Activity.objects.for_tenant(tenant)
    return sum(r.requests for r in rows), sum(r.errors for r in rows)


def test_request_is_counted_without_a_write(scim, acme):
    scim.search()
    assert counted(acme) == (0, 0)
    activity.flush()
    assert counted(acme) == (1, 0)


def test_refusals_are_counted_as_errors(scim, acme):
    scim.search("userName zz 1")
    scim.request_scim("GET", "/Users", authorization="Bearer x")
    scim.search()
    activity.flush()
    assert counted(acme) == (3, 2)


def test_refusal_is_counted_at_once_and_with_it_all_before(scim, acme):
    scim.create(userName="pat@acme.example")
    scim.create(userName="pat@acme.example")
    assert counted(acme) == (2, 1)


def test_request_is_counted_at_once_while_somebody_watches(scim, acme):
    Connection.objects.make_missing([acme])
    Connection.of(acme).watch()
    scim.search()
    assert counted(acme) == (1, 0)


def test_request_without_a_token_costs_no_write(scim, acme):
    scim.request_scim("POST", "/Users", {}, authorization="Bearer x")
    assert counted(acme) == (0, 0)


def test_counts_of_a_minute_are_written_with_the_next_request(scim, acme, monkeypatch):
    scim.search()
    monkeypatch.setattr(activity, "WRITTEN_EVERY", 0)
    scim.search()
    assert counted(acme) == (2, 0)


def test_hour_is_one_row_however_often_it_is_written(scim, acme):
    for _ in range(3):
        scim.search()
        activity.flush()
    [row] = Activity.objects.for_tenant(acme)
    assert row.requests == 3
    assert timedelta(0) <= now() - row.hour < timedelta(hours=1, minutes=1)


def test_tenants_are_counted_apart(scim, other_scim, acme, globex):
    scim.search()
    other_scim.search()
    other_scim.search()
    activity.flush()
    assert (counted(acme), counted(globex)) == ((1, 0), (2, 0))


def test_whoever_is_slower_to_make_the_row_is_counted_too(acme, monkeypatch):
    hour = now().replace(minute=0, second=0, microsecond=0)
    update = ActivityQuerySet.update

    def update_late(self, **values):
        """Somebody else makes the row right after we have looked for it."""
        monkeypatch.setattr(ActivityQuerySet, "update", update)
        Activity.objects.create(tenant=acme, hour=hour, requests=5)
        return 0

    monkeypatch.setattr(ActivityQuerySet, "update", update_late)
    Activity.objects.add(acme.pk, hour, 2, 1)
    assert counted(acme) == (7, 1)


def test_rehearsed_request_is_not_counted(scim, acme):
    with rehearsal.rehearsing():
        scim.search()
    activity.flush()
    assert counted(acme) == (0, 0)


def test_answer_goes_out_although_counts_cannot_be_written(scim, monkeypatch, caplog):
    def fail(*args):
        raise DatabaseError

    monkeypatch.setattr(activity, "WRITTEN_EVERY", 0)
    monkeypatch.setattr(ActivityQuerySet, "add", fail)
    assert scim.search().status_code == 200
    assert "DatabaseError" in caplog.text


@pytest.mark.usefixtures("db")
def test_nothing_counted_is_nothing_written(django_assert_num_queries):
    with django_assert_num_queries(0):
        activity.flush()
