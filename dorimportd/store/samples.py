"""Samples: some rows of each file that was imported lately, by which the next one is known again.

A delivery is compared with those that have a lower sequence, whatever was imported since; so a retry is
judged by the past that it had.  Where a file was let in although it differed, the past begins anew with it.
Samples are derived as the table is: importing all deliveries in their order makes the same ones.

Only the last ones of a customer and format are kept.  A retry of an older delivery has no past.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from dorimportd.store.connect import Connected
from dorimportd.store.deliveries import microseconds
from dorimportd.store.models import Samples
from dorimportd.store.prepared import Prepared, slot
from dorimportd.words import instant

KEPT: Final = 60  # of a customer and format
COMPARED: Final = 30  # with a new one: the nearest

OF_THESE: Final = (Samples.customer == slot("customer")) & (Samples.format == slot("format"))
DROP: Final = Prepared(Samples.delete().where(Samples.sequence == slot("sequence")))
KEEP: Final = Prepared(Samples.insert({name: slot(name) for name in Samples._meta.sorted_field_names}))
# The newest that is one too many; nothing is older than none.
LAST: Final = Samples.select(Samples.sequence).where(OF_THESE).order_by(Samples.sequence.desc())
DROP_OUTDATED: Final = Prepared(
    Samples.delete().where(OF_THESE & (Samples.sequence <= LAST.offset(KEPT).limit(1)))
)
BEFORE: Final = Prepared(
    Samples.select(Samples.shown, Samples.received_at, Samples.anew)
    .where(OF_THESE & (Samples.sequence < slot("sequence")))
    .order_by(Samples.sequence.desc())
    .limit(COMPARED)
)


class Shown(NamedTuple):
    """What a sample has of a transaction."""

    transaction_id: str
    location: str
    units: int  # of the total, with `scale`: see words.Amount
    scale: int
    currency: str
    day: int  # on which it occurred there, counted from 1970-01-01


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows of one file."""

    rows: Sequence[Shown]  # in the order of the file
    received_at: datetime
    anew: bool = False  # it was let in although it differed from those before


def keep(database: Connected, sequence: int, customer: str, format: str, sample: Sample) -> None:
    """Keep *sample* in place of an earlier one, within a database transaction of the caller.

    *format* is a name without digest: a format that was mended reads on from the same past.
    """
    drop(database, sequence)
    KEEP.execute(
        database,
        sequence=sequence,
        customer=customer,
        format=format,
        received_at=microseconds(sample.received_at),
        anew=sample.anew,
        shown=json.dumps(sample.rows, separators=(",", ":")),
    )
    DROP_OUTDATED.execute(database, customer=customer, format=format)


def drop(database: Connected, sequence: int) -> None:
    DROP.execute(database, sequence=sequence)


def drop_all(database: Connected, sequences: Sequence[int]) -> None:
    Samples.delete().where(Samples.sequence.in_(list(sequences))).execute(database)


def before(database: Connected, sequence: int, customer: str, format: str) -> list[Sample]:
    """The samples with which delivery *sequence* is compared, the newest first."""
    cursor = BEFORE.execute(database, customer=customer, format=format, sequence=sequence)
    found = []
    for shown, received_at, anew in cursor.fetchall():
        rows = [Shown(*row) for row in json.loads(shown)]
        found.append(Sample(rows, instant(received_at), bool(anew)))
        if anew:
            break
    return found
