"""Mails that reached only the archive address: their CSV file becomes a delivery that is held.

    1  a mail that came to the archive address is marked      before its 250, see taking.py
    2  the mark is old enough: the customer's own copy has
       had its time
    3  the customers that the mail names, and that have no
       delivery of it
    4  note and `unclaimed` say that deliveries are made      a crash after this: step 5 finds what it made
    5  each delivery is accepted, its outcome `held` with it   so nobody ever sees it without
    6  it is told                                              a crash before this: told by the next start
    7  the note says which, or why there is none; the mark
       goes

Steps 3 to 5 and the acceptance of a customer's copy exclude each other, so that of both only one makes a
delivery.  A customer's copy that comes later finds this one and has it imported.
What is held so is never imported unless a person says so: anybody can write to the archive address.

Everything here blocks on the disk and runs on a worker thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from dorimportd.config.settings import Customer, Settings
from dorimportd.errors import Refused, UnknownAddress
from dorimportd.events import DeliveryAccepted, Event, MailNotRecovered, MailRecovered
from dorimportd.receive.smtp.commands import Path
from dorimportd.receive.smtp.copies import (
    claims_of,
    deliveries_of,
    not_claimed,
    uploads_of,
    was_recovered,
)
from dorimportd.receive.smtp.envelope import Kept, recipient
from dorimportd.receive.smtp.mime import HEADER_LIMIT, HEADERS_LIMIT, header_values
from dorimportd.receive.smtp.parameters import header_text
from dorimportd.spool.durable import sync_file
from dorimportd.spool.mail import KeptMail, MailNote, copies_in, deciding, folder_of, marked, unmark
from dorimportd.spool.mail_claims import write_claims
from dorimportd.spool.outcomes import Past
from dorimportd.spool.room import because
from dorimportd.spool.spool import Spool
from dorimportd.words import Delivery, State

# Where a mail names whom it is for; the last three are written by mail servers on its way.
NAMING: Final = frozenset(
    (b"to", b"cc", b"resent-to", b"resent-cc", b"delivered-to", b"x-original-to", b"envelope-to")
)
BETWEEN_ADDRESSES: Final = re.compile(r"[\s<>,;:()\[\]]+")
NOBODY: Final = "It names no customer who has an address here."


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a mail whose time has come."""

    digest: str  # of its mark
    events: tuple[Event, ...] = ()  # to be told before it is settled
    mail: KeptMail | None = None  # the copy of the archive whose note is to be written
    note: MailNote | None = None


