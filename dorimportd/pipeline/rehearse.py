"""The same import with nothing stored: what a sample would become by a format.

A sample may be as large as any file.  It is read as often as it is asked about, and what is remembered of it
is sums, and sixteen bytes for each transaction: the hash of its ID and its line, by which is known which
rows a later one with the same ID overrides.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, BinaryIO, Final, NamedTuple

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.format import Format
from dorimportd.parse.read import read
from dorimportd.words import EPOCH, Reject, Transaction, instant, iso

DAY: Final = 86_400 * 1_000_000  # microseconds
REJECTS_KEPT: Final = 100
PENS: Final = 256  # into which the hashes are sorted, so that not all of them are looked at together


class Sample(NamedTuple):
    """A file, and how it is to be read."""

    stream: BinaryIO  # can be rewound
    format: Format
    defaults: Defaults
    name: str = ""

    def read(self) -> Iterator[Batch]:
        """Raises HoldFile."""
        return read(self.stream, self.format, self.defaults, self.name)


class Place(NamedTuple):
    """What is summed up together, in this order: to compare with the till's own report."""

    day: int  # of the location, since 1970-01-01
    location: str
    currency: str


@dataclass(slots=True)
class DaySum:
    """The transactions of one location on one of its days, in one currency."""

    transactions: int = 0
    total: Decimal = Decimal(0)


@dataclass(slots=True)
class Sums:
    """What the transactions of a file come to."""

    transactions: int = 0
    refunds: int = 0
    withdrawn: int = 0  # transactions that the file withdraws; they are none of `transactions`
    first: int | None = None  # microseconds, as Transaction has them
    last: int | None = None
    _counts: Counter[Place] = field(default_factory=Counter)
    _units: Counter[tuple[Place, int]] = field(default_factory=Counter)  # by scale, since that is no matter

    def add(self, each: Transaction) -> None:
        if each.withdrawn:
            self.withdrawn += 1
            return
        self.transactions += 1
        self.refunds += each.units < 0
        moment = each.occurred_at
        self.first = moment if self.first is None else min(self.first, moment)
        self.last = moment if self.last is None else max(self.last, moment)
        place = Place((moment + each.utc_offset * 1_000_000) // DAY, each.location, each.currency)
        self._counts[place] += 1
        self._units[place, each.scale] += each.units

    def days(self) -> dict[Place, DaySum]:
        """By day, location and currency, sorted."""
        sums = {place: DaySum(count) for place, count in sorted(self._counts.items())}
        for (place, scale), units in sorted(self._units.items()):
            sums[place].total += Decimal(units).scaleb(-scale)
        return sums

    def totals(self) -> dict[str, Decimal]:
        """The sum in each currency."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for place, each in self.days().items():
            sums[place.currency] += each.total
        return dict(sorted(sums.items()))


class Seen:
    """Which rows another one with the same ID follows; two of a billion IDs may be taken for one."""

    def __init__(self) -> None:
        self._pens = [array("q") for _ in range(PENS)]

    def add(self, transaction_id: str, line: int) -> None:
        digest = hash(transaction_id)
        self._pens[digest % PENS].extend((digest, line))

    def overridden(self) -> frozenset[int]:
        """The lines of all but the last row of each ID."""
        found: set[int] = set()
        for pen in self._pens:
            last: dict[int, int] = {}
            for digest, line in zip(pen[0::2], pen[1::2], strict=True):
                if digest in last:
                    found.add(last[digest])
                last[digest] = line
        return frozenset(found)


@dataclass(slots=True)
class Rehearsal:
    """What a file would become.  Of several rows with one ID the last counts, as in an import."""

    held: str | None = None  # why nothing of it would be imported
    rows: int = 0
    rejected: int = 0
    further: int = 0  # rows of transactions that are made of several, besides the first of each
    skipped: int = 0  # further rows, which the format leaves out
    rejects: list[Reject] = field(default_factory=list)  # the first of them
    sums: Sums = field(default_factory=Sums)
    overridden: frozenset[int] = frozenset()  # the lines of rows that a later row of the file overrides

    def add(self, batch: Batch) -> None:
        """Count what there is of a part of the file; its transactions are not looked at."""
        self.rows += batch.rows
        self.rejected += len(batch.rejects)
        self.further += sum(batch.further.values())
        self.skipped += batch.skipped
        self.rejects += batch.rejects[: REJECTS_KEPT - len(self.rejects)]

    def summary(self) -> dict[str, Any]:
        """Counts and sums, for a script."""
        sums = self.sums
        return {
            "held": self.held,
            "rows": self.rows,
            "transactions": sums.transactions,
            "refunds": sums.refunds,
            "duplicates": len(self.overridden),
            "rejected": self.rejected,
            "skipped": self.skipped,
            "withdrawn": sums.withdrawn,
            "totals": {currency: f"{total:f}" for currency, total in sums.totals().items()},
            "first": None if sums.first is None else iso(instant(sums.first)),
            "last": None if sums.last is None else iso(instant(sums.last)),
            "days": [
                {"day": day_of(place), "location": place.location, "currency": place.currency}
                | {"transactions": each.transactions, "total": f"{each.total:f}"}
                for place, each in sums.days().items()
            ],
        }


def day_of(place: Place) -> str:
    """The day by ISO 8601."""
    return (EPOCH + timedelta(days=place.day)).date().isoformat()


def rehearse(sample: Sample) -> Rehearsal:
    """What *sample* would become.

    One that would be held for its rejects is counted all the same, so that it is seen what they are.
    """
    found, seen = Rehearsal(), Seen()
    try:
        for batch in sample.read():
            found.add(batch)
            for each in map(Transaction._make, batch.transactions):
                seen.add(each.transaction_id, each.line)
                found.sums.add(each)
    except HoldFile as reason:
        if not reason.rejects:
            return Rehearsal(held=str(reason))
        found.held = str(reason)
    found.overridden = seen.overridden()
    if found.overridden:
        found.sums = sums_of(last_rows(sample, found))
    return found


def sums_of(found: Iterable[Transaction]) -> Sums:
    sums = Sums()
    for each in found:
        sums.add(each)
    return sums


def transactions(sample: Sample, found: Rehearsal) -> Iterator[Transaction]:
    """Those of *sample*, of which *found* was found, in the order of the file."""
    return (each for each in last_rows(sample, found) if not each.withdrawn)


def last_rows(sample: Sample, found: Rehearsal) -> Iterator[Transaction]:
    """The same with those that it withdraws; of several with one ID the last."""
    for batch in read_again(sample, found):
        for each in map(Transaction._make, batch.transactions):
            if each.line not in found.overridden:
                yield each


def rejects(sample: Sample, found: Rehearsal) -> Iterator[Reject]:
    """All rejects of *sample*, of which *found* was found."""
    for batch in read_again(sample, found):
        yield from batch.rejects


def read_again(sample: Sample, found: Rehearsal) -> Iterator[Batch]:
    """All of it, also of a file that is held when it has been read."""
    try:
        yield from sample.read()
    except HoldFile:
        if found.held is None:
            raise
