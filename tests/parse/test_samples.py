"""Real exports of real tills, which lie beside the repository where they lie at all."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.suggest.suggestion import suggest
from dorimportd.words import Reject, Transaction, instant, iso

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")

TWINT_DE = """
delimiter = ";"
location = "Niederlassung"
transaction_id = "TWINT Order ID"
total = "Betrag Transaktion (CHF)"
time = ["Datum", "Zeit"]
time_format = "%Y.%m.%d %H:%M"
"""
TWINT_EN = """
only = { State = "Settled" }
delimiter = ";"
location = "Commerce"
transaction_id = "TWINT order ID"
total = "Transaction amount (CHF)"
time = ["Date", "Time"]
time_format = "%Y.%m.%d %H:%M"
"""
DSFINVK = """
only = { BON_TYP = "Beleg" }
delimiter = ";"
location = "Z_KASSE_ID"
transaction_id = ["Z_KASSE_ID", "Z_NR", "BON_ID"]
total = "UMS_BRUTTO"
decimal = ","
thousands = "."
time = "BON_ENDE"
"""
SQUARE_2018 = """
location = { constant = "default" }
transaction_id = { generate_from = ["Date", "Total Collected", "Fees", "Deposit ID"] }
total = "Total Collected"
thousands = ","
time = "Date"
time_format = "%m/%d/%Y"
"""


SQUARE_ITEMS = """
group_by = "Transaction ID"
location = "Location"
transaction_id = "Transaction ID"
total = { sum = ["Net Sales", "Tax"] }
time = ["Date", "Time"]
timezone = { column = "Time Zone" }
"""
UCI = """
group_by = "InvoiceNo"
location = "Country"
transaction_id = "InvoiceNo"
total = { product = ["Quantity", "UnitPrice"] }
time = "InvoiceDate"
"""
SHOPIFY = """
columns = { State = { column = "Financial Status", above = { Total = { empty = false } } } }
skip = { State = "voided" }
group_by = "Name"
combine = { total = "first" }
location = { column = "Location", default = "online" }
transaction_id = "Name"
total = "Total"
currency = { column = "Currency" }
time = "Created at"
"""


def outcome(folder: str, format: str, timezone: str, currency: str) -> tuple[list[Transaction], list[Reject]]:
    with (SAMPLES / folder / "sample.csv").open("rb") as stream:
        batches = list(read(stream, parse_format(format, "format.toml"), Defaults(timezone, currency)))
    rows = [Transaction._make(row) for batch in batches for row in batch.transactions]
    return rows, [reject for batch in batches for reject in batch.rejects]


def expected(folder: str) -> list[dict[str, Any]]:
    told = json.loads((SAMPLES / folder / "expected.json").read_text())["transactions"]
    assert isinstance(told, list)
    return told


def as_told(transactions: list[Transaction]) -> list[tuple[str, str, Decimal, str]]:
    return [
        (each.location, each.transaction_id, Decimal(str(each.total)), iso(instant(each.occurred_at)))
        for each in transactions
    ]


def test_twint_in_german_gives_every_transaction():
    transactions, rejects = outcome("twint-de-real", TWINT_DE, "Europe/Zurich", "CHF")
    assert rejects == []
    assert as_told(transactions) == [
        (each["location"], each["id"], Decimal(each["total"]), each["timestamp_utc"])
        for each in expected("twint-de-real")
    ]


@pytest.mark.parametrize(
    ("folder", "format", "timezone"),
    [
        ("twint-en-real", TWINT_EN, "Europe/Zurich"),
        ("dsfinvk-transactions", DSFINVK, "Europe/Berlin"),
    ],
)
def test_failed_and_practice_sales_are_left_out(folder, format, timezone):
    transactions, rejects = outcome(folder, format, timezone, "EUR")
    assert rejects == []
    assert as_told(transactions) == [
        (each["location"], each["id"], Decimal(each["total"]), each["timestamp_utc"])
        for each in expected(folder)
    ]


@pytest.mark.parametrize(
    ("folder", "format", "timezone", "rows"),
    [
        ("square-items-real", SQUARE_ITEMS, "UTC", 322),
        ("uci-online-retail-real", UCI, "Europe/London", 934),
        ("shopify-orders-real", SHOPIFY, "Africa/Johannesburg", 101),
    ],
)
def test_line_items_become_transactions(folder, format, timezone, rows):
    with (SAMPLES / folder / "sample.csv").open("rb") as stream:
        batches = list(read(stream, parse_format(format, "format.toml"), Defaults(timezone, "USD")))
    assert [reject for batch in batches for reject in batch.rejects] == []
    assert sum(batch.rows + batch.skipped for batch in batches) == rows
    assert as_told([each for batch in batches for each in map(Transaction._make, batch.transactions)]) == [
        (each["location"], each["id"], Decimal(each["total"]), each["timestamp_utc"])
        for each in expected(folder)
    ]


def test_square_of_2018_gives_every_transaction_with_an_id_of_its_own():
    transactions, rejects = outcome("square-2018-excel-real", SQUARE_2018, "America/New_York", "USD")
    assert rejects == []
    told = expected("square-2018-excel-real")
    assert [(each.location, Decimal(str(each.total))) for each in transactions] == [
        (each["location"], Decimal(each["total"])) for each in told
    ]
    local = [
        instant(each.occurred_at + each.utc_offset * 1_000_000).replace(tzinfo=None) for each in transactions
    ]
    assert local == [datetime.fromisoformat(each["timestamp"]) for each in told]
    assert len({each.transaction_id for each in transactions}) == 4


@pytest.mark.parametrize(
    ("folder", "format"),
    [("twint-de-real", TWINT_DE), ("twint-en-real", TWINT_EN), ("square-2018-excel-real", SQUARE_2018)],
)
def test_what_is_suggested_is_the_right_format_where_the_sample_tells_it(folder, format):
    file = (SAMPLES / folder / "sample.csv").read_bytes()
    right = parse_format(format, "format.toml")
    found = parse_format(suggest([file], ["sample.csv"]).text, "suggestion")
    keys = ("delimiter", "location", "total", "decimal", "thousands", "time", "time_format")
    assert [getattr(found, key) for key in keys] == [getattr(right, key) for key in keys]


@pytest.mark.parametrize(
    ("folder", "about"),
    [
        ("uci-online-retail-real", "line items"),
        ("square-2018-excel-real", "the built-in format `square-transactions`, which does not read the rows"),
        ("square-2018-excel-real", "no time of the day"),
        ("twint-en-real", "`State` is `Failed`"),
    ],
)
def test_what_a_sample_leaves_open_is_said(folder, about):
    file = (SAMPLES / folder / "sample.csv").read_bytes()
    assert [doubt for doubt in suggest([file], ["sample.csv"]).doubts if about in doubt] != []


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("square-items-real", "square-items"),
        ("dsfinvk-transactions", "dsfinvk-transactions"),
        ("shopify-orders-real", "shopify-orders"),
    ],
)
def test_exports_that_are_known_are_recognised(folder, name):
    file = (SAMPLES / folder / "sample.csv").read_bytes()
    suggestion = suggest([file], ["sample.csv"])
    assert (suggestion.known_as, suggestion.doubts) == (name, [])


@pytest.mark.parametrize("folder", ["twint-de-real", "square-2018-excel-real"])
def test_the_same_file_gives_the_same_again(folder):
    file = (SAMPLES / folder / "sample.csv").read_bytes()
    format = parse_format(suggest([file], ["sample.csv"]).text, "suggestion")
    once, again = (list(read(BytesIO(file), format, Defaults("UTC", "CHF"))) for _ in range(2))
    assert once == again
