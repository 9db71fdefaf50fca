"""Every MUST and SHOULD of the three RFCs that concerns a service provider.

The rows are kept in ``rfc*.toml``, by section and letter. A row that has a reason is not met, or
not in full; every other one needs a test that names it.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

AWAITED: set[str] = {
    "7643-3.1-n",
    "7643-4.1.2-f",
    "7643-4.1.2-g",
    "7643-4.2-a",
    "7643-5-c",
    "7643-7-f",
    "7643-7-j",
    "7644-3.4.2.1-a",
    "7644-3.4.2.1-c",
    "7644-3.4.2.1-d",
    "7644-3.4.2.3-a",
    "7644-3.4.2.3-b",
    "7644-3.4.2.3-c",
    "7644-3.4.2.5-a",
    "7644-3.4.2.5-b",
    "7644-3.4.3-a",
    "7644-3.4.3-b",
    "7644-3.4.3-c",
    "7644-3.4.3-d",
    "7644-3.4.3-e",
    "7644-3.5.1-c",
    "7644-3.5.1-d",
    "7644-3.5.1-e",
    "7644-3.5.2-n",
    "7644-3.7-a",
    "7644-3.7-b",
    "7644-3.7-c",
    "7644-3.7-d",
    "7644-3.7-e",
    "7644-3.7-f",
    "7644-3.7-g",
    "7644-3.7.1-a",
    "7644-3.7.2-a",
    "7644-3.7.2-b",
    "7644-3.7.3-a",
    "7644-3.7.3-b",
    "7644-3.7.3-c",
    "7644-3.7.3-d",
    "7644-3.7.4-a",
    "7644-3.7.4-b",
    "7644-3.7.4-c",
    "7644-3.9-a",
    "7644-3.9-b",
    "7644-3.9-c",
    "7644-3.11-a",
    "7644-4-e",
    "9865-2-a",
    "9865-2-b",
    "9865-2-c",
    "9865-2-d",
    "9865-2-e",
    "9865-2.1-a",
    "9865-5.2-a",
    "9865-5.2-b",
    "9865-5.2-c",
    "9865-5.2-d",
}
"""Rows whose feature is not here yet. ``--check`` lets them pass without a test."""

RFCS = {
    "7643": "Core Schema",
    "7644": "Protocol",
    "9865": "Cursor-Based Pagination",
}
LEVELS = frozenset(
    {"MUST", "MUST NOT", "SHALL", "SHALL NOT", "REQUIRED", "SHOULD", "SHOULD NOT", "RECOMMENDED"}
)


@dataclass(frozen=True)
class Requirement:
    """One row: what an RFC asks for, in our words, and why we do not do it, if so."""

    rfc: str
    section: str
    title: str
    letter: str
    level: str
    text: str
    reason: str = ""

    @property
    def id(self) -> str:
        return f"{self.rfc}-{self.section}-{self.letter}"


def requirements() -> list[Requirement]:
    """All rows, in the order of the RFCs."""
    return [row for rfc in RFCS for row in _rows(rfc)]


def left_out(rfc: str) -> int:
    """How many sentences of an RFC bind clients only, and so have no row."""
    return _document(rfc)["clients_only"]


def _rows(rfc: str) -> Iterator[Requirement]:
    for section, rows in _document(rfc).items():
        if section != "clients_only":
            title = rows.pop("title")
            for letter, (level, text, *reason) in rows.items():
                yield Requirement(rfc, section, title, letter, level, text, *reason)


def _document(rfc: str) -> dict:
    return tomllib.loads(Path(__file__).with_name(f"rfc{rfc}.toml").read_text())
