"""What Twisted's own FTP server does wrong, beside ours.

Each test shows the defect on the stock class; when a release of Twisted mends it, the test says so.
"""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols import ftp
from twisted.python.failure import Failure

from dorimportd.receive.ftp.commands import COMMANDS
from dorimportd.receive.ftp.control import ControlConnection
from dorimportd.receive.ftp.data import DataConnection, DataConnections, End, Passive
from dorimportd.receive.ftp.wire import Declined, check_target, read_command, read_port
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.spool.names import decode_name
from dorimportd.words import TlsStart


class Written:
    """What the stock server needs of a file it writes."""

    def __init__(self) -> None:
        self.content = b""

    def receive(self):
        return succeed(self)

    def registerProducer(self, producer, streaming) -> None:
        pass

    def unregisterProducer(self) -> None:
        pass

    def write(self, content: bytes) -> None:
        self.content += content

    def close(self) -> None:
        pass


class Shell:
    """The stock server's view of a user's files."""

    def __init__(self) -> None:
        self.files: dict[str, Written] = {}

    def openForWriting(self, segments):
        name = segments[-1]
        self.files[name] = Written()
        return succeed(self.files[name])


@pytest.fixture
def stock(monkeypatch) -> ftp.FTP:
    """A stock session that is logged in; its network and time are in memory."""
    reactor = MemoryReactorClock()
    monkeypatch.setattr(ftp, "reactor", reactor)
    monkeypatch.setattr("twisted.internet.reactor.callLater", reactor.callLater)
    session = ftp.FTP()
    session.factory = ftp.FTPFactory()
    session.factory.timeOut = None
    session.listenFactory = reactor.listenTCP
    session.clock = reactor
    session.makeConnection(StringTransport())
    session.state, session.shell, session.workingDirectory = ftp.FTP.AUTHED, Shell(), []
    session.transport.clear()
    yield session
    session.connectionLost(Failure(ConnectionDone()))


def stock_data(session: ftp.FTP) -> ftp.DTP:
    """A data connection of *session*."""
    session.dtpInstance = connection = ftp.DTP()
    connection.factory = ftp.DTPFactory(session, reactor=session.clock)
    connection.makeConnection(StringTransport())
    return connection


def our_data() -> tuple[DataConnection, list[bytes]]:
    """A data connection of ours that is being read, and what was read."""
    received: list[bytes] = []
    connection = DataConnection(lambda _: None, passive=True)
    connection.makeConnection(StringTransport())
    connection.begin(received.append, None)
    return connection, received


class Wire(StringTransport):
    """A transport with a socket, as TCP's have."""

    def getHandle(self) -> socket.socket:
        return socket.socket()


def busy_house(clock: MemoryReactorClock) -> SimpleNamespace:
    """A house in which checking a password takes for ever."""
    return SimpleNamespace(
        clock=clock,
        network=clock,
        doorkeeper=SimpleNamespace(by_password=lambda *_, **__: Deferred()),
        sessions=Sessions(lambda: SessionLimits(1, 1, 1)),
        settings=lambda: SimpleNamespace(limits=SimpleNamespace(login_seconds=60)),
        tell=pytest.fail,
    )


def said(session: ftp.FTP) -> list[bytes]:
    session.clock.advance(0)
    return [line[:3] for line in session.transport.value().splitlines()]


def test_a_reset_data_connection_was_a_complete_file(stock):
    connection = stock_data(stock)
    stock.lineReceived(b"STOR a.csv")
    connection.dataReceived(b"half")
    connection.connectionLost(Failure(ConnectionLost()))
    assert (stock.shell.files["a.csv"].content, said(stock)) == (b"half", [b"125", b"226"])

    ours, received = our_data()
    ours.dataReceived(b"half")
    ours.connectionLost(Failure(ConnectionLost()))
    assert (received, ours.end) == ([b"half"], End(clean=False, why="the data connection was reset"))


