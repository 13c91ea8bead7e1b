from __future__ import annotations

from itertools import count, permutations, product
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dorimportd.store import upsert
from dorimportd.store.imports import lock_customer
from dorimportd.store.meetings import meetings
from dorimportd.words import Counts, State, withdrawal

IDS = st.sampled_from(["1", "2", "3"])
ROWS = st.tuples(IDS, st.integers(-2, 2) | st.none())  # without a total it is withdrawn
FILES = st.lists(st.lists(st.lists(ROWS, max_size=4), min_size=1, max_size=3))


def test_the_newest_delivery_wins_in_whatever_order_they_are_imported(store, sold, imported, table):
    for number, order in enumerate(permutations([7, 8, 9])):
        customer = f"customer-{number}"
        for sequence in order:
            own = number * 10 + sequence
            imported(store, own, [sold(units=sequence * 100)], customer=customer)
        assert table(store, customer) == [("0042", "9.00", number * 10 + 9)], order


def test_what_a_transaction_meets_decides_how_it_counts(store, sold, imported):
    imported(store, 5, [sold("older"), sold("same"), sold("scaled", units=15, scale=1)])
    imported(store, 9, [sold("newer", units=1)])
    rows = [
        sold("older", units=-1250, line=2),
        sold("same", line=3),
        sold("scaled", units=1500, scale=3, line=4),
        sold("newer", units=2, line=5),
        sold("nobody", units=3, line=6),
        sold("nobody", units=4, line=7),
    ]
    counts = imported(store, 7, rows).outcome.counts
    assert counts == Counts(rows=6, imported=2, unchanged=3, replaced=1, duplicates=1, rejected=0)


@pytest.mark.parametrize(
    "change",
    [
        {"location": "8"},
        {"units": 1251},
        {"units": -1250},
        {"scale": 3},
        {"currency": "CHF"},
        {"occurred_at": 1_784_000_000_000_001},
        {"utc_offset": 3600},
    ],
)
def test_each_field_makes_a_difference(store, sold, imported, change):
    imported(store, 1, [sold()])
    counts = imported(store, 2, [sold(**change)]).outcome.counts
    assert counts == Counts(rows=1, imported=1, replaced=1)


