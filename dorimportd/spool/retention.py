"""What is old in the spool: its deliveries by folders of a thousand, its mails by the folder of their digest.

accepted/000000/retention    JSON, a Note: what of that folder can be left alone, and until when
mail/ab/retention            the mails that no compressing makes smaller, one a line; written when all of that
                             folder were looked at

So a round over a million deliveries reads a thousand notes, and goes into those folders alone in which
something has become old enough.  Everything here blocks on the disk; one thread works here.
"""

from __future__ import annotations

import errno
import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

from dorimportd.errors import Interrupted
from dorimportd.spool.bytes import DATA, compress, mark_removed, remove, removed_at
from dorimportd.spool.durable import locked, replace, sync_file
from dorimportd.spool.layout import PER_FOLDER, Layout
from dorimportd.spool.mail import ARCHIVE, EML, KeptMail, mail_folder, some_copies_in
from dorimportd.spool.mail_claims import forget_claims
from dorimportd.spool.outcomes import OUTCOME
from dorimportd.spool.spool import Spool
from dorimportd.words import Delivery

NOTE: Final = "retention"
DAY: Final = 86_400  # seconds
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Before(NamedTuple):
    """What is old: seconds since 1970 before which it was decided."""

    compress: float
    remove: float | None  # None: nothing is removed


class Note(NamedTuple):
    """How far the retention of a folder is."""

    plain_since: float | None = 0.0  # nothing here was decided before that and may still be compressed; None:
    kept_since: float | None = 0.0  # nothing ever may.  The same of what may still be removed
    incompressible: tuple[int, ...] = ()  # no compressing makes these smaller

    def is_due(self, before: Before) -> bool:
        """Whether something here may be old enough, or the clock was ahead when this was written."""
        since = (self.plain_since, self.kept_since)
        ahead = any(each is not None and each > time.time() for each in since)
        return ahead or is_before(since[0], before.compress) or is_before(since[1], before.remove)


def is_before(moment: float | None, limit: float | None) -> bool:
    return moment is not None and limit is not None and moment < limit


def read_note(folder: Path) -> Note:
    """The note of the *folder*; where there is none, or it is damaged, one that makes it be looked at."""
    try:
        plain_since, kept_since, incompressible = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return Note(plain_since, kept_since, tuple(incompressible))
    except (FileNotFoundError, ValueError, TypeError):
        return Note()


def write_note(folder: Path, note: Note) -> None:
    """On return it is on the disk, as is all that it says.  Raises OSError."""
    replace(folder / NOTE, json.dumps(note) + "\n")


@contextmanager
def alone(layout: Layout) -> Iterator[bool]:
    """Whether nobody reads all deliveries now; if so, whoever wants to waits until the end."""
    with layout.retention.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


# Deliveries.


def folders(layout: Layout) -> list[Path]:
    """Those in which deliveries are, in order.  Raises OSError."""
    return sorted(each for each in layout.accepted.iterdir() if each.name.isdigit())


def numbers_of(folder: Path) -> range:
    """The sequences that the deliveries in *folder* may have."""
    first = int(folder.name) * PER_FOLDER
    return range(first, first + PER_FOLDER)


def deliveries_in(spool: Spool, folder: Path) -> list[int]:
    """The sequences of the deliveries in *folder*.  Raises OSError."""
    numbers = numbers_of(folder)
    return list(takewhile(lambda each: each < numbers.stop, spool.sequences(numbers.start - 1)))


def is_full(spool: Spool, folder: Path) -> bool:
    """Whether no more deliveries come into *folder*.  Raises OSError."""
    return spool.sequence.last() >= numbers_of(folder).stop - 1


def data_of(spool: Spool, sequence: int) -> Path:
    return spool.layout.delivery(sequence) / DATA


def remove_delivery(spool: Spool, delivery: Delivery, limit: float) -> int | None:
    """Remove the bytes of *delivery* and its mails; how many there were on the disk.

    None, and nothing is done, when it was not decided before *limit*: somebody may have had it retried
    meanwhile.  Raises NotAccepted or OSError; the same call again is then right.
    """
    sequence = delivery.sequence
    folder = spool.layout.delivery(sequence)
    with locked(folder):
        if removed_at(folder) is None:
            if not is_before(spool.outcomes.settled_at(sequence), limit):
                return None
            sync_file(folder / OUTCOME)
            mark_removed(folder)
    spool.roots.drop(delivery)
    return remove_mails(spool, delivery.envelope.message_id) + remove(folder / DATA)


# Mails.


def remove_mails(spool: Spool, message_id: str | None) -> int:
    """Remove all copies of a message, when all deliveries that came of it are removed; how many bytes."""
    if message_id is None:
        return 0
    folder = mail_folder(spool.layout, message_id)
    copies: list[KeptMail] = []
    for copy in some_copies_in(folder):
        if any(spool.removed_at(each) is None for each in (*copy.note.deliveries, *copy.note.recovered)):
            return 0  # mostly soon: a message may have been sent ten thousand times
        copies.append(copy)
    if copies:
        forget_claims(folder)
        (folder / ARCHIVE).unlink(missing_ok=True)
    return sum(each.remove() for each in copies)


def mail_folders(layout: Layout) -> list[Path]:
    """Those in which mails are, by the beginning of their digest.  Raises OSError."""
    return sorted(each for each in layout.mail.iterdir() if each.is_dir() and each != layout.alone)


def were_looked_at(folder: Path) -> bool:
    """Whether that was within a day: mails come into every folder at any time."""
    try:
        return abs(time.time() - (folder / NOTE).stat().st_mtime) < DAY
    except FileNotFoundError:
        return False


def compress_mails(
    folder: Path, limit: float, stopping: Callable[[], bool], failed: Callable[[str, OSError], None]
) -> Iterator[int]:
    """Compress the mails in *folder* that came before *limit*; how many bytes fewer each has.

    *failed* is told of a mail that stays as it is for a fault of the disk.  Raises Interrupted, and OSError
    when the disk is full.
    """
    stay = incompressible_mails(folder)
    for path in sorted(folder.glob(f"*/*{EML}")):
        if stopping():
            raise Interrupted
        if path.name in stay or path.stat().st_mtime >= limit:
            continue
        try:
            saved = compress(path, stopping)
        except OSError as error:
            if error.errno in FULL:
                raise
            failed(f"the mail {path}", error)
            continue
        if saved:
            yield saved
        else:
            stay.add(path.name)
    replace(folder / NOTE, "".join(f"{each}\n" for each in sorted(stay)))


def incompressible_mails(folder: Path) -> set[str]:
    try:
        return set((folder / NOTE).read_text(encoding="utf-8").split())
    except FileNotFoundError:
        return set()
