"""The SFTP door in memory, without threads, and in a process of its own for real clients."""

from __future__ import annotations

import gc
import json
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import SSHClientTransport
from twisted.conch.ssh.userauth import SSHUserAuthClient
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, execute, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from dorimportd.config.read import read_settings
from dorimportd.config.secrets import hash_password
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.defence import Defence
from dorimportd.receive.house import House
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.receive.portal import Doorkeeper
from dorimportd.receive.sftp.flow import Flow
from dorimportd.receive.sftp.server import SftpServer
from dorimportd.receive.sftp.session import SftpSession
from dorimportd.receive.sftp.ssh import sftp_factory
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel

LAUNCH = Path(__file__).parents[1] / "launch.py"
REPOSITORY = Path(__file__).parents[3]
PASSWORD = "correct horse battery"


class AtOnce:
    """Workers without threads."""

    def run(self, work, /, *args, **kwargs):
        return execute(work, *args, **kwargs)


class Later:
    """Workers that do their work when they are told to, in order."""

    def __init__(self):
        self.waiting = []

    def run(self, work, /, *args, **kwargs):
        done = Deferred()
        self.waiting.append((done, work, args, kwargs))
        return done

    def work(self):
        """Do all that waits, and what comes of it."""
        while self.waiting:
            done, work, args, kwargs = self.waiting.pop(0)
            execute(work, *args, **kwargs).chainDeferred(done)


class Outlet:
    """The other side: what was written to it, cut into packets."""

    def __init__(self, clock):
        self.clock = clock
        self.writable = True
        self.written = b""
        self.writes = 0
        self.taken_size = 0
        self.dropped = None

    def write(self, data):
        self.written += data
        self.writes += 1

    def taken(self, size):
        self.taken_size += size

    def drop(self, why):
        self.dropped = why

    def answers(self):
        """All packets since the last time: (kind, request number, body)."""
        self.clock.advance(0)  # those of one moment go out together, after it
        found = []
        while self.written:
            length, kind, number = struct.unpack_from("!LBL", self.written)
            found.append((kind, number, self.written[9 : 4 + length]))
            self.written = self.written[4 + length :]
        return found


class Session:
    """A client of one subsystem: it says a request and sees the answer."""

    def __init__(self, tmp_path, workers=None, largest=1_000_000, rate=0):
        self.rate = rate
        self.workers = workers or AtOnce()
        self.told = []
        self.clock = Clock()
        self.flow = Flow()
        self.outlet = Outlet(self.clock)
        self.spool = Spool(tmp_path / "spool", room=Room(largest, 0))
        self.server = self.connect(self.outlet)
        self.number = 0
        self.send(struct.pack("!LBL", 5, 1, 3))
        self.greeting = self.outlet.answers()

    def connect(self, outlet):
        customer = SimpleNamespace(name="acme")
        self.avatar = CustomerAvatar(
            customer,
            Channel.SFTP,
            "192.0.2.7",
            spool=self.spool,
            workers=self.workers,
            tell=self.told.append,
            may_send=lambda: True,
        )
        session = SftpSession(self.avatar, self.workers)
        return SftpServer(
            session, outlet, flow=self.flow, clock=self.clock, tell=self.told.append, rate=self.rate
        )

    def send(self, raw):
        self.server.received(raw)

    def ask(self, kind, body):
        """The one answer to a request, without its number: (kind, body)."""
        self.begin(kind, body)
        ((answered, number, content),) = self.outlet.answers()
        assert number == self.number
        return answered, content

    def begin(self, kind, body):
        self.number += 1
        self.send(struct.pack("!LBL", 5 + len(body), kind, self.number) + body)

    def status(self, kind, body):
        """The status that answers a request: (code, text)."""
        answered, content = self.ask(kind, body)
        assert answered == 101
        code, length = struct.unpack_from("!LL", content)
        return code, content[8 : 8 + length].decode()

    def open(self, name, flags):
        """The handle."""
        answered, content = self.ask(3, NS(name) + struct.pack("!LL", flags, 0))
        assert answered == 102, content
        return content[4:]

    def write(self, handle, offset, content):
        return self.status(6, NS(handle) + struct.pack("!Q", offset) + NS(content))

    def close(self, handle):
        return self.status(4, NS(handle))

    def read(self, handle, offset, length):
        return self.ask(5, NS(handle) + struct.pack("!QL", offset, length))

    def put(self, name, content):
        handle = self.open(name, 0x1A)
        assert self.write(handle, 0, content) == (0, "OK")
        assert self.close(handle) == (0, "OK")

    def deliveries(self):
        """Each delivery's sequence, name and bytes."""
        found = []
        for sequence in self.spool.sequences():
            with self.spool.open_delivery(sequence) as file:
                found.append((sequence, self.spool.delivery(sequence).envelope.name, file.read()))
        return found

    def unfinished(self):
        """The name and size of each upload that waits for resuming."""
        return [(each.name, each.size) for each in self.spool.entries("acme") if each.sequence is None]


