"""One door alone, in a process of its own: what stands behind it is real, only the store is missing.

    python launch.py ftp|sftp|smtp DORIMPORTD.TOML [BYTES]

SFTP asks for new keys after so many bytes, if they are given.
Listens on 127.0.0.1, prints its port (of FTP three, one for each way in which TLS may come), and tells
events on standard error, one JSON list a line.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThreadPool
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.threadpool import ThreadPool

from dorimportd.config.read import read_settings
from dorimportd.events import Event
from dorimportd.receive.defence import Defence
from dorimportd.receive.ftp import ftp_factory
from dorimportd.receive.house import House
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.receive.portal import Doorkeeper
from dorimportd.receive.sftp import host_keys
from dorimportd.receive.sftp.ssh import sftp_factory
from dorimportd.receive.sftp.transport import SftpTransport
from dorimportd.receive.smtp.session import smtp_factory
from dorimportd.receive.tls import load_or_make
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import TlsStart


class Threads:
    """Workers on a pool of Twisted's threads."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPool(1, count)
        self._pool.start()
        reactor.addSystemEventTrigger("during", "shutdown", self._pool.stop)

    def run(self, work, /, *args, **kwargs) -> Deferred:
        return deferToThreadPool(reactor, self._pool, work, *args, **kwargs)


def tell(event: Event) -> None:
    print(json.dumps([type(event).__name__, event.sentence()]), file=sys.stderr, flush=True)


def main(channel: str, path: Path) -> None:
    # What Twisted itself has to complain of is a line that is no JSON; the tests want none.
    complaints = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)]
    )
    globalLogBeginner.beginLoggingTo([complaints], redirectStandardIO=False)
    settings = read_settings(path)
    limits = settings.limits
    spool = Spool(settings.state_directory / "spool", room=Room(limits.file_size, limits.free_space))
    spool.recover()
    workers = Threads(4)
    most = SessionLimits(limits.sessions, limits.sessions_per_address, limits.sessions_per_customer)
    defence = Defence(lambda: settings.defence, time.time)
    doorkeeper = Doorkeeper(
        lambda: settings, defence=defence, spool=spool, workers=workers, logins=Threads(2), tell=tell
    )
    house = House(
        doorkeeper, Sessions(lambda: most), lambda: settings, spool, workers, reactor, reactor, tell
    )
    ports = [reactor.listenTCP(0, each, interface="127.0.0.1") for each in factories(channel, house)]
    print(*(each.getHost().port for each in ports), flush=True)
    reactor.run()


def factories(channel: str, house: House) -> list[Factory]:
    settings = house.settings()
    if channel == "sftp":
        factory = sftp_factory(house, host_keys.load_or_make(settings.state_directory / "keys", tell=tell))
        reactor.addSystemEventTrigger("before", "shutdown", factory.end_sessions, "The server is stopping.")
        return [factory]
    contexts = load_or_make(settings, settings.state_directory, tell)
    if channel == "smtp":
        return [smtp_factory(house, contexts)]
    starts = (TlsStart.OPTIONAL, TlsStart.EXPLICIT, TlsStart.IMPLICIT)
    return [ftp_factory(house, contexts, each) for each in starts]


if len(sys.argv) > 3:
    SftpTransport.renewal_bytes = int(sys.argv[3])
main(sys.argv[1], Path(sys.argv[2]))
