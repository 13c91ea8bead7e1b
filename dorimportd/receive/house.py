"""What every door is given: all that acts is handed in, so that a test can hand in a twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTCP, IReactorTime

from dorimportd.config.settings import Settings
from dorimportd.events import Tell
from dorimportd.receive.limits import Sessions
from dorimportd.receive.portal import Doorkeeper
from dorimportd.receive.workers import Workers
from dorimportd.spool.spool import Spool

# Why a session ended, for the log.
NO_LOGIN: Final = "the time for the login was over"
CROWDED: Final = "too many sessions have not logged in, and this was the oldest of the address with most"


@dataclass(frozen=True, slots=True)
class House:
    """The same for all three doors."""

    doorkeeper: Doorkeeper
    sessions: Sessions
    settings: Callable[[], Settings]  # the settings of the moment: ask at each session
    spool: Spool
    workers: Workers
    clock: IReactorTime
    network: IReactorTCP  # opens the FTP door's data connections
    tell: Tell
