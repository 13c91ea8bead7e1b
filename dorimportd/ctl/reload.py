"""dorimportctl reload: have the running daemon take the configuration; what `systemctl reload` does."""

from __future__ import annotations

import argparse
from typing import Any

from dorimportd.ctl.desk import Desk, Stopped, say


def add_arguments(words: Any) -> None:
    """The word `reload`."""
    parser = words.add_parser("reload", help="have the running daemon take the configuration as it is now")
    parser.add_argument("--quiet", action="store_true", help="say nothing when it did")
    parser.set_defaults(command=reload)


def reload(desk: Desk, asked: argparse.Namespace) -> int:
    """Returns when the daemon works by it; exit status 1 when it did not take it, and says why."""
    told = desk.ask_daemon("reload")
    if told is None:
        raise Stopped("No daemon is running.")
    if not asked.quiet:
        say("The running daemon works by it now.")
    return 0
