"""What the defence knows is in a file, soon."""

from __future__ import annotations

import json

import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from dorimportd.config.schema import Defence as Rules
from dorimportd.daemon.defending import BanKeeper
from dorimportd.events import BansNotKept, BansUnreadable
from dorimportd.receive.defence import Defence


class Threads:
    """Workers that do their work when they are told to."""

    def __init__(self):
        self.waiting = []

    def run(self, work, /, *args):
        done = Deferred()
        self.waiting.append(lambda: execute(work, *args).chainDeferred(done))
        return done

    def work(self):
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each()
        return len(waiting)


class House:
    def __init__(self, folder):
        self.path = folder / "bans"
        self.clock, self.threads, self.told = Clock(), Threads(), []
        self.state = {"bans": [], "accounts": {}}
        self.keeper = BanKeeper(
            folder, lambda: self.state, workers=self.threads, clock=self.clock, tell=self.told.append
        )

    def change(self, number):
        self.state = {"bans": number, "accounts": {}}
        self.keeper.soon()

    def kept(self):
        return json.loads(self.path.read_text())["bans"]


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    house.keeper.startService()
    return house


def test_many_changes_are_written_once_and_on_a_thread(house):
    for number in range(100):
        house.change(number)
    house.clock.advance(1)
    assert not house.path.exists()
    assert (house.threads.work(), house.kept()) == (1, 99)
    house.clock.advance(60)
    assert house.threads.work() == 0


def test_what_changes_while_it_is_written_is_written_after_it(house):
    house.change(1)
    house.clock.advance(1)
    house.change(2)
    house.clock.advance(1)
    assert (house.threads.work(), house.kept()) == (1, 1)
    assert (house.threads.work(), house.kept()) == (1, 2)


def test_the_end_waits_until_all_is_written(house):
    house.change(1)
    house.clock.advance(1)
    house.change(2)
    ended = house.keeper.stopService()
    house.threads.work()
    assert not ended.called
    house.threads.work()
    assert (ended.called, house.kept(), house.clock.getDelayedCalls()) == (True, 2, [])


def test_what_changes_before_the_start_is_written_after_it(tmp_path):
    house = House(tmp_path)
    house.change(1)
    assert house.clock.getDelayedCalls() == []
    house.keeper.startService()
    house.clock.advance(1)
    assert (house.threads.work(), house.kept()) == (1, 1)


def test_a_disk_that_does_not_take_it_is_told_once_and_tried_again(house):
    house.path.mkdir()
    for number in range(3):
        house.change(number)
        house.clock.advance(1)
        house.threads.work()
    assert house.told == [BansNotKept(str(house.path), "Is a directory")]
    house.path.rmdir()
    house.change(3)
    house.clock.advance(1)
    house.threads.work()
    assert house.kept() == 3


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"bans": [{}], "accounts": {}}'])
def test_a_file_that_cannot_be_read_is_told_and_forgotten(house, content):
    house.path.write_bytes(content)
    defence = Defence(Rules, lambda: 0.0)
    house.keeper.restore(defence)
    assert [type(each) for each in house.told] == [BansUnreadable]
    assert (defence.bans(), defence.state()) == ([], {"bans": [], "accounts": {}})


def test_what_was_kept_is_there_after_a_restart(house):
    defence = Defence(Rules, lambda: 1000.0)
    [defence.failed("198.51.100.9", 1, "by ftp") for _ in range(15)]
    house.state = defence.state()
    house.keeper.soon()
    house.clock.advance(1)
    house.threads.work()
    other = Defence(Rules, lambda: 1100.0)
    house.keeper.restore(other)
    assert (other.bans(), house.told) == (defence.bans(), [])


def test_the_first_start_has_nothing_to_read(house):
    house.keeper.restore(Defence(Rules, lambda: 0.0))
    assert house.told == []
