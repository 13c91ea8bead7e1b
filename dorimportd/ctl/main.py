"""The command line of dorimportctl: every word of it in one tree, and its exit status.

0 done, 1 it found a problem or refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import dorimportd
from dorimportd import instants
from dorimportd.ctl import (
    backup,
    bans,
    check,
    customer,
    deliveries,
    formats,
    importing,
    manual,
    rebuild,
    reload,
    status,
    transactions,
    verify,
    why,
)
from dorimportd.ctl.desk import CONFIG, PROBLEM, Desk, Stopped
from dorimportd.errors import NotAccepted, SpoolUnusable, StoreAway, StoreUnusable
from dorimportd.report.lines import complain

Command = Callable[[Desk, argparse.Namespace], int]

# In the order of `dorimportctl --help`.
WORDS: Final = (
    *(check, reload, status, bans, customer, formats, importing, deliveries, transactions, why),
    *(verify, rebuild, backup, manual),
)


def arguments() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="dorimportctl",
        description="Everything about dorimportd but running it: configuration, customers, deliveries.",
        epilog="dorimportctl help TOPIC is the manual; dorimportctl WORD --help shows how to call WORD.",
    )
    parser.add_argument("--version", action="version", version=f"dorimportctl {dorimportd.__version__}")
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=f"default: {CONFIG}")
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    for word in WORDS:
        word.add_arguments(words)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The console script `dorimportctl`; returns the exit status."""
    asked = arguments().parse_args(argv)
    if instants.MISTAKE is not None:
        complain(instants.MISTAKE)
        return PROBLEM
    try:
        status = done(asked.command, asked)
        sys.stdout.flush()
    except BrokenPipeError:  # of standard output: that of the control socket is told by the desk
        # Whoever read our lines has seen enough (head, less); nothing more may be written.
        end_output()
        return 0
    except OSError as error:
        complain(in_words(error))
        if error.filename is None:  # as a rule standard output; at exit it would be tried once more
            end_output()
        return PROBLEM
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status


def done(command: Command, asked: argparse.Namespace) -> int:
    """The exit status of *command*; what ended it is told.  Raises OSError."""
    try:
        return command(Desk(asked.config), asked)
    except Stopped as stopped:
        complain(*stopped.lines)
        return stopped.status
    except NotAccepted as refusal:
        complain(refusal.for_us())
    except SpoolUnusable as error:
        complain(f"The spool cannot be used: {error}")
    except (StoreAway, StoreUnusable) as error:
        complain(f"The database cannot be used: {error}")
    return PROBLEM


def in_words(error: OSError) -> str:
    """A line for the person."""
    if isinstance(error, PermissionError) and error.filename is not None:
        return f"You may not use {error.filename}. Run this as root or as the daemon's user."
    return f"{error.filename or 'dorimportctl'}: {error.strerror or error}"


def end_output() -> None:
    """Throw away what still waits for standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
