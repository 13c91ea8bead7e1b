from __future__ import annotations

from itertools import permutations

import pytest

from dorimportd.errors import HoldFile, Interrupted, NotWaiting, StoreAway
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline.importer import Importer, Plan
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.imports import Run
from dorimportd.store.store import open_store
from dorimportd.words import Absent, Channel, Counts, State

FORMAT = parse_format(
    'location = "Store"\ntransaction_id = "ID"\ntotal = "Total"\ntime = "Time"\n', "test.toml"
)


class House:
    """A spool, a store and an importer, without a daemon."""

    def __init__(self, folder):
        self.url = f"sqlite:///{folder}/dorimportd.db"
        self.spool = Spool(folder / "spool", room=Room(1 << 30, 0))
        self.store = open_store(self.url)
        self.stopping = False
        self.plan = lambda envelope: Plan(f"test@{FORMAT.digest}", FORMAT, Defaults("UTC", "EUR"))
        self.importer = Importer(
            self.spool, self.store, lambda envelope: self.plan(envelope), stopping=lambda: self.stopping
        )

    def send(self, *rows, name="a.csv", text=None):
        """Accept a file of (ID, total) rows; its sequence."""
        lines = ["Store,ID,Total,Time", *(f"7,{id_},{total},2026-07-14 09:02:11" for id_, total in rows)]
        upload = self.spool.begin("acme", name, channel=Channel.LOCAL, peer="")
        upload.write(0, ("\n".join(lines) + "\n" if text is None else text).encode())
        delivery = self.spool.accept(upload)
        self.store.register([delivery])
        return delivery.sequence

    def run(self, sequence):
        return self.importer.import_delivery(sequence)[1]

    def table(self):
        return {row.transaction_id: (row.total, row.delivery) for row in self.store.transactions("acme")}


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.store.close()


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of two rows, each row a batch of its own."""
    monkeypatch.setattr("dorimportd.pipeline.window.WINDOW", 2)
    monkeypatch.setattr("dorimportd.parse.convert.BATCH_ROWS", 1)
    monkeypatch.setattr("dorimportd.parse.rows.BLOCK_ROWS", 1, raising=False)


def test_counts_add_up_and_the_last_row_of_an_id_counts(house):
    outcome = house.run(house.send(("a", "1.00"), ("b", "x"), ("a", "2.00"), ("c", "3.00")))
    assert (outcome.state, outcome.counts) == (State.IMPORTED, Counts(4, 2, 0, 0, 1, 1))
    assert house.table() == {"a": ("2.00", 1), "c": ("3.00", 1)}


def test_the_newest_delivery_wins_in_whatever_order_they_are_imported(tmp_path):
    for number, order in enumerate(permutations([0, 1, 2])):
        house = House(tmp_path / str(number))
        sent = [house.send(("a", total), (f"only-{total}", "1.00")) for total in ("1.00", "2.00", "3.00")]
        for each in order:
            house.run(sent[each])
        assert house.table()["a"] == ("3.00", 3), order
        assert len(house.table()) == 4
        house.store.close()


def test_the_same_bytes_are_a_duplicate_only_where_they_change_nothing(house):
    a, b = (("x", "1.00"),), (("x", "2.00"),)
    states = [house.run(house.send(*rows)).state for rows in (a, a, b, a)]
    assert states == [State.IMPORTED, State.DUPLICATE, State.IMPORTED, State.IMPORTED]
    assert house.table() == {"x": ("1.00", 4)}


def test_a_duplicate_keeps_an_older_held_file_from_winning_later(house):
    house.run(house.send(("x", "1.00")))
    held = house.send(("x", "2.00"))
    house.run(house.send(("x", "1.00")))
    house.run(held)
    assert house.table() == {"x": ("1.00", 3)}


def test_a_file_that_is_held_leaves_no_row(house, small_windows):
    rows = "".join(f"7,{number},1.00,2026-07-14 09:02:11\n" for number in range(9))
    sequence = house.send(text=f"Store,ID,Total,Time\n{rows}7,9,1.00,\0\n")
    outcome = house.run(sequence)
    assert (outcome.state, outcome.counts) == (State.HELD, Counts())
    assert "Line 11" in outcome.reason
    assert house.table() == {}


@pytest.mark.parametrize(("size", "times"), [(10_000, 1), (0, 2)])
def test_a_large_file_is_read_again_only_if_its_rows_are_too_many_to_be_kept(
    house, small_windows, monkeypatch, size, times
):
    opened = []
    open_delivery = Spool.open_delivery
    monkeypatch.setattr("dorimportd.pipeline.window.SHELF_BYTES", size)
    monkeypatch.setattr(
        Spool, "open_delivery", lambda self, number: opened.append(1) or open_delivery(self, number)
    )
    sequence = house.send(("a", "1.00"), ("b", "x"), ("a", "2.00"), ("c", "3.00"), ("d", "4.00"))
    outcome = house.run(sequence)
    assert (outcome.state, outcome.counts) == (State.IMPORTED, Counts(5, 3, 0, 0, 1, 1))
    assert house.table() == {"a": ("2.00", 1), "c": ("3.00", 1), "d": ("4.00", 1)}
    assert [each.line for each in house.store.rejects(sequence)] == [3]
    assert len(opened) == times


def test_an_import_stops_between_two_windows_and_goes_on_later(house, small_windows, monkeypatch):
    sequence = house.send(*((id_, "1.00") for id_ in "abcdefg"))
    write = Run.write

    def write_and_stop(self, *args):
        house.stopping = True
        return write(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", write_and_stop)
        with pytest.raises(Interrupted):
            house.run(sequence)
    assert 0 < len(house.table()) < 7
    house.stopping = False
    assert house.run(sequence).counts == Counts(rows=7, imported=7)
    assert len(house.table()) == 7


def test_a_delivery_without_a_format_is_held_with_the_reason_and_imported_by_a_retry(house):
    plan = house.plan

    def no_plan(envelope):
        raise HoldFile("There is no format.")

    house.plan = no_plan
    sequence = house.send(("a", "1.00"))
    assert (house.run(sequence).state, house.store.delivery(sequence).outcome.reason) == (
        State.HELD,
        "There is no format.",
    )
    house.plan = plan
    house.store.set_state(sequence, State.RECEIVED)
    assert house.run(sequence).state == State.IMPORTED


@pytest.mark.parametrize("written", [0, 1, 2])
def test_an_import_that_broke_off_goes_on_and_its_counts_are_those_of_one_that_did_not(
    house, small_windows, monkeypatch, written
):
    rows = [
        ("a", "1.00"),
        ("b", "1.00"),
        ("a", "2.00"),
        ("c", "x"),
        ("d", "1.00"),
        ("a", "3.00"),
        ("e", "1.00"),
    ]
    sequence = house.send(*rows)
    write, done = Run.write, []

    def write_some(self, *args):
        if len(done) == written:
            raise StoreAway("gone")
        done.append(1)
        return write(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", write_some)
        with pytest.raises(StoreAway):
            house.run(sequence)
    assert house.store.delivery(sequence).outcome.state == State.RECEIVED
    outcome = house.run(sequence)
    assert outcome.counts == Counts(rows=7, imported=4, unchanged=0, replaced=0, duplicates=2, rejected=1)
    assert house.table() == {"a": ("3.00", 1), "b": ("1.00", 1), "d": ("1.00", 1), "e": ("1.00", 1)}
    assert [each.line for each in house.store.rejects(sequence)] == [5]


def test_an_import_stops_between_two_steps_and_goes_on_later(house):
    sequence = house.send(("a", "1.00"))
    house.stopping = True
    with pytest.raises(Interrupted):
        house.run(sequence)
    house.stopping = False
    assert house.run(sequence).state == State.IMPORTED


def test_a_retry_changes_nothing_that_is_right_already(house):
    sequence = house.send(("a", "1.00"), ("b", "x"))
    house.run(sequence)
    house.store.set_state(sequence, State.RECEIVED)
    outcome = house.run(sequence)
    assert outcome.counts == Counts(rows=2, imported=0, unchanged=1, replaced=0, duplicates=0, rejected=1)
    assert house.table() == {"a": ("1.00", 1)}


def test_a_delivery_that_has_its_outcome_is_left_alone(house):
    sequence = house.send(("a", "1.00"))
    house.run(sequence)
    before = house.store.delivery(sequence)
    with pytest.raises(NotWaiting):
        house.run(sequence)
    assert house.store.delivery(sequence) == before


def test_each_row_of_a_transaction_of_line_items_is_counted(house):
    items = parse_format(
        'location = "Store"\ntransaction_id = "ID"\ntotal = "Total"\ntime = "Time"\ngroup_by = "ID"\n',
        "test.toml",
    )
    house.plan = lambda envelope: Plan(f"test@{items.digest}", items, Defaults("UTC", "EUR"))
    rows = [("a", "1.00"), ("b", "2.00"), ("a", "3.00"), ("c", "x"), ("c", "1.00")]
    outcome = house.run(house.send(*rows))
    assert outcome.counts == Counts(rows=5, imported=3, rejected=2)
    assert house.table() == {"a": ("4.00", 1), "b": ("2.00", 1)}
    assert house.run(house.send(*rows)).counts == Counts(rows=5, unchanged=3, rejected=2)


def test_a_file_of_many_rejects_is_held_and_shows_some(house):
    sequence = house.send(("a", "1.00"), ("b", "x"), ("c", "y"), ("d", "z"))
    outcome = house.run(sequence)
    assert (outcome.state, outcome.counts) == (State.HELD, Counts())
    assert outcome.reason == (
        "3 of 4 rows would be rejected, more than 5 %; the first in line 3: `Total` `x` is not an amount with"
        " decimal mark '.'."
    )
    assert [reject.value for reject in house.store.rejects(sequence)] == ["x", "y", "z"]
    assert house.table() == {}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_status_withdraws_a_transaction_for_good_in_whatever_order_the_files_are_imported(house, order):
    states = parse_format(
        'location = "Store"\ntransaction_id = "ID"\ntotal = "Total"\ntime = "Time"\n'
        'withdraw = { State = "void" }\n',
        "test.toml",
    )
    house.plan = lambda envelope: Plan(f"test@{states.digest}", states, Defaults("UTC", "EUR"))
    header = "Store,ID,Total,Time,State\n"
    sent = [
        house.send(text=f"{header}7,a,1.00,2026-07-14 09:02,\n7,b,1.00,2026-07-14 09:03,\n"),
        house.send(text=f"{header}7,a,,,void\n7,c,2.00,2026-07-14 09:04,\n"),
    ]
    counts = [house.run(sent[each]).counts for each in order]
    assert counts == (
        [Counts(rows=2, imported=2), Counts(rows=2, imported=2, replaced=1)]
        if order == (0, 1)
        else [Counts(rows=2, imported=2), Counts(rows=2, imported=1, unchanged=1)]
    )
    assert house.table() == {"b": ("1.00", 1), "c": ("2.00", 2)}


@pytest.mark.parametrize("windows", ["one", "several"])
def test_of_a_file_of_whole_days_it_is_told_what_older_files_had_and_it_has_not(house, windows, request):
    if windows == "several":
        request.getfixturevalue("small_windows")
    whole = FORMAT.model_copy(update={"whole_days": True})
    house.plan = lambda envelope: Plan(f"test@{whole.digest}", whole, Defaults("UTC", "EUR"))
    rows = [(each, "1.00") for each in "abcdef"]
    assert house.run(house.send(*rows)).absent == Absent()
    outcome = house.run(house.send(*rows[2:5], ("g", "1.00")))
    assert outcome.absent == Absent(3, ("a", "b", "f"))
    assert house.store.delivery(2).outcome == outcome
    assert len(house.table()) == 7
