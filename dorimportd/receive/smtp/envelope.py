"""A mail transaction (RFC 5321 section 3.3): who sends to whom, and who may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import Enum, auto
from typing import Final

from dorimportd.config.settings import Customer, Settings
from dorimportd.errors import AddressReplaced, SenderRefused, TooLarge, UnknownAddress
from dorimportd.receive.smtp.commands import Breach, Path, read_mailbox, read_path

RECIPIENTS_LIMIT: Final = 100  # RFC 5321 section 4.5.3.1.8
POSTMASTER: Final = "postmaster"


@dataclass(frozen=True, slots=True)
class MailEnvelope:
    """What MAIL and RCPT have said so far."""

    reverse_path: str
    utf8: bool = False  # the mail may have addresses beyond ASCII (RFC 6531)
    forward_paths: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()  # who gets a delivery of it, each once
    archive: bool = False  # it came to the archive address or to postmaster (too): kept, not imported
    copied: bool = False  # it came to the archive address: did its customers get it, too?
    size: int = 0  # bytes, as MAIL said; 0 when it did not


class Kept(Enum):
    """An address whose mails are kept and not imported."""

    ARCHIVE = auto()
    POSTMASTER = auto()


def begin_envelope(argument: bytes, *, largest: int) -> MailEnvelope:
    """The envelope that `MAIL` with *argument* begins.

    Raises Breach, and TooLarge when the mail says that it has more than *largest* bytes (RFC 1870).
    """
    text, parameters = read_path(argument, b"FROM")
    if parameters.keys() - {"SIZE", "BODY", "SMTPUTF8", "AUTH"}:  # who wrote it (RFC 4954 section 5): unused
        raise Breach(555, "5.5.4", "This server knows SIZE, BODY, SMTPUTF8 and AUTH only.")
    size = parameters.get("SIZE", "0")
    if not size.isdecimal() or parameters.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
        raise Breach(501, "5.5.4", "SIZE takes a number of bytes, BODY takes 7BIT or 8BITMIME.")
    utf8 = "SMTPUTF8" in parameters
    reverse_path = read_mailbox(text, utf8=utf8)
    if int(size) > largest:
        raise TooLarge
    return MailEnvelope(str(reverse_path), utf8, size=int(size))


def add_recipient(
    argument: bytes, envelope: MailEnvelope, settings: Settings, peer: str, login: Customer | None
) -> MailEnvelope:
    """*envelope* with the recipient of `RCPT` with *argument*; *login* is who has logged in.

    Raises Breach, UnknownAddress, AddressReplaced or SenderRefused.
    """
    text, parameters = read_path(argument, b"TO")
    if parameters:
        raise Breach(555, "5.5.4", "RCPT takes no parameters here.")
    path = read_mailbox(text, utf8=envelope.utf8)
    if len(envelope.forward_paths) == RECIPIENTS_LIMIT:
        raise Breach(
            452, "4.5.3", f"A mail can have {RECIPIENTS_LIMIT} recipients; send it again for the others."
        )
    forward_paths = (*envelope.forward_paths, str(path))
    former = replaced(path, settings, datetime.now(UTC).date())
    customer = former or recipient(path, settings)
    if isinstance(customer, Kept):
        copied = envelope.copied or customer is Kept.ARCHIVE
        return replace(envelope, forward_paths=forward_paths, archive=True, copied=copied)
    if not may_send(customer, envelope.reverse_path, peer, login):
        raise SenderRefused
    if former is not None:
        raise AddressReplaced(f"{former.mail_address}@{settings.mail_domain}.")
    customers = tuple(dict.fromkeys((*envelope.customers, customer.name)))
    return replace(envelope, forward_paths=forward_paths, customers=customers)


def may_send(customer: Customer, reverse_path: str, peer: str, login: Customer | None) -> bool:
    """Whether a mail to *customer* may come so: who has logged in sends to himself, and to nobody else."""
    if login is not None:
        return login.name == customer.name
    return customer.allows_sender(reverse_path) and customer.allows_peer(peer)


def is_ours(path: Path, settings: Settings) -> bool:
    """Whether *path* is at one of our names."""
    domain = path.domain.casefold().rstrip(".")
    return domain in (settings.mail_domain.casefold(), settings.hostname.casefold())


def replaced(path: Path, settings: Settings, today: date) -> Customer | None:
    """The customer who had *path* as his address, while its senders are told the new one."""
    customer = settings.by_former_mail_address(path.local, today) if is_ours(path, settings) else None
    return customer if customer is not None and customer.enabled else None


def recipient(path: Path, settings: Settings) -> Customer | Kept:
    """The customer whose address *path* is, or whose else it is.

    Postmaster is one of those: every server has to take mail for it (RFC 5321 section 4.5.1).
    Raises UnknownAddress.
    """
    local, domain = path.local.casefold(), path.domain.casefold().rstrip(".")
    ours = is_ours(path, settings)
    if local == POSTMASTER and (ours or not domain):
        return Kept.POSTMASTER
    archive, _, archive_domain = (settings.smtp.archive_address or "").casefold().partition("@")
    if local and local == archive and (domain == archive_domain if archive_domain else ours):
        return Kept.ARCHIVE
    customer = settings.by_mail_address(path.local) if ours and local else None
    if customer is None or not customer.enabled:
        raise UnknownAddress
    return customer