class Recovery:
    """Looks after the marks of one spool."""

    def __init__(self, spool: Spool, settings: Callable[[], Settings]) -> None:
        self._spool = spool
        self._settings = settings

    def due(self, now: float) -> list[str]:
        """The marks whose time has come, *now* in seconds since 1970.  Raises SpoolFailing."""
        try:
            return marked(self._spool.layout, self._settings().smtp.archive_grace_seconds, now)
        except OSError as error:
            raise because(error) from error

    def recover(self, digest: str) -> Judged:
        """Make the deliveries that are missing.

        Raises NoSpace or SpoolFailing; the same again is then right.
        """
        folder = folder_of(self._spool.layout, digest)
        if not folder.is_dir():
            return Judged(digest)  # the message was never kept: its sender got no 250
        with deciding(folder):
            copies = list(copies_in(folder))
            mail = next((each for each in copies if each.note.archive and not each.note.refusal), None)
            return Judged(digest) if mail is None else self._recover(digest, mail, copies)

    def settle(self, judged: Judged) -> None:
        """It is told.  Raises NoSpace or SpoolFailing."""
        if judged.mail is not None and judged.note is not None:
            judged.mail.settle(judged.note)
        try:
            unmark(self._spool.layout, judged.digest)
        except OSError as error:
            raise because(error) from error

    def _recover(self, digest: str, mail: KeptMail, copies: Sequence[KeptMail]) -> Judged:
        found = deliveries_of(self._spool, copies)
        served = {each.envelope.customer for each in found}
        # A delivery may be gone, since it was old; that it was made is known all the same.
        done = [each.note for each in copies if each.note.deliveries and not each.note.refusal]
        served |= {name for each in done for name in each.customers}
        named = named_customers(mail, self._settings())
        made = [each for each in found if was_recovered(self._spool, each)]
        if not named and not served:
            return not_recovered(digest, mail, NOBODY)
        try:
            missing = [each for each in named if each.name not in served]
            made += self._make(mail, missing, not_claimed(made, copies))
        except Refused as refusal:
            return not_recovered(digest, mail, str(refusal))
        new = [each for each in made if each.sequence not in mail.note.recovered]
        if not new:
            return Judged(digest)
        write_claims(mail.path.parent, claims_of(not_claimed(made, copies)))
        events = tuple(event for each in new for event in told_of(mail, each))
        return Judged(digest, events, mail, settled(mail.note, made))

    def _make(
        self, mail: KeptMail, customers: Sequence[Customer], unclaimed: Sequence[Delivery]
    ) -> list[Delivery]:
        """A held delivery for each of *customers*, beside those *unclaimed*.  Raises NotAccepted."""
        made: list[Delivery] = []
        names = [each.name for each in customers]
        if not names:
            return made
        with uploads_of(self._spool, mail, names, recovered=True) as uploads:
            self._begin(mail, unclaimed)
            for customer in customers:
                try:
                    sync_file(uploads[0].folder / "upload")
                except OSError as error:
                    raise because(error) from error
                made.append(
                    self._spool.accept(
                        uploads[0],
                        received_at=datetime.fromisoformat(mail.note.received_at),
                        message_id=mail.note.message_id,
                        past=Past(State.HELD, self._reason(mail, customer)),
                    )
                )
                del uploads[0]
        return made

    def _begin(self, mail: KeptMail, unclaimed: Sequence[Delivery]) -> None:
        """Say from where on the deliveries are to be looked for, should this process end now."""
        try:
            last = self._spool.sequence.last()
        except OSError as error:
            raise because(error) from error
        after = last if mail.note.after is None else min(last, mail.note.after)
        mail.settle(replace(mail.note, after=after))
        write_claims(mail.path.parent, claims_of(unclaimed, last))

    def _reason(self, mail: KeptMail, customer: Customer) -> str:
        sender, address = mail.note.reverse_path, f"{customer.mail_address}@{self._settings().mail_domain}"
        warning = "" if customer.allows_sender(sender) else " That sender may not send to it."
        return (
            f"This mail from <{sender}> reached only the archive address, and not {address}; "
            f"`dorimportctl delivery retry` imports it.{warning}"
        )


def not_recovered(digest: str, mail: KeptMail, why: str) -> Judged:
    """That nothing can be made of *mail*."""
    note = mail.note
    told = MailNotRecovered(note.message_id, note.reverse_path, why, str(mail.path))
    return Judged(digest, (told,), mail, replace(note, refusal=why))


def settled(note: MailNote, made: Sequence[Delivery]) -> MailNote:
    """*note* with all that was recovered of it."""
    recovered = tuple(sorted({*note.recovered, *(each.sequence for each in made)}))
    # What a crash left of the copy to a customer stays as uncertain as it was.
    return replace(note, recovered=recovered, after=note.after if note.customers else None)


def told_of(mail: KeptMail, delivery: Delivery) -> list[Event]:
    """What is told of a recovered delivery."""
    note = mail.note
    return [DeliveryAccepted(delivery), MailRecovered(note.message_id, note.reverse_path, delivery)]


def named_customers(mail: KeptMail, settings: Settings) -> list[Customer]:
    """The customers whose address stands in the headers of *mail*, each once.  Raises SpoolFailing."""
    try:
        with mail.path.open("rb") as file:
            beginning = file.read(HEADERS_LIMIT)
    except OSError as error:
        raise because(error) from error
    found: dict[str, Customer] = {}
    for value in header_values(beginning, NAMING):
        for address in BETWEEN_ADDRESSES.split(header_text(value[:HEADER_LIMIT])):
            customer = customer_at(address, settings)
            if customer is not None:
                found[customer.name] = customer
    return list(found.values())


def customer_at(address: str, settings: Settings) -> Customer | None:
    """The customer with this mail *address*, who may send."""
    local, at, domain = address.rpartition("@")
    if not at:
        return None
    try:
        found = recipient(Path(local.strip("\"'"), domain), settings)
    except UnknownAddress:
        return None
    return None if isinstance(found, Kept) else found
