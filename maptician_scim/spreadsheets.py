"""Text for spreadsheets: what a client or an administrator wrote must not run as a formula."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutral(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula (CWE-1236)."""
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
