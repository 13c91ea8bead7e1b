"""Data connections: one at a time for a session, opened by either side.

A connection is not read until a transfer takes it, so that a client which sends early fills its own
buffers and not ours.  What ended it decides whether a file is whole: the clean end of the connection
(FIN), and over TLS the close_notify alert too (RFC 5246 section 7.2.1).  A reset is never an end.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from OpenSSL.SSL import RECEIVED_SHUTDOWN
from OpenSSL.SSL import Connection as TlsConnection
from OpenSSL.SSL import Error as TlsError
from twisted.internet import protocol
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IHandshakeListener,
    IListeningPort,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.ssl import CertificateOptions
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from dorimportd.receive.addresses import plain_address
from dorimportd.receive.ftp.wire import Declined

TcpAddress = IPv4Address | IPv6Address

CONNECT_SECONDS: Final = 30
BACKLOG: Final = 10  # so that a stranger who knocks keeps nobody out
READ_SIZE: Final = 256 << 10  # bytes at a time; Twisted's own 64 KiB cost a tenth of the speed


@dataclass(frozen=True, slots=True)
class End:
    """How a data connection ended."""

    clean: bool  # as its sender ends one when all was sent
    why: str  # for a person, when it was not


@implementer(IHandshakeListener)
class DataConnection(protocol.Protocol):
    """One data connection; `ended` fires with its End, once."""

    def __init__(self, arrived: Callable[[DataConnection], None], *, passive: bool) -> None:
        self.ended: Deferred[End] = Deferred()
        self.end: End | None = None
        self._arrived = arrived
        self._passive = passive
        self._receive: Callable[[bytes], object] = len  # nothing is read before `begin`
        self._ready: Deferred[None] = Deferred()
        self._secured = False
        self._finished = False
        self._aborted: str | None = None

    @property
    def tcp(self) -> Connection:
        """The transport, which is a TCP connection also under TLS."""
        return cast(Connection, self.transport)

    def connectionMade(self) -> None:
        self.tcp.bufferSize = READ_SIZE
        self.tcp.pauseProducing()
        self._arrived(self)

    def begin(self, receive: Callable[[bytes], object], tls: CertificateOptions | None) -> Deferred[None]:
        """Start TLS when *tls* is given, in which we are the server whoever connected, and read.

        The Deferred fires when it can be written, or has ended.
        """
        self._receive = receive
        if self.end is None and tls is not None:
            self._secured = True
            self.tcp.startTLS(tls, normal=self._passive)
        elif not self._ready.called:
            self._ready.callback(None)
        self.tcp.resumeProducing()
        return self._ready

    def handshakeCompleted(self) -> None:
        self._ready.callback(None)

    def finish(self) -> None:
        """All was written: close the connection when it has left."""
        self._finished = True
        self.tcp.loseConnection()
        if self._secured:
            # Our close_notify is behind the last byte.  Twisted would wait for the client's before it
            # ends the TCP connection, and some clients wait for that end, or for our answer, first.
            cast(Connection, cast(TLSMemoryBIOProtocol, self.tcp.protocol).transport).loseConnection()

    def abort(self, why: str) -> None:
        """Break it off; its End is not clean."""
        if self.end is None and self._aborted is None:
            self._aborted = why
            self.tcp.abortConnection()

    def dataReceived(self, content: bytes) -> None:
        if self._aborted is None:
            self._receive(content)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.end = self._end(reason)
        if not self._ready.called:
            self._ready.callback(None)
        self.ended.callback(self.end)

    def _end(self, reason: Failure) -> End:
        if self._aborted is not None:
            return End(clean=False, why=self._aborted)
        if not self._secured:
            clean = reason.check(ConnectionDone) is not None
            return End(clean, "" if clean else "the data connection was reset")
        if self._finished:
            return End(clean=True, why="")  # whatever the client says to the end of a download
        # A fatal alert sets the same mark as close_notify, but comes with an error.  What became of the
        # TCP connection behind the alert no longer matters.
        if reason.check(TlsError):
            return End(clean=False, why="TLS failed on the data connection")
        told = bool(cast(TlsConnection, self.tcp.getHandle()).get_shutdown() & RECEIVED_SHUTDOWN)
        return End(told, "" if told else "the data connection ended without the close of TLS")


class Agreement:
    """A data connection that was agreed on: it came, it may still come, or it will not."""

    def __init__(self) -> None:
        self.coming: Deferred[DataConnection | None] = Deferred()
        self.connection: DataConnection | None = None

    def settle(self, connection: DataConnection | None) -> None:
        """It came, or with None it will not; what is said first counts."""
        if not self.coming.called:
            self.connection = connection
            self.coming.callback(connection)
        elif connection is not None:
            connection.abort("the data connection came too late")


class Passive(protocol.ServerFactory):
    """Takes the one connection of a passive port.

    Anybody but *peer* is turned away, and the port goes on waiting; *foreign* is told the first of them.
    """

    noisy = False

    def __init__(
        self, peer: str, arrived: Callable[[DataConnection], None], foreign: Callable[[str], None]
    ) -> None:
        self._peer = peer
        self._arrived = arrived
        self._foreign = foreign
        self._foreigner_came = False

    def buildProtocol(self, addr: IAddress | None) -> DataConnection | None:
        host = plain_address(cast(TcpAddress, addr).host)
        if host == self._peer:
            return DataConnection(self._arrived, passive=True)
        if not self._foreigner_came:
            self._foreigner_came = True
            self._foreign(host)
        return None


class Active(protocol.ClientFactory):
    """Makes the connection to where the client listens."""

    noisy = False

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement

    def buildProtocol(self, addr: IAddress | None) -> DataConnection:
        return DataConnection(self._agreement.settle, passive=False)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._agreement.settle(None)


class DataConnections:
    """Opens the data connections of the session between *local* and *peer*, one at a time.

    *foreign* is told the address of anybody else who connects.
    """

    def __init__(
        self,
        local: str,
        peer: str,
        *,
        network: IReactorTCP,
        clock: IReactorTime,
        foreign: Callable[[str], None],
    ) -> None:
        self._local = local
        self._peer = peer
        self._network = network
        self._clock = clock
        self._foreign = foreign
        self._agreement: Agreement | None = None
        self._target: tuple[str, int] | None = None
        self._port: IListeningPort | None = None
        self._stopping: Deferred[None] = succeed(None)
        self._over = False

    async def listen(self, ports: range | None) -> int:
        """Wait for the client on one of *ports*, any free one when it is None; the port's number.

        Raises Declined when all are taken.
        """
        self.close()
        await self._stopping
        if self._over:
            raise Declined(425, "The session has ended.")
        agreement = Agreement()
        factory = Passive(self._peer, partial(self._settle, agreement), self._foreign)
        for port in random.sample(ports, len(ports)) if ports else (0,):
            try:
                self._port = self._network.listenTCP(port, factory, backlog=BACKLOG, interface=self._local)
            except CannotListenError:
                continue
            self._agreement = agreement
            return cast(TcpAddress, self._port.getHost()).port
        raise Declined(425, "All ports for data connections are taken. Please try again later.")

    def aim(self, address: str, port: int) -> None:
        """Let the next transfer connect to *port* at *address*, which the caller has checked."""
        self.close()
        self._target = address, port

    async def open(self) -> DataConnection:
        """The data connection that was agreed on.  Raises Declined when there is none."""
        agreement = self._agreement or self._connect()
        late = self._clock.callLater(CONNECT_SECONDS, agreement.settle, None)
        connection = await agreement.coming
        if late.active():
            late.cancel()
        if connection is None:
            raise Declined(425, "The data connection could not be opened.")
        return connection

    def close(self) -> None:
        """Nothing that was agreed on counts any more; a connection that is there is broken off."""
        agreement, self._agreement, self._target = self._agreement, None, None
        if agreement is not None:
            agreement.settle(None)
            if agreement.connection is not None:
                agreement.connection.abort("the transfer was broken off")
        self._stop_listening()

    def end(self) -> None:
        """The session is over: close, for good."""
        self._over = True
        self.close()

    def _settle(self, agreement: Agreement, connection: DataConnection) -> None:
        self._stop_listening()
        agreement.settle(connection)

    def _stop_listening(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            self._stopping = port.stopListening() or succeed(None)

    def _connect(self) -> Agreement:
        if self._target is None:
            raise Declined(425, "Use PASV, EPSV, PORT or EPRT first.")
        (address, port), self._target = self._target, None
        self._agreement = agreement = Agreement()
        self._network.connectTCP(
            address, port, Active(agreement), timeout=CONNECT_SECONDS, bindAddress=(self._local, 0)
        )
        return agreement
