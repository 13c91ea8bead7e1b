"""Deliveries: what was registered, what became of it, and the rows that were rejected.

    received ──> imported | duplicate | held      imports.py says so, or for `held` set_state
    received ──> failed ──> the same              tries are counted, the progress is kept
    any of them ──> received                      a retry: as if nothing had been tried yet
    held ──> received                             a release: the same, and `released` says so until a retry

What has its outcome keeps it until a retry; an attempt that comes too late finds NotWaiting.
It knows nothing of the transactions.  Functions that write hold a database transaction of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from peewee import Case, Query, fn

from dorimportd.errors import NotWaiting
from dorimportd.instants import reach
from dorimportd.store.connect import Connected
from dorimportd.store.models import REJECT_COLUMNS, Deliveries, Rejects
from dorimportd.store.prepared import Prepared, slot
from dorimportd.words import (
    EPOCH,
    Absent,
    Channel,
    Counts,
    Delivery,
    Envelope,
    Outcome,
    Reject,
    State,
    instant,
)

WAITING: Final = (State.RECEIVED, State.FAILED)
NO_PROGRESS: Final = {"format": None, "windows": 0, "absent": 0, "absent_ids": "[]", **asdict(Counts())}
READ_TO_END: Final = (State.IMPORTED, State.DUPLICATE)

# What PostgreSQL cannot hold: NUL, and half of a surrogate pair, by which Python shows bytes that are no
# text.  Both databases get the same.
UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")

COLUMNS: Final[Sequence[str]] = Deliveries._meta.sorted_field_names
FIND: Final = Prepared(Deliveries.select().where(Deliveries.sequence == slot("sequence")))
SAME_BYTES: Final = Prepared(
    Deliveries.select(fn.MAX(Deliveries.sequence)).where(
        (Deliveries.sha256 == slot("sha256"))
        & (Deliveries.customer == slot("customer"))
        & (Deliveries.sequence < slot("before"))
    )
)
REGISTER: Final = Prepared(
    Deliveries.insert({name: slot(name) for name in COLUMNS}).on_conflict(
        "ignore", conflict_target=[Deliveries.sequence]
    )
)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery and what became of it so far."""

    delivery: Delivery
    outcome: Outcome  # so far: counts grow while the import goes on
    tries: int  # failed ones
    windows: int  # parts of the file that are in the table, while the import goes on
    released: bool  # a person said that it is to be imported, whatever speaks against it; stays until a retry

    @property
    def sequence(self) -> int:
        return self.delivery.sequence


class Waiting(NamedTuple):
    """A delivery that is still to be imported."""

    sequence: int
    customer: str
    size: int  # bytes
    tries: int


def register(database: Connected, deliveries: Iterable[Delivery]) -> None:
    rows = [row_of(each) for each in deliveries]
    with database.writing(few=True):
        for row in rows:
            REGISTER.execute(database, **row)
        reach("import.registering")


def row_of(delivery: Delivery) -> dict[str, Any]:
    envelope = delivery.envelope
    return {
        "sequence": delivery.sequence,
        "customer": storable(envelope.customer),
        "channel": envelope.channel.value,
        "name": storable(envelope.name),
        "size": envelope.size,
        "sha256": envelope.sha256,
        "peer": storable(envelope.peer),
        "message_id": envelope.message_id and storable(envelope.message_id),
        "received_at": microseconds(envelope.received_at),
        "state": State.RECEIVED.value,
        "reason": None,
        "tries": 0,
        "released": False,
        **NO_PROGRESS,
    }


def last_registered(database: Connected) -> int:
    return Deliveries.select(fn.MAX(Deliveries.sequence)).scalar(database) or 0


def registered(database: Connected, first: int, last: int) -> set[int]:
    query = Deliveries.select(Deliveries.sequence).where(Deliveries.sequence.between(first, last))
    return {sequence for (sequence,) in query.tuples().execute(database)}


def waiting(database: Connected) -> list[Waiting]:
    columns = (Deliveries.sequence, Deliveries.customer, Deliveries.size, Deliveries.tries)
    query = Deliveries.select(*columns).where(Deliveries.state.in_(WAITING)).order_by(Deliveries.sequence)
    return [Waiting(*row) for row in query.tuples().execute(database)]


def find(database: Connected, sequence: int) -> DeliveryRow | None:
    row = FIND.execute(database, sequence=sequence).fetchone()
    return None if row is None else delivery_row(**dict(zip(COLUMNS, row, strict=True)))


def some(database: Connected, sequences: Sequence[int]) -> dict[int, DeliveryRow]:
    query = Deliveries.select().where(Deliveries.sequence.in_(sequences))
    return {row.sequence: row for row in read(database, query)}


