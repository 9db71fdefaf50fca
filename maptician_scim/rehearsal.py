"""A rehearsal: requests that are played to see what would happen, and leave nothing behind.

While one runs in this thread, the host hears no signal and nothing is counted or logged; whoever
runs it rolls the database back. A host whose own code reaches beyond the database (a queue, another
service) may ask ``is_on`` too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_errors: ContextVar[list[Exception] | None] = ContextVar("maptician_scim_rehearsal", default=None)


def is_on() -> bool:
    """Whether the present request is only played."""
    return _errors.get() is not None


def note(error: Exception) -> None:
    """Let whoever rehearses know what a request was refused for: more than its answer tells."""
    noted = _errors.get()
    if noted is not None:
        noted.append(error)


@contextmanager
def rehearsing() -> Iterator[list[Exception]]:
    """Rehearse; what requests are refused for is added to the list."""
    noted: list[Exception] = []
    token = _errors.set(noted)
    try:
        yield noted
    finally:
        _errors.reset(token)
