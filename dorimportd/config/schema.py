"""The keys of our files, with their units and defaults.

This is the one table of them: the reader checks by it, and the manual and the samples in etc/ are held
against it.  A name in a field says its unit; a description says the rest.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dorimportd.config.legacy import LegacyAlgorithm
from dorimportd.config.values import (
    ArchiveAddress,
    Currency,
    DatabaseUrl,
    Day,
    Endpoint,
    FilePattern,
    Host,
    LocalPart,
    Login,
    MailAddress,
    NetworkOrAddress,
    PasswordHash,
    Ports,
    PublicAddress,
    SenderPattern,
    Size,
    Timezone,
)
from dorimportd.toml import ListOf, Table

KIB, MIB, GIB = 1024, 1024**2, 1024**3

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Sftp(Table):
    """The SFTP door."""

    listen: ListOf[Endpoint] = Field(
        default=("tcp:22",), description="endpoints; an empty list switches the channel off"
    )
    modern_only: bool = Field(
        default=False,
        description="offer only what ssh-audit marks green: no key exchange that is not post-quantum, no MAC "
        "that is not encrypt-then-MAC",
    )


class ClientsAddress(Table):
    """What clients of one network are told."""

    clients: NetworkOrAddress = Field(description="where they come from")
    address: PublicAddress = Field(description="the IPv4 address at which they reach us")


class Ftp(Table):
    """The FTP and FTPS door."""

    listen: ListOf[Endpoint] = Field(
        default=("tcp:21",), description="endpoints; TLS is used when the client asks for it, by AUTH TLS"
    )
    listen_explicit_tls: ListOf[Endpoint] = Field(
        default=(), description="endpoints on which AUTH TLS must come before the login"
    )
    listen_implicit_tls: ListOf[Endpoint] = Field(
        default=(), description="endpoints with TLS from the first byte; their usual port is 990"
    )
    passive_ports: Ports | None = Field(
        default=None, description="FIRST-LAST for data connections; without it any free port"
    )
    public_address: PublicAddress | None = Field(
        default=None, description="the IPv4 address that clients are told, when they reach us through NAT"
    )
    public_addresses: ListOf[ClientsAddress] = Field(
        default=(),
        description="for clients of single networks, in place of public_address; the first that fits",
    )


class Smtp(Table):
    """The mail door."""

    listen: ListOf[Endpoint] = Field(
        default=("tcp:25",), description="endpoints; an empty list switches the channel off"
    )
    listen_implicit_tls: ListOf[Endpoint] = Field(
        default=(), description="endpoints with TLS from the first byte; their usual port is 465"
    )
    mail_domain: Host | None = Field(
        default=None,
        description="what stands behind the @ of the customers' addresses; the hostname by default",
    )
    archive_address: ArchiveAddress | None = Field(
        default=None,
        description="who gets a copy of every mail: a whole address, or one before the @ of ours",
    )
    archive_grace_seconds: Seconds = Field(
        default=900,
        description="that a mail to the archive address waits for the one to the customer; then it is held",
    )


class Tls(Table):
    """The certificate of FTPS and STARTTLS; without one, a self-signed one in the state directory."""

    certificate: Text | None = Field(default=None, description="PEM file: the certificate, then its chain")
    private_key: Text | None = Field(default=None, description="PEM file, without a passphrase")


class Database(Table):
    """Where the transactions go."""

    url: DatabaseUrl | None = Field(
        default=None,
        repr=False,
        description="sqlite:///PATH, in the state directory when relative, or postgresql://…",
    )
    url_file: Text | None = Field(
        default=None, description="a file that holds the URL, or the name of a systemd credential"
    )


class Limits(Table):
    """How much of anything."""

    file_size: Annotated[Size, Field(ge=KIB)] = Field(default=10 * GIB, description="of one upload")
    mail_size: Annotated[Size, Field(ge=KIB)] = Field(
        default=50 * MIB, description="of one mail as it is sent"
    )
    free_space: Annotated[Size, Field(ge=0)] = Field(
        default=GIB, description="of the state directory, below which nothing more is taken"
    )
    sessions: Count = Field(default=500, description="at one time, over all channels")
    sessions_per_address: Count = Field(default=20, description="at one time")
    sessions_per_customer: Count = Field(default=10, description="at one time")
    unauthenticated_sessions: Count = Field(
        default=100, description="at one time without a login or a mail; then the oldest one ends"
    )
    login_seconds: Seconds = Field(default=60, description="from the connection to the end of the login")
    login_attempts: Count = Field(default=6, description="that may fail in one session")
    idle_seconds: Seconds = Field(
        default=300, description="without a command or a byte; in a mail session, without a message"
    )
    mails_per_session: Count = Field(default=100, description="then the sender has to connect again")
    minimum_rate: Annotated[Size, Field(ge=0, le=MIB)] = Field(
        default=KIB, description="bytes per second of an upload by SFTP or FTP, over a minute; 0 is none"
    )
    import_workers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="files read at one time"
    )


class Defence(Table):
    """Against those who guess passwords, over all channels."""

    ban_score: Annotated[int, Field(ge=1, le=100)] = Field(
        default=15,
        description="points in 30 minutes, then the address is refused: unknown user 2, wrong password 1",
    )
    ban_seconds: Seconds = Field(
        default=1800, description="of the first ban; each further one is longer by half, up to a day"
    )
    never_banned: ListOf[NetworkOrAddress] = Field(
        default=(), description="networks and addresses; 127.0.0.1 and ::1 are never banned either"
    )


class Retention(Table):
    """How long what is kept for a while is kept."""

    unfinished_uploads_days: Days = Field(
        default=7, description="since their last byte; then they are dropped"
    )
    compress_after_days: Days = Field(
        default=30, description="since the import of a delivery, or since a mail came"
    )
    remove_after_days: Days | None = Field(
        default=None, description="since the import; by default nothing is removed"
    )


class MainFile(Table):
    """dorimportd.toml."""

    hostname: Host | None = Field(default=None, description="the name of this host by default")
    state_directory: Text = Field(
        default="/var/lib/dorimportd",
        description="spool, SQLite database, host keys; may be relative to this file",
    )
    sftp: Sftp = Sftp()
    ftp: Ftp = Ftp()
    smtp: Smtp = Smtp()
    tls: Tls = Tls()
    database: Database = Database()
    limits: Limits = Limits()
    defence: Defence = Defence()
    retention: Retention = Retention()


class FormatChoice(Table):
    """The format of those of a customer's files whose name fits."""

    files: FilePattern = Field(
        description="a file name with * and ?; capital letters are the same as small ones"
    )
    format: str = Field(description="the name of a format")


