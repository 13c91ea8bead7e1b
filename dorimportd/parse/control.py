"""Checks of a file as a whole: its control rows, and how much of it may be rejected.

They are made while it is read, and decided at its end; the caller keeps nothing of a file before.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

from dorimportd.errors import HoldFile
from dorimportd.parse.amount import AmountReader
from dorimportd.parse.columns import Columns
from dorimportd.parse.condition import Row, predicate_of
from dorimportd.parse.fit import printable
from dorimportd.parse.format import Control, Format
from dorimportd.parse.values import BadField, BadValue
from dorimportd.words import Reject, TransactionRow

FEW_REJECTS: Final = 3  # below this many a file is never held for its rejects
REJECTS_SHOWN: Final = 100


class Counted(Protocol):
    """What a part of a file became: read.Batch."""

    transactions: list[TransactionRow]
    rejects: list[Reject]

    @property
    def rows(self) -> int: ...


class ControlRows:
    """What the file itself says of the number and the sum of its rows."""

    def __init__(self, control: Control, format: Format, columns: Columns) -> None:
        self.matches = predicate_of(control.where, columns.place)
        self.places = tuple(map(columns.place, control.where))  # of the fields that `matches` asks
        self._names = columns.names
        self._rows = None if control.rows is None else columns.place(control.rows)
        self._total = None if control.total is None else columns.place(control.total)
        self._amounts = AmountReader(decimal=format.decimal, thousands=format.thousands)
        self._implied = format.implied_decimals or 0
        self._sign = -1 if format.sign == "inverted" else 1
        self._found = False
        self._told_rows = 0
        self._told_total = Decimal(0)

    def add(self, row: Row) -> None:
        """Take what this control row says to what others said.  Raises BadField."""
        self._found = True
        if self._rows is not None:
            self._told_rows += int(self._amount(row, self._rows))
        if self._total is not None:
            self._told_total += self._sign * self._amount(row, self._total).scaleb(-self._implied)

    def compare(self, rows: int, total: Decimal, rejected: int) -> None:
        """Raises HoldFile when the file says otherwise of itself."""
        if not self._found:
            raise HoldFile("The file has no control row as the format says: it may be cut off.")
        if self._rows is not None and rows != self._told_rows:
            raise HoldFile(f"The file has {rows} rows, but its control row says {self._told_rows}.")
        # What is rejected has no total that could be added.
        if self._total is not None and not rejected and total != self._told_total:
            raise HoldFile(
                f"The totals of the file make {total}, but its control row says {self._told_total}."
            )

    def _amount(self, row: Row, place: int) -> Decimal:
        try:
            units, scale = self._amounts.read(row[place], "")
        except BadValue as bad:
            raise BadField(bad.rule, self._names[place], row[place]) from bad
        return Decimal(units).scaleb(-scale)


class Tally:
    """What a file has become so far."""

    def __init__(self, format: Format, control: ControlRows | None) -> None:
        self._most_percent = format.max_reject_percent
        self._control = control
        self._rows = 0
        self._rejected = 0
        self._examples: list[Reject] = []
        self._total = Decimal(0)

    def add(self, batch: Counted) -> None:
        self._rows += batch.rows
        self._rejected += len(batch.rejects)
        self._examples += batch.rejects[: REJECTS_SHOWN - len(self._examples)]
        if self._control is not None:
            self._total += sum(Decimal(row[2]).scaleb(-row[3]) for row in batch.transactions)

    def finish(self) -> None:
        """Raises HoldFile when the file as a whole is not to be trusted."""
        if self._rejected >= FEW_REJECTS and self._rejected * 100 > self._most_percent * self._rows:
            raise HoldFile(self._too_many(self._examples), self._examples)
        if self._control is not None:
            self._control.compare(self._rows, self._total, self._rejected)

    def _too_many(self, rejects: Sequence[Reject]) -> str:
        first = rejects[0]
        what = " ".join(f"`{printable(name)}`" for name in (first.column, first.value) if name) or "the row"
        return (
            f"{self._rejected:,} of {self._rows:,} rows would be rejected, more than"
            f" {self._most_percent} %; the first in line {first.line}: {what} {first.rule}."
        )
