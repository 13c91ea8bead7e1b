"""A file, by its format, into batches of transactions and rejects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.control import Tally
from dorimportd.parse.convert import BATCH_ROWS, Converter
from dorimportd.parse.format import Format
from dorimportd.parse.group import Groups
from dorimportd.parse.lanes import Lanes
from dorimportd.parse.opening import Opened, open_rows
from dorimportd.parse.rows import Rows


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
