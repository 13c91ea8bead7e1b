"""Whole columns at once, by Arrow: what is in them, and what readers of rows make of that.

No value is converted here.  Of each column the distinct texts are found, and each of these is read once by
the reader of a row.  Arrow works outside of the interpreter lock, and is imported with this module, when the
first large file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import pyarrow as arrow
import pyarrow.compute as compute
from pyarrow import csv

from dorimportd.parse.columns import Columns
from dorimportd.parse.pattern import Cut
from dorimportd.parse.rows import Dialect
from dorimportd.parse.values import BadValue, Memo

# Arrow's own pool keeps what it once had; the system's takes no longer and gives most of it back.
arrow.set_memory_pool(arrow.system_memory_pool())

Array = Any  # pyarrow tells no types
Read = Callable[[list[str]], Any]  # a value from a row; raises BadValue


def all_match(text: str, sign: str, expression: str) -> bool:
    """Whether each line of *text* that holds *sign* matches *expression*."""
    whole = arrow.array([text.removesuffix("\n")], arrow.string())
    lines = compute.split_pattern(whole, "\n").values
    meant = lines.filter(compute.match_substring(lines, sign))
    return bool(compute.all(compute.match_substring_regex(meant, expression)).as_py())


class Table(NamedTuple):
    """The fields of the rows of a text that have the right number of them."""

    columns: Mapping[int, Array]  # text, by place
    lines: Array  # of each row, counted from *first*; those of another width are not among them


def table_of(text: str, first: int, dialect: Dialect, places: Iterable[int]) -> Table | None:
    """The columns at *places* of *text*, in which each line is a row as wide as the first.

    Lines are counted from *first*.  None when Arrow cannot read it.
    """
    ragged: list[int] = []

    def skip(row: Any) -> str:
        ragged.append(first + row.number - 1)
        return "skip"

    content = text.encode()
    wanted = [f"f{place}" for place in places]
    try:
        table = csv.read_csv(
            arrow.py_buffer(content),
            csv.ReadOptions(autogenerate_column_names=True, use_threads=False, block_size=len(content) + 1),
            csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, arrow.string()),
                include_columns=wanted,
                strings_can_be_null=False,
                check_utf8=False,  # Python made it
            ),
        )
    except arrow.ArrowInvalid:
        return None
    columns = {int(name[1:]): one_chunk(table.column(name)) for name in wanted}
    lines = arrow.array(range(first, first + table.num_rows + len(ragged)), arrow.int64())
    if ragged:
        lines = lines.filter(compute.invert(compute.is_in(lines, arrow.array(ragged, arrow.int64()))))
    return Table(columns, lines)


def one_chunk(column: Array) -> Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class Coded(NamedTuple):
    """A value for each row, of which there are few; None stands for what is not known to be right."""

    codes: Array  # for each row the place of its value
    values: Sequence[Any]

    def answered(self, answers: Memo[Any], before: str = "") -> Coded:
        """What *answers* has for each of these texts with *before* in front of it; None for a BadValue."""
        keys = list(map(before.__add__, self.values)) if before else self.values
        try:
            return Coded(self.codes, list(map(answers.__getitem__, keys)))
        except BadValue:
            return Coded(self.codes, [answer_or_none(answers, key) for key in keys])

    def where(self, rows: Array) -> Coded:
        """The same for those rows that *rows* flags."""
        return Coded(self.codes.filter(rows), self.values)

    def true(self) -> Array:
        """Whether the value is true, for each row."""
        return self.flags([value is True for value in self.values])

    def texts(self, of_values: Sequence[str | None]) -> Array:
        """A text for each row, from one for each value."""
        return arrow.array(of_values, arrow.string()).take(self.codes)

    def known(self) -> Array:
        """Whether the value is known, for each row."""
        return self.flags([value is not None for value in self.values])

    def flags(self, of_values: Sequence[bool]) -> Array:
        """A flag for each row, from one for each value."""
        return arrow.array(of_values, arrow.bool_()).take(self.codes)

    def numbers(self, of_values: Sequence[int | None], kind: Array) -> Array:
        """A number for each row, from one for each value."""
        return arrow.array(of_values, kind).take(self.codes)

    def listed(self) -> list[Any]:
        """The value of each row."""
        return list(map(self.values.__getitem__, self.codes.to_pylist()))


def paired(one: Coded, other: Coded) -> Coded:
    """The texts of two columns, with a NUL between."""
    both = compute.add(
        compute.multiply(one.codes.cast(arrow.int64()), number(len(other.values))), other.codes
    )
    encoded = both.dictionary_encode()
    pairs = (divmod(pair, len(other.values)) for pair in encoded.dictionary.to_pylist())
    return Coded(encoded.indices, [f"{one.values[first]}\0{other.values[second]}" for first, second in pairs])


def answer_or_none(answers: Memo[Any], key: str) -> Any:
    try:
        return answers[key]
    except BadValue:
        return None


class Fields:
    """The fields of a piece, and what readers of rows make of them."""

    def __init__(self, columns: Mapping[int, Array], rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._coded: dict[int, Coded] = {}

    def column(self, place: int) -> Coded:
        """The texts of a column."""
        if place not in self._coded:
            self._coded[place] = coded(self.columns[place])
        return self._coded[place]

    def where(self, rows: Array) -> Fields:
        """Those of the rows that *rows* flags."""
        kept = {place: column.filter(rows) for place, column in self.columns.items()}
        return Fields(kept, count(rows))

    def read(self, question: Question) -> Coded:
        """What *question* finds in each row."""
        if not question.places:
            return Coded(arrow.repeat(number(0), self.rows), [question.ask([""])])
        found = reduce(paired, map(self.column, question.places))
        return Coded(found.codes, list(map(question.answers.__getitem__, found.values)))


class Question:
    """A reader of rows that is asked once for each combination of the fields on which it depends.

    Its answers are by their texts, with a NUL between; none of them holds one.
    """

    def __init__(self, read: Read, depends_on: Iterable[int], columns: Columns) -> None:
        everything = sorted(columns.closure(depends_on))
        self.places = [place for place in everything if place < columns.width]
        self._made = [place for place in everything if place >= columns.width]
        self._columns = columns
        self._read = read
        self.answers: Memo[Any] = Memo(lambda key: self.ask(key.split("\0")))

    def ask(self, texts: Sequence[str]) -> Any:
        """The answer to a row with *texts* in the places that count; None for a BadValue."""
        try:
            return self._read(self._row_of(texts))
        except BadValue:
            return None

    def _row_of(self, texts: Sequence[str]) -> list[str]:
        row = [""] * len(self._columns.names)
        for place, text in zip(self.places, texts, strict=False):
            row[place] = text
        for place in self._made:
            row[place] = self._columns.makers[place - self._columns.width](row)
        return row


def halves_of(texts: Array, cut: Cut) -> tuple[Coded, Coded]:
    """Dates and times of the day, where *cut* has them; the latter without its sign."""
    if cut.width is not None:
        return (
            coded(compute.utf8_slice_codeunits(texts, 0, cut.width)),
            coded(compute.utf8_slice_codeunits(texts, cut.width)),
        )
    if not cut.sign:
        return coded(texts), Coded(arrow.repeat(number(0), len(texts)), [""])
    has_sign = compute.match_substring(texts, cut.sign)
    whole = compute.if_else(has_sign, texts, text_of(cut.sign))  # two empty halves, which nothing fits
    halves = compute.split_pattern(whole, cut.sign, max_splits=1, reverse=cut.last)
    return coded(compute.list_element(halves, 0)), coded(compute.list_element(halves, 1))


def coded(texts: Array) -> Coded:
    encoded = texts.dictionary_encode()
    return Coded(encoded.indices, encoded.dictionary.to_pylist())


def number(value: int) -> Array:
    """*value* as Arrow's functions take it.

    Of one without a type they look each time on the disk for dateutil, whose types it might be: that takes
    longer than most of what they do.
    """
    return arrow.scalar(value, arrow.int64())


def text_of(value: str | None) -> Array:
    """The same of a text."""
    return arrow.scalar(value, arrow.string())


def flags(rows: int, value: bool) -> Array:
    return arrow.repeat(arrow.scalar(value, arrow.bool_()), rows)


def every(*of_rows: Array) -> Array:
    """Which rows all of these flag."""
    return reduce(compute.and_, of_rows)


def has_any(of_rows: Array) -> bool:
    return bool(compute.any(of_rows, min_count=0).as_py())


def is_all(of_rows: Array) -> bool:
    return bool(compute.all(of_rows, min_count=0).as_py())


def count(of_rows: Array) -> int:
    return int(compute.sum(of_rows, min_count=0).as_py())
