"""A session of the SMTP door on a transport in memory, over a real spool and a real configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred, execute
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from dorimportd.config.read import read_settings
from dorimportd.config.secrets import hash_password
from dorimportd.events import Event
from dorimportd.receive.defence import Defence
from dorimportd.receive.house import House
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.receive.portal import Doorkeeper
from dorimportd.receive.smtp.session import MailSession, smtp_factory
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool

MAIN = """
hostname = "mx.till.example"
state_directory = "../state"
[smtp]
mail_domain = "in.till.example"
archive_address = "archive"
[limits]
mail_size = 100000
free_space = 0
sessions_per_address = 2
idle_seconds = 300
"""

PASSWORD = "secret of the till"
CUSTOMERS = {
    "acme": 'mail_address = "acme"\n'
    "former_mail_addresses = [\n"
    '  { address = "Old.Acme", until = 2999-12-31 }, { address = "older.acme", until = 2000-12-31 },\n]',
    "bolt": 'mail_address = "Bolt.Sales"\nallowed_senders = ["*@bolt.example"]\n'
    f'password = "{hash_password(PASSWORD)}"\n'
    'former_mail_addresses = [{ address = "old.bolt", until = 2999-12-31 }]',
    "core": 'mail_address = "core"\nallowed_networks = ["192.0.2.0/24"]',
    "gone": 'mail_address = "gone"\nenabled = false\n'
    'former_mail_addresses = [{ address = "old.gone", until = 2999-12-31 }]',
    "mute": "",  # has no mail address
}


def write_config(folder: Path) -> Path:
    """A configuration with five customers in *folder*; its main file."""
    (folder / "customers.d").mkdir(parents=True)
    for name, lines in CUSTOMERS.items():
        text = f'timezone = "Europe/Berlin"\ncurrency = "EUR"\n{lines}\n'
        (folder / "customers.d" / f"{name}.toml").write_text(text)
    main = folder / "dorimportd.toml"
    main.write_text(MAIN)
    return main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path / "etc")


@pytest.fixture(scope="module")
def lasting_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration for all tests of a module, which takes larger mails."""
    main = write_config(tmp_path_factory.mktemp("door") / "etc")
    main.write_text(MAIN.replace("mail_size = 100000", 'mail_size = "20 MiB"'))
    return main


class AtOnce:
    """Workers that do their work at once."""

    def run(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        return execute(work, *args, **kwargs)


class Later:
    """Workers that do their work when they are told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def run(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.waiting.append(lambda: execute(work, *args, **kwargs).chainDeferred(done))
        return done

    def work(self) -> None:
        """Do what waits now, and what comes of it."""
        while self.waiting:
            self.waiting.pop(0)()


@implementer(ITLSTransport)
class Wire(StringTransport):
    """A connection in memory that can be asked for TLS; what is sent stays readable."""

    aborted = False

    def startTLS(self, context: object, normal: bool = True) -> None:
        self.write(b"[TLS]\r\n")

    def abortConnection(self) -> None:
        self.aborted = True


@dataclass
class Client:
    """One client and its session."""

    session: MailSession
    wire: Wire

    def read(self) -> str:
        """What came since the last time, lines ending with LF."""
        text = self.wire.value().decode("ascii").replace("\r\n", "\n")
        self.wire.clear()
        return text

    def send(self, content: bytes | str) -> str:
        """Send bytes as they are, or lines with their ends made CRLF; the replies that come at once."""
        raw = content.replace("\n", "\r\n").encode() if isinstance(content, str) else content
        self.session.dataReceived(raw)
        return self.read()

    def lose(self) -> None:
        self.session.connectionLost(Failure(ConnectionDone()))


@dataclass
class Door:
    """The SMTP door with all it is given."""

    spool: Spool
    config: Path
    workers: Any = field(default_factory=AtOnce)
    clock: Clock = field(default_factory=Clock)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = read_settings(self.config)
        limits = self.settings.limits
        self.sessions = Sessions(
            lambda: SessionLimits(
                limits.sessions, limits.sessions_per_address, limits.sessions_per_customer, 2
            )
        )

    def connect(self, tls: Any = None, peer: IPv6Address | None = None) -> Client:
        """A new client that has not read the greeting."""
        session = smtp_factory(self._house(), tls).buildProtocol(None)
        wire = Wire(peerAddress=peer)
        session.makeConnection(wire)
        return Client(session, wire)

    def greeted(self, **keywords: Any) -> Client:
        """A new client behind its EHLO."""
        client = self.connect(**keywords)
        client.send("EHLO till\n")
        return client

    def begun(self, *recipients: str, **keywords: Any) -> Client:
        """A client that has been told to send its message to *recipients*."""
        client = self.greeted(**keywords)
        lines = "".join(f"RCPT TO:<{each}>\n" for each in recipients or ("acme@in.till.example",))
        client.send(f"MAIL FROM:<till@shop.example>\n{lines}DATA\n")
        return client

    def notes(self) -> list[dict[str, Any]]:
        """The notes of all kept mails, without what differs each time."""
        found = [each for folder in self.spool.layout.mail.glob("*/*") for each in folder.glob("*.json")]
        return [self._note(each) for each in sorted(found, key=lambda each: each.stat().st_mtime_ns)]

    def _note(self, path: Path) -> dict[str, Any]:
        values = json.loads(path.read_text())
        del values["received_at"], values["peer"]
        return values

    def left(self) -> list[Path]:
        """What lies in incoming/, folders of customers aside."""
        incoming = self.spool.layout.incoming
        return [*incoming.glob("*.eml"), *incoming.glob("*/*")]

    def _house(self) -> House:
        return House(
            doorkeeper=Doorkeeper(
                lambda: self.settings,
                defence=Defence(lambda: self.settings.defence, self.clock.seconds),
                spool=self.spool,
                workers=self.workers,
                logins=self.workers,
                tell=self.events.append,
            ),
            sessions=self.sessions,
            settings=lambda: self.settings,
            spool=self.spool,
            workers=self.workers,
            clock=self.clock,
            network=MemoryReactor(),
            tell=self.events.append,
        )


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", room=Room(largest=1 << 30, free_floor=0))


@pytest.fixture
def door(spool: Spool, config: Path) -> Door:
    return Door(spool, config)


@pytest.fixture
def slow_door(spool: Spool, config: Path) -> Door:
    """A door whose workers wait until they are told."""
    return Door(spool, config, workers=Later())


@pytest.fixture
def mail() -> Callable[..., bytes]:
    """A message of hand-made parts: mail("HEADERS\\n\\nBODY", ...), and mail() one with sales.csv."""

    def made(*parts: str, headers: str = "Message-ID: <1@shop.example>\n") -> bytes:
        given = parts or ("Content-Type: text/csv; name=sales.csv\n\nid,total\n1,2.50",)
        text = f"{headers}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b1\n\nfor old readers\n"
        text += "".join(f"--b1\n{each}\n" for each in given) + "--b1--\n"
        return text.replace("\n", "\r\n").encode("utf-8")

    return made
