"""A file, by its format, into batches of transactions and rejects.

Each row that the format does not leave out ends as one transaction or as one reject.  A row without text
is a blank line and no row.  Rows that are right take the short way; one that is not is gone through again,
source by source, to tell which value breaks which rule.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import BinaryIO, Final, NamedTuple
from zoneinfo import ZoneInfo

from dorimportd.errors import HoldFile
from dorimportd.parse.amount import AmountReader
from dorimportd.parse.columns import Columns, Surroundings
from dorimportd.parse.decode import decode, line_ends
from dorimportd.parse.fit import explain
from dorimportd.parse.format import Format, Identity
from dorimportd.parse.header import Header, find_header
from dorimportd.parse.identity import Generator, compose, read_part
from dorimportd.parse.keys import NO_HEADER
from dorimportd.parse.moment import Moments
from dorimportd.parse.pattern import pattern_of
from dorimportd.parse.rows import RAW_CHARACTERS, Rows
from dorimportd.parse.sieve import Kind, Sieve, is_blank
from dorimportd.parse.source import Source
from dorimportd.parse.values import BadField, BadValue, Memo, read_currency, read_text
from dorimportd.words import Reject, Transaction

BATCH_ROWS: Final = 10_000
BATCH_CHARACTERS: Final = 4_194_304  # of its rejects
CURRENCIES_KEPT: Final = 20

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where the format says nothing: the customer's."""

    timezone: str  # IANA
    currency: str  # ISO 4217


@dataclass(slots=True)
class Batch:
    """Consecutive rows of a file and what they became."""

    transactions: list[Transaction] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0  # further rows that the format leaves out: they are no rows of the count

    @property
    def rows(self) -> int:
        """How many rows of the file; blank lines and what is skipped are none."""
        return len(self.transactions) + len(self.rejects)


def read(stream: BinaryIO, format: Format, defaults: Defaults, name: str = "") -> Iterator[Batch]:
    """What the file in *stream*, which can be rewound, says by this *format*; *name* is that of the file.

    Batches have some 10,000 rows, in the order of the file, and none is empty: a file without rows has
    none.  The same bytes give the same batches.

    Raises HoldFile, before the first batch when the beginning shows it, or later.
    """
    blocks = decode(stream, format.encoding)
    opening = next(blocks, [])
    header = header_of(opening, format)
    columns = columns_of(format, header, Surroundings(name, preamble_of(opening, header, format)))
    below = chain([opening[header.last_line :]], blocks)
    rows = Rows(below, format.dialect, header.last_line + 1)
    converter = Converter(format, header, columns, defaults)
    while not rows.ended:
        batch = Batch()
        converter.convert(rows, batch)
        if batch.rows or batch.skipped:
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


class Check(NamedTuple):
    """A question to a row that is wrong: it raises BadValue if this is what is wrong with it."""

    places: tuple[int, ...]  # of the fields that are asked about
    ask: Callable[[Row], object]


