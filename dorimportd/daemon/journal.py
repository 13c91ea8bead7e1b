"""Events as lines: for journald with a priority in front, for a terminal with the time.

What a sender chose is rendered by repr in the events already; here a line stays one line, whatever an
exception's text has in it.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from datetime import datetime
from typing import Any, TextIO

from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogBeginner
from zope.interface import provider

from dorimportd.daemon.fields import NativeJournal
from dorimportd.events import Event, Fault, TwistedSaid
from dorimportd.report.lines import is_journal, one_line


class Journal:
    """Writes events to *stream*, or hands them to *native* when that is given and takes them."""

    def __init__(self, stream: TextIO, *, prefixes: bool, native: NativeJournal | None = None) -> None:
        self._stream = stream
        self._prefixes = prefixes  # <N>, which journald understands (sd-daemon(3))
        self._native = native

    def tell(self, event: Event) -> None:
        """Write *event*.  A stream that is gone stops no session: there is nobody left to tell."""
        with suppress(OSError, ValueError):
            if not self._sent(event):
                self._write(event)

    def _sent(self, event: Event) -> bool:
        """Whether journald has taken it; where it does not now, a line goes to the stream as ever."""
        if self._native is None:
            return False
        try:
            self._native.send(event, "\n".join(self._lines(event)))
        except OSError:
            return False
        return True

    def _write(self, event: Event) -> None:
        for line in self._lines(event):
            front = f"<{event.level:d}>" if self._prefixes else f"{datetime.now():%Y-%m-%d %H:%M:%S} "
            self._stream.write(f"{front}{line}\n")
        self._stream.flush()

    def _lines(self, event: Event) -> list[str]:
        lines = event.sentence().split("\n") if isinstance(event, Fault) else [event.sentence()]
        return [one_line(line) for line in lines if line]


def journal_of(stream: TextIO) -> Journal:
    """The journal behind *stream*; with fields when it leads to journald."""
    if not is_journal(stream):
        return Journal(stream, prefixes=False)
    return Journal(stream, prefixes=True, native=NativeJournal())


def take_over_twisted_log(journal: Journal) -> None:
    """Have what Twisted itself logs as an error told as an event, and drop the rest.

    Without an observer its start-up buffer would keep the last sessions alive.
    """

    @provider(ILogObserver)
    def observe(entry: dict[str, Any]) -> None:
        failure = entry.get("log_failure")
        if failure is not None:
            where = str(entry.get("log_namespace", "twisted"))
            journal.tell(Fault(where, failure.value, failure.getTraceback()))
        elif entry.get("log_level", LogLevel.info) >= LogLevel.error:
            journal.tell(TwistedSaid(str(entry.get("log_namespace", "twisted")), formatEvent(entry)))

    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)


def fault(where: str, error: BaseException | None) -> Fault:
    """The event for a defect of ours that met us as *error*."""
    assert error is not None  # Failure.value is declared so
    return Fault(where, error, "".join(traceback.format_exception(error)))
