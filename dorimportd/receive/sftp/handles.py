"""What a customer has open: an upload, a file to download, the root folder.

Requests on one handle take effect in the order in which they were sent, however long each takes.
CLOSE of an upload is its acceptance; a lost connection is never a CLOSE.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Iterable
from itertools import islice
from typing import IO, Final

from twisted.conch.ssh.filetransfer import FX_EOF, FX_FAILURE, SFTPError

from dorimportd.errors import Incomplete, NotAccepted
from dorimportd.instants import reach
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.sftp.one_at_a_time import OneAtATime
from dorimportd.receive.sftp.wire import Attrs
from dorimportd.receive.uploads import IncomingUpload
from dorimportd.receive.workers import Workers
from dorimportd.spool.roots import Entry

FILE_MODE: Final = stat.S_IFREG | 0o640
FOLDER_MODE: Final = stat.S_IFDIR | 0o750
PAGE: Final = 100  # entries in one answer: 60 kB at most, which every client takes
LONGEST_READ: Final = 255 << 10  # bytes in one answer
LARGEST_OFFSET: Final = (1 << 63) - 1 - LONGEST_READ  # the system minds where a read would end, too


def end_of_file() -> SFTPError:
    return SFTPError(FX_EOF, "End of file.")


class Handle:
    """What every kind of handle answers, unless it knows better.

    Every coroutine raises NotAccepted or SFTPError when it refuses.
    """

    async def read(self, offset: int, length: int) -> bytes:
        raise SFTPError(FX_FAILURE, "This handle is not open for reading.")

    def write(self, offset: int, content: memoryview) -> Awaitable[None]:
        raise SFTPError(FX_FAILURE, "This handle is not open for writing.")

    async def page(self) -> list[Entry]:
        raise SFTPError(FX_FAILURE, "This handle is not a folder.")

    async def attrs(self) -> Attrs:
        return Attrs(mode=FOLDER_MODE)

    async def set_size(self, size: int) -> None:
        """The client says that the file is *size* bytes long."""

    async def sync(self) -> None:
        """On return what was written is on the disk."""

    async def close(self) -> None:
        """The client is done with it."""

    async def abandon(self, reason: str) -> None:
        """The session ended before the client closed it."""
        await self.close()


class UploadHandle(Handle):
    """An upload.

    It is begun where *upload* is given.  Else the client did not ask to empty the file that may be
    there, and its first write says where it goes on: scp begins at 0, reput at the size that it saw.
    """

    def __init__(
        self,
        avatar: CustomerAvatar,
        path: bytes,
        *,
        upload: IncomingUpload | None = None,
        there: bool = False,
    ) -> None:
        self._avatar = avatar
        self._path = path
        self._upload = upload
        self._there = there  # a file of that name, which stays as it is where nothing is written
        self._refusal: NotAccepted | None = None  # to go on with the upload, or to cut it
        self._one_at_a_time = OneAtATime()

    def write(self, offset: int, content: memoryview) -> Awaitable[None]:
        if self._upload is not None and self._refusal is None and self._one_at_a_time.is_free:
            # As below, but for its waiting: nearly all writes come here, and some clients' are of 4 KiB.
            return self._upload.write(self._place(self._upload, offset, content), content)
        return self._write_in_turn(offset, content)

    async def _write_in_turn(self, offset: int, content: memoryview) -> None:
        async with self._one_at_a_time:
            upload = await self._begun(offset)
            written = upload.write(self._place(upload, offset, content), content)
        await written

    async def attrs(self) -> Attrs:
        async with self._one_at_a_time:
            if self._upload is not None:
                await self._upload.written()
                return Attrs(self._upload.size, FILE_MODE)
            entry = await self._avatar.entry(self._path) if self._there else None
            return entry_attrs(entry) if entry else Attrs(0, FILE_MODE)

    async def set_size(self, size: int) -> None:
        """Cut what was written to *size* bytes; a file is not made longer than what was written.

        Clients say the size of the whole file at its start (lftp) or at its end (scp); one that says
        less than it wrote takes the rest back.  A size for which there is no room is refused, and with it
        whatever comes then.
        """
        async with self._one_at_a_time:
            await self._check_room(size)
            if self._upload is not None or size == 0:
                await self._cut(await self._begun(0), size)

    async def sync(self) -> None:
        async with self._one_at_a_time:
            if self._upload is not None:
                await self._upload.sync()

    async def close(self) -> None:
        """Accept the upload.  Raises NotAccepted; what came is then kept for resuming."""
        async with self._one_at_a_time:
            if self._upload is None and not self._there and self._refusal is None:
                self._upload = await self._avatar.begin(self._path)
            if self._refusal is not None:
                await self._keep(str(self._refusal))
                raise self._refusal
            if self._upload is not None:
                await self._upload.accept()
                reach("sftp.accepted", self._upload.name)

    async def abandon(self, reason: str) -> None:
        async with self._one_at_a_time:
            await self._keep(reason)

    async def _keep(self, reason: str) -> None:
        if self._upload is not None:
            await self._upload.abandon(reason)

    async def _begun(self, offset: int) -> IncomingUpload:
        """The upload, now at the latest; a refusal holds for all later requests on this handle."""
        if self._refusal is not None:
            raise self._refusal
        if self._upload is None:
            try:
                self._upload = await self._avatar.resume(self._path, offset)
            except NotAccepted as refusal:
                self._refusal = refusal
                raise
        return self._upload

    async def _check_room(self, size: int) -> None:
        here = self._upload.size if self._upload is not None else 0
        if size <= here:
            return
        try:
            await self._avatar.check_room(self._path, size, here)
        except NotAccepted as refusal:
            self._refusal = refusal
            raise

    def _place(self, upload: IncomingUpload, offset: int, content: memoryview) -> int:
        """Where *content* goes, which the client calls *offset*."""
        return offset

    async def _cut(self, upload: IncomingUpload, size: int) -> None:
        try:
            await upload.set_size(size)
        except NotAccepted as refusal:
            self._refusal = refusal
            raise


class AppendHandle(UploadHandle):
    """An upload that goes on at the end of what is here, whatever offset the client names (section 6.3).

    Some clients count from the end (curl), others from the start of the file (OpenSSH); one whose first
    write is at neither has seen another file than ours.
    """

    def __init__(self, avatar: CustomerAvatar, path: bytes, upload: IncomingUpload) -> None:
        super().__init__(avatar, path, upload=upload)
        self._end: int | None = None

    def _place(self, upload: IncomingUpload, offset: int, content: memoryview) -> int:
        if self._end is None:
            self._end = upload.size
            if offset not in (0, upload.size):
                self._refusal = Incomplete()
                raise self._refusal
        start, self._end = self._end, self._end + len(content)
        return start

    async def _cut(self, upload: IncomingUpload, size: int) -> None:
        await super()._cut(upload, size)
        self._end = upload.size


class DownloadHandle(Handle):
    """A file of the root folder, open for reading."""

    def __init__(self, opened: IO[bytes], workers: Workers) -> None:
        self._opened = opened
        self._workers = workers
        # One at a time: a slow disk holds one thread for a handle, and nothing reads what is closed.
        self._one_at_a_time = OneAtATime()

    async def read(self, offset: int, length: int) -> bytes:
        """Some of the *length* bytes at *offset*, at least one.  Raises SFTPError at the end of the file."""
        if offset > LARGEST_OFFSET:
            raise end_of_file()
        wanted = min(length, LONGEST_READ)
        async with self._one_at_a_time:
            found = await self._workers.run(read_at, self._opened, offset, wanted)
        if not found:
            raise end_of_file()
        return found

    async def attrs(self) -> Attrs:
        async with self._one_at_a_time:
            return await self._workers.run(attrs_of, self._opened)

    async def close(self) -> None:
        async with self._one_at_a_time:
            await self._workers.run(self._opened.close)


class FolderHandle(Handle):
    """The root folder, listed once, told page by page."""

    def __init__(self, entries: Iterable[Entry], workers: Workers) -> None:
        self._entries = iter(entries)
        self._workers = workers
        self._one_at_a_time = OneAtATime()

    async def page(self) -> list[Entry]:
        """The next entries, which may be read from the disk.  Raises SFTPError when there are no more."""
        async with self._one_at_a_time:
            page = await self._workers.run(list, islice(self._entries, PAGE))
        if not page:
            raise end_of_file()
        return page


def read_at(opened: IO[bytes], offset: int, length: int) -> bytes:
    opened.seek(offset)
    return opened.read(length)


def attrs_of(opened: IO[bytes]) -> Attrs:
    """What is said of an open file: of one that is compressed, what it was before."""
    size = opened.seek(0, os.SEEK_END)
    return Attrs(size, FILE_MODE, int(os.fstat(opened.fileno()).st_mtime))


def entry_attrs(entry: Entry | None) -> Attrs:
    """What is said of *entry*, or of the root folder when it is None."""
    if entry is None:
        return Attrs(mode=FOLDER_MODE)
    return Attrs(entry.size, FILE_MODE, entry.modified_at)
