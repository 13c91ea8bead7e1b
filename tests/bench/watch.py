"""What a piece of work costs: its time, its memory, and how long it lets other threads wait."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Final, NamedTuple

from dorimportd.daemon.process import spare_the_reactor

WAKE_SECONDS: Final = 0.001
KIBIBYTE: Final = 2**10
MEBIBYTE: Final = 2**20


class Cost(NamedTuple):
    """Of one piece of work, in a process of its own."""

    seconds: float
    processor: float  # seconds that it and its children computed
    peak: int  # bytes that the process had at most
    after: int  # bytes that it still has
    stalls: tuple[float, float, float]  # seconds that another thread woke late: median, 99 of 100, longest


def cost(work: Callable[[], object]) -> Cost:
    """Do *work* on a thread, as the daemon does, and watch it from the first one."""
    spare_the_reactor()
    seconds: list[tuple[float, float]] = []

    def run() -> None:
        begun, computed = time.perf_counter(), processor_seconds()
        work()
        seconds.append((time.perf_counter() - begun, processor_seconds() - computed))

    thread = Thread(target=run)
    thread.start()
    delays = delays_while(thread.is_alive)
    thread.join()
    if not seconds:
        sys.exit(1)  # the thread has told why
    gc.collect()
    return Cost(*seconds[0], memory("VmHWM"), memory("VmRSS"), shape_of(delays))


def processor_seconds() -> float:
    return sum(os.times()[:4])


def delays_while(is_busy: Callable[[], bool]) -> list[float]:
    """By how much each sleep of a millisecond was too long."""
    delays = [0.0]
    while is_busy():
        begun = time.perf_counter()
        time.sleep(WAKE_SECONDS)
        delays.append(time.perf_counter() - begun - WAKE_SECONDS)
    return delays


def shape_of(delays: list[float]) -> tuple[float, float, float]:
    delays.sort()
    return delays[len(delays) // 2], delays[len(delays) * 99 // 100], delays[-1]


def memory(field: str) -> int:
    """Bytes that proc(5) tells: VmHWM at most, VmRSS now.  getrusage also tells what the parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * KIBIBYTE
