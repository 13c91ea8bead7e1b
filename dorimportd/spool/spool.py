"""The spool as the other rooms see it: uploads begin here, deliveries are found here.

One Spool for a process; its methods may be called from any thread.  Only the daemon holds the lock;
the command line works beside it, since a sequence is taken across processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
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
    TooManyUnfinished,
)
from dorimportd.instants import reach
from dorimportd.spool.accept import Sequence, accept, read_envelope
from dorimportd.spool.attempts import Attempts
from dorimportd.spool.boot import mend
from dorimportd.spool.bytes import DATA, check_kept, open_bytes, removed_at
from dorimportd.spool.durable import make_folder, make_folders, refuse_link, replace, sync_folder, sync_place
from dorimportd.spool.layout import PER_FOLDER, VERSION, Layout, token
from dorimportd.spool.mail import KeptMail, MailUpload, copies
from dorimportd.spool.names import check_name, final_name
from dorimportd.spool.outcomes import Outcomes, Past
from dorimportd.spool.roots import Entry, Roots
from dorimportd.spool.unfinished import Unfinished
from dorimportd.spool.upload import (
    Note,
    Room,
    Upload,
    because,
    is_whole,
    remove_unclaimed,
    shown_size,
)
from dorimportd.words import Channel, Delivery

# On these a client that begins a name anew has given up the broken upload of it.
RESUMES: Final = (Channel.SFTP, Channel.FTP)
# Of one customer: each is looked at whenever it asks for a file, on a thread that others wait for.
MOST_UNFINISHED: Final = 1000
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
        self._open: dict[Path, Upload] = {}
        self._lock = threading.Lock()
        self._held: IO[str] | None = None
        self._unshown: list[Delivery] = []
        try:
            self._make()
        except OSError as error:
            raise SpoolUnusable(f"{error.filename or root}: {error.strerror}") from error

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
            for left in self.layout.incoming.glob("*.eml"):
                left.unlink()  # its sender got no 250
            for left in self.layout.incoming.glob("*/*/envelope"):
                if not (left.parent.is_symlink() or left.parent.parent.is_symlink()):
                    left.unlink()
            for left in self.layout.incoming.glob("*/*"):
                if not may_be_resumed(left):
                    remove_unclaimed(left)
            mend(self.layout)
            last = self.sequence.last()
            shown = last // PER_FOLDER * PER_FOLDER - 1  # those before were synced when the folder was full
            self.roots.put_all(self.shown(max(0, shown - PER_FOLDER)))
        except OSError as error:
            raise SpoolUnusable(f"{error.filename or self.layout.root}: {error.strerror}") from error
        return sum(1 for _ in self.layout.incoming.glob("*/*"))

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

    # Uploads.

    def begin(
        self, customer: str, name: str, *, channel: Channel, peer: str, recovered: bool = False
    ) -> Upload:
        """A new upload of *name*; a broken one of that name is dropped when it could have been resumed.

        Raises BadName, TooManyUnfinished, NoSpace or SpoolFailing.
        """
        check_name(name)
        folder = self.layout.incoming / customer / token()
        note = Note(name, channel, peer, datetime.now(UTC).isoformat(), recovered)
        try:
            self.room.check(self.layout.incoming)
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
                self._drop_earlier(customer, name, folder)
        except OSError as error:
            self.drop(upload)
            raise because(error) from error
        return upload

    def resume(self, customer: str, name: str) -> Upload:
        """The unfinished upload of *name*, to go on with.

        Raises NoSuchFile when there is none, UploadBusy when another session writes it, SpoolFailing.
        """
        return self._reopened(*self._find(customer, name), customer, writing=True)

    def _reopened(self, folder: Path, note: Note, customer: str, *, writing: bool) -> Upload:
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
            self._forget(upload)
            raise
        return upload

    def accept_kept(self, customer: str, name: str, final: str) -> Delivery:
        """Make a delivery called *final* of the upload *name*, which its sender has closed.

        Raises NoSuchFile, UploadBusy, Incomplete when it was not closed, and what accept raises.
        """
        check_name(final)
        folder, note = self._find(customer, name)
        upload = self._reopened(folder, note, customer, writing=False)
        if not is_whole(folder):
            self.put_down(upload)
            raise Incomplete
        delivery = self.accept(upload, name=final)
        self._drop_earlier(customer, name, folder)
        return delivery

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
        self._forget(upload)

    def drop(self, upload: Upload) -> None:
        """Nobody writes *upload* any more, and it is of no use."""
        upload.drop()
        self._forget(upload)

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
        self._forget(upload)
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

    def _forget(self, upload: Upload) -> None:
        with self._lock:
            self._open.pop(upload.folder, None)

    def _drop_earlier(self, customer: str, name: str, newest: Path) -> None:
        """Drop broken uploads of *name* but the *newest*."""
        for folder, note in self._unfinished(customer):
            if note.name == name and folder != newest:
                remove_unclaimed(folder)

    def _opened(self, folder: Path, customer: str, note: Note) -> Upload:
        upload = Upload(folder, customer, note, room=self.room)
        with self._lock:
            self._open[folder] = upload
        return upload

    def _unfinished(self, customer: str) -> Iterator[tuple[Path, Note]]:
        """Uploads of *customer* that can be resumed, the newest last.

        One whose note was cut by a crash is passed over.
        """
        found = []
        incoming = self.layout.incoming / customer
        for folder in () if incoming.is_symlink() else incoming.glob("*"):
            try:
                found.append((folder, Note.read(folder)))
            except (OSError, ValueError, KeyError):
                continue  # it was accepted or dropped meanwhile, or has no note: age removes it
        resumable = (each for each in found if each[1].channel in RESUMES)
        yield from sorted(resumable, key=lambda each: each[1].began_at)

    def _find(self, customer: str, name: str) -> tuple[Path, Note]:
        for folder, note in reversed(list(self._unfinished(customer))):
            if note.name == name:
                return folder, note
        raise NoSuchFile

    # What a customer sees.

    def entries(self, customer: str) -> Iterator[Entry]:
        """The root folder of *customer*, by name: what was sent, and what is not complete yet.

        Each entry is read when it is asked for, so a long listing neither takes memory nor holds up other
        threads, as making, sorting and forgetting 100,000 at once would.
        """
        partial = {each.name: each for each in self._partial(customer)}
        whole = (name for name in self.roots.names(customer) if name not in partial)
        for name in in_order(chain(whole, partial)):
            found = partial.get(name) or self.roots.get(customer, name)
            if found is not None:
                yield found

    def entry(self, customer: str, name: str) -> Entry:
        """One file of the root folder.  Raises NoSuchFile."""
        partial = [each for each in self._partial(customer) if each.name == name]
        found = partial[-1] if partial else self.roots.get(customer, name)
        if found is None:
            raise NoSuchFile
        return found

    def open(self, customer: str, name: str) -> BinaryIO:
        """The bytes of one file of the root folder, for reading.  Raises NoSuchFile or SpoolFailing."""
        there = self.entry(customer, name)
        if there.sequence is not None:
            return self.open_delivery(there.sequence)
        folder, _ = self._find(customer, name)
        try:
            return os.fdopen(os.open(folder / "data", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb")
        except OSError as error:
            raise because(error) from error

    def waits_for(self, customer: str, name: str) -> bool:
        """Whether an unfinished upload under a temporary name will become *name*."""
        return any(final_name(each.name) == name for each in self._partial(customer))

    def _partial(self, customer: str) -> Iterator[Entry]:
        for folder, note in self._unfinished(customer):
            with self._lock:
                upload = self._open.get(folder)
            try:
                status = (folder / "data").stat()
                size = shown_size(folder) if upload is None else upload.size
            except (OSError, ValueError):
                continue  # it was accepted or dropped meanwhile
            yield Entry(note.name, size, int(status.st_mtime), None)

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
        return MailUpload(self.layout, room=Room(largest, self.room.free_floor))

    def mails(self, message_id: str) -> Iterator[KeptMail]:
        """All kept copies of a message, the oldest first.  Raises SpoolFailing."""
        return copies(self.layout, message_id)

    # Leftovers.

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
        for folder in self.layout.incoming.glob("*/*"):
            try:
                if folder.is_symlink() or folder.parent.is_symlink():
                    continue
                touched = max(each.stat().st_mtime for each in (folder, *folder.iterdir()))
                if touched < before.timestamp():
                    upload = Unfinished.read(folder)
                    if remove_unclaimed(folder):
                        dropped.append(upload)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it was accepted or dropped meanwhile, or is none of ours
        return dropped


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


def in_order(names: Iterable[str]) -> Iterator[str]:
    """*names*, sorted in parts, since a sort of 100,000 at once lets no other thread run meanwhile."""
    left = iter(names)
    return merge(*iter(lambda: sorted(islice(left, SORTED_AT_ONCE)), []))
