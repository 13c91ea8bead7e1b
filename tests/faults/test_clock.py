"""The time of day is set, back and forward, while the daemon runs; what counts is the sequence."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from appliance import Appliance
from faults.doors import HEADER, Doors

from dorimportd.spool.layout import Layout
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.spool.today import Today
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


NOON = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)
IN_AN_HOUR, IN_A_DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def test_housekeeping_believes_a_clock_that_was_set_forward_some_days_at_its_second_round(layout):
    later = NOON + 6 * IN_A_DAY
    readings = [NOON, NOON + IN_AN_HOUR, later, NOON + 3 * IN_AN_HOUR, later, later + IN_AN_HOUR]
    hours = [0, 1, 3, 3, 5]
    believed = [*(NOON + each * IN_AN_HOUR for each in hours), later + IN_AN_HOUR]
    today = Today(layout)
    assert [today.at(each) for each in readings] == believed


def test_housekeeping_believes_a_clock_that_was_set_back_at_once(layout):
    today = Today(layout)
    assert [today.at(each) for each in (NOON, NOON - 30 * IN_A_DAY)] == [NOON, NOON - 30 * IN_A_DAY]


def test_a_clock_that_is_years_ahead_is_believed_after_a_week_in_which_the_daemon_ran(layout):
    """A machine may have been off for years; one that starts often must not make a week shorter."""
    ahead = NOON + 3650 * IN_A_DAY
    assert Today(layout).at(NOON) == NOON
    for day in range(7):
        assert Today(layout).at(ahead) == NOON + day * IN_A_DAY
        today = Today(layout)
        found = [today.at(ahead + each * IN_AN_HOUR) for each in range(25)]
        assert found == [NOON + day * IN_A_DAY + each * IN_AN_HOUR for each in range(25)]
    assert Today(layout).at(ahead + 7 * IN_A_DAY) == ahead + 7 * IN_A_DAY


def test_a_clock_that_was_set_right_again_has_to_be_ahead_for_a_whole_week_anew(layout):
    ahead = NOON + 3650 * IN_A_DAY
    today = Today(layout)
    today.at(NOON)
    for _ in range(100):
        today.at(ahead)
    right = NOON + 100 * IN_AN_HOUR
    assert today.at(right) == right
    assert [today.at(ahead) for _ in range(168)][-1] == right + 168 * IN_AN_HOUR
    assert today.at(ahead) == ahead


def test_a_clock_that_was_behind_at_a_start_does_not_make_the_right_one_doubtful(layout):
    assert Today(layout).at(NOON) == NOON
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    assert Today(layout).at(long_ago) == long_ago
    assert Today(layout).at(NOON + IN_A_DAY) == NOON + IN_A_DAY


@pytest.mark.parametrize("text", ["", "\0" * 40, "2026-07-14", "noon 1", "2026-07-14T12:00:00+00:00 x"])
def test_what_was_believed_cannot_be_read_and_the_clock_is_all_there_is(layout, text):
    layout.clock.write_text(text)
    assert Today(layout).at(NOON) == NOON


def test_a_machine_that_starts_ten_years_ahead_removes_nothing_before_its_time(doors, elsewhen):
    elsewhen.config.write_text(elsewhen.config.read_text() + "\n[retention]\nremove_after_days = 100\n")
    for number in range(2):
        correct(doors, f"{number}.50")
    session = doors.ftp()
    with session.transfercmd("STOR half.csv") as half:
        half.sendall(HEADER)
        half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a broken connection
    elsewhen.settle(2, seconds=100)
    elsewhen.stop()
    folder = elsewhen.folder / "state" / "spool" / "accepted" / "000000"
    old = time.time() - 101 * DAY
    os.utime(folder / "000000000001" / "outcome", (old, old))
    (folder / "retention").unlink(missing_ok=True)

    elsewhen.set(3650 * DAY)
    begin = elsewhen.log.stat().st_size
    elsewhen.start()
    line = elsewhen.await_line(r"retention: .*|removed an unfinished.*", begin)[0]
    assert "the bytes of 1 deliveries removed" in line, "the round of the old one is over"
    doubted = elsewhen.await_line(r"the clock says (\S+), and by what was last believed it is (\S+):", begin)
    years = [datetime.fromisoformat(each).year for each in doubted.groups()]
    assert years[0] - years[1] in (9, 10)
    assert [(folder / f"{each:012}" / "data").exists() for each in (1, 2)] == [False, True]
    (unfinished,) = elsewhen.ctl("customer", "show", "acme")["unfinished"]
    assert unfinished["name"] == "half.csv"
