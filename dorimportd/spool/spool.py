"""The spool as the other rooms see it: uploads begin here, deliveries are found here.

One Spool for a process; its methods may be called from any thread.  Only the daemon holds the lock;
the command line works beside it, since a sequence is taken across processes.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from heapq import merge
from itertools import chain, islice
from pathlib import Path
from typing import IO, BinaryIO, Final

from dorimportd.errors import (
    Incomplete,
    NoSuchFile,
    NotAccepted,
    SpoolFailing,
    SpoolInUse,
    SpoolUnusable,
    TooLarge,
)
from dorimportd.spool.accept import Sequence, accept, read_envelope
from dorimportd.spool.attempts import Attempts
from dorimportd.spool.bytes import DATA, check_kept, open_bytes, removed_at
from dorimportd.spool.durable import (
    LastingFolders,
    make_folder,
    make_folders,
    replace,
    sync_folder,
    sync_place,
)
from dorimportd.spool.folder import is_whole
from dorimportd.spool.incoming import Incoming
from dorimportd.spool.layout import PER_FOLDER, VERSION, Layout
from dorimportd.spool.mail import KeptMail, MailUpload, copies
from dorimportd.spool.names import check_name
from dorimportd.spool.outcomes import Outcomes, Past
from dorimportd.spool.room import Room, because
from dorimportd.spool.roots import Entry, Roots
from dorimportd.spool.unfinished import Unfinished
from dorimportd.spool.upload import Upload
from dorimportd.words import Channel, Delivery

SORTED_AT_ONCE: Final = 2000  # names


class Spool:
    """The folder tree at *root*, made where it is missing.

    Raises SpoolUnusable.
    """

    def __init__(self, root: Path, *, room: Room) -> None:
        self.layout = Layout(root)
        self.room = room
        self.sequence = Sequence(self.layout)
        self.roots = Roots(self.layout)
        self.outcomes = Outcomes(self.layout)
        self.attempts = Attempts(self.layout)
        self._incoming = Incoming(self.layout, lambda: self.room)
        self._mail_folders = LastingFolders()
        self._lock = threading.Lock()
        self._held: IO[str] | None = None
        self._unshown: list[Delivery] = []
        try:
            self._make()
        except OSError as error:
            raise SpoolUnusable(f"{error.filename or root}: {error.strerror}") from error

    def disk(self) -> os.statvfs_result:
        """The disk that takes uploads, as they see it: what stays free for others counts as taken.

        Raises SpoolFailing.
        """
        try:
            return self.room.seen(os.statvfs(self.layout.root))
        except OSError as error:
            raise SpoolFailing from error

    # The house: made once, held by one daemon.

    def _make(self) -> None:
        make_folders(self.layout.root.parent)
        make_folder(self.layout.root)
        if self.layout.version.exists():
            self._check_version()
        else:
            replace(self.layout.version, f"{VERSION}\n")
        layout = self.layout
        for folder in (layout.incoming, layout.accepted, layout.roots, layout.mail, layout.alone):
            make_folder(folder)
        if not self.layout.sequence.exists():
            self.sequence.recover()

    def _check_version(self) -> None:
        """An older one is ours too: what was added since is missing there, and nothing more."""
        text = self.layout.version.read_text()
        if not text.strip().isdecimal():
            raise SpoolUnusable(f"{self.layout.version} holds no number; restore it from a backup.")
        if int(text) > VERSION:
            raise SpoolUnusable(
                f"The spool {self.layout.root} has layout {int(text)}, and this dorimportd knows up to "
                f"{VERSION}; install the newer dorimportd again, or restore a backup."
            )

    def hold(self) -> None:
        """Work here as the only daemon.  Raises SpoolInUse."""
        held = self.layout.lock.open("a")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held.close()
            raise SpoolInUse(f"another dorimportd works on {self.layout.root}") from error
        self._held = held

    def release(self) -> None:
        """Let another daemon work here."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def recover(self) -> int:
        """Mend what a crash left: call it once at a start, holding the lock.

        From then on no older dorimportd takes the spool for its own.
        Returns the number of unfinished uploads, which are kept for resuming.  Raises SpoolUnusable.
        """
        try:
            sync_place(self.layout.root.parent)
            if int(self.layout.version.read_text()) != VERSION:
                replace(self.layout.version, f"{VERSION}\n")
            self.sequence.recover()
            self._sync_last()
            self._incoming.recover()
            last = self.sequence.last()
            shown = last // PER_FOLDER * PER_FOLDER - 1  # those before were synced when the folder was full
            self.roots.put_all(self.shown(max(0, shown - PER_FOLDER)))
        except OSError as error:
            raise SpoolUnusable(f"{error.filename or self.layout.root}: {error.strerror}") from error
        return self._incoming.count()

    def _sync_last(self) -> None:
        """Who accepted the last delivery may have been killed before he synced its name."""
        self.sync_names([self.sequence.last()])

    def sync_names(self, sequences: Iterable[int]) -> None:
        """On return the names of these deliveries, if they are there, are on the disk.  Raises OSError."""
        for folder in {self.layout.delivery(each).parent for each in sequences}:
            if folder.is_dir():
                sync_folder(folder.parent)
                sync_folder(folder)

    def shown(self, after: int = 0) -> Iterator[Delivery]:
        """The deliveries that customers see: those whose bytes are kept.

        One whose envelope cannot be read is none of them; whoever imports tells of it.
        """
        for sequence in self.sequences(after):
            try:
                if self.removed_at(sequence) is None:
                    yield self.delivery(sequence)
            except NotAccepted:
                continue

    # Uploads: see incoming.py.

    def begin(
        self, customer: str, name: str, *, channel: Channel, peer: str, recovered: bool = False
    ) -> Upload:
        """A new upload of *name*; a broken one of that name is dropped when it could have been resumed.

        Raises BadName, TooManyUnfinished, NoSpace or SpoolFailing.
        """
        return self._incoming.begin(customer, name, channel=channel, peer=peer, recovered=recovered)

    def check_room(self, size: int, here: int = 0) -> None:
        """Raises TooLarge or NoSpace when a file of *size* bytes, *here* of which are here, is not taken now.

        Raises SpoolFailing.
        """
        if size > self.room.largest:
            raise TooLarge
        try:
            self.room.check(self.layout.incoming, more=max(size - here, 0))
        except OSError as error:
            raise because(error) from error

    def resume(self, customer: str, name: str) -> Upload:
        """The unfinished upload of *name*, to go on with.

        Raises NoSuchFile when there is none, UploadBusy when another session writes it, SpoolFailing.
        """
        return self._incoming.resume(customer, name)

    def put_down(self, upload: Upload) -> None:
        """Nobody writes *upload* any more; it is kept, unless it is empty, broken or unplaced."""
        self._incoming.put_down(upload)

    def drop(self, upload: Upload) -> None:
        """Nobody writes *upload* any more, and it is of no use."""
        self._incoming.drop(upload)

    def unfinished(self, customer: str) -> list[Unfinished]:
        """The uploads of *customer* that can be resumed, or are being written, by name."""
        return self._incoming.unfinished(customer)

    def drop_unfinished(self, before: datetime) -> list[Unfinished]:
        """Remove uploads that nobody writes and whose last byte came before *before*; which they were."""
        return self._incoming.drop_unfinished(before)

    def accept_kept(self, customer: str, name: str, final: str) -> Delivery:
        """Make a delivery called *final* of the upload *name*, which its sender has closed.

        Raises NoSuchFile, UploadBusy, Incomplete when it was not closed, and what accept raises.
        """
        check_name(final)
        folder, note = self._incoming.find(customer, name)
        upload = self._incoming.reopened(folder, note, customer, writing=False)
        if not is_whole(folder):
            self.put_down(upload)
            raise Incomplete
        delivery = self.accept(upload, name=final)
        self._incoming.drop_earlier(customer, name, folder)
        return delivery

    def accept(
        self,
        upload: Upload,
        *,
        name: str | None = None,
        received_at: datetime | None = None,
        message_id: str | None = None,
        past: Past | None = None,
    ) -> Delivery:
        """Turn *upload* into a delivery under *name*; see accept.accept, also for what it raises.

        An upload that is not accepted is kept for resuming.
        """
        try:
            delivery = accept(
                upload,
                name=check_name(name or upload.note.name),
                channel=upload.note.channel,
                peer=upload.note.peer,
                received_at=received_at or datetime.now(UTC),
                message_id=message_id,
                past=past,
                sequence=self.sequence,
                layout=self.layout,
            )
        except BaseException:
            self.put_down(upload)
            raise
        self._incoming.forget(upload)
        self._show(delivery)
        return delivery

    def _show(self, delivery: Delivery) -> None:
        """Put it into the customer's root.

        It is accepted already, so a disk that refuses does not undo it: it is shown with the next one.
        """
        with self._lock:
            unshown = [*self._unshown, delivery]
            self._unshown = []
        left = [each for each in unshown if not self._put(each)]
        with self._lock:
            self._unshown += left

    def _put(self, delivery: Delivery) -> bool:
        """Whether it is in its customer's root now; one that cannot be must not keep others out."""
        try:
            self.roots.put(delivery)
            if delivery.sequence % PER_FOLDER == 0:
                self.roots.sync()
        except OSError:
            return False
        return True

    # What a customer sees.

    def entries(self, customer: str) -> Iterator[Entry]:
        """The root folder of *customer*, by name: what was sent, and what is not complete yet.

        Each entry is read when it is asked for, so a long listing neither takes memory nor holds up other
        threads, as making, sorting and forgetting 100,000 at once would.
        """
        partial = {each.name: each for each in self._incoming.partial(customer)}
        whole = (name for name in self.roots.names(customer) if name not in partial)
        for name in in_order(chain(whole, partial)):
            found = partial.get(name) or self.roots.get(customer, name)
            if found is not None:
                yield found

    def entry(self, customer: str, name: str) -> Entry:
        """One file of the root folder.  Raises NoSuchFile."""
        partial = [each for each in self._incoming.partial(customer) if each.name == name]
        found = partial[-1] if partial else self.roots.get(customer, name)
        if found is None:
            raise NoSuchFile
        return found

    def open(self, customer: str, name: str) -> BinaryIO:
        """The bytes of one file of the root folder, for reading.  Raises NoSuchFile or SpoolFailing."""
        there = self.entry(customer, name)
        if there.sequence is not None:
            return self.open_delivery(there.sequence)
        return self._incoming.open(customer, name)

    def waits_for(self, customer: str, name: str) -> bool:
        """Whether an unfinished upload under a temporary name will become *name*."""
        return self._incoming.waits_for(customer, name)

    # Deliveries.

    def sequences(self, after: int = 0) -> Iterator[int]:
        """The sequence of every delivery above *after*, in order; none below the last one is missed.

        Raises OSError.
        """
        last = self.sequence.last()
        for folder in range((after + 1) // PER_FOLDER, last // PER_FOLDER + 1):
            path = self.layout.delivery(folder * PER_FOLDER).parent
            if path.is_dir():
                # A listing may have a name that came during it and miss one that came before that.
                names = [each.name for each in path.iterdir()]
                yield from sorted(n for name in names if name.isdigit() and after < (n := int(name)) <= last)

    def delivery(self, sequence: int) -> Delivery:
        """One delivery.  Raises NoSuchFile, or SpoolFailing when its envelope cannot be read."""
        try:
            text = (self.layout.delivery(sequence) / "envelope").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise NoSuchFile(f"There is no delivery {sequence}.") from error
        except OSError as error:
            raise because(error) from error
        except UnicodeDecodeError as error:
            raise SpoolFailing(f"An envelope cannot be read: {error}.") from error
        return Delivery(sequence, read_envelope(text))

    def open_delivery(self, sequence: int) -> BinaryIO:
        """The bytes of a delivery as they came.  Raises BytesRemoved, NoSuchFile or SpoolFailing."""
        folder = self.layout.delivery(sequence)
        try:
            return open_bytes(folder / DATA)
        except FileNotFoundError as error:
            check_kept(folder)
            raise NoSuchFile(f"The bytes of delivery {sequence} are gone.") from error
        except OSError as error:
            raise because(error) from error

    def removed_at(self, sequence: int) -> datetime | None:
        """When the bytes of a delivery were removed, None while they are kept.  Raises SpoolFailing."""
        return removed_at(self.layout.delivery(sequence))

    @contextmanager
    def reading_all(self) -> Iterator[None]:
        """From its beginning to its end nothing is compressed or removed."""
        with self.layout.retention.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    # Mail.

    def begin_mail(self, *, largest: int) -> MailUpload:
        """A message arriving, of at most *largest* bytes.  Raises NoSpace or SpoolFailing."""
        return MailUpload(self.layout, room=Room(largest, self.room.free_floor), folders=self._mail_folders)

    def check_mail_room(self, size: int) -> None:
        """Raises NoSpace when there is none for a mail of *size* bytes, or SpoolFailing."""
        try:
            self.room.check(self.layout.incoming, size)
        except OSError as error:
            raise because(error) from error

    def mails(self, message_id: str) -> Iterator[KeptMail]:
        """All kept copies of a message, the oldest first.  Raises SpoolFailing."""
        return copies(self.layout, message_id)


def in_order(names: Iterable[str]) -> Iterator[str]:
    """*names*, sorted in parts, since a sort of 100,000 at once lets no other thread run meanwhile."""
    left = iter(names)
    return merge(*iter(lambda: sorted(islice(left, SORTED_AT_ONCE)), []))
