"""The formats that come with the product."""

from __future__ import annotations

import json
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest

from dorimportd.parse.builtin import builtin_format, builtin_texts
from dorimportd.parse.read import Defaults, read
from dorimportd.words import Transaction, instant, iso

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
UTC = Defaults("UTC", "USD")


def test_the_formats_of_these_tills_are_there():
    assert list(builtin_texts()) == [
        "dsfinvk-transactions",
        "shopify-orders",
        "square-items",
        "square-transactions",
    ]


def test_each_says_where_its_file_comes_from_and_is_a_format():
    for name, text in builtin_texts().items():
        assert text.startswith("# ")
        assert len(builtin_format(name).digest) == 12


def test_transactions_of_square():
    file = (
        "Date,Time,Time Zone,Gross Sales,Total Collected,Transaction ID,Event Type,Location\n"
        '2026-07-14,12:52:38,Eastern Time (US & Canada),"$1,200.00","$1,209.70",abc,Payment,Main Street\n'
        "2026-07-14,12:59:00,Eastern Time (US & Canada),-$9.00,-$9.70,abd,Refund,Main Street\n"
    )
    (batch,) = read(BytesIO(file.encode()), builtin_format("square-transactions"), UTC)
    assert [
        (each[:5], iso(instant(each.occurred_at))) for each in map(Transaction._make, batch.transactions)
    ] == [
        (("abc", "Main Street", 120970, 2, "USD"), "2026-07-14T16:52:38Z"),
        (("abd", "Main Street", -970, 2, "USD"), "2026-07-14T16:59:00Z"),
    ]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
@pytest.mark.parametrize(
    ("name", "folder", "timezone"),
    [
        ("dsfinvk-transactions", "dsfinvk-transactions", "Europe/Berlin"),
        ("shopify-orders", "shopify-orders-real", "UTC"),
        ("square-items", "square-items-real", "UTC"),
    ],
)
def test_real_files_of_these_tills_give_every_transaction(name, folder, timezone):
    told = json.loads((SAMPLES / folder / "expected.json").read_text())["transactions"]
    with (SAMPLES / folder / "sample.csv").open("rb") as stream:
        found = list(read(stream, builtin_format(name), Defaults(timezone, "USD")))
    assert [
        (each.location, each.transaction_id, Decimal(str(each.total)), iso(instant(each.occurred_at)))
        for batch in found
        for each in map(Transaction._make, batch.transactions)
    ] == [(each["location"], each["id"], Decimal(each["total"]), each["timestamp_utc"]) for each in told]
