"""What several tables share."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """The present in milliseconds, the precision in which clients see it."""
    present = timezone.now()
    return present.replace(microsecond=present.microsecond // 1000 * 1000)
