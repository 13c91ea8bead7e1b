"""The import of one delivery: windows of rows, each kept with its rejects and the progress at once.

    what an attempt left behind               what the next one does
    some windows                              goes on after the last one
    some windows, read by another format      starts again; the table converges (guarantee 4)
    all of them, and the outcome              nothing; but after a retry it starts again

The last window records the outcome too.  Two attempts at one delivery cannot both go on: a window is
kept only while the progress is the one that the attempt knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any, Final

from dorimportd.errors import NotWaiting, StoreAway
from dorimportd.instants import reach
from dorimportd.store.absent import find_absent
from dorimportd.store.connect import Connected
from dorimportd.store.deliveries import (
    WAITING,
    DeliveryRow,
    add_rejects,
    drop_rejects,
    find,
    start_again,
    storable,
)
from dorimportd.store.models import Customers, Deliveries
from dorimportd.store.prepared import Prepared, slot
from dorimportd.store.samples import Sample
from dorimportd.store.samples import keep as keep_sample
from dorimportd.store.upsert import FEW, upsert
from dorimportd.words import Absent, Counts, Outcome, Reject, State, TransactionRow

ONE_ROW_EACH: Final[Mapping[int, int]] = MappingProxyType({})
NONE_ABSENT: Final = Absent()

RECORDED: Final = ("state", "reason", "format", "windows", "absent", "absent_ids", *asdict(Counts()))
# The progress of the delivery is the one that an attempt knows.
AS_KNOWN_TO_IT: Final = (
    (Deliveries.sequence == slot("sequence"))
    & (Deliveries.windows == slot("windows_before"))
    & Deliveries.state.in_(WAITING)
)
KNOWN: Final = Deliveries.select(Deliveries.sequence).where(AS_KNOWN_TO_IT)
FIND_AS_KNOWN: Final = Prepared(KNOWN)
LOCK_AS_KNOWN: Final = Prepared(KNOWN.for_update())
RECORD: Final = Prepared(
    Deliveries.update({getattr(Deliveries, name): slot(name) for name in RECORDED}).where(AS_KNOWN_TO_IT)
)
ADD: Final = Prepared(
    Customers.update({Customers.transactions: Customers.transactions + slot("fresh")}).where(
        Customers.id == slot("customer")
    )
)
NUMBER: Final = Customers.select(Customers.id).where(Customers.name == slot("name"))
FIND_NUMBER: Final = Prepared(NUMBER)
LOCK_NUMBER: Final = Prepared(NUMBER.for_update())


class Run:
    """One attempt at the import of one delivery, by one thread at a time.

    `resume_at` windows are in the table by earlier attempts and need not be written again; the caller
    cuts the same file by the same format into the same windows.  `counts` are those of all windows that
    were kept.
    """

    def __init__(self, database: Connected, row: DeliveryRow, format: str, *, whole_days: bool) -> None:
        self._database = database
        self._row = row
        self._customer = row.delivery.envelope.customer
        self._name = row.delivery.envelope.name
        self._format = format
        self._whole_days = whole_days
        self._windows = row.windows
        # A retry of what this same format has read to the end.
        self._known_to_end = row.windows == 0 and row.outcome.format == format
        # What the duplicates of an earlier attempt overrode was not kept: it may have said otherwise.
        self._overrode = row.outcome.counts.duplicates > 0
        self.sequence = row.sequence
        self.resume_at = row.windows
        self.counts = row.outcome.counts
        self.sample: Sample | None = None  # what `finish` keeps besides, for the deliveries that follow

    def write(
        self,
        transactions: Sequence[TransactionRow],
        rejects: Sequence[Reject],
        rows: int,
        further: Mapping[int, int] = ONE_ROW_EACH,
    ) -> Counts:
        """Keep a window that is not the last; returns its counts.

        Each of the *rows* rows is of a transaction or a reject, or it is a ValueError: counts must add up.
        *further* has, by its line, how many rows a transaction is made of besides its first.
        Raises StoreAway, and then nothing of the window is kept.
        """
        with self._writing(transactions, rejects):
            counts = self._put(transactions, rejects, rows, further)
            self._record(State.RECEIVED, None, self.counts + counts, self._windows + 1)
        reach("import.window_committed", self._name)
        self._windows += 1
        self.counts += counts
        return counts

    def finish(
        self,
        transactions: Sequence[TransactionRow],
        rejects: Sequence[Reject],
        rows: int,
        duplicate_of: Callable[[], int | None] = lambda: None,
        further: Mapping[int, int] = ONE_ROW_EACH,
    ) -> DeliveryRow:
        """Keep the last window as `write` does, and with it the outcome.

        That is imported; or duplicate, when it changed nothing and the same bytes were another delivery
        before, which *duplicate_of* is then asked for.  Nothing is left to resume.
        """
        with self._writing(transactions, rejects):
            row = self._put_last(transactions, rejects, rows, duplicate_of, further)
        if not self.among_others:
            reach("import.last_committed", self._name)
        return row

    @property
    def among_others(self) -> bool:
        """Whether it is kept only together with what is done with other deliveries."""
        return bool(self._database.in_transaction())

    def _writing(
        self, transactions: Sequence[TransactionRow], rejects: Sequence[Reject]
    ) -> AbstractContextManager[None]:
        return self._database.writing(few=len(transactions) + len(rejects) <= FEW)

    def _put_last(
        self,
        transactions: Sequence[TransactionRow],
        rejects: Sequence[Reject],
        rows: int,
        duplicate_of: Callable[[], int | None],
        further: Mapping[int, int],
    ) -> DeliveryRow:
        counts = self.counts + self._put(transactions, rejects, rows, further)
        absent = self._absent()
        if self.sample is not None:
            name = self._format.rpartition("@")[0]
            keep_sample(self._database, self.sequence, self._customer, name, self.sample)
        changed = counts.imported or self._overrode
        earlier = None if changed or counts.rejected else duplicate_of()
        if earlier is not None:
            reason = f"The same bytes were delivery {earlier}; they change nothing."
            return self._record(State.DUPLICATE, reason, counts, 0, absent)
        return self._record(State.IMPORTED, None, counts, 0, absent)

    def hold(self, reason: str, rejects: Sequence[Reject] = ()) -> DeliveryRow:
        """Let the delivery wait for a person, with *rejects* as examples of what is wrong.

        Nothing of it counts as read.  Raises StoreAway.
        """
        with self._database.writing():
            self._check_known(self._lock_delivery())
            drop_rejects(self._database, self.sequence)
            add_rejects(self._database, self.sequence, rejects, first=0)
            row = self._record(State.HELD, reason, Counts(), 0)
        if not self.among_others:
            reach("import.held", self._name)
        return row

    def _put(
        self,
        transactions: Sequence[TransactionRow],
        rejects: Sequence[Reject],
        rows: int,
        further: Mapping[int, int],
    ) -> Counts:
        if rows != len(transactions) + sum(further.values()) + len(rejects):
            raise ValueError(
                f"{rows} rows are not {len(transactions)} transactions and {len(rejects)} rejects"
            )
        known = self._lock_delivery()
        customer = lock_customer(self._database, self._customer)
        self._check_known(known)  # before the rows of another attempt are met
        counts, fresh, overrode = upsert(
            self._database, customer, self.sequence, transactions, further, known_to_end=self._known_to_end
        )
        reach("import.rows_put", self._name)
        self._overrode |= overrode
        ADD.execute(self._database, fresh=fresh, customer=customer)
        add_rejects(self._database, self.sequence, rejects, first=self.counts.rejected)
        reach("import.rejects_put", self._name)
        return counts + Counts(rows=len(rejects), rejected=len(rejects))

    def _absent(self) -> Absent:
        """What this delivery leaves untold of its days, after its last window."""
        if not self._whole_days:
            return Absent()
        return find_absent(self._database, lock_customer(self._database, self._customer), self.sequence)

    def _record(
        self, state: State, reason: str | None, counts: Counts, windows: int, absent: Absent = NONE_ABSENT
    ) -> DeliveryRow:
        outcome = Outcome(state, counts, reason and storable(reason), self._format, absent)
        RECORD.execute(
            self._database,
            sequence=self.sequence,
            windows_before=self._windows,
            state=state.value,
            reason=outcome.reason,
            format=self._format,
            windows=windows,
            absent=absent.count,
            absent_ids=json.dumps(absent.first),
            **asdict(counts),
        )
        reach("import.recorded", self._name)
        return replace(self._row, outcome=outcome, windows=windows)

    def _lock_delivery(self) -> Any:
        """Have nobody else say what becomes of the delivery until the database transaction ends.

        The cursor of what `_check_known` wants to know.
        """
        # With SQLite there is one writer at any time.
        query = LOCK_AS_KNOWN if self._database.for_update else FIND_AS_KNOWN
        return query.execute(self._database, sequence=self.sequence, windows_before=self._windows)

    def _check_known(self, found: Any) -> None:
        """Raises StoreAway unless the progress of the delivery is the one that this attempt knows."""
        if found.fetchone() is None:
            raise StoreAway(f"Delivery {self.sequence} is being imported elsewhere.")


def begin(
    database: Connected,
    sequence: int,
    format: str,
    *,
    row: DeliveryRow | None,
    whole_days: bool,
    resume: bool,
) -> Run:
    """An attempt at delivery *sequence*, of which *row* is known.

    Raises LookupError when there is no such delivery, NotWaiting when it has its outcome.
    """
    row = row or find(database, sequence)
    if row is None:
        raise LookupError(f"there is no delivery {sequence}")
    if row.outcome.state not in WAITING:
        raise NotWaiting(f"delivery {sequence} has its outcome already")
    resumable = resume and row.windows > 0 and row.outcome.format == format
    if not resumable and (row.windows > 0 or row.outcome.counts != Counts()):
        with database.writing():
            row = start_again(database, sequence, WAITING)
        reach("import.begun_again", row.delivery.envelope.name)
    return Run(database, row, format, whole_days=whole_days)


def lock_customer(database: Connected, name: str) -> int:
    """The number of customer *name*, whose rows are ours alone until the database transaction ends."""
    query = LOCK_NUMBER if database.for_update else FIND_NUMBER
    found = query.execute(database, name=name).fetchone()
    if found is None:
        fresh = Customers.insert(name=name, transactions=0)
        fresh.on_conflict("ignore", conflict_target=[Customers.name]).execute(database)
        found = query.execute(database, name=name).fetchone()
    return int(found[0])