class FormerAddress(Table):
    """A mail address that a customer had before."""

    address: LocalPart = Field(description="what stood before the @")
    until: Day = Field(description="the last day (UTC) on which a sender is told the new address")


class CustomerFile(Table):
    """customers.d/NAME.toml."""

    display_name: Text | None = Field(default=None, description="for people; NAME by default")
    timezone: Timezone = Field(description="IANA, of the customer's locations: Europe/Berlin")
    currency: Currency = Field(description="ISO 4217: EUR")
    contacts: ListOf[MailAddress] = Field(
        default=(), description="who is written to about this customer's files"
    )
    enabled: bool = Field(default=True, description="whether the customer may send")
    login: Login | None = Field(default=None, description="user name for SFTP, FTP and mail; NAME by default")
    password: PasswordHash | None = Field(
        default=None, repr=False, description="a hash, made by `dorimportctl customer password NAME`"
    )
    mail_address: LocalPart | None = Field(
        default=None, description="what stands before the @ of the address this customer sends to"
    )
    former_mail_addresses: ListOf[FormerAddress] = Field(
        default=(), description="before mail_address; a mail to one is refused with the new address"
    )
    allowed_senders: ListOf[SenderPattern] = Field(
        default=(), description="of mail, with * for any characters; an empty list allows all"
    )
    allowed_networks: ListOf[NetworkOrAddress] = Field(
        default=(), description="from which this customer may come on any channel; an empty list allows all"
    )
    require_tls: bool = Field(
        default=False, description="whether this customer's password and files come by FTP under TLS only"
    )
    legacy_algorithms: ListOf[LegacyAlgorithm] = Field(
        default=(),
        description="SSH algorithms that this customer's old client needs; offered to allowed_networks, or "
        "to all without them, and refused to other customers at their login",
    )
    format: str | None = Field(default=None, description="the format of files that no [[formats]] fits")
    formats: ListOf[FormatChoice] = Field(default=(), description="tried in this order; the first that fits")
