"""What is old is compressed and removed, and never what is not decided."""

from __future__ import annotations

import os
import random
import subprocess
import time

import pytest

from dorimportd.errors import BytesRemoved, NoSuchFile, StoreAway
from dorimportd.pipeline.retention import Round, compress
from dorimportd.spool import retention as spooled
from dorimportd.spool.mail import MailNote
from dorimportd.spool.outcomes import Past, Reading
from dorimportd.spool.retention import DAY, Before, read_note
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.samples import Sample, Shown
from dorimportd.store.store import open_store
from dorimportd.words import Channel, State, Transaction

NOW = 1_800_000_000.0
CONTENT = b"Store;Receipt;Total;Time\n" + b"0007;A-1;12.50;2026-07-14 09:02:11\n" * 200
READING = Reading("plain@1", "Europe/Berlin", "EUR", "2026-07-14", released=False)
SALE = tuple(Transaction("A-1", "0007", 1250, 2, "EUR", 1_784_012_531_000_000, 7200, 2))
SHOWN = Shown("A-1", "0007", 1250, 2, "EUR", 20648)


class House:
    """A spool and a store, in which deliveries are as old as a test says."""

    def __init__(self, folder):
        self.spool = Spool(folder / "spool", room=Room(1 << 30, 0))
        self.store = open_store(f"sqlite:///{folder}/store.db")

    def send(self, content=CONTENT, name="a.csv", message_id=None):
        upload = self.spool.begin("acme", name, channel=Channel.SFTP, peer="192.0.2.7")
        upload.write(0, content)
        delivery = self.spool.accept(upload, message_id=message_id)
        self.store.register([delivery])
        return delivery.sequence

    def decide(self, sequence, days, state=State.IMPORTED, *, in_store=True, in_spool=True):
        """As if it had been decided so many days before."""
        if in_spool:
            past = Past(state, "why" if state is State.HELD else None, (READING,))
            self.spool.outcomes.put(sequence, past)
            os.utime(self.folder(sequence) / "outcome", (NOW - days * DAY,) * 2)
        if in_store and state is State.HELD:
            self.store.set_state(sequence, State.HELD, "why")
        elif in_store:
            run = self.store.importing(sequence, "plain@1")
            run.sample = Sample([SHOWN], self.spool.delivery(sequence).envelope.received_at)
            run.finish([SALE], [], 1)

    def folder(self, sequence):
        return self.spool.layout.delivery(sequence)

    def round(self, compress=30, remove=None, stopping=lambda: False, days=0):
        """The round of so many days later; what it did."""
        now = NOW + days * DAY
        limits = Before(now - compress * DAY, None if remove is None else now - remove * DAY)
        turn = Round(self.spool, self.store, limits, stopping)
        while turn.step():
            pass
        return turn.done

    def files(self, sequence):
        return sorted(each.name for each in self.folder(sequence).iterdir())

    def read(self, sequence):
        with self.spool.open_delivery(sequence) as stream:
            return stream.read()


PLAIN = ["data", "envelope", "outcome", "upload"]
COMPRESSED = ["data.gz", "envelope", "outcome", "upload"]
REMOVED = ["envelope", "outcome", "removed", "upload"]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.store.close()


def test_what_is_old_enough_is_compressed_and_reads_as_it_came(house):
    old, young = house.send(), house.send(name="b.csv")
    house.decide(old, 31)
    house.decide(young, 29)
    assert house.round().compressed == 1
    assert (house.files(old), house.files(young)) == (COMPRESSED, PLAIN)
    assert house.read(old) == CONTENT
    zcat = subprocess.run(["zcat", house.folder(old) / "data.gz"], capture_output=True, check=True)
    assert zcat.stdout == CONTENT
    entry = house.spool.entry("acme", "a.csv")
    assert (entry.name, entry.size, entry.sequence) == ("a.csv", len(CONTENT), old)
    assert house.spool.open("acme", "a.csv").read() == CONTENT
    assert house.round().compressed == 0
    assert house.round(days=2).compressed == 1  # b.csv has become old


@pytest.mark.parametrize(
    ("state", "in_store", "in_spool"),
    [
        (State.IMPORTED, False, True),  # a crash came before the store had it
        (State.IMPORTED, True, False),  # a power cut took the outcome
        (State.RECEIVED, False, True),  # a retry that waits
        (State.RECEIVED, False, False),  # never imported
    ],
)
def test_nothing_is_touched_before_spool_and_store_say_that_it_is_decided(house, state, in_store, in_spool):
    sequence = house.send()
    house.decide(sequence, 100, state, in_store=in_store, in_spool=in_spool)
    done = house.round(compress=1, remove=2)
    assert (done.compressed, done.removed) == (0, 0)
    assert house.read(sequence) == CONTENT
    assert house.files(sequence) == (PLAIN if in_spool else [each for each in PLAIN if each != "outcome"])


