from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Thread

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorimportd.store import SalesRow
from dorimportd.store.sales import clock
from dorimportd.words import Transaction, instant, iso

# Made by hand: 1_784_000_000 is 2026-07-14T03:33:20Z.
TOLD = [
    Transaction("b", "7", 1250, 2, "EUR", 1_784_000_000_000_000, 7200, 2),
    Transaction("B", "7", -5, 2, "EUR", 1_784_000_000_000_000, 7200, 3),
    Transaction("ä", "7", 3, 0, "JPY", 1_784_000_000_000_000, 32_400, 4),
    Transaction("early", "007", 0, 4, "EUR", 1_783_999_999_999_999, -12_600, 5),
    Transaction("late", "7", -123456, 3, "KWD", 1_784_000_000_500_000, 0, 6),
    Transaction("epoch", "7", 10**17 + 1, 1, "USD", 0, -18_000, 7),
]
ROWS = [
    SalesRow(
        "acme", "7", "epoch", "10000000000000000.1", "USD", "1970-01-01T00:00:00Z", "1969-12-31T19:00:00", 1
    ),
    SalesRow(
        "acme",
        "007",
        "early",
        "0.0000",
        "EUR",
        "2026-07-14T03:33:19.999999Z",
        "2026-07-14T00:03:19.999999",
        1,
    ),
    SalesRow("acme", "7", "B", "-0.05", "EUR", "2026-07-14T03:33:20Z", "2026-07-14T05:33:20", 1),
    SalesRow("acme", "7", "b", "12.50", "EUR", "2026-07-14T03:33:20Z", "2026-07-14T05:33:20", 1),
    SalesRow("acme", "7", "ä", "3", "JPY", "2026-07-14T03:33:20Z", "2026-07-14T12:33:20", 1),
    SalesRow(
        "acme", "7", "late", "-123.456", "KWD", "2026-07-14T03:33:20.500000Z", "2026-07-14T03:33:20.500000", 1
    ),
]


def test_transactions_are_the_same_from_both_databases_by_time_then_by_code_point(store, imported):
    imported(store, 1, TOLD)
    assert list(store.transactions("acme")) == ROWS


def test_a_range_of_time_has_its_start_and_not_its_end(store, imported):
    imported(store, 1, TOLD)
    moment = datetime(2026, 7, 14, 3, 33, 20, tzinfo=UTC)

    def ids(start, end):
        return [row.transaction_id for row in store.transactions("acme", start, end)]

    assert ids(moment, None) == ["B", "b", "ä", "late"]
    assert ids(None, moment) == ["epoch", "early"]
    assert ids(moment, moment + timedelta(milliseconds=500)) == ["B", "b", "ä"]
    assert ids(moment, moment) == []


def test_one_transaction_and_the_line_that_told_it(store, sold, imported):
    imported(store, 1, TOLD)
    assert store.transaction("acme", "late") == (ROWS[-1], 6)
    imported(store, 2, [sold("late", line=17)])
    row, line = store.transaction("acme", "late")
    assert (row.total, row.delivery, line) == ("12.50", 2, 17)
    assert store.transaction("acme", "Late") is None
    assert store.transaction("bravo", "late") is None


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_view_in_sqlite_is_exact_text(store, url, imported):
    imported(store, 1, TOLD)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        cursor = connection.execute("SELECT * FROM sales ORDER BY occurred_at, transaction_id")
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    assert names == [
        "customer",
        "location",
        "transaction_id",
        "total",
        "currency",
        "occurred_at",
        "local_time",
        "is_refund",
        "delivery",
    ]
    refunds = {"B", "late"}
    expected = [(*row[:7], int(row.transaction_id in refunds), row.delivery) for row in ROWS]
    assert sorted(rows) == sorted(expected)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_the_view_in_postgresql_has_exact_types(store, url, imported):
    imported(store, 1, TOLD)
    with psycopg.connect(url) as connection:
        connection.execute("SET timezone = 'UTC'")
        cursor = connection.execute("SELECT * FROM sales ORDER BY occurred_at, transaction_id")
        rows = cursor.fetchall()
    early = datetime(2026, 7, 14, 3, 33, 19, 999_999)
    assert rows[1] == (
        "acme",
        "007",
        "early",
        Decimal(0),
        "EUR",
        early.replace(tzinfo=UTC),
        datetime(2026, 7, 14, 0, 3, 19, 999_999),
        False,
        1,
    )
    assert [str(row[3]) for row in rows] == [
        "10000000000000000.1",
        "0.0000",
        "-0.05",
        "12.50",
        "3",
        "-123.456",
    ]
    assert [iso(row[5]) for row in rows] == [row.occurred_at for row in ROWS]
    assert [row[6].isoformat() for row in rows] == [row.local_time for row in ROWS]
    assert [row[7] for row in rows] == [False, False, True, False, False, True]


def test_a_listing_is_of_one_instant_while_the_store_goes_on(store, sold, imported):
    imported(store, 1, [sold(f"{number:05}") for number in range(12_000)])
    listing = store.transactions("acme")
    first = next(listing)
    imported(store, 2, [sold(f"{number:05}", units=1) for number in range(12_000)])
    rest = list(listing)
    assert {row.delivery for row in [first, *rest]} == {1}
    assert len(rest) == 11_999


def test_a_listing_may_be_read_by_another_thread_and_given_up(store, sold, imported):
    imported(store, 1, [sold(each) for each in "abc"])
    listing = store.transactions("acme")
    read = [next(listing).transaction_id]
    thread = Thread(target=lambda: read.append(next(listing).transaction_id))
    thread.start()
    thread.join()
    listing.close()
    assert read == ["a", "b"]
    imported(store, 2, [sold(each, units=1) for each in "abc"])
    assert [row.total for row in store.transactions("acme")] == ["0.01"] * 3


@given(st.datetimes(datetime(1969, 1, 1), datetime(2101, 1, 1)))
def test_the_clock_says_what_python_says(moment):
    microseconds = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    assert clock(microseconds) + "Z" == iso(instant(microseconds))
