"""Acceptance: the instant at which an upload becomes a delivery.

An upload is a folder in incoming/, a delivery a folder in accepted/, on the same file system.  The
rename between them is the instant.  A crash before it loses nothing that was acknowledged; after it
the delivery is ours, whatever happens.

    folder                       data   envelope   after a crash
    incoming/CUSTOMER/TOKEN/     some   no         kept for resuming, dropped when it is too old
    incoming/CUSTOMER/TOKEN/     all    yes        the same; the envelope is dropped at once
    accepted/000000/SEQUENCE/    all    yes        a delivery: imported or held, once

Everything here blocks on the disk and runs on a worker thread.  It knows nothing of formats, of the
database, or of the protocol that carried the bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from dorimportd.errors import SpoolFailing
from dorimportd.instants import reach
from dorimportd.spool.durable import make_folder, sync_folder, write_synced
from dorimportd.spool.layout import Layout
from dorimportd.spool.outcomes import Past, write_first
from dorimportd.spool.room import because
from dorimportd.spool.upload import Upload
from dorimportd.words import Channel, Delivery, Envelope

DIGITS: Final = 20  # of the counter, so that it is always overwritten whole


class Sequence:
    """The number that decides which delivery is newer: strictly increasing, across processes.

    The file is the last number taken.  It is written before the delivery gets its name but not synced
    with it: the delivery's own folder name is, and a start counts from the larger of the two.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._made: Path | None = None

    @contextmanager
    def next(self) -> Iterator[int]:
        """The next number, nobody else's.

        Until the block ends nobody else gets one: deliveries appear in the order of their numbers, so
        that one who has read up to a number has missed none below it.  Raises OSError.
        """
        with self._lock, self._layout.sequence.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            number = int(file.read() or b"0") + 1
            os.pwrite(file.fileno(), b"%0*d" % (DIGITS, number), 0)
            yield number

    def make(self, folder: Path) -> None:
        """Make the *folder* of the number just taken, durably; once for all numbers that go there."""
        if folder != self._made:
            make_folder(folder)
            self._made = folder

    def last(self) -> int:
        """The last number that was taken; every delivery up to it has its name.  Raises OSError."""
        with self._layout.sequence.open("rb", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return int(file.read() or b"0")

    def recover(self, known: int = 0) -> None:
        """Make the file where it is missing, and count from what is there, but from *known* at least.

        That is the last number which the store knows: a disk may have lost the delivery, and another one
        of the same number would be taken for it.  Raises OSError.
        """
        handle = os.open(self._layout.sequence, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            last = max(counted(file.read()), highest(self._layout), known)
            os.pwrite(handle, b"%0*d" % (DIGITS, last), 0)
            os.fsync(handle)


def counted(text: bytes) -> int:
    """The number in the file; 0 where a power cut has left none."""
    return int(text) if text.isdigit() else 0


def highest(layout: Layout) -> int:
    """The highest sequence among the deliveries that are there, 0 when there is none."""
    folders = [each.name for each in layout.accepted.iterdir() if each.name.isdigit() and each.is_dir()]
    for folder in sorted(folders, reverse=True):
        names = [each.name for each in (layout.accepted / folder).iterdir()]
        if numbers := [int(name) for name in names if name.isdigit()]:
            return max(numbers)
    return 0


def accept(
    upload: Upload,
    *,
    name: str,
    channel: Channel,
    peer: str,
    received_at: datetime,
    message_id: str | None,
    past: Past | None,
    sequence: Sequence,
    layout: Layout,
) -> Delivery:
    """Turn *upload* into the next delivery, durably, under *name*; with *past* as its outcome, if given.

    On return data, envelope and directory entries are on the disk, so that a reply may now say so
    (guarantee 1).

    Raises Incomplete when bytes are missing, and NoSpace or SpoolFailing when the disk refuses.  If it
    refuses after the rename, that is undone; if even this is refused, the delivery exists although nobody
    was told.  The sender's second attempt then has the same digest and changes nothing.
    """
    upload.check_whole()
    upload.sync()
    envelope = Envelope(
        customer=upload.customer,
        channel=channel,
        name=name,
        size=upload.size,
        sha256=upload.sha256(),
        peer=peer,
        received_at=received_at,
        message_id=message_id,
    )
    try:
        write_synced(upload.folder / "envelope", envelope_text(envelope))
        reach("accept.envelope_written", name)
        if past is not None:
            write_first(upload.folder, past)
        upload.sync_names()
        reach("accept.folder_synced", name)
        with sequence.next() as number:
            reach("accept.numbered", name)
            target = layout.delivery(number)
            sequence.make(target.parent)
            reach("accept.parent_made", name)
            upload.folder.rename(target)  # the instant
            try:
                reach("accept.renamed", name)
                sync_folder(target.parent)
                reach("accept.parent_synced", name)
            except OSError:
                target.rename(upload.folder)  # nobody has seen it there: the turn is still ours
                raise
        upload.close()  # not before: until here nobody else may touch the folder
    except OSError as error:
        raise because(error) from error
    return Delivery(number, envelope)


def envelope_text(envelope: Envelope) -> str:
    """The file `envelope`: JSON, one key a line, so that a person can read it too."""
    return json.dumps(asdict(envelope), default=datetime.isoformat, ensure_ascii=False, indent=1) + "\n"


def read_envelope(text: str) -> Envelope:
    """The envelope in *text*.  Raises SpoolFailing when it is none."""
    try:
        values = json.loads(text)
        values["channel"] = Channel(values["channel"])
        values["received_at"] = datetime.fromisoformat(values["received_at"])
        return Envelope(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise SpoolFailing(f"An envelope cannot be read: {error}.") from error
