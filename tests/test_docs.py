"""The documents say what is so."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests import tables
from tests.live import ROOT

AT_THE_TOP = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")]
DOCUMENTS = [*AT_THE_TOP, *sorted(tables.DOCS.glob("*.md"))]
LINK = re.compile(r"""(?:\]\(|\bsrc(?:set)?=")(?!https?:)([^)"\s]+)""")
PICTURE = re.compile(r"<img [^>]*>|!\[[^]]*\]")
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
COPIED = re.compile(r"<!-- from:(\S+) -->\n```python\n(.*?)```", re.DOTALL)


def each(pattern):
    """A parameter for every match in every document."""
    return [
        pytest.param(document, *found.groups(), id=f"{document.name}-{found[1]}")
        for document in DOCUMENTS
        for found in pattern.finditer(document.read_text())
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_tables_are_as_the_code_has_them(document):
    """If this fails: python -m tests.tables"""
    assert tables.up_to_date(document.read_text()) == document.read_text()


def test_every_table_that_can_be_made_stands_somewhere():
    text = "".join(document.read_text() for document in DOCUMENTS)
    assert {name for name, _ in tables.MARKED.findall(text)} == tables.TABLES.keys()


@pytest.mark.parametrize(("document", "target"), each(LINK))
def test_link_leads_somewhere(document, target):
    name, _, anchor = target.partition("#")
    found = document.parent / name if name else document
    assert found.exists()
    assert not anchor or anchor in headings(found)


def headings(document):
    """The anchors of a document, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in found}


@pytest.mark.parametrize(("document", "path", "code"), each(COPIED))
def test_copied_code_stands_in_its_file(document, path, code):
    source = Path(ROOT, path).read_text()
    ast.parse(code)
    assert code.strip() in source


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_tests_that_are_named_are_there(document):
    named = set(TEST.findall(document.read_text()))
    assert {(path, name) for path, name in named if name not in functions_of(path)} == set()


@cache
def functions_of(path):
    """The names of a file's functions; none if it is not there."""
    file = Path(ROOT, path)
    tree = ast.parse(file.read_text() if file.exists() else "")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_the_threats_name_is_written_so_that_it_is_found():
    """Not cut by the end of a line, nor without its file."""
    text = (tables.DOCS / "security.md").read_text()
    assert TEST.sub("", text).count("::") == text.count("`file::name`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_pictures_are_described(document):
    for picture in PICTURE.findall(document.read_text()):
        assert re.search(r'alt="[^"]{20,}"|!\[[^]]{20,}\]', picture)


def test_every_document_is_reached_from_the_readme():
    linked = {(ROOT / target).resolve() for target in LINK.findall(DOCUMENTS[0].read_text())}
    assert set(DOCUMENTS[1:]) <= linked


def test_every_picture_is_shown():
    shown = {
        (document.parent / target).resolve()
        for document in DOCUMENTS
        for target in LINK.findall(document.read_text())
    }
    pictures = set((tables.DOCS / "images").glob("*.png"))
    dark = {path.with_stem(path.stem.replace("-light", "-dark")) for path in shown}
    assert pictures
    assert pictures <= shown | dark
