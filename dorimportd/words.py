"""The words of the product as types: what was accepted, from whom, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EXAMPLES: Final = 5  # of many IDs, in a line of the log


class Channel(StrEnum):
    """The way by which a file came in."""

    SFTP = "sftp"
    FTP = "ftp"
    SMTP = "smtp"
    LOCAL = "local"  # imported from the command line


class TlsStart(StrEnum):
    """How TLS comes to the sessions of a listener."""

    NEVER = "never"  # SFTP has encryption of its own
    OPTIONAL = "optional"  # by AUTH TLS or STARTTLS, when the client asks for it
    EXPLICIT = "explicit"  # by AUTH TLS, before the login
    IMPLICIT = "implicit"  # from the first byte

    @property
    def note(self) -> str:
        """What stands behind the port of such a listener."""
        return {TlsStart.EXPLICIT: ", TLS required", TlsStart.IMPLICIT: ", TLS from the first byte"}.get(
            self, ""
        )


class State(StrEnum):
    """What became of a delivery so far."""

    RECEIVED = "received"  # accepted, not yet imported
    IMPORTED = "imported"
    HELD = "held"  # waits for a person, with a reason
    DUPLICATE = "duplicate"  # the bytes of an earlier delivery; importing them changed nothing
    FAILED = "failed"  # a fault of ours, to be tried again

    @property
    def final(self) -> bool:
        """Nothing more happens to it unless a person says so."""
        return self in (State.IMPORTED, State.HELD, State.DUPLICATE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a delivery besides its bytes."""

    customer: str
    channel: Channel
    name: str  # as the sender named the file
    size: int  # bytes
    sha256: str  # of the bytes, 64 hexadecimal digits
    peer: str  # the sender's address; empty for the local channel
    received_at: datetime  # the instant of acceptance, UTC
    message_id: str | None = None  # of the mail that carried it (RFC 5322 section 3.6.4)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One accepted file.  The sequence alone decides which of two is newer."""

    sequence: int
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact sum of money: units × 10**-scale."""

    units: int  # minor units, negative for a refund
    scale: int  # decimal places as written, 0 to 4

    def __str__(self) -> str:
        return str(Decimal(self.units).scaleb(-self.scale))


class Transaction(NamedTuple):
    """One sale or refund, as a file tells it.

    A tuple and not a dataclass, because a file has a million of them; the ID comes first, so that
    sorting them sorts by key.  `Transaction._make` makes it of a TransactionRow.
    """

    transaction_id: str
    location: str
    units: int  # of the total, with `scale`: see Amount
    scale: int
    currency: str  # ISO 4217
    occurred_at: int  # microseconds since 1970-01-01T00:00:00Z
    utc_offset: int  # seconds east of UTC at that place and time
    line: int  # of the file, from 1: where its row begins
    withdrawn: int = 0  # 1: its row takes back what was told of it, and tells nothing else

    @property
    def total(self) -> Amount:
        return Amount(self.units, self.scale)


# A Transaction as the everyday path carries it: its fields in their order, as a plain tuple.  The garbage
# collector stops looking at one that holds no containers, but never at a NamedTuple; with a hundred thousand
# of these in memory each of its full rounds would hold up all threads for the better part of a second.
# `withdrawn` is a number, because sqlite3 takes far longer for a bool.
TransactionRow = tuple[str, str, int, int, str, int, int, int, int]


def withdrawal(transaction_id: str, line: int) -> TransactionRow:
    """What withdraws a transaction: its ID, and that it is withdrawn."""
    return (transaction_id, "", 0, 0, "", 0, 0, line, 1)


class Reject(NamedTuple):
    """A row that was not imported."""

    line: int  # of the file, from 1
    column: str  # the column's name, or "" when the row as a whole is wrong
    value: str  # as it stands in the file
    rule: str  # what it breaks: a sentence that goes on after the value
    raw: str  # the row as it stands in the file, without its line end


@dataclass(frozen=True, slots=True)
class Counts:
    """How the rows of a delivery ended: rows = imported + unchanged + duplicates + rejected."""

    rows: int = 0
    imported: int = 0  # new or changed in the table
    unchanged: int = 0  # the table said so already, or a newer delivery says otherwise
    replaced: int = 0  # those of `imported` that changed a transaction that was there
    duplicates: int = 0  # overridden by a later row of the same file
    rejected: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.rows + other.rows,
            self.imported + other.imported,
            self.unchanged + other.unchanged,
            self.replaced + other.replaced,
            self.duplicates + other.duplicates,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True, slots=True)
class Absent:
    """Transactions that a delivery does not tell, though it holds their location's day whole and older ones
    told them."""

    count: int = 0
    first: tuple[str, ...] = ()  # their IDs in order, not more than 100 of them

    @property
    def examples(self) -> str:
        """Some of the IDs, for a line of the log."""
        shown = self.first[:EXAMPLES]
        more = f" and {self.count - len(shown)} more" if self.count > len(shown) else ""
        return ", ".join(map(repr, shown)) + more


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did with a delivery."""

    state: State
    counts: Counts = Counts()
    reason: str | None = None  # one plain sentence, for `held`, `duplicate` and `failed`
    format: str | None = None  # NAME@DIGEST of the format that read it
    absent: Absent = Absent()


def instant(microseconds: int) -> datetime:
    """The UTC time *microseconds* after 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(microseconds=microseconds)


def iso(moment: datetime) -> str:
    """*moment*, which knows its zone, in UTC by ISO 8601: 2026-07-14T16:52:38Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso_at(seconds: float) -> str:
    """The whole second that is *seconds* after 1970, as iso has it."""
    return iso(datetime.fromtimestamp(int(seconds), UTC))
