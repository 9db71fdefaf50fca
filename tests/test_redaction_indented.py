"""Kept bodies, one value on each line."""

import json

import pytest

from maptician_scim import redaction


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a": 1, "b": []}', ["{", '  "a": 1,', '  "b": []', "}"]),
        ('[{"a": "x, {y}"}]', ["[", "  {", '    "a": "x, {y}"', "  }", "]"]),
        ('{"a": 1, "a": 2}', ["{", '  "a": 1,', '  "a": 2', "}"]),
        ('{"a": "say \\"x, y\\""}', ["{", '  "a": "say \\"x, y\\""', "}"]),
        ('{"a": [1, 2[the rest', ["{", '  "a": [', "    1,", "    2[", "      the rest"]),
        ("}}", ["", "}", "}"]),
        ("", [""]),
    ],
    ids=["object", "nested", "repeated", "quotes", "cut off", "only ends", "empty"],
)
def test_each_value_has_its_line(text, lines):
    assert redaction.indented(text).split("\n") == lines


def test_nothing_is_lost():
    document = {"a": [1, {"b": "c, d"}, [], {}], "e": {"f": None, "g": [True]}}
    assert json.loads(redaction.indented(json.dumps(document))) == document


def test_deep_nesting_does_not_grow_without_end():
    assert len(redaction.indented("[" * 16_000)) < 16_000 * 45
