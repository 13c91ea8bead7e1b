"""What is done with a row before its values are read: is it one that counts, and what is made of it?

In this order: a blank line and a comment are nothing; a control row is put aside; from the footer on no row
counts; rows that others tell something from are remembered; conditions on columns of the file; the width;
what is made; conditions on that.  A row that does not count is skipped whatever else is wrong with it, and
of one that withdraws its transaction only what names the transaction need be right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import Any, Final

from dorimportd.parse.columns import Columns
from dorimportd.parse.condition import Asked, Predicate, Row, accepts, predicate_of
from dorimportd.parse.control import ControlRows
from dorimportd.parse.format import Format
from dorimportd.parse.values import BadValue

# Blanks of all kinds, and the sign by which DOS ended a file.
BLANK: Final = " \t\r\n\x0b\x0c\x1a\u00a0\u2009\u202f"

Width = Callable[[Row, int], None]  # of a row that had so many fields; raises BadValue

Asking = tuple[Predicate, tuple[int, ...]]  # and the places that are asked


class Kind(Enum):
    """What a row is."""

    COUNTS = auto()
    WITHDRAWS = auto()  # counts too
    SKIPPED = auto()
    NOTHING = auto()


class Sieve:
    """Decides on the rows of one file, in their order, and completes those that count.

    *needed* are the fields that must be right in a row that withdraws.
    """

    def __init__(
        self,
        format: Format,
        columns: Columns,
        check_width: Width,
        control: ControlRows | None,
        needed: Collection[int],
    ) -> None:
        self._columns = columns
        self._check_width = check_width
        self._comment = format.comment
        self._control = control
        self._ragged = format.ragged == "accept"
        self.ended = False  # by the footer
        self._footer = predicate_of(format.footer, columns.place) if format.footer else None
        self._withdraws = predicate_of(format.withdraw, columns.place) if format.withdraw else None
        self._withdrawing_places = tuple(map(columns.place, format.withdraw or ()))
        self._needed = needed
        self._footer_places = tuple(map(columns.place, format.footer or ()))
        self.early: list[Asked] = []
        self.late: list[Asked] = []
        for name, wanted in (format.only or {}).items():
            self._add(name, accepts(wanted))
        for name, wanted in (format.skip or {}).items():
            self._add(name, refuses(wanted))

    @property
    def withdrawing(self) -> list[Asking]:
        """What makes a row withdraw a transaction."""
        return [] if self._withdraws is None else [(self._withdraws, self._withdrawing_places)]

    @property
    def halting(self) -> list[Asking]:
        """What makes a row change what holds for others, or be none."""
        found: list[Asking] = []
        if self._comment:
            sign = self._comment
            found.append((lambda row: row[0].lstrip().startswith(sign), (0,)))
        if self._footer is not None:
            found.append((self._footer, self._footer_places))
        if self._control is not None:
            found.append((self._control.matches, self._control.places))
        return found

    @property
    def has_work(self) -> bool:
        """Whether the format asks for any of this; if not, what is no good row is blank or a bad one."""
        columns = self._columns
        return bool(
            self._control
            or self._ragged
            or self._comment
            or self._footer
            or self._withdraws
            or self.early
            or self.late
            or columns.makers
        )

    def kind(self, row: list[str]) -> Kind:
        """What *row* is; one that counts or withdraws has all its fields afterwards.

        Raises BadValue when it counts but cannot be completed.
        """
        columns, fields = self._columns, len(row)
        if is_blank(row) or (self._comment and row[0].lstrip().startswith(self._comment)):
            return Kind.NOTHING
        if fields < columns.width:
            row.extend([""] * (columns.width - fields))
        if self._control is not None and self._control.matches(row):
            self._control.add(row)
            return Kind.SKIPPED
        self.ended = self.ended or (self._footer is not None and self._footer(row))
        if self.ended:
            return Kind.SKIPPED
        for watcher in columns.watchers:
            watcher.watch(row)
        for place, accept in self.early:
            if not accept(row[place].strip()):
                return Kind.SKIPPED
        self._check_width(row, fields)
        del row[columns.width :]
        found = Kind.COUNTS
        if self._withdraws is not None:
            found = self._complete(row, self._withdraws)
        else:
            for make in columns.makers:
                row.append(make(row))
        for place, accept in self.late:
            if not accept(row[place].strip()):
                return Kind.SKIPPED
        return found

    def _complete(self, row: list[str], withdraws: Predicate) -> Kind:
        """Make what is made of *row*.  Raises BadValue, but of one that withdraws only for what it needs."""
        fault: BadValue | None = None
        for make in self._columns.makers:
            try:
                row.append(make(row))
            except BadValue as bad:
                if len(row) in self._needed:
                    raise
                fault = fault or bad
                row.append("")
        if withdraws(row):
            return Kind.WITHDRAWS
        if fault is not None:
            raise fault
        return Kind.COUNTS

    def _add(self, name: str, accept: Callable[[str], bool]) -> None:
        place = self._columns.place(name)
        conditions = self.early if place < self._columns.width else self.late
        conditions.append((place, accept))


def refuses(wanted: Any) -> Callable[[str], bool]:
    accept = accepts(wanted)
    return lambda text: not accept(text)


def is_blank(row: list[str]) -> bool:
    """Whether no field of *row* holds any text."""
    return not "".join(row).strip(BLANK)
