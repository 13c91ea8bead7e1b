from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dorimportd.errors import NotWaiting, StoreAway
from dorimportd.store import open_store
from dorimportd.store.deliveries import WAITING, start_again
from dorimportd.store.imports import lock_customer
from dorimportd.store.models import Deliveries
from dorimportd.words import Counts, Outcome, Reject, State

BAD = Reject(4, "Total", "12,5O", "is not an amount", "7;0042;12,5O")

# Keeps a window, puts in half of the next one and is killed.
KILLED = """
import os, signal, sys
from dorimportd.store import imports, open_store
from dorimportd.words import Transaction

def sold(name):
    return Transaction(name, "7", 1250, 2, "EUR", 1_784_000_000_000_000, 7200, int(name))

store = open_store(sys.argv[1])
run = store.importing(1, "format@1")
run.write([sold("2"), sold("3")], [], 2)
imports.add_rejects = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
run.write([sold("4"), sold("5")], [], 2)
"""


def test_windows_and_outcome_of_an_import(store, sold, arrived):
    store.register([arrived(1)])
    run = store.importing(1, "format@1")
    assert run.resume_at == 0
    assert run.write([sold("a"), sold("b")], [BAD], 3) == Counts(rows=3, imported=2, rejected=1)
    assert store.delivery(1).outcome == Outcome(
        State.RECEIVED, Counts(rows=3, imported=2, rejected=1), None, "format@1"
    )
    last = Reject(7, "", "", "has 2 fields, not 3", "7;0043")
    row = run.finish([sold("c")], [last], 2)
    counts = Counts(rows=5, imported=3, rejected=2)
    assert row.outcome == Outcome(State.IMPORTED, counts, None, "format@1")
    assert row == store.delivery(1)
    assert list(store.rejects(1)) == [BAD, last]


def test_after_kill_9_in_the_middle_of_a_window_the_next_attempt_goes_on_with_it(url, sold, arrived, table):
    store = open_store(url)
    store.register([arrived(1)])
    killed = subprocess.run([sys.executable, "-c", KILLED, url], check=False)
    assert killed.returncode == -9
    assert table(store) == [("2", "12.50", 1), ("3", "12.50", 1)]
    run = store.importing(1, "format@1")
    assert (run.resume_at, run.counts) == (1, Counts(rows=2, imported=2))
    row = run.finish([sold("4", line=4), sold("5", line=5)], [], 2)
    assert row.outcome.counts == Counts(rows=4, imported=4)
    assert table(store) == [(each, "12.50", 1) for each in "2345"]
    store.close()


def test_an_attempt_with_another_format_starts_again(store, sold, arrived):
    store.register([arrived(1)])
    store.importing(1, "format@1").write([sold("a")], [BAD], 2)
    run = store.importing(1, "format@2")
    assert (run.resume_at, run.counts) == (0, Counts())
    row = run.finish([sold("a")], [], 1)
    assert row.outcome == Outcome(State.IMPORTED, Counts(rows=1, unchanged=1), None, "format@2")
    assert list(store.rejects(1)) == []


def test_of_two_attempts_at_one_delivery_one_goes_on(store, sold, arrived, table):
    store.register([arrived(1)])
    one, other = store.importing(1, "format@1"), store.importing(1, "format@1")
    one.write([sold("a")], [], 1)
    with pytest.raises(StoreAway, match=r"^Delivery 1 is being imported elsewhere\.$"):
        other.write([sold("b")], [], 1)
    assert table(store) == [("a", "12.50", 1)]
    one.finish([sold("c")], [], 1)
    with pytest.raises(StoreAway):
        one.finish([sold("d")], [], 1)
    assert table(store) == [("a", "12.50", 1), ("c", "12.50", 1)]
    assert store.transaction_counts() == {"acme": 2}


def test_of_two_attempts_with_rejects_at_the_same_rows_one_goes_on(store, arrived):
    store.register([arrived(1)])
    one, other = store.importing(1, "format@1"), store.importing(1, "format@1")
    one.write([], [BAD], 1)
    with pytest.raises(StoreAway, match=r"^Delivery 1 is being imported elsewhere\.$"):
        other.write([], [BAD], 1)
    assert list(store.rejects(1)) == [BAD]


