"""Rows into transactions and rejects.

Each row that the format does not leave out ends as one transaction or as one reject.  A row without text
is a blank line and no row.  Rows that are right take the short way; one that is not is gone through again,
source by source, to tell which value breaks which rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from dorimportd.errors import HoldFile
from dorimportd.parse.arrow_libraries import load_arrow_libraries
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.condition import Row
from dorimportd.parse.control import ControlRows
from dorimportd.parse.decode import line_ends
from dorimportd.parse.fit import printable
from dorimportd.parse.format import Format, Identity
from dorimportd.parse.group import Groups
from dorimportd.parse.lanes import Piece
from dorimportd.parse.opening import Opened
from dorimportd.parse.readers import Reader, Readers, identity_reader, location_reader, scoped, time_reader
from dorimportd.parse.rows import KEPT_LINES, RAW_CHARACTERS, ChosenRows, Rows, Taken
from dorimportd.parse.sieve import Kind, Sieve, is_blank
from dorimportd.parse.torn import torn, used_places
from dorimportd.parse.total import total_reader
from dorimportd.parse.values import RUINED_RULE, BadField, BadValue
from dorimportd.words import Reject, Transaction, withdrawal

if TYPE_CHECKING:  # what it needs takes a while to import
    from dorimportd.parse.fast import FastLane

EXPORT_AGAIN: Final = "Send the file as the till exported it, not opened and saved by a spreadsheet."

LINE: Final = Transaction._fields.index("line")

BATCH_ROWS: Final = 10_000
BATCH_CHARACTERS: Final = 4_194_304  # of its rejects


class Converter:
    """Rows into transactions and rejects, for one file.

    A line item that cannot be read so far that its transaction is known holds the file, unless it is
    *released*: without it the transaction's total would be wrong.
    The ID is read last, so that only rows that are right are counted as occurrences.
    """

    def __init__(self, format: Format, opened: Opened, defaults: Defaults, *, released: bool = False) -> None:
        columns = self._columns = opened.columns
        self._naming = format.naming
        self._header = [self._naming(name) for name in opened.header.names[: columns.width]]
        self._ragged = format.ragged == "accept"
        self._width = columns.width if self._header else None  # without a header that of the first row
        location = location_reader(format, columns)
        total = total_reader(format, columns, defaults.currency)
        time = time_reader(format, columns, defaults.timezone, defaults.received)
        own = identity_reader(format, columns)
        is_scoped = format.unique_per == "location"
        identity = scoped(own, location) if is_scoped else own
        counted = isinstance(format.transaction_id, Identity) and bool(format.transaction_id.generate_from)
        self._readers = Readers(location, total.whole, time, identity, counted, is_scoped)
        self.groups = Groups(format, columns, location, total, time, own) if format.group_by else None
        self.control = None if format.control is None else ControlRows(format.control, format, columns)
        self._released = released
        self._damage = "reject" if released else format.damage
        named = self._named = (location, own, identity) if is_scoped else (own,)
        places = [
            *chain.from_iterable(each.places for each in named),
            *(self.groups.places if self.groups else ()),
        ]
        needed = columns.closure([*places, *map(columns.place, format.withdraw or ())])
        self._sieve = Sieve(format, columns, self._check_width, self.control, needed)
        self._dialect = format.dialect
        self._fast: FastLane | None = None
        one_by_one = self.groups is not None or columns.watchers
        self._may_be_quick = not one_by_one and (format.delimiter + format.quote).isascii()
        self._used = used_places(format, opened.header)

    @property
    def is_quick(self) -> bool:
        """Whether `convert_quickly` is of use for what follows."""
        return self._may_be_quick and self._width is not None and not self._sieve.ended

    def convert_quickly(self, piece: Piece) -> Batch | None:
        """What *piece* becomes; None when all of it has to be read row by row."""
        if self._fast is None:
            load_arrow_libraries()
            from dorimportd.parse.fast import FastLane

            self._fast = FastLane(self._dialect, self._columns, self._sieve, self._readers)
        assert self._width is not None
        found = self._fast.convert(piece, self._width)
        if found is None:
            return None
        batch = Batch(found.transactions, skipped=found.skipped)
        if found.left:
            rest = ChosenRows(piece.chosen(found.left), self._dialect)
            while not rest.ended:
                self.convert(rest, batch)
            batch.transactions.sort(key=itemgetter(LINE))
        return batch

    def convert(self, rows: Taken, batch: Batch) -> None:
        """Add to *batch* what the next 10,000 rows become, or fewer where there are long rejects."""
        location, total, time, identity = self._readers.reads
        width, told = self._width, 0
        kind = self._sieve.kind if self._sieve.has_work else None
        groups = self.groups
        withdraws = False
        add = batch.transactions.append
        line, row, grouped = 0, list[str](), 0
        for line, row in rows.take(BATCH_ROWS):
            if not row:  # a blank line, of which a file may have very many
                continue
            placed = groups is None
            try:
                if rows.flaw:  # asked first: what the row swallowed may be no row that is to be skipped
                    raise BadValue(rows.flaw)
                if kind is not None:
                    found = kind(row)
                    withdraws = found is not Kind.COUNTS
                    if withdraws and found is not Kind.WITHDRAWS:
                        batch.skipped += found is Kind.SKIPPED
                        continue
                elif len(row) != width:
                    self._check_width(row, len(row))
                if groups is not None:
                    placed = True
                    groups.add(row, line, withdraws=withdraws)
                    grouped = line
                    continue
                if withdraws:
                    add(withdrawal(self._withdrawn(row), line))
                    continue
                where = location(row)
                units, scale, currency = total(row)
                occurred_at, utc_offset = time(row)
                add((identity(row), where, units, scale, currency, occurred_at, utc_offset, line, 0))
            except BadValue as bad:
                if is_blank(row):
                    continue
                if not rows.flaw and self._is_header(row):
                    batch.skipped += 1
                    continue
                raw = rows.raw(line)
                reject = (
                    Reject(line, "", "", rows.flaw, raw) if rows.flaw else self._reject(bad, row, line, raw)
                )
                if not placed and not self._released:
                    raise HoldFile(
                        f"The row in line {line} {reject.rule}, so that it is not known of which transaction "
                        "it is a part. Correct it and send the file again."
                    ) from bad
                batch.rejects.append(reject)
                told += len(reject.raw) + len(reject.value)
                if told > BATCH_CHARACTERS:
                    return
        if line and isinstance(rows, Rows) and rows.ends_within(line):
            self._doubt(rows, row, line, batch, is_item=grouped == line)

    def _doubt(self, rows: Rows, row: list[str], line: int, batch: Batch, *, is_item: bool) -> None:
        """Reject the last row after all, when the file may be cut off in it."""
        found = torn(rows.above(line, KEPT_LINES), rows.whole(line), self._dialect, self._used)
        if found is None or not (is_item or (batch.transactions and batch.transactions[-1][LINE] == line)):
            return
        if is_item and self.groups is not None:
            self.groups.spoil(row, line)
        else:
            batch.transactions.pop()
        batch.rejects.append(
            Reject(line, self._columns.names[found.place], row[found.place], found.rule, rows.raw(line))
        )

    def spoilt(self, rows: Rows, groups: Groups, batch: Batch) -> None:
        """Add to *batch* those of the next 10,000 rows that their transactions take along."""
        for line, row in rows.take(BATCH_ROWS):
            try:
                why = groups.why(row, line) if not rows.flaw and self._counts(row) else None
            except BadValue:  # told the first time
                continue
            if why is not None:
                value = why.value[:RAW_CHARACTERS]
                batch.rejects.append(Reject(line, why.column, value, why.rule, rows.raw(line)))

    def _counts(self, row: list[str]) -> bool:
        if self._sieve.has_work:
            return self._sieve.kind(row) in (Kind.COUNTS, Kind.WITHDRAWS)
        self._check_width(row, len(row))
        return not is_blank(row)

    def _is_header(self, row: Row) -> bool:
        """Whether the header is here again."""
        names = [self._naming(field) for field in row[: len(self._header)]]
        return bool(names) and names == self._header

    def _reject(self, bad: BadValue, row: Row, line: int, raw: str) -> Reject:
        fault = bad if isinstance(bad, BadField) else self._fault(row, self._readers)
        if fault.rule == RUINED_RULE and self._damage == "hold":
            told = f"`{fault.column}` in line {line} is `{printable(fault.value)}`"
            raise HoldFile(f"{told}: a spreadsheet has ruined such values. {EXPORT_AGAIN}")
        rule = fault.rule if fault.column else fault.rule + suspicion(raw)
        return Reject(line, fault.column, fault.value[:RAW_CHARACTERS], rule, raw)

    def _withdrawn(self, row: Row) -> str:
        """The ID of the transaction that *row* withdraws.  Raises BadField."""
        try:
            return self._named[-1].read(row)
        except BadValue as bad:
            raise self._fault(row, self._named) from bad

    def _fault(self, row: Row, readers: Iterable[Reader[object]]) -> BadField:
        """What is wrong with a row that one of the *readers* does not take."""
        faults = (reader.fault(row, self._columns.names) for reader in readers)
        fault = next((fault for fault in faults if fault is not None), None)
        assert fault is not None
        return fault

    def _check_width(self, row: Row, fields: int) -> None:
        """Raises BadField unless *row* may have so many *fields*; empty ones at the end do not count."""
        if self._ragged:
            return
        if self._width is None:
            self._width = max(fields, self._columns.width)
        if fields < self._width or "".join(row[self._width : fields]).strip():
            of = "header" if self._header else "first row"
            raise BadField(f"has {fields} fields, but the {of} has {self._width}", "", "")


def suspicion(raw: str) -> str:
    """What a row of the wrong width may have come from, when it goes over several lines."""
    lines = 1 + line_ends(raw)
    return f"; it goes over {lines} lines: is a quote not closed?" if lines > 1 else ""
