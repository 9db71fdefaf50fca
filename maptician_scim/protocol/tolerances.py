"""What is accepted although the RFCs do not foresee it: the list, and who does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum

_noted: ContextVar[list[Tolerance] | None] = ContextVar("scim_tolerances", default=None)


class Tolerance(StrEnum):
    """One deviation that is accepted. The value is its stable name in the provisioning log."""

    BOOLEAN_AS_TEXT = "boolean_as_text"
    """Entra and OneLogin send ``"False"`` for a boolean."""

    NUMBER_AS_TEXT = "number_as_text"
    """Entra sends ``"42"`` for a number: its source attributes are strings."""

    DATE_WITHOUT_TIME = "date_without_time"
    """Okta passes a date on as its source has it, often ``2026-01-31`` alone."""


def tolerate(tolerance: Tolerance) -> None:
    """Accept a deviation, and let the event of the request say so."""
    noted = _noted.get()
    if noted is not None and tolerance not in noted:
        noted.append(tolerance)


@contextmanager
def noting() -> Iterator[list[Tolerance]]:
    """The deviations that are accepted while this lasts, each once."""
    noted: list[Tolerance] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)
