"""Deliveries that hold whole days, and what they do not tell of them."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dorimportd.store import open_store
from dorimportd.words import Absent, Counts, State, withdrawal

HOUR = 3_600_000_000
MIDNIGHT = 1_783_987_200_000_000  # 2026-07-14T00:00:00Z

# ID, location, hour; without an hour it is withdrawn.
ROWS = st.tuples(st.sampled_from("abcd"), st.sampled_from(["7", "8"]), st.integers(-2, 26) | st.none())
FILES = st.lists(st.tuples(st.booleans(), st.lists(ROWS, max_size=5)), min_size=1, max_size=5)


@pytest.fixture
def at(sold):
    """A sale in UTC, so many hours after the beginning of 14 July."""

    def make(transaction_id, hour, location="7", **fields):
        when = MIDNIGHT + hour * HOUR
        return sold(transaction_id, occurred_at=when, utc_offset=0, location=location, **fields)

    return make


def test_what_older_deliveries_told_of_its_days_and_it_does_not_is_absent_and_stays(
    store, at, imported, table
):
    imported(store, 1, [at("a", 9), at("b", 10), at("c", 11), at("other day", 24)])
    imported(store, 2, [at("other location", 9, "8")])
    imported(store, 3, [at("other customer", 9)], customer="bravo")
    row = imported(store, 4, [at("b", 10), at("new", 12)], whole_days=True)
    assert row.outcome.absent == Absent(2, ("a", "c"))
    assert row.outcome.counts == Counts(rows=2, imported=1, unchanged=1)
    assert store.delivery(4) == store.deliveries()[-1] == row
    assert len(table(store)) == 6


def test_nothing_is_absent_where_a_delivery_does_not_hold_whole_days(store, at, imported):
    imported(store, 1, [at("a", 9), at("b", 10)])
    assert imported(store, 2, [at("b", 10)]).outcome.absent == Absent()


def test_the_day_is_that_of_the_location_s_own_calendar(store, at, imported):
    sydney = 36_000
    sales = {"first": -10, "last": 13, "before": -11, "after": 14}
    imported(store, 1, [at(name, hour)._replace(utc_offset=sydney) for name, hour in sales.items()])
    row = imported(store, 2, [at("own", 5)._replace(utc_offset=sydney)], whole_days=True)
    assert row.outcome.absent == Absent(2, ("first", "last"))


def test_days_before_1970_have_their_own_beginning_too(store, at, imported):
    day = MIDNIGHT // HOUR
    imported(store, 1, [at("eve", -day - 1), at("day", -day), at("first", 1 - day - 24)])
    row = imported(store, 2, [at("own", 5 - day)], whole_days=True)
    assert row.outcome.absent == Absent(1, ("day",))
    row = imported(store, 3, [at("other", 2 - day - 24)], whole_days=True)
    assert row.outcome.absent == Absent(2, ("eve", "first"))


def test_newer_deliveries_and_what_is_withdrawn_are_not_absent(store, at, imported):
    imported(store, 1, [at("a", 9), at("b", 9), at("c", 9)])
    imported(store, 3, [at("a", 9), at("newer", 10)])
    imported(store, 2, [withdrawal("b", 2)])
    row = imported(store, 4, [withdrawal("c", 2), at("d", 10)], whole_days=True)
    assert row.outcome.absent == Absent(2, ("a", "newer"))
    row = imported(store, 5, [withdrawal("newer", 2)], whole_days=True)
    assert row.outcome.absent == Absent()


def test_an_older_delivery_reports_nothing_of_a_newer_one(store, at, imported):
    imported(store, 2, [at("a", 9), at("b", 10)])
    assert imported(store, 1, [at("b", 10), at("c", 11)], whole_days=True).outcome.absent == Absent()


def test_no_more_than_a_hundred_ids_are_kept(store, at, imported):
    imported(store, 1, [at(f"{number:04}", 9) for number in range(1000)])
    row = imported(store, 2, [at("new", 9)], whole_days=True)
    assert row.outcome.absent == Absent(1000, tuple(f"{number:04}" for number in range(100)))


def test_windows_of_one_delivery_tell_its_days_together_also_after_a_crash(url, at, arrived, imported):
    store = open_store(url)
    imported(store, 1, [at("a", 9), at("b", 10), at("c", 30), at("d", 31)])
    store.register([arrived(2)])
    store.importing(2, "format@1", whole_days=True).write([at("a", 9, line=2)], [], 1)
    assert store.delivery(2).outcome.absent == Absent()
    store.close()
    store = open_store(url)
    row = store.importing(2, "format@1", whole_days=True).finish([at("c", 30, line=3)], [], 1)
    assert row.outcome.absent == Absent(2, ("b", "d"))
    store.close()


def test_a_retry_looks_again_and_until_then_nothing_is_said(store, at, imported):
    imported(store, 1, [at("a", 9), at("b", 10)])
    imported(store, 2, [at("b", 10)], whole_days=True)
    store.set_state(2, State.RECEIVED)
    assert store.delivery(2).outcome.absent == Absent()
    assert imported(store, 2, [at("b", 10)], whole_days=True).outcome.absent == Absent(1, ("a",))
    store.set_state(2, State.RECEIVED)
    assert imported(store, 2, [at("b", 10)]).outcome.absent == Absent()


def test_the_same_bytes_again_are_a_duplicate_that_does_not_tell_it_either(store, at, imported):
    imported(store, 1, [at("a", 9), at("b", 10)])
    imported(store, 2, [at("b", 10)], whole_days=True)
    row = imported(store, 3, [at("b", 10)], whole_days=True, duplicate_of=2)
    assert (row.outcome.state, row.outcome.absent) == (State.DUPLICATE, Absent(1, ("a",)))


def test_some_of_many_ids_are_told_in_a_line():
    assert Absent(2, ("a", "b'")).examples == "'a', \"b'\""
    assert Absent(1000, tuple("abcdefg")).examples == "'a', 'b', 'c', 'd', 'e' and 995 more"


@given(files=FILES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_any_files_leave_untold_what_older_ones_told_of_their_days(store, at, imported, files):
    first = store.last_registered() + 1
    known = {}  # by ID the location and day, and the sequence that told it last
    for sequence, (whole_days, rows) in enumerate(files, first):
        told = {key: (location, hour) for key, location, hour in rows}
        for key, (location, hour) in told.items():
            known[key] = None if hour is None else ((location, hour // 24), sequence)
        by_day = defaultdict(set)
        for key, each in known.items():
            if each is not None:
                by_day[each[0]].add(key)
        days = {each[0] for key, each in known.items() if each is not None and key in told}
        absent = sorted(key for day in days for key in by_day[day] if key not in told)
        sales = [
            withdrawal(key, line) if hour is None else at(key, hour, location, line=line)
            for line, (key, location, hour) in enumerate(rows, 2)
        ]
        row = imported(store, sequence, sales, customer=f"customer-{first}", whole_days=whole_days)
        assert row.outcome.absent == (Absent(len(absent), tuple(absent)) if whole_days else Absent())
