"""What sample files give away about how they are written: their encoding and their signs.

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
from dorimportd.parse.rows import Dialect

LINES_COUNTED: Final = 1_000  # of each sample, by which the signs are found
THROUGHOUT: Final = 0.9  # of the lines, so that the signs in them are no chance

JAPANESE: Final = re.compile("[\u3040-\u30ff\u4e00-\u9fff]+")
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


def by_row(column: Column) -> dict[int, str]:
    return {value.row: value.text for value in column.values}


def told(column: Column) -> str:
    """What stands in *column*, for a comment."""
    return f"such as {column.values[0]}"


def which(column: Column, others: Sequence[Column], role: str) -> str:
    """The question which of several columns has a role; empty when there is one."""
    names = listed([each.name for each in (column, *others)])
    return f"which is {role}: {names}?" if others else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a format, and where it comes from."""

    value: str
    reason: str
    doubt: str = ""  # a question, when the samples do not decide


def without_cut_row(sample: bytes) -> bytes:
    """The beginning of a file up to its last end of a line, also of UTF-16; all of it, when there is none."""
    end = sample.rfind(b"\n") + 1
    if end % 2 and sample[end : end + 1] == b"\0":  # the second byte of the line end
        end += 1
    return sample[:end] or sample


def encoding_of(samples: Sequence[bytes]) -> Finding:
    """The encoding in which all samples are text.  Raises HoldFile when they are plainly of several."""
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
    if any(not sample.isascii() and decodes(sample, "utf-8") for sample in samples):
        raise HoldFile("Some samples are UTF-8, and others are not: suggest a format for each kind alone.")
    western = all(decodes(sample, "cp1252") for sample in samples)
    if all(decodes(sample, "cp932") and is_japanese(sample.decode("cp932")) for sample in samples):
        name, reason = "cp932", "the samples are not UTF-8, and have Japanese words in this encoding"
        words = words_in(samples, name) if western else []
    else:
        name, reason = "cp1252" if western else "latin-1", "the samples are not UTF-8"
        words = words_in(samples, name)
    return Finding(name, reason, f"is `{printable(words[0])}` written as it should be?" if words else "")


def is_japanese(text: str) -> bool:
    """Whether Japanese letters stand in words in *text*, and not alone, as others that are taken for them."""
    letters = JAPANESE.findall(text)
    return 2 * sum(len(each) for each in letters if len(each) > 1) > sum(map(len, letters))


def words_in(samples: Sequence[bytes], encoding: str) -> list[str]:
    """Words with letters that are not in every encoding."""
    return [word[0] for sample in samples if (word := NOT_ASCII.search(sample.decode(encoding)))]


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
