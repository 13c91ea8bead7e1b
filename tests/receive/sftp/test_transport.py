from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.transport import SSHTransportBase

from dorimportd.events import DeliveryAccepted, Fault, LoginAccepted, SessionRefused, UploadAbandoned


def request(kind, number, body):
    return struct.pack("!LBL", 5 + len(body), kind, number) + body


def abandoned(house):
    return [each for each in house.tell if isinstance(each, UploadAbandoned)]


def test_a_client_logs_in_and_sends_a_file(connect, house):
    wire = connect()
    channel = wire.sftp()
    handle = wire.begin_upload(channel, b"/a.csv", b"abc")
    wire.send(channel, struct.pack("!LBL", 5 + 8, 4, 3) + NS(handle))
    assert channel.received == b"\0\0\0\x13\x65\0\0\0\x03\0\0\0\0\0\0\0\x02OK\0\0\0\0"
    assert [type(each) for each in house.tell] == [LoginAccepted, DeliveryAccepted]


@pytest.mark.parametrize(
    "end, reason",
    [
        (lambda wire, channel: wire.cut(), "the connection was lost"),
        (lambda wire, channel: wire.client.loseConnection(), "the client ended the connection"),
        (lambda wire, channel: channel.loseConnection(), "the client ended the session"),
        (lambda wire, channel: channel.conn.sendEOF(channel), "the client ended the session"),
        (lambda wire, channel: wire.clock.advance(300), "Nothing came for too long."),
        (lambda wire, channel: wire.ends[1].abortConnection(), "the connection was lost"),
        (
            lambda wire, channel: channel.write(b"\xff\xff\xff\xff"),
            "An SFTP packet of 4294967295 bytes cannot be taken.",
        ),
    ],
)
def test_whatever_ends_a_session_keeps_what_was_not_closed(connect, house, end, reason):
    wire = connect()
    channel = wire.sftp()
    wire.begin_upload(channel, b"/a.csv", b"abc")
    end(wire, channel)
    wire.carry()
    assert abandoned(house) == [UploadAbandoned("acme", "sftp", "a.csv", 3, reason)]
    assert [(each.name, each.size, each.sequence) for each in house.spool.entries("acme")] == [
        ("a.csv", 2, None)
    ]


def test_the_end_of_the_house_ends_all_sessions_and_waits_for_them(connect, house):
    wires = [connect(), connect()]
    for number, wire in enumerate(wires):
        wire.begin_upload(wire.sftp(), f"/{number}.csv".encode(), b"abc")
    ended = connect.factory.end_sessions("The server is stopping.")
    assert not ended.called
    for wire in wires:
        wire.carry()
    assert ended.called
    assert [each.reason for each in abandoned(house)] == ["The server is stopping."] * 2
    assert [wire.client.disconnected for wire in wires] == [(11, "The server is stopping.")] * 2
    assert connect.factory.end_sessions("again").called


def test_sessions_are_counted_and_forgotten(connect, house):
    wires = [connect(), connect()]
    assert house.sessions.count() == 2
    third = connect()
    assert third.client.disconnected == (12, "There are too many sessions. Please try again later.")
    for wire in wires:
        wire.cut()
    assert house.sessions.count() == 0
    assert connect().client.disconnected is None
    assert [each.split("' ")[-1] for each in house.tell.sentences() if "refused" in each] == [
        "sftp session from 192.0.2.7 refused: acme has too many sessions"
    ]
    assert [each.customer for each in house.tell if isinstance(each, SessionRefused)] == ["acme"]


@pytest.fixture
def crowded(house):
    """As many sessions from one address as there may be."""
    for _ in range(4):
        house.sessions.open("192.0.2.7")


def test_an_address_with_too_many_sessions_is_told_before_the_version(crowded, raw, house):
    server, tcp = raw
    assert tcp.value() == b"There are too many sessions. Please try again later.\r\n"
    assert tcp.disconnecting
    server.dataReceived(b"SSH-2.0-x\r\n" + bytes(100))
    server.connectionLost()
    assert house.sessions.count() == 4
    assert house.tell.sentences() == ["sftp session from 192.0.2.7 refused: too many sessions"]


def test_an_address_that_came_to_an_ipv6_listener_is_counted_as_itself(connect, house):
    server, _ = connect.raw("::ffff:192.0.2.7")
    assert server.peer == "192.0.2.7"
    for _ in range(3):
        house.sessions.open("192.0.2.7")
    _, tcp = connect.raw()
    assert tcp.value() == b"There are too many sessions. Please try again later.\r\n"


