"""dorimportctl import: files from this machine's disk, accepted like any other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from dorimportd.ctl.desk import PROBLEM, Desk, Stopped, say, say_json
from dorimportd.errors import NotAccepted
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
    opened = [(path, opened_file(path)) for path in asked.files]  # before we become the daemon's user
    accepted, refused = [], []
    for path, file in opened:
        try:
            with file:
                accepted.append(accept_file(desk.spool, customer.name, path.name, file))
        except NotAccepted as refusal:
            refused.append(f"{path}: {refusal.for_us()}")
    running = desk.wake_daemon()
    if asked.json:
        say_json([accepted_shape(each) for each in accepted])
    else:
        for each in accepted:
            say(f"delivery {each.sequence} accepted: {each.envelope.name}, {each.envelope.size} bytes")
        if accepted and not running:
            say("No daemon is running; it imports them at the next start.")
    if refused:
        raise Stopped(*refused, status=PROBLEM)
    return 0


def opened_file(path: Path) -> BinaryIO:
    """Raises Stopped."""
    try:
        return path.open("rb")
    except OSError as error:
        raise Stopped(f"{path}: {error.strerror}") from error


def accept_file(spool: Spool, customer: str, name: str, file: BinaryIO) -> Delivery:
    """Raises NotAccepted; then nothing of the file is kept."""
    upload = spool.begin(customer, name, channel=Channel.LOCAL, peer="")
    try:
        while piece := file.read(PIECE):
            upload.write(upload.size, piece)
    except (NotAccepted, OSError):
        spool.drop(upload)
        raise
    return spool.accept(upload)
