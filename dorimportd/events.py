"""What can happen: the closed vocabulary of the log, the console and the metrics.

One class per kind; its fields are the record, `line` the sentence made of them.  What a sender chose
(names, logins, addresses) is always rendered with !r, so that it cannot forge a line of its own.
Rooms below the doors do not log: they return or raise, and a door or the daemon tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar

from dorimportd.words import Channel, Delivery, Outcome, TlsStart


class Level(IntEnum):
    """How much it matters: the numbers of syslog (RFC 5424 section 6.2.1)."""

    ERROR = 3
    WARNING = 4
    INFO = 6
    DEBUG = 7


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    line: ClassVar[str]
    level: ClassVar[Level] = Level.INFO

    def sentence(self) -> str:
        """The one line that a person reads."""
        return self.line.format(**{each.name: getattr(self, each.name) for each in fields(self)})


Tell = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class DaemonStarted(Event):
    line = "dorimportd {version} is ready; state in {state_directory}"

    version: str
    state_directory: str


@dataclass(frozen=True, slots=True)
class FaultsArmed(Event):
    line = "it is made to fail by the environment variable {variable}, which only tests set: {faults!r}"
    level = Level.WARNING

    variable: str
    faults: str


@dataclass(frozen=True, slots=True)
class StartRefused(Event):
    line = "dorimportd does not start: {reason}"
    level = Level.ERROR

    reason: str


@dataclass(frozen=True, slots=True)
class DaemonStopping(Event):
    line = "stopping: {why}"

    why: str


@dataclass(frozen=True, slots=True)
class ListenerOpened(Event):
    line = "{channel} listens on {address} port {port}{tls.note}"

    channel: Channel
    address: str
    port: int
    tls: TlsStart


@dataclass(frozen=True, slots=True)
class ListenerClosed(Event):
    line = "{channel} no longer listens on {address} port {port}"

    channel: Channel
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class HostKeyMade(Event):
    line = "made a host key: {type} {fingerprint}"

    type: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class HostKeysChanged(Event):
    line = "new SFTP sessions see other host keys now, of which clients warn: {fingerprints}"
    level = Level.WARNING

    fingerprints: str


@dataclass(frozen=True, slots=True)
class CertificateMade(Event):
    line = "made a self-signed certificate for {hostname!r}: {path}"

    hostname: str
    path: str


@dataclass(frozen=True, slots=True)
class SettingsReloaded(Event):
    line = "configuration reloaded: {customers} customers, {formats} formats"

    customers: int
    formats: int


@dataclass(frozen=True, slots=True)
class ReloadRefused(Event):
    line = "configuration not reloaded, the running one stays: {reason}"
    level = Level.ERROR

    reason: str


@dataclass(frozen=True, slots=True)
class SettingsWarning(Event):
    line = "{warning}"
    level = Level.WARNING

    warning: str


@dataclass(frozen=True, slots=True)
class RestartNeeded(Event):
    line = "a change of {what} takes effect at the next start"
    level = Level.WARNING

    what: str


@dataclass(frozen=True, slots=True)
class LoginAccepted(Event):
    line = "{channel} login of {customer} from {peer} by {method}"

    customer: str
    channel: Channel
    peer: str
    method: str  # password or the key's type and fingerprint


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    line = "{channel} login refused for {login!r} from {peer}: {reason}"
    level = Level.WARNING

    login: str
    channel: Channel
    peer: str
    reason: str  # for us; the peer is told the same text in every case
    customer: str | None = None  # whose login it is, when it is one


@dataclass(frozen=True, slots=True)
class SessionRefused(Event):
    line = "{channel} session from {peer} refused: {reason}"
    level = Level.WARNING

    channel: Channel
    peer: str
    reason: str
    customer: str | None = None  # who had logged in rightly


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    line = "{channel} session from {peer} ended: {reason}"
    level = Level.WARNING

    channel: Channel
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddressBanned(Event):
    line = "{address} is banned until {until}: {why}"
    level = Level.WARNING

    address: str
    until: str  # ISO 8601
    why: str


@dataclass(frozen=True, slots=True)
class BanLifted(Event):
    line = "the ban of {address} is lifted by dorimportctl"

    address: str


@dataclass(frozen=True, slots=True)
class AccountGuarded(Event):
    line = (
        "too many wrong passwords for {customer}: until {until} a password counts only from addresses that "
        "have logged in before; keys count as always"
    )
    level = Level.WARNING

    customer: str
    until: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class AccountsOpened(Event):
    line = "passwords count again from all addresses, by dorimportctl"


@dataclass(frozen=True, slots=True)
class BansUnreadable(Event):
    line = "{path} cannot be read, so bans from before the start are forgotten: {reason}"
    level = Level.WARNING

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class BansNotKept(Event):
    line = "{path} cannot be written, so bans would not outlive a restart: {reason}"
    level = Level.WARNING

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class NothingInCommon(Event):
    line = (
        "sftp session from {peer} refused: no {what} in common; the client has {theirs}; here are {ours}; "
        "{hint}"
    )
    level = Level.WARNING

    peer: str
    what: str  # "key exchange", "host key", "cipher", "MAC" or "compression", perhaps several
    theirs: str  # names of algorithms
    ours: str
    hint: str  # what would allow it


@dataclass(frozen=True, slots=True)
class DeliveryAccepted(Event):
    line = (
        "delivery {delivery.sequence} accepted: {delivery.envelope.name!r} from "
        "{delivery.envelope.customer} by {delivery.envelope.channel}, {delivery.envelope.size} bytes"
    )

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class UploadKept(Event):
    line = "{channel} upload of {customer} kept under its temporary name {name!r}: {size} bytes"

    customer: str
    channel: Channel
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class UploadAbandoned(Event):
    line = "{channel} upload of {customer} broken off at {size} bytes: {name!r}; {reason}"
    level = Level.WARNING

    customer: str
    channel: Channel
    name: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class UploadRefused(Event):
    line = "{channel} upload of {customer} refused: {name!r}: {reason}"
    level = Level.WARNING

    customer: str
    channel: Channel
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class UploadDropped(Event):
    line = (
        "removed an unfinished upload of {customer}: {name!r}, {size} bytes, the last of them at "
        "{last_byte_at}, more than {age_days} days ago"
    )

    customer: str
    name: str
    size: int
    last_byte_at: str  # ISO 8601
    age_days: int


@dataclass(frozen=True, slots=True)
class ClockDoubted(Event):
    line = (
        "the clock says {clock}, and by what was last believed it is {reckoned}: what is kept grows old "
        "by the latter, until the clock has been so for {days} days; if it is wrong, set it"
    )
    level = Level.WARNING

    clock: str  # ISO 8601
    reckoned: str
    days: int


@dataclass(frozen=True, slots=True)
class RetentionDone(Event):
    line = (
        "retention: {compressed} files compressed, {saved} bytes fewer; "
        "the bytes of {removed} deliveries removed, {freed} bytes"
    )

    compressed: int
    saved: int
    removed: int
    freed: int


@dataclass(frozen=True, slots=True)
class RetentionFailed(Event):
    line = "retention leaves {what} as it is: {reason}"
    level = Level.WARNING

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class RetentionStopped(Event):
    line = "retention stopped, and goes on in an hour: {reason}"
    level = Level.WARNING

    reason: str


@dataclass(frozen=True, slots=True)
class RequestRefused(Event):
    line = "{channel} request of {customer} refused: {request} {name!r}: {reason}"

    customer: str
    channel: Channel
    request: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class MailRefused(Event):
    line = "mail from {sender!r} at {peer} refused: {reason}; kept as {kept}"
    level = Level.WARNING

    sender: str
    peer: str
    reason: str
    kept: str  # where the message lies, "nowhere" when it never came


@dataclass(frozen=True, slots=True)
class MailArchived(Event):
    line = "archive copy of mail {message_id!r} kept; delivery {sequence}"

    message_id: str
    sequence: str  # of the delivery that it is a copy of, "not here yet" when there is none


@dataclass(frozen=True, slots=True)
class MailRecovered(Event):
    line = (
        "mail {message_id!r} from {sender!r} reached only the archive address: made delivery "
        "{delivery.sequence} of {delivery.envelope.customer} of it, held"
    )
    level = Level.WARNING

    message_id: str
    sender: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class MailNotRecovered(Event):
    line = (
        "mail {message_id!r} from {sender!r} reached only the archive address, and no delivery can be made "
        "of it: {reason} It is kept as {kept}"
    )
    level = Level.WARNING

    message_id: str
    sender: str
    reason: str
    kept: str  # where the message lies


@dataclass(frozen=True, slots=True)
class MailConfirmed(Event):
    line = (
        "mail {message_id!r} has reached {delivery.envelope.customer} after all: delivery "
        "{delivery.sequence}, made of its archive copy, is imported if it was held"
    )

    message_id: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class ArchiveUnreadable(Event):
    line = "mails to the archive address wait for another look: {reason}"
    level = Level.ERROR

    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryImported(Event):
    line = (
        "delivery {delivery.sequence} imported: {delivery.envelope.name!r} from "
        "{delivery.envelope.customer}: {outcome.counts.rows} rows, {outcome.counts.imported} imported "
        "({outcome.counts.replaced} replaced), {outcome.counts.unchanged} unchanged, "
        "{outcome.counts.duplicates} duplicates, {outcome.counts.rejected} rejected"
    )

    delivery: Delivery
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TransactionsAbsent(Event):
    line = (
        "delivery {delivery.sequence} from {delivery.envelope.customer} lacks {outcome.absent.count} "
        "transactions that older ones told of its locations and days: {outcome.absent.examples}"
    )
    level = Level.WARNING

    delivery: Delivery
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DeliveryHeld(Event):
    line = (
        "delivery {delivery.sequence} held: {delivery.envelope.name!r} from {delivery.envelope.customer}: "
        "{outcome.reason}"
    )
    level = Level.WARNING

    delivery: Delivery
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class DeliveryDuplicate(Event):
    line = (
        "delivery {delivery.sequence} is a duplicate: {delivery.envelope.name!r} from "
        "{delivery.envelope.customer}: {outcome.reason}"
    )

    delivery: Delivery
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ImportFailed(Event):
    line = "delivery {sequence} could not be imported, next attempt in {wait_seconds:.0f} s: {reason}"
    level = Level.ERROR

    sequence: int
    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class ImportGivenUp(Event):
    line = "delivery {sequence} held after {tries} failed attempts: {reason}"
    level = Level.ERROR

    sequence: int
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportDied(Event):
    line = (
        "dorimportd died while it imported delivery {sequence} (deaths so far: {deaths}); it is tried again"
    )
    level = Level.WARNING

    sequence: int
    deaths: int


@dataclass(frozen=True, slots=True)
class ImportDeadly(Event):
    line = "delivery {sequence} held: {reason}"
    level = Level.ERROR

    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class EnvelopeUnreadable(Event):
    line = "delivery {sequence} cannot be imported: {reason}"
    level = Level.ERROR

    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class SpoolUnreadable(Event):
    line = "the spool cannot be read, next attempt in {wait_seconds:.0f} s: {reason}"
    level = Level.ERROR

    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class StoreLost(Event):
    line = "the database is away, imports wait {wait_seconds:.0f} s: {reason}"
    level = Level.ERROR

    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class StoreBack(Event):
    line = "the database is back, imports go on"


@dataclass(frozen=True, slots=True)
class SpoolRecovered(Event):
    line = "found {unfinished} unfinished uploads, kept for resuming"

    unfinished: int


@dataclass(frozen=True, slots=True)
class Fault(Event):
    """A defect of ours; the traceback goes to the log with it."""

    line = "defect in {where}: {error!r}\n{traceback}"
    level = Level.ERROR

    where: str
    error: BaseException
    traceback: str


@dataclass(frozen=True, slots=True)
class TwistedSaid(Event):
    """An error that Twisted itself logs, without an exception."""

    line = "{namespace}: {text!r}"
    level = Level.ERROR

    namespace: str
    text: str
