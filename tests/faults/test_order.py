"""Whatever the order, the table is the same: of each ID the highest sequence, in a file the last row.

Random histories run through the real spool, importer and database: files of one to two customers with
overlapping IDs, in two formats, with corrections, withdrawals, bad rows, files that are held and bytes that
come again; imported in any order by several threads, broken off inside their database transactions, begun
again, registered again, retried, and with the database opened anew between.  What must come of it is known
by a dictionary.

HISTORIES=20000 in the environment makes it that many for each database.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from operator import attrgetter
from threading import Lock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dorimportd.errors import NotWaiting, StoreAway
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline.history import History as Outcomes
from dorimportd.pipeline.importer import Importer, Plan
from dorimportd.pipeline.turns import LARGE, Turn, Turns
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.imports import Run
from dorimportd.store.store import open_store
from dorimportd.words import Channel, State

TEXT = 'location = "Store"\ntransaction_id = "ID"\ntotal = "Total"\ntime = "Time"\n'
# Of the lenient one bad rows are rejects; the strict one holds a file for three, and tells whole days.
LENIENT = parse_format(TEXT + 'withdraw = { State = "void" }\nmax_reject_percent = 100\n', "lenient.toml")
STRICT = parse_format(TEXT + "whole_days = true\n", "strict.toml")
BAD = "twelve"

HISTORIES = {
    "sqlite": int(os.environ.get("HISTORIES", "1000")),
    "postgresql": int(os.environ.get("HISTORIES", "100")),
}
USUAL = settings(
    deadline=None,
    database=None,
    derandomize="HISTORIES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class File:
    """What one of two customers sends: rows of an ID, a total, and whether it is void."""

    customer: int
    strict: bool
    rows: tuple[tuple[str, str, bool], ...]

    def content(self):
        rows = (f"7,{id_},{total},2026-07-14 09:02,{'void' * void}\n" for id_, total, void in self.rows)
        return ("Store,ID,Total,Time,State\n" + "".join(rows)).encode()

    def tells(self):
        """By ID the total, or None where it is withdrawn; None in place of all where the file is held."""
        told, bad = {}, 0
        for id_, total, void in self.rows:
            if void and not self.strict:
                told[id_] = None
            elif total == BAD:
                bad += 1
            else:
                told[id_] = total
        return (None, 0) if bad >= 3 and self.strict else (told, bad)


@dataclass(frozen=True)
class History:
    """Files in the order of their sequence, and how they are imported."""

    files: tuple[File, ...]
    order: tuple[int, ...]  # some more than once
    threads: int
    breaks: dict[int, int]  # of a file: its how manieth step is broken off
    registered_again: bool
    retried: frozenset[int]
    reopened: bool


ROWS = st.tuples(
    st.sampled_from("abcde"),
    st.sampled_from(["1.00", "-2.00", "30.00", BAD]),
    st.sampled_from([False] * 4 + [True]),
)
FILES = st.builds(
    File,
    customer=st.integers(0, 1),
    strict=st.booleans(),
    rows=st.lists(ROWS, min_size=1, max_size=5).map(tuple),
)


@st.composite
def histories(draw):
    files = draw(st.lists(FILES, min_size=2, max_size=4))
    for again in draw(st.lists(st.integers(0, len(files) - 1), max_size=1)):
        files.append(files[again])
    numbers = range(len(files))
    some = st.frozensets(st.sampled_from(numbers), max_size=1)
    return History(
        files=tuple(files),
        order=tuple(draw(st.permutations([*numbers, *draw(some)]))),
        threads=draw(st.integers(1, 3)),
        breaks=draw(st.dictionaries(st.sampled_from(numbers), st.integers(0, 3), max_size=3)),
        registered_again=draw(st.booleans()),
        retried=draw(some),
        reopened=draw(st.sampled_from([False, False, False, True])),
    )


class World:
    """One spool and one database for many histories, each with customers of its own."""

    def __init__(self, folder, url):
        self.url = url
        self.spool = Spool(folder / "spool", room=Room(1 << 30, 0))
        self.store = open_store(url)
        self.numbers = count(1)
        self.breaks = {}
        self.lock = Lock()
        self.begin()

    def begin(self):
        def plan(envelope):
            format = STRICT if envelope.name.startswith("strict") else LENIENT
            return Plan(f"{envelope.name[:7].strip('.')}@{format.digest}", format, Defaults("UTC", "EUR"))

        self.importer = Importer(self.spool, self.store, plan, history=Outcomes(self.spool.outcomes))

    def reopen(self):
        self.store.close()
        self.store = open_store(self.url)
        self.begin()

    def send(self, customer, file):
        name = "strict.csv" if file.strict else "lenient.csv"
        upload = self.spool.begin(customer, name, channel=Channel.LOCAL, peer="")
        upload.write(0, file.content())
        return self.spool.accept(upload)

    def broken_off(self, sequence):
        """Whether this step of the import of *sequence* is to fail; each does once at most."""
        with self.lock:
            left = self.breaks.get(sequence, -1)
            if left >= 0:
                self.breaks[sequence] = left - 1
            return left == 0

    def run(self, sequence):
        """As the daemon does: again after a fault, until it has its outcome."""
        while True:
            try:
                self.importer.import_delivery(sequence)
            except StoreAway:
                continue
            except NotWaiting:
                pass
            return

    def run_all(self, sequences, threads):
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(self.run, sequences):
                pass

    def table(self, customer):
        """By ID its total, or None where it is withdrawn, and whose it is."""
        return {
            each.transaction.transaction_id: (
                None if each.transaction.withdrawn else str(each.transaction.total),
                each.delivery,
            )
            for each in self.store.told(customer)
        }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, tmp_path_factory):
    """Without syncs, since no test cuts the power here; small files have several windows of two rows."""
    folder = tmp_path_factory.mktemp("order")
    url = f"sqlite:///{folder}/dorimportd.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        patch.setattr("dorimportd.store.sqlite.PRAGMAS", {"synchronous": "OFF", "foreign_keys": "ON"})
        patch.setattr("dorimportd.pipeline.window.WINDOW", 2)
        patch.setattr("dorimportd.parse.convert.BATCH_ROWS", 1)
        world = World(folder, url)
        record = Run._record

        def record_or_break(self, *words, **more):
            if world.broken_off(self.sequence):
                raise StoreAway("gone")
            return record(self, *words, **more)

        patch.setattr(Run, "_record", record_or_break)  # the last step inside each database transaction
        world.examples = HISTORIES[request.param]
        yield world
        world.store.close()


def expected(files):
    """What must be in the table, by (sequence, File) in the order of their sequences."""
    table = {}
    for sequence, file in files:
        told, _ = file.tells()
        table.update({id_: (total, sequence) for id_, total in (told or {}).items()})
    return table


def check(world, history):
    prefix = f"h{next(world.numbers)}"
    names = [f"{prefix}-{file.customer}" for file in history.files]
    sent = [world.send(name, file) for name, file in zip(names, history.files, strict=True)]
    world.store.register(sent)
    sequences = [each.sequence for each in sent]
    world.breaks = {sequences[number]: step for number, step in history.breaks.items()}
    half = len(history.order) // 2
    world.run_all([sequences[number] for number in history.order[:half]], history.threads)
    if history.reopened:
        world.reopen()
    if history.registered_again:
        world.store.register(sent)
    world.run_all([sequences[number] for number in history.order[half:]], history.threads)
    for number in history.retried:
        world.spool.outcomes.ask_again(sequences[number])
        world.store.set_state(sequences[number], State.RECEIVED)
    world.run_all([sequences[number] for number in history.retried], history.threads)

    for customer in set(names):
        its = [pair for name, *pair in zip(names, sequences, history.files, strict=True) if name == customer]
        assert world.table(customer) == expected(its)
    for sequence, file in zip(sequences, history.files, strict=True):
        check_outcome(world.store.delivery(sequence).outcome, file)


def check_outcome(outcome, file):
    """What the order has no part in."""
    told, bad = file.tells()
    counts = outcome.counts
    if told is None:
        assert (outcome.state, counts.rows) == (State.HELD, 0)
        return
    assert outcome.state in (State.IMPORTED, State.DUPLICATE)
    assert (counts.rows, counts.rejected) == (len(file.rows), bad)
    assert counts.imported + counts.unchanged + counts.duplicates + counts.rejected == counts.rows


@pytest.mark.timeout(0)
def test_after_any_history_the_table_is_that_of_one_worker_in_sequence(world):
    @settings(USUAL, max_examples=world.examples)
    @given(histories())
    def histories_converge(history):
        check(world, history)

    histories_converge()


# Whose turn it is.

WORKERS = st.integers(1, 4)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "next", "next", "next", "done", "rest", "wake"]),
        st.sampled_from("abcd"),  # a customer
        st.sampled_from([1, 1, LARGE]),
        st.integers(0, 3),  # which of those that run or rest
    ),
    max_size=60,
)


class Watched:
    """Turns, and what of them must hold after each step."""

    def __init__(self, workers):
        self.turns = Turns(workers)
        self.waiting = {}  # customer -> its turns
        self.running = []
        self.resting = []
        self.numbers = count(1)
        self.passed = {}  # customer that might have begun -> those who did before it

    def add(self, customer, size, which):
        turn = Turn(next(self.numbers), customer, size)
        for _ in range(2):  # a second time changes nothing
            self.turns.add(turn)
        self.waiting.setdefault(customer, []).append(turn)

    def may_begin(self):
        busy = {each.customer for each in self.running}
        large = sum(each.size == LARGE for each in self.running)
        room = large < max(1, self.turns.workers - 1)
        firsts = [
            min(turns, key=attrgetter("order"))
            for customer, turns in self.waiting.items()
            if turns and customer not in busy
        ]
        full = len(self.running) == self.turns.workers
        return [] if full else [turn for turn in firsts if turn.size < LARGE or room]

    def next(self, customer, size, which):
        may = self.may_begin()
        turn = self.turns.next()
        if not may:
            assert turn is None
            return
        assert turn in may, "the customer's first, of one that is not busy; of large ones not the last worker"
        self.nobody_was_passed_twice(may, turn)
        self.waiting[turn.customer].remove(turn)
        self.running.append(turn)

    def nobody_was_passed_twice(self, may, turn):
        self.passed.pop(turn.customer, None)
        for each in may:
            if each.customer != turn.customer:
                before = self.passed.setdefault(each.customer, set())
                assert turn.customer not in before, f"{turn.customer} a second time before {each.customer}"
                before.add(turn.customer)

    def done(self, customer, size, which):
        if self.running:
            self.turns.done(self.running.pop(which % len(self.running)).sequence)

    def rest(self, customer, size, which):
        if self.running:
            turn = self.running.pop(which % len(self.running))
            self.turns.rest(turn.sequence)
            self.resting.append(turn)

    def wake(self, customer, size, which):
        if self.resting:
            turn = self.resting.pop(which % len(self.resting))
            self.turns.wake(turn.sequence)
            self.waiting[turn.customer].append(turn)


@settings(USUAL, max_examples=500)
@given(WORKERS, STEPS)
def test_nobody_starves_no_customer_has_two_workers_and_no_large_file_the_last_one(workers, steps):
    watched = Watched(workers)
    for verb, *rest in steps:
        getattr(watched, verb)(*rest)
        running = [each.customer for each in watched.running]
        assert len(running) == len(set(running)) == watched.turns.running <= workers
        assert sum(each.size == LARGE for each in watched.running) <= max(1, workers - 1)
        left = sum(map(len, watched.waiting.values())) + len(watched.resting)
        assert watched.turns.waiting == left
