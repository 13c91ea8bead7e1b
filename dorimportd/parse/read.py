"""A file, by its format, into batches of transactions and rejects.

Each row that the format does not leave out ends as one transaction or as one reject.  A row without text
is a blank line and no row.  Rows that are right take the short way; one that is not is gone through again,
source by source, to tell which value breaks which rule.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from dorimportd.errors import HoldFile
from dorimportd.parse.columns import Columns, Surroundings
from dorimportd.parse.condition import Row
from dorimportd.parse.control import ControlRows, Tally
from dorimportd.parse.decode import line_ends, split_lines, text_of
from dorimportd.parse.fit import explain, printable
from dorimportd.parse.format import Format, Identity
from dorimportd.parse.group import Groups
from dorimportd.parse.header import Header, find_header
from dorimportd.parse.keys import NO_HEADER
from dorimportd.parse.lanes import Below, Lanes, Piece
from dorimportd.parse.readers import Reader, Readers, identity_reader, location_reader, scoped, time_reader
from dorimportd.parse.rows import KEPT_LINES, RAW_CHARACTERS, ChosenRows, Rows, Taken
from dorimportd.parse.sieve import Kind, Sieve, is_blank
from dorimportd.parse.torn import torn, used_places
from dorimportd.parse.total import total_reader
from dorimportd.parse.unpack import unpacked
from dorimportd.parse.values import RUINED_RULE, BadField, BadValue
from dorimportd.words import Reject, Transaction, TransactionRow, withdrawal

if TYPE_CHECKING:  # what it needs takes a while to import
    from dorimportd.parse.fast import FastLane

EXPORT_AGAIN: Final = "Send the file as the till exported it, not opened and saved by a spreadsheet."

LINE: Final = Transaction._fields.index("line")

BATCH_ROWS: Final = 10_000
BATCH_CHARACTERS: Final = 4_194_304  # of its rejects


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where the format says nothing: the customer's, and the delivery's."""

    timezone: str  # IANA
    currency: str  # ISO 4217
    received: date | None = None  # in UTC; a sale long after that is none, see moment.py


@dataclass(slots=True)
class Batch:
    """Rows of a file and what they became.  Line items come with the last row of the file."""

    transactions: list[TransactionRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0  # further rows that the format leaves out: they are no rows of the count
    further: dict[int, int] = field(default_factory=dict)
    """By the line of a transaction that is made of several rows, how many there are besides the first."""

    @property
    def rows(self) -> int:
        """How many rows of the file; blank lines and what is skipped are none."""
        return len(self.transactions) + sum(self.further.values()) + len(self.rejects)


def read(
    stream: BinaryIO, format: Format, defaults: Defaults, name: str = "", *, released: bool = False
) -> Iterator[Batch]:
    """What the file in *stream*, which can be rewound, says by this *format*; *name* is that of the file.

    Batches have some ten thousand rows or transactions, in the order of the file, and a file without rows has
    none; one is empty while a large file of line items is still being read.  The same bytes give the same
    batches.

    Raises HoldFile, before the first batch when the beginning shows it, or later.  A file that a person has
    *released* is read as far as it can be: what else would hold it for some of its rows rejects those.
    """
    opened = open_rows(stream, format, name)
    converter = Converter(format, opened, defaults, released=released)
    tally = Tally(format, converter.control)
    for batch in batches(stream, format, defaults, name, opened, converter):
        tally.add(batch)
        yield batch
    if not released:
        tally.finish()


def batches(
    stream: BinaryIO, format: Format, defaults: Defaults, name: str, opened: Opened, converter: Converter
) -> Iterator[Batch]:
    """The same, whatever the file as a whole may be worth."""
    for stretch in Lanes(opened.below, lambda: converter.is_quick):
        if isinstance(stretch, Rows):
            yield from converted(converter, stretch)
        elif (batch := converter.convert_quickly(stretch)) is None:
            yield from converted(converter, stretch.rows(format.dialect))
        elif batch.rows or batch.skipped:
            yield batch
    if converter.groups is not None:
        yield from grouped(converter.groups)
        if converter.groups.spoilt:
            again = open_rows(stream, format, name)
            yield from taken_along(Converter(format, again, defaults), again.all_rows(), converter.groups)


def converted(converter: Converter, rows: Rows) -> Iterator[Batch]:
    """All of *rows*, one by one."""
    while not rows.ended:
        batch = Batch()
        converter.convert(rows, batch)
        # Of a large file of line items the end is far: whoever reads it may stop in between.
        if batch.rows or batch.skipped or not rows.ended:
            yield batch


class Opened(NamedTuple):
    """A file of which the header was read."""

    header: Header
    columns: Columns
    below: Below

    def all_rows(self) -> Rows:
        """One by one; asked for once, and not together with lanes."""
        rows = next(iter(Lanes(self.below, lambda: False)))
        assert isinstance(rows, Rows)
        return rows


def open_rows(stream: BinaryIO, format: Format, name: str) -> Opened:
    """The file in *stream* from its beginning.  Raises HoldFile."""
    texts = text_of(unpacked(stream), format.encoding)
    opening = split_lines(next(texts, ""))
    header = header_of(opening, format)
    columns = columns_of(format, header, Surroundings(name, preamble_of(opening, header, format)))
    used = used_places(format, header)
    below = Below(opening[header.last_line :], header.last_line + 1, texts, format.dialect, used)
    return Opened(header, columns, below)


def grouped(groups: Groups) -> Iterator[Batch]:
    """The transactions that the rows of a file made together."""
    found = groups.finish()
    while group := list(islice(found, BATCH_ROWS)):
        further = {each.line: each.rows - 1 for each in group if each.rows > 1}
        yield Batch([each.transaction for each in group], further=further)


def taken_along(converter: Converter, rows: Rows, groups: Groups) -> Iterator[Batch]:
    """The rows that are right, but of a transaction that another one has spoilt."""
    while not rows.ended:
        batch = Batch()
        converter.spoilt(rows, groups, batch)
        if batch.rows:
            yield batch


def header_of(opening: Sequence[str], format: Format) -> Header:
    """The header of the file that begins with these lines.  Raises HoldFile."""
    if format.header == NO_HEADER:
        return Header((), 0, {})
    at = format.header
    header = find_header(opening, format.wanted, format.dialect, format.naming, at)
    if header is None:
        raise HoldFile(explain(opening, format.wanted, format.dialect, format.naming, at))
    return header


def preamble_of(opening: Sequence[str], header: Header, format: Format) -> list[list[str]]:
    """The rows above the header."""
    lines = opening[: max(0, header.last_line - 1)]
    return [row for line in lines for row in one_row(line, format)]


def one_row(line: str, format: Format) -> list[list[str]]:
    """A line of the preamble, where a quote need not be closed, as the row that it is; or as none."""
    try:
        return list(format.dialect.reader([line]))
    except csv.Error:
        return []


def columns_of(format: Format, header: Header, surroundings: Surroundings) -> Columns:
    """The columns of this file; one without a header has as many as the format has numbers."""
    defined = format.columns or {}
    numbers = [number for number in defined.values() if isinstance(number, int)]
    width = max([header.width, *numbers])
    return Columns(header.names, header.places, width, defined, format.naming, surroundings)


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