def listing(
    database: Connected,
    customer: str | None = None,
    state: State | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[DeliveryRow]:
    query = Deliveries.select().order_by(Deliveries.sequence.desc()).limit(limit)
    if customer is not None:
        query = query.where(Deliveries.customer == customer)
    if state is not None:
        query = query.where(Deliveries.state == state)
    if since is not None:
        query = query.where(Deliveries.received_at >= microseconds(since))
    return read(database, query)[::-1]


def latest(database: Connected) -> dict[str, DeliveryRow]:
    newest = Deliveries.select(fn.MAX(Deliveries.sequence)).group_by(Deliveries.customer)
    query = Deliveries.select().where(Deliveries.sequence.in_(newest)).order_by(Deliveries.customer)
    return {row.delivery.envelope.customer: row for row in read(database, query)}


def earlier_same_bytes(database: Connected, customer: str, sha256: str, before: int) -> int | None:
    cursor = SAME_BYTES.execute(database, sha256=sha256, customer=customer, before=before)
    found: int | None = cursor.fetchone()[0]
    return found


def queue(database: Connected) -> dict[State, int]:
    query = Deliveries.select(Deliveries.state, fn.COUNT(Deliveries.sequence)).group_by(Deliveries.state)
    return dict.fromkeys(State, 0) | {State(state): n for state, n in query.tuples().execute(database)}


def states(database: Connected, first: int, last: int) -> dict[int, State]:
    query = Deliveries.select(Deliveries.sequence, Deliveries.state)
    query = query.where(Deliveries.sequence.between(first, last))
    return {sequence: State(state) for sequence, state in query.tuples().execute(database)}


def set_state(database: Connected, sequence: int, state: State, reason: str | None) -> None:
    with database.writing():
        values = {"state": state, "reason": reason and storable(reason)}
        if state is State.FAILED:
            change(database, sequence, WAITING, **values, tries=Deliveries.tries + 1)
        elif state is State.HELD:
            change(database, sequence, (*WAITING, State.HELD), **values)
        elif state is State.RECEIVED:
            start_again(database, sequence, tries=0, released=False)
        else:
            raise ValueError(f"only an import ends as {state}")


def release(database: Connected, sequence: int) -> None:
    with database.writing():
        start_again(database, sequence, (State.HELD,), tries=0, released=True)


def start_again(
    database: Connected, sequence: int, states: Sequence[State] = tuple(State), **values: Any
) -> DeliveryRow:
    """Forget how far the import was.  What it has put into the table stays, and is found unchanged.

    The format stays if it has read the whole file: the next run may build on it.  Raises as `change`.
    """
    drop_rejects(database, sequence)
    kept = Case(None, [(Deliveries.state.in_(READ_TO_END), Deliveries.format)])
    values |= {"state": State.RECEIVED, "reason": None, **NO_PROGRESS, "format": kept}
    change(database, sequence, states, **values)
    return read(database, Deliveries.select().where(Deliveries.sequence == sequence))[0]


def change(database: Connected, sequence: int, states: Sequence[State], **values: Any) -> None:
    """Change a delivery that is in one of *states*.

    Raises LookupError when no such delivery was registered, NotWaiting when it is in another state.
    """
    query = Deliveries.update(**values)
    query = query.where((Deliveries.sequence == sequence) & Deliveries.state.in_(states))
    if query.execute(database) == 1:
        return
    if find(database, sequence) is None:
        raise LookupError(f"there is no delivery {sequence}")
    raise NotWaiting(f"delivery {sequence} has its outcome already")


def drop_rejects(database: Connected, sequence: int) -> None:
    Rejects.delete().where(Rejects.sequence == sequence).execute(database)


def add_rejects(database: Connected, sequence: int, rejects: Sequence[Reject], first: int) -> None:
    """Keep *rejects*, numbered from *first*."""
    rows = [
        (sequence, number, each.line, *map(storable, each[1:])) for number, each in enumerate(rejects, first)
    ]
    database.load("reject", REJECT_COLUMNS, rows)


def rejects(database: Connected, sequence: int) -> Iterator[Reject]:
    columns = (Rejects.line, Rejects.field, Rejects.value, Rejects.rule, Rejects.raw_text)
    query = Rejects.select(*columns).where(Rejects.sequence == sequence).order_by(Rejects.number)
    return (Reject(*row) for row in database.stream(query))


def read(database: Connected, query: Query) -> list[DeliveryRow]:
    return [delivery_row(**row) for row in query.dicts().execute(database)]


def delivery_row(
    *,
    sequence: int,
    state: str,
    reason: str | None,
    format: str | None,
    received_at: int,
    channel: str,
    tries: int,
    windows: int,
    released: int,
    absent: int,
    absent_ids: str,
    **rest: Any,
) -> DeliveryRow:
    counts = Counts(**{each.name: rest.pop(each.name) for each in fields(Counts)})
    envelope = Envelope(channel=Channel(channel), received_at=instant(received_at), **rest)
    outcome = Outcome(State(state), counts, reason, format, Absent(absent, tuple(json.loads(absent_ids))))
    return DeliveryRow(Delivery(sequence, envelope), outcome, tries, windows, bool(released))


def storable(text: str) -> str:
    """*text* with what no database can hold replaced."""
    return UNSTORABLE.sub("\ufffd", text)


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
