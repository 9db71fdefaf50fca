"""Every MUST and SHOULD of the three RFCs that concerns a service provider.

The rows are kept in ``rfc*.toml``, by section and letter. A row that has a reason is not met, or
not in full; every other one needs a test that names it.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