def test_a_session_without_a_login_gives_way_to_the_next_one(connect, house):
    (first, tcp), *others = [connect.raw("192.0.2.9") for _ in range(3)]
    wire = connect()
    assert (first.ended, tcp.disconnecting) == ("There are too many sessions. Please try again later.", True)
    assert house.tell.sentences()[0] == (
        "sftp session from 192.0.2.9 ended: too many sessions have not logged in, and this was the oldest of "
        "the address with most"
    )
    connect.raw("192.0.2.10")  # takes the place of nobody: the customer has logged in
    assert [each.ended for each, _ in others] == [None, None]
    assert wire.server.ended is None
    others[0][0].connectionLost()
    connect.raw("192.0.2.11")
    assert others[1][0].ended is None
    assert sum("have not logged in" in each for each in house.tell.sentences()) == 1


def test_the_time_for_the_login_begins_with_the_connection(raw, house):
    server, tcp = raw
    house.clock.advance(59)
    server.dataReceived(b"SSH-2.0-x\r\n")
    assert server.ended is None
    house.clock.advance(1)
    assert (server.ended, tcp.disconnecting) == ("The login took too long.", True)
    assert house.tell.sentences() == ["sftp session from 192.0.2.7 ended: the time for the login was over"]


def test_the_time_for_the_login_ends_with_it(connect, house):
    wire = connect()
    wire.sftp()
    house.clock.advance(299)
    assert wire.server.ended is None


def test_nothing_is_left_of_a_connection_that_is_lost(connect, house):
    wire = connect()
    wire.sftp()
    wire.cut()
    assert house.clock.getDelayedCalls() == []
    assert connect.factory.end_sessions("why").called


def test_a_session_is_not_idle_while_something_is_done_for_it(connect, house):
    wire = connect()
    wire.sftp()
    wire.server.flow.begin(1)
    wire.clock.advance(300)
    wire.clock.advance(299)
    assert wire.server.ended is None
    wire.server.flow.end(1)
    wire.clock.advance(300)
    assert wire.server.ended == "Nothing came for too long."


def test_a_file_that_drips_is_kept_for_resuming(connect, house):
    wire = connect()
    channel = wire.sftp()
    handle = wire.begin_upload(channel, b"/a.csv", b"abc")
    wire.clock.advance(60)
    wire.send(channel, struct.pack("!LBL", 5 + 21, 6, 3) + NS(handle) + struct.pack("!Q", 3) + NS(b"d"))
    (told,) = abandoned(house)
    assert (told.name, told.reason) == ("a.csv", "Less than 1024 bytes a second came for a minute.")


def test_new_keys_in_the_middle_of_an_upload_change_nothing(connect, house):
    wire = connect()
    channel = wire.sftp()
    handle = wire.begin_upload(channel, b"/a.csv", b"abc")
    SSHTransportBase.sendKexInit(wire.client)
    wire.carry()
    wire.send(channel, struct.pack("!LBL", 5 + 8, 4, 3) + NS(handle))
    assert house.tell.sentences()[-1] == "delivery 1 accepted: 'a.csv' from acme by sftp, 3 bytes"


CONTENT = bytes(range(256)) * 400


def test_new_keys_are_asked_for_when_many_bytes_went_by_the_old(connect, house):
    """Stock Conch never asks; here after every 40 kB, in both directions."""
    wire = connect()
    channel = wire.sftp()
    wire.server.renewal_bytes = 40_000
    handle = wire.begin_upload(channel, b"/a.csv", b"")
    for at in range(0, len(CONTENT), 25_600):
        piece = struct.pack("!Q", at) + NS(CONTENT[at : at + 25_600])
        wire.send(channel, request(6, 3, NS(handle) + piece))
    put = wire.server._exchanges
    wire.send(channel, request(4, 4, NS(handle)))
    assert house.tell.sentences()[-1] == "delivery 1 accepted: 'a.csv' from acme by sftp, 102400 bytes"

    channel.received = b""
    wire.send(channel, request(3, 5, NS(b"/a.csv") + struct.pack("!LL", 1, 0)))
    handle, channel.received = channel.received[13:], b""
    for at in range(0, len(CONTENT), 25_600):
        wire.send(channel, request(5, 6, NS(handle) + struct.pack("!QL", at, 25_600)))
    assert channel.received.count(CONTENT[:25_600]) == 4
    wire.send(channel, request(16, 7, NS(b".")))  # it is looked at when the client says something
    assert (put, wire.server._exchanges) == (1 + 2, 1 + 2 + 2)
    assert wire.server.ended is None


