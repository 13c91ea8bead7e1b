"""The lineage of a transaction: what each delivery said about it.

Deliveries are read once more, each as it was read.  Of all that was said the delivery with the highest
sequence counts; of its readings the last one that says something, and of that its last line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final, NamedTuple

from dorimportd.parse.read import read
from dorimportd.pipeline.history import History
from dorimportd.pipeline.importer import Plan
from dorimportd.spool.spool import Spool
from dorimportd.store.store import Store
from dorimportd.words import Delivery, Envelope, State, Transaction

READ: Final = (State.IMPORTED, State.DUPLICATE)


class Reading(NamedTuple):
    """How a delivery was read."""

    plan: Plan
    released: bool


class Said(NamedTuple):
    """What a line of a delivery said."""

    delivery: Delivery
    format: str  # NAME@DIGEST that read it
    transaction: Transaction


class Lineage:
    """Who said what about the transaction *transaction_id*.

    *plan* says by what a delivery is read of which is only known that it was imported.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        history: History,
        plan: Callable[[Envelope], Plan],
        transaction_id: str,
    ) -> None:
        self._spool = spool
        self._store = store
        self._history = history
        self._plan = plan
        self._transaction_id = transaction_id

    def said_by(self, delivery: Delivery) -> Iterator[Said]:
        """All that one delivery said, what counts most first.

        Of one whose bytes were removed that is only what the store has of it.
        Raises HoldFile, NoSuchFile or SpoolFailing when it cannot be read any more.
        """
        if self._spool.removed_at(delivery.sequence) is not None:
            yield from self._kept(delivery)
            return
        for reading in reversed(self._readings(delivery)):
            found = [Said(delivery, reading.plan.tag, each) for each in self._read(delivery, reading)]
            yield from sorted(found, key=attrgetter("transaction.line"), reverse=True)

    def _kept(self, delivery: Delivery) -> Iterator[Said]:
        told = self._store.told_of(delivery.envelope.customer, self._transaction_id)
        row = self._store.delivery(delivery.sequence)
        if told is not None and row is not None and told.delivery == delivery.sequence:
            yield Said(delivery, row.outcome.format or "", told.transaction)

    def _readings(self, delivery: Delivery) -> list[Reading]:
        past = self._history.past(delivery.sequence)
        if past is not None:
            return [Reading(self._history.plan(each), each.released) for each in past.readings]
        row = self._store.delivery(delivery.sequence)
        if row is None or row.outcome.state not in READ:
            return []
        return [Reading(self._plan(delivery.envelope), row.released)]

    def _read(self, delivery: Delivery, reading: Reading) -> list[Transaction]:
        plan, released = reading
        with self._spool.open_delivery(delivery.sequence) as stream:
            batches = read(stream, plan.format, plan.defaults, delivery.envelope.name, released=released)
            rows = (row for batch in batches for row in batch.transactions)
            return [Transaction._make(row) for row in rows if row[0] == self._transaction_id]
