"""What others wrote is text in a spreadsheet, never a formula."""

import pytest

from maptician_scim.spreadsheets import neutral


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1"])
def test_formula_becomes_text(text):
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "title", 'emails[type eq "work"].value', "a=b", "1"])
def test_text_stays(text):
    assert neutral(text) == text
