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
from dorimportd.ctl import (
    check,
    customer,
    deliveries,
    formats,
    importing,
    manual,
    reload,
    status,
    transactions,
)
from dorimportd.ctl.desk import CONFIG, Desk, Stopped
from dorimportd.report.lines import complain

Command = Callable[[Desk, argparse.Namespace], int]

# In the order of `dorimportctl --help`.
WORDS: Final = (check, reload, status, customer, formats, importing, deliveries, transactions, manual)


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
    try:
        command: Command = asked.command
        status = command(Desk(asked.config), asked)
        sys.stdout.flush()
    except Stopped as stopped:
        complain(*stopped.lines)
        return stopped.status
    except BrokenPipeError:
        # Whoever read our lines has seen enough (head, less); nothing more may be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status
