"""The same import with nothing stored: what a sample would become by a format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

from dorimportd.parse.format import Format
from dorimportd.parse.read import Defaults, read
from dorimportd.words import Reject, Transaction, instant, iso


@dataclass(slots=True)
class DaySum:
    """The transactions of one location on one of its days, in one currency."""

    transactions: int = 0
    total: Decimal = Decimal(0)


@dataclass(slots=True)
class Rehearsal:
    """What a file would become.  Of several rows with one ID the last counts, as in an import."""

    rows: int = 0
    transactions: dict[str, Transaction] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    further: int = 0  # rows of transactions that are made of several, besides the first of each
    skipped: int = 0  # further rows, which the format leaves out
    withdrawn: int = 0  # transactions that the file withdraws; they are none of `transactions`

    @property
    def duplicates(self) -> int:
        """Rows that a later row of the file overrides."""
        return self.rows - len(self.rejects) - len(self.transactions) - self.withdrawn - self.further

    @property
    def refunds(self) -> int:
        return sum(each.units < 0 for each in self.transactions.values())

    def totals(self) -> dict[str, Decimal]:
        """The sum in each currency."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for each in self.transactions.values():
            sums[each.currency] += Decimal(each.units).scaleb(-each.scale)
        return dict(sums)

    def days(self) -> dict[tuple[str, str, str], DaySum]:
        """By day, location and currency, in that order: to compare with the till's own report."""
        sums: dict[tuple[str, str, str], DaySum] = defaultdict(DaySum)
        for each in self.transactions.values():
            day = instant(each.occurred_at + each.utc_offset * 1_000_000).date().isoformat()
            sum_of_day = sums[day, each.location, each.currency]
            sum_of_day.transactions += 1
            sum_of_day.total += Decimal(each.units).scaleb(-each.scale)
        return dict(sorted(sums.items()))

    def period(self) -> tuple[int, int] | None:
        """The first and the last time, microseconds; None without a transaction."""
        times = [each.occurred_at for each in self.transactions.values()]
        return (min(times), max(times)) if times else None

    def summary(self) -> dict[str, Any]:
        """Counts and sums, for a script."""
        period = self.period()
        return {
            "rows": self.rows,
            "transactions": len(self.transactions),
            "refunds": self.refunds,
            "duplicates": self.duplicates,
            "rejected": len(self.rejects),
            "skipped": self.skipped,
            "withdrawn": self.withdrawn,
            "totals": {currency: f"{total:f}" for currency, total in sorted(self.totals().items())},
            "first": iso(instant(period[0])) if period else None,
            "last": iso(instant(period[1])) if period else None,
            "days": [
                {"day": day, "location": location, "currency": currency}
                | {"transactions": each.transactions, "total": f"{each.total:f}"}
                for (day, location, currency), each in self.days().items()
            ],
        }

    def by_line(self) -> Iterator[Transaction]:
        """The transactions in the order of the file."""
        yield from sorted(self.transactions.values(), key=lambda each: each.line)


def rehearse(stream: BinaryIO, format: Format, defaults: Defaults, name: str = "") -> Rehearsal:
    """What the file *name* in *stream* would become.  Raises HoldFile."""
    found = Rehearsal()
    for batch in read(stream, format, defaults, name):
        found.rows += batch.rows
        found.further += sum(batch.further.values())
        found.skipped += batch.skipped
        found.rejects += batch.rejects
        transactions = map(Transaction._make, batch.transactions)
        found.transactions.update((each.transaction_id, each) for each in transactions)
    for withdrawn in [each for each in found.transactions.values() if each.withdrawn]:
        del found.transactions[withdrawn.transaction_id]
        found.withdrawn += 1
    return found
