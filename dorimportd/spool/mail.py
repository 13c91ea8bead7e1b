"""Messages as they came: every one is kept, also one that was refused.

A message lies in a folder named by the digest of its Message-ID, so that all copies of one message lie
together: the one that carried a delivery, and the one that came to the archive address.

    TOKEN.eml    the message, byte for byte; TOKEN.eml.gz when it is old
    TOKEN.json   its note: who sent it to whom, and what became of it
    archive      empty: one of the copies came to the archive address
    unclaimed    what was recovered of the message, see mail_claims.py

A message that came to the archive address has a mark, too, until it is known whether its customers got
it: an empty file in a folder of marks, so that nobody has to look at all mails.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

from dorimportd.errors import SpoolFailing, TooLarge
from dorimportd.instants import reach
from dorimportd.spool.bytes import PACKED, open_bytes
from dorimportd.spool.bytes import remove as remove_bytes
from dorimportd.spool.durable import LastingFolders, make_folder, remove, replace, sync_folder, write_synced
from dorimportd.spool.layout import Layout, token
from dorimportd.spool.room import SPACE_CHECKED_EVERY, Room, because

EML: Final = ".eml"
ARCHIVE: Final = "archive"


@dataclass(frozen=True, slots=True)
class MailNote:
    """What is known of a kept message besides its bytes."""

    message_id: str
    reverse_path: str
    forward_paths: tuple[str, ...]
    archive: bool  # it came to the archive address (too)
    peer: str
    received_at: str  # ISO 8601, UTC
    size: int  # bytes
    deliveries: tuple[int, ...] = ()  # sequences, of what was sent to its customers
    refusal: str | None = None  # why there is no delivery: what the sender was told, if anything
    customers: tuple[str, ...] = ()  # to whom it was sent
    after: int | None = None  # while deliveries are made of it: all of them have a sequence above
    recovered: tuple[int, ...] = ()  # deliveries made since a customer did not get it


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A message that is kept, with its note."""

    path: Path  # of the .eml file, under which `open` finds the bytes also when they are compressed
    note: MailNote

    def open(self) -> BinaryIO:
        """The message as it came.  Raises SpoolFailing."""
        try:
            return open_bytes(self.path)
        except OSError as error:
            raise because(error) from error

    def remove(self) -> int:
        """Keep it no longer, durably; how many bytes it had on the disk.  Raises OSError."""
        size = remove_bytes(self.path)
        self.path.with_suffix(".json").unlink(missing_ok=True)
        return size

    def settle(self, note: MailNote) -> None:
        """Write what became of it.  Raises SpoolFailing."""
        try:
            replace(self.path.with_suffix(".json"), note_text(note))
            reach("mail.settled")
        except OSError as error:
            raise because(error) from error


class MailUpload:
    """A message arriving, in a file of its own as its bytes come."""

    def __init__(self, layout: Layout, *, room: Room, folders: LastingFolders) -> None:
        """*folders* are those of the beginnings of the digests."""
        self._layout = layout
        self._folders = folders
        self._room = room
        self.path = layout.incoming / f"{token()}.eml"
        self.size = 0  # bytes
        self._unchecked = 0  # bytes written since the free space was looked at
        try:
            room.check(layout.incoming)
            self._file = self.path.open("xb", buffering=0)
            reach("mail.begun")
        except OSError as error:
            raise because(error) from error

    def write(self, content: bytes) -> None:
        """Add *content*.  Raises TooLarge, NoSpace or SpoolFailing."""
        if self.size + len(content) > self._room.largest:
            raise TooLarge
        try:
            self._check_space(len(content))
            view = memoryview(content)
            while view:
                view = view[self._file.write(view) :]
            reach("mail.written")
        except OSError as error:
            raise because(error) from error
        self.size += len(content)

    def _check_space(self, more: int) -> None:
        self._unchecked += more
        if self._unchecked >= SPACE_CHECKED_EVERY:
            self._room.check(self._layout.incoming, more)
            self._unchecked = 0

    def keep(self, note: MailNote) -> KeptMail:
        """Put the message among those that are kept.

        On return message, note and directory entries are on the disk.  Raises NoSpace or SpoolFailing, and
        then it is not there.
        """
        folder = mail_folder(self._layout, note.message_id)
        target = folder / self.path.name
        try:
            os.fsync(self._file.fileno())
            reach("mail.synced")
            self._file.close()
            self._folders.make(folder.parent)
            make_folder(folder)
            reach("mail.folder_made")
            write_synced(target.with_suffix(".json"), note_text(note))
            reach("mail.note_written")
            if note.archive:
                (folder / ARCHIVE).touch(mode=0o640)
            self.path.rename(target)
            reach("mail.renamed")
            sync_folder(folder)
            reach("mail.folder_synced")
        except OSError as error:
            remove(target)
            remove(target.with_suffix(".json"))
            raise because(error) from error
        return KeptMail(target, note)

    def drop(self) -> None:
        """Remove what came: the connection was lost before the message ended, or it is too large."""
        self._file.close()
        remove(self.path)  # or the next start does


