"""Uploads that are no delivery yet: begun, resumed, put down, shown under their names, dropped when old.

Everything here blocks on the disk and runs on a worker thread; its methods may be called from any.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from dorimportd.errors import NoSuchFile, NotAccepted, SpoolFailing, TooManyUnfinished
from dorimportd.instants import reach
from dorimportd.spool.boot import mend
from dorimportd.spool.durable import refuse_link
from dorimportd.spool.folder import Note, is_whole, remove_unclaimed, shown_size
from dorimportd.spool.layout import Layout, token
from dorimportd.spool.names import check_name, final_name
from dorimportd.spool.room import Room, because
from dorimportd.spool.roots import Entry
from dorimportd.spool.unfinished import Unfinished
from dorimportd.spool.upload import Upload
from dorimportd.words import Channel

# On these a client that begins a name anew has given up the broken upload of it.
RESUMES: Final = (Channel.SFTP, Channel.FTP)
# Of one customer: each is looked at whenever it asks for a file, on a thread that others wait for.
MOST_UNFINISHED: Final = 1000


class Incoming:
    """The folder incoming/ of a spool; *room* says how much an upload may take at this moment."""

    def __init__(self, layout: Layout, room: Callable[[], Room]) -> None:
        self._layout = layout
        self._room = room
        self._open: dict[Path, Upload] = {}
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Remove what a crash left and nobody can go on with.  Raises OSError."""
        for left in self._layout.incoming.glob("*.eml"):
            left.unlink()  # its sender got no 250
        for folder in self._folders():
            (folder / "envelope").unlink(missing_ok=True)
            if not may_be_resumed(folder):
                remove_unclaimed(folder)
        mend(self._layout, self._folders())

    def count(self) -> int:
        """How many uploads there are."""
        return sum(1 for _ in self._folders())

    def _folders(self) -> Iterator[Path]:
        """Of all uploads; a link is none of ours."""
        for customer in self._layout.incoming.iterdir():
            if customer.is_dir() and not customer.is_symlink():
                yield from (each for each in customer.iterdir() if each.is_dir() and not each.is_symlink())

    def begin(
        self, customer: str, name: str, *, channel: Channel, peer: str, recovered: bool = False
    ) -> Upload:
        """A new upload of *name*; a broken one of that name is dropped when it could have been resumed.

        Raises BadName, TooManyUnfinished, NoSpace or SpoolFailing.
        """
        check_name(name)
        folder = self._layout.incoming / customer / token()
        note = Note(name, channel, peer, datetime.now(UTC).isoformat(), recovered)
        try:
            self._room().check(self._layout.incoming)
            refuse_link(folder.parent)
            if channel in RESUMES and count_of(folder.parent) >= MOST_UNFINISHED:
                raise TooManyUnfinished
            folder.mkdir(mode=0o750, parents=True)
            reach("upload.folder_made", name)
            upload = self._opened(folder, customer, note)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise because(error) from error
        try:
            reach("upload.claimed", name)
            note.write(folder)  # only now, that it is claimed, can others find it
            reach("upload.note_written", name)
            if channel in RESUMES:
                self.drop_earlier(customer, name, folder)
        except OSError as error:
            self.drop(upload)
            raise because(error) from error
        return upload

    def resume(self, customer: str, name: str) -> Upload:
        """The unfinished upload of *name*, to go on with.

        Raises NoSuchFile when there is none, UploadBusy when another session writes it, SpoolFailing.
        """
        return self.reopened(*self.find(customer, name), customer, writing=True)

    def reopened(self, folder: Path, note: Note, customer: str, *, writing: bool) -> Upload:
        try:
            upload = self._opened(folder, customer, note)
        except FileNotFoundError as error:
            raise NoSuchFile from error
        except OSError as error:
            raise because(error) from error
        try:
            upload.resume(writing=writing)
        except SpoolFailing:
            upload.let_go()
            self.forget(upload)
            raise
        return upload

    def put_down(self, upload: Upload) -> None:
        """Nobody writes *upload* any more; it is kept, unless it is empty, broken or unplaced."""
        if upload.broken or upload.unplaced or (upload.size == 0 and not is_whole(upload.folder)):
            upload.drop()
        else:
            keep(upload)
        try:
            upload.close()
        except OSError:
            upload.drop()  # what lies there is not known any more
        self.forget(upload)

    def drop(self, upload: Upload) -> None:
        """Nobody writes *upload* any more, and it is of no use."""
        upload.drop()
        self.forget(upload)

    def waits_for(self, customer: str, name: str) -> bool:
        """Whether an unfinished upload under a temporary name will become *name*."""
        return any(final_name(each.name) == name for each in self.partial(customer))

    def partial(self, customer: str) -> Iterator[Entry]:
        for folder, note in self._unfinished(customer):
            with self._lock:
                upload = self._open.get(folder)
            try:
                status = (folder / "data").stat()
                size = shown_size(folder) if upload is None else upload.size
            except (OSError, ValueError):
                continue  # it was accepted or dropped meanwhile
            yield Entry(note.name, size, int(status.st_mtime), None)

    def unfinished(self, customer: str) -> list[Unfinished]:
        """The uploads of *customer* that can be resumed, or are being written, by name."""
        found = []
        for folder, _ in self._unfinished(customer):
            try:
                found.append(Unfinished.read(folder))
            except FileNotFoundError:
                continue  # it was accepted or dropped meanwhile
        return sorted(found, key=lambda each: (each.name, each.began_at))

    def drop_unfinished(self, before: datetime) -> list[Unfinished]:
        """Remove uploads that nobody writes and whose last byte came before *before*; which they were."""
        dropped = []
        for folder in self._folders():
            try:
                touched = max(each.stat().st_mtime for each in (folder, *folder.iterdir()))
                if touched < before.timestamp():
                    upload = Unfinished.read(folder)
                    if remove_unclaimed(folder):
                        dropped.append(upload)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it was accepted or dropped meanwhile, or is none of ours
        return dropped

    def open(self, customer: str, name: str) -> BinaryIO:
        """The bytes of an unfinished upload, for reading.  Raises NoSuchFile or SpoolFailing."""
        folder, _ = self.find(customer, name)
        try:
            return os.fdopen(os.open(folder / "data", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb")
        except OSError as error:
            raise because(error) from error

    def forget(self, upload: Upload) -> None:
        with self._lock:
            self._open.pop(upload.folder, None)

    def drop_earlier(self, customer: str, name: str, newest: Path) -> None:
        """Drop broken uploads of *name* but the *newest*."""
        for folder, note in self._unfinished(customer):
            if note.name == name and folder != newest:
                remove_unclaimed(folder)

    def _opened(self, folder: Path, customer: str, note: Note) -> Upload:
        upload = Upload(folder, customer, note, room=self._room())
        with self._lock:
            self._open[folder] = upload
        return upload

    def _unfinished(self, customer: str) -> Iterator[tuple[Path, Note]]:
        """Uploads of *customer* that can be resumed, the newest last.

        One whose note was cut by a crash is passed over.
        """
        found = []
        incoming = self._layout.incoming / customer
        for folder in () if incoming.is_symlink() else incoming.glob("*"):
            try:
                found.append((folder, Note.read(folder)))
            except (OSError, ValueError, KeyError):
                continue  # it was accepted or dropped meanwhile, or has no note: age removes it
        resumable = (each for each in found if each[1].channel in RESUMES)
        yield from sorted(resumable, key=lambda each: each[1].began_at)

    def find(self, customer: str, name: str) -> tuple[Path, Note]:
        for folder, note in reversed(list(self._unfinished(customer))):
            if note.name == name:
                return folder, note
        raise NoSuchFile


def may_be_resumed(folder: Path) -> bool:
    """Whether the sender of the upload *folder* can go on with it; also where nobody knows who that is."""
    try:
        return Note.read(folder).channel in RESUMES
    except (OSError, ValueError, KeyError):
        return True


def keep(upload: Upload) -> None:
    """Have what came of *upload* outlive a power cut, if the disk takes it."""
    try:
        upload.keep()
    except NotAccepted:
        if upload.broken:
            upload.drop()  # what the disk has of it is not known


def count_of(folder: Path) -> int:
    """How many names *folder* has, 0 when it is not there.  Raises OSError."""
    try:
        return len(os.listdir(folder))
    except FileNotFoundError:
        return 0
