"""Which attributes an answer holds (RFC 7644 sections 3.4.2.5 and 3.9)."""

from __future__ import annotations

from typing import Any


class Projection:
    """The attributes a client wants to see of a resource."""

    def includes(self, attribute: str) -> bool:
        """Whether anything of a top-level attribute, or of an extension's URN, is shown."""
        return True

    def apply(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document with what is shown of it."""
        return document


EVERYTHING = Projection()
"""What is returned by default."""


class _Nothing(Projection):
    """For an answer without a body: nothing has to be read for it."""

    def includes(self, attribute: str) -> bool:
        return False


NOTHING = _Nothing()
"""What a client sees that wants no body."""
