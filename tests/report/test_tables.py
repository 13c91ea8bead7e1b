"""Tables for people and for spreadsheets."""

from __future__ import annotations

import pytest

from dorimportd.report.tables import csv_text


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("-1,249.00", '"-1,249.00"'),
        *(("=1+1", "'=1+1"), ("@x", "'@x"), ("+49 30", "'+49 30"), ("-x", "'-x"), (" =1", "' =1")),
        *(
            ("＝1", "'＝1"),
            ("－x", "'－x"),
            ("a;=1", "a;'=1"),
            ("a; -1+1;@x", "a;' -1+1;'@x"),
            ("a;b", "a;b"),
        ),
        *(("-12.50", "-12.50"), ("+3", "+3"), ("-1.249", "-1.249"), ("a=b", "a=b"), ("", "")),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe_and_a_number_none(cell, written):
    assert "".join(csv_text(["a", "b"], [[cell, None]])) == f"a,b\r\n{written},\r\n"


@pytest.mark.parametrize("cell", ["\t=1", "\r=1", "\n=1"])
def test_nor_is_one_run_that_begins_with_a_blank_of_another_kind(cell):
    (_, line) = csv_text(["a"], [[cell]])
    assert line.lstrip('"').startswith("'")
