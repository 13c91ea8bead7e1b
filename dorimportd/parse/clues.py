"""What sample files give away about their layout: encoding, signs, header, rows.

Several samples are of one till and so of one layout; what one of them leaves open another may settle.
What none settles is a doubt, a sentence for a person.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from dorimportd.errors import HoldFile
from dorimportd.parse.decode import HEAD_BYTES, MARKS, decode, utf16_without_mark
from dorimportd.parse.fit import DELIMITERS, listed, printable
from dorimportd.parse.header import HEADER_LINES
from dorimportd.parse.naming import folded
from dorimportd.parse.rows import Dialect, Rows

SAMPLE_ROWS: Final = 20_000  # of each sample that are looked at
LINES_COUNTED: Final = 1_000  # of each sample, by which the signs are found
THROUGHOUT: Final = 0.9  # of the lines, so that the signs in them are no chance

JAPANESE: Final = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
IN_SINGLE_QUOTES: Final = re.compile(r"(?:^|[,;\t|])'[^'\"]*'(?=[,;\t|]|$)")
NOT_ASCII: Final = re.compile(r"\w*[^\x00-\x7f]+\w*")
# What stands in rows and not in a header: amounts, dates, times.
NUMBER: Final = re.compile(r"[-+(]?[^\w]{0,2}[0-9][0-9.,:/' \-]*[^\w]{0,2}")


@dataclass(frozen=True, slots=True)
class Value:
    """What a sample has in one column of one row."""

    text: str  # without the blanks around it
    row: int  # of all rows of all samples, from 0
    where: str  # for a person: "line 7", or "line 7 of b.csv"

    def __str__(self) -> str:
        return f"`{printable(self.text)}` in {self.where}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that all samples have."""

    name: str
    values: tuple[Value, ...]  # those that are not empty

    @property
    def texts(self) -> set[str]:
        return {value.text for value in self.values}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a format, and where it comes from."""

    value: str
    reason: str
    doubt: str = ""  # a question, when the samples do not decide


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples are built."""

    encoding: Finding
    delimiter: Finding
    quote: Finding
    header: Finding  # its value is told, but is no key
    columns: tuple[Column, ...]
    rows: int


def layout_of(samples: Sequence[bytes], names: Sequence[str]) -> Layout:
    """The layout of *samples*, which are called *names*.

    Raises HoldFile when one is no text, or when they have no column in common.
    """
    encoding = encoding_of(samples)
    lines = [opening_of(sample, encoding.value) for sample in samples]
    dialect = dialect_of(lines)
    places, tables = [], []
    for sample in samples:
        rows = list(rows_of(sample, encoding.value, dialect))
        if not rows:
            raise HoldFile("The file is empty.")
        begin = header_in([row for _, row in rows[:HEADER_LINES]])
        places.append(rows[begin][0])
        tables.append(rows[begin:])
    header = header_finding(places, [table[0][1] for table in tables], names)
    return Layout(
        encoding,
        delimiter_finding(dialect, tables[0][0][1]),
        quote_finding(dialect),
        header,
        columns_of(tables, names),
        sum(len(table) - 1 for table in tables),
    )


def encoding_of(samples: Sequence[bytes]) -> Finding:
    """The encoding in which all samples are text."""
    heads = [sample[:HEAD_BYTES] for sample in samples]
    for head in heads:
        marked = next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
        if marked and marked.startswith("utf-16"):
            return Finding("utf-16", "the byte order mark says so")
        if bare := utf16_without_mark(head):
            return Finding(bare, "every other byte is zero")
    if all(sample.isascii() for sample in samples):
        return Finding("utf-8", "the samples are plain ASCII, which says nothing about other letters")
    if all(decodes(sample, "utf-8") for sample in samples):
        return Finding("utf-8", "all bytes of the samples fit")
    texts = [sample.decode("cp932", "replace") for sample in samples]
    if all(decodes(sample, "cp932") for sample in samples) and any(map(JAPANESE.search, texts)):
        return Finding("cp932", "the samples are not UTF-8, and have Japanese letters in this encoding")
    name = "cp1252" if all(decodes(sample, "cp1252") for sample in samples) else "latin-1"
    words = [word[0] for sample in samples if (word := NOT_ASCII.search(sample.decode(name)))]
    return Finding(name, "the samples are not UTF-8", f"is `{printable(words[0])}` written as it should be?")