@pytest.fixture
def session(tmp_path):
    return Session(tmp_path)


@pytest.fixture
def later(tmp_path):
    """A session whose workers wait to be told."""
    return Session(tmp_path, workers=Later())


@pytest.fixture
def hurried(tmp_path):
    """A session whose workers wait to be told, and whose client is to send 10 bytes a second."""
    return Session(tmp_path, workers=Later(), rate=10)


@pytest.fixture
def small(tmp_path):
    """A session that takes files of up to 10 bytes."""
    return Session(tmp_path, largest=10)


class Keys:
    """Key pairs of customers and of the host."""

    def __init__(self):
        self.ed25519 = Key(Ed25519PrivateKey.generate())
        self.rsa = Key(generate_private_key(65537, 2048))
        self.other = Key(Ed25519PrivateKey.generate())
        self.elsewhere = Key(Ed25519PrivateKey.generate())  # acme's, and good only from another network
        self.host = Key(Ed25519PrivateKey.generate())


@pytest.fixture(scope="session")
def keys():
    return Keys()


@pytest.fixture(scope="session")
def hashed():
    return hash_password(PASSWORD)


@pytest.fixture
def house(tmp_path, keys, hashed):
    """Everything behind the door, in memory and without threads; customers acme and other."""
    for folder in ("customers.d", "keys"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dorimportd.toml").write_text(
        'state_directory = "state"\nhostname = "localhost"\n'
        "[limits]\nfree_space = 0\nlogin_attempts = 3\nlogin_seconds = 60\nidle_seconds = 300\n"
        "sessions_per_address = 4\nsessions_per_customer = 2\n"
    )
    for customer in ("acme", "other"):
        (tmp_path / "customers.d" / f"{customer}.toml").write_text(
            f'timezone = "Europe/Berlin"\ncurrency = "EUR"\npassword = "{hashed}"\n'
        )
    lines = [key.public().toString("openssh").decode() for key in (keys.ed25519, keys.rsa)]
    lines.append(f'from="198.51.100.0/24" {keys.elsewhere.public().toString("openssh").decode()}')
    (tmp_path / "keys" / "acme").write_text("\n".join(lines) + "\n")
    (tmp_path / "keys" / "other").write_text(keys.other.public().toString("openssh").decode() + "\n")
    settings = read_settings(tmp_path / "dorimportd.toml")
    limits = settings.limits
    spool = Spool(tmp_path / "spool", room=Room(limits.file_size, 0))
    told, clock, workers = Told(), Clock(), AtOnce()
    most = SessionLimits(limits.sessions, limits.sessions_per_address, limits.sessions_per_customer, 3)
    defence = Defence(lambda: settings.defence, clock.seconds)
    doorkeeper = Doorkeeper(
        lambda: settings, defence=defence, spool=spool, workers=workers, logins=workers, tell=told
    )
    return House(doorkeeper, Sessions(lambda: most), lambda: settings, spool, workers, clock, None, told)


class Told(list):
    """Events, as they are told."""

    def __call__(self, event):
        self.append(event)

    def sentences(self):
        return [event.sentence() for event in self]


