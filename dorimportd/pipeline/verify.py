"""The archive against its digests, and the store against the archive.

    spool                               of each delivery the envelope, the bytes by their digest, its place in
                                        the store, and how it was read; where roots lead
    spool ──> another store ──┬── ==    all transactions in the order of their IDs, those withdrawn, too
              store ──────────┘

The store changes meanwhile.  What is compared are the deliveries up to the last one that it had at the
beginning, and of those not the ones that were waiting then, or whose outcome was written since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from dorimportd.errors import NotAccepted
from dorimportd.pipeline.rebuild import cause_of
from dorimportd.spool.spool import Spool
from dorimportd.store.deliveries import DeliveryRow
from dorimportd.store.sales import ToldRow
from dorimportd.store.store import Store
from dorimportd.words import Delivery

PIECE: Final = 1 << 20  # bytes
SHOWN: Final = 20  # of the rows of each kind
CLOCK: Final = timedelta(milliseconds=100)  # by which a file may look older than it is


class Finding(NamedTuple):
    """What is wrong with a delivery, or with what a customer is shown."""

    delivery: int
    problem: str  # a sentence that goes on after "delivery 17"


class Kind(StrEnum):
    """How a row of the store is wrong."""

    UNEXPLAINED = "unexplained"  # no delivery tells it
    MISSING = "missing"
    DIFFERENT = "different"


class WrongRow(NamedTuple):
    """A transaction by the archive and by the store."""

    customer: str
    archive: ToldRow | None
    store: ToldRow | None

    @property
    def kind(self) -> Kind:
        if self.archive is None:
            return Kind.UNEXPLAINED
        return Kind.MISSING if self.store is None else Kind.DIFFERENT

    @property
    def told(self) -> ToldRow:
        """What the store says; of a missing one what it should say."""
        told = self.store or self.archive
        assert told is not None
        return told


@dataclass(slots=True)
class WrongRows:
    """How many rows are wrong, and the first of each kind."""

    transactions: int = 0  # compared
    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    first: dict[Kind, list[WrongRow]] = field(default_factory=lambda: {kind: [] for kind in Kind})

    @property
    def any(self) -> bool:
        return any(self.counts.values())

    def add(self, row: WrongRow) -> None:
        self.counts[row.kind] += 1
        if len(self.first[row.kind]) < SHOWN:
            self.first[row.kind].append(row)


class Settled:
    """Which deliveries were done with when it was made, and have not been touched since."""

    def __init__(self, spool: Spool, store: Store, now: datetime) -> None:
        self._spool = spool
        self._began = now - CLOCK
        self.upto = store.last_registered()
        self._waiting = {each.sequence for each in store.waiting()}

    def __contains__(self, sequence: object) -> bool:
        assert isinstance(sequence, int)
        if sequence > self.upto:  # it came meanwhile, unless there is none
            return not self._spool.layout.delivery(sequence).is_dir()
        if sequence in self._waiting:
            return False
        return not self._spool.outcomes.was_put_since(sequence, self._began)


def check_delivery(spool: Spool, store: Store, sequence: int) -> Iterator[Finding]:
    """What is wrong with one delivery that the store had when it was asked for its last one."""
    try:
        delivery = spool.delivery(sequence)
    except NotAccepted as refusal:
        yield Finding(sequence, f"has an envelope that cannot be read: {cause_of(refusal)}")
        return
    if problem := wrong_bytes(spool, delivery):
        yield Finding(sequence, problem)
    row = store.delivery(sequence)
    if row is None:
        yield Finding(sequence, "is not in the database")
    elif not is_same(row, delivery):
        yield Finding(sequence, "is another one in the database")


def is_same(row: DeliveryRow, delivery: Delivery) -> bool:
    stored, envelope = row.delivery.envelope, delivery.envelope
    return (stored.customer, stored.sha256, stored.size) == (
        envelope.customer,
        envelope.sha256,
        envelope.size,
    )


def wrong_bytes(spool: Spool, delivery: Delivery) -> str | None:
    """What is wrong with its bytes, unless they were removed."""
    digest = hashlib.sha256()
    try:
        if spool.removed_at(delivery.sequence) is not None:
            return None
        with spool.open_delivery(delivery.sequence) as stream:
            while piece := stream.read(PIECE):
                digest.update(piece)
    except NotAccepted as refusal:
        return f"has bytes that cannot be read: {cause_of(refusal)}"
    except OSError as error:
        return f"has bytes that cannot be read: {error.strerror}"
    return None if digest.hexdigest() == delivery.envelope.sha256 else "has other bytes than were sent"


def check_gone(spool: Spool, store: Store, upto: int) -> Iterator[Finding]:
    """The deliveries that the store has and the spool does not."""
    for sequence in gaps(spool.sequences(), upto):
        if store.delivery(sequence) is not None:
            yield Finding(sequence, "is in the database, and its folder is gone")


def gaps(sequences: Iterator[int], upto: int) -> Iterator[int]:
    """The numbers from 1 to *upto* that are not among *sequences*, which rise."""
    last = 0
    for sequence in sequences:
        yield from range(last + 1, min(sequence, upto + 1))
        last = sequence
    yield from range(last + 1, upto + 1)


def check_roots(spool: Spool) -> Iterator[Finding]:
    """What customers are shown and is not there."""
    for customer in sorted(each.name for each in spool.layout.roots.iterdir() if each.is_dir()):
        for name in sorted(spool.roots.names(customer)):
            entry = spool.roots.get(customer, name)
            if entry is None or entry.sequence is None:
                continue
            if not spool.layout.delivery(entry.sequence).is_dir():
                yield Finding(entry.sequence, f"is shown to {customer} as {name!r}, and is not there")


def compare(archive: Store, store: Store, settled: Settled) -> WrongRows:
    """The transactions of all customers in both."""
    found = WrongRows()
    for customer in sorted(archive.transaction_counts().keys() | store.transaction_counts().keys()):
        for one, other in side_by_side(archive.told(customer), store.told(customer)):
            found.transactions += 1
            if one != other and all(each is None or each.delivery in settled for each in (one, other)):
                found.add(WrongRow(customer, one, other))
    return found


def side_by_side(
    archive: Iterator[ToldRow], store: Iterator[ToldRow]
) -> Iterator[tuple[ToldRow | None, ToldRow | None]]:
    """What both say of each transaction of which one of them says something; both in order of the IDs."""
    one, other = next(archive, None), next(store, None)
    while one is not None or other is not None:
        if other is None or (one is not None and key(one) < key(other)):
            yield one, None
            one = next(archive, None)
        elif one is None or key(other) < key(one):
            yield None, other
            other = next(store, None)
        else:
            yield one, other
            one, other = next(archive, None), next(store, None)


def key(row: ToldRow) -> str:
    return row.transaction.transaction_id
