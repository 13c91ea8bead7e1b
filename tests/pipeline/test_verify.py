"""What is compared while the store goes on, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dorimportd.pipeline.verify import Kind, Settled, check_roots, compare, gaps, side_by_side
from dorimportd.spool.outcomes import Past
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.sales import ToldRow
from dorimportd.store.store import open_store
from dorimportd.words import Channel, Delivery, State, Transaction

EARLIER = timedelta(hours=1)


def sale(transaction_id, units=100):
    return Transaction(transaction_id, "7", units, 2, "EUR", 1_784_000_000_000_000, 7200, 2)


class House:
    """A spool and two stores, which say what a test has them say."""

    def __init__(self, folder):
        self.spool = Spool(folder / "spool", room=Room(1 << 30, 0))
        self.archive = open_store(f"sqlite:///{folder}/archive.db")
        self.store = open_store(f"sqlite:///{folder}/store.db")

    def send(self):
        upload = self.spool.begin("acme", "a.csv", channel=Channel.LOCAL, peer="")
        upload.write(0, b"bytes")
        return self.spool.accept(upload)

    def say(self, store, delivery, *sales):
        store.register([delivery])
        run = store.importing(delivery.sequence, "test@1")
        run.finish([tuple(each) for each in sales], [], len(sales))

    def settled(self):
        """As if all outcomes had been written long before."""
        return Settled(self.spool, self.store, datetime.now(UTC) + EARLIER)

    def wrong(self, settled):
        found = compare(self.archive, self.store, settled)
        rows = [row for kind in Kind for row in found.first[kind]]
        return [(row.kind, row.told.transaction.transaction_id) for row in rows]


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    for store in (house.archive, house.store):
        store.close()


def test_rows_are_wrong_in_three_ways(house):
    one = house.send()
    house.say(house.archive, one, sale("a"), sale("b"), sale("c"))
    house.say(house.store, one, sale("a"), sale("c", 999), sale("d"))
    assert house.wrong(house.settled()) == [
        (Kind.UNEXPLAINED, "d"),
        (Kind.MISSING, "b"),
        (Kind.DIFFERENT, "c"),
    ]


def test_a_row_of_a_customer_who_never_sent_anything_is_found_and_one_that_is_missing_too(house):
    one = house.send()
    house.say(house.archive, one, sale("a"))
    stranger = Delivery(7, replace(one.envelope, customer="nobody"))
    house.say(house.store, stranger, sale("b"))
    assert house.wrong(house.settled()) == [(Kind.UNEXPLAINED, "b"), (Kind.MISSING, "a")]


def test_what_came_after_the_beginning_is_left_out_unless_there_is_no_such_delivery(house):
    one = house.send()
    house.say(house.archive, one, sale("a"), sale("b"))
    house.say(house.store, one, sale("a"), sale("b"))
    settled = house.settled()
    two = house.send()
    house.say(house.store, two, sale("a", 999), sale("new"))
    assert house.wrong(settled) == []
    (house.spool.layout.delivery(2)).rename(house.spool.layout.root / "away")
    assert house.wrong(settled) == [(Kind.UNEXPLAINED, "new"), (Kind.DIFFERENT, "a")]


def test_a_delivery_that_waited_at_the_beginning_is_left_out(house):
    one = house.send()
    house.store.register([one])
    settled = house.settled()
    house.say(house.archive, one, sale("a"))
    assert house.wrong(settled) == []


def test_a_delivery_whose_outcome_was_written_since_is_left_out(house):
    one = house.send()
    house.say(house.archive, one, sale("a"))
    house.say(house.store, one, sale("a", 999))
    settled = Settled(house.spool, house.store, datetime.now(UTC))
    assert house.wrong(settled) == [(Kind.DIFFERENT, "a")]
    house.spool.outcomes.put(1, Past(State.RECEIVED))
    assert house.wrong(settled) == []


def test_a_name_that_leads_to_no_delivery_is_found(house):
    house.send()
    assert list(check_roots(house.spool)) == []
    house.spool.layout.delivery(1).rename(house.spool.layout.root / "away")
    assert [tuple(each) for each in check_roots(house.spool)] == [
        (1, "is shown to acme as 'a.csv', and is not there")
    ]


def test_both_sides_are_met_in_the_order_of_their_ids():
    one, other = [[ToldRow(sale(each), 1) for each in ids] for ids in ("abd", "bce")]
    met = [
        tuple(each and each.transaction.transaction_id for each in pair)
        for pair in side_by_side(iter(one), iter(other))
    ]
    assert met == [("a", None), ("b", "b"), (None, "c"), ("d", None), (None, "e")]


@pytest.mark.parametrize(
    ("there", "upto", "missing"),
    [([], 0, []), ([], 2, [1, 2]), ([1, 2, 3], 3, []), ([2, 5, 9], 6, [1, 3, 4, 6]), ([1, 4], 2, [2])],
)
def test_gaps_are_the_numbers_that_are_not_there(there, upto, missing):
    assert list(gaps(iter(there), upto)) == missing
