"""The bytes of one transfer, on their way between a data connection and the disk.

Neither side runs ahead of the other: the data connection is not read while the disk is behind, and
the disk is not read while the client is.  A transfer in which nothing moves is broken off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure
from zope.interface import implementer

from dorimportd.errors import NotAccepted
from dorimportd.receive.ftp.data import DataConnection, End
from dorimportd.receive.ftp.timer import Timer
from dorimportd.receive.pace import Pace
from dorimportd.receive.uploads import WAITING_LIMIT, IncomingUpload

# After a refusal the rest is read and dropped for so long: clients that are cut off while they send do
# not look at the answer.
FAREWELL_SECONDS: Final = 3


class Flow:
    """What is the same in both directions."""

    def __init__(self, connection: DataConnection, clock: IReactorTime, idle_seconds: int) -> None:
        self.size = 0  # bytes that have moved
        self._connection = connection
        self._idle_seconds = idle_seconds
        self._timer = Timer(clock, self._stalled)

    def abort(self, why: str) -> None:
        """Break the transfer off."""
        self._connection.abort(why)

    def _stalled(self) -> None:
        self.abort(f"nothing moved for {self._idle_seconds} seconds")

    def _moved(self, size: int) -> None:
        self.size += size
        self._timer.put_off()


class Inflow(Flow):
    """From a data connection to an upload."""

    def __init__(
        self,
        connection: DataConnection,
        upload: IncomingUpload,
        clock: IReactorTime,
        idle_seconds: int,
        rate: int,
    ) -> None:
        super().__init__(connection, clock, idle_seconds)
        self._pace = Pace(clock, rate, self.abort)
        self._upload = upload
        self._offset = upload.size
        self._paused = False
        self._refused = False
        self._fault: Failure | None = None

    async def run(self, tls: CertificateOptions | None) -> End:
        """Take all that comes.  On return every byte is written, or the upload knows of a refusal.

        Raises what a defect of ours raised.
        """
        self._timer.start(self._idle_seconds)
        try:
            await self._connection.begin(self._take, tls)
            end = await self._connection.ended
        finally:
            self._timer.stop()
        await self._upload.written()
        if self._fault is not None:
            self._fault.raiseException()
        return end

    def _take(self, content: bytes) -> None:
        if self._refused:
            return
        self._moved(len(content))
        self._pace.came(len(content))
        self._upload.write(self._offset, content).addCallbacks(self._written, self._failed)
        self._offset += len(content)
        if self._upload.waiting > WAITING_LIMIT and not self._paused:
            self._paused = True
            self._connection.tcp.pauseProducing()
            self._timer.stop()  # it is the disk that is slow, not the client

    def _written(self, _: None) -> None:
        if self._upload.waiting == 0:
            self._pace.done()
        if self._paused and self._upload.waiting <= WAITING_LIMIT // 2:
            self._read_on(self._idle_seconds)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(NotAccepted):
            self._fault = failure
        if not self._refused:
            self._refused = True
            self._read_on(FAREWELL_SECONDS)

    def _read_on(self, seconds: int) -> None:
        self._paused = False
        if self._connection.end is None:
            self._connection.tcp.resumeProducing()
            self._timer.start(seconds)


@implementer(IPushProducer)
class Outflow(Flow):
    """From a reader to a data connection."""

    _full: Deferred[None] | None = None  # fires when the client has taken enough

    async def run(self, read: Callable[[], Awaitable[bytes]], tls: CertificateOptions | None) -> End:
        """Send all that *read* gives, until it gives nothing; on return it has left."""
        self._timer.start(self._idle_seconds)
        try:
            await self._connection.begin(len, tls)
            await self._send_all(read)
            return await self._connection.ended
        finally:
            self._timer.stop()

    async def _send_all(self, read: Callable[[], Awaitable[bytes]]) -> None:
        if self._connection.end is None:
            self._connection.tcp.registerProducer(self, True)
        while self._connection.end is None and (content := await read()):
            await self._send(content)
        if self._connection.end is None:
            self._connection.tcp.unregisterProducer()
            self._connection.finish()

    async def _send(self, content: bytes) -> None:
        if self._connection.end is None:
            self._connection.tcp.write(content)
            self._moved(len(content))
        if self._full is not None:
            await self._full

    def pauseProducing(self) -> None:
        if self._full is None:
            self._full = Deferred()

    def resumeProducing(self) -> None:
        full, self._full = self._full, None
        if full is not None:
            self._timer.put_off()
            full.callback(None)

    def stopProducing(self) -> None:
        self.resumeProducing()