def decodes(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def opening_of(sample: bytes, encoding: str) -> list[str]:
    """The first lines of *sample*.

    Raises HoldFile when it is no text, or empty.
    """
    lines = next(decode(BytesIO(sample), encoding), [])
    if not any(line.strip() for line in lines):
        raise HoldFile("The file is empty.")
    return lines


def dialect_of(samples: Sequence[Sequence[str]]) -> Dialect:
    """The signs by which the lines of the samples fall into most fields, alike in most rows."""
    dialects = [Dialect(delimiter, quote) for quote in quotes_of(samples) for delimiter in DELIMITERS]
    return max(dialects, key=lambda dialect: sum(regularity(lines, dialect) for lines in samples))


def quotes_of(samples: Sequence[Sequence[str]]) -> Sequence[str]:
    """The signs in which the lines may have their fields, the likelier first."""
    lines = [line.strip() for sample in samples for line in sample[:LINES_COUNTED] if line.strip()]
    single = sum(1 for line in lines if IN_SINGLE_QUOTES.search(line) and '"' not in line)
    if single >= THROUGHOUT * len(lines):
        return ["'"]
    return ['"', "'"] if any(line.startswith("'") for line in lines) else ['"']


def regularity(lines: Sequence[str], dialect: Dialect) -> float:
    """How many signs there are in a row, on average over those rows that are alike."""
    try:
        widths = Counter(len(row) for row in dialect.reader(lines[:LINES_COUNTED]) if any(row))
    except csv.Error:  # a field is longer than fields are
        return 0.0
    width, count = max(widths.items(), key=lambda pair: (pair[0] - 1) * pair[1], default=(1, 0))
    return (width - 1) * count / max(1, widths.total())


def rows_of(sample: bytes, encoding: str, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """The first rows of *sample* that are not blank, each with its line."""
    rows = Rows(decode(BytesIO(sample), encoding), dialect).take(SAMPLE_ROWS)
    return [(line, row) for line, row in rows if any(field.strip() for field in row)]


def header_in(rows: Sequence[Sequence[str]]) -> int:
    """Which of *rows* is the header: the one with most names and fewest numbers, of several the first."""
    return max(range(len(rows)), key=lambda place: (names_in(rows[place]), -place))


def names_in(row: Sequence[str]) -> int:
    """How much *row* looks like a header."""
    fields = [field.strip() for field in row]
    numbers = sum(1 for field in fields if NUMBER.fullmatch(field))
    return len({field for field in fields if field}) - 3 * numbers


def header_finding(lines: Sequence[int], headers: Sequence[Sequence[str]], names: Sequence[str]) -> Finding:
    where = ", ".join(
        f"line {line}" if len(lines) == 1 else f"line {line} of {name}"
        for line, name in zip(lines, names, strict=True)
    )
    numbers = [field for header in headers for field in header if NUMBER.fullmatch(field.strip())]
    doubt = (
        f"there seems to be no header: {where} has `{printable(numbers[0])}`; does the till export names?"
        if numbers
        else ""
    )
    return Finding(where, "it has the most names", doubt)


def delimiter_finding(dialect: Dialect, header: Sequence[str]) -> Finding:
    value = "tab" if dialect.delimiter == "\t" else dialect.delimiter
    doubt = "" if len(header) > 1 else "the file seems to have one column only"
    return Finding(value, f"it gives {len(header)} columns", doubt)


def quote_finding(dialect: Dialect) -> Finding:
    return Finding(dialect.quote, "fields that hold a delimiter stand in these")


def columns_of(
    tables: Sequence[Sequence[tuple[int, Sequence[str]]]], names: Sequence[str]
) -> tuple[Column, ...]:
    """The columns that all samples have, once each, in the order of the first.

    Raises HoldFile when there is none.
    """
    headers = [[folded(name) for name in table[0][1]] for table in tables]
    values: dict[str, list[Value]] = {}
    spelled = dict(zip(headers[0], tables[0][0][1], strict=True))
    common = [name for name in spelled if name and all(header.count(name) == 1 for header in headers)]
    if not common:
        raise HoldFile(f"The samples have no column in common: the first has {listed(tables[0][0][1])}.")
    number = 0
    for table, header, file in zip(tables, headers, names, strict=True):
        places = [(name, header.index(name)) for name in common]
        for line, row in table[1:]:
            where = f"line {line}" if len(tables) == 1 else f"line {line} of {printable(file)}"
            for name, place in places:
                if place < len(row) and (text := row[place].strip()):
                    values.setdefault(name, []).append(Value(text, number, where))
            number += 1
    return tuple(Column(spelled[name].strip(), tuple(values.get(name, ()))) for name in common)
