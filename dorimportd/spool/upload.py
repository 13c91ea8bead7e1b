"""Bytes arriving: an upload is a folder in incoming/ until it becomes a delivery or is dropped.

Half an upload never looks whole: only `accept` makes a delivery of it, and it refuses one that has a
gap.  After a power cut it is cut to what was synced.  Everything here blocks on the disk and runs on a
worker thread, for one upload on one at a time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from heapq import heappop, heappush
from pathlib import Path
from typing import BinaryIO, Final

from dorimportd.errors import Incomplete, NoSpace, SpoolFailing, TooLarge
from dorimportd.instants import reach
from dorimportd.spool.durable import sync_file, sync_folder, write_synced
from dorimportd.spool.folder import Note, claim, is_whole, received_size, shown_size
from dorimportd.spool.room import SPACE_CHECKED_EVERY, Room, because

READ_SIZE: Final = 1 << 20  # bytes
LARGEST_OFFSET: Final = (1 << 63) - 1
# A gap that ends with the file would cost as much disk as its length on some file systems.
FARTHEST_AHEAD: Final = 64 << 20  # bytes: more than any client sends before it waits for an answer
MOST_AHEAD: Final = 10_000  # pieces


class Upload:
    """One upload that is open for writing, in this process alone.

    `size` is the number of bytes from the start without a gap.

    Raises UploadBusy when it is open already, and OSError.
    """

    def __init__(self, folder: Path, customer: str, note: Note, *, room: Room) -> None:
        self.folder = folder
        self.customer = customer
        self.note = note
        self._room = room
        # Of what came strictly in order; None when it did not, then it is read at the end.
        self._digest: hashlib._Hash | None = hashlib.sha256()
        self._ahead: list[tuple[int, int]] = []  # start and end of what came before its turn; a heap
        self._unchecked = 0  # bytes written since the free space was looked at
        self.size = 0
        self.shown = 0  # bytes that its sender was told to be here, before it was resumed
        self.broken = False  # a sync failed: what the disk holds is not known any more
        self.unplaced = False  # there was no space for all of it: what came gives its own back
        self._kept = False  # there may be a mark of what is on the disk
        self._handle = claim(folder)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def write(self, offset: int, content: bytes | memoryview) -> None:
        """Put *content* at *offset*; bytes may come in any order, and again.

        Raises TooLarge, NoSpace or SpoolFailing; the upload then stays as it was.
        """
        end = offset + len(content)
        if offset < 0 or end > min(self._room.largest, LARGEST_OFFSET):
            raise TooLarge
        if offset > self.size + FARTHEST_AHEAD or len(self._ahead) >= MOST_AHEAD:
            raise Incomplete
        try:
            self._check_space(len(content))
            if self._kept and offset < self.size:
                self._unmark()
            if offset > self.size:
                self._note_gap()
            self._write_at(offset, content)
            reach("upload.written", self.note.name)
        except NoSpace:
            self.unplaced = True
            raise
        except OSError as error:
            refusal = because(error)
            self.unplaced = isinstance(refusal, NoSpace)
            raise refusal from error
        self._count(offset, content)

    def set_size(self, size: int) -> None:
        """Cut the upload to *size* bytes when it is longer; one that is shorter stays as it is.

        Raises SpoolFailing.
        """
        if size >= self.size:
            return
        try:
            self._unmark()
            os.ftruncate(self._handle, size)
            (self.folder / "gap").unlink(missing_ok=True)
        except OSError as error:
            raise because(error) from error
        self._ahead.clear()
        self._digest = None
        self.size = size

    def resume(self, *, writing: bool = True) -> None:
        """Go on after the bytes that are here already: all of them up to the first gap.

        One that was closed is no longer whole, if it is for *writing*.  Raises SpoolFailing.
        """
        try:
            size = received_size(self.folder)
            self.shown = shown_size(self.folder)
            self._kept = True
            if writing and (self.folder / "whole").exists():
                self._unmark()
            os.ftruncate(self._handle, size)
            (self.folder / "gap").unlink(missing_ok=True)
            reach("upload.resumed", self.note.name)
        except (OSError, ValueError) as error:
            raise SpoolFailing from error
        self._digest = None
        self.size = size

    def begin_with(self, earlier: BinaryIO, size: int) -> None:
        """Take the first *size* bytes from the file *earlier*: its sender appends to it.

        Raises Incomplete when it is shorter, NoSpace or SpoolFailing.
        """
        try:
            while self.size < size:
                piece = earlier.read(min(READ_SIZE, size - self.size))
                if not piece:
                    raise Incomplete
                self.write(self.size, piece)
        except OSError as error:
            raise because(error) from error

    def check_whole(self) -> None:
        """Raises Incomplete when there is a gap."""
        if self._ahead:
            raise Incomplete

    def sync(self) -> None:
        """On return all bytes that came are on the disk.

        Raises NoSpace or SpoolFailing; the upload is then `broken`, and never accepted.
        """
        if self.broken:
            raise SpoolFailing
        try:
            if not self._ahead:
                self._cut(self._handle)
            os.fsync(self._handle)
            reach("upload.synced", self.note.name)
        except OSError as error:
            self.broken = True
            raise because(error) from error

    def sync_names(self) -> None:
        """On return the names in its folder are on the disk.  Raises OSError; it is then `broken`, too."""
        try:
            sync_folder(self.folder)
        except OSError:
            self.broken = True
            raise

    def keep_whole(self) -> None:
        """Its sender says that this is all of it, under a name that is not its final one.

        On return bytes, note, mark and all names are on the disk.  Raises Incomplete, NoSpace, SpoolFailing.
        """
        self.check_whole()
        self._keep("whole")

    def keep(self) -> None:
        """What came so far is to be resumed: on return it is on the disk, unless it was there already.

        Raises NoSpace or SpoolFailing; unless it is `broken` then, it can be resumed until a power cut.
        """
        if not is_whole(self.folder):
            self._ahead.clear()
            self._keep("kept")

    def _keep(self, mark: str) -> None:
        self.sync()
        try:
            write_synced(self.folder / mark, str(self.size))
            reach("upload.marked", self.note.name)
            self._sync_place()
            reach("upload.mark_synced", self.note.name)
        except OSError as error:
            raise because(error) from error

    def _sync_place(self) -> None:
        """Have its note, and the way to it from incoming/ on, on the disk."""
        self.sync_names()
        try:
            sync_file(self.folder / "upload")
            sync_folder(self.folder.parent)
            sync_folder(self.folder.parent.parent)
        except OSError:
            self.broken = True
            raise

    def sha256(self) -> str:
        """Of all bytes, 64 hexadecimal digits.  Raises SpoolFailing."""
        if self._digest is None:
            self._digest = self._read_digest()
        return self._digest.hexdigest()

    def close(self) -> None:
        """Write no more.  What came ahead of its turn is dropped, so that what is left has no gap.

        Raises OSError.
        """
        if self._handle < 0:
            return
        handle, self._handle = self._handle, -1
        try:
            self._cut(handle)
        finally:
            os.close(handle)

    def let_go(self) -> None:
        """Write no more, and leave everything as it lies: it could not be read."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def drop(self) -> None:
        """Remove the upload and all its bytes."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.let_go()

    def _cut(self, handle: int) -> None:
        """Drop what a refused write left, and what lies behind a gap."""
        there = os.fstat(handle).st_size
        if there > self.size:
            os.ftruncate(handle, self.size)
        elif there < self.size:
            raise OSError(errno.EIO, "bytes that were written are gone")
        (self.folder / "gap").unlink(missing_ok=True)

    def _unmark(self) -> None:
        """What was kept is written over now: after a power cut nobody must take it for what it was."""
        for mark in ("whole", "kept"):
            (self.folder / mark).unlink(missing_ok=True)
        self.sync_names()
        self._kept = False

    def _check_space(self, more: int) -> None:
        self._unchecked += more
        if self._unchecked >= SPACE_CHECKED_EVERY:
            self._room.check(self.folder, more)
            self._unchecked = 0

    def _note_gap(self) -> None:
        """Say on the disk, before bytes go behind a gap, where it begins: a crash must not hide it."""
        if not self._ahead:
            (self.folder / "gap").write_text(str(self.size))
            reach("upload.gap_noted", self.note.name)

    def _write_at(self, offset: int, content: bytes | memoryview) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(self._handle, view, offset)
            view, offset = view[written:], offset + written

    def _count(self, offset: int, content: bytes | memoryview) -> None:
        end = offset + len(content)
        if offset > self.size:
            heappush(self._ahead, (offset, end))
            self._digest = None
        elif offset == self.size and self._digest is not None:
            self._digest.update(content)
            self.size = end
        else:  # over bytes that are here already, or behind a gap that is closing
            self._digest = None
            self.size = max(self.size, end)
            self._close_gap()

    def _close_gap(self) -> None:
        if not self._ahead:
            return
        while self._ahead and self._ahead[0][0] <= self.size:
            self.size = max(self.size, heappop(self._ahead)[1])
        if not self._ahead:
            (self.folder / "gap").unlink(missing_ok=True)

    def _read_digest(self) -> hashlib._Hash:
        try:
            with self.data.open("rb") as file:
                return hashlib.file_digest(file, hashlib.sha256)
        except OSError as error:
            raise SpoolFailing from error
