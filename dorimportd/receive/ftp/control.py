"""The control connection: one command after the other, time limits, and the end.

It is read all the time.  Commands that come while one is being answered wait for their turn; only
ABOR breaks into a transfer, and STAT looks at it.  Each command has one last answer, in their order.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHandshakeListener
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.internet.tcp import Connection
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from dorimportd.errors import TooManySessions
from dorimportd.events import Fault, SessionEnded, SessionRefused
from dorimportd.instants import reach
from dorimportd.receive.addresses import plain_address
from dorimportd.receive.ftp.commands import answer_to
from dorimportd.receive.ftp.data import DataConnections
from dorimportd.receive.ftp.session import Session
from dorimportd.receive.ftp.timer import Timer
from dorimportd.receive.ftp.transfers import status
from dorimportd.receive.ftp.wire import Answer, read_command
from dorimportd.receive.house import CROWDED, NO_LOGIN, House
from dorimportd.receive.limits import Stranger
from dorimportd.receive.tls import TlsContexts
from dorimportd.words import Channel, TlsStart

WAITING_COMMANDS: Final = 100  # a client that sends more ahead of their answers is not one of ours
CLOSE_SECONDS: Final = 5  # for a client to take the last answer


@implementer(IHandshakeListener)
class ControlConnection(LineReceiver):
    """One session's control connection."""

    delimiter = b"\n"  # the CR before it is cut off; some scripts send none
    MAX_LENGTH = 4096  # bytes

    def __init__(self, house: House, tls: TlsContexts | None, start: TlsStart) -> None:
        self._house = house
        self._tls = tls
        self._start = start
        self._peer = ""
        self._session: Session | None = None
        self._stranger: Stranger | None = None  # until somebody has logged in
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._busy = False
        self._timer = Timer(house.clock, self._idle)
        self._closing = Timer(house.clock, lambda: self._tcp.abortConnection())
        self._closed = False

    @property
    def _tcp(self) -> Connection:
        return cast(Connection, self.transport)

    # The session's beginning and end.

    def connectionMade(self) -> None:
        # ABOR may come as urgent bytes; without this the system would leave out the last of them.
        self._tcp.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        # A client that does not read its answers is not read either.
        self._tcp.registerProducer(self, True)
        self._peer = plain_address(self._tcp.getPeer().host)
        try:
            self._house.sessions.open(self._peer)
        except TooManySessions as refusal:
            self._house.tell(SessionRefused(Channel.FTP, self._peer, str(refusal)))
            if not self._tls_first:
                self.say(Answer(421, str(refusal)))
            self.close()
            return
        self._stranger = self._house.sessions.strangers.add(self._peer, self._crowded_out)
        self._session = self._new_session()
        self._timer.start(self._house.settings().limits.login_seconds)
        if self._tls_first and self._tls is not None:
            self._tcp.startTLS(self._tls.control)
        else:
            self._greet()

    @property
    def _tls_first(self) -> bool:
        return self._start is TlsStart.IMPLICIT

    def handshakeCompleted(self) -> None:
        # Not before: what is written during the handshake makes Twisted pause us, and with us the handshake.
        if self._tls_first:
            self._greet()

    def _greet(self) -> None:
        self.say(Answer(220, "dorimportd takes your files."))

    def _new_session(self) -> Session:
        local = plain_address(self._tcp.getHost().host)
        data = DataConnections(
            local, self._peer, network=self._house.network, clock=self._house.clock, foreign=self._foreign
        )
        return Session(
            self._house,
            self._tls,
            start=self._start,
            local=local,
            peer=self._peer,
            data=data,
            say=self.say,
            start_tls=self._start_tls,
            close=self.close,
        )

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._timer.stop()
        self._closing.stop()
        self._waiting.clear()
        self._house.sessions.strangers.forget(self._stranger)
        if self._session is not None:
            self._session.end()
            self._house.sessions.close(self._peer)

    def close(self) -> None:
        """Close when all that was said has left, or after a while."""
        if not self._closed:
            self._closed = True
            self._timer.stop()
            self._waiting.clear()
            self._closing.start(CLOSE_SECONDS)
            self._tcp.unregisterProducer()
            self._tcp.loseConnection()

    def _foreign(self, address: str) -> None:
        reason = f"it opened the data connection of a session of {self._peer}"
        self._house.tell(SessionRefused(Channel.FTP, address, reason))

    # What comes in.

    def lineReceived(self, line: bytes) -> None:
        session, (verb, argument) = self._session, read_command(line)
        if session is None or self._closed:
            return
        if verb == "ABOR":
            session.abort("the client said ABOR")
        if verb == "STAT" and not argument and session.flow is not None:
            self.say(status(session))
        elif len(self._waiting) >= WAITING_COMMANDS:
            self.say(Answer(421, "Too many commands at once."))
            self.close()
        else:
            self._waiting.append((verb, argument))
            if not self._busy:
                self._busy = True
                Deferred.fromCoroutine(self._answer_all(session)).addErrback(self._defect)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.say(Answer(500, f"A command has at most {self.MAX_LENGTH} bytes."))
        self.close()

    async def _answer_all(self, session: Session) -> None:
        while self._waiting:
            if session.logged_in:
                self._timer.stop()
            work = Deferred.fromCoroutine(answer_to(session, *self._waiting.popleft()))
            answer = await work.addErrback(self._defect)
            if session.logged_in:
                self._house.sessions.strangers.forget(self._stranger)
            if answer is not None:
                self.say(answer)
        self._busy = False
        if session.logged_in and not self._closed and not session.ended:
            self._timer.start(self._house.settings().limits.idle_seconds)

    def _defect(self, failure: Failure) -> Answer:
        """Tell of a defect of ours; the session goes on."""
        self._house.tell(Fault("the FTP door", cast(BaseException, failure.value), failure.getTraceback()))
        return Answer(451, "Something went wrong here. Please try again later.")

    # What goes out.

    def say(self, answer: Answer) -> None:
        """Send *answer*, unless the last one was said already."""
        if not self._closed:
            self._tcp.write(answer.wire())
            reach("ftp.answered", str(answer.code))

    def _start_tls(self, contexts: TlsContexts) -> None:
        # What came in the clear behind AUTH may be somebody else's: it must not count as sent under TLS.
        LineReceiver.clearLineBuffer(self)
        self._waiting.clear()
        self._tcp.startTLS(contexts.control)

    def _crowded_out(self) -> None:
        self._house.tell(SessionEnded(Channel.FTP, self._peer, CROWDED))
        self.say(Answer(421, str(TooManySessions())))
        self.close()

    def _idle(self) -> None:
        if self._session is not None and not self._session.logged_in:
            self._house.tell(SessionEnded(Channel.FTP, self._peer, NO_LOGIN))
        self.say(Answer(421, "Nothing came for too long: goodbye."))
        self.close()


class FtpFactory(ServerFactory):
    """Makes the sessions of the FTP door; *tls* may be replaced, for the sessions that come then."""

    noisy = False

    def __init__(self, house: House, tls: TlsContexts | None, start: TlsStart) -> None:
        self.house = house
        self.tls = tls
        self._start = start

    def buildProtocol(self, addr: IAddress | None) -> ControlConnection:
        return ControlConnection(self.house, self.tls, self._start)


def ftp_factory(house: House, tls: TlsContexts | None, start: TlsStart = TlsStart.OPTIONAL) -> FtpFactory:
    """The FTP door; without *tls*, which *start* OPTIONAL allows, there is no FTPS."""
    return FtpFactory(house, tls, start)
