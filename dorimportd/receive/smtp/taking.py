"""The end of a message: it is kept, its CSV file becomes a delivery for each customer it was sent to.

    1  the message is among the kept mails, synced          whatever is in it
    2  exactly one part of it is a CSV file                 else it is refused, and stays kept
    3  that file is in an upload for each customer          a broken encoding refuses it here
    4  each upload is accepted                              now there are deliveries
    5  the note of the message says what became of it

Everything here blocks on the disk and runs on a worker thread.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dorimportd.errors import NotAccepted
from dorimportd.receive.smtp.attachment import name_of, the_csv
from dorimportd.receive.smtp.body import decoded
from dorimportd.receive.smtp.envelope import MailEnvelope
from dorimportd.receive.smtp.mime import HEADERS_LIMIT, Message, Part, message_id, parts
from dorimportd.spool.mail import KeptMail, MailNote, MailUpload
from dorimportd.spool.spool import Spool
from dorimportd.spool.upload import Upload, because
from dorimportd.words import Channel, Delivery, iso

NOT_HERE: Final = "not here yet"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message that is kept."""

    mail: KeptMail
    deliveries: tuple[Delivery, ...] = ()  # also when it was refused after the first of them
    refusal: NotAccepted | None = None
    copy_of: str | None = None  # when there is an archive copy of it: the deliveries of both

    def sentence(self) -> str:
        """What the sender of a mail that was not refused is told: the numbers to ask the operator about."""
        numbers = ", ".join(str(each.sequence) for each in self.deliveries)
        if not numbers:
            return "Kept."
        return f"Accepted as {'delivery' if len(self.deliveries) == 1 else 'deliveries'} {numbers}"


class MailDesk:
    """Takes messages from one peer."""

    def __init__(self, spool: Spool, *, peer: str, mail_domain: str) -> None:
        self._spool = spool
        self._peer = peer
        self._mail_domain = mail_domain

    def refuse(self, upload: MailUpload, envelope: MailEnvelope, reason: str) -> Taken:
        """Keep the message, and that it was refused for *reason*; for what it raises see `take`."""
        return Taken(self._keep(upload, envelope, reason))

    def take(self, upload: MailUpload, envelope: MailEnvelope) -> Taken:
        """Keep the message, and make deliveries of its CSV file when it was sent to customers.

        On return message, note and deliveries are on the disk.  Raises NoSpace or SpoolFailing when the
        message cannot be kept; then it is gone, and there are no deliveries.
        """
        mail = self._keep(upload, envelope)
        deliveries: list[Delivery] = []
        refusal: NotAccepted | None = None
        try:
            if envelope.customers:
                self._deliver(mail, envelope.customers, deliveries)
        except NotAccepted as refused:
            refusal = refused
        sequences = tuple(each.sequence for each in deliveries)
        note = replace(mail.note, deliveries=sequences, refusal=str(refusal) if refusal else None)
        try:
            if note != mail.note:
                mail.settle(note)
        except NotAccepted as failing:
            refusal = refusal or failing
        mail = KeptMail(mail.path, note)
        return Taken(mail, tuple(deliveries), refusal, self._copy_of(mail))

    def _keep(self, upload: MailUpload, envelope: MailEnvelope, reason: str | None = None) -> KeptMail:
        try:
            note = MailNote(
                message_id=read_message_id(upload.path, self._mail_domain),
                reverse_path=envelope.reverse_path,
                forward_paths=envelope.forward_paths,
                archive=envelope.archive,
                peer=self._peer,
                received_at=iso(datetime.now(UTC)),
                size=upload.size,
                refusal=reason,
            )
            return upload.keep(note)
        except BaseException:
            upload.drop()
            raise

    def _deliver(self, mail: KeptMail, customers: tuple[str, ...], deliveries: list[Delivery]) -> None:
        """Add a delivery for each of *customers* to *deliveries*.

        All uploads are whole before the first is accepted: what fails late fails for all.
        """
        with opened(mail.path) as message:
            part = the_csv(message, parts(message))
            uploads: list[Upload] = []
            try:
                for customer in customers:
                    upload = self._spool.begin(customer, name_of(part), channel=Channel.SMTP, peer=self._peer)
                    uploads.append(upload)
                write_all(uploads, message, part)
                while uploads:
                    deliveries.append(self._spool.accept(uploads[0], message_id=mail.note.message_id))
                    del uploads[0]
            finally:
                # Nobody resumes a mail, and a customer must not see half of it.
                for upload in uploads:
                    self._spool.drop(upload)

    def _copy_of(self, mail: KeptMail) -> str | None:
        """The deliveries of the message, when this or another copy of it came to the archive address.

        Whichever copy comes second finds the other.
        """
        if not (mail.note.archive or mail.note.deliveries):
            return None
        try:
            copies = [each.note for each in self._spool.mails(mail.note.message_id)]
        except NotAccepted as failing:
            return f"unknown: {failing}" if mail.note.archive else None
        if not any(each.archive for each in copies):
            return None
        sequences = sorted({sequence for each in copies for sequence in each.deliveries})
        return ", ".join(map(str, sequences)) or NOT_HERE


def write_all(uploads: list[Upload], message: Message, part: Part) -> None:
    for piece in decoded(message, part):
        for upload in uploads:
            upload.write(upload.size, piece)


def read_message_id(path: Path, mail_domain: str) -> str:
    """The Message-ID of the message in the file *path*; its digest when it has none that can be used.

    Raises SpoolFailing.
    """
    try:
        with path.open("rb") as file:
            given = message_id(file.read(HEADERS_LIMIT))
            if given is not None:
                return given
            file.seek(0)
            return f"<{hashlib.file_digest(file, hashlib.sha256).hexdigest()}@{mail_domain}>"
    except OSError as error:
        raise because(error) from error


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
