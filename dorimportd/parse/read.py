"""A file, by its format, into batches of transactions and rejects.

Each row ends as one transaction or as one reject.  A row without text is a blank line and no row.  Rows
that are right take the short way; one that is not is gone through again, source by source, to tell which
value breaks which rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import BinaryIO, Final, NamedTuple
from zoneinfo import ZoneInfo

from dorimportd.errors import HoldFile
from dorimportd.parse.amount import AmountReader
from dorimportd.parse.decode import decode, line_ends
from dorimportd.parse.fit import explain
from dorimportd.parse.format import Constant, Format, FromColumn, Generated, columns_of
from dorimportd.parse.header import Header, find_header
from dorimportd.parse.identity import Generator, compose, read_part
from dorimportd.parse.moment import Moments
from dorimportd.parse.pattern import pattern_of
from dorimportd.parse.rows import RAW_CHARACTERS, Rows
from dorimportd.parse.values import BadValue, Memo, read_currency, read_text
from dorimportd.words import Reject, TransactionRow

BATCH_ROWS: Final = 10_000
BATCH_CHARACTERS: Final = 4_194_304  # of its rejects
CURRENCIES_KEPT: Final = 20

# Blanks of all kinds, and the sign by which DOS ended a file.
BLANK: Final = " \t\r\n\x0b\x0c\x1a\u00a0\u2009\u202f"

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where the format says nothing: the customer's."""

    timezone: str  # IANA
    currency: str  # ISO 4217


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of a file and what they became: rows = transactions + rejects."""

    transactions: list[TransactionRow] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows of the file; blank lines are none."""
        return len(self.transactions) + len(self.rejects)


def read(stream: BinaryIO, format: Format, defaults: Defaults) -> Iterator[Batch]:
    """What the file in *stream*, which can be rewound, says by this *format*.

    Batches have some 10,000 rows, in the order of the file, and none is empty: a file without rows has
    none.  The same bytes give the same batches.

    Raises HoldFile, before the first batch when the beginning shows it, or later.
    """
    blocks = decode(stream, format.encoding)
    opening = next(blocks, [])
    header = find_header(opening, format.columns, format.dialect)
    if header is None:
        raise HoldFile(explain(opening, format.columns, format.dialect))
    below = chain([opening[header.last_line :]], blocks)
    rows = Rows(below, format.dialect, header.last_line + 1)
    converter = Converter(format, header, defaults)
    while not rows.ended:
        batch = Batch()
        converter.convert(rows, batch)
        if batch.rows:
            yield batch


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

    def __init__(self, format: Format, header: Header, defaults: Defaults) -> None:
        self._header = header
        self._checks: list[Check] = [Check((), self._check_width)]
        self._location = self._location_reader(format)
        self._total = self._total_reader(format, defaults)
        self._time = self._time_reader(format, defaults)
        self._identity = self._identity_reader(format)

    def convert(self, rows: Rows, batch: Batch) -> None:
        """Add to *batch* what the next 10,000 rows become, or fewer where there are long rejects."""
        location, total, time, identity = self._location, self._total, self._time, self._identity
        width, told = self._header.width, 0
        add = batch.transactions.append
        for line, row in rows.take(BATCH_ROWS):
            try:
                if rows.flaw:
                    raise BadValue(rows.flaw)
                if len(row) != width:
                    self._check_width(row)
                where = location(row)
                units, scale, currency = total(row)
                occurred_at, utc_offset = time(row)
                add((identity(row), where, units, scale, currency, occurred_at, utc_offset, line))
            except BadValue:
                if is_blank(row):
                    continue
                raw = rows.raw(line)
                reject = Reject(line, "", "", rows.flaw, raw) if rows.flaw else self._reject(row, line, raw)
                batch.rejects.append(reject)
                told += len(reject.raw) + len(reject.value)
                if told > BATCH_CHARACTERS:
                    return

    def _reject(self, row: Row, line: int, raw: str) -> Reject:
        for places, ask in self._checks:
            try:
                ask(row)
            except BadValue as bad:
                column = " + ".join(self._header.names[place] for place in places)
                value = " ".join(row[place] for place in places)
                return Reject(line, column, value[:RAW_CHARACTERS], bad.rule + suspicion(raw, places), raw)
        raise AssertionError(f"no check finds what is wrong with {row}")

    def _check_width(self, row: Row) -> None:
        width = self._header.width
        if len(row) < width or any(field.strip() for field in row[width:]):
            raise BadValue(f"has {len(row)} fields, but the header has {width}")

    def _location_reader(self, format: Format) -> Callable[[Row], str]:
        if isinstance(format.location, Constant):
            constant = format.location.constant
            return lambda row: constant
        place = self._header.place(format.location)
        self._checks.append(Check((place,), lambda row: read_text(row[place])))
        locations = Memo(read_text)
        return lambda row: locations[row[place]]

    def _total_reader(self, format: Format, defaults: Defaults) -> Callable[[Row], tuple[int, int, str]]:
        amounts = AmountReader(decimal=format.decimal, thousands=format.thousands)
        place = self._header.place(format.total)

        def totals_in(currency: str) -> Memo[tuple[int, int, str]]:
            return Memo(lambda text: (*amounts.read(text, currency), currency))

        if isinstance(format.currency, FromColumn):
            currency_place = self._header.place(format.currency.column)
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
        places = tuple(self._header.place(column) for column in format.time)
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
        places = tuple(self._header.place(column) for column in columns_of(source))
        pick = picker(places)
        if isinstance(source, Generated):
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


def suspicion(raw: str, places: Sequence[int]) -> str:
    """What a row of the wrong width may have come from, when it goes over several lines."""
    lines = 1 + line_ends(raw)
    return f"; it goes over {lines} lines: is a quote not closed?" if lines > 1 and not places else ""


def is_blank(row: Row) -> bool:
    """Whether no field of *row* holds any text."""
    return not "".join(row).strip(BLANK)