def test_a_retry_ends_the_attempt_that_is_under_way(store, sold, arrived):
    store.register([arrived(1)])
    run = store.importing(1, "format@1")
    run.write([sold("a")], [], 1)
    store.set_state(1, State.RECEIVED)
    with pytest.raises(StoreAway):
        run.finish([sold("b")], [], 1)
    assert store.delivery(1).outcome == Outcome(State.RECEIVED)


@pytest.mark.parametrize("rows", [1, 3])
def test_counts_that_do_not_add_up_are_not_kept(store, sold, arrived, table, rows):
    store.register([arrived(1)])
    with pytest.raises(ValueError, match=f"{rows} rows are not 1 transactions and 1 rejects"):
        store.importing(1, "format@1").finish([sold()], [BAD], rows)
    assert (table(store), store.transaction_counts()) == ([], {})
    assert store.delivery(1).outcome == Outcome(State.RECEIVED)


def test_the_same_bytes_that_change_nothing_are_a_duplicate(store, sold, imported):
    imported(store, 1, [sold("a"), sold("b")])
    row = imported(store, 2, [sold("a"), sold("b"), sold("b")], duplicate_of=1)
    reason = "The same bytes were delivery 1; they change nothing."
    counts = Counts(rows=3, unchanged=2, duplicates=1)
    assert row.outcome == Outcome(State.DUPLICATE, counts, reason, "format@1")


def test_the_same_bytes_after_others_with_the_same_ids_are_imported_and_win(store, sold, imported, table):
    imported(store, 1, [sold(units=1)])
    imported(store, 2, [sold(units=2)])
    row = imported(store, 3, [sold(units=1)], duplicate_of=1)
    assert row.outcome == Outcome(State.IMPORTED, Counts(rows=1, imported=1, replaced=1), None, "format@1")
    assert table(store) == [("0042", "0.01", 3)]


def test_the_same_bytes_are_no_duplicate_when_only_a_later_window_changes_something(
    store, sold, imported, table
):
    windows = [sold(units=500, line=2)], [sold(units=700, line=3)]
    imported(store, 1, *windows)
    imported(store, 2, [sold(units=500, line=2)])
    row = imported(store, 3, *windows, duplicate_of=1)
    counts = Counts(rows=2, unchanged=1, duplicates=1)
    assert row.outcome == Outcome(State.IMPORTED, counts, None, "format@1")
    assert table(store) == [("0042", "7.00", 3)]


def test_that_is_known_after_a_crash_too(store, sold, arrived, imported):
    windows = [sold(units=500, line=2)], [sold(units=700, line=3)]
    imported(store, 1, *windows)
    imported(store, 2, [sold(units=500, line=2)])
    store.register([arrived(3)])
    run = store.importing(3, "format@1")
    for window in windows:
        run.write(window, [], 1)
    row = store.importing(3, "format@1").finish([], [], 0, duplicate_of=lambda: 1)
    assert row.outcome.state is State.IMPORTED


def test_the_same_bytes_whose_windows_repeat_a_row_are_a_duplicate(store, sold, imported):
    imported(store, 1, [sold()])
    row = imported(store, 2, [sold(line=2)], [sold(line=3)], duplicate_of=1)
    reason = "The same bytes were delivery 1; they change nothing."
    counts = Counts(rows=2, unchanged=1, duplicates=1)
    assert row.outcome == Outcome(State.DUPLICATE, counts, reason, "format@1")


def test_the_same_bytes_with_rejects_are_imported_so_that_the_rejects_are_told(store, sold, imported):
    imported(store, 1, [sold()], rejects=[BAD])
    row = imported(store, 2, [sold()], rejects=[BAD], duplicate_of=1)
    assert row.outcome.state is State.IMPORTED


def test_a_held_delivery_shows_its_reason_and_examples_and_can_be_retried(store, sold, arrived):
    store.register([arrived(1)])
    row = store.importing(1, "format@1").hold("column `Total` is gone", [BAD])
    assert row.outcome == Outcome(State.HELD, Counts(), "column `Total` is gone", "format@1")
    assert list(store.rejects(1)) == [BAD]
    store.set_state(1, State.RECEIVED)
    assert list(store.rejects(1)) == []
    assert store.importing(1, "format@2").finish([sold()], [], 1).outcome.counts == Counts(rows=1, imported=1)


