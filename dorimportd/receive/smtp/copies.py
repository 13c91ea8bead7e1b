"""The copies of one message, and what was made of them: all have its Message-ID.

A crash may come between a delivery and the note that tells of it.  Until the note is settled it has the
last sequence from before, so that the delivery can be found among the few that came since.

Everything here blocks on the disk and runs on a worker thread.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dorimportd.errors import NoSuchFile, SpoolFailing
from dorimportd.receive.smtp.attachment import name_of, the_csv
from dorimportd.receive.smtp.body import decoded
from dorimportd.receive.smtp.mime import Message, parts
from dorimportd.spool.folder import Note
from dorimportd.spool.mail import KeptMail
from dorimportd.spool.room import because
from dorimportd.spool.spool import Spool
from dorimportd.spool.upload import Upload
from dorimportd.words import Channel, Delivery


@contextmanager
def uploads_of(
    spool: Spool, mail: KeptMail, customers: Sequence[str], *, recovered: bool = False
) -> Iterator[list[Upload]]:
    """The one CSV file of *mail* in an upload for each of *customers*, whole and synced.

    Whoever makes a delivery of one takes it out of the list: nobody resumes a mail, and a customer must
    not see half of it, so what is left in the list is dropped.
    Raises NotOneAttachment, BadMail, NoSpace or SpoolFailing.
    """
    uploads: list[Upload] = []
    try:
        with opened(mail.path) as message:
            part = the_csv(message, parts(message))
            name, peer = name_of(part), mail.note.peer
            for customer in customers:
                upload = spool.begin(customer, name, channel=Channel.SMTP, peer=peer, recovered=recovered)
                uploads.append(upload)
            for piece in decoded(message, part):
                for upload in uploads:
                    upload.write(upload.size, piece)
        for upload in uploads:
            upload.sync()
        yield uploads
    finally:
        for upload in uploads:
            spool.drop(upload)


@contextmanager
def opened(path: Path) -> Iterator[Message]:
    """The bytes of the message in the file *path*, without holding them all in memory.

    Raises SpoolFailing.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            # An empty file cannot be mapped.
            message = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else None
    except OSError as error:
        raise because(error) from error
    try:
        yield message or b""
    finally:
        if message is not None:
            message.close()


def deliveries_of(spool: Spool, copies: Sequence[KeptMail]) -> list[Delivery]:
    """All that were made of these copies and are there, also those of which no note tells.

    Raises SpoolFailing.
    """
    known = {one for each in copies for one in (*each.note.deliveries, *each.note.recovered)}
    found = [delivery for one in sorted(known) if (delivery := delivery_at(spool, one)) is not None]
    unsettled = [each.note.after for each in copies if each.note.after is not None]
    if unsettled:
        found += untold(spool, min(unsettled), copies[0].note.message_id, known)
    return found


def untold(spool: Spool, after: int, message_id: str, known: set[int]) -> Iterator[Delivery]:
    """The deliveries above *after* with this Message-ID that are not *known*.  Raises SpoolFailing."""
    try:
        for sequence in spool.sequences(after):
            delivery = None if sequence in known else delivery_at(spool, sequence)
            if delivery is not None and delivery.envelope.message_id == message_id:
                yield delivery
    except OSError as error:
        raise because(error) from error


def delivery_at(spool: Spool, sequence: int) -> Delivery | None:
    """One delivery; None when it is gone, or its envelope is no text of ours: whoever imports tells that."""
    try:
        return spool.delivery(sequence)
    except NoSuchFile:
        return None
    except SpoolFailing as error:
        if isinstance(error.__cause__, OSError):
            raise
        return None


def was_recovered(spool: Spool, delivery: Delivery) -> bool:
    """Whether it was made of a copy that came to the archive.  Raises SpoolFailing."""
    try:
        return Note.read(spool.layout.delivery(delivery.sequence)).recovered
    except OSError as error:
        raise because(error) from error
    except (ValueError, KeyError):
        return False  # a power cut has cut it; that of a recovered one is synced first


def unclaimed(spool: Spool, mail: KeptMail) -> list[Delivery]:
    """What was recovered of the message of *mail* before a copy came to the customer.

    Raises SpoolFailing.
    """
    others = [each for each in spool.mails(mail.note.message_id) if each.path != mail.path]
    if not any(each.note.archive for each in others):
        return []
    claimed = {one for each in others for one in each.note.deliveries}
    found = (each for each in deliveries_of(spool, others) if each.sequence not in claimed)
    return [each for each in found if was_recovered(spool, each)]


def is_file_of(delivery: Delivery, upload: Upload) -> bool:
    """Whether the customer and the bytes are the same.  Raises SpoolFailing."""
    envelope = delivery.envelope
    theirs = (envelope.customer, envelope.size, envelope.sha256)
    return theirs == (upload.customer, upload.size, upload.sha256())
