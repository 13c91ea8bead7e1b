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
from dorimportd.spool.mail import ARCHIVE, KeptMail, deciding, some_copies_in
from dorimportd.spool.mail_claims import Claims, note_claims, read_claims, write_claims
from dorimportd.spool.room import because
from dorimportd.spool.spool import Spool
from dorimportd.spool.upload import Upload
from dorimportd.words import Channel, Delivery


@contextmanager
def uploads_of(
    spool: Spool, mail: KeptMail, customers: Sequence[str], *, recovered: bool = False
) -> Iterator[list[Upload]]:
    """The one CSV file of *mail* in an upload for each of *customers*, whole; several are synced, too.

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
        if len(uploads) > 1:  # a single one is synced when it is accepted
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

    For who decides about the folder.  Raises SpoolFailing.
    """
    folder = mail.path.parent
    claims = read_claims(folder) or looked_up(spool, mail)
    found = [each for one in claims.deliveries if (each := delivery_at(spool, one)) is not None]
    if claims.after is not None:  # a crash came between
        more = untold(spool, claims.after, mail.note.message_id, set(claims.deliveries))
        found += [each for each in more if was_recovered(spool, each)]
        write_claims(folder, claims_of(found))
    return [each for each in found if spool.removed_at(each.sequence) is None]


def looked_up(spool: Spool, mail: KeptMail) -> Claims:
    """What the notes of the copies before *mail* tell, so that they need not be read again.

    Raises SpoolFailing.
    """
    folder = mail.path.parent
    others = [each for each in some_copies_in(folder) if each.path != mail.path]
    if not others:
        return Claims()
    found: list[Delivery] = []
    if any(each.note.archive for each in others):
        found = not_claimed(deliveries_of(spool, others), others)
        mark_archive(folder)
    claims = claims_of([each for each in found if was_recovered(spool, each)])
    note_claims(folder, claims)
    return claims


def not_claimed(deliveries: Sequence[Delivery], copies: Sequence[KeptMail]) -> list[Delivery]:
    """Those of *deliveries* that no copy to a customer stands for."""
    claimed = {one for each in copies for one in each.note.deliveries}
    return [each for each in deliveries if each.sequence not in claimed]


def claims_of(deliveries: Sequence[Delivery], after: int | None = None) -> Claims:
    return Claims(tuple(each.sequence for each in deliveries), after)


def mark_archive(folder: Path) -> None:
    """Say of a folder that an older dorimportd has filled what `keep` says of new ones.

    Raises SpoolFailing.
    """
    try:
        (folder / ARCHIVE).touch(mode=0o640)
    except OSError as error:
        raise because(error) from error


def claim(mail: KeptMail, deliveries: Sequence[Delivery]) -> None:
    """These *deliveries* stand for *mail*, whose note tells so: no other copy gets them.

    Raises SpoolFailing.
    """
    folder = mail.path.parent
    with deciding(folder):
        claims = read_claims(folder)
        if claims is not None:
            taken = {each.sequence for each in deliveries}
            left = tuple(each for each in claims.deliveries if each not in taken)
            write_claims(folder, Claims(left, claims.after))


def is_file_of(delivery: Delivery, upload: Upload) -> bool:
    """Whether the customer and the bytes are the same.  Raises SpoolFailing."""
    envelope = delivery.envelope
    theirs = (envelope.customer, envelope.size, envelope.sha256)
    return theirs == (upload.customer, upload.size, upload.sha256())
