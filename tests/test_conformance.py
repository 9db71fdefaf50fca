"""Every requirement of the RFCs has a test or a reason, and the page says so."""

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.markers import ROOT, Marker, Misplaced, markers, read
from tests.conformance.matching import by_row, problems
from tests.conformance.mutations import MUTATIONS
from tests.conformance.page import PAGE, up_to_date
from tests.conformance.requirements import Requirement, requirements

ROWS = [
    Requirement("1", "2", "Two", "a", "MUST", "One thing."),
    Requirement("1", "2", "Two", "b", "SHOULD", "Another.", "Because."),
    Requirement("1", "3", "Three", "a", "MUST", "A third."),
]
FOUND = [Marker("test_x", "1", "2", "a"), Marker("test_x", "1", "3")]


@pytest.fixture(scope="module")
def found():
    return markers()


def test_every_row_has_a_test_or_a_reason_and_every_marker_a_row(found):
    assert list(problems(requirements(), found)) == []


def test_page_is_as_rows_and_markers_have_it(found):
    """If this fails: python -m tests.conformance"""
    page = PAGE.read_text()
    assert up_to_date(page, requirements(), found) == page


def test_rows_that_are_covered_are_no_problem():
    assert list(problems(ROWS, FOUND)) == []


@pytest.mark.parametrize(
    ("rows", "found", "told"),
    [
        (ROWS, FOUND[1:], "1-2-a has neither a test nor a reason"),
        (ROWS, [*FOUND, Marker("test_y", "1", "2", "c")], "test_y names 1-2-c"),
        (ROWS, [*FOUND, Marker("test_y", "1", "2")], "test_y names 1-2"),
        (ROWS, [*FOUND, Marker("test_y", "2", "3", "a")], "test_y names 2-3-a"),
        ([*ROWS, ROWS[1]], FOUND, "1-2-b is there 2 times"),
        ([*ROWS, Requirement("1", "4", "", "a", "MAY", "", "x")], FOUND, "1-4-a has no level"),
    ],
    ids=["no test", "no such row", "which row", "no such RFC", "twice", "level"],
)
def test_problem_is_told(rows, found, told):
    [problem] = problems(rows, found)
    assert problem.startswith(told)


def test_test_is_listed_once_for_each_row_it_names():
    assert by_row(ROWS, [*FOUND, *FOUND]) == {"1-2-a": ["test_x"], "1-3-a": ["test_x"]}


def test_markers_are_read_from_decorators_and_parameters():
    source = """
@pytest.mark.rfc("1", "2", "a", "b")
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.rfc("1", "3"))])
def test_it(n): ...
"""
    assert read(source, "t.py") == [
        Marker("t.py::test_it", "1", "2", "a"),
        Marker("t.py::test_it", "1", "2", "b"),
        Marker("t.py::test_it", "1", "3"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        '@pytest.mark.rfc("1", "2")\ndef helper(): ...',
        'pytestmark = pytest.mark.rfc("1", "2")',
        '@pytest.mark.rfc("1", SECTION)\ndef test_it(): ...',
        '@pytest.mark.rfc("1")\ndef test_it(): ...',
    ],
)
def test_marker_that_shows_nothing_is_refused(source):
    with pytest.raises(Misplaced, match=r"t\.py"):
        read(source, "t.py")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.row)
def test_change_still_fits_the_code_and_its_test_the_row(mutation, found):
    assert Path(ROOT, mutation.file).read_text().count(mutation.old) == 1
    assert mutation.test in by_row(requirements(), found)[mutation.row]


def test_no_row_is_broken_twice():
    assert max(Counter(mutation.row for mutation in MUTATIONS).values()) == 1
