"""A power cut after each single sync of the spool's: what was acknowledged until then is there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from faults.forgetful import Shadow, names_in
from faults.powercut import Disk, Left

from dorimportd.errors import NoSuchFile, NotAccepted
from dorimportd.spool.bytes import compress
from dorimportd.spool.durable import sync_folder
from dorimportd.spool.mail import MailNote, mark, marked
from dorimportd.spool.outcomes import Past, Reading
from dorimportd.spool.retention import remove_delivery
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel, State

pytestmark = pytest.mark.timeout(600)

ROOM = Room(largest=1 << 40, free_floor=0)


class Machine:
    """A disk that forgets, under the spool in `state`; the power is cut after each sync."""

    def __init__(self, folder, monkeypatch):
        self.state = folder / "disk" / "new" / "state"  # of which only the first is there
        (folder / "disk").mkdir()
        self._folder = folder
        self._shadow = Shadow(folder / "shadow")
        self.acknowledged = {}  # name -> content of what has become a delivery
        self.kept = {}  # the same of what waits under a temporary name
        self.count = 0  # power cuts that were tried
        self.calls, self.fails_at = 0, 0  # of fsync
        self._lost = {}  # inode -> what a failed sync has not written
        monkeypatch.setattr(os, "fsync", self._fsync)
        self._after = False  # we are on the copy

    def spool(self):
        spool = Spool(self.state / "spool", room=ROOM)
        spool.recover()
        return spool

    def _fsync(self, handle):
        """Sync, and look at what a power cut would leave now."""
        if self._after:
            return
        inode, there = os.fstat(handle).st_ino, now(handle)
        self.calls += 1
        if self.calls == self.fails_at:
            self._lost[inode] = there
            self._shadow.keep(inode, f"/proc/self/fd/{handle}", follow=True)
            if isinstance(there, dict):  # what is made anew must not look like what was removed
                for name, (number, *_) in there.items():
                    self._shadow.keep(number, name, folder=handle)
            raise OSError(errno.EIO, "Input/output error")
        if self._lost.get(inode) == there:
            return  # the kernel has dropped what it could not write, and calls the rest clean
        self._lost.pop(inode, None)
        self._shadow.fsync(handle)
        self.cut()

    def cut(self):
        for left in Left:
            self.count += 1
            self._after = True
            self._check(left)
            self._after = False

    def after(self, left):
        """The spool on what is left; what it syncs itself is on no disk."""
        before, self._after = self._after, True
        target = self._folder / "after"
        shutil.rmtree(target, ignore_errors=True)
        Disk(self._folder / "disk" / "new", self._folder / "shadow", left).rebuild(target)
        for boot in target.glob("state/spool/boot"):
            boot.write_text("another\n")
        spool = Spool(target / "state" / "spool", room=ROOM)
        spool.recover()
        self._after = before
        return spool

    def _check(self, left):
        spool = self.after(left)
        found = {}
        for sequence in spool.sequences():
            envelope = spool.delivery(sequence).envelope
            found[envelope.name] = content = spool.open_delivery(sequence).read()
            assert envelope.sha256 == hashlib.sha256(content).hexdigest()
            assert spool.entry("acme", envelope.name).sequence == sequence
        assert self.acknowledged.items() <= found.items(), left
        for name, content in self.kept.items():
            if name.removesuffix(".part") not in found:
                delivery = spool.accept_kept("acme", name, name.removesuffix(".part"))
                assert spool.open_delivery(delivery.sequence).read() == content


def now(handle):
    """What fsync would write."""
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        return names_in(handle)
    return Path(f"/proc/self/fd/{handle}").read_bytes()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return Machine(tmp_path, monkeypatch)


def begin(spool, name, content, channel=Channel.FTP):
    upload = spool.begin("acme", name, channel=channel, peer="192.0.2.7")
    upload.write(0, content)
    return upload


def send(machine, spool, name):
    content = f"{name};1\n".encode()
    sequence = spool.accept(begin(spool, name, content)).sequence
    machine.acknowledged[name] = content
    machine.cut()
    return sequence


def test_the_first_deliveries_of_a_new_state_folder(machine):
    spool = machine.spool()
    assert [send(machine, spool, f"{number}.csv") for number in range(3)] == [1, 2, 3]
    assert machine.count > 40


def test_a_state_folder_that_somebody_else_has_just_made(machine):
    machine.state.parent.mkdir()
    sync_folder(machine.state.parent.parent)
    machine.state.mkdir()
    spool = machine.spool()
    assert send(machine, spool, "a.csv") == 1


def test_the_deliveries_around_a_new_folder_of_a_thousand(machine):
    spool = machine.spool()
    send(machine, spool, "first.csv")
    spool.sequence.recover(997)
    assert [send(machine, spool, f"{number}.csv") for number in range(4)] == [998, 999, 1000, 1001]


def test_a_start_syncs_what_one_who_was_killed_had_not(machine, monkeypatch):
    spool = machine.spool()
    with monkeypatch.context() as patch:
        patch.setattr("dorimportd.spool.accept.sync_folder", lambda folder: None)
        content = b"never told\n"
        assert spool.accept(begin(spool, "killed.csv", content)).sequence == 1
    machine.spool()
    machine.acknowledged["killed.csv"] = content  # since it may have been imported meanwhile
    machine.cut()


def test_a_number_that_the_store_knows_is_not_given_again(machine):
    spool = machine.spool()
    send(machine, spool, "a.csv")
    spool.sequence.recover(17)
    for left in Left:
        assert machine.after(left).sequence.last() == 17


def test_a_temporary_name_that_was_closed_waits_for_its_final_one(machine):
    spool = machine.spool()
    for number in range(2):
        name, content = f"{number}.csv", f"{number};1\n".encode()
        upload = begin(spool, f"{name}.part", content)
        upload.keep_whole()
        spool.put_down(upload)
        machine.kept[f"{name}.part"] = content
        machine.cut()
        spool.accept_kept("acme", f"{name}.part", name)
        machine.acknowledged[name] = content
        machine.cut()


def test_what_can_be_resumed_is_what_was_sent(machine):
    spool = machine.spool()
    content = bytes(range(256)) * 40
    upload = begin(spool, "half.csv", content[:3000])
    upload.write(5000, content[5000:6000])  # behind a gap
    for left in Left:
        after = machine.after(left)
        assert list(after.entries("acme")) == []
        assert list(after.layout.incoming.glob("*/*")) == []
    spool.put_down(upload)
    resumed = spool.resume("acme", "half.csv")
    resumed.write(3000, content[3000:7000])
    for left in Left:
        after = machine.after(left)
        assert after.resume("acme", "half.csv").size == 3000
        assert after.open("acme", "half.csv").read() == content[:3000]
    resumed.write(100, b"another")  # below what was kept
    for left in Left:
        with pytest.raises(NoSuchFile):
            machine.after(left).resume("acme", "half.csv")
    resumed.write(7000, content[7000:])
    resumed.write(100, content[100:107])
    spool.accept(resumed)
    machine.acknowledged["half.csv"] = content
    machine.cut()


def test_a_restart_without_a_power_cut_resumes_what_was_not_synced(machine):
    spool = machine.spool()
    begin(spool, "half.csv", b"half a file").let_go()
    assert machine.spool().resume("acme", "half.csv").size == 11


def test_a_mail_that_is_kept_and_its_note(machine):
    spool = machine.spool()
    for number in range(3):
        mail = spool.begin_mail(largest=1000)
        mail.write(b"Subject: x\r\n\r\n%d\r\n" % number)
        message_id = f"<{number}@shop.example>"
        note = MailNote(message_id, "a@shop.example", ("b@x.example",), False, "192.0.2.7", "2026", mail.size)
        kept = mail.keep(note)
        for left in Left:
            (found,) = machine.after(left).mails(message_id)
            assert (found.path.read_bytes(), found.note) == (kept.path.read_bytes(), note)


def test_the_mark_of_a_mail_to_the_archive_is_there_when_that_is_said(machine):
    """Without it nobody would look whether the customer's own copy came."""
    spool = machine.spool()
    for number in range(3):
        mark(spool.layout, f"<{number}@shop.example>")
        for left in Left:
            assert len(marked(machine.after(left).layout, 0, time.time() + 60)) == number + 1


