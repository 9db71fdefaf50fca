"""The tables of ``docs/conformance.md``: each requirement with its tests, and what is broken."""

import re
from collections import Counter
from collections.abc import Iterator

from tests.conformance.markers import ROOT, Marker
from tests.conformance.matching import Tests, by_row
from tests.conformance.mutations import MUTATIONS, Mutation
from tests.conformance.requirements import RFCS, Requirement, left_out

PAGE = ROOT / "docs" / "conformance.md"
MARKED = re.compile(
    r"(?<=<!-- conformance:)(\w+)( -->\n).*?(?=<!-- /conformance -->)",
    re.DOTALL,
)


def up_to_date(page: str, rows: list[Requirement], found: list[Marker]) -> str:
    """The page with its tables as rows and markers have them now."""
    tests = by_row(rows, found)
    tables = {"counts": counts(rows, tests), "rows": sections(rows, tests), "broken": broken()}
    written = {name: "".join(f"{line}\n" for line in lines) for name, lines in tables.items()}
    return MARKED.sub(lambda mark: mark[1] + mark[2] + written[mark[1]], page)


def counts(rows: list[Requirement], tests: Tests) -> Iterator[str]:
    """How many rows of each RFC are met."""
    yield "| RFC | rows | met | in part | not met | left out: clients only |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for rfc, title in RFCS.items():
        states = Counter(state(row, tests) for row in rows if row.rfc == rfc)
        numbers = [states.total(), *(states[s] for s in ("met", "in part", "not met"))]
        cells = [f"[{rfc}](#rfc-{rfc}) {title}", *numbers, left_out(rfc)]
        yield f"| {' | '.join(map(str, cells))} |"


def state(row: Requirement, tests: Tests) -> str:
    """Whether a row is met."""
    if row.id not in tests:
        return "not met"
    return "in part" if row.reason else "met"


def sections(rows: list[Requirement], tests: Tests) -> Iterator[str]:
    """The rows, a table for each section."""
    rfc = section = ""
    for row in rows:
        if row.rfc != rfc:
            yield f"\n## RFC {row.rfc}"
        if (row.rfc, row.section) != (rfc, section):
            yield f"\n### {row.section} {row.title}\n"
            yield "|   | level | requirement | where, or why not |\n| --- | --- | --- | --- |"
        rfc, section = row.rfc, row.section
        yield f"| {row.letter} | {row.level} | {row.text} | {where(row, tests)} |"


def where(row: Requirement, tests: Tests) -> str:
    """The tests that show a row, and why it is not met, or not in full."""
    named = [f"`{test}`" for test in tests.get(row.id, ())]
    return "<br>".join([*named, row.reason] if row.reason else named)


def broken() -> Iterator[str]:
    """The changes of the code that a test has noticed."""
    yield "| row | in | instead of | we wrote | noticed by |\n| --- | --- | --- | --- | --- |"
    yield from map(_change, MUTATIONS)


def _change(mutation: Mutation) -> str:
    was, is_now = (f"`` {text.replace('|', chr(92) + '|')} ``" for text in mutation.change)
    return f"| {mutation.row} | `{mutation.file}` | {was} | {is_now} | `{mutation.test}` |"
