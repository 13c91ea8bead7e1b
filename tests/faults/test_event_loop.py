"""How late the event loop is: what is measured is right, and `status` tells it."""

from __future__ import annotations

import os
import signal
import time

import pytest
from appliance import SALES, Appliance
from twisted.internet.task import Clock

from dorimportd.daemon.delay import EVERY, SLOT, SLOTS, DelayService


class Loop:
    """An event loop that is late when it is told to be."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.service = DelayService(clock=self.clock, now=self.clock.seconds)
        self.service.startService()

    def run(self, calls: int, late: float = 0.0) -> None:
        for _ in range(calls):
            self.clock.advance(EVERY + late)

    def shape(self) -> dict[str, float]:
        return self.service.delay().shape


def test_an_event_loop_that_is_never_late_says_so():
    loop = Loop()
    loop.run(500)
    assert loop.shape() == {"p50_ms": 0.1, "p99_ms": 0.1, "max_ms": 0.0, "since_seconds": 10}


def test_a_figure_is_the_bound_of_its_bucket():
    loop = Loop()
    loop.run(500, late=0.006)
    assert loop.shape() == {"p50_ms": 6.3, "p99_ms": 6.3, "max_ms": 6.0, "since_seconds": 13}


def test_who_came_while_the_loop_stood_still_counts_and_not_the_timer_alone():
    """In one second of a hundred nothing was answered: of all moments that is one in a hundred."""
    loop = Loop()
    loop.run(4950)
    assert loop.shape()["p99_ms"] == 0.1
    loop.run(1, late=2.0)
    assert loop.shape() == {"p50_ms": 0.1, "p99_ms": 1000.0, "max_ms": 2000.0, "since_seconds": 101}


def test_the_last_five_minutes_count_and_the_longest_delay_since_the_start():
    loop = Loop()
    loop.run(1, late=30.0)
    loop.run(int(SLOT / EVERY) * (SLOTS + 1))
    shape = loop.shape()
    assert (shape["p99_ms"], shape["max_ms"]) == (0.1, 30_000.0)
    assert SLOT * (SLOTS - 1) <= shape["since_seconds"] <= SLOT * SLOTS


def test_a_stopped_service_leaves_no_timer():
    loop = Loop()
    loop.service.stopService()
    assert loop.clock.getDelayedCalls() == []


@pytest.fixture
def running(tmp_path):
    appliance = Appliance(tmp_path / "appliance")
    appliance.start()
    yield appliance
    appliance.end()


def test_a_process_that_stood_still_says_so(running):
    before = running.ctl("status")["event_loop"]
    assert set(before) == {"p50_ms", "p99_ms", "max_ms", "since_seconds"}
    assert 0 < before["p50_ms"] <= before["p99_ms"]
    assert before["max_ms"] < 60_000
    os.kill(running.daemon.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(running.daemon.pid, signal.SIGCONT)
    after = running.ctl("status")["event_loop"]
    assert 2_900 < after["max_ms"] < 60_000
    assert after["max_ms"] > before["max_ms"] or before["max_ms"] > 2_900
    assert f"{after['max_ms']:g} ms at most since the start" in running.run_ctl("status")


def test_the_figures_are_there_while_files_are_imported(running, tmp_path):
    lines = [f"0007;N-{number};1.50;2026-07-14 09:02:11\n" for number in range(100_000)]
    file = tmp_path / "large.csv"
    file.write_bytes(SALES.splitlines(keepends=True)[0] + "".join(lines).encode())
    running.run_ctl("import", file, "--customer", "acme")
    running.settle(1)
    delay = running.ctl("status")["event_loop"]
    assert 0 < delay["p50_ms"] <= delay["p99_ms"] <= max(1.25 * delay["max_ms"], 0.1)
