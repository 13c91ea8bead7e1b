"""Line items: the rows of a file that are one transaction together, wherever in the file they stand.

Each row adds to what is known of its transaction; a value that a row leaves empty is told by another.  A
sum of items is right only if each of them is, so one bad row spoils its transaction: none of its rows is
imported.  Which rows those are is known when the file has been read to its end, and so they are told by
reading it again.  What is remembered is bounded for each transaction, whatever its number of rows.

A transaction is withdrawn when a row of it says so and no other says otherwise; a row whose columns of
`withdraw` are all empty says neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, NamedTuple

from dorimportd.parse.columns import Columns
from dorimportd.parse.condition import Row
from dorimportd.parse.format import Combine, Format, Identity
from dorimportd.parse.identity import compose
from dorimportd.parse.readers import Reader, picker
from dorimportd.parse.total import TotalReader, added, rounded
from dorimportd.parse.values import BadField, BadValue
from dorimportd.words import TransactionRow, withdrawal

Key = tuple[str, ...]
Pair = tuple[int, int]  # units and scale, or instant and offset

COMPARED_PLACES: Final = 100  # more than a product of ten factors has


class Grouped(NamedTuple):
    """A transaction and of how many rows it is made."""

    transaction: TransactionRow
    line: int  # of its first row
    rows: int


class Spoilt(NamedTuple):
    """Why a transaction of several rows is not imported."""

    column: str
    value: str
    rule: str


class Group:
    """What is known so far of one transaction."""

    __slots__ = (
        *("line", "rows", "identity", "location", "currency", "time", "total", "refunds", "withdrawn"),
        "stands",
    )

    def __init__(
        self,
        line: int,
        rows: int,
        identity: tuple[str, ...],
        location: str | None = None,
        currency: str | None = None,
        time: Pair | None = None,
        total: Pair | None = None,
        refunds: Pair | None = None,
        withdrawn: bool = False,
        stands: bool = False,
    ) -> None:
        self.line = line  # of its first row
        self.rows = rows
        self.identity = identity  # the fields that its ID is made of
        self.location = location
        self.currency = currency
        self.time = time
        self.total = total  # units and scale; of the rows that are no refunds
        self.refunds = refunds  # of those that are
        self.withdrawn = withdrawn  # as one row says
        self.stands = stands  # as one row says


# A Group as it is kept while rows of others are read: a plain tuple of what it is made of.  The garbage
# collector stops looking at these, where a million Groups would hold up all threads again and again.
State = tuple[Any, ...]
state_of: Callable[[Group], State] = attrgetter(*Group.__slots__)


class Groups:
    """The transactions of one file, by what their rows have in common."""

    def __init__(
        self,
        format: Format,
        columns: Columns,
        location: Reader[str],
        total: TotalReader,
        time: Reader[Pair],
        identity: Reader[str],
    ) -> None:
        self._names = columns.names
        self.places = tuple(columns.place(source) for source in format.group_by or ())
        self._combine = format.combine or Combine()
        self._scoped = format.unique_per == "location"
        source = format.transaction_id
        self._generates = isinstance(source, Identity) and source.generate_from is not None
        self._location, self._total, self._time, self._identity = location, total, time, identity
        self._states = tuple(columns.place(name) for name in format.withdraw or ())
        own = () if self._generates else identity.places
        told = {*self.places, *self._states, *own, *location.depends_on, *time.depends_on}
        self._told_by = picker(sorted(told))
        self._told: Key = ()  # by the last row, besides a total; none when it was no right one
        self._open: tuple[Key, Group] | None = None  # the transaction of the last row
        self._kept: dict[Key, State] = {}  # the others, in the order of their first rows
        self._spoilt: dict[Key, Spoilt] = {}
        self._spoiling: set[int] = set()  # the lines of rows that spoilt one

    def key(self, row: Row) -> Key:
        """What *row* has in common with others.  Raises BadField when that is nothing."""
        key = tuple([row[place].strip() for place in self.places])
        if not any(key):
            raise BadField("is empty", " + ".join(self._names[place] for place in self.places), "")
        return key

    def add(self, row: Row, line: int, *, withdraws: bool) -> None:
        """Let *row* add to its transaction, or withdraw it.

        Raises BadField, and then the transaction is spoilt.
        """
        told = self._told_by(row)
        if told == self._told and self._open is not None:
            key, group = self._open
            group.rows += 1
            merge = self._merge_total  # as most items do it repeats the one above, and adds nothing else
        else:
            key, self._told = self.key(row), ()
            group = self._group(key, row, line)
            merge = self._withdraw if withdraws else self._merge
        try:
            merge(group, row)
        except BadField:
            self.spoil(row, line)
            raise
        if not withdraws:
            self._told = told

    def finish(self) -> Iterator[Grouped]:
        """The transactions that are right, in the order of their first rows."""
        self._close()
        for key, state in self._kept.items():
            group = Group(*state)
            if key in self._spoilt:
                continue
            try:
                transaction = self._transaction(group)
            except BadField as bad:
                self._spoilt[key] = Spoilt(bad.column, bad.value, bad.rule)
            else:
                yield Grouped(transaction, group.line, group.rows)

    def spoil(self, row: Row, line: int) -> None:
        """The *row*, which was added, is not right after all."""
        self._spoiling.add(line)
        why = f"is of the same transaction as line {line}, which is rejected"
        self._spoilt.setdefault(self.key(row), Spoilt("", "", why))

    @property
    def spoilt(self) -> bool:
        """Whether any transaction is; after `finish`."""
        return bool(self._spoilt)

    def why(self, row: Row, line: int) -> Spoilt | None:
        """Why *row* is not imported with its transaction; None when it is, or was told of already."""
        return None if line in self._spoiling else self._spoilt.get(self.key(row))

    def _group(self, key: Key, row: Row, line: int) -> Group:
        self._close()
        state = self._kept.get(key)
        if state is None:
            group = Group(line, 0, tuple([row[place].strip() for place in self._identity.places]))
            self._kept[key] = ()  # its place among the others
        else:
            group = Group(*state)
        group.rows += 1
        self._open = key, group
        return group

    def _close(self) -> None:
        if self._open is not None:
            key, group = self._open
            self._kept[key] = state_of(group)
            self._open = None

    def _withdraw(self, group: Group, row: Row) -> None:
        group.withdrawn = True
        self._merge_identity(group, row)
        if self._scoped:
            self._merge_location(group, row)

    def _merge(self, group: Group, row: Row) -> None:
        for place in self._states:
            group.stands = group.stands or bool(row[place].strip())
        self._merge_identity(group, row)
        self._merge_location(group, row)
        self._merge_total(group, row)
        if not self._time.is_empty(row):
            how, known, found = self._combine.time, group.time, self._read(self._time, row)
            chosen = known and self._chosen(how, self._time, known, found, row, itself)
            group.time = chosen or found

    def _merge_identity(self, group: Group, row: Row) -> None:
        if self._generates:
            return
        for part, place in enumerate(self._identity.places):
            field = row[place].strip()
            if field and not group.identity[part]:
                group.identity = (*group.identity[:part], field, *group.identity[part + 1 :])
            elif field and field != group.identity[part]:
                raise BadField(unlike(group.identity[part], group), self._names[place], row[place])

    def _merge_location(self, group: Group, row: Row) -> None:
        if self._location.is_empty(row):
            return
        found = self._read(self._location, row)
        if group.location is None:
            group.location = found
        elif found != group.location and self._combine.location == "equal":
            raise self._field(unlike(group.location, group), self._location, row)

    def _merge_total(self, group: Group, row: Row) -> None:
        exact, is_refund = self._total.exact, self._total.is_refund
        if exact.is_empty(row):
            return
        units, scale, currency = self._read(exact, row)
        if group.currency is None:
            group.currency = currency
        elif group.currency != currency:
            raise self._field(f"is in {currency}, but line {group.line} in {group.currency}", exact, row)
        refund = is_refund is not None and is_refund(row)
        if self._combine.total == "sum":
            if refund:
                group.refunds = increased(group.refunds, units, scale)
            else:
                group.total = increased(group.total, units, scale)
            return
        found = (-abs(units) if refund else units, scale)
        how, known = self._combine.total, group.total
        group.total = (known and self._chosen(how, exact, known, found, row, comparable)) or found

    def _chosen(
        self, how: str, reader: Reader[Any], known: Pair, found: Pair, row: Row, rank: Callable[[Pair], Any]
    ) -> Pair:
        """Which of two values counts that are no sum."""
        if how == "equal" and rank(known) != rank(found):
            raise self._field("is not the same in all rows of its transaction", reader, row)
        if how in ("equal", "first"):
            return known
        return min(known, found, key=rank) if how == "min" else max(known, found, key=rank)

    def _read(self, reader: Reader[Any], row: Row) -> Any:
        try:
            return reader.read(row)
        except BadValue as bad:
            if isinstance(bad, BadField):
                raise
            fault = reader.fault(row, self._names)
            assert fault is not None
            raise fault from bad

    def _field(self, rule: str, reader: Reader[Any], row: Row) -> BadField:
        column = " + ".join(self._names[place] for place in reader.places)
        return BadField(rule, column, " ".join(row[place] for place in reader.places))

    def _transaction(self, group: Group) -> TransactionRow:
        """Raises BadField when no row tells what it needs."""
        row = [""] * len(self._names)
        for place, field in zip(self._identity.places, group.identity, strict=True):
            row[place] = field
        if group.withdrawn:
            if group.stands:
                names = " + ".join(self._names[place] for place in self._states)
                raise BadField("withdraws the transaction in some of its rows and not in others", names, "")
            return withdrawal(self._identity_of(group, row), group.line)
        location = self._location_of(group, row)
        if group.time is None:
            raise self._field("is empty in each row of its transaction", self._time, row)
        units, scale = self._total_of(group, row)
        assert group.currency is not None
        identity = self._identity_of(group, row)
        return (identity, location, units, scale, group.currency, *group.time, group.line, 0)

    def _location_of(self, group: Group, row: Row) -> str:
        location = group.location if self._location.places else self._location.read(row)
        if location is None:
            raise self._field("is empty in each row of its transaction", self._location, row)
        return location

    def _identity_of(self, group: Group, row: Row) -> str:
        identity: str = self._read(self._identity, row)
        if not self._scoped:
            return identity
        try:
            return compose((self._location_of(group, row), identity))
        except BadField:
            raise
        except BadValue as bad:
            raise self._field(bad.rule, self._identity, row) from bad

    def _total_of(self, group: Group, row: Row) -> Pair:
        parts = [] if group.total is None else [group.total]
        if group.refunds is not None:
            units, scale = group.refunds
            parts.append((-abs(units), scale))
        if not parts:
            raise self._field("is empty in each row of its transaction", self._total.exact, row)
        try:
            return rounded(*added(parts), self._total.places)
        except BadValue as bad:
            raise self._field(bad.rule, self._total.exact, row) from bad


def increased(known: Pair | None, units: int, scale: int) -> Pair:
    """The sum of what is *known* and another amount."""
    if known is None:
        return units, scale
    if known[1] == scale:  # as a rule; `added` takes four times as long
        return known[0] + units, scale
    return added([known, (units, scale)])


def comparable(amount: Pair) -> int:
    """What orders amounts of any number of places that they can have."""
    units, scale = amount
    shifted: int = units * 10 ** (COMPARED_PLACES - scale)
    return shifted


def itself(moment: Pair) -> Pair:
    return moment


def unlike(known: str, group: Group) -> str:
    return f"is not {known} as in line {group.line}, which is of the same transaction"