def test_a_failed_import_goes_on_where_it_was(store, sold, arrived):
    store.register([arrived(1)])
    store.importing(1, "format@1").write([sold("a")], [], 1)
    store.set_state(1, State.FAILED, "The disk is failing.")
    row = store.delivery(1)
    assert (row.outcome.state, row.outcome.reason, row.tries) == (State.FAILED, "The disk is failing.", 1)
    run = store.importing(1, "format@1")
    assert run.resume_at == 1
    assert run.finish([sold("b")], [], 1).outcome == Outcome(
        State.IMPORTED, Counts(rows=2, imported=2), None, "format@1"
    )


def test_only_what_waits_is_imported(store, sold, arrived, imported):
    with pytest.raises(LookupError, match="there is no delivery 1"):
        store.importing(1, "format@1")
    imported(store, 1, [sold()])
    store.register([arrived(2)])
    store.set_state(2, State.HELD, "no format")
    for sequence in (1, 2):
        with pytest.raises(NotWaiting, match=f"delivery {sequence} has its outcome already"):
            store.importing(sequence, "format@1")


def test_an_attempt_that_starts_again_does_not_undo_an_outcome_that_came_meanwhile(store, sold, imported):
    row = imported(store, 1, [sold()], rejects=[BAD])
    database = store._database
    with pytest.raises(NotWaiting), database.writing():
        start_again(database, 1, WAITING)
    assert (store.delivery(1), list(store.rejects(1))) == (row, [BAD])


def test_progress_that_does_not_fit_is_not_built_on(store, sold, imported):
    """As when someone has changed the state by SQL: the last window's rows would count twice."""
    windows = [sold("a")], [sold("b")]
    assert imported(store, 1, *windows).windows == 0
    query = Deliveries.update(state=State.FAILED)
    with store._database.writing():
        query.execute(store._database)
    run = store.importing(1, "format@1")
    assert (run.resume_at, run.counts) == (0, Counts())
    run.write(windows[0], [], 1)
    assert run.finish(windows[1], [], 1).outcome.counts == Counts(rows=2, unchanged=2)


def test_workers_that_import_at_once_make_the_table_of_their_sequence(store, sold, imported, table):
    ids = [f"{number:03}" for number in range(300)]

    def work(sequence):
        rows = [sold(each, units=sequence) for each in ids]
        return imported(store, sequence, rows[:150], rows[150:]).outcome.counts

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(work, range(1, 9)))
    assert table(store) == [(each, "0.08", 8) for each in ids]
    assert store.transaction_counts() == {"acme": 300}
    assert [each.rows for each in counts] == [300] * 8
    assert sum(each.imported - each.replaced for each in counts) == 300


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_two_windows_of_one_customer_do_not_meet_in_the_table(store, sold, imported, table):
    imported(store, 1, [sold("a")])
    database = store._database
    with ThreadPoolExecutor(1) as pool:
        with database.writing():
            lock_customer(database, "acme")
            other = pool.submit(imported, store, 2, [sold("b")])
            time.sleep(0.3)
            assert not other.done()
        assert other.result(10).outcome.counts == Counts(rows=1, imported=1)
    assert table(store) == [("a", "12.50", 1), ("b", "12.50", 2)]


def test_each_row_of_a_transaction_of_several_is_counted(store, sold, arrived):
    store.register([arrived(1), arrived(2), arrived(3)])
    sales = [sold("a", line=2), sold("b", line=5), sold("a", line=7, units=1)]
    counts = store.importing(1, "format@1").finish(sales, [BAD], 9, further={2: 2, 7: 3}).outcome.counts
    assert counts == Counts(rows=9, imported=5, duplicates=3, rejected=1)
    sales = [sold("a", line=2, units=1), sold("b", line=5, units=2), sold("c", line=7)]
    further = {2: 1, 5: 2, 7: 3}
    counts = store.importing(2, "format@1").finish(sales, [], 9, further=further).outcome.counts
    assert counts == Counts(rows=9, imported=7, unchanged=2, replaced=3)
    with pytest.raises(ValueError, match=r"^9 rows are not 3 transactions and 0 rejects$"):
        store.importing(3, "format@1").finish(sales, [], 9)
