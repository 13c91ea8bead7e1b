"""Events as journald's own protocol has them: one datagram of fields, among them the sentence.

    journalctl -u dorimportd DORIMPORTD_EVENT=LoginRefused DORIMPORTD_PEER=192.0.2.7

See systemd.io/JOURNAL_NATIVE_PROTOCOL.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, Final

from dorimportd.events import Event
from dorimportd.words import Delivery, Outcome

SOCKET: Final = "/run/systemd/journal/socket"
PREFIX: Final = "DORIMPORTD_"
LONGEST: Final = 2000  # characters of a value


class NativeJournal:
    """Sends to journald at *path*.  Making one raises OSError where no datagram socket can be had."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)  # the reactor thread never waits

    def send(self, event: Event, message: str) -> None:
        """Raises OSError when journald does not take it now, or is not there."""
        told = {"MESSAGE": message, "PRIORITY": f"{event.level:d}", "SYSLOG_IDENTIFIER": "dorimportd"}
        told |= {f"{PREFIX}{name.upper()}": value for name, value in record(event)}
        self._socket.sendto(datagram(told), self._path)


def record(event: Event) -> Iterator[tuple[str, str]]:
    """The kind of *event*, and each of its fields that is a plain value."""
    yield "event", type(event).__name__
    for each in fields(event):
        value = getattr(event, each.name)
        if isinstance(value, Delivery):
            envelope = value.envelope
            yield "delivery", f"{value.sequence}"
            yield from plain("customer", envelope.customer)
            yield from plain("channel", envelope.channel)
            yield from plain("name", envelope.name)
            yield from plain("peer", envelope.peer)
        elif isinstance(value, Outcome):
            yield from plain("state", value.state)
        else:
            yield from plain("delivery" if each.name == "sequence" else each.name, value)


def plain(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nothing for what is no plain value."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str | int | float):
        yield name, f"{value}"[:LONGEST]


def datagram(told: Mapping[str, str]) -> bytes:
    """Each field with its length, so that a value may hold anything."""
    return b"".join(field(name, value.encode("utf-8", "backslashreplace")) for name, value in told.items())


def field(name: str, value: bytes) -> bytes:
    return b"%b\n%b%b\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