def test_new_keys_are_asked_for_when_the_old_are_old(connect, house):
    wire = connect()
    channel = wire.sftp()
    wire.server.renewal_seconds = 200
    for seconds, exchanges in ((199, 1), (1, 2), (199, 2), (1, 3)):
        house.clock.advance(seconds)
        wire.send(channel, request(16, 3, NS(b".")))
        assert wire.server._exchanges == exchanges
    assert channel.received.count(b"\x68\0\0\0\x03") == 4


def test_while_new_keys_are_waited_for_nothing_is_begun(connect):
    """What is answered meanwhile would wait in memory, as much as the client likes to ask for."""
    wire = connect()
    channel = wire.sftp()
    wire.server.renewal_bytes = 1
    wire.send_only(channel, request(16, 3, NS(b".")))
    waiting = len(wire.server._blockedByKeyExchange)
    for _ in range(50):
        wire.send_only(channel, request(16, 4, NS(b".")))
    assert (len(wire.server._blockedByKeyExchange), wire.server.flow.has_room) == (waiting, False)
    wire.server.renewal_bytes = 1 << 30
    wire.carry()
    assert channel.received.count(b"\x68\0\0\0\x04") == 50


def test_a_packet_that_was_changed_on_its_way_ends_the_connection(connect, house):
    wire = connect()
    channel = wire.sftp()
    channel.write(struct.pack("!LBL", 5, 1, 3))
    sent = bytearray(wire.ends[0].value())
    sent[-1] ^= 1
    wire.server.dataReceived(bytes(sent))
    assert wire.server.ended == "A packet was changed on its way."
    wire.ends[0].clear()
    wire.carry()
    assert (wire.client.disconnected, faults(house)) == ((5, "A packet was changed on its way."), [])


def test_however_the_stream_is_cut_the_same_packets_come_out(connect):
    wire = connect()
    channel = wire.sftp()
    content = bytes(range(256)) * 4
    wire.begin_upload(channel, b"/a.csv", content)
    channel.write(request(17, 3, NS(b"/a.csv")))
    raw = wire.ends[0].value()
    wire.ends[0].clear()
    for place in range(len(raw)):
        wire.server.dataReceived(raw[place : place + 1])
    wire.carry()
    assert struct.unpack_from("!BLLQ", channel.received, 4) == (105, 3, 0x0D, len(content))


def faults(house):
    return [each for each in house.tell if isinstance(each, Fault)]


# Whatever comes, the connection goes on or ends; `no_complaints` holds that nothing else happens.

NAMES = (b"curve25519-sha256", b"ssh-ed25519", *[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2)
KEXINIT = (20, bytes(16) + b"".join(map(NS, NAMES)) + bytes(8 + 5))
PLAIN = st.one_of(
    st.tuples(st.integers(1, 100), st.binary(max_size=60)),
    st.just(KEXINIT),
    st.builds(lambda point: (30, NS(point)), st.binary(min_size=32, max_size=32)),
    st.just((21, b"")),
)


def plain(kind, payload):
    """An SSH packet before there are keys (RFC 4253 section 6)."""
    padding = 8 - (len(payload) + 6) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack("!LBB", len(payload) + 2 + padding, padding, kind) + payload + bytes(padding)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(PLAIN, max_size=4), st.binary(max_size=60))
def test_anything_may_come_before_there_are_keys(connect, house, packets, junk):
    server, _ = connect.raw()
    server.dataReceived(b"SSH-2.0-x\r\n" + b"".join(plain(*each) for each in packets) + junk)
    server.connectionLost()
    assert (house.sessions.count(), faults(house)) == (0, [])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(1, 110), st.binary(max_size=60)), min_size=1, max_size=3))
def test_anything_may_come_after_the_login(connect, house, packets):
    wire = connect()
    wire.sftp()
    for kind, payload in packets:
        wire.client.sendPacket(kind, payload)
    wire.server.dataReceived(wire.ends[0].value())
    wire.server.connectionLost()
    assert (house.sessions.count(), faults(house)) == (0, [])
