"""dorimportctl bans: the addresses that the running daemon refuses, and an end to that."""

from __future__ import annotations

import argparse
from typing import Any, Final

from dorimportd.ctl.desk import USAGE, Desk, Stopped, say, say_json
from dorimportd.report.tables import table

COLUMNS: Final = ("address", "since", "until", "why")


def add_arguments(words: Any) -> None:
    """The word `bans`."""
    parser = words.add_parser("bans", help="addresses that are refused, and an end to it")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=list_bans)
    verbs = parser.add_subparsers(dest="verb", metavar="lift")
    lift = verbs.add_parser("lift", help="take connections from an address again")
    lift.add_argument("address", nargs="?", metavar="ADDRESS", help="as `dorimportctl bans` shows it")
    lift.add_argument("--all", action="store_true", help="all of them, and passwords from everywhere")
    lift.set_defaults(command=lift_bans)


def list_bans(desk: Desk, asked: argparse.Namespace) -> int:
    """Those that hold now."""
    bans = told(desk.ask_daemon("bans"))["bans"]
    if asked.json:
        say_json(bans)
    elif bans:
        say(table(COLUMNS, [[each[column] for column in COLUMNS] for each in bans]).rstrip("\n"))
    else:
        say("No address is banned.")
    return 0


def lift_bans(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when the address is not banned."""
    if (asked.address is None) != asked.all:
        raise Stopped("Which ban? Give the address, or --all.", status=USAGE)
    lifted = told(desk.ask_daemon("lift", address=asked.address))["lifted"]
    for address in lifted:
        say(f"The ban of {address} is lifted.")
    if not lifted and not asked.all:
        raise Stopped(f"{asked.address} is not banned.")
    if asked.all:
        say("No address is banned, and passwords count from everywhere.")
    return 0


def told(answer: dict[str, Any] | None) -> dict[str, Any]:
    """What the daemon answered.  Raises Stopped when none is running."""
    if answer is None:
        raise Stopped("No daemon is running.")
    return answer
