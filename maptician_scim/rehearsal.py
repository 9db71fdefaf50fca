"""A rehearsal: requests that are played to see what would happen, and leave nothing behind.

While one runs in this thread, the host hears no signal and nothing is counted; whoever runs it
rolls the database back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_on: ContextVar[bool] = ContextVar("maptician_scim_rehearsal", default=False)


def is_on() -> bool:
    """Whether the present request is only played."""
    return _is_on.get()


@contextmanager
def rehearsing() -> Iterator[None]:
    token = _is_on.set(True)
    try:
        yield
    finally:
        _is_on.reset(token)
