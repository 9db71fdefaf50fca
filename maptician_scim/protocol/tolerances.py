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

    BULK_PATCH_AS_ARRAY = "bulk_patch_as_array"
    """The example of RFC 7644 section 3.7.3: a PATCH in a bulk request without a PatchOp around
    its operations."""


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
