"""Rows and markers together: which tests show a row, and what is wrong with the two."""

from collections import Counter
from collections.abc import Iterator

from tests.conformance.markers import Marker
from tests.conformance.requirements import LEVELS, Requirement

Tests = dict[str, list[str]]
"""The tests that name each row; a row that none names is missing."""


def by_row(rows: list[Requirement], found: list[Marker]) -> Tests:
    """The tests that name each row, each of them once."""
    tests: Tests = {}
    for marker in found:
        for row in named(marker, rows):
            tests.setdefault(row.id, []).append(marker.test)
    return {id_: list(dict.fromkeys(names)) for id_, names in tests.items()}


def named(marker: Marker, rows: list[Requirement]) -> list[Requirement]:
    """The row a marker means; none if there is no such row, or if it could be several."""
    here = [row for row in rows if (row.rfc, row.section) == (marker.rfc, marker.section)]
    if marker.letter:
        return [row for row in here if row.letter == marker.letter]
    return here if len(here) == 1 else []


def problems(rows: list[Requirement], found: list[Marker]) -> Iterator[str]:
    """What is wrong, in sentences; nothing if all is well."""
    for marker in found:
        if not named(marker, rows):
            yield f"{marker.test} names {marker.row}: no row, or several that need a letter"
    for id_, number in Counter(row.id for row in rows).items():
        if number > 1:
            yield f"{id_} is there {number} times"
    tests = by_row(rows, found)
    for row in rows:
        if row.level not in LEVELS:
            yield f"{row.id} has no level of RFC 2119: {row.level}"
        if row.id not in tests and not row.reason:
            yield f"{row.id} has neither a test nor a reason: {row.text}"
