"""Counting requests by tenant and hour, for the charts.

A read costs no write of its own: each process counts for itself and adds what it has counted to
the table at most once a minute, with a request that comes by then. A refusal brings all of it
at once, as every request does while somebody watches: no trouble waits for the next request.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple

from django.db import Error as DatabaseFailure

from maptician_scim import rehearsal, rls
from maptician_scim.conf import Tenant
from maptician_scim.models import Activity, Token, now

logger = logging.getLogger(__name__)

WRITTEN_EVERY = 60  # seconds
HISTORY = 30 * 24  # hours

Place = tuple[Any, datetime]
"""A tenant's primary key and an hour."""


class Hour(NamedTuple):
    """What was counted in an hour; ``last`` is the latest moment known in it."""

    hour: datetime
    requests: int
    errors: int
    last: datetime


def history(tenant: Tenant) -> list[Hour]:
    """The latest 720 hours in which a tenant's clients sent something, oldest first.

    Counts are written with a delay; the hour in which a token was last used has one at least.
    """
    rows = Activity.objects.for_tenant(tenant).order_by("-hour")[:HISTORY]
    hours = {row.hour: Hour(row.hour, row.requests, row.errors, row.hour) for row in rows}
    used = Token.objects.for_tenant(tenant).exclude(last_used_at=None).order_by("last_used_at")
    for moment in used.values_list("last_used_at", flat=True):
        if moment is not None:
            hour = hour_of(moment)
            _, requests, errors, _ = hours.get(hour, Hour(hour, 0, 0, hour))
            hours[hour] = Hour(hour, max(requests, errors + 1), errors, moment)
    return [hours[hour] for hour in sorted(hours)][-HISTORY:]


def hour_of(moment: datetime) -> datetime:
    """The hour a moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)


class _Counts:
    """What this process has counted and not yet written."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.clear()

    def clear(self) -> None:
        self.requests: Counter[Place] = Counter()
        self.errors: Counter[Place] = Counter()
        self.since = time.monotonic()

    def add(self, place: Place, *, is_error: bool) -> None:
        with self.lock:
            if not self.requests:
                self.since = time.monotonic()
            self.requests[place] += 1
            self.errors[place] += is_error

    def take(self, *, min_age: float) -> list[tuple[Place, int, int]]:
        """Everything counted, which is then nobody else's to write; nothing if it is too young."""
        with self.lock:
            if not self.requests or time.monotonic() - self.since < min_age:
                return []
            taken = [(place, n, self.errors[place]) for place, n in self.requests.items()]
            self.clear()
        return taken


_counts = _Counts()


def count(tenant_id: Any, *, is_error: bool, at_once: bool = False) -> None:
    """Count one request of a tenant, and write what is due, or everything."""
    if rehearsal.is_on():
        return
    _counts.add((tenant_id, hour_of(now())), is_error=is_error)
    flush(min_age=0 if at_once else WRITTEN_EVERY)


def flush(*, min_age: float = 0) -> None:
    """Write what this process has counted. What cannot be written is not counted."""
    taken = _counts.take(min_age=min_age)
    try:
        for (tenant_id, hour), requests, errors in taken:
            with rls.within(tenant_id):  # not only of the tenant whose request brings them
                Activity.objects.add(tenant_id, hour, requests, errors)
    except DatabaseFailure as error:
        logger.warning("Some requests are missing in the charts: %s", type(error).__name__)


def forget() -> None:
    """Drop what has been counted and not written."""
    with _counts.lock:
        _counts.clear()
