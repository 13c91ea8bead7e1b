"""What a sample would become, counted as an import would count it."""

from __future__ import annotations

from io import BytesIO

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline.rehearse import Sample, rehearse, rejects, transactions

PLAIN = 'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\n'
HEADER = "Store,No,Total,Time\n"
FILE = HEADER + (
    "7,a,12.50,2026-07-14 23:30\n"
    "9,b,-2.5,2026-07-15 00:10\n"
    "7,a,13,2026-07-14 23:59\n"
    "7,c,x,2026-07-14 12:00\n"
    "7,d,-0.25,2026-07-14 08:00\n"
)


def sample(text, more=""):
    format = parse_format(PLAIN + more, "till.toml")
    return Sample(BytesIO(text.encode()), format, Defaults("Europe/Berlin", "EUR"), "till.csv")


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("dorimportd.parse.convert.BATCH_ROWS", 1)


def test_counts_and_sums_are_those_of_an_import(small_batches):
    assert rehearse(sample(FILE)).summary() == {
        "held": None,
        "rows": 5,
        "transactions": 3,
        "refunds": 2,
        "duplicates": 1,
        "rejected": 1,
        "skipped": 0,
        "withdrawn": 0,
        "totals": {"EUR": "10.25"},
        "first": "2026-07-14T06:00:00Z",
        "last": "2026-07-14T22:10:00Z",
        "days": [
            {"day": "2026-07-14", "location": "7", "currency": "EUR", "transactions": 2, "total": "12.75"},
            {"day": "2026-07-15", "location": "9", "currency": "EUR", "transactions": 1, "total": "-2.5"},
        ],
    }


def test_of_rows_with_one_id_the_last_is_told_in_the_order_of_the_file(small_batches):
    tried = sample(FILE)
    found = rehearse(tried)
    assert [(each.transaction_id, each.line) for each in transactions(tried, found)] == [
        ("b", 3),
        ("a", 4),
        ("d", 6),
    ]
    assert [(each.line, each.column, each.value) for each in rejects(tried, found)] == [(5, "Total", "x")]


def test_a_file_that_is_held_for_its_rejects_shows_them_and_what_else_it_has():
    tried = sample(HEADER + "7,a,1.00,2026-07-14\n" + "7,b,x,2026-07-14\n" * 200)
    found = rehearse(tried)
    assert found.held == (
        "200 of 201 rows would be rejected, more than 5 %; the first in line 3:"
        " `Total` `x` is not an amount with decimal mark '.'."
    )
    assert (found.rows, found.rejected, found.sums.transactions) == (201, 200, 1)
    assert [each.line for each in found.rejects] == list(range(3, 103))
    assert [each.line for each in rejects(tried, found)] == list(range(3, 203))
    assert [each.transaction_id for each in transactions(tried, found)] == ["a"]


def test_of_a_file_that_is_held_otherwise_nothing_is_counted(small_batches):
    found = rehearse(sample(FILE + "7,e,\0,\n"))
    assert (found.held, found.rows) == (
        "Line 7 holds a NUL character: the file is damaged, or it is not text.",
        0,
    )


def test_rows_of_line_items_add_up():
    summary = rehearse(sample(FILE.replace(",x,", ",1,"), 'group_by = "No"\nskip = { No = "d" }\n')).summary()
    assert (summary["rows"], summary["transactions"], summary["duplicates"], summary["skipped"]) == (
        4,
        3,
        0,
        1,
    )
    assert summary["totals"] == {"EUR": "24.00"}
