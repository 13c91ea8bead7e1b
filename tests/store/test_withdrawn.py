"""What is withdrawn is gone for whoever reads, and remembered lest an older delivery bring it back."""

from __future__ import annotations

from itertools import permutations

import pytest

from dorimportd.words import Counts, State, withdrawal


def of_view(store):
    database = store._database
    with database.using():
        return database.sql("SELECT transaction_id, delivery FROM sales ORDER BY transaction_id").fetchall()


def test_what_is_withdrawn_is_nowhere_to_be_read(store, sold, imported, table):
    imported(store, 1, [sold("a", line=2), sold("b", line=3)])
    counts = imported(store, 2, [withdrawal("a", 2)]).outcome.counts
    assert counts == Counts(rows=1, imported=1, replaced=1)
    assert table(store) == [("b", "12.50", 1)]
    assert store.transaction("acme", "a") is None
    assert of_view(store) == [("b", 1)]
    assert store.transaction_counts() == {"acme": 1}


def test_the_newest_delivery_decides_whether_it_is_withdrawn_in_whatever_order_they_come(
    store, sold, imported, table
):
    for number, order in enumerate(permutations([1, 2, 3])):
        customer = f"customer-{number}"
        rows = {
            1: [sold("a", units=1), sold("b", units=1)],
            2: [withdrawal("a", 2), withdrawal("b", 3)],
            3: [sold("b", units=3)],
        }
        for sequence in order:
            imported(store, number * 10 + sequence, rows[sequence], customer=customer)
        assert table(store, customer) == [("b", "0.03", number * 10 + 3)], order
        assert store.transaction_counts()[customer] == 1, order


def test_a_later_row_of_the_file_brings_it_back_or_withdraws_it_whatever_the_windows(
    store, sold, imported, table
):
    rows = [sold("a", line=2), withdrawal("a", 3), sold("a", line=4), withdrawal("b", 5), sold("b", line=6)]
    rows += [withdrawal("b", 7)]
    for number, windows in enumerate(([rows], [rows[:2], rows[2:5], rows[5:]], [[each] for each in rows])):
        customer = f"customer-{number}"
        counts = imported(store, number + 1, *windows, customer=customer).outcome.counts
        assert counts == Counts(rows=6, imported=2, duplicates=4), number
        assert table(store, customer) == [("a", "12.50", number + 1)], number
        assert store.transaction_counts()[customer] == 1, number


def test_to_withdraw_what_nobody_told_changes_the_table_too(store, sold, imported, table):
    assert imported(store, 2, [withdrawal("a", 2)]).outcome.counts == Counts(rows=1, imported=1)
    assert imported(store, 1, [sold("a")]).outcome.counts == Counts(rows=1, unchanged=1)
    assert (table(store), store.transaction_counts()) == ([], {"acme": 0})
    assert imported(store, 3, [sold("a")]).outcome.counts == Counts(rows=1, imported=1, replaced=1)
    assert (table(store), store.transaction_counts()) == ([("a", "12.50", 3)], {"acme": 1})


def test_to_withdraw_it_again_changes_nothing(store, sold, imported):
    imported(store, 1, [sold("a"), withdrawal("b", 3)])
    imported(store, 2, [withdrawal("a", 2)])
    row = imported(store, 3, [withdrawal("a", 2)], duplicate_of=2)
    assert row.outcome.state is State.DUPLICATE
    assert row.outcome.counts == Counts(rows=1, unchanged=1)
    assert imported(store, 4, [withdrawal("b", 9)]).outcome.counts == Counts(rows=1, unchanged=1)
    assert store.transaction_counts() == {"acme": 0}


def test_a_total_of_nothing_is_no_withdrawal(store, sold, imported, table):
    nothing = sold("a", location="", units=0, scale=0, currency="", occurred_at=0, utc_offset=0)
    imported(store, 1, [nothing])
    counts = imported(store, 2, [nothing._replace(withdrawn=1)]).outcome.counts
    assert counts == Counts(rows=1, imported=1, replaced=1)
    assert table(store) == []


@pytest.mark.parametrize("known", [0, 1000])
def test_of_a_large_window_those_that_are_not_withdrawn_are_counted(store, sold, imported, table, known):
    ids = [f"{number:04}" for number in range(1000)]
    imported(store, 1, [sold(each) for each in ids[:known]])
    rows = [withdrawal(each, 2) if int(each) % 4 else sold(each) for each in ids]
    counts = imported(store, 2, rows).outcome.counts
    assert (counts.rows, counts.imported + counts.unchanged, counts.replaced) == (
        1000,
        1000,
        750 * known // 1000,
    )
    assert len(table(store)) == store.transaction_counts()["acme"] == 250


def test_line_items_are_counted_by_their_rows(store, sold, arrived):
    store.register([arrived(1), arrived(2)])
    store.importing(1, "format@1").finish([sold("a", line=2)], [], 3, further={2: 2})
    rows = [withdrawal("a", 2), withdrawal("b", 5)]
    counts = store.importing(2, "format@1").finish(rows, [], 7, further={2: 2, 5: 3}).outcome.counts
    assert counts == Counts(rows=7, imported=7, replaced=3)
    assert store.transaction_counts() == {"acme": 0}
