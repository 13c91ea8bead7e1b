"""`dorimportd run` and `dorimportd quickstart`: the process, its signals and its exit status.

The only place that imports the global reactor.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import dorimportd
from dorimportd.config.read import read_settings
from dorimportd.config.settings import BadConfig
from dorimportd.daemon.journal import Journal, take_over_twisted_log
from dorimportd.errors import CertificateUnusable, HostKeyUnusable, SpoolFailing, SpoolInUse, StoreUnusable
from dorimportd.events import Tell

if TYPE_CHECKING:
    from dorimportd.daemon.assembly import Appliance

CONFIG: Final = Path("/etc/dorimportd/dorimportd.toml")
BAD_CONFIG: Final = 78  # EX_CONFIG of sysexits.h: the unit does not start it again
FAILED: Final = 1


def arguments() -> argparse.ArgumentParser:
    """The command line of dorimportd."""
    parser = argparse.ArgumentParser(
        prog="dorimportd",
        description="Takes sales files by SFTP, FTP and e-mail, and makes one table of them.",
    )
    parser.add_argument("--version", action="version", version=f"dorimportd {dorimportd.__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="run | quickstart")
    run = verbs.add_parser("run", help="run in the foreground, as the systemd unit does")
    run.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=f"default: {CONFIG}")
    quickstart = verbs.add_parser("quickstart", help="try it: everything in one folder, on this machine only")
    quickstart.add_argument(
        "--directory",
        type=Path,
        default=Path("dorimportd-demo"),
        metavar="DIR",
        help="default: ./dorimportd-demo",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The console script `dorimportd`; returns the exit status."""
    asked = arguments().parse_args(argv)
    os.umask(0o027)
    if asked.verb == "quickstart":
        from dorimportd.daemon.quickstart import quickstart

        return quickstart(asked.directory)
    return run(asked.config)


def nothing(appliance: Appliance) -> None:
    """What `run` does when all doors are open."""


def run(config: Path, *, tell: Tell | None = None, ready: Callable[[Appliance], None] = nothing) -> int:
    """Run the daemon until it is told to stop; its exit status.

    *tell* gets all events in place of the journal; *ready* is called on the reactor thread when all
    doors are open.
    """
    journal = Journal(sys.stderr, prefixes="JOURNAL_STREAM" in os.environ)
    take_over_twisted_log(journal)
    try:
        settings = read_settings(config)
    except BadConfig as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        print(f"dorimportd does not start: {count(len(error.mistakes), 'mistake')}", file=sys.stderr)
        return BAD_CONFIG

    from twisted.internet import reactor

    from dorimportd.daemon.assembly import Appliance
    from dorimportd.daemon.process import Process

    try:
        appliance = Appliance(reactor, config, settings, tell or journal.tell)
    except (StoreUnusable, SpoolFailing, CertificateUnusable, HostKeyUnusable) as error:
        return refuse(error, BAD_CONFIG)
    except (SpoolInUse, OSError, ValueError) as error:
        return refuse(error, FAILED)
    return Process(reactor, appliance, ready).run()


def count(number: int, noun: str) -> str:
    """ "1 mistake", "2 mistakes"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def refuse(error: Exception, status: int) -> int:
    """Say why it does not start."""
    print(f"dorimportd does not start: {error}", file=sys.stderr)
    return status
