"""Deliveries are read as they were read, whatever the formats say by now."""

from __future__ import annotations

from random import Random

import pytest

from dorimportd.errors import HoldFile, NoSpace, StoreAway
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline.history import History, Recalled
from dorimportd.pipeline.importer import Importer, Plan
from dorimportd.pipeline.rebuild import rebuild
from dorimportd.spool.outcomes import Past, Reading
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.store import open_new_store, open_store
from dorimportd.words import Channel, State

FORMAT = 'location = "Store"\ntransaction_id = "ID"\ntotal = "Total"\ntime = "Time"\n'
BY_STORE = FORMAT.replace('"ID"', '["Store", "ID"]')
VOID = FORMAT + 'withdraw = { Total = "0" }\nmax_reject_percent = 100\n'
NO_SUCH = FORMAT.replace('"Total"', '"Amount"')


class House:
    """A spool with its history, a store and an importer, without a daemon."""

    def __init__(self, folder):
        self.folder = folder
        self.spool = Spool(folder / "spool", room=Room(1 << 30, 0))
        self.store = open_store(f"sqlite:///{folder}/dorimportd.db")
        self.history = History(self.spool.outcomes)
        self.importer = Importer(self.spool, self.store, lambda envelope: self.plan, history=self.history)
        self.read_by(FORMAT)

    def read_by(self, text, timezone="UTC"):
        format = parse_format(text, "test.toml")
        self.plan = Plan(f"test@{format.digest}", format, Defaults(timezone, "EUR"))

    def send(self, *rows):
        lines = ["Store,ID,Total,Time", *(f"7,{id_},{total},2026-07-14 09:02:11" for id_, total in rows)]
        upload = self.spool.begin("acme", "a.csv", channel=Channel.LOCAL, peer="")
        upload.write(0, ("\n".join(lines) + "\n").encode())
        delivery = self.spool.accept(upload)
        self.store.register([delivery])
        return delivery.sequence

    def run(self, sequence):
        return self.importer.import_delivery(sequence)[1]

    def again(self, sequence, *, released=False):
        self.spool.outcomes.ask_again(sequence)
        if released:
            self.store.release(sequence)
        else:
            self.store.set_state(sequence, State.RECEIVED)
        return self.run(sequence)

    def rebuilt(self):
        """Another store, built from the spool; and what was done for it."""
        store = open_new_store(f"sqlite:///{self.folder}/rebuilt.db")
        importer = Importer(
            self.spool, store, lambda envelope: self.plan, history=Recalled(self.spool.outcomes)
        )
        return store, rebuild(self.spool, store, importer, None, step=lambda: None)


def table(store):
    return [(each.transaction.transaction_id, each.delivery) for each in store.told("acme")]


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


def test_the_outcome_tells_how_a_delivery_was_read(house):
    sequence = house.send(("a", "1.00"))
    house.run(sequence)
    reading = Reading(house.plan.tag, "UTC", "EUR", None, released=False)
    assert house.history.past(sequence) == Past(State.IMPORTED, None, (reading,))
    house.read_by(NO_SUCH)
    house.again(sequence)
    past = house.history.past(sequence)
    assert (past.state, past.readings) == (State.HELD, (reading,))
    assert past.reason == house.store.delivery(sequence).outcome.reason


def test_the_rows_of_every_reading_are_in_a_rebuilt_store(house, small_windows):
    sequence = house.send(*((id_, "1.00") for id_ in "abcde"))
    house.run(sequence)
    house.read_by(BY_STORE)
    house.again(sequence)
    house.read_by(FORMAT, timezone="Asia/Tokyo")  # the same tag as at first
    house.again(sequence)
    house.read_by(NO_SUCH)
    store, done = house.rebuilt()
    assert list(store.told("acme")) == list(house.store.told("acme"))
    assert table(store)[0] == ("7/a", 1)
    assert len(table(store)) == 10
    assert (done.total, done.unknown, done.lost) == (1, 0, [])
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_after_any_history_the_rebuilt_store_is_the_same(house, seed):
    """Overlapping files, imported late, retried and released, by formats that change."""
    chance = Random(seed)
    late = []
    for _ in range(14):
        house.read_by(chance.choice([FORMAT, BY_STORE, NO_SUCH, VOID]), chance.choice(["UTC", "Asia/Tokyo"]))
        ids = chance.choices("abcdefgh", k=3)
        late.append(house.send(*((id_, chance.choice(["1.00", "2.00", "0", "bad"])) for id_ in ids)))
        if chance.random() < 0.7:
            house.run(late.pop(chance.randrange(len(late))))
        done = [each for each in house.store.deliveries() if each.outcome.state.final]
        if done and chance.random() < 0.5:
            one = chance.choice(done)
            released = one.outcome.state is State.HELD and chance.random() < 0.5
            house.again(one.sequence, released=released)
    for sequence in late:
        house.run(sequence)
    store, done = house.rebuilt()
    assert list(store.told("acme")) == list(house.store.told("acme"))
    assert table(store)
    assert [
        store.delivery(each.sequence).outcome.reason for each in house.store.deliveries("acme", State.HELD)
    ] == [each.outcome.reason for each in house.store.deliveries("acme", State.HELD)]
    assert (done.total, done.unknown, done.lost) == (14, 0, [])
    store.close()


def test_a_held_delivery_whose_rows_are_in_the_table_is_so_in_a_rebuilt_store(house):
    sequence = house.send(("a", "1.00"))
    house.run(sequence)
    house.read_by(NO_SUCH)
    house.again(sequence)
    store, _ = house.rebuilt()
    assert table(store) == [("a", 1)]
    outcomes = [each.delivery(sequence).outcome for each in (store, house.store)]
    assert [each.state for each in outcomes] == [State.HELD, State.HELD]
    assert outcomes[0].reason == outcomes[1].reason
    store.close()


