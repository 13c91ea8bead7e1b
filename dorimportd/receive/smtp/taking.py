"""The end of a message: it is kept, its CSV file becomes a delivery for each customer it was sent to.

    1  the message is among the kept mails, synced          whatever is in it
    2  exactly one part of it is a CSV file                 else it is refused, and stays kept
    3  that file is in an upload for each customer          a broken encoding refuses it here
    4  each upload is accepted                              now there are deliveries
    5  the note of the message says what became of it
    6  what came to the archive address is marked           see recovery.py

A file that was recovered from the archive copy already is not delivered again in step 4: that delivery
is held, and now it is imported.
Everything here blocks on the disk and runs on a worker thread.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from dorimportd.errors import NotAccepted
from dorimportd.receive.smtp.copies import claim, is_file_of, unclaimed, uploads_of
from dorimportd.receive.smtp.envelope import MailEnvelope
from dorimportd.receive.smtp.mime import HEADERS_LIMIT, message_id
from dorimportd.spool.mail import (
    KeptMail,
    MailNote,
    MailUpload,
    came_to_archive,
    deciding,
    mark,
    some_copies_in,
)
from dorimportd.spool.room import because
from dorimportd.spool.spool import Spool
from dorimportd.words import Delivery, iso

NOT_HERE: Final = "not here yet"
LOOKED_AT: Final = 20  # copies of a message: a sender may have sent it any number of times


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message that is kept."""

    mail: KeptMail
    deliveries: tuple[Delivery, ...] = ()  # also when it was refused after the first of them
    confirmed: tuple[Delivery, ...] = ()  # those that were made of an archive copy of it before
    refusal: NotAccepted | None = None
    copy_of: str | None = None  # when there is an archive copy of it: the deliveries of both

    def sentence(self) -> str:
        """What the sender of a mail that was not refused is told: the numbers to ask the operator about."""
        numbers = self.mail.note.deliveries
        if not numbers:
            return "Kept."
        noun = "delivery" if len(numbers) == 1 else "deliveries"
        return f"Accepted as {noun} {', '.join(map(str, numbers))}"


@dataclass(slots=True)
class Made:
    """What there is of a message so far."""

    deliveries: list[Delivery] = field(default_factory=list)
    confirmed: list[Delivery] = field(default_factory=list)

    def sequences(self) -> tuple[int, ...]:
        return tuple(sorted(each.sequence for each in (*self.deliveries, *self.confirmed)))


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
        made = Made()
        refusal: NotAccepted | None = None
        try:
            if envelope.customers:
                self._deliver(mail, made)
        except NotAccepted as refused:
            refusal = refused
        note = replace(
            mail.note, deliveries=made.sequences(), refusal=str(refusal) if refusal else None, after=None
        )
        try:
            if note != mail.note:
                mail.settle(note)
            if made.confirmed:
                claim(mail, made.confirmed)
            if envelope.copied and refusal is None:
                mark(self._spool.layout, note.message_id)
        except NotAccepted as failing:
            refusal = refusal or failing
        mail = KeptMail(mail.path, note)
        return Taken(mail, tuple(made.deliveries), tuple(made.confirmed), refusal, self._copy_of(mail))

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
                customers=envelope.customers,
                after=self._last_sequence() if envelope.customers and reason is None else None,
            )
            return upload.keep(note)
        except BaseException:
            upload.drop()
            raise

    def _last_sequence(self) -> int:
        try:
            return self._spool.sequence.last()
        except OSError as error:
            raise because(error) from error

    def _deliver(self, mail: KeptMail, made: Made) -> None:
        """Add a delivery for each customer to *made*.

        All uploads are whole before the first is accepted: what fails late fails for all.
        """
        with uploads_of(self._spool, mail, mail.note.customers) as uploads, deciding(mail.path.parent):
            recovered = unclaimed(self._spool, mail)
            while uploads:
                known = next((each for each in recovered if is_file_of(each, uploads[0])), None)
                if known is None:
                    made.deliveries.append(self._spool.accept(uploads[0], message_id=mail.note.message_id))
                else:
                    self._spool.outcomes.unhold(known.sequence)
                    self._spool.drop(uploads[0])
                    made.confirmed.append(known)
                del uploads[0]

    def _copy_of(self, mail: KeptMail) -> str | None:
        """The deliveries of the message, when this or another copy of it came to the archive address.

        Whichever copy comes second finds the other, unless there are very many.
        """
        if not (mail.note.archive or mail.note.deliveries):
            return None
        try:
            if not came_to_archive(mail.path.parent):
                return None
            copies = [mail.note, *(each.note for each in islice(some_copies_in(mail.path.parent), LOOKED_AT))]
        except NotAccepted as failing:
            return f"unknown: {failing}" if mail.note.archive else None
        sequences = sorted({one for each in copies for one in (*each.deliveries, *each.recovered)})
        numbers = ", ".join(map(str, sequences))
        if len(copies) > LOOKED_AT:
            return f"{numbers or 'unknown'} (the message came at least {LOOKED_AT} times)"
        return numbers or NOT_HERE


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
