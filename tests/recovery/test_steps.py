"""A process that is killed at any of its steps: every mail is one delivery, and a recovered one is held.

A step is an operation on a file or folder, of which the interpreter tells before it does it.  The child is
a copy of this process and ends at the step without any tidying up, as by kill -9.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import pytest
from mailhouse import alone, mail

from dorimportd.config.read import read_settings
from dorimportd.events import DeliveryAccepted, MailRecovered
from dorimportd.receive.smtp.envelope import MailEnvelope
from dorimportd.receive.smtp.recovery import Recovery
from dorimportd.receive.smtp.taking import MailDesk
from dorimportd.spool.outcomes import Past
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import State

STEPS = frozenset(("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "fcntl.flock"))
KILLED = 9
HELD = Past(State.HELD, alone("acme"))
ID = "<1@shop.example>"

MAIN = """
hostname = "localhost"
[smtp]
mail_domain = "sales.example"
archive_address = "archive"
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "etc" / "customers.d").mkdir(parents=True)
    (tmp_path / "etc" / "dorimportd.toml").write_text(MAIN)
    customer = 'timezone = "Europe/Berlin"\ncurrency = "EUR"\nmail_address = "acme"\n'
    (tmp_path / "etc" / "customers.d" / "acme.toml").write_text(customer)
    return read_settings(tmp_path / "etc" / "dorimportd.toml")


class Place:
    """A spool to which a mail has come by the archive address alone."""

    def __init__(self, folder, settings):
        self.folder = folder
        self.settings = settings
        self.spool = Spool(folder, room=Room(1 << 30, 0))
        self.take("archive")

    def restart(self):
        self.spool = Spool(self.folder, room=Room(1 << 30, 0))
        self.spool.recover()

    def take(self, to):
        """Take the mail as sent to *to*; what the sender is told."""
        upload = self.spool.begin_mail(largest=1 << 20)
        upload.write(mail(ID).as_bytes().replace(b"\n", b"\r\n"))
        paths, copied = (f"{to}@sales.example",), to == "archive"
        customers = () if copied else (to,)
        envelope = MailEnvelope("till@shop.example", False, paths, customers, copied, copied)
        taken = MailDesk(self.spool, peer="192.0.2.7", mail_domain="sales.example").take(upload, envelope)
        assert taken.refusal is None
        return taken.sentence()

    def recover(self):
        """A round of the daemon; what it tells."""
        recovery = Recovery(self.spool, lambda: self.settings)
        told = []
        for digest in recovery.due(time.time() + 901):
            judged = recovery.recover(digest)
            told += judged.events
            recovery.settle(judged)
        return told

    def found(self):
        """The deliveries and what is said of each, what is left of uploads, and the marks.

        A folder without a note was made just before the kill: nobody can find it, and age removes it.
        """
        left = [*self.spool.layout.incoming.glob("*/*/upload"), *self.spool.layout.incoming.glob("*.eml")]
        deliveries = [self.spool.outcomes.past(each) for each in self.spool.sequences()]
        return deliveries, left, os.listdir(self.spool.layout.alone)

    def only(self):
        """The sequence of the one delivery: a kill may have left a number unused."""
        (sequence,) = self.spool.sequences()
        return sequence

    def recovered(self):
        return [each.note.recovered for each in self.spool.mails(ID) if each.note.archive]


def is_killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do *work* in a child that dies before its *step*-th step; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            left -= event in STEPS
            if left == 0:
                os._exit(KILLED)

        sys.addaudithook(count)
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED), f"the work failed before step {step}"
    return status == KILLED


def each_step(tmp_path, settings, prepare, work):
    """A place for each step of *work*, killed there and started again."""
    step = 0
    while True:
        step += 1
        place = Place(tmp_path / f"spool{step}", settings)
        prepare(place)
        killed = is_killed_at(step, lambda: work(place))  # noqa: B023  (the child runs at once)
        place.restart()
        yield step, place
        if not killed:
            break
    assert step > 10


def test_killed_while_it_recovers_it_makes_one_held_delivery(tmp_path, settings):
    for step, place in each_step(tmp_path, settings, lambda place: None, Place.recover):
        place.recover()
        assert place.found() == ([HELD], [], []), step
        assert place.recovered() == [(place.only(),)], step


def test_the_customers_copy_after_such_a_kill_has_that_delivery_imported(tmp_path, settings):
    for step, place in each_step(tmp_path, settings, lambda place: None, Place.recover):
        was_held = list(place.spool.sequences()) != []
        told = place.take("acme")
        place.recover()
        assert told == f"Accepted as delivery {place.only()}", step
        assert place.found() == ([Past(State.RECEIVED) if was_held else None], [], []), step


def test_killed_while_a_late_copy_is_taken_it_is_one_delivery_when_that_is_sent_again(tmp_path, settings):
    for step, place in each_step(tmp_path, settings, Place.recover, lambda place: place.take("acme")):
        if all(each.note.deliveries == () for each in place.spool.mails(ID)):  # else it was answered
            assert place.take("acme") == "Accepted as delivery 1", step
        assert place.found() == ([Past(State.RECEIVED)], [], []), step


def test_killed_while_a_first_copy_is_taken_the_archive_makes_none_where_there_is_one(tmp_path, settings):
    for step, place in each_step(tmp_path, settings, lambda place: None, lambda place: place.take("acme")):
        there = list(place.spool.sequences())
        place.recover()
        assert place.found() == ([None if there else HELD], [], []), step


def test_what_is_recovered_is_told_once(tmp_path, settings):
    place = Place(tmp_path / "spool", settings)
    told = place.recover()
    delivery = place.spool.delivery(1)
    assert told == [DeliveryAccepted(delivery), MailRecovered(ID, "till@shop.example", delivery)]
    assert place.recover() == []
    place.take("archive")  # another copy by the archive tells nothing new
    assert place.recover() == []
    assert place.found() == ([HELD], [], [])


def test_the_two_copies_at_the_same_time_are_one_delivery(tmp_path, settings):
    for number in range(20):
        place = Place(tmp_path / f"spool{number}", settings)
        child = os.fork()
        if child == 0:
            try:
                place.recover()
            finally:
                os._exit(0)
        told = place.take("acme")
        os.waitpid(child, 0)
        place.recover()
        assert told == f"Accepted as delivery {place.only()}"
        assert place.found() in (([None], [], []), ([Past(State.RECEIVED)], [], []))