def test_a_format_that_was_kept_and_an_outcome_that_was_not_synced(machine):
    spool = machine.spool()
    sequence = send(machine, spool, "a.csv")
    reading = Reading("plain@abc", "UTC", "EUR", "2026-07-14", False)
    spool.outcomes.keep_format("abc", "a format\n")
    for _ in range(2):
        spool.outcomes.put(sequence, Past(State.IMPORTED, None, (reading,)))
        for left in Left:
            after = machine.after(left).outcomes
            assert after.format("abc") == "a format\n"
            assert after.past(sequence) in (None, Past(State.IMPORTED, None, (reading,)))


def test_an_outcome_that_replaces_another_is_there_when_that_is_said(machine):
    """Of a retry the one before it would be believed, and it would be as if nobody had asked."""
    spool = machine.spool()
    reading = Reading("plain@abc", "UTC", "EUR", "2026-07-14", False)
    imported = Past(State.IMPORTED, None, (reading,))
    retried, held = Past(State.RECEIVED, None, (reading,)), Past(State.HELD, "why", (reading,))
    first, second = send(machine, spool, "a.csv"), send(machine, spool, "b.csv")
    spool.outcomes.put(first, imported)
    spool.outcomes.put(second, Past(State.HELD, "why"))
    for step, past in (
        (lambda: spool.outcomes.ask_again(first), retried),
        (lambda: spool.outcomes.put(first, held), held),
        (lambda: spool.outcomes.put(first, imported), imported),
    ):
        step()
        assert [machine.after(left).outcomes.past(first) for left in Left] == [past] * len(Left)
    spool.outcomes.unhold(second)
    found = [machine.after(left).outcomes.past(second) for left in Left]
    assert found == [Past(State.RECEIVED)] * len(Left)