class Converter:
    """Rows into transactions and rejects, for one file.

    `_location`, `_total`, `_time` and `_identity` each read their part of a row or raise BadValue; the
    checks ask the same in smaller steps.  The ID comes last, so that only rows that are right are counted
    as occurrences.
    """

    def __init__(self, format: Format, header: Header, columns: Columns, defaults: Defaults) -> None:
        self._columns = columns
        self._naming = format.naming
        self._header = [self._naming(name) for name in header.names[: columns.width]]
        self._ragged = format.ragged == "accept"
        self._width = columns.width if header.names else None  # without a header that of the first row
        self._checks: list[Check] = []
        self._location = self._location_reader(format)
        self._total = self._total_reader(format, defaults)
        self._time = self._time_reader(format, defaults)
        self._identity = self._identity_reader(format)
        self._sieve = Sieve(format, columns, self._check_width)

    def convert(self, rows: Rows, batch: Batch) -> None:
        """Add to *batch* what the next 10,000 rows become, or fewer where there are long rejects."""
        location, total, time, identity = self._location, self._total, self._time, self._identity
        width, told = self._width, 0
        kind = self._sieve.kind if self._sieve.has_work else None
        # The same as Transaction(*values) and Transaction._make(values), in half the time.
        transaction, add = tuple.__new__, batch.transactions.append
        for line, row in rows.take(BATCH_ROWS):
            try:
                if kind is not None:
                    found = kind(row)
                    if found is not Kind.COUNTS:
                        batch.skipped += found is Kind.SKIPPED
                        continue
                elif len(row) != width:
                    self._check_width(row, len(row))
                where = location(row)
                units, scale, currency = total(row)
                occurred_at, utc_offset = time(row)
                values = (identity(row), where, units, scale, currency, occurred_at, utc_offset, line)
                add(transaction(Transaction, values))
            except BadValue as bad:
                if is_blank(row):
                    continue
                if self._is_header(row):
                    batch.skipped += 1
                    continue
                reject = self._reject(bad, row, line, rows.raw(line))
                batch.rejects.append(reject)
                told += len(reject.raw) + len(reject.value)
                if told > BATCH_CHARACTERS:
                    return

    def _is_header(self, row: Row) -> bool:
        """Whether the header is here again."""
        names = [self._naming(field) for field in row[: len(self._header)]]
        return bool(names) and names == self._header

    def _reject(self, bad: BadValue, row: Row, line: int, raw: str) -> Reject:
        if isinstance(bad, BadField):
            rule = bad.rule if bad.column else bad.rule + suspicion(raw)
            return Reject(line, bad.column, bad.value[:RAW_CHARACTERS], rule, raw)
        for places, ask in self._checks:
            try:
                ask(row)
            except BadValue as found:
                column = " + ".join(self._columns.names[place] for place in places)
                value = " ".join(row[place] for place in places)
                return Reject(line, column, value[:RAW_CHARACTERS], found.rule, raw)
        raise AssertionError(f"no check finds what is wrong with {row}")

    def _check_width(self, row: Row, fields: int) -> None:
        """Raises BadField unless *row* may have so many *fields*; empty ones at the end do not count."""
        if self._ragged:
            return
        if self._width is None:
            self._width = max(fields, self._columns.width)
        if fields < self._width or any(field.strip() for field in row[self._width : fields]):
            of = "header" if self._header else "first row"
            raise BadField(f"has {fields} fields, but the {of} has {self._width}", "", "")

    def _location_reader(self, format: Format) -> Callable[[Row], str]:
        if isinstance(format.location, Source) and format.location.constant is not None:
            constant = format.location.constant
            return lambda row: constant
        place = self._columns.place(format.location)
        self._checks.append(Check((place,), lambda row: read_text(row[place])))
        locations = Memo(read_text)
        return lambda row: locations[row[place]]

    def _total_reader(self, format: Format, defaults: Defaults) -> Callable[[Row], tuple[int, int, str]]:
        amounts = AmountReader(decimal=format.decimal, thousands=format.thousands)
        place = self._columns.place(format.total)

        def totals_in(currency: str) -> Memo[tuple[int, int, str]]:
            return Memo(lambda text: (*amounts.read(text, currency), currency))

        if isinstance(format.currency, Source):
            currency_place = self._columns.place(format.currency)
            currencies = Memo(lambda text: totals_in(read_currency(text)), CURRENCIES_KEPT)
            self._checks.append(Check((currency_place,), lambda row: currencies[row[currency_place]]))
            self._checks.append(Check((place,), lambda row: currencies[row[currency_place]][row[place]]))
            return lambda row: currencies[row[currency_place]][row[place]]
        totals = totals_in(format.currency or defaults.currency)
        self._checks.append(Check((place,), lambda row: totals[row[place]]))
        return lambda row: totals[row[place]]

    def _time_reader(self, format: Format, defaults: Defaults) -> Callable[[Row], tuple[int, int]]:
        patterns = [pattern_of(text) for text in format.time_format]
        moments = Moments(patterns, ZoneInfo(format.timezone or defaults.timezone))
        places = tuple(self._columns.place(source) for source in format.time)
        if len(places) == 1:
            (place,) = places
            self._checks.append(Check(places, lambda row: moments.read(row[place])))
            return lambda row: moments.read(row[place])

        def read_joined(row: Row) -> tuple[int, int]:
            fields = [row[place].strip() for place in places]
            # Without its clock a time might fit as a date alone.
            if not all(fields):
                raise BadValue("is empty")
            return moments.read(" ".join(fields))

        def read_pair(row: Row) -> tuple[int, int]:
            try:
                return moments.read_pair(row[first], row[second])
            except BadValue:
                return read_joined(row)

        self._checks += [Check((place,), not_empty(place)) for place in places]
        self._checks.append(Check(places, read_joined))
        first, second, *others = places
        return read_joined if others else read_pair

    def _identity_reader(self, format: Format) -> Callable[[Row], str]:
        source = format.transaction_id
        places = tuple(self._columns.place(part) for part in format.identity)
        pick = picker(places)
        if isinstance(source, Identity) and source.generate_from is not None:
            generator = Generator()
            self._checks.append(Check(places, lambda row: generator.generate(pick(row))))
            return lambda row: generator.generate(pick(row))
        if len(places) == 1:
            (place,) = places
            self._checks.append(Check(places, lambda row: read_text(row[place])))
            return lambda row: read_text(row[place])
        self._checks += [Check((place,), part_of_id(place)) for place in places]
        self._checks.append(Check(places, lambda row: compose(pick(row))))
        return lambda row: compose(pick(row))


def picker(places: Sequence[int]) -> Callable[[Row], tuple[str, ...]]:
    """What takes the fields at *places* from a row."""
    if len(places) == 1:
        return lambda row: (row[places[0]],)
    return itemgetter(*places)


def not_empty(place: int) -> Callable[[Row], object]:
    def ask(row: Row) -> None:
        if not row[place].strip():
            raise BadValue("is empty")

    return ask


def part_of_id(place: int) -> Callable[[Row], object]:
    return lambda row: read_part(row[place])


def suspicion(raw: str) -> str:
    """What a row of the wrong width may have come from, when it goes over several lines."""
    lines = 1 + line_ends(raw)
    return f"; it goes over {lines} lines: is a quote not closed?" if lines > 1 else ""
