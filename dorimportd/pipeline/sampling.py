"""Some rows of a file, to stand for all of them.

Which ones depends on the rows alone and not on the batches in which they come: the same file always gives
the same sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from dorimportd.store.samples import Sample, Shown
from dorimportd.words import TransactionRow

DAY: Final = 86_400 * 1_000_000  # microseconds

LOOKED_AT: Final = 4_000  # rows, of which at least half are taken where there are so many
KEPT: Final = 60  # rows, for the deliveries that follow


class Sampler:
    """Takes every row of a small file, and of a large one every so manieth."""

    def __init__(self) -> None:
        self._rows: list[TransactionRow] = []
        self._every = 1
        self._seen = 0

    def add(self, rows: Sequence[TransactionRow]) -> None:
        self._rows += rows[-self._seen % self._every :: self._every]
        self._seen += len(rows)
        while len(self._rows) > LOOKED_AT:
            del self._rows[1::2]
            self._every *= 2

    def sample(self, received_at: datetime) -> Sample:
        """What was taken."""
        return Sample([shown(row) for row in self._rows if row[1]], received_at)


def shown(row: TransactionRow) -> Shown:
    transaction_id, location, units, scale, currency, occurred_at, utc_offset, *_ = row
    return Shown(
        transaction_id, location, units, scale, currency, (occurred_at + utc_offset * 1_000_000) // DAY
    )


def thinned(rows: Sequence[Shown]) -> list[Shown]:
    """Some of *rows* in their order, among them one of the first day and one of the last."""
    if len(rows) <= KEPT:
        return list(rows)
    days = [row.day for row in rows]
    kept = {days.index(min(days)), days.index(max(days)), *evenly(len(rows), KEPT - 2)}
    return [rows[place] for place in sorted(kept)]


def evenly(size: int, count: int) -> Iterable[int]:
    """*count* places among *size*."""
    return (size * number // count for number in range(count))
