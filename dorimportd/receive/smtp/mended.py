"""Twisted's ESMTP server with its faults mended: lines, message bytes, order of replies, STARTTLS, time.

Each override names the test in tests/stock/test_smtp.py that fails on the stock class.  What a command
does is not known here: a subclass says it in `obey`, `message_came` and `message_ended`.
"""

# Twisted's SMTP has no types.

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.tcp import Server
from twisted.mail.smtp import ESMTP
from twisted.python.failure import Failure

from dorimportd.receive.smtp.wire import BadLine, CommandLines, EndlessLine, MailData

LINGER_SECONDS: Final = 10  # for a client to take the last reply before the connection is cut
STRIDE: Final = 64 << 10  # bytes of a message that must come within the time limit: no drip of single bytes


class Hold(Enum):
    """Why nothing is read from the connection."""

    BUSY = auto()  # a command has not been answered yet
    DISK = auto()  # the message comes faster than it can be written


class MendedESMTP(ESMTP):
    """One connection: commands one after the other, each answered before the next is looked at."""

    transport: Server

    def __init__(self, clock: IReactorTime, context: CertificateOptions | None) -> None:
        super().__init__(contextFactory=context)
        self._clock = clock
        self._lines = CommandLines()
        self._message: MailData | None = None  # while a message comes
        self._chunk: int | None = None  # bytes that are to come of a chunk
        self._since_reset = 0  # bytes of it since the time limit was set anew
        self._holds: set[Hold] = set()
        self._going = False
        self._aborting: IDelayedCall | None = None
        self.closing = False  # nothing that comes is looked at any more
        self.lost = False  # the connection is gone

    # What a subclass says.

    @abstractmethod
    async def obey(self, line: bytes) -> None:
        """Do what a command line says, and answer it."""

    @abstractmethod
    def bad_line(self, reason: str) -> None:
        """Answer a command line that cannot be read."""

    @abstractmethod
    def message_came(self, content: bytes) -> None:
        """Take more of the message."""

    @abstractmethod
    async def message_ended(self, *, bare_newline: bool) -> None:
        """Answer the message, which is whole."""

    @abstractmethod
    def chunk_came(self, content: bytes) -> None:
        """Take more of the message, or pass it over."""

    @abstractmethod
    async def chunk_ended(self) -> None:
        """Answer a chunk, all of whose bytes have come."""

    @abstractmethod
    def fault(self, failure: Failure) -> None:
        """Answer a command or message that met a defect of ours."""

    # Lines and message bytes.

    def dataReceived(self, data: bytes) -> None:
        """A line of any length in a message is message, and never becomes a command.

        test_a_long_line_of_a_message_is_not_run_as_a_command
        """
        if not self.closing:
            self._lines.feed(data)
            self._go_on()

    def begin_message(self) -> None:
        """What comes from now on is message, up to its end."""
        self._message = MailData()
        self._since_reset = 0

    def begin_chunk(self, size: int) -> None:
        """The next *size* bytes are message."""
        self._chunk = size

    def _go_on(self) -> None:
        """Take step after step.  A step that ends at once must not take the next one inside itself."""
        if self._going:
            return
        self._going = True
        try:
            while not self.closing and Hold.BUSY not in self._holds and self._step():
                pass
        finally:
            self._going = False

    def _step(self) -> bool:
        """One command, or what is here of a message; whether there may be more to do."""
        if self._chunk is not None:
            return self._step_chunk(self._chunk)
        return self._step_line() if self._message is None else self._step_message(self._message)

    def _step_line(self) -> bool:
        try:
            line = self._lines.take_line()
        except BadLine as bad:
            self.bad_line(str(bad))
            return True
        except EndlessLine:
            self.hang_up()
            return False
        if line is None:
            return False
        self.resetTimeout()
        self._run(self.obey(line))
        return True

    def _step_message(self, message: MailData) -> bool:
        received = self._lines.take_rest()
        self._moved(len(received))
        self.message_came(message.feed(received))
        if message.rest is None:
            return False
        self._message = None
        self._lines.feed(message.rest)
        self._run(self.message_ended(bare_newline=message.bare_newline))
        return True

    def _step_chunk(self, size: int) -> bool:
        received = self._lines.take(size)
        self._moved(len(received))
        self.chunk_came(received)
        if len(received) < size:
            self._chunk = size - len(received)
            return False
        self._chunk = None
        self._run(self.chunk_ended())
        return True

    def _moved(self, size: int) -> None:
        self._since_reset += size
        if self._since_reset >= STRIDE:
            self._since_reset = 0
            self.progressed()

    def progressed(self) -> None:
        """As much of a message has come as has to come within the time limit."""
        self.resetTimeout()

    # Order.

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Have *work* done, and look at nothing else until it has answered.

        test_pipelined_replies_come_in_the_order_of_the_commands
        test_quit_waits_for_the_end_of_the_message_before_it
        """
        ended = False

        def done(_: None) -> None:
            nonlocal ended
            ended = True
            self.release(Hold.BUSY)
            self._go_on()

        Deferred.fromCoroutine(work).addErrback(self.fault).addCallback(done)
        if not ended:
            self.hold(Hold.BUSY)

    def hold(self, why: Hold) -> None:
        """Read nothing, and let no time limit run: it is our turn."""
        if not self._holds and not self.lost:
            self.setTimeout(None)
            self.transport.pauseProducing()
        self._holds.add(why)

    def release(self, why: Hold) -> None:
        """The reason *why* is gone."""
        if why not in self._holds:
            return
        self._holds.discard(why)
        if not self._holds and not self.lost and not self.closing:
            self.transport.resumeProducing()
            self.setTimeout(self.timeout)

    # STARTTLS.

    def ext_STARTTLS(self, rest: bytes) -> None:
        """Nothing that came before the handshake is a command of the encrypted session (RFC 3207 section 6).

        test_what_came_in_the_clear_behind_starttls_is_never_executed
        """
        self._lines.take_rest()
        self.sendCode(220, b"2.0.0 Begin TLS now.")
        self.begin_tls()

    def begin_tls(self) -> None:
        """What comes from now on is under TLS."""
        self.transport.startTLS(self.ctx)
        self.startedTLS = True

    # Time and the end.

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        """The clock is handed in: Twisted's own takes the global reactor's."""
        return self._clock.callLater(period, func)

    def timeoutConnection(self) -> None:
        self.sendCode(421, b"4.4.2 " + self.host + b" has waited too long and closes the connection.")
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection, also when the client does not take what was said.

        test_a_client_that_reads_nothing_is_cut_off
        """
        self.closing = True
        self.setTimeout(None)
        self.transport.loseConnection()
        if self._aborting is None and not self.lost:
            self._aborting = self._clock.callLater(LINGER_SECONDS, self.transport.abortConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = self.closing = True
        if self._aborting is not None and self._aborting.active():
            self._aborting.cancel()
        super().connectionLost(reason)