class Tcp(StringTransportWithDisconnection):
    """A TCP connection in memory."""

    def __init__(self, protocol, peer="192.0.2.7"):
        super().__init__(peerAddress=IPv4Address("TCP", peer, 40000))
        self.protocol = protocol
        self.aborted = False

    def setTcpNoDelay(self, enabled):
        pass

    def abortConnection(self):
        self.aborted = True
        self.loseConnection()

    def loseConnection(self):
        self.disconnecting = True


class Auth(SSHUserAuthClient):
    """Logs in by a key, once."""

    def __init__(self, key, *services):
        super().__init__(*services)
        self._keys = [key]

    def getPublicKey(self):
        return self._keys[0].public() if self._keys else None

    def getPrivateKey(self):
        return succeed(self._keys.pop())


class ClientChannel(SSHChannel):
    """A session channel that notes all that comes."""

    name = b"session"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.opened, self.received, self.requests, self.ended = None, b"", [], []

    def channelOpen(self, specificData):
        self.opened = True

    def openFailed(self, reason):
        self.opened = reason.value

    def dataReceived(self, data):
        self.received += data

    def requestReceived(self, requestType, data):
        self.requests.append((requestType, data))
        return True

    def eofReceived(self):
        self.ended.append("eof")

    def closed(self):
        self.ended.append("closed")


class Client(SSHClientTransport):
    """Conch's own client."""

    def __init__(self, key):
        self.key = key
        self.connection = SSHConnection()
        self.disconnected = None

    def verifyHostKey(self, hostKey, fingerprint):
        return succeed(True)

    def connectionSecure(self):
        if self.service is None:
            self.requestService(Auth(self.key, b"acme", self.connection))

    def receiveError(self, reasonCode, description):
        self.disconnected = (reasonCode, description.decode())


class Wire:
    """A client and the door, with a wire between them that carries what was written when told to."""

    def __init__(self, factory, clock, client):
        self.clock = clock
        self.client = client
        self.server = factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 40000))
        self.ends = [Tcp(self.client), Tcp(self.server)]
        self.open = True
        self.server.makeConnection(self.ends[1])
        self.client.makeConnection(self.ends[0])
        self.carry()

    def carry(self):
        """Carry to and fro until nothing is under way."""
        self.clock.advance(0)
        while self.open and (self.ends[0].value() or self.ends[1].value()):
            for sent, taking in ((self.ends[0], self.server), (self.ends[1], self.client)):
                content = sent.value()
                sent.clear()
                if content:
                    taking.dataReceived(content)
            self.clock.advance(0)
        if self.open and any(each.disconnecting for each in self.ends):
            self.cut(ConnectionDone)

    def cut(self, reason=ConnectionLost):
        """The connection is lost."""
        self.open = False
        for protocol in (self.server, self.client):
            protocol.connectionLost(Failure(reason()))

    def channel(self, **kwargs):
        channel = ClientChannel(**kwargs)
        channel.conn = self.client.connection
        self.client.connection.openChannel(channel)
        self.carry()
        return channel

    def request(self, channel, kind, body):
        """Whether the request succeeded."""
        answers = []
        asked = self.client.connection.sendRequest(channel, kind, body, wantReply=True)
        asked.addCallbacks(lambda _: answers.append(True), lambda _: answers.append(False))
        self.carry()
        (answer,) = answers
        return answer

    def sftp(self):
        """A channel on which SFTP has been greeted."""
        channel = self.channel()
        assert self.request(channel, b"subsystem", NS(b"sftp"))
        self.send(channel, struct.pack("!LBL", 5, 1, 3))
        channel.received = b""
        return channel

    def send(self, channel, raw):
        channel.write(raw)
        self.carry()

    def send_only(self, channel, raw):
        """Have the server read *raw*, and the client nothing."""
        channel.write(raw)
        sent = self.ends[0].value()
        self.ends[0].clear()
        self.server.dataReceived(sent)

    def begin_upload(self, channel, name, content):
        """Write *content* to *name*, and do not close it; the handle."""
        self.send(channel, request(3, 1, NS(name) + struct.pack("!LL", 0x1A, 0)))
        handle = channel.received[13:]
        self.send(channel, request(6, 2, NS(handle) + struct.pack("!Q", 0) + NS(content)))
        channel.received = b""
        return handle


