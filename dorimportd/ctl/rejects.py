"""dorimportctl delivery rejects --csv: the bad rows of a delivery, ready to be mended and sent again.

They are read from the delivery's bytes, by the format that rejected them.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from dorimportd.ctl.desk import Desk, Stopped
from dorimportd.errors import HoldFile
from dorimportd.spool.bytes import check_kept
from dorimportd.words import State

if TYPE_CHECKING:
    from dorimportd.parse.format import Format
    from dorimportd.report.rejects import Why

RETRY = "Have it imported again first: dorimportctl delivery retry"


def rejects_csv(desk: Desk, told: dict[str, Any]) -> int:
    """The rejects of the delivery that *told* shows.  Raises Stopped when there is nothing to mend."""
    from dorimportd.report.rejects import Why

    sequence = told["sequence"]
    found = {each.line: Why(each.column, each.rule) for each in desk.store.rejects(sequence)}
    if told["state"] in (State.RECEIVED, State.FAILED):
        raise Stopped(f"Delivery {sequence} is not imported yet, so that its bad rows are not known.")
    if not found and told["state"] == State.HELD:
        raise Stopped(f"Delivery {sequence} is held as a whole, and no row of it alone: {told['reason']}")
    if not found:
        print(f"Delivery {sequence} has no rejects.", file=sys.stderr)
        return 0
    check_kept(desk.spool.layout.delivery(sequence))
    format = format_that_read(desk, told)
    with desk.spool.open_delivery(sequence) as stream:
        write_mendable(stream, format, told["name"], found)
    for note in notes(format, told, len(found)):
        print(note, file=sys.stderr)
    return 0


def format_that_read(desk: Desk, told: dict[str, Any]) -> Format:
    """The format that the delivery was read by.  Raises Stopped when it is another one now."""
    named = desk.customer(told["customer"]).format_for(told["name"])
    if named is None or f"{named.name}@{named.format.digest}" != told["format"]:
        raise Stopped(
            f"Delivery {told['sequence']} was read by {told['format']}, which has changed since.",
            f"{RETRY} {told['sequence']}",
        )
    return named.format


def write_mendable(stream: BinaryIO, format: Format, name: str, found: dict[int, Why]) -> None:
    """Write them in the encoding of the file.  Raises Stopped when the bytes cannot be read."""
    from dorimportd.parse.again import open_again
    from dorimportd.parse.unpack import unpacked
    from dorimportd.report.rejects import mendable

    try:
        content = unpacked(stream)
        content.seek(0)
        marked = content.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        original = open_again(stream, format, name)
        texts = mendable(original, found, format)
        sys.stdout.flush()
        for piece in encoded(texts, "utf-8-sig" if marked else format.encoding):
            sys.stdout.buffer.write(piece)
    except HoldFile as reason:
        raise Stopped(str(reason)) from reason


def encoded(texts: Iterator[str], encoding: str) -> Iterator[bytes]:
    """What the file did not hold, such as a name in the format, may have no place in its encoding."""
    encoder = codecs.getincrementalencoder(encoding)(errors="replace")
    return map(encoder.encode, texts)


def notes(format: Format, told: dict[str, Any], rejects: int) -> Iterator[str]:
    """What to know before the mended rows are sent."""
    from dorimportd.parse.again import looks_above, looks_at_name
    from dorimportd.parse.format import Identity

    if told["state"] == State.HELD:
        yield (
            f"Delivery {told['sequence']} is held as a whole, its good rows too. These are the first"
            f" {rejects} bad rows of it: mend the file itself and send it again."
        )
    if format.control is not None:
        yield "The format asks for a control row: write one below the mended rows."
    if looks_at_name(format):
        yield f"The format takes values from the name of the file: send it as {told['name']}."
    if looks_above(format):
        yield "The format takes values from rows above: put those rows in, too."
    if isinstance(format.transaction_id, Identity) and format.transaction_id.generate_from is not None:
        yield (
            "The format makes its IDs from the rows, and counts those that are alike: if a mended row is like"
            " another row of the file, send the whole file mended."
        )
