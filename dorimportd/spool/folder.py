"""The folder of an upload in incoming/: what its files say, and whose it is at this moment.

file     holds
data     the bytes, at their offsets
upload   the note: name, channel, peer, when it began
gap      only while bytes came ahead of their turn: the size up to which all bytes are there
whole    only under a temporary name, when its sender has closed it: it waits for its final name
kept     the size up to which all is on the disk, once its sender was gone
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from dorimportd.errors import UploadBusy
from dorimportd.spool.durable import refuse_link
from dorimportd.words import Channel


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of an upload besides its bytes."""

    name: str  # as the sender named the file
    channel: Channel
    peer: str
    began_at: str  # ISO 8601
    recovered: bool = False  # of a mail that came to the archive address, and not to the customer

    @classmethod
    def read(cls, folder: Path) -> Note:
        """The note of the upload *folder*.  Raises OSError, or ValueError for one that was cut by a crash."""
        refuse_link(folder)
        values = json.loads((folder / "upload").read_text(encoding="utf-8"))
        given = (values["name"], Channel(values["channel"]), values["peer"], values["began_at"])
        return cls(*given, values.get("recovered", False))

    def write(self, folder: Path) -> None:
        (folder / "upload").write_text(json.dumps(asdict(self)), encoding="utf-8")


def claim(folder: Path) -> int:
    """Open the bytes of the upload *folder*, which nobody else has open then, in no process.

    Raises UploadBusy or OSError.
    """
    refuse_link(folder)
    handle = os.open(folder / "data", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it until now may have made a delivery of it after we opened it.
        if not os.path.samestat(os.fstat(handle), (folder / "data").stat()):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    except BlockingIOError as error:
        os.close(handle)
        raise UploadBusy from error
    except OSError:
        os.close(handle)
        raise
    return handle


def remove_unclaimed(folder: Path) -> bool:
    """Remove the upload *folder* and its bytes, unless somebody writes it or it is gone; whether it was.

    Raises OSError.
    """
    try:
        handle = claim(folder)
    except (UploadBusy, FileNotFoundError):
        return False
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)
    return True


def received_size(folder: Path) -> int:
    """How many bytes of the upload *folder* are there without a gap.  Raises OSError, ValueError."""
    gap = folder / "gap"
    return int(gap.read_text()) if gap.exists() else (folder / "data").stat().st_size


def is_whole(folder: Path) -> bool:
    """Whether the sender of the upload *folder* has closed it and written nothing since."""
    try:
        return int((folder / "whole").read_text()) == received_size(folder)
    except (OSError, ValueError):
        return False


def shown_size(folder: Path) -> int:
    """How many bytes of the upload *folder* its sender is told to be here.  Raises OSError, ValueError.

    One fewer than there are, unless it was closed: all may have come before the connection was lost, and a
    client that found its file here in full would take it for sent, and never close it.
    """
    size = received_size(folder)
    return size if is_whole(folder) else max(0, size - 1)
