"""The same clock and the same chance for two requests, so that they can be compared to the byte."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

BUILT = datetime(2026, 7, 1, 12, tzinfo=UTC)
SENT = BUILT + timedelta(seconds=30)
"""When the worlds are built, and when requests are sent: too soon for a token's use to be noted."""

UUID_BYTES = 16


@contextmanager
def determined(moment: datetime, id_mark: bytes = b"") -> Iterator[None]:
    """Time stands still at ``moment``; every new UUID begins with ``id_mark``."""
    # Another for each moment: what was built must not meet its own ids again.
    chance = random.Random(id_mark + moment.isoformat().encode())

    def urandom(size: int) -> bytes:
        found = chance.randbytes(size)
        return id_mark + found[len(id_mark) :] if size == UUID_BYTES else found

    class Standing(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment.astimezone(tz)

    with (
        patch("os.urandom", urandom),
        patch("random._urandom", urandom),
        patch("time.time", moment.timestamp),
        patch("django.utils.timezone.datetime", Standing),
        patch("maptician_scim.events.Origin.duration_ms", 0),
    ):
        yield
