"""The silence alarm: has a tenant's identity provider been quiet for longer than it usually is?

What is usual is learnt from the tenant's own past: the longest pause between two hours with a
request that was let in, in the 30 days before the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from maptician_scim import activity
from maptician_scim.activity import Hour
from maptician_scim.conf import Tenant
from maptician_scim.models import Connection, Token, now

WINDOW = timedelta(days=30)
MIN_HISTORY = timedelta(days=14)
"""Two weekends, on which many identity providers have nothing to say."""

MIN_HOURS = 10
"""With fewer hours of use there is no rhythm to speak of."""

MIN_SILENCE = timedelta(hours=12)
"""Nobody is called for less."""

PRECISION = timedelta(hours=1)
"""A pause is known to the hour."""


@dataclass(frozen=True)
class Rhythm:
    """A tenant's usual rhythm, and how long it has been silent."""

    seen_at: datetime
    last_request: datetime | None = None
    longest_pause: timedelta | None = None
    """``None`` while too little is known."""

    @property
    def silent_for(self) -> timedelta | None:
        return None if self.last_request is None else self.seen_at - self.last_request

    @property
    def is_alarming(self) -> bool:
        """Whether the present silence is longer than any usual one."""
        if self.silent_for is None or self.longest_pause is None:
            return False
        return self.silent_for > max(self.longest_pause + PRECISION, MIN_SILENCE)

    def explanation(self) -> str:
        """Why there is an alarm or none, in a sentence or two."""
        if self.last_request is None:
            return _("No request has been let in yet, so nothing is known of the usual rhythm.")
        ago = _("less than a minute")
        if self.seen_at - self.last_request >= timedelta(minutes=1):
            ago = timesince(self.last_request, self.seen_at)
        if self.longest_pause is None:
            return _(
                "The last request was %(ago)s ago. The alarm needs two weeks of use to know what "
                "is usual."
            ) % {"ago": ago}
        pause = timesince(self.seen_at - self.longest_pause, self.seen_at)
        return _(
            "The last request was %(ago)s ago; in the 30 days before it, the longest pause was "
            "%(pause)s."
        ) % {"pause": pause, "ago": ago}


def rhythm(hours: Sequence[Hour], present: datetime | None = None) -> Rhythm:
    """The rhythm in a tenant's history, as ``activity.history`` returns it."""
    present = present or now()
    used = [hour for hour in hours if hour.requests > hour.errors]
    if not used:
        return Rhythm(present)
    last = used[-1]
    recent = [hour.hour for hour in used if hour.hour >= last.hour - WINDOW]
    is_known = len(recent) >= MIN_HOURS and recent[-1] - recent[0] >= MIN_HISTORY
    pauses = [after - before for before, after in pairwise(recent)]
    return Rhythm(present, last.last, max(pauses) if is_known else None)


def rhythm_of(tenant: Tenant) -> Rhythm:
    """The rhythm of a tenant."""
    return rhythm(activity.history(tenant))


def alarms(tenants: Iterable[Tenant]) -> Iterator[tuple[Tenant, Rhythm]]:
    """The tenants whose identity provider is silent though it could get in: for monitoring.

    A tenant that has switched SCIM off, or has no token in force, is meant to be silent.
    """
    for tenant in tenants:
        if Connection.of(tenant).is_enabled and Token.objects.for_tenant(tenant).valid().exists():
            found = rhythm_of(tenant)
            if found.is_alarming:
                yield tenant, found
