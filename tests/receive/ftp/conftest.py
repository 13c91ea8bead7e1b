"""The FTP door in a process of its own, and a client that says and hears what a test writes down."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

import dorimportd
from dorimportd.config.read import read_settings
from dorimportd.config.secrets import hash_password
from dorimportd.events import Event
from dorimportd.receive.defence import Defence
from dorimportd.receive.ftp import ftp_factory
from dorimportd.receive.ftp.data import DataConnection
from dorimportd.receive.house import House
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.receive.portal import Doorkeeper
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel, Delivery, Envelope

MAIN_FILE = """
hostname = "pos.example"
state_directory = "state"

[limits]
file_size = "8 MiB"
free_space = "0 B"
sessions_per_address = 100
sessions_per_customer = 50
login_attempts = 3
"""


@dataclass
class Talk:
    """A control connection, spoken by hand."""

    port: int
    buffer: bytes = b""
    socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, line: str) -> None:
        self.socket.sendall(f"{line}\r\n".encode())

    def hear(self) -> str:
        """The next answer, all its lines."""
        lines = [self._line()]
        if lines[0][3:4] == "-":
            while not re.match(rf"{lines[0][:3]} ", lines[-1]):
                lines.append(self._line())
        return "\n".join(lines)

    def ask(self, line: str) -> str:
        self.send(line)
        return self.hear()

    def ended(self) -> bool:
        """Whether the server closed the connection, and said nothing more."""
        return self.buffer + self.socket.recv(100) == b""

    def login(self) -> Talk:
        self.hear()
        self.ask("USER acme")
        assert self.ask("PASS secret") == "230 Logged in. Put your files into this folder."
        return self

    def passive(self) -> tuple[str, int]:
        """Where PASV tells to connect."""
        answer = self.ask("PASV")
        numbers = re.fullmatch(r"227 Entering passive mode \((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)\.", answer)
        assert numbers, answer
        host, high, low = ".".join(numbers.groups()[:4]), int(numbers[5]), int(numbers[6])
        return host, high * 256 + low

    def data(self) -> socket.socket:
        """A passive data connection."""
        return socket.create_connection(self.passive(), timeout=10)

    def begin(self, command: str) -> socket.socket:
        """The data connection of *command*, which was answered by 150."""
        data = self.data()
        answer = self.ask(command)
        assert answer.startswith("150 "), answer
        return data

    def store(self, command: str, content: bytes) -> str:
        """What *command* ends with, when all of *content* was sent and the data connection closed."""
        with self.begin(command) as data:
            data.sendall(content)
        return self.hear()

    def moved(self, size: int) -> None:
        """Wait until that many bytes of the transfer that is going on have come."""
        while f" {size} bytes have moved." not in self.ask("STAT"):
            sleep(0.01)

    def retrieve(self, command: str) -> bytes:
        with self.begin(command) as data:
            content = b"".join(iter(lambda: data.recv(65536), b""))
        assert self.hear() == "226 That was all."
        return content

    def close(self) -> None:
        self.socket.close()

    def _line(self) -> str:
        while b"\r\n" not in self.buffer:
            received = self.socket.recv(65536)
            assert received, f"the connection ended after {self.buffer!r}"
            self.buffer += received
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode()


@dataclass
class Door:
    """The running door and what stands behind it."""

    port: int
    explicit_port: int  # AUTH TLS must come before the login
    implicit_port: int  # TLS from the first byte
    state: Path
    log: Path
    process: subprocess.Popen[str]

    @property
    def spool(self) -> Spool:
        return Spool(self.state / "spool", room=Room(1 << 40, 0))

    def deliveries(self) -> list[tuple[str, bytes]]:
        """Name and bytes of every delivery, in order."""
        spool, found = self.spool, []
        for sequence in spool.sequences():
            with spool.open_delivery(sequence) as file:
                found.append((spool.delivery(sequence).envelope.name, file.read()))
        return found

    def delivered(self, name: str) -> list[bytes]:
        """The bytes of each delivery of that name."""
        return [content for each, content in self.deliveries() if each == name]

    def kept(self, name: str) -> bytes | None:
        """What is kept of the unfinished upload *name*."""
        for folder in self.spool.layout.incoming.glob("*/*"):
            if json.loads((folder / "upload").read_text())["name"] == name:
                return (folder / "data").read_bytes()
        return None

    def events(self, containing: str) -> list[list[str]]:
        return [
            event for event in map(json.loads, self.log.read_text().splitlines()) if containing in event[1]
        ]

    def wait_for(self, kind: str, containing: str) -> str:
        """The sentence of that event; it has five seconds to happen."""
        until = monotonic() + 5
        while monotonic() < until:
            for event, sentence in self.events(containing):
                if event == kind:
                    return sentence
            sleep(0.01)
        raise AssertionError(f"no {kind} with {containing!r} in {self.log.read_text()}")


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    (folder / "customers.d").mkdir()
    (folder / "state").mkdir()
    (folder / "dorimportd.toml").write_text(MAIN_FILE)
    for name, more in {"acme": "", "other": "", "strict": "require_tls = true\n"}.items():
        password = hash_password("secret")
        (folder / "customers.d" / f"{name}.toml").write_text(
            f'timezone = "Europe/Berlin"\ncurrency = "EUR"\npassword = "{password}"\n{more}'
        )
    log = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, Path(__file__).parents[1] / "launch.py", "ftp", folder / "dorimportd.toml"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={"PYTHONPATH": str(Path(dorimportd.__file__).parents[1])},
        )
    assert process.stdout is not None
    ports = process.stdout.readline().split()
    assert ports, log.read_text()
    running = Door(*map(int, ports), folder / "state", log, process)
    yield running
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    # Twisted's own complaints are no JSON, and nothing that a client did here is a defect of ours.
    assert [event for event in map(json.loads, log.read_text().splitlines()) if event[0] == "Fault"] == []


@pytest.fixture
def connect(door: Door) -> Iterator[Callable[[], Talk]]:
    """New control connections, closed at the end."""
    made: list[Talk] = []

    def make() -> Talk:
        made.append(Talk(door.port))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def talk(connect: Callable[[], Talk]) -> Talk:
    """A control connection that is logged in."""
    return connect().login()


# The same door in memory: time stands still unless a test moves it.


class AtOnce:
    """Workers that do the work at once, or when they are told to."""

    def __init__(self) -> None:
        self.held = False
        self.working = False  # what runs now is on a worker thread
        self._waiting: list[Callable[[], None]] = []

    def run(self, work, /, *args, **kwargs):
        done = Deferred()

        def act() -> None:
            self.working = True
            ended = maybeDeferred(work, *args, **kwargs)
            self.working = False
            ended.chainDeferred(done)

        self._waiting.append(act)
        if not self.held:
            self.release()
        return done

    def release(self) -> None:
        while self._waiting:
            self.release_one()

    def release_one(self) -> None:
        self._waiting.pop(0)()


class Wire(StringTransport):
    """A TCP connection in memory."""

    aborted = False
    bufferSize = 65536  # as Twisted calls it

    def __init__(self, peer: str = "192.0.2.7") -> None:
        super().__init__(IPv4Address("TCP", "192.0.2.1", 21), IPv4Address("TCP", peer, 40000))
        self._socket = socket.socket()

    def getHandle(self) -> socket.socket:
        return self._socket

    def abortConnection(self) -> None:
        self.aborted = True

    def read(self) -> str:
        """What was written since the last time."""
        text = self.value().decode()
        self.clear()
        return text


class Scene:
    """A house without network, threads and time, and one control connection of it."""

    def __init__(self, folder: Path, limits: str = "") -> None:
        (folder / "customers.d").mkdir(parents=True)
        (folder / "dorimportd.toml").write_text(
            f'state_directory = "state"\n[limits]\nfree_space = "0 B"\n{limits}'
        )
        (folder / "customers.d" / "acme.toml").write_text(
            f'timezone = "Europe/Berlin"\ncurrency = "EUR"\npassword = "{hash_password("secret")}"\n'
        )
        settings = read_settings(folder / "dorimportd.toml")
        most = settings.limits
        self.clock = MemoryReactorClock()
        self.told: list[Event] = []
        self._data: list[DataConnection] = []
        self.workers = AtOnce()
        self.sessions = Sessions(
            lambda: SessionLimits(
                most.sessions,
                most.sessions_per_address,
                most.sessions_per_customer,
                most.unauthenticated_sessions,
            )
        )
        self.spool = Spool(folder / "spool", room=Room(most.file_size, 0))
        doorkeeper = Doorkeeper(
            lambda: settings,
            defence=Defence(lambda: settings.defence, self.clock.seconds),
            spool=self.spool,
            workers=self.workers,
            logins=self.workers,
            tell=self.told.append,
        )
        self.house = House(
            doorkeeper,
            self.sessions,
            lambda: settings,
            self.spool,
            self.workers,
            self.clock,
            self.clock,
            self.told.append,
        )
        self.connect()

    def connect(self, peer: str = "192.0.2.7") -> None:
        """A new control connection from *peer*; `wire` is its other end."""
        self.wire = Wire(peer)
        self.control = ftp_factory(self.house, None).buildProtocol(self.wire.getPeer())
        self.control.makeConnection(self.wire)

    def ask(self, *lines: str) -> str:
        """What is answered to *lines*, sent at once."""
        self.control.dataReceived("".join(f"{line}\r\n" for line in lines).encode())
        return self.wire.read()

    def login(self) -> Scene:
        self.wire.read()
        self.ask("USER acme", "PASS secret")
        return self

    def fill(self, count: int) -> None:
        """Files 0001.csv and so on, of 3 bytes, from July 2014, in the root folder of acme."""
        received_at = datetime(2014, 7, 14, tzinfo=UTC)
        for number in range(1, count + 1):
            envelope = Envelope("acme", Channel.FTP, f"{number:04}.csv", 3, "", "", received_at)
            self.spool.roots.put(Delivery(number, envelope))

    def lose(self, protocol=None) -> None:
        """The control connection, or that of *protocol*, is lost by a clean end."""
        (protocol or self.control).connectionLost(Failure(ConnectionDone()))

    def end(self) -> None:
        """Let everything that waits for something come to its end."""
        self.workers.held = False
        self.workers.release()
        self.lose()
        for connection in self._data:
            if connection.end is None:
                self.lose(connection)
        self.clock.advance(1)

    def begin(self, command: str) -> tuple[DataConnection, Wire]:
        """The data connection of *command*, and its other end."""
        self.ask("PASV", command)
        _, factory, _, _ = self.clock.tcpServers[-1]
        wire = Wire()
        connection = factory.buildProtocol(wire.getPeer())
        connection.makeConnection(wire)
        self._data.append(connection)
        return connection, wire


@pytest.fixture
def make_scene(tmp_path: Path) -> Iterator[Callable[[str], Scene]]:
    """Before the login, with such limits."""
    made: list[Scene] = []

    def make(limits: str) -> Scene:
        made.append(Scene(tmp_path, limits))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def scene(make_scene: Callable[[str], Scene]) -> Scene:
    """Before the login."""
    return make_scene("")