@pytest.mark.parametrize("state", [State.IMPORTED, State.HELD])
def test_what_is_over_is_removed_but_for_envelope_and_outcome(house, state):
    old, young = house.send(), house.send(name="b.csv")
    house.decide(old, 101, state)
    house.decide(young, 99)
    done = house.round(remove=100)
    assert (done.removed, done.freed, done.compressed) == (1, len(CONTENT), 1)
    assert (house.files(old), house.files(young)) == (REMOVED, COMPRESSED)
    assert house.spool.outcomes.past(old).state is state
    assert [each.name for each in house.spool.entries("acme")] == ["b.csv"]
    with pytest.raises(BytesRemoved, match=rf"The bytes of delivery {old} were removed on \d{{4}}-\d\d-\d\d"):
        house.spool.open_delivery(old)
    with pytest.raises(NoSuchFile):
        house.spool.open("acme", "a.csv")
    with pytest.raises(BytesRemoved):
        house.spool.outcomes.ask_again(old)
    again = house.round(remove=100)
    assert (again.removed, again.failed) == (0, [])
    assert house.store.delivery(old).outcome.state is state
    after = Spool(house.spool.layout.root, room=house.spool.room)
    after.recover()
    assert [each.name for each in after.entries("acme")] == ["b.csv"]


def test_a_newer_file_of_the_name_stays_shown(house):
    old, new = house.send(), house.send(CONTENT + b"\n")
    house.decide(old, 101)
    house.decide(new, 10)
    assert house.round(remove=100).removed == 1
    assert [(each.sequence, each.size) for each in house.spool.entries("acme")] == [(new, len(CONTENT) + 1)]


def test_transactions_stay_and_samples_go(house):
    sequence = house.send()
    house.decide(sequence, 101)
    assert len(house.store.samples("acme", "plain", sequence + 1)) == 1
    house.round(remove=100)
    assert house.store.samples("acme", "plain", sequence + 1) == []
    assert [row.total for row in house.store.transactions("acme")] == ["12.50"]


def test_what_compressing_makes_no_smaller_stays_and_is_not_tried_again(house, monkeypatch):
    content, tried = random.Random(7).randbytes(10_000), []
    sequences = [house.send(content), house.send(b"x;y\n", "b.csv"), house.send(b"", "c.csv")]
    for each in sequences:
        house.decide(each, 31)
    house.decide(house.send(name="d.csv"), 30)  # due with the next round
    assert house.round().compressed == 0
    assert [house.files(each) for each in sequences] == [PLAIN] * 3

    def compress_noted(path, *more):
        tried.append(path)
        return compress(path, *more)

    monkeypatch.setattr("dorimportd.pipeline.retention.compress", compress_noted)
    assert house.round(days=1).compressed == 1
    assert [each.parent.name for each in tried] == ["000000000004"]
    assert house.read(1) == content


def test_a_folder_in_which_nothing_is_old_enough_is_not_gone_into(house, monkeypatch):
    house.spool.layout.sequence.write_bytes(b"%020d" % 998)
    for number, days in enumerate((50, 40, 5)):  # 999 in a folder that is full now; 1000 and 1001 in the next
        house.decide(house.send(name=f"{number}.csv"), days)
    house.round()
    first, second = house.folder(999).parent, house.folder(1000).parent
    assert read_note(first) == (None, NOW - 50 * DAY, ())
    assert read_note(second) == (NOW - 5 * DAY, NOW - 40 * DAY, ())
    looked = []
    whole = Round._look_into

    def look_noted(turn, folder):
        looked.append(folder)
        whole(turn, folder)

    monkeypatch.setattr(Round, "_look_into", look_noted)
    house.round(days=24)
    assert looked == []
    house.round(days=26)
    assert looked == [second]
    house.round(remove=45, days=1)
    assert looked == [second, first]
    assert read_note(first) == (None, None, ())
    house.round(remove=45, days=50)
    assert looked == [second, first, second]


def test_a_folder_looked_into_while_the_clock_was_ahead_is_looked_into_again(house, monkeypatch):
    sequence = house.send()
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: NOW + 3650 * DAY)
        house.round()
    house.decide(sequence, 31)
    assert house.round().compressed == 1
    assert read_note(house.folder(sequence).parent) == (NOW, NOW - 31 * DAY, ())


def test_without_the_store_nothing_is_removed(house, monkeypatch):
    sequence = house.send()
    house.decide(sequence, 101)

    def away(first, last):
        raise StoreAway("away")

    monkeypatch.setattr(house.store, "states", away)
    with pytest.raises(StoreAway):
        house.round(remove=100)
    assert house.files(sequence) == PLAIN