def test_a_delivery_of_several_readings_that_fails_is_counted_as_tried(house, monkeypatch):
    sequence = house.send(("a", "1.00"))
    house.run(sequence)
    house.read_by(BY_STORE)
    house.again(sequence)
    store = open_new_store(f"sqlite:///{house.folder}/other.db")
    store.register([house.spool.delivery(sequence)])
    importer = Importer(house.spool, store, lambda envelope: house.plan, history=house.history)
    monkeypatch.setattr("dorimportd.store.imports.Run.finish", lost)
    for _ in range(2):
        with pytest.raises(StoreAway):
            importer.import_delivery(sequence)
        store.set_state(sequence, State.FAILED, "gone")
    assert store.delivery(sequence).tries == 2
    store.close()


def test_an_import_that_a_crash_ended_goes_on_by_the_format_with_which_it_began(
    house, small_windows, monkeypatch
):
    sequence = house.send(*((id_, "1.00") for id_ in "abcde"))
    with monkeypatch.context() as patched:
        patched.setattr("dorimportd.store.imports.Run.finish", lost)
        with pytest.raises(StoreAway):
            house.run(sequence)
    assert table(house.store) == [(id_, 1) for id_ in "abcd"]
    house.read_by(BY_STORE)
    assert house.run(sequence).counts.imported == 5
    assert table(house.store) == [(id_, 1) for id_ in "abcde"]


def lost(*args, **kwargs):
    raise StoreAway("gone")


def test_outcomes_that_a_power_cut_took_are_written_again_from_what_the_store_says(
    house, small_windows, monkeypatch
):
    imported, held = house.send(("a", "1.00")), house.send(("b", "2.00"))
    released = house.send(*((id_, "bad") for id_ in "cde"))
    half = house.send(*((id_, "1.00") for id_ in "defg"))
    house.run(imported)
    house.run(released)
    house.again(released, released=True)
    with monkeypatch.context() as patched:
        patched.setattr("dorimportd.store.imports.Run.finish", lost)
        with pytest.raises(StoreAway):
            house.run(half)
    by_format = house.plan
    house.read_by(NO_SUCH)
    house.run(held)
    before = [house.history.past(each) for each in (imported, held, released, half)]
    waiting = house.send(("h", "1.00"))
    for each in (imported, held, released, half):
        (house.spool.layout.delivery(each) / "outcome").write_bytes(b"")
    house.read_by(BY_STORE)
    assert house.history.mend(house.store, lambda envelope: house.plan, newest=10) == 4
    assert [house.history.past(each) for each in (imported, held, released, half)] == before
    assert before[0].readings[0].format == by_format.tag
    assert house.history.past(waiting) is None
    assert house.history.mend(house.store, lambda envelope: house.plan, newest=10) == 0


def test_an_outcome_stays_unknown_where_the_text_of_its_format_or_its_customer_is_gone(house):
    no_format, no_customer = house.send(("a", "1.00")), house.send(("b", "2.00"))
    house.run(no_format)
    house.read_by(BY_STORE)
    house.run(no_customer)
    for each in (no_format, no_customer):
        (house.spool.layout.delivery(each) / "outcome").unlink()
    (first,) = [each for each in house.spool.layout.formats.iterdir() if each.stem not in house.plan.tag]
    first.unlink()

    def gone(envelope):
        raise HoldFile("There is no customer 'acme' any more.")

    assert house.history.mend(house.store, gone, newest=10) == 0
    assert [house.history.past(each) for each in (no_format, no_customer)] == [None, None]
    assert house.history.mend(house.store, lambda envelope: house.plan, newest=10) == 1
    assert house.history.past(no_format) is None


def test_without_an_outcome_a_delivery_is_read_by_the_format_as_it_is_now(house):
    sequence = house.send(("a", "1.00"))
    house.run(sequence)
    (house.spool.layout.delivery(sequence) / "outcome").unlink()
    house.read_by(BY_STORE)
    store, done = house.rebuilt()
    assert (table(store), done.unknown) == ([("7/a", 1)], 1)
    store.close()


def test_bytes_that_are_gone_are_told_and_the_others_are_rebuilt(house):
    first, second = house.send(("a", "1.00")), house.send(("b", "1.00"))
    for each in (first, second):
        house.run(each)
    (house.spool.layout.delivery(first) / "data").unlink()
    store, done = house.rebuilt()
    assert done.lost == [(1, "No such file or directory")]
    assert store.delivery(1).outcome.reason == "It cannot be read any more: No such file or directory"
    assert table(store) == [("b", 2)]
    store.close()


def test_a_format_that_is_not_kept_any_more_holds_the_delivery(house):
    sequence = house.send(("a", "1.00"))
    house.run(sequence)
    for each in house.spool.layout.formats.iterdir():
        each.unlink()
    with pytest.raises(HoldFile, match="is not in the spool any more"):
        house.history.plan(house.history.past(sequence).readings[0])
    assert house.rebuilt()[1].deliveries[State.HELD] == 1


def test_an_outcome_for_which_there_is_no_space_lets_the_import_wait(house, monkeypatch):
    sequence = house.send(("a", "1.00"))

    def full(*args):
        raise NoSpace

    with monkeypatch.context() as patched:
        patched.setattr(house.spool.outcomes, "put", full)
        with pytest.raises(StoreAway, match="outcome of delivery 1 cannot be written: There is no space"):
            house.run(sequence)
    assert table(house.store) == []
    assert house.run(sequence).state is State.IMPORTED
