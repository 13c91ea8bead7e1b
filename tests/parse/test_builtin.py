"""The formats that come with the product."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.builtin import builtin_format, builtin_texts
from dorimportd.parse.read import read
from dorimportd.words import Transaction, instant, iso

# Of each till a file as the source of its layout describes it, with columns in another order, one more than
# there are, a refund, and rows that are no sale; beside it what it must give, written by hand.
FILES = Path(__file__).parents[1] / "formats"

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
BERLIN = Defaults("Europe/Berlin", "EUR")


def test_the_formats_of_these_tills_are_there():
    assert sorted(builtin_texts()) == [
        "clover-payments",
        "dsfinvk-transactions",
        "dynamics-retail",
        "lightspeed-retail-sales",
        "lightspeed-xseries-sales",
        "lightspeed-xseries-vendcli",
        "loyverse-receipts",
        "loyverse-receipts-day-first",
        "magento-orders",
        "paypal-transactions",
        "paypal-transactions-day-first",
        "shopify-orders",
        "square-items",
        "square-transactions",
        "stripe-balance",
        "stripe-payments",
        "sumup-transactions",
        "toast-order-details",
        "woocommerce-orders",
        "woocommerce-orders-csv-export",
        "zettle-raw-data",
    ]


def test_each_says_where_its_file_comes_from_and_is_a_format():
    for name, text in builtin_texts().items():
        assert text.startswith("# ")
        assert "# Layout: " in text
        assert all(len(line) <= 120 for line in text.splitlines())
        assert len(builtin_format(name).digest) == 12


@pytest.mark.parametrize("name", [path.name for path in sorted(FILES.iterdir())])
def test_a_file_of_this_till_gives_its_sales_and_refunds_and_nothing_else(name):
    with (FILES / name / "sample.csv").open("rb") as stream:
        batches = list(read(stream, builtin_format(name), BERLIN))
    found = [
        (each.transaction_id, "", "", "", "", "withdrawn")
        if each.withdrawn
        else (
            each.transaction_id,
            each.location,
            str(each.total),
            each.currency,
            iso(instant(each.occurred_at)),
            "",
        )
        for batch in batches
        for each in map(Transaction._make, batch.transactions)
    ]
    found += [
        ("", "", "", "", "", f"line {each.line}: {each.column} {each.rule}")
        for batch in batches
        for each in batch.rejects
    ]
    with (FILES / name / "expected.csv").open(encoding="utf-8", newline="") as expected:
        assert found == list(map(tuple, csv.reader(expected)))[1:]


def test_each_format_has_a_file():
    here = {path.name for path in FILES.iterdir()}
    assert set(builtin_texts()) - here == {"dsfinvk-transactions", "square-items"}


def test_older_and_localised_layouts_are_read_by_the_same_format():
    stripe = (
        "id,Created (UTC),Amount,Amount Refunded,Currency,Captured,Status\n"
        "ch_1,2019-07-14 09:12,5.00,0.00,eur,true,Paid\n"
    )
    zettle = "Date,Reçu n°,Prix final (EUR)\n2026-07-14 16:52:38,117,5.00\n"
    for name, file in (("stripe-payments", stripe), ("zettle-raw-data", zettle)):
        (batch,) = read(BytesIO(file.encode()), builtin_format(name), BERLIN)
        assert [str(Transaction._make(row).total) for row in batch.transactions] == ["5.00"]


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
        if not each.withdrawn
    ] == [(each["location"], each["id"], Decimal(each["total"]), each["timestamp_utc"]) for each in told]


def test_the_manual_lists_each():
    manual = files("dorimportd.report").joinpath("manual/formats.md").read_text("utf-8")
    for name in builtin_texts():
        assert f"\n    {name} " in manual
