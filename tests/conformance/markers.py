"""The markers ``@pytest.mark.rfc("7644", "3.6", "a")``, read from the tests without a run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Marker:
    """One use of the marker: the test, and the row it shows.

    Without a letter it means the only row of its section.
    """

    test: str
    rfc: str
    section: str
    letter: str = ""

    @property
    def row(self) -> str:
        return "-".join(filter(None, (self.rfc, self.section, self.letter)))


class Misplaced(Exception):
    """A marker that cannot be read: the message says where it stands and what is wrong."""


def markers(root: Path = ROOT) -> list[Marker]:
    """The markers of all tests below ``tests``, by file and line."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [m for file in files for m in read(file.read_text(), str(file.relative_to(root)))]


def read(source: str, name: str) -> list[Marker]:
    """The markers in the source of one file. Raises ``Misplaced``."""
    tree = ast.parse(source)
    found = [(test, call) for test in _tests(tree) for call in _calls(test.decorator_list)]
    if len(found) != len(list(_calls([tree]))):
        raise Misplaced(f"{name}: a marker stands at something that is no test function")
    return [m for test, call in found for m in _marker(f"{name}::{test.name}", call)]


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node


def _calls(nodes: list[ast.AST]) -> Iterator[ast.Call]:
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and ast.unparse(part.func) == "pytest.mark.rfc":
                yield part


def _marker(test: str, call: ast.Call) -> Iterator[Marker]:
    try:
        rfc, section, *letters = map(ast.literal_eval, call.args)
    except ValueError as error:
        raise Misplaced(f"{test}: the marker needs an RFC and a section, as texts") from error
    for letter in letters or [""]:
        yield Marker(test, rfc, section, letter)