def test_totals_are_compared_exactly_up_to_64_bits(store, sold, imported):
    most = 2**63 - 1
    pairs = [
        ((most, 0), (most, 4), 1),
        ((most, 4), (most // 10, 3), 1),
        ((most // 10 * 10, 4), (most // 10, 3), 0),
        ((-(most // 10_000) * 10_000, 4), (-(most // 10_000), 0), 0),
        ((0, 0), (0, 4), 0),
    ]
    sequence = count(1)
    for one, other, replaced in pairs:
        for before, after in ((one, other), (other, one)):
            imported(store, next(sequence), [sold(f"{before}", units=before[0], scale=before[1])])
            row = imported(store, next(sequence), [sold(f"{before}", units=after[0], scale=after[1])])
            assert row.outcome.counts.replaced == replaced, (before, after)


def test_what_is_the_same_takes_the_new_sequence_so_that_an_older_delivery_does_not_win(
    store, sold, imported, table
):
    imported(store, 1, [sold(units=100)])
    imported(store, 2, [sold(units=200)])
    imported(store, 3, [sold(units=200)])
    assert imported(store, 2, [sold(units=300)]).outcome.counts == Counts(rows=1, unchanged=1)
    assert table(store) == [("0042", "2.00", 3)]


def test_the_last_row_of_a_file_wins_within_a_window_and_across_windows(store, sold, imported, table):
    rows = [sold(units=number, line=number) for number in (2, 3, 4, 5)]
    for number, cuts in enumerate(product([False, True], repeat=3)):
        windows = [[rows[0]]]
        for cut, row in zip(cuts, rows[1:], strict=True):
            if cut:
                windows.append([])
            windows[-1].append(row)
        customer = f"customer-{number}"
        counts = imported(store, number + 1, *windows, customer=customer).outcome.counts
        assert counts == Counts(rows=4, imported=1, duplicates=3), cuts
        assert table(store, customer) == [("0042", "0.05", number + 1)], cuts


def test_the_same_delivery_once_more_changes_nothing(store, sold, imported, table):
    windows = [sold("a", line=2), sold("b", line=3)], [sold("c", line=4)]
    imported(store, 1, *windows)
    before = table(store)
    assert imported(store, 1, *windows).outcome.counts == Counts(rows=3, unchanged=3)
    assert table(store) == before
    assert store.transaction_counts() == {"acme": 3}


def test_a_file_in_windows_that_is_imported_again_counts_as_if_it_were_one_window(
    store, sold, imported, table
):
    one, other = [sold(units=500, line=2)], [sold(units=700, line=3)]
    imported(store, 1, one, other)
    store.set_state(1, State.RECEIVED)
    run = store.importing(1, "format@1")
    assert run.write(one, [], 1) == Counts(rows=1, duplicates=1)
    assert table(store) == [("0042", "7.00", 1)]
    assert run.finish(other, [], 1).outcome.counts == Counts(rows=2, unchanged=1, duplicates=1)
    assert table(store) == [("0042", "7.00", 1)]


def test_a_later_row_that_another_format_had_put_in_does_not_stay(store, sold, imported, table):
    imported(store, 1, [sold("a", units=500, line=2)], [sold("a", units=700, line=3)])
    store.set_state(1, State.RECEIVED)
    run = store.importing(1, "format@2")
    run.write([sold("a", units=500, line=2)], [], 1)
    row = run.finish([sold("b", units=700, line=3)], [], 1)
    assert row.outcome.counts == Counts(rows=2, imported=2, replaced=1)
    assert table(store) == [("a", "5.00", 1), ("b", "7.00", 1)]


@pytest.mark.parametrize("retried", [False, True])
def test_nor_does_it_when_the_new_format_comes_to_the_end_in_two_attempts(
    store, sold, imported, table, retried
):
    windows = [sold("a", units=3, line=2)], [sold("b", units=4, line=7)]
    imported(store, 1, [sold("a", units=1, line=2)], [sold("b", units=2, line=9)])
    store.set_state(1, State.RECEIVED)
    store.importing(1, "format@2").write(windows[0], [], 1)
    if retried:
        store.set_state(1, State.RECEIVED)
    run = store.importing(1, "format@2")
    for window in windows[run.resume_at : -1]:
        run.write(window, [], 1)
    run.finish(windows[-1], [], 1)
    assert table(store) == [("a", "0.03", 1), ("b", "0.04", 1)]


def test_a_retry_after_the_format_was_mended_replaces_what_it_had_put_in(store, sold, imported, table):
    imported(store, 1, [sold("a", units=1), sold("b", units=2)])
    counts = imported(store, 1, [sold("a", units=100), sold("b", units=2), sold("c", units=3)]).outcome.counts
    assert counts == Counts(rows=3, imported=2, unchanged=1, replaced=1)
    assert table(store) == [("a", "1.00", 1), ("b", "0.02", 1), ("c", "0.03", 1)]


@pytest.mark.parametrize("known", ["first", "middle", "last", "every third", "all", "none"])
def test_new_and_known_ids_in_one_large_window(store, sold, imported, table, known):
    ids = [f"{number:04}" for number in range(1500)]
    before = {
        "first": ids[:1],
        "middle": ids[700:900],
        "last": ids[-1:],
        "every third": ids[::3],
        "all": ids,
        "none": [],
    }[known]
    imported(store, 1, [sold(each, units=1) for each in before])
    counts = imported(store, 2, [sold(each, units=2) for each in reversed(ids)]).outcome.counts
    assert counts == Counts(rows=1500, imported=1500, replaced=len(before))
    assert table(store) == [(each, "0.02", 2) for each in ids]
    assert store.transaction_counts() == {"acme": 1500}


def test_plain_tuples_are_rows_too(store, sold, imported, table):
    imported(store, 1, [tuple(sold("a")), tuple(sold("b"))])
    counts = imported(store, 2, [tuple(sold("b")), tuple(sold("c"))]).outcome.counts
    assert counts == Counts(rows=2, imported=1, unchanged=1)
    assert table(store) == [("a", "12.50", 1), ("b", "12.50", 2), ("c", "12.50", 2)]


def test_customers_do_not_share_ids(store, sold, imported, table):
    imported(store, 1, [sold(units=1)], customer="acme")
    imported(store, 2, [sold(units=2)], customer="bravo")
    assert (table(store, "acme"), table(store, "bravo")) == ([("0042", "0.01", 1)], [("0042", "0.02", 2)])
    assert store.transaction_counts() == {"acme": 1, "bravo": 1}


def test_texts_come_back_as_they_went_in(store, sold, imported):
    texts = ["\\", "\\N", "a\tb", "%s", "';--", '"', "00042", "9" * 40, "é", "\U0001f6d2", "a\\nb", " x "]
    for sequence in (1, 2):  # by both ways: new, then over what is there
        imported(store, sequence, [sold(text, location=text) for text in texts])
        rows = list(store.transactions("acme"))
        assert [(row.transaction_id, row.location) for row in rows] == [
            (text, text) for text in sorted(texts)
        ]


@given(files=FILES, data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_any_files_in_any_order_and_any_windows_make_the_table_of_their_sequence(
    store, sold, imported, table, files, data
):
    converges(store, sold, imported, table, files, data)


@given(files=FILES, data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_any_files_make_the_same_table_in_postgresql(store, sold, imported, table, files, data):
    converges(store, sold, imported, table, files, data)


def told(sold, key, units, line):
    return withdrawal(key, line) if units is None else sold(key, units=units, scale=0, line=line)


def converges(store, sold, imported, table, files, data):
    first = store.last_registered() + 1
    customer = f"customer-{first}"
    expected = {}
    for sequence, windows in enumerate(files, first):
        for transaction_id, units in (row for window in windows for row in window):
            expected[transaction_id] = (transaction_id, f"{units}", sequence)
            if units is None:
                del expected[transaction_id]
    order = data.draw(st.permutations(range(len(files))))
    for number in [*order, *order[:1]]:
        lines = iter(range(2, 100))
        windows = [
            [told(sold, key, units, line=next(lines)) for key, units in window] for window in files[number]
        ]
        counts = imported(store, first + number, *windows, customer=customer).outcome.counts
        assert counts.rows == sum(map(len, windows))
        assert counts.rows == counts.imported + counts.unchanged + counts.duplicates + counts.rejected
        assert counts.replaced <= counts.imported
    assert table(store, customer) == sorted(expected.values())
    assert store.transaction_counts().get(customer, 0) == len(expected)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=60))
@settings(max_examples=50)
def test_keys_are_ordered_by_code_point_however_many(sold, ids):
    rows = [sold(each) for each in ids]
    before = upsert.SORTED_AT_ONCE, upsert.SAMPLED
    upsert.SORTED_AT_ONCE, upsert.SAMPLED = 6, 2
    try:
        assert [row.transaction_id for row in upsert.in_key_order(rows)] == sorted(ids)
    finally:
        upsert.SORTED_AT_ONCE, upsert.SAMPLED = before


def test_no_more_than_some_thousand_rows_are_sorted_at_once(sold):
    ids = [f"{number:05}" for number in range(20_000)]
    Random(1).shuffle(ids)
    pens = upsert.in_pens([sold(each) for each in ids])
    assert len(pens) == 10
    assert all(1_000 < len(pen) < 4_000 for pen in pens)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_the_first_large_file_of_a_customer_is_looked_up_by_key_whatever_postgresql_believes(
    store, sold, arrived, imported
):
    """With statistics that know only another customer, a join compared each row with each other one."""
    database = store._database
    rows = [sold(f"{number:05}", line=number) for number in range(6_000)]
    imported(store, 1, rows[:50], customer="bravo")
    with database.using():
        database.sql("ANALYZE")
    store.register([arrived(2)])
    store.importing(2, "format@1").write(rows[:3_000], [], 3_000)
    with database.writing():
        query = meetings(spare_later=False)
        upsert.stage(database, rows[3_000:])
        customer = lock_customer(database, "acme")
        statement, params = query.statement(database, customer=customer, sequence=2)
        plan = [line.strip() for (line,) in database.sql(f"EXPLAIN (COSTS OFF) {statement}", params)]
    scan, by = plan[-2:]
    assert scan.startswith("->  Index Scan using sale_pkey on sale ")
    assert by == "Index Cond: ((customer = '2'::smallint) AND (transaction_id = t2.transaction_id))"
    assert not any("Join" in line or "Loop" in line or "Materialize" in line for line in plan)
