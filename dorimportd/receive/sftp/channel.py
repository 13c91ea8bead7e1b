"""One SSH channel with the SFTP subsystem; nothing else can be had on it."""

# Most of Conch has no types.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.conch.ssh.channel import SSHChannel
from twisted.internet.defer import Deferred

from dorimportd.receive.sftp.fields import UINT32, Fields
from dorimportd.receive.sftp.mended import SILENT
from dorimportd.receive.sftp.server import Outlet, SftpServer

WINDOW: Final = 2 << 20  # bytes that a client may send ahead: 70 MB/s at 30 ms round trip
PACKET: Final = 32 << 10  # bytes in one SSH packet (RFC 4253 section 6.1)


class SftpChannel(SSHChannel):
    """A session channel.  *serve* makes the subsystem, *ending* takes what fires when it has ended."""

    name = b"session"
    conn: Any  # the MendedConnection that it is on
    buf: Any  # a bytearray of what waits for the client's window
    _log = SILENT

    def __init__(
        self,
        window: int,
        packet: int,
        *,
        serve: Callable[[Outlet], SftpServer],
        ending: Callable[[Deferred[None]], None],
    ) -> None:
        super().__init__(WINDOW, PACKET, window, packet)
        self._serve = serve
        self._ending = ending
        self._server: SftpServer | None = None
        self.buf = bytearray()
        self._done_with = 0  # bytes that the client may send again and was not yet told so

    # What the subsystem sees.

    @property
    def writable(self) -> bool:
        return not self.buf

    # test_what_waits_for_a_window_is_not_copied_each_time_it_opens
    def write(self, data: bytes) -> None:
        """Send what the client's window has room for; the rest waits."""
        self.buf += data
        while self.buf and self.remoteWindowLeft > 0:
            size = min(len(self.buf), self.remoteWindowLeft, self.remoteMaxPacket)
            self.remoteWindowLeft -= size
            self.conn.sendData(self, bytes(self.buf[:size]))
            del self.buf[:size]
        if self.closing:
            self.loseConnection()

    def taken(self, size: int) -> None:
        self._done_with += size
        if self._done_with >= WINDOW // 2:
            self.conn.adjustWindow(self, self._done_with)
            self._done_with = 0

    def drop(self, why: str) -> None:
        self.conn.transport.drop(why)

    # What the connection tells.

    def requestReceived(self, requestType: bytes, data: bytes) -> bool:
        """Take the request for the subsystem sftp; refuse a shell, a command, a terminal, forwarding."""
        if requestType != b"subsystem" or Fields(data).string() != b"sftp" or self._server is not None:
            return False
        self._server = self._serve(self)
        return True

    def dataReceived(self, data: bytes | memoryview) -> None:
        if self._server is None:
            self.drop("Ask for the subsystem sftp first.")
        else:
            self._server.received(data)

    def extReceived(self, dataType: int, data: bytes) -> None:
        self.taken(len(data))

    def addWindowBytes(self, data: int) -> None:
        self.remoteWindowLeft += data
        self.write(b"")
        if self._server is not None:
            self._server.go_on()

    # test_the_end_of_the_subsystem_has_an_exit_status
    def eofReceived(self) -> None:
        if self._server is None:
            self.loseConnection()
        else:
            self._server.finish().addCallback(lambda _: self._leave())

    def closeReceived(self) -> None:
        """The client takes no more, so what waits for its window is dropped."""
        self.buf.clear()
        self.loseConnection()

    def closed(self) -> None:
        if self._server is not None:
            reason = self.conn.transport.ended or "the client ended the session"
            self._ending(self._server.end(reason))

    def _leave(self) -> None:
        """All is answered: say that all went well, which scp waits for (RFC 4254 section 6.10)."""
        self.conn.sendRequest(self, b"exit-status", UINT32.pack(0))
        self.conn.sendEOF(self)
        self.loseConnection()
