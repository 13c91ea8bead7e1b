"""What a sample withdraws, told without a table to withdraw it from."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

from dorimportd.parse.format import parse_format
from dorimportd.parse.read import Defaults
from dorimportd.pipeline.rehearse import rehearse

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
    found = rehearse(BytesIO(SAMPLE), parse_format(FORMAT, "till.toml"), Defaults("UTC", "EUR"))
    assert (found.rows, list(found.transactions), found.withdrawn) == (6, ["b", "d"], 2)
    assert (found.duplicates, found.rejects, found.totals()) == (2, [], {"EUR": Decimal("6.00")})
    assert found.summary() == {
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
