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
from dorimportd import instants
from dorimportd.config.read import read_settings
from dorimportd.config.settings import BadConfig
from dorimportd.daemon.journal import journal_of, take_over_twisted_log
from dorimportd.daemon.supervise import Supervisor
from dorimportd.errors import CertificateUnusable, HostKeyUnusable, SpoolInUse, SpoolUnusable, StoreUnusable
from dorimportd.events import FaultsArmed, Tell
from dorimportd.report.lines import complain

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
    from dorimportd.daemon.mended import install_reactor

    install_reactor()  # before any module of Twisted's takes its own
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
    journal = journal_of(sys.stderr)
    take_over_twisted_log(journal)
    if instants.MISTAKE is not None:
        return refuse(instants.MISTAKE, BAD_CONFIG)
    if instants.FAULTS:
        journal.tell(FaultsArmed(instants.VARIABLE, os.environ[instants.VARIABLE]))
    try:
        settings = read_settings(config)
    except BadConfig as error:
        complain(*map(str, error.mistakes))
        return refuse(count(len(error.mistakes), "mistake"), BAD_CONFIG)

    folder = settings.state_directory
    if os.geteuid() == 0 and folder.exists() and folder.stat().st_uid != 0:
        # What root makes there, the unit's user could not use.
        return refuse(f"{folder} is not root's; run it as its owner, or `systemctl start dorimportd`", FAILED)

    from twisted.internet import reactor

    from dorimportd.daemon.assembly import Appliance
    from dorimportd.daemon.process import Process

    try:
        supervisor = Supervisor(os.environ)
        appliance = Appliance(reactor, config, settings, supervisor, tell or journal.tell)
    except (StoreUnusable, SpoolUnusable, CertificateUnusable, HostKeyUnusable) as error:
        return refuse(error, BAD_CONFIG)
    except (SpoolInUse, OSError, ValueError) as error:
        return refuse(error, FAILED)
    return Process(reactor, appliance, supervisor, ready).run()


def count(number: int, noun: str) -> str:
    """ "1 mistake", "2 mistakes"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def refuse(error: Exception | str, status: int) -> int:
    """Say why it does not start."""
    complain(f"dorimportd does not start: {error}")
    return status
