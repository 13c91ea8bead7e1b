"""A message on its way to the disk.

The session hands pieces over as they come; a thread writes all that wait in one go.  A session that
sees `waiting` grow stops reading until it has shrunk: that is the back-pressure.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dorimportd.receive.workers import Workers
from dorimportd.spool.mail import MailUpload


class IncomingMail:
    """A message that a session writes.  It ends by `whole` or by `drop`, once."""

    def __init__(self, upload: MailUpload, *, workers: Workers, written: Callable[[], None]) -> None:
        """*written* is called whenever `waiting` has shrunk."""
        self._upload = upload
        self._workers = workers
        self._written = written
        self._queue: list[bytes] = []
        self._writing = False
        self._idle: list[Deferred[None]] = []  # fire when nothing is being written
        self._failure: Failure | None = None  # the first that a write met
        self.waiting = 0  # bytes handed over and not written

    def write(self, content: bytes) -> None:
        """Have *content* written; after a failure the rest of the message is passed over."""
        if self._failure is not None or not content:
            return
        self._queue.append(content)
        self.waiting += len(content)
        if not self._writing:
            self._write_on()

    async def written(self) -> None:
        """All that was handed over so far is written.

        Raises what a write raised, NotAccepted or a defect of ours; the message is then dropped.
        """
        await self._all_written()
        if self._failure is not None:
            await self._workers.run(self._upload.drop)
            self._failure.raiseException()

    async def whole(self) -> MailUpload:
        """The message, all of it written; for what it raises see `written`."""
        await self.written()
        return self._upload

    async def drop(self) -> None:
        """The message will not become whole: on return it is gone."""
        await self._all_written()
        await self._workers.run(self._upload.drop)

    async def _all_written(self) -> None:
        if self._writing:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle

    def _write_on(self) -> None:
        content = b"".join(self._queue)
        self._queue.clear()
        self._writing = True
        self._workers.run(self._upload.write, content).addErrback(self._fail).addCallback(
            self._next, len(content)
        )

    def _fail(self, failure: Failure) -> None:
        self._failure = failure
        self.waiting -= sum(map(len, self._queue))
        self._queue.clear()

    def _next(self, _: None, size: int) -> None:
        self.waiting -= size
        self._written()
        if self._queue:
            self._write_on()
            return
        self._writing = False
        idle, self._idle = self._idle, []
        for each in idle:
            each.callback(None)
