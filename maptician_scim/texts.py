"""What can be kept of a text."""

from __future__ import annotations

import re

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL does not keep, and half of a surrogate pair, which is no UTF-8."""


def is_storable(text: str) -> bool:
    """Whether a text can be kept by every database."""
    return not UNSTORABLE.search(text)
