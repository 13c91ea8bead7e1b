"""What the rows of a file become, in parts, and what is known of the file besides its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from dorimportd.words import Reject, TransactionRow


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where the format says nothing: the customer's, and the delivery's."""

    timezone: str  # IANA
    currency: str  # ISO 4217
    received: date | None = None  # in UTC; a sale long after that is none, see moment.py


@dataclass(slots=True)
class Batch:
    """Rows of a file and what they became.  Line items come with the last row of the file."""

    transactions: list[TransactionRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0  # further rows that the format leaves out: they are no rows of the count
    further: dict[int, int] = field(default_factory=dict)
    """By the line of a transaction that is made of several rows, how many there are besides the first."""

    @property
    def rows(self) -> int:
        """How many rows of the file; blank lines and what is skipped are none."""
        return len(self.transactions) + sum(self.further.values()) + len(self.rejects)
