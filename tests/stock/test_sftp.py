"""What stock Conch does wrong, and that the SFTP door does not: each defect on both."""

from __future__ import annotations

import gc
import struct
import weakref
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.interfaces import IConchUser, ISFTPServer
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.filetransfer import FileTransferServer
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.session import SSHSession
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.portal import Portal
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, DeferredLock, execute
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LimitedHistoryLogObserver, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from dorimportd.config.schema import Sftp
from dorimportd.errors import LoginRefused
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.receive.sftp import algorithms
from dorimportd.receive.sftp.channel import SftpChannel
from dorimportd.receive.sftp.flow import Flow
from dorimportd.receive.sftp.login import LoginService
from dorimportd.receive.sftp.mended import MendedConnection, MendedTransport
from dorimportd.receive.sftp.one_at_a_time import OneAtATime
from dorimportd.receive.sftp.server import SftpServer
from dorimportd.receive.sftp.session import SftpSession
from dorimportd.receive.sftp.ssh import SftpFactory
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel

LOST = Failure(ConnectionLost())
VERSION = b"SSH-2.0-x\r\n"
NAMES = (b"curve25519-sha256", b"ssh-ed25519", *[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2)
KEXINIT = bytes(16) + b"".join(map(NS, NAMES)) + bytes(8 + 5)


class AtOnce:
    def run(self, work, /, *args, **kwargs):
        return execute(work, *args, **kwargs)


class Tcp(StringTransport):
    def __init__(self):
        super().__init__(peerAddress=IPv4Address("TCP", "192.0.2.7", 40000))
        self.aborted = False

    def setTcpNoDelay(self, enabled):
        pass

    def abortConnection(self):
        self.aborted = True


@pytest.fixture(scope="module")
def host_key():
    return Key(Ed25519PrivateKey.generate())


def house(**limits):
    """Enough of everything behind the door for a connection that nobody logs in on."""
    limits = {"login_seconds": 60, "idle_seconds": 300, "login_attempts": 3, **limits}
    most = SessionLimits(100, 100, 100)
    return SimpleNamespace(
        clock=Clock(),
        tell=[].append,
        sessions=Sessions(lambda: most),
        settings=lambda: SimpleNamespace(
            limits=SimpleNamespace(**limits), sftp=Sftp(), legacy_algorithms=lambda address: frozenset()
        ),
        workers=AtOnce(),
        doorkeeper=None,
    )


def stock_factory(host_key):
    factory = SSHFactory()
    factory.privateKeys = {host_key.sshType(): host_key}
    factory.publicKeys = {host_key.sshType(): host_key.public()}
    factory.portal = Portal(None)
    factory.startFactory()
    return factory


def connected(factory, tcp=None):
    """A server's end of a connection, whose client has said its version."""
    server = factory.buildProtocol(None)
    server.makeConnection(tcp or Tcp())
    server.dataReceived(VERSION)
    return server


def plain(kind, payload):
    """An SSH packet before there are keys (RFC 4253 section 6)."""
    padding = 8 - (len(payload) + 6) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack("!LBB", len(payload) + 2 + padding, padding, kind) + payload + bytes(padding)


def said(server):
    """The packets that *server* has sent and a client would read: (kind, payload)."""
    raw = server.transport.value().partition(b"\r\n")[2]
    found = []
    while len(raw) > 6:
        length, padding, kind = struct.unpack_from("!LBB", raw)
        found.append((kind, raw[6 : 4 + length - padding]))
        raw = raw[4 + length :]
    return found


# SFTP.


@implementer(ISFTPServer)
class Files:
    """What the stock server has its requests answered by."""

    def __init__(self):
        self.calls = []

    def gotVersion(self, version, extensions):
        return {}

    def openFile(self, filename, flags, attrs):
        return self

    def close(self):
        self.calls.append("close")

    def writeChunk(self, offset, data):
        self.calls.append(("write", offset, data))

    def extendedRequest(self, name, data):
        return None

    def realPath(self, path):
        return b"/"


class Outlet:
    writable = True

    def __init__(self):
        self.written, self.dropped = b"", None

    def write(self, data):
        self.written += data

    def taken(self, size):
        pass

    def drop(self, why):
        self.dropped = why


class StockSftp:
    def __init__(self):
        self.files = Files()
        self.server = FileTransferServer(avatar=self.files)
        self.server.makeConnection(StringTransport())
        self.send = self.server.dataReceived
        self.send(struct.pack("!LBL", 5, 1, 3))
        self.answers()

    def answers(self):
        """The kind and number of each answer since the last time."""
        raw = self.server.transport.value()
        self.server.transport.clear()
        return answered(raw)

    def open(self):
        self.send(request(3, 1, NS(b"/a.csv") + struct.pack("!LL", 0x1A, 0)))
        length, kind, number = struct.unpack_from("!LBL", raw := self.server.transport.value())
        self.server.transport.clear()
        assert (kind, number) == (102, 1)
        return raw[13 : 4 + length]


class MendedSftp:
    def __init__(self, spool):
        self.spool, self.outlet, self.clock = spool, Outlet(), Clock()
        customer = SimpleNamespace(name="acme")
        avatar = CustomerAvatar(
            customer,
            Channel.SFTP,
            "",
            may_send=lambda: True,
            spool=spool,
            workers=AtOnce(),
            tell=lambda event: None,
        )
        session = SftpSession(avatar, AtOnce())
        self.server = SftpServer(session, self.outlet, flow=Flow(), clock=self.clock, tell=lambda event: None)
        self.send = self.server.received
        self.send(struct.pack("!LBL", 5, 1, 3))
        self.answers()

    def answers(self):
        self.clock.advance(0)  # those of one moment go out together, after it
        raw, self.outlet.written = self.outlet.written, b""
        return answered(raw)

    def open(self):
        self.send(request(3, 1, NS(b"/a.csv") + struct.pack("!LL", 0x1A, 0)))
        self.clock.advance(0)
        raw, self.outlet.written = self.outlet.written, b""
        return raw[13:]


def request(kind, number, body):
    return struct.pack("!LBL", 5 + len(body), kind, number) + body


def answered(raw):
    found = []
    while raw:
        length, kind, number = struct.unpack_from("!LBL", raw)
        found.append((kind, number))
        raw = raw[4 + length :]
    return found


@pytest.fixture
def stock():
    return StockSftp()


@pytest.fixture
def mended(tmp_path):
    return MendedSftp(Spool(tmp_path / "spool", room=Room(1_000_000, 0)))


def test_a_lost_connection_is_not_a_close(stock, mended):
    """Stock Conch calls close() when the connection is lost, as for a CLOSE: half a file looks whole."""
    stock.open()
    stock.server.connectionLost(LOST)
    assert stock.files.calls == ["close"]
    mended.open()
    mended.server.end("the connection was lost")
    assert list(mended.spool.sequences()) == []


def test_an_unknown_handle_is_answered(stock, mended):
    """Stock Conch calls methods that do not exist, and answers nothing."""
    write = request(6, 2, NS(b"none") + struct.pack("!Q", 0) + NS(b"abc"))
    read = request(5, 3, NS(b"none") + struct.pack("!QL", 0, 1))
    stock.send(write + read)
    assert stock.answers() == []
    mended.send(write + read)
    assert mended.answers() == [(101, 2), (101, 3)]


def test_a_padded_write_is_answered(stock, mended):
    """Stock Conch asserts that nothing stands behind the data, and rclone 1.60 then waits for ever."""
    padded = struct.pack("!Q", 0) + NS(b"abc") + bytes(24_576)
    stock.send(request(6, 2, NS(stock.open()) + padded))
    assert (stock.answers(), stock.files.calls) == ([], [])
    mended.send(request(6, 2, NS(mended.open()) + padded))
    assert mended.answers() == [(101, 2)]


def test_a_write_that_is_shorter_than_it_says_is_not_written(stock, mended):
    """Stock Conch takes what is there for all, and says that it was written."""
    cut = struct.pack("!QL", 0, 999) + b"abc"
    stock.send(request(6, 2, NS(stock.open()) + cut))
    assert stock.files.calls == [("write", 0, b"abc")]
    mended.send(request(6, 2, NS(mended.open()) + cut))
    assert mended.outlet.dropped == "A packet ends in the middle of a field."
    assert [each.size for each in mended.spool.entries("acme")] == [0]


def test_a_request_that_fails_while_it_is_read_is_answered(stock, mended):
    """Stock Conch logs the exception and answers nothing."""
    stock.send(request(17, 2, b"\0"))
    assert stock.answers() == []
    mended.send(request(17, 2, b"\0"))
    assert mended.answers() == [(101, 2)]


def test_an_extended_request_can_be_answered_with_a_status(stock, mended):
    """Stock Conch answers EXTENDED_REPLY, and the OpenSSH client, which waits for STATUS, gives up."""
    stock.files.extendedRequest = lambda name, data: b""
    stock.send(request(200, 2, NS(b"fsync@openssh.com") + NS(stock.open())))
    assert stock.answers() == [(201, 2)]
    mended.send(request(200, 2, NS(b"fsync@openssh.com") + NS(mended.open())))
    assert mended.answers() == [(101, 2)]


def test_a_packet_without_end_is_not_waited_for(stock, mended):
    """Stock Conch collects whatever is announced, and copies all of it each time that something comes."""
    start = struct.pack("!LBL", 64 << 20, 6, 2)
    for sftp in (stock, mended):
        sftp.send(start)
    assert stock.server.buf == start
    assert mended.outlet.dropped == "An SFTP packet of 67108864 bytes cannot be taken."


# SSH connections.


def test_no_compression_is_offered():
    """With zlib, which stock Conch takes before the login, a small packet takes any amount of memory."""
    assert b"zlib" in SSHServerTransport.supportedCompressions
    assert MendedTransport.supportedCompressions == [b"none"]


def test_weak_algorithms_are_not_offered():
    """Stock Conch offers triple DES, CBC modes, MD5 and SHA-1."""
    stock = set(SSHServerTransport.supportedCiphers + SSHServerTransport.supportedMACs)
    weak = {b"3des-cbc", b"aes128-cbc", b"hmac-md5", b"hmac-sha1"}
    assert weak <= stock
    assert not weak & {*algorithms.DEFAULT.ciphers, *algorithms.DEFAULT.macs}
    assert b"diffie-hellman-group14-sha1" in SSHServerTransport.supportedKeyExchanges
    assert b"diffie-hellman-group14-sha1" not in algorithms.DEFAULT.key_exchanges


def test_host_keys_do_not_sign_by_sha_1():
    """Stock Conch offers ssh-rsa, which is a signature by SHA-1, with every RSA host key."""
    key = Key(generate_private_key(65537, 2048))
    stock = stock_factory(key).buildProtocol(None)
    mended = SftpFactory(house(), [key]).buildProtocol(None)
    assert stock.supportedPublicKeys == [b"rsa-sha2-512", b"rsa-sha2-256", b"ssh-rsa"]
    assert mended.supportedPublicKeys == [b"rsa-sha2-512", b"rsa-sha2-256"]


def test_the_signatures_that_are_named_do_not_depend_on_the_host_key(host_key):
    """Stock Conch names those of its host key, so that with Ed25519 clients hold RSA keys back."""
    named = []
    for factory in (stock_factory(host_key), SftpFactory(house(), [host_key])):
        server = connected(factory)
        server._peerSupportsExtensions = True
        server._keyExchangeState = server._KEY_EXCHANGE_NONE
        server.transport.clear()
        server.sendExtInfo([(b"server-sig-algs", b",".join(server.supportedPublicKeys))])
        length = struct.unpack_from("!L", server.transport.value())[0]
        named.append(server.transport.value()[: 4 + length])
    assert NS(b"server-sig-algs") + NS(b"ssh-ed25519") in named[0]
    assert NS(b"server-sig-algs") + NS(b"ssh-ed25519,rsa-sha2-512,rsa-sha2-256") in named[1]


def test_a_connection_that_does_not_log_in_is_ended(host_key):
    """Stock Conch waits ten hours, and only from where a login is asked for."""
    clock = Clock()
    service = SSHUserAuthServer()
    service.clock = clock
    service.transport = connected(stock_factory(host_key))
    service.serviceStarted()
    clock.advance(9 * 3600)
    assert not service.transport.transport.disconnecting
    behind = house(login_seconds=60)
    mended = connected(SftpFactory(behind, [host_key]))
    behind.clock.advance(60)
    assert mended.transport.disconnecting


# A key exchange in the wrong order, and packets that are none.
UNREADABLE = [
    plain(20, b"short"),
    plain(20, KEXINIT) + plain(30, b"\xff\xff\xff\xff"),
    plain(20, KEXINIT) + plain(30, NS(b"a point of the wrong length")),
    plain(20, KEXINIT.replace(NS(NAMES[0]), NS(b"kex-strict-s-v00@openssh.com"))) + plain(30, NS(bytes(32))),
    plain(4, b""),
    plain(3, b""),
    plain(1, b""),
]


@pytest.mark.parametrize("packets", UNREADABLE)
def test_packets_that_cannot_be_read_end_the_connection_without_a_traceback(host_key, packets):
    """What stock Conch raises at them goes up to the reactor, which logs it."""
    with pytest.raises(Exception):  # noqa: B017 - whatever it is
        connected(stock_factory(host_key)).dataReceived(packets)
    mended = connected(SftpFactory(house(), [host_key]))
    mended.dataReceived(packets)
    assert mended.transport.disconnecting


OUT_OF_TURN = {
    "a request before there are keys": plain(5, NS(b"ssh-userauth")),
    "a login before there are keys": plain(50, NS(b"acme")),
    "a request during the exchange": plain(20, KEXINIT) + plain(5, NS(b"ssh-userauth")),
}


@pytest.mark.parametrize("packets", OUT_OF_TURN.values(), ids=OUT_OF_TURN)
def test_packets_out_of_turn_end_the_connection(host_key, packets):
    """Stock Conch takes them; what it would answer to some waits in memory, without end."""
    stock = connected(stock_factory(host_key))
    stock.dataReceived(packets)
    assert not stock.transport.disconnecting
    mended = connected(SftpFactory(house(), [host_key]))
    mended.dataReceived(packets)
    assert mended.ended == "A packet came out of turn."
    assert said(mended)[-1] == (1, struct.pack("!L", 2) + NS(b"A packet came out of turn.") + NS(b""))


STRICT = bytes(16) + b"".join(map(NS, (NAMES[0] + b",kex-strict-c-v00@openssh.com", *NAMES[1:]))) + bytes(13)
POINT = NS(bytes([9] * 32))
NOTHING = {
    "ignore": plain(2, NS(b"")),
    "debug": plain(4, b"\0" + NS(b"") * 2),
    "not implemented": plain(3, bytes(4)),
}


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_strict_exchange_takes_nothing_but_its_own_packets(host_key, nothing, before):
    """Stock Conch takes what anybody put between them (Terrapin; OpenSSH's PROTOCOL, section 1.9)."""

    def packets(kexinit):
        exchange = [plain(20, kexinit), plain(30, POINT)]
        return b"".join([*exchange[:before], nothing, *exchange[before:]])

    for factory, kexinit, ended in (
        (stock_factory(host_key), STRICT, False),
        (SftpFactory(house(), [host_key]), KEXINIT, False),
        (SftpFactory(house(), [host_key]), STRICT, True),
    ):
        server = connected(factory)
        server.dataReceived(packets(kexinit))
        assert server.transport.disconnecting == ended
    assert server.ended == "A packet came out of turn."


def test_new_keys_begin_new_numbers_in_a_strict_exchange(host_key):
    """Stock Conch goes on counting, and does not know what is strict."""
    numbers = []
    for factory, kexinit in (
        (stock_factory(host_key), STRICT),
        (SftpFactory(house(), [host_key]), KEXINIT),
        (SftpFactory(house(), [host_key]), STRICT),
    ):
        server = connected(factory)
        server.dataReceived(plain(20, kexinit) + plain(30, POINT) + plain(21, b""))
        numbers.append((server.outgoingPacketSequence, server.incomingPacketSequence))
    assert numbers == [(3, 3), (3, 3), (0, 0)]
    assert b",kex-strict-s-v00@openssh.com," in said(server)[0][1]


def test_only_the_first_offer_says_whether_an_exchange_is_strict(host_key):
    server = connected(SftpFactory(house(), [host_key]))
    server.dataReceived(plain(20, KEXINIT) + plain(30, POINT) + plain(21, b""))
    server.dispatchMessage(20, STRICT)
    assert not server.strict


CIPHERS = (b"chacha20-poly1305@openssh.com", b"aes128-gcm@openssh.com", b"aes256-gcm@openssh.com")
NO_MAC = tuple(
    bytes(16)
    + b"".join(map(NS, (*NAMES[:2], cipher, cipher, b"umac-64@openssh.com", b"", *NAMES[6:])))
    + bytes(13)
    for cipher in CIPHERS
)


@pytest.mark.parametrize("kexinit", NO_MAC, ids=["chacha20", "aes128-gcm", "aes256-gcm"])
def test_the_ciphers_of_today_are_there(host_key, kexinit):
    """Stock Conch has none that seals by itself; MACs then say nothing, and what is signed is what came."""
    stock, mended = connected(stock_factory(host_key)), connected(SftpFactory(house(), [host_key]))
    for server in (stock, mended):
        server.dataReceived(plain(20, kexinit))
    assert (stock.transport.disconnecting, mended.ended) == (True, None)
    assert mended.otherKexInitPayload == b"\x14" + kexinit


def test_a_packet_that_comes_in_pieces_is_not_copied_for_each_of_them(host_key):
    """Stock Conch puts all that is there together anew each time that something comes."""
    for factory, copied in ((stock_factory(host_key), True), (SftpFactory(house(), [host_key]), False)):
        server = connected(factory)
        held = []
        for piece in (struct.pack("!L", 30_004), bytes(10_000), bytes(10_000)):
            server.dataReceived(piece)
            held.append(server.buf if copied else server._held)
        assert len(held[2]) == 20_004
        assert (held[1] is not held[2]) == copied


@pytest.mark.parametrize("length", [0, 5, 13, 262_148, 1 << 20, 0xFFFFFFFF])
def test_a_length_that_no_packet_has_is_not_waited_for(host_key, length):
    """Stock Conch collects up to a MiB before the login."""
    stock, mended = connected(stock_factory(host_key)), connected(SftpFactory(house(), [host_key]))
    for server in (stock, mended):
        server.dataReceived(struct.pack("!L", length))
    assert not stock.transport.disconnecting
    assert mended.ended == f"An SSH packet of {length} bytes cannot be taken."


@pytest.mark.parametrize("padding", [0, 3, 11, 255])
def test_padding_that_no_packet_has_ends_the_connection(host_key, padding):
    """Stock Conch takes the packet for an empty one and goes on when something else comes."""
    stock, mended = connected(stock_factory(host_key)), connected(SftpFactory(house(), [host_key]))
    for server in (stock, mended):
        server.dataReceived(struct.pack("!LB", 12, padding) + bytes([2]) + bytes(10))
    assert not stock.transport.disconnecting
    assert mended.ended == "The padding of an SSH packet is wrong."


def test_nothing_is_kept_of_what_comes_after_the_end(host_key):
    """Stock Conch puts it all together until the client hangs up."""
    for factory, kept in ((stock_factory(host_key), True), (SftpFactory(house(), [host_key]), False)):
        server = connected(factory)
        server.sendDisconnect(2, b"why")
        server.dataReceived(bytes(3))
        assert bool(server.buf or getattr(server, "_held", b"")) == kept


@pytest.mark.parametrize("kind", [31, 32, 33, 34, 49])
def test_packets_of_an_exchange_that_was_not_agreed_on_end_the_connection(host_key, kind):
    """Stock Conch begins a group exchange that nobody asked for, and trips over it."""
    packets = plain(20, KEXINIT) + plain(kind, struct.pack("!LLL", 4, 2048, 8192))
    if kind in (32, 34):
        with pytest.raises((AttributeError, AssertionError)):
            connected(stock_factory(host_key)).dataReceived(packets)
    mended = connected(SftpFactory(house(), [host_key]))
    mended.dataReceived(packets)
    assert mended.ended == "A packet came out of turn."


def test_a_wrong_guess_of_the_clients_is_passed_over(host_key):
    """RFC 4253 section 7.1: it sent the first packet of a group exchange along, and has to begin again."""
    guessing = bytes(16) + b"".join(
        map(NS, (b"diffie-hellman-group-exchange-sha256," + NAMES[0], *NAMES[1:]))
    )
    guessing += NS(b"") * 2 + b"\1" + bytes(4)
    server = connected(SftpFactory(house(), [host_key]))
    server.dataReceived(plain(20, guessing) + plain(34, struct.pack("!LLL", 2048, 3072, 8192)))
    assert server.ended is None
    server.dataReceived(plain(30, NS(bytes([9] * 32))))
    assert [kind for kind, _ in said(server)][-2:] == [31, 21]


def test_keys_are_not_exchanged_without_end(host_key):
    """Each exchange costs milliseconds; stock Conch takes as many as come."""
    for factory, ended in ((stock_factory(host_key), None), (SftpFactory(house(), [host_key]), True)):
        server = connected(factory)
        for _ in range(11):
            server._keyExchangeState = server._KEY_EXCHANGE_REQUESTED
            server._exchanging = False
            server.dataReceived(plain(20, KEXINIT))
        assert server.transport.disconnecting == bool(ended)


def test_a_client_that_takes_nothing_is_not_read(host_key):
    """Stock Conch answers on and on, and what is not taken lies in memory."""
    stock, mended = connected(stock_factory(host_key)), connected(SftpFactory(house(), [host_key]))
    assert stock.transport.producer is None
    mended.transport.producer.pauseProducing()
    assert (mended.transport.producerState, mended.flow.has_room) == ("paused", False)
    mended.transport.producer.resumeProducing()
    assert (mended.transport.producerState, mended.flow.has_room) == ("producing", True)


def test_a_client_that_does_not_take_the_last_words_is_gone_all_the_same(host_key):
    """Stock Conch waits until its last words are taken, as long as the client likes."""
    stock = connected(stock_factory(host_key))
    stock.sendDisconnect(2, b"why")
    assert stock.transport.disconnecting
    assert not stock.transport.aborted
    behind = house()
    mended = connected(SftpFactory(behind, [host_key]))
    mended.sendDisconnect(2, b"why")
    behind.clock.advance(10)
    assert mended.transport.aborted


def test_one_connection_logs_in_once(host_key):
    """Stock Conch starts the login anew whenever it is asked for, and forgets who was there."""
    stock, mended = connected(stock_factory(host_key)), connected(SftpFactory(house(), [host_key]))
    for server in (stock, mended):
        server.ssh_SERVICE_REQUEST(NS(b"ssh-userauth"))
        server.ssh_SERVICE_REQUEST(NS(b"ssh-userauth"))
    stock.service.serviceStopped()
    assert not stock.transport.disconnecting
    assert mended.ended == "This service is not offered here."


def test_a_log_without_an_observer_keeps_nothing_alive(host_key):
    """Stock Conch's log holds on to the last sessions until somebody begins to read it."""
    kept = LimitedHistoryLogObserver(200)  # what stands there until then
    globalLogPublisher.addObserver(kept)
    alive = []
    for factory in (stock_factory(host_key), SftpFactory(house(), [host_key])):
        server = connected(factory)
        server.connectionLost(LOST)
        watch = weakref.ref(server)
        del server, factory
        gc.collect()
        alive.append(watch() is not None)
    globalLogPublisher.removeObserver(kept)
    assert alive == [True, False]


# SSH channels.


class Wire:
    """What a connection sends through."""

    ended = None

    def __init__(self, avatar=None):
        self.sent = []
        if avatar is not None:
            self.avatar = avatar

    def sendPacket(self, kind, payload):
        self.sent.append((kind, payload))

    def drop(self, why):
        self.ended = why

    def take(self):
        sent, self.sent = self.sent, []
        return sent


class StockUser(ConchUser):
    def __init__(self):
        super().__init__()
        self.channelLookup[b"session"] = SSHSession
        self.subsystemLookup[b"sftp"] = lambda data, avatar: FileTransferServer(data, Files())


def stock_connection():
    connection = SSHConnection()
    connection.transport = Wire(StockUser())
    return connection


def mended_connection(spool=None):
    def serve(outlet):
        sftp = MendedSftp(spool)
        sftp.server._outlet = outlet
        return sftp.server

    connection = MendedConnection(
        lambda window, packet: SftpChannel(window, packet, serve=serve, ending=lambda ended: None)
    )
    connection.transport = Wire()
    return connection


def open_channel(connection, number=0, kind=b"session", window=1 << 20, packet=32768):
    connection.ssh_CHANNEL_OPEN(NS(kind) + struct.pack("!LLL", number, window, packet))
    return connection.transport.take()


def ask(connection, kind, body=b"", number=0):
    connection.ssh_CHANNEL_REQUEST(struct.pack("!L", number) + NS(kind) + b"\1" + body)
    return [kind for kind, _ in connection.transport.take()]


def test_only_a_few_session_channels_are_opened():
    """Stock Conch opens as many as are asked for."""
    stock, mended = stock_connection(), mended_connection()
    assert [open_channel(stock, number)[0][0] for number in range(50)] == [91] * 50
    assert [open_channel(mended, number)[0][0] for number in range(11)] == [91] * 10 + [92]
    assert open_channel(mended, 11, b"direct-tcpip")[0] == (
        92,
        struct.pack("!LL", 11, 1) + NS(b"Only SFTP is offered here.") + NS(b""),
    )


def test_a_channel_takes_packets_of_a_sensible_size():
    """Stock Conch trips over a largest packet of 0 bytes, and sends single ones at 1."""
    stock, mended = stock_connection(), mended_connection()
    for size in (0, 1, 1023):
        assert (open_channel(stock, packet=size)[0][0], open_channel(mended, packet=size)[0][0]) == (91, 92)
    with pytest.raises(ValueError):
        stock.channels[0].write(b"abc")


def test_requests_for_anything_but_sftp_fail_quietly():
    """Stock Conch looks for a shell, does not find one, and logs a traceback."""
    mended = mended_connection()
    open_channel(mended)
    for kind in (b"shell", b"exec", b"pty-req", b"x11-req", b"auth-agent-req@openssh.com", b"env", b"\xff"):
        assert ask(mended, kind, NS(b"ls")) == [100]
    assert ask(mended, b"subsystem", NS(b"netconf")) == [100]
    stock = stock_connection()
    open_channel(stock)
    with pytest.raises(UnicodeDecodeError):
        stock.channels[0].requestReceived(b"\xff", b"")


def test_global_requests_fail_quietly():
    """Stock Conch trips over a name that is not ASCII."""
    with pytest.raises(UnicodeDecodeError):
        stock_connection().gotGlobalRequest(b"\xff", b"")
    mended = mended_connection()
    for name in (b"\xff", b"tcpip-forward", b"keepalive@openssh.com"):
        mended.ssh_GLOBAL_REQUEST(NS(name) + b"\1")
    assert mended.transport.take() == [(82, b"")] * 3


def test_the_end_of_the_subsystem_has_an_exit_status(tmp_path):
    """Without one, scp exits with 1 though the file arrived (RFC 4254 section 6.10)."""
    ends = []
    for connection in (stock_connection(), mended_connection(Spool(tmp_path / "spool", room=Room(100, 0)))):
        open_channel(connection)
        assert ask(connection, b"subsystem", NS(b"sftp")) == [99]
        connection.ssh_CHANNEL_EOF(struct.pack("!L", 0))
        ends.append(connection.transport.take())
    number = struct.pack("!L", 0)
    assert ends[0] == [(97, number)]
    assert ends[1] == [
        (98, number + NS(b"exit-status") + b"\0" + struct.pack("!L", 0)),
        (96, number),
        (97, number),
    ]


def test_the_window_is_given_back_when_bytes_are_done_with(tmp_path):
    """Stock Conch gives it back when they come, so that a slow disk does not slow the client down."""
    stock = stock_connection()
    open_channel(stock)
    ask(stock, b"subsystem", NS(b"sftp"))
    piece = struct.pack("!L", 0) + NS(struct.pack("!LBL", 65_000, 6, 1) + bytes(32_000))
    for _ in range(3):
        stock.ssh_CHANNEL_DATA(piece)
    assert [kind for kind, _ in stock.transport.take()] == [93]

    mended = mended_connection(Spool(tmp_path / "spool", room=Room(100, 0)))
    open_channel(mended)
    ask(mended, b"subsystem", NS(b"sftp"))
    channel = mended.channels[0]
    channel._server._flow.congested(True)
    request_of_32_kb = struct.pack("!LBL", 32_000 - 4, 16, 1) + NS(b".") + bytes(32_000 - 14)
    for _ in range(64):
        mended.ssh_CHANNEL_DATA(struct.pack("!L", 0) + NS(request_of_32_kb))
    assert mended.transport.take() == []
    channel._server._flow.congested(False)
    channel._server._clock.advance(0)
    given_back = [payload for kind, payload in mended.transport.take() if kind == 93]
    assert [struct.unpack("!LL", each)[1] >= 1 << 20 for each in given_back] == [True]


def test_more_than_the_window_ends_the_connection(tmp_path):
    """Stock Conch closes the channel, and what was cut off looks like an end."""
    mended = mended_connection(Spool(tmp_path / "spool", room=Room(100, 0)))
    open_channel(mended)
    ask(mended, b"subsystem", NS(b"sftp"))
    with pytest.raises(Exception, match="More was sent than there was room for"):
        mended.ssh_CHANNEL_DATA(struct.pack("!L", 0) + NS(bytes((32 << 10) + 1)))


def test_what_waits_for_a_window_is_not_copied_each_time_it_opens():
    """Stock Conch copies all of it for each byte that may go."""
    for make in (
        SSHChannel,
        lambda **of: SftpChannel(of["remoteWindow"], of["remoteMaxPacket"], serve=None, ending=None),
    ):
        channel = make(remoteWindow=0, remoteMaxPacket=32768)
        sent = []
        channel.conn = SimpleNamespace(sendData=lambda _, data, sent=sent: sent.append(data))
        channel.write(b"abcdef")
        before = channel.buf
        channel.addWindowBytes(1)
        channel.addWindowBytes(2)
        assert (sent, bytes(channel.buf)) == ([b"a", b"bc"], b"def")
        assert (channel.buf is before) == (make is not SSHChannel)


# The login.


class Keys:
    def __init__(self):
        self.customer = Key(Ed25519PrivateKey.generate())
        self.stranger = Key(Ed25519PrivateKey.generate())
        self.rsa = Key(generate_private_key(65537, 2048))
        self.short = Key(generate_private_key(65537, 1024))


@pytest.fixture(scope="module")
def keys():
    return Keys()


class Realm:
    def requestAvatar(self, login, mind, *interfaces):
        return IConchUser, ConchUser(), lambda: None


class LoginWire(Wire):
    offered = algorithms.DEFAULT
    sessionID = b"session"
    peer = "192.0.2.7"

    def __init__(self, factory=None):
        super().__init__()
        self.factory = factory

    def isEncrypted(self, direction):
        return True

    def setService(self, service):
        self.sent.append("in")

    def disconnect(self, code, why):
        self.sent.append(why)

    def sendDisconnect(self, code, why):
        self.sent.append(why)


class Doorkeeper:
    """Knows the keys of acme."""

    def __init__(self, *keys):
        self._blobs = {key.blob() for key in keys}

    def why_not(self, login, blob, peer):
        return None if login == b"acme" and blob in self._blobs else "not a key of acme"

    def by_key(self, login, blob, channel, peer):
        return "acme"

    def refused(self, login, channel, peer, reason):
        return LoginRefused()


def stock_login(*known):
    public = [key.public() for key in known]
    portal = Portal(Realm(), [SSHPublicKeyChecker(InMemorySSHKeyDB({b"acme": public}))])
    service = SSHUserAuthServer()
    service.clock = Clock()
    service.transport = LoginWire(SimpleNamespace(portal=portal, getService=lambda *_: lambda: None))
    service.serviceStarted()
    return service, service.clock


def mended_login(*known):
    behind = house()
    behind.doorkeeper = Doorkeeper(*known)
    service = LoginService(behind, lambda avatar: service.transport.sent.append("in"))
    service.transport = LoginWire()
    return service, behind.clock


def offer(login, key, algorithm, signed_by=None):
    """What is answered to a public key: kinds of packets, "in" for success."""
    service, clock = login
    what = NS(b"acme") + NS(b"ssh-connection") + NS(b"publickey")
    which = NS(algorithm) + NS(key.blob())
    if signed_by is None:
        service.ssh_USERAUTH_REQUEST(what + b"\0" + which)
    else:
        signed = NS(b"session") + b"\x32" + what + b"\1" + which
        service.ssh_USERAUTH_REQUEST(what + b"\1" + which + NS(key.sign(signed, signed_by)))
    clock.advance(1)
    return [each[0] if isinstance(each, tuple) else each for each in service.transport.take()]


SUCCESS, FAILURE, PK_OK = "in", 51, 60


def test_signatures_by_sha_1_are_refused(keys):
    """Stock Conch takes them (RFC 8332 section 5.1)."""
    assert SUCCESS in offer(stock_login(keys.rsa), keys.rsa, b"ssh-rsa", b"ssh-rsa")
    assert offer(mended_login(keys.rsa), keys.rsa, b"ssh-rsa", b"ssh-rsa") == [FAILURE]
    assert offer(mended_login(keys.rsa), keys.rsa, b"rsa-sha2-256", b"rsa-sha2-256") == [SUCCESS]


def test_a_signature_is_by_the_algorithm_that_it_names(keys):
    """Stock Conch does not compare the two (RFC 8332 section 3)."""
    assert SUCCESS in offer(stock_login(keys.rsa), keys.rsa, b"rsa-sha2-512", b"rsa-sha2-256")
    assert offer(mended_login(keys.rsa), keys.rsa, b"rsa-sha2-512", b"rsa-sha2-256") == [FAILURE]


def test_short_keys_are_refused(keys):
    """Stock Conch lets in whoever has a key of 1,024 bits."""
    assert SUCCESS in offer(stock_login(keys.short), keys.short, b"rsa-sha2-512", b"rsa-sha2-512")
    assert offer(mended_login(keys.short), keys.short, b"rsa-sha2-512", b"rsa-sha2-512") == [FAILURE]


def test_only_a_key_of_this_login_would_do(keys):
    """Stock Conch says PK_OK to any key of anybody (RFC 4252 section 7)."""
    assert offer(stock_login(keys.customer), keys.customer, b"ssh-ed25519") == [PK_OK]
    assert offer(mended_login(keys.customer), keys.customer, b"ssh-ed25519") == [PK_OK]
    assert offer(mended_login(keys.customer), keys.stranger, b"ssh-ed25519") == [FAILURE]


def test_logins_that_fail_end_the_connection_soon(keys):
    """Stock Conch waits for the twenty-first."""
    for login, attempts in ((stock_login(keys.customer), 21), (mended_login(keys.customer), 3)):
        answers = [offer(login, keys.stranger, b"ssh-ed25519", b"ssh-ed25519") for _ in range(attempts)]
        assert answers[:-1] == [[FAILURE]] * (attempts - 1)
        assert answers[-1] in ([b"too many bad auths"], ["Too many logins failed."])


def entered(turn, count):
    """Which of so many coroutines go on, when what the first one waits for comes."""
    opened, done = Deferred(), []

    async def enter(number):
        async with turn:
            await opened
        done.append(number)

    entering = [Deferred.fromCoroutine(enter(number)) for number in range(count)]
    opened.callback(None)
    for each in entering:
        each.addErrback(lambda failure: failure.trap(RecursionError))
    return sorted(done)


@pytest.mark.parametrize(("kind", "all_go_on"), [(DeferredLock, False), (OneAtATime, True)])
def test_many_that_wait_for_one_another_all_go_on(kind, all_go_on):
    """With the stock lock each goes on within the end of the one before, until the stack is full."""
    assert (entered(kind(), 1000) == list(range(1000))) is all_go_on
    gc.collect()  # what nobody will ever hear of is complained of here, and in no other test


def test_one_enters_at_a_time_and_a_fault_lets_the_next_one_in():
    turn, first, found = OneAtATime(), Deferred(), []

    async def enter(name, wait):
        async with turn:
            found.append(f"{name} enters")
            await wait
            found.append(f"{name} leaves")

    def begin(name, wait):
        return Deferred.fromCoroutine(enter(name, wait))

    failed = begin("a", first)
    begin("b", Deferred())
    assert found == ["a enters"]
    first.errback(Failure(ValueError()))
    failed.addErrback(lambda failure: failure.trap(ValueError))
    assert found == ["a enters", "b enters"]
