"""dorimportctl import: files from this machine's disk, accepted like any other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dorimportd.ctl.desk import PROBLEM, Desk, Stopped, say, say_json
from dorimportd.errors import NotAccepted
from dorimportd.report.lines import complain
from dorimportd.report.shapes import accepted_shape
from dorimportd.words import Channel, Delivery

if TYPE_CHECKING:
    from dorimportd.spool.spool import Spool

PIECE: Final = 1 << 20  # bytes


def add_arguments(words: Any) -> None:
    """The word `import`."""
    parser = words.add_parser("import", help="accept files from disk, as if the customer had sent them")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--customer", required=True, metavar="NAME")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=import_files)


def import_files(desk: Desk, asked: argparse.Namespace) -> int:
    """Each file that can be is accepted; exit status 1 when one could not."""
    customer = desk.customer(asked.customer)
    accepted = []
    for path in asked.files:
        try:
            accepted.append(import_file(desk, customer.name, path))
        except Stopped as stopped:
            complain(*stopped.lines)
    tell_accepted(accepted, asked.json)
    if accepted and not desk.wake_daemon() and not asked.json:
        say("No daemon is running; it imports them at the next start.")
    return 0 if len(accepted) == len(asked.files) else PROBLEM


def import_file(desk: Desk, customer: str, path: Path) -> Delivery:
    """One file.  Raises Stopped when it is not accepted; the next one may be."""
    spool = desk.spool  # from here on we are the daemon's user, who need not be able to read the file
    with desk.as_caller():
        file = opened_file(path)
    try:
        with file:
            return accept_file(spool, customer, path.name, file)
    except NotAccepted as refusal:
        raise Stopped(f"{path}: {refusal.for_us()}") from refusal
    except OSError as error:
        raise Stopped(f"{path}: {error.strerror}") from error


def tell_accepted(accepted: list[Delivery], as_json: bool) -> None:
    """Tell them in the way that was asked for."""
    if as_json:
        say_json([accepted_shape(each) for each in accepted])
        return
    for each in accepted:
        say(f"delivery {each.sequence} accepted: {each.envelope.name}, {each.envelope.size} bytes")


def opened_file(path: Path) -> BinaryIO:
    """Raises Stopped."""
    try:
        return path.open("rb")
    except OSError as error:
        raise Stopped(f"{path}: {error.strerror}") from error


def accept_file(spool: Spool, customer: str, name: str, file: BinaryIO) -> Delivery:
    """Raises NotAccepted, or OSError when *file* cannot be read; then nothing of it is kept."""
    upload = spool.begin(customer, name, channel=Channel.LOCAL, peer="")
    try:
        while piece := file.read(PIECE):
            upload.write(upload.size, piece)
        return spool.accept(upload)
    except (NotAccepted, OSError):
        spool.drop(upload)
        raise
