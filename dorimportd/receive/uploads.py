"""Bytes on their way from a session to the disk.

A door hands pieces over as they come and gets a Deferred for each; a thread takes all that wait in one
go, so that the reactor thread never waits for the disk and a fast sender costs one hop for many pieces.
A door that sees `waiting` grow stops reading until it has shrunk: that is the back-pressure.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from dorimportd.errors import NotAccepted, SpoolFailing
from dorimportd.events import DeliveryAccepted, Tell, UploadAbandoned, UploadKept, UploadRefused
from dorimportd.receive.workers import Workers
from dorimportd.spool.names import is_temporary
from dorimportd.spool.spool import Spool
from dorimportd.spool.upload import Upload
from dorimportd.words import Delivery

WAITING_LIMIT: Final = 4 << 20  # bytes: a door stops reading above this

Piece = tuple[int, bytes | memoryview, Deferred[None]]  # where it goes, what, who waits for it


class IncomingUpload:
    """An upload that a session writes.  `accept` makes it a delivery; a lost connection never does."""

    def __init__(self, upload: Upload, *, spool: Spool, workers: Workers, tell: Tell) -> None:
        self._upload = upload
        self._spool = spool
        self._workers = workers
        self._tell = tell
        self._queue: list[Piece] = []
        self._idle: list[Deferred[None]] = []  # fire when nothing is being written
        self._writing = False
        self._ended = False
        self.refusal: NotAccepted | None = None  # the first that a write met
        self.waiting = 0  # bytes handed over and not written

    @property
    def name(self) -> str:
        """As the sender named the file."""
        return self._upload.note.name

    @property
    def size(self) -> int:
        """Bytes from the start without a gap that are written."""
        return self._upload.size

    def write(self, offset: int, content: bytes | memoryview) -> Deferred[None]:
        """Have *content* written at *offset*.

        The Deferred fires when it is, or fails with NotAccepted; then no later piece is written either.
        """
        done: Deferred[None] = Deferred()
        self._queue.append((offset, content, done))
        self.waiting += len(content)
        if not self._writing:
            self._write_on()
        return done

    def set_size(self, size: int) -> Deferred[None]:
        """Cut the upload to *size* bytes, after what was handed over; a shorter one stays as it is."""

        async def cut() -> None:
            await self.written()
            await self._workers.run(self._upload.set_size, size)

        return Deferred.fromCoroutine(cut())

    def written(self) -> Deferred[None]:
        """Fires when all that was handed over is written or refused."""
        if not self._writing:
            return succeed(None)
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        return idle

    async def sync(self) -> None:
        """On return all that was handed over is on the disk.  Raises NotAccepted."""
        await self.written()
        if self.refusal is not None:
            raise self.refusal
        await self._workers.run(self._upload.sync)

    async def accept(self) -> Delivery | None:
        """All bytes were handed over and the sender says that it is the whole file.

        Returns the delivery; None for a temporary name, which is kept, synced, until it is renamed.
        Raises NotAccepted; the upload is then kept for resuming.
        """
        if self._ended:
            raise AssertionError("an upload ends once")
        self._ended = True
        await self.written()
        try:
            if self.refusal is not None:
                await self._workers.run(self._spool.put_down, self._upload)
                raise self.refusal
            if is_temporary(self.name):
                await self._workers.run(self._keep)
                self._tell(UploadKept(self._upload.customer, self._upload.note.channel, self.name, self.size))
                return None
            delivery = await self._workers.run(self._spool.accept, self._upload)
        except NotAccepted as refusal:
            note = self._upload.note
            self._tell(UploadRefused(self._upload.customer, note.channel, note.name, refusal.for_us()))
            raise
        self._tell(DeliveryAccepted(delivery))
        return delivery

    async def abandon(self, reason: str) -> None:
        """The connection was lost or the transfer broken off: keep what came for resuming."""
        if self._ended:
            return
        self._ended = True
        await self.written()
        await self._workers.run(self._spool.put_down, self._upload)
        note = self._upload.note
        self._tell(UploadAbandoned(self._upload.customer, note.channel, note.name, self.size, reason))

    def _keep(self) -> None:
        try:
            self._upload.keep_whole()
        finally:
            self._spool.put_down(self._upload)

    def _write_on(self) -> None:
        pieces, self._queue = self._queue, []
        self._writing = True
        writing = self._workers.run(self._write_all, pieces)
        writing.addCallbacks(self._answer, self._fail, (pieces,), {}, (pieces,))

    def _write_all(self, pieces: list[Piece]) -> int:
        """On a worker thread: the number of pieces that were written before one was refused."""
        for number, (offset, content, _) in enumerate(pieces):
            if self.refusal is None:
                try:
                    self._upload.write(offset, content)
                except NotAccepted as refusal:
                    self.refusal = refusal
            if self.refusal is not None:
                return number
        return len(pieces)

    def _answer(self, written: int, pieces: list[Piece]) -> None:
        self._next(pieces)
        for number, (_, _, done) in enumerate(pieces):
            if number < written or self.refusal is None:
                done.callback(None)
            else:
                done.errback(Failure(self.refusal))

    def _fail(self, failure: Failure, pieces: list[Piece]) -> None:
        """A defect of ours: every piece fails with it, and what is left is never accepted."""
        self.refusal = self.refusal or SpoolFailing()
        self._next(pieces)
        for _, _, done in pieces:
            done.errback(failure)

    def _next(self, pieces: list[Piece]) -> None:
        self.waiting -= sum(len(content) for _, content, _ in pieces)
        if self._queue:
            self._write_on()
            return
        self._writing = False
        idle, self._idle = self._idle, []
        for each in idle:
            each.callback(None)