def request(kind, number, body):
    return struct.pack("!LBL", 5 + len(body), kind, number) + body


@pytest.fixture
def connect(house, keys):
    """Makes connections to the door; `connect.factory` is the door, `connect.raw` has no client."""
    factory = sftp_factory(house, [keys.host])

    def connect(door=factory, macs=Client.supportedMACs):
        client = Client(keys.ed25519)
        client.supportedMACs = macs
        return Wire(door, house.clock, client)

    def raw(peer="192.0.2.7"):
        server = factory.buildProtocol(None)
        tcp = Tcp(server, peer)
        server.makeConnection(tcp)
        return server, tcp

    connect.factory, connect.raw = factory, raw
    return connect


@pytest.fixture
def raw(connect):
    """A connection whose client says nothing by itself: the door's end, and what it is connected to."""
    return connect.raw()


@pytest.fixture(autouse=True)
def no_complaints():
    """What Twisted would write into the log as an error, in any test here, is one."""
    complaints = []

    def note(event):
        if event.get("log_level", LogLevel.info) >= LogLevel.warn:
            complaints.append(event.get("log_failure") or event)

    globalLogPublisher.addObserver(note)
    yield
    gc.collect(1)  # a Deferred says only then that nobody took its error
    globalLogPublisher.removeObserver(note)
    assert complaints == []


class Door:
    """The door in a process of its own, with the customer acme."""

    def __init__(self, folder, sftp="", customer="", renewal=None):
        self.folder = folder
        self._more = [] if renewal is None else [str(renewal)]
        self.log = folder / "log"
        self._process = None
        (folder / "customers.d").mkdir()
        (folder / "keys").mkdir()
        for kind in ("ed25519", "rsa"):
            command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(folder / kind)]
            subprocess.run(command, check=True)
        keys = [(folder / f"{kind}.pub").read_text() for kind in ("ed25519", "rsa")]
        (folder / "keys" / "acme").write_text("".join(keys))
        (folder / "dorimportd.toml").write_text(
            'hostname = "localhost"\nstate_directory = "state"\n'
            '[limits]\nfree_space = "1 MiB"\nlogin_attempts = 2\n'
            f"[sftp]\n{sftp}\n"
        )
        (folder / "customers.d" / "acme.toml").write_text(
            f'timezone = "Europe/Berlin"\ncurrency = "EUR"\npassword = "{hash_password(PASSWORD)}"\n'
            f"{customer}\n"
        )

    def start(self):
        command = [sys.executable, str(LAUNCH), "sftp", str(self.folder / "dorimportd.toml"), *self._more]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=REPOSITORY)
        self.port = int(self._process.stdout.readline())

    def stop(self):
        self._process.terminate()
        self._process.wait(10)

    def events(self):
        """What was told so far; a line that is no event is a complaint, which nobody expects."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def deliveries(self):
        """The sentences of the deliveries that were accepted so far."""
        return [sentence for name, sentence in self.events() if name == "DeliveryAccepted"]

    def wait_for(self, name):
        """The sentence of the first event of that name."""
        for _ in range(100):
            if found := [sentence for each, sentence in self.events() if each == name]:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no {name} in {self.events()}")


@pytest.fixture(scope="module")
def door_with(tmp_path_factory):
    """Starts a door with more in [sftp] and in the file of acme, and new keys after so many bytes."""
    doors = []

    def start(sftp="", customer="", renewal=None):
        if shutil.which("ssh-keygen") is None:
            pytest.skip("ssh-keygen is not installed")
        doors.append(Door(tmp_path_factory.mktemp("door"), sftp, customer, renewal))
        doors[-1].start()
        return doors[-1]

    yield start
    for each in doors:
        each.stop()
        assert [event for event in each.events() if event[0] == "Fault"] == []


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    found = Door(tmp_path_factory.mktemp("door"))
    found.start()
    yield found
    found.stop()
    assert [each for each in found.events() if each[0] == "Fault"] == []
