"""Faults of Twisted's SMTP server: each is there in the stock class and gone in ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.mail.interfaces import IMessageDelivery, IMessageSMTP
from twisted.mail.smtp import ESMTP, SMTPServerError
from twisted.python.failure import Failure
from zope.interface import implementer

from dorimportd.errors import NoSpace, TooLarge
from dorimportd.receive.replies import REPLIES
from dorimportd.receive.smtp.mended import MendedESMTP


@implementer(ITLSTransport)
class Wire(StringTransport):
    """A connection that writes down where TLS began, and counts that it was cut."""

    aborted = False

    def startTLS(self, context: object, normal: bool = True) -> None:
        self.write(b"[TLS]\r\n")

    def abortConnection(self) -> None:
        self.aborted = True


@implementer(IMessageSMTP)
class Message:
    def __init__(self, end: Callable[[], Deferred[None]]) -> None:
        self._end = end

    def lineReceived(self, line: bytes) -> None:
        pass

    def eomReceived(self) -> Deferred[None]:
        return self._end()

    def connectionLost(self) -> None:
        pass


@implementer(IMessageDelivery)
class Delivery:
    """Takes every mail; how a recipient and the end of a message are answered is handed in."""

    def __init__(
        self,
        to: Callable[[], Deferred[None]] = lambda: succeed(None),
        end: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> None:
        self._to = to
        self._end = end

    def receivedHeader(self, helo: object, origin: object, recipients: object) -> bytes:
        return b""

    def validateFrom(self, helo: object, origin: object) -> object:
        return origin

    def validateTo(self, user: object) -> object:
        return self._to().addCallback(lambda _: lambda: Message(self._end))


class Ours(MendedESMTP):
    """Says back what it was told; a message is answered when `end` fires, `slow` when `to` does."""

    def __init__(
        self, clock: Clock, to: Deferred[None] | None = None, end: Deferred[None] | None = None
    ) -> None:
        super().__init__(clock, object())
        self.to, self.end, self.message = to, end, b""
        self.timeout = 300

    async def obey(self, line: bytes) -> None:
        if line == b"DATA":
            self.sendCode(354, b"go on")
            self.begin_message()
        elif line == b"STARTTLS":
            self.ext_STARTTLS(b"")
        elif line == b"QUIT":
            self.sendCode(221, b"bye")
            self.hang_up()
        else:
            if line == b"slow" and self.to is not None:
                await self.to
            self.sendCode(250, line)

    def bad_line(self, reason: str) -> None:
        self.sendCode(500, reason.encode())

    def message_came(self, content: bytes) -> None:
        self.message += content

    async def message_ended(self, *, bare_newline: bool) -> None:
        if self.end is not None:
            await self.end
        self.sendCode(250, b"message")

    def fault(self, failure: Failure) -> None:
        failure.raiseException()


def connected(session: ESMTP) -> tuple[ESMTP, Wire]:
    wire = Wire()
    session.makeConnection(wire)
    wire.clear()
    return session, wire


def stock(delivery: Delivery | None = None) -> tuple[ESMTP, Wire]:
    session = ESMTP(contextFactory=object())
    session.delivery = delivery or Delivery()
    session.setTimeout, session.host, session.noisy = lambda period: None, b"mx.example", False
    return connected(session)


def ours(**keywords: Deferred[None]) -> tuple[Ours, Wire]:
    session, wire = connected(Ours(Clock(), **keywords))
    assert isinstance(session, Ours)
    return session, wire


def codes(wire: Wire) -> list[bytes]:
    return [each[:3] for each in wire.value().splitlines() if each[3:4] == b" "]


ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"


def test_what_came_in_the_clear_behind_starttls_is_never_executed():
    injected = b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n"
    session, wire = stock()
    session.dataReceived(injected)
    assert wire.value().partition(b"[TLS]\r\n")[2][:4] == b"250 "

    session, wire = ours()
    session.dataReceived(injected)
    assert wire.value().partition(b"[TLS]\r\n")[2] == b""


def test_a_long_line_of_a_message_is_not_run_as_a_command():
    pieces = (b"x" * 17_000, b"\r\n", b"RSET\r\n.\r\n")
    session, wire = stock()
    session.dataReceived(ENVELOPE)
    wire.clear()
    for piece in pieces:
        session.dataReceived(piece)
    assert b"250 I remember nothing." in wire.value()  # RSET was a line of the message

    session, wire = ours()
    session.dataReceived(b"DATA\r\n")
    wire.clear()
    for piece in pieces:
        session.dataReceived(piece)
    assert wire.value() == b"250 message\r\n"
    assert session.message == pieces[0] + b"\r\nRSET\r\n"


def test_pipelined_replies_come_in_the_order_of_the_commands():
    slow: Deferred[None] = Deferred()
    session, wire = stock(Delivery(to=lambda: slow))
    session.dataReceived(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nVRFY x\r\n")
    slow.callback(None)
    assert codes(wire) == [b"250", b"500", b"250"]  # the 500 of VRFY overtook the 250 of RCPT

    slow = Deferred()
    session, wire = ours(to=slow)
    session.dataReceived(b"first\r\nslow\r\nlast\r\n")
    assert wire.value() == b"250 first\r\n"
    slow.callback(None)
    assert wire.value() == b"250 first\r\n250 slow\r\n250 last\r\n"


def test_quit_waits_for_the_end_of_the_message_before_it():
    slow: Deferred[None] = Deferred()
    session, wire = stock(Delivery(end=lambda: slow))
    session.dataReceived(ENVELOPE)
    session.dataReceived(b"a: b\r\n\r\nhello\r\n.\r\nQUIT\r\n")
    assert wire.disconnecting

    slow = Deferred()
    session, wire = ours(end=slow)
    session.dataReceived(b"DATA\r\nhello\r\n.\r\nQUIT\r\n")
    assert not wire.disconnecting
    slow.callback(None)
    assert (codes(wire), wire.disconnecting) == ([b"354", b"250", b"221"], True)


@pytest.mark.filterwarnings("ignore")
def test_a_full_disk_is_not_told_as_a_failure_for_good():
    failed: Deferred[None] = Deferred()
    session, wire = stock(Delivery(end=lambda: failed))
    session.dataReceived(ENVELOPE)
    session.dataReceived(b"a: b\r\n\r\nhello\r\n.\r\n")
    failed.errback(Failure(SMTPServerError(452, "disk full")))
    assert codes(wire)[-1] == b"550"

    # Ours has one table for it; tests/receive/smtp/test_session.py makes each step fail.
    assert (REPLIES[NoSpace].smtp, REPLIES[TooLarge].smtp) == (452, 552)


def test_a_verb_that_is_no_ascii_is_answered():
    session, wire = stock()
    with pytest.raises(UnicodeError):
        session.dataReceived(b"\xff\xfe\r\n")

    session, wire = ours()
    session.dataReceived(b"\xff\xfe\r\n")
    assert wire.value() == b"250 \xff\xfe\r\n"


def test_a_line_that_ends_with_lf_alone_is_answered():
    session, wire = stock()
    session.dataReceived(b"RSET\n")
    assert wire.value() == b""  # the client waits for ever

    session, wire = ours()
    session.dataReceived(b"RSET\n")
    assert wire.value() == b"500 A line must end with CR and LF.\r\n"


def test_a_client_that_reads_nothing_is_cut_off():
    session, wire = stock()
    session.dataReceived(b"QUIT\r\n")
    assert (wire.disconnecting, wire.aborted) == (True, False)  # and that is all it does

    clock = Clock()
    session, wire = connected(Ours(clock))
    session.dataReceived(b"QUIT\r\n")
    clock.advance(10)
    assert wire.aborted
    session.connectionLost(Failure(ConnectionDone()))
