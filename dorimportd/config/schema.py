"""The keys of our files, with their units and defaults.

This is the one table of them: the reader checks by it, and the manual and the samples in etc/ are held
against it.  A name in a field says its unit; a description says the rest.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

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


class Ftp(Table):
    """The FTP and FTPS door."""

    listen: ListOf[Endpoint] = Field(
        default=("tcp:21",), description="endpoints; an empty list switches the channel off"
    )
    passive_ports: Ports | None = Field(
        default=None, description="FIRST-LAST for data connections; without it any free port"
    )
    public_address: PublicAddress | None = Field(
        default=None, description="the IPv4 address that clients are told, when they reach us through NAT"
    )


class Smtp(Table):
    """The mail door."""

    listen: ListOf[Endpoint] = Field(
        default=("tcp:25",), description="endpoints; an empty list switches the channel off"
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
    login_seconds: Seconds = Field(default=60, description="from the connection to the end of the login")
    login_attempts: Count = Field(default=6, description="that may fail in one session")
    idle_seconds: Seconds = Field(
        default=300, description="without a command or a byte; in a mail session, without a message"
    )
    mails_per_session: Count = Field(default=100, description="then the sender has to connect again")
    import_workers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="files read at one time"
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
    format: str | None = Field(default=None, description="the format of files that no [[formats]] fits")
    formats: ListOf[FormatChoice] = Field(default=(), description="tried in this order; the first that fits")
