"""CSV that no spreadsheet executes, and JSON Lines."""

import csv
import io
import json

import pytest

from maptician_scim.exports import csv_lines, json_lines, neutralised


@pytest.mark.parametrize("start", [*"=+-@\t\r\n＝＋－＠", "  ="])
def test_what_a_spreadsheet_would_execute_becomes_text(start):
    assert neutralised(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("value", ["pat@acme.example", "a=b", "", " 1", "1-2", -1, 3.5, None])
def test_everything_else_is_left_alone(value):
    assert neutralised(value) == value


def read(lines):
    return list(csv.reader(io.StringIO("".join(lines).removeprefix("\ufeff"), newline="")))


def test_csv_is_read_back_as_it_was():
    rows = [["a,b", 'say "x"', 7], ["two\nlines", "Jürgen", ""]]
    assert read(csv_lines(["one", "two", "three"], rows)) == [
        ["one", "two", "three"],
        ["a,b", 'say "x"', "7"],
        ["two\nlines", "Jürgen", ""],
    ]


def test_csv_neutralises_each_cell():
    assert read(csv_lines(["h"], [["=1+1"]])) == [["h"], ["'=1+1"]]


def test_csv_says_that_it_is_utf_8():
    assert next(csv_lines(["h"], [])).startswith("\ufeff")


def test_csv_reads_no_row_before_it_is_asked_for():
    def rows():
        yield ["first"]
        raise AssertionError("read ahead")

    lines = csv_lines(["h"], rows())
    assert [next(lines), next(lines)] == ["\ufeffh\r\n", "first\r\n"]


def test_json_lines_are_one_object_on_each_line():
    rows = [{"name": "two\nlines ü"}, {"name": "=1"}]
    lines = list(json_lines(rows))
    assert [line.count("\n") for line in lines] == [1, 1]
    assert [json.loads(line) for line in lines] == rows
