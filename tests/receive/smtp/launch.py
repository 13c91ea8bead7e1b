"""The SMTP door alone, in a process of its own: CONFIG STATE -> the port on stdout, events on stderr.

With a third argument `tls` it offers STARTTLS with a certificate made in STATE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.threads import deferToThreadPool

from dorimportd.config.read import read_settings
from dorimportd.events import Event
from dorimportd.receive.house import House
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.receive.portal import Doorkeeper
from dorimportd.receive.smtp.session import smtp_factory
from dorimportd.receive.tls import load_or_make
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool


class Pool:
    """The reactor's own threads."""

    def run(self, work, /, *args, **kwargs):
        return deferToThreadPool(reactor, reactor.getThreadPool(), work, *args, **kwargs)


def tell(event: Event) -> None:
    print(json.dumps([type(event).__name__, event.sentence()]), file=sys.stderr, flush=True)


def main(config: Path, state: Path, tls: bool) -> None:
    settings = read_settings(config)
    limits = settings.limits
    spool = Spool(state / "spool", room=Room(limits.file_size, limits.free_space))
    house = House(
        doorkeeper=Doorkeeper(lambda: settings, spool=spool, workers=Pool(), logins=Pool(), tell=tell),
        sessions=Sessions(
            lambda: SessionLimits(limits.sessions, limits.sessions_per_address, limits.sessions_per_customer)
        ),
        settings=lambda: settings,
        spool=spool,
        workers=Pool(),
        clock=reactor,
        network=reactor,
        tell=tell,
    )
    factory = smtp_factory(house, load_or_make(settings, state, tell) if tls else None)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), "tls" in sys.argv[3:])