def digest_of(message_id: str) -> str:
    """What names the folder of a message and its mark."""
    return hashlib.sha256(message_id.encode("utf-8", "surrogateescape")).hexdigest()


def folder_of(layout: Layout, digest: str) -> Path:
    """Where all copies of a message lie."""
    return layout.mail / digest[:2] / digest


def mail_folder(layout: Layout, message_id: str) -> Path:
    """Where all copies of the message lie."""
    return folder_of(layout, digest_of(message_id))


def copies(layout: Layout, message_id: str) -> Iterator[KeptMail]:
    """All copies of a message that are kept, the oldest first.  Raises SpoolFailing."""
    return copies_in(mail_folder(layout, message_id))


def copies_in(folder: Path) -> Iterator[KeptMail]:
    """All copies that lie in *folder*, the oldest first.  Raises SpoolFailing."""
    yield from sorted(some_copies_in(folder), key=lambda each: each.note.received_at)


def some_copies_in(folder: Path) -> Iterator[KeptMail]:
    """The copies that lie in *folder*, in no order: only those that are asked for are read.

    Raises SpoolFailing.
    """
    seen = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name.removesuffix(PACKED)
                if path.suffix == EML and path not in seen:
                    seen.add(path)
                    yield KeptMail(path, read_note(path.with_suffix(".json")))
    except FileNotFoundError:
        return
    except OSError as error:
        raise because(error) from error


def came_to_archive(folder: Path) -> bool:
    """Whether one of the copies in *folder* did.  Raises SpoolFailing."""
    try:
        return (folder / ARCHIVE).exists()
    except OSError as error:
        raise because(error) from error


@contextmanager
def deciding(folder: Path) -> Iterator[None]:
    """Decide about the copies in *folder*, nobody else meanwhile.  Raises SpoolFailing."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise because(error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# Marks.


def mark(layout: Layout, message_id: str) -> None:
    """Say that a message came to the archive; on return the mark is on the disk.  Raises SpoolFailing."""
    try:
        (layout.alone / digest_of(message_id)).touch(mode=0o640)
        sync_folder(layout.alone)
    except OSError as error:
        raise because(error) from error


def marked(layout: Layout, grace_seconds: float, now: float) -> list[str]:
    """The digests of messages whose mark is older than *grace_seconds* at *now*, seconds of this clock.

    A mark from the future was made before the clock was set back: nobody knows its age.  Raises OSError.
    """
    found = [(each.stat().st_mtime, each.name) for each in os.scandir(layout.alone)]
    return [name for made_at, name in sorted(found) if not 0 <= now - made_at < grace_seconds]


def unmark(layout: Layout, digest: str) -> None:
    """It is known what became of the message.  Raises OSError."""
    (layout.alone / digest).unlink(missing_ok=True)


def note_text(note: MailNote) -> str:
    return json.dumps(asdict(note), ensure_ascii=False, indent=1) + "\n"


def read_note(path: Path) -> MailNote:
    """The note in the file *path*.  Raises SpoolFailing."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        for key in ("forward_paths", "deliveries", "customers", "recovered"):
            values[key] = tuple(values.get(key, ()))
        return MailNote(**values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpoolFailing(f"The note of a mail cannot be read: {path}: {error}.") from error