def test_anybody_could_open_the_data_connection(stock):
    stranger = IPv4Address("TCP", "203.0.113.9", 40000)
    factory = ftp.DTPFactory(stock, peerHost="192.0.2.7", reactor=stock.clock)
    assert isinstance(factory.buildProtocol(stranger), ftp.DTP)

    foreign: list[str] = []
    ours = Passive("192.0.2.7", pytest.fail, foreign.append)
    assert [ours.buildProtocol(stranger) for _ in range(3)] == [None, None, None]
    assert foreign == ["203.0.113.9"]
    assert isinstance(ours.buildProtocol(IPv4Address("TCP", "192.0.2.7", 40000)), DataConnection)


def test_port_could_be_anybodys(stock):
    stock.lineReceived(b"PORT 203,0,113,9,0,25")
    assert [(host, port) for host, port, *_ in stock.clock.tcpClients] == [("203.0.113.9", 25)]

    with pytest.raises(Declined):
        check_target(*read_port(b"203,0,113,9,0,25"), peer="192.0.2.7")


def test_a_malformed_port_was_an_unexpected_error(stock):
    with pytest.raises(ValueError, match="invalid literal"):
        stock.ftp_PORT("nonsense")

    with pytest.raises(Declined, match="PORT takes six numbers"):
        read_port(b"nonsense")


def test_an_upload_of_type_a_always_failed(stock):
    connection = stock_data(stock)
    with pytest.raises(TypeError):
        ftp.ASCIIConsumerWrapper(Written()).write(b"text\r\n")
    assert connection.isConnected

    ours, received = our_data()
    ours.dataReceived(b"text\r\n")
    assert received == [b"text\r\n"]


def test_utf_8_names_were_encoded_twice(stock):
    stock_data(stock)
    stock.lineReceived("STOR Käse.csv".encode())
    assert list(stock.shell.files) == ["KÃ¤se.csv"]

    assert decode_name(read_command("STOR Käse.csv\r".encode())[1]) == "Käse.csv"


def test_the_control_connection_was_deaf_during_a_command(stock):
    stock_data(stock)
    stock.dataReceived(b"STOR a.csv\r\nABOR\r\n")
    assert (said(stock), stock.transport.producerState) == ([b"125"], "paused")

    control = ControlConnection(busy_house(stock.clock), None, TlsStart.OPTIONAL)
    control.makeConnection(Wire())
    control.dataReceived(b"USER acme\r\nPASS secret\r\nNOOP\r\n")
    assert control.transport.value().splitlines()[-1] == b"331 Please send the password."
    assert control.transport.producerState == "producing"
    control.connectionLost(Failure(ConnectionDone()))


def test_bytes_that_came_before_their_command_were_all_held_in_memory(stock):
    connection = stock_data(stock)
    assert connection.transport.producerState == "producing"
    connection.dataReceived(b"x" * 1000)
    assert connection._buffer == [b"x" * 1000]

    ours = DataConnection(lambda _: None, passive=True)
    ours.makeConnection(StringTransport())
    assert ours.transport.producerState == "paused"


class Network(MemoryReactorClock):
    """Counts the ports that were closed."""

    closed = 0

    def listenTCP(self, *args, **kwargs):
        port = super().listenTCP(*args, **kwargs)
        port.stopListening = self.close
        return port

    def close(self) -> None:
        self.closed += 1


def test_a_passive_port_stayed_open_after_its_connection_came(stock):
    peer = IPv4Address("TCP", "192.0.2.7", 40000)
    theirs = Network()
    stock.listenFactory = theirs.listenTCP
    stock.ftp_PASV()
    stock.dtpFactory.buildProtocol(peer).makeConnection(StringTransport())
    assert theirs.closed == 0

    ours = Network()
    connections = DataConnections("192.0.2.1", peer.host, network=ours, clock=ours, foreign=pytest.fail)
    Deferred.fromCoroutine(connections.listen(None))
    ours.tcpServers[0][1].buildProtocol(peer).makeConnection(StringTransport())
    assert ours.closed == 1


def test_most_commands_of_today_were_missing(stock):
    missing = {
        "ABOR", "ALLO", "APPE", "AUTH", "CLNT", "HELP", "MFMT", "MLSD", "MLST", "PBSZ", "PROT", "REST",
        "SITE", "STAT",
    }  # fmt: skip
    assert {verb for verb in missing if hasattr(stock, f"ftp_{verb}")} == set()
    assert missing <= set(COMMANDS)
    stock.lineReceived(b"OPTS UTF8 ON")
    assert said(stock) == [b"502"]
