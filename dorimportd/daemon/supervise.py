"""What systemd is told: ready, reloading, stopping, and that the loop still turns (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

MICROSECONDS: Final = 1_000_000


class Supervisor:
    """The service manager, when there is one; else all of this does nothing."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        own = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog = int(environment.get("WATCHDOG_USEC", "0")) / MICROSECONDS if own else 0.0
        self._loop = LoopingCall(self._say, "WATCHDOG=1")

    def ready(self, status: str = "accepting files") -> None:
        """All listeners are open, or a reload has ended."""
        self._say(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def watch(self, clock: IReactorTime) -> None:
        """Ping from the reactor's own loop, never from a thread: a loop that hangs must fall silent."""
        if self._watchdog > 0:
            self._loop.clock = clock
            self._loop.start(self._watchdog / 2)

    def _say(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.sendto(message.encode(), address)
