"""The time of day is set, back and forward, while the daemon runs; what counts is the sequence."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from appliance import Appliance
from faults.doors import HEADER, Doors

from dorimportd.daemon.housekeeping import Today
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel

pytestmark = pytest.mark.timeout(600)  # for a machine that does much else

HOUR, DAY = 3600, 24 * 3600
IDLE_SECONDS = 12  # that a session may be

# At 01:00 UTC the clocks of Berlin go from 3:00 back to 2:00; in spring from 2:00 to 3:00.
AUTUMN = datetime(2026, 10, 25, 1, 0, 0, tzinfo=UTC)
SPRING = datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC)


class Elsewhen(Appliance):
    """A daemon in Berlin whose time of day the test sets."""

    def __init__(self, folder):
        super().__init__(folder)
        self.shift = folder / "shift"
        self.set(0)
        limits = f"[limits]\nidle_seconds = {IDLE_SECONDS}\n"
        self.config.write_text(self.config.read_text().replace("[limits]\n", limits))

    def start(self):
        program = [sys.executable, Path(__file__).with_name("at_another_time.py"), self.shift]
        with self.log.open("ab") as log:
            begin = self.log.stat().st_size
            self.daemon = subprocess.Popen(
                [*program, "run", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, "TZ": "Europe/Berlin"},
            )
        self.await_line(r"is ready", begin)

    def set(self, seconds):
        """In one step, as the system's clock is set."""
        new = self.shift.with_name("new")
        new.write_text(str(seconds))
        new.rename(self.shift)

    def set_to(self, moment):
        self.set((moment - datetime.now(UTC)).total_seconds())

    def now(self):
        return datetime.now(UTC) + timedelta(seconds=float(self.shift.read_text()))


@pytest.fixture
def elsewhen(tmp_path):
    appliance = Elsewhen(tmp_path / "house")
    appliance.start()
    yield appliance
    appliance.end()


@pytest.fixture
def doors(elsewhen):
    doors = Doors(elsewhen)
    doors.find_ports()
    return doors


def correct(doors, total):
    """Another total for one and the same sale."""
    doors.by_ftp(f"{total}.csv", HEADER + f"0007;ALWAYS;{total};2026-07-14 09:00\n".encode())


def test_whatever_the_clock_is_set_to_the_last_file_wins_and_each_is_imported_once(doors, elsewhen):
    received = []
    shifts = [0, -HOUR, HOUR, -30 * DAY, 30 * DAY, 30 * DAY - 1, -1]
    moments = [SPRING - timedelta(seconds=1), SPRING, AUTUMN - timedelta(seconds=1), AUTUMN]
    for number, step in enumerate([*shifts, *moments]):
        elsewhen.set_to(step) if isinstance(step, datetime) else elsewhen.set(step)
        before = elsewhen.now()
        correct(doors, f"{number}.50")
        received.append((before, elsewhen.now()))
    elsewhen.set(0)
    found = elsewhen.settle(len(received), seconds=100)
    assert [each["sequence"] for each in found] == list(range(1, len(received) + 1))
    assert [each["state"] for each in found] == ["imported"] * len(received)
    for each, (before, after) in zip(found, received, strict=True):
        assert before <= datetime.fromisoformat(each["received_at"]) <= after
    last = f"{len(received) - 1}.50"
    assert elsewhen.transactions() == [("0007", "ALWAYS", last, "2026-07-14T07:00:00Z")]
    elsewhen.run_ctl("verify")


@pytest.mark.parametrize("shift", [-HOUR, 30 * DAY])
def test_when_the_clock_is_set_sessions_and_looks_go_on(doors, elsewhen, shift):
    session = doors.ftp()
    half = session.transfercmd("STOR half.csv")
    half.sendall(HEADER)
    idle, silent = doors.ftp(), doors.ftp()
    elsewhen.set(shift)
    assert idle.voidcmd("NOOP").startswith("200"), "it is not taken for idle"
    half.sendall(b"0007;HALF;1.50;2026-07-14 09:00\n")
    half.close()
    assert session.voidresp().startswith("226")

    spool = Spool(elsewhen.folder / "state" / "spool", room=Room(1 << 20, 0))
    upload = spool.begin("acme", "unheard.csv", channel=Channel.LOCAL, peer="")
    upload.write(0, HEADER + b"0007;UNHEARD;1.50;2026-07-14 09:00\n")
    spool.accept(upload)  # and nobody wakes the daemon
    elsewhen.settle(2, seconds=100)
    assert sorted(each[1] for each in elsewhen.transactions()) == ["HALF", "UNHEARD"]

    silent.sock.settimeout(100)
    assert silent.getline().startswith("421"), "one that is idle is ended in time"


def test_housekeeping_believes_a_clock_that_was_set_forward_at_its_second_round():
    noon = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)
    hour, month = timedelta(hours=1), timedelta(days=30)
    readings = [noon, noon + hour, noon + month, noon + 3 * hour, noon + month, noon + month + hour]
    believed = [noon, noon + hour, noon + 3 * hour, noon + 3 * hour, noon + 5 * hour, noon + month + hour]
    today = Today()
    assert [today.at(each) for each in readings] == believed


def test_housekeeping_believes_a_clock_that_was_set_back_at_once():
    noon = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)
    today = Today()
    assert [today.at(each) for each in (noon, noon - timedelta(days=30))] == [noon, noon - timedelta(days=30)]