def old_delivery(machine, spool):
    """Of bytes that compressing makes smaller, and imported."""
    content = b"0007;A-1;12.50;2026-07-14 09:02:11\n" * 300
    delivery = spool.accept(begin(spool, "old.csv", content))
    past = Past(State.IMPORTED, None, (Reading("plain@abc", "UTC", "EUR", "2026-07-14", False),))
    spool.outcomes.put(delivery.sequence, past)
    machine.acknowledged["old.csv"] = content
    return delivery, past


def test_whatever_is_left_while_a_delivery_is_compressed_its_bytes_are_there(machine):
    spool = machine.spool()
    delivery, _ = old_delivery(machine, spool)
    folder, before = spool.layout.delivery(delivery.sequence), machine.count
    assert compress(folder / "data", lambda: False, delivery.envelope.sha256) > 0
    machine.cut()
    assert machine.count - before >= 3 * len(Left)
    assert not (folder / "data").exists()


def test_of_what_is_removed_it_is_known_what_was_decided(machine):
    spool = machine.spool()
    delivery, past = old_delivery(machine, spool)
    removed = []

    def check(left):
        after = machine.after(left)
        there = after.delivery(delivery.sequence)
        if after.removed_at(there.sequence) is None:
            assert after.open_delivery(there.sequence).read() == machine.acknowledged["old.csv"]
        else:
            removed.append(left)
            assert after.outcomes.past(there.sequence) == past

    machine._check = check
    assert remove_delivery(spool, delivery, time.time() + 60) > 0
    machine.cut()
    assert set(removed[-len(Left) :]) == set(Left)


def again(spool, name, content):
    """What a client does that was refused: it goes on where it can, else it begins anew."""
    try:
        upload = spool.resume("acme", name)
    except NoSuchFile:
        return begin(spool, name, content)
    upload.write(upload.size, content[upload.size :])
    return upload


def test_a_sync_that_failed_is_not_made_good_by_a_second_one(machine):
    """Whichever fails, also that of the folder of the thousandth delivery."""
    spool = machine.spool()
    spool.sequence.recover(995)
    refused = 0
    for call in range(1, 20):
        name, content = f"{call}.csv", b"%d;1\n" % call
        machine.fails_at = machine.calls + call
        upload = begin(spool, name, content)
        try:
            spool.accept(upload)
        except NotAccepted:
            refused += 1
            machine.fails_at = 0
            spool.accept(again(spool, name, content))
        machine.acknowledged[name] = content
        machine.cut()
        if machine.fails_at > machine.calls:
            break
    assert refused >= 4
    assert [spool.delivery(each).envelope.name for each in spool.sequences()] == list(machine.acknowledged)


def test_a_temporary_name_of_which_a_sync_failed_is_not_whole(machine):
    spool = machine.spool()
    for call in range(1, 20):
        name, content = f"{call}.csv", b"%d;1\n" % call
        machine.fails_at = machine.calls + call
        upload = begin(spool, f"{name}.part", content)
        try:
            upload.keep_whole()
        except NotAccepted:
            machine.fails_at = 0
            spool.put_down(upload)
            upload = again(spool, f"{name}.part", content)
            upload.keep_whole()
        spool.put_down(upload)
        machine.kept[f"{name}.part"] = content
        machine.cut()
        if machine.fails_at > machine.calls:
            break
    assert call >= 6


def test_a_mail_of_which_a_sync_failed_is_not_kept(machine):
    spool = machine.spool()
    for call in range(1, 20):
        message_id = f"<{call}@shop.example>"
        note = MailNote(message_id, "a@shop.example", ("b@x.example",), False, "192.0.2.7", "2026", 14)
        machine.fails_at = machine.calls + call
        for _ in range(2):
            mail = spool.begin_mail(largest=1000)
            mail.write(b"Subject: x\r\n\r\n")
            try:
                mail.keep(note)
                break
            except NotAccepted:
                mail.drop()
                assert list(spool.mails(message_id)) == []
        for left in Left:
            assert [each.note for each in machine.after(left).mails(message_id)] == [note]
        if machine.fails_at > machine.calls:
            break
    assert call >= 4
