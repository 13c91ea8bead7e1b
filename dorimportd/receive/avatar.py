"""What a customer can do here: list, stat, read and upload in one flat folder; nothing else exists.

The same for every door that has files (SFTP, FTP).  Paths on the wire are made names here, in one
place, and nothing that a client can write leaves the customer's own folder.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable
from typing import BinaryIO

from dorimportd.config.settings import Customer
from dorimportd.errors import (
    AccountClosed,
    DeleteRefused,
    FolderRefused,
    LinkRefused,
    NameChangeRefused,
    NoFolders,
    NoSuchFile,
    NotAccepted,
)
from dorimportd.events import DeliveryAccepted, RequestRefused, Tell, UploadRefused
from dorimportd.receive.uploads import IncomingUpload
from dorimportd.receive.workers import Workers
from dorimportd.spool.names import check_name, decode_name, is_temporary
from dorimportd.spool.roots import Entry
from dorimportd.spool.spool import Spool
from dorimportd.spool.upload import Upload
from dorimportd.words import Channel, Delivery


def name_at(path: str, folder: str = "/") -> str:
    """The name of the file at *path*, seen from *folder*; "" for the root folder itself.

    A path is resolved as if the root were all there is (".." there leads nowhere else).
    Raises NoFolders for a path inside another folder, and BadName.
    """
    absolute = posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")
    if "/" in absolute:
        raise NoFolders
    return check_name(absolute) if absolute else ""


class CustomerAvatar:
    """One customer in one session.  Every coroutine raises NotAccepted when it refuses."""

    def __init__(
        self,
        customer: Customer,
        channel: Channel,
        peer: str,
        *,
        may_send: Callable[[], bool],
        spool: Spool,
        workers: Workers,
        tell: Tell,
    ) -> None:
        self.customer = customer
        self.channel = channel
        self.peer = peer
        self._may_send = may_send  # asked before each upload, so that a change counts in open sessions
        self._spool = spool
        self._workers = workers
        self._tell = tell

    async def entries(self) -> Iterable[Entry]:
        """The files of the root folder, by name; going through them blocks, so do it through workers."""
        return await self._workers.run(self._spool.entries, self.customer.name)

    async def entry(self, path: bytes | str) -> Entry | None:
        """The file at *path*; None for the root folder itself."""
        name = self.name(path)
        return await self._workers.run(self._spool.entry, self.customer.name, name) if name else None

    async def read(self, path: bytes | str) -> BinaryIO:
        """The bytes of the file at *path*; reading them blocks, so do it through workers."""
        return await self._workers.run(self._spool.open, self.customer.name, self._file_name(path))

    async def disk(self) -> os.statvfs_result:
        """The disk that uploads go to."""
        return await self._workers.run(self._spool.disk)

    async def check_room(self, path: bytes | str, size: int, here: int = 0) -> None:
        """The client says that the file at *path* has *size* bytes; *here* of them are here already."""
        try:
            await self._workers.run(self._spool.check_room, size, here)
        except NotAccepted as refusal:
            self._tell(UploadRefused(self.customer.name, self.channel, shown(path), refusal.for_us()))
            raise

    async def begin(self, path: bytes | str) -> IncomingUpload:
        """A new upload from its first byte on."""
        try:
            self._check_may_send()
            name = self._file_name(path)
            upload = await self._workers.run(
                self._spool.begin, self.customer.name, name, channel=self.channel, peer=self.peer
            )
        except NotAccepted as refusal:
            self._tell(UploadRefused(self.customer.name, self.channel, shown(path), refusal.for_us()))
            raise
        return self._incoming(upload)

    async def resume(self, path: bytes | str, offset: int | None = None) -> IncomingUpload:
        """An upload that goes on at *offset*, or at the end of what the customer is shown when it is None.

        It goes on with the unfinished upload of that name; where there is none, with a copy of the
        file of that name that is here, since its sender adds to it; else it begins anew.
        """
        try:
            self._check_may_send()
            upload = await self._workers.run(self._resume, self._file_name(path), offset)
        except NotAccepted as refusal:
            self._tell(UploadRefused(self.customer.name, self.channel, shown(path), refusal.for_us()))
            raise
        return self._incoming(upload)

    async def rename(self, old: bytes | str, new: bytes | str) -> Delivery:
        """Give an unfinished upload its final name, which accepts it; any other rename is refused."""
        try:
            self._check_may_send()
            delivery = await self._workers.run(self._rename, self._file_name(old), self._file_name(new))
        except NotAccepted as refusal:
            self._refused("rename", old, refusal)
            raise
        self._tell(DeliveryAccepted(delivery))
        return delivery

    async def remove(self, path: bytes | str) -> None:
        """Succeed, and delete nothing, where a client is about to replace a file; else refuse."""
        try:
            name = self._file_name(path)
            if not await self._workers.run(self._spool.waits_for, self.customer.name, name):
                raise DeleteRefused
        except NotAccepted as refusal:
            self._refused("delete", path, refusal)
            raise

    def refuse_folder(self, path: bytes | str) -> NotAccepted:
        """The refusal to make or remove a folder, told."""
        return self._refused("folder", path, FolderRefused())

    def refuse_link(self, path: bytes | str) -> NotAccepted:
        """The refusal to make a link, told."""
        return self._refused("link", path, LinkRefused())

    def name(self, path: bytes | str) -> str:
        """The name of the file at *path*, "" for the root folder.  Raises NoFolders or BadName."""
        return name_at(path if isinstance(path, str) else decode_name(path))

    def _check_may_send(self) -> None:
        if not self._may_send():
            raise AccountClosed

    def _file_name(self, path: bytes | str) -> str:
        name = self.name(path)
        if not name:
            raise NoSuchFile("That is the root folder.")
        return name

    def _resume(self, name: str, offset: int | None) -> Upload:
        """On a worker thread."""
        customer = self.customer.name
        try:
            upload = self._spool.resume(customer, name)
        except NoSuchFile:
            there = self._spool.roots.get(customer, name)
            upload = self._spool.begin(customer, name, channel=self.channel, peer=self.peer)
            if there is None or there.sequence is None or offset == 0:
                return upload
            size = there.size if offset is None else min(offset, there.size)
            return self._from(upload, there.sequence, size)
        end = upload.shown if offset is None else offset
        if end < upload.size:
            try:
                upload.set_size(end)
            except NotAccepted:
                self._spool.put_down(upload)
                raise
        return upload

    def _from(self, upload: Upload, sequence: int, size: int) -> Upload:
        try:
            with self._spool.open_delivery(sequence) as earlier:
                upload.begin_with(earlier, size)
        except NotAccepted:
            self._spool.drop(upload)
            raise
        return upload

    def _rename(self, old: str, new: str) -> Delivery:
        """On a worker thread."""
        if not is_temporary(old) or is_temporary(new):
            raise NameChangeRefused
        return self._spool.accept_kept(self.customer.name, old, new)

    def _incoming(self, upload: Upload) -> IncomingUpload:
        return IncomingUpload(upload, spool=self._spool, workers=self._workers, tell=self._tell)

    def _refused(self, request: str, path: bytes | str, refusal: NotAccepted) -> NotAccepted:
        self._tell(RequestRefused(self.customer.name, self.channel, request, shown(path), refusal.for_us()))
        return refusal


def shown(path: bytes | str) -> str:
    """*path* for a log line, not longer than a line."""
    text = path if isinstance(path, str) else path.decode("utf-8", "backslashreplace")
    return text if len(text) <= 300 else f"{text[:300]}…"
