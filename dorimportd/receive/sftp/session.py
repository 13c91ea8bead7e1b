"""The requests of one customer over one SFTP channel.

Each method answers one kind of request of draft-ietf-secsh-filexfer-02 section 6, or of OpenSSH's
PROTOCOL, section 4; requests.py says which.  What a customer may do is the avatar's to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from twisted.conch.ssh.filetransfer import (
    FX_FAILURE,
    FX_OP_UNSUPPORTED,
    FX_PERMISSION_DENIED,
    FXF_APPEND,
    FXF_CREAT,
    FXF_EXCL,
    FXF_READ,
    FXF_TRUNC,
    FXF_WRITE,
    SFTPError,
)

from dorimportd.errors import NoSuchFile
from dorimportd.instants import reach
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.sftp.fields import UINT32, UINT64
from dorimportd.receive.sftp.handles import (
    LONGEST_READ,
    AppendHandle,
    DownloadHandle,
    FolderHandle,
    Handle,
    UploadHandle,
    entry_attrs,
)
from dorimportd.receive.sftp.wire import (
    LONGEST,
    OK,
    Answer,
    Attrs,
    attributes,
    content,
    extended,
    handle,
    names,
)
from dorimportd.receive.workers import Workers
from dorimportd.spool.names import LIMIT as NAME_LIMIT
from dorimportd.spool.roots import Entry

HANDLES: Final = 100  # open at a time
FOLDERS: Final = 5  # of them; each holds the names of all files
STATVFS_FLAGS: Final = 2  # nothing is run here as somebody else
HALF_A_YEAR: Final = timedelta(days=182)
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SftpSession:
    """What one customer has open, and does.

    Every coroutine raises NotAccepted or SFTPError when it refuses.
    """

    def __init__(self, avatar: CustomerAvatar, workers: Workers) -> None:
        self.avatar = avatar
        self._workers = workers
        self._handles: dict[bytes, Handle] = {}
        self._opening = 0
        self._last = 0  # a handle's name is never used again
        self._ended: str | None = None

    def end(self, reason: str) -> list[Handle]:
        """Nothing more comes from the client.  What it did not close is the caller's to abandon."""
        self._ended = reason
        left, self._handles = self._handles, {}
        return list(left.values())

    # Handles.

    async def open(self, path: bytes, flags: int, attrs: Attrs) -> Answer:
        with self._room():
            if flags & (FXF_WRITE | FXF_APPEND):
                if attrs.size is not None:
                    await self.avatar.check_room(path, attrs.size)
                return await self._opened(await self._upload(path, flags))
            if flags & FXF_READ:
                return await self._opened(DownloadHandle(await self.avatar.read(path), self._workers))
        raise SFTPError(FX_FAILURE, "Open a file for reading or for writing.")

    async def opendir(self, path: bytes) -> Answer:
        with self._room():
            if self.avatar.name(path):
                await self.avatar.entry(path)
                raise SFTPError(FX_FAILURE, "This is a file, not a folder.")
            entries = await self.avatar.entries()
            if sum(isinstance(each, FolderHandle) for each in self._handles.values()) >= FOLDERS:
                raise SFTPError(FX_FAILURE, f"The folder is open {FOLDERS} times already; close some first.")
            return await self._opened(FolderHandle(entries, self._workers))

    async def close(self, name: bytes) -> Answer:
        closed = self._handle(name)
        del self._handles[name]
        await closed.close()
        return OK

    async def read(self, name: bytes, offset: int, length: int) -> Answer:
        return content(await self._handle(name).read(offset, length))

    async def write(self, name: bytes, offset: int, written: memoryview) -> Answer:
        await self._handle(name).write(offset, written)
        return OK

    async def readdir(self, name: bytes) -> Answer:
        page = await self._handle(name).page()
        now = datetime.now(UTC)
        owner = self.avatar.customer.name
        return names((each.name, listed(each, owner, now), entry_attrs(each)) for each in page)

    async def fstat(self, name: bytes) -> Answer:
        return attributes(await self._handle(name).attrs())

    async def fsetstat(self, name: bytes, attrs: Attrs) -> Answer:
        opened = self._handle(name)
        if attrs.size is not None:
            await opened.set_size(attrs.size)
        return OK

    async def fsync(self, name: bytes) -> Answer:
        await self._handle(name).sync()
        return OK

    # Paths.

    async def realpath(self, path: bytes) -> Answer:
        return names([(f"/{self.avatar.name(path)}", "", Attrs())])

    async def stat(self, path: bytes) -> Answer:
        return attributes(entry_attrs(await self.avatar.entry(path)))

    async def setstat(self, path: bytes, attrs: Attrs) -> Answer:
        """Succeed and change nothing, as far as that is no lie: a size would be one."""
        entry = await self.avatar.entry(path)
        if attrs.size is not None and (entry is None or attrs.size != entry.size):
            raise SFTPError(FX_OP_UNSUPPORTED, "The size of a file here cannot be changed.")
        return OK

    async def rename(self, old: bytes, new: bytes) -> Answer:
        delivery = await self.avatar.rename(old, new)
        reach("sftp.accepted", delivery.envelope.name)
        return OK

    async def remove(self, path: bytes) -> Answer:
        await self.avatar.remove(path)
        return OK

    async def readlink(self, path: bytes) -> Answer:
        await self.avatar.entry(path)
        raise SFTPError(FX_FAILURE, "This is not a link.")

    async def refuse_folder(self, path: bytes) -> Answer:
        raise self.avatar.refuse_folder(path)

    async def refuse_link(self, path: bytes, _: bytes) -> Answer:
        raise self.avatar.refuse_link(path)

    async def refuse_unknown(self) -> Answer:
        raise SFTPError(FX_OP_UNSUPPORTED, "This server does not know this request.")

    async def limits(self) -> Answer:
        """The largest packet, read and write, and the most handles (PROTOCOL section 4.8)."""
        return extended(b"".join(map(UINT64.pack, (LONGEST, LONGEST_READ, LONGEST_READ, HANDLES))))

    async def statvfs(self, path: bytes) -> Answer:
        """The disk of *path*, which is the same for every path (PROTOCOL section 4.4)."""
        self.avatar.name(path)
        disk = await self.avatar.disk()
        numbers = (*disk[:8], disk.f_fsid, STATVFS_FLAGS, NAME_LIMIT)
        return extended(b"".join(map(UINT64.pack, numbers)))

    # How.

    async def _upload(self, path: bytes, flags: int) -> UploadHandle:
        if not self.avatar.name(path):
            raise SFTPError(FX_FAILURE, "This is the root folder.")
        if flags & FXF_CREAT and flags & FXF_TRUNC and not flags & FXF_EXCL:
            return UploadHandle(self.avatar, path, upload=await self.avatar.begin(path))
        there = await self._is_there(path)
        if there and flags & FXF_CREAT and flags & FXF_EXCL:
            raise SFTPError(FX_FAILURE, "There is a file of this name already.")
        if not there and not flags & FXF_CREAT:
            raise NoSuchFile
        if flags & FXF_READ and there and not flags & (FXF_TRUNC | FXF_APPEND):
            raise SFTPError(
                FX_PERMISSION_DENIED, "Files that were sent cannot be changed. Send the whole file."
            )
        if flags & FXF_TRUNC:
            return UploadHandle(self.avatar, path, upload=await self.avatar.begin(path))
        if flags & FXF_APPEND:
            return AppendHandle(self.avatar, path, await self.avatar.resume(path))
        return UploadHandle(self.avatar, path, there=there)

    async def _is_there(self, path: bytes) -> bool:
        try:
            await self.avatar.entry(path)
        except NoSuchFile:
            return False
        return True

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Keep a place for one more handle while it is being opened."""
        if len(self._handles) + self._opening >= HANDLES:
            raise SFTPError(FX_FAILURE, f"There are {HANDLES} files open already; close some first.")
        self._opening += 1
        try:
            yield
        finally:
            self._opening -= 1

    async def _opened(self, opened: Handle) -> Answer:
        if self._ended is not None:  # while it was being opened
            await opened.abandon(self._ended)
            raise SFTPError(FX_FAILURE, "The session has ended.")
        self._last += 1
        name = UINT32.pack(self._last)
        self._handles[name] = opened
        return handle(name)

    def _handle(self, name: bytes) -> Handle:
        if name not in self._handles:
            raise SFTPError(FX_FAILURE, "There is no such handle.")
        return self._handles[name]


def listed(entry: Entry, owner: str, now: datetime) -> str:
    """The line of a listing for *entry*, as ls -l writes it; times are UTC (section 7)."""
    moment = datetime.fromtimestamp(entry.modified_at, UTC)
    day = f"{MONTHS[moment.month - 1]} {moment.day:2}"
    near = now - HALF_A_YEAR < moment <= now + timedelta(days=1)
    when = f"{day} {moment:%H:%M}" if near else f"{day}  {moment.year}"
    return f"-rw-r----- {1:4} {owner:<8} {owner:<8} {entry.size:>12} {when} {entry.name}"
