"""Settings: what the daemon and dorimportctl ask.  One value, never changed; a reload makes another."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from dorimportd.config.keys import PublicKey, lies_in
from dorimportd.config.schema import Defence, FormerAddress, Ftp, Limits, Retention, Sftp, Smtp
from dorimportd.config.values import Network
from dorimportd.parse.format import Format
from dorimportd.toml import BadToml, Mistake


class BadConfig(BadToml):
    """A configuration that cannot be used, with the mistakes of all its files."""


def fits(text: str, pattern: str) -> bool:
    """Whether *pattern*, in which only * and ? are special, covers *text*; case is ignored."""
    return fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]"))


@dataclass(frozen=True, slots=True)
class NamedFormat:
    """A format, and the name by which customers choose it."""

    name: str
    format: Format


@dataclass(frozen=True, slots=True)
class FormatRule:
    """The format for the files whose name fits."""

    files: str  # with * and ?
    format: NamedFormat


@dataclass(frozen=True, slots=True)
class Customer:
    """An organisation that sends files; one identity for all channels."""

    name: str
    display_name: str
    timezone: str  # IANA
    currency: str  # ISO 4217
    contacts: tuple[str, ...]  # mail addresses
    enabled: bool
    login: str
    password_hash: str | None = field(repr=False)  # Argon2id, PHC syntax
    keys: tuple[PublicKey, ...]
    mail_address: str | None  # the part before the @
    allowed_senders: tuple[str, ...]  # with * for any characters; empty: all
    allowed_networks: tuple[Network, ...]  # empty: all
    require_tls: bool  # on FTP; the other channels have their own ways
    format_rules: tuple[FormatRule, ...]  # the first that fits decides
    legacy_algorithms: tuple[str, ...] = ()  # of SSH, that are offered to this customer, too
    former_mail_addresses: tuple[FormerAddress, ...] = ()

    def format_for(self, file_name: str) -> NamedFormat | None:
        """The format of a file of that name; None when there is none for it."""
        return next((rule.format for rule in self.format_rules if fits(file_name, rule.files)), None)

    def allows_peer(self, address: str) -> bool:
        """Whether a session of this customer may come from *address*."""
        return lies_in(address, self.allowed_networks)

    def had_address(self, local_part: str, today: date) -> bool:
        """Whether who sends to *local_part* is still told the new address."""
        folded = local_part.casefold()
        formers = (each for each in self.former_mail_addresses if each.address.casefold() == folded)
        return any(today <= each.until for each in formers)

    def allows_sender(self, mail_address: str) -> bool:
        """Whether a mail may come from *mail_address*, its reverse path."""
        return not self.allowed_senders or any(fits(mail_address, each) for each in self.allowed_senders)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where the certificate of FTPS and STARTTLS is: PEM files."""

    certificate: Path
    private_key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, free of mistakes."""

    state_directory: Path
    sftp: Sftp
    ftp: Ftp
    smtp: Smtp
    tls: Certificate | None  # None: a self-signed one in the state directory
    database_url: str = field(repr=False)  # a path in it is absolute
    limits: Limits
    defence: Defence
    retention: Retention
    customers: Mapping[str, Customer]  # by name
    formats: Mapping[str, Format]  # by name
    warnings: tuple[Mistake, ...] = ()  # what works, and had better be changed
    given_hostname: str | None = None

    @property
    def hostname(self) -> str:
        """The name by which this host is known.

        When the files do not give one the system is asked, once; that may take as long as DNS takes.
        """
        return self.given_hostname or own_hostname()

    @property
    def mail_domain(self) -> str:
        """What stands behind the @ of the customers' addresses; the hostname when the files do not say."""
        return self.smtp.mail_domain or self.hostname

    def customer(self, name: str) -> Customer | None:
        return self.customers.get(name)

    @property
    def some_require_tls(self) -> bool:
        """Whether there is a customer whose password is not taken in the clear."""
        return any(each.require_tls for each in self.customers.values())

    def by_login(self, login: str) -> Customer | None:
        """The customer, enabled or not, who logs in as *login*."""
        return next((each for each in self.customers.values() if each.login == login), None)

    def legacy_algorithms(self, address: str) -> frozenset[str]:
        """What an SSH client at *address* is offered because it may be that of a customer who needs it."""
        old = (each for each in self.customers.values() if each.legacy_algorithms and each.enabled)
        return frozenset(name for each in old if each.allows_peer(address) for name in each.legacy_algorithms)

    def by_mail_address(self, local_part: str) -> Customer | None:
        """The customer, enabled or not, who sends to *local_part* at our mail domain."""
        folded = local_part.casefold()
        addresses = {(each.mail_address or "").casefold(): each for each in self.customers.values()}
        return addresses.get(folded) if folded else None

    def by_former_mail_address(self, local_part: str, today: date) -> Customer | None:
        """The customer, enabled or not, who had *local_part* as his address, while that is told."""
        return next((each for each in self.customers.values() if each.had_address(local_part, today)), None)


@cache
def own_hostname() -> str:
    """The full name of this host, as far as the system knows it."""
    return socket.getfqdn()
