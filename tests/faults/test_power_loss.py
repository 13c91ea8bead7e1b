"""Power cuts: the daemon runs on a disk that forgets, is killed, and starts on what is left."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from appliance import BIN
from faults import forgetful
from faults.powercut import Disk, Left

CHANNELS = ("sftp", "ftp", "smtp")


class Cut:
    """An appliance whose power is cut."""

    def __init__(self, appliance, senders):
        self.appliance = appliance
        self.senders = senders
        self.state = appliance.folder / "state"
        self.dead = appliance.folder / "dead"
        self.shadow = appliance.folder.with_name("shadow")
        self.sent = {}  # name -> content
        self.acknowledged = set()  # names

    def start(self):
        """On a disk that forgets."""
        self.appliance.command = [sys.executable, forgetful.__file__, self.shadow]
        self.appliance.start()
        self.senders.find_doors()

    def send(self, channel, name, rows=2):
        """What the client was told, "" when it was acknowledged."""
        content = sales(name, rows)
        self.sent[name] = content
        told = self.senders.send(channel, name, content)
        if not told:
            self.acknowledged.add(name)
        return told

    def kill(self):
        self.appliance.kill()
        self.state.rename(self.dead)

    def restart(self, left, database):
        """Start on what is left, after the machine has started again; *database* is its folder, or None."""
        shutil.rmtree(self.state, ignore_errors=True)
        Disk(self.dead, self.shadow, left).rebuild(self.state)
        if database is not None and self.state.exists():
            for each in database.glob("dorimportd.db*"):
                shutil.copy(each, self.state)
        self.appliance.command = [BIN / "dorimportd"]
        self.appliance.start()
        self.senders.find_doors()

    def check(self):
        """All that was acknowledged is imported once, and nothing else is more than that."""
        rows = self._settled()
        names = [each["name"] for each in rows]
        assert (self.acknowledged - set(names), len(names) - len(set(names))) == (set(), 0)
        assert {each["name"]: each["state"] for each in rows} == dict.fromkeys(names, "imported")
        digests = {name: hashlib.sha256(self.sent[name]).hexdigest() for name in names}
        assert {each["name"]: each["sha256"] for each in rows} == digests
        accepted = (self.state / "spool" / "accepted").glob("*/*/data")
        assert sorted(map(digest_of, accepted)) == sorted(digests.values())
        expected = sorted(each for name in names for each in ids(self.sent[name]))
        assert sorted(each[1] for each in self.appliance.transactions()) == expected
        self.appliance.run_ctl("verify")
        self._check_unfinished()
        self._check_next(rows)

    def _settled(self):
        """The deliveries, when all that was acknowledged is there and nothing waits."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            rows = self.appliance.deliveries()
            there = self.acknowledged <= {each["name"] for each in rows}
            if there and all(each["state"] == "imported" for each in rows):
                return rows
            time.sleep(0.1)
        raise AssertionError(f"{self.acknowledged} are not {rows}\n{self.appliance.log_text()[-5000:]}")

    def _check_unfinished(self):
        """What can be resumed is the beginning of what was sent."""
        with self.senders.ftp() as session:
            sizes = {name: int(facts["size"]) for name, facts in session.mlsd()}
        for data in (self.state / "spool" / "incoming").glob("*/*/data"):
            try:
                name = json.loads((data.parent / "upload").read_text())["name"]
            except (OSError, ValueError):
                continue  # nobody is shown it
            assert sizes[name] == data.stat().st_size
            assert self.sent[name].startswith(data.read_bytes())

    def _check_next(self, rows):
        """Sequences go on above all that there was."""
        last = max([each["sequence"] for each in rows], default=0)
        name = f"next-{len(self.sent)}.csv"
        assert self.send("ftp", name) == ""
        self.acknowledged.remove(name)
        del self.sent[name]
        (new,) = [each for each in self._settled() if each["name"] == name]
        assert new["sequence"] > last


def sales(name, rows):
    lines = [f"0007;{name}-{number};{number}.50;2026-07-14 09:02:11\n" for number in range(rows)]
    return "".join(["Store;Receipt;Total;Time\n", *lines]).encode()


def ids(content):
    return [line.split(";")[1] for line in content.decode().splitlines()[1:]]


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def cut(appliance, senders):
    return Cut(appliance, senders)


def older_copy(state: Path, folder: Path) -> Path:
    """A copy of the database as it is now."""
    folder.mkdir()
    source, copy = (sqlite3.connect(each / "dorimportd.db") for each in (state, folder))
    with closing(source), closing(copy):
        source.backup(copy)
    return folder


def send_until_killed(cut, channel, ended):
    number = 0
    while not ended.is_set():
        number += 1
        cut.send(channel, f"{channel}-{threading.get_ident()}-{number}.csv", random.choice((1, 20, 3000)))


# What became of the database, each time with another disk.
DATABASES = {
    Left.NOTHING: ("there", "gone"),
    Left.NAMES: ("older", "there"),
    Left.EMPTY: ("gone",),
    Left.BYTES: ("there", "older"),
}


@pytest.mark.parametrize("left", Left)
def test_whatever_was_acknowledged_under_load_is_imported_once(cut, left, tmp_path):
    cut.start()
    ended = threading.Event()
    clients = [threading.Thread(target=send_until_killed, args=(cut, each, ended)) for each in 2 * CHANNELS]
    for each in clients:
        each.start()
    while len(cut.acknowledged) < 6:
        time.sleep(0.01)
    older = older_copy(cut.state, tmp_path / "older")
    while len(cut.acknowledged) < 20:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    ended.set()
    cut.kill()
    for each in clients:
        each.join()
    databases = {"there": cut.dead, "gone": None, "older": older}
    for database in DATABASES[left]:
        cut.restart(left, databases[database])
        cut.check()
        cut.appliance.stop()
