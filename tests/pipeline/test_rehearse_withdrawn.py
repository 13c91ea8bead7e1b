"""What a sample withdraws, told without a table to withdraw it from."""

from __future__ import annotations

from io import BytesIO

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline.rehearse import Sample, rehearse, transactions

FORMAT = """
location = "Store"
transaction_id = "ID"
total = "Total"
time = "Time"
withdraw = { State = "void" }
"""
SAMPLE = b"""\
Store,ID,Total,Time,State
7,a,1.00,2026-07-14 09:02,
7,b,2.00,2026-07-14 09:03,
7,a,1.00,2026-07-14 09:02,void
7,c,,,void
7,d,,,void
7,d,4.00,2026-07-14 09:04,
"""


def test_what_the_file_withdraws_is_counted_and_no_transaction():
    sample = Sample(BytesIO(SAMPLE), parse_format(FORMAT, "till.toml"), Defaults("UTC", "EUR"))
    found = rehearse(sample)
    assert [each.transaction_id for each in transactions(sample, found)] == ["b", "d"]
    assert found.summary() == {
        "held": None,
        "rows": 6,
        "transactions": 2,
        "refunds": 0,
        "duplicates": 2,
        "rejected": 0,
        "skipped": 0,
        "withdrawn": 2,
        "totals": {"EUR": "6.00"},
        "first": "2026-07-14T09:03:00Z",
        "last": "2026-07-14T09:04:00Z",
        "days": [
            {"day": "2026-07-14", "location": "7", "currency": "EUR", "transactions": 2, "total": "6.00"}
        ],
    }
