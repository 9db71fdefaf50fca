"""Rows as CSV and as JSON Lines, one piece at a time. No table, no request."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

# The last four are the full-width forms of the first four, which some spreadsheets take too.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BYTE_ORDER_MARK = "\ufeff"


class _Echo:
    """What ``csv.writer`` writes to: hands each line back."""

    def write(self, line: str) -> str:
        return line


def neutralised(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (CWE-1236): an apostrophe makes it text.

    Numbers are left alone.
    """
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def csv_lines(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV file (RFC 4180) that spreadsheets open as UTF-8."""
    write = csv.writer(_Echo()).writerow
    yield BYTE_ORDER_MARK + _line(write, heading)
    for row in rows:
        yield _line(write, [neutralised(value) for value in row])


def _line(write: Any, row: Sequence[Any]) -> str:
    line: str = write(row)
    return line


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON object on each line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, default=str) + "\n"