def test_a_retry_that_comes_first_keeps_the_bytes(house, monkeypatch):
    sequence = house.send()
    house.decide(sequence, 101)
    remove = spooled.remove_delivery

    def after_a_retry(spool, delivery, limit):
        spool.outcomes.ask_again(delivery.sequence)
        return remove(spool, delivery, limit)

    monkeypatch.setattr("dorimportd.pipeline.retention.remove_delivery", after_a_retry)
    assert house.round(remove=100).removed == 0
    assert house.read(sequence) == CONTENT


def test_while_somebody_reads_everything_nothing_is_touched(house):
    sequence = house.send()
    house.decide(sequence, 101)
    with house.spool.reading_all():
        assert house.round(remove=100).removed == 0
    assert house.round(remove=100).removed == 1


def test_a_damaged_delivery_is_told_and_stays_and_hinders_no_other(house):
    bad, lost, good = house.send(), house.send(name="b.csv"), house.send(name="c.csv")
    for each in (bad, lost, good):
        house.decide(each, 31)
    (house.folder(bad) / "data").write_bytes(CONTENT.replace(b"12.50", b"13.50"))
    (house.folder(lost) / "envelope").unlink()
    done = house.round()
    assert done.failed == [
        ("delivery 1", "it has other bytes than were sent"),
        ("delivery 2", "There is no such file. There is no delivery 2."),
    ]
    assert done.compressed == 1
    assert house.files(bad) == PLAIN
    assert house.round().failed == []  # not each hour the same


CHANGES = ("fsync", "rename", "unlink", "open", "symlink", "utime")


def killed_at(step, work):
    """Do *work* in a process that is gone at that call which changes the disk; whether it was."""
    child = os.fork()
    if child == 0:
        left = step

        def counted(call):
            def count(*words, **more):
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)
                return call(*words, **more)

            return count

        for name in CHANGES:
            setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


def test_a_kill_at_any_step_loses_nothing_and_the_next_round_mends_it(tmp_path):
    step, killed = 0, True
    while killed:
        folder = tmp_path / str(step)
        folder.mkdir()
        before = House(folder)
        compressed, removed = before.send(), before.send(name="b.csv")
        before.decide(compressed, 31)
        before.decide(removed, 101)
        before.store.close()
        killed = killed_at(step, lambda: House(folder).round(remove=100))  # noqa: B023
        house = House(folder)
        assert house.read(compressed) == CONTENT
        if house.spool.removed_at(removed) is None:
            assert house.read(removed) == CONTENT
            assert [each.name for each in house.spool.entries("acme")] == ["a.csv", "b.csv"]
        house.round(remove=100)
        assert (house.files(compressed), house.files(removed)) == (COMPRESSED, REMOVED)
        assert house.read(compressed) == CONTENT
        (entry,) = house.spool.entries("acme")
        assert (entry.name, entry.size, entry.sequence) == ("a.csv", len(CONTENT), compressed)
        house.store.close()
        step += 1
    assert step > 15


# Mails.

MESSAGE = b"From: till@shop.example\r\nSubject: sales\r\n\r\n" + b"0007;A-1;12.50\r\n" * 100


def keep(house, message_id, days, deliveries=(), archive=False, content=MESSAGE):
    mail = house.spool.begin_mail(largest=1 << 20)
    mail.write(content)
    when = "2026-07-14T09:02:11+00:00"
    note = MailNote(message_id, "", ("acme@x.example",), archive, "", when, len(content), deliveries)
    kept = mail.keep(note)
    os.utime(kept.path, (NOW - days * DAY,) * 2)
    return kept


def names(kept):
    return sorted(each.name.partition(".")[2] for each in kept.path.parent.glob("*.*"))


def test_old_mails_are_compressed_and_read_as_they_came(house):
    old, young = keep(house, "<1@shop.example>", 31), keep(house, "<2@shop.example>", 29)
    small = keep(house, "<3@shop.example>", 31, content=b"x")
    assert house.round().compressed == 1
    assert names(old) == ["eml.gz", "json"]
    assert (names(young), names(small)) == (["eml", "json"], ["eml", "json"])
    (found,) = house.spool.mails("<1@shop.example>")
    assert found == old
    with found.open() as stream:
        assert stream.read() == MESSAGE


def test_mails_go_with_the_last_delivery_that_came_of_them(house):
    one = house.send(message_id="<1@shop.example>")
    two = house.send(message_id="<1@shop.example>")
    copies = [
        keep(house, "<1@shop.example>", 101, (one, two)),
        keep(house, "<1@shop.example>", 50, archive=True),
    ]
    other = keep(house, "<2@shop.example>", 101, archive=True)  # nothing came of it: it may be of use yet
    house.decide(one, 101)
    house.decide(two, 99)
    house.round(remove=100)
    assert names(copies[0]) == ["eml.gz", "eml.gz", "json", "json"]
    house.round(remove=100, days=2)
    assert list(copies[0].path.parent.iterdir()) == []
    assert names(other) == ["eml.gz", "json"]
