from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.receive.sftp.fields import Fields, Unreadable, string
from dorimportd.receive.sftp.wire import (
    LONGEST,
    Attrs,
    Packet,
    Packets,
    names,
    read_attrs,
    status,
    written_attrs,
)

STREAM = (
    b"\0\0\0\x05\x01\0\0\0\x03"  # INIT, version 3
    b"\0\0\0\x0d\x11\0\0\0\x01\0\0\0\x04/a.b"  # STAT /a.b
    b"\0\0\0\x05\x63\0\0\0\x02"  # a packet without a body
)
PACKETS = [Packet(1, 3, b""), Packet(17, 1, b"\0\0\0\x04/a.b"), Packet(99, 2, b"")]


def all_of(packets):
    found = []
    while (packet := packets.next()) is not None:
        found.append(packet)
    return found


@settings(max_examples=50)
@given(st.lists(st.integers(0, len(STREAM))))
def test_however_the_stream_is_cut_the_same_packets_come_out(cuts):
    packets, found, last = Packets(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        packets.feed(STREAM[last:cut])
        found += all_of(packets)
        last = cut
    assert found == PACKETS


@pytest.mark.parametrize("length", [0, 4, LONGEST + 1, 64 << 20, 0xFFFFFFFF])
def test_a_length_that_no_packet_has_is_refused_before_its_bytes_come(length):
    packets = Packets()
    packets.feed(struct.pack("!L", length))
    with pytest.raises(Unreadable):
        packets.next()


def test_the_longest_packet_is_taken():
    packets = Packets()
    packets.feed(struct.pack("!LBL", LONGEST, 6, 7) + bytes(LONGEST - 5))
    assert packets.next() == Packet(6, 7, bytes(LONGEST - 5))


@pytest.mark.parametrize("body", [b"", b"\0\0\0", b"\0\0\0\x01", b"\0\0\0\x05abcd", b"\xff\xff\xff\xffabc"])
def test_no_field_is_taken_beyond_the_end(body):
    with pytest.raises(Unreadable):
        Fields(body).string()


def test_fields_come_one_after_the_other():
    fields = Fields(string(b"ab") + struct.pack("!LQ", 7, 8) + b"\x01rest")
    assert (fields.string(), fields.uint32(), fields.uint64(), fields.boolean(), fields.rest()) == (
        b"ab",
        7,
        8,
        True,
        b"rest",
    )


def test_all_attributes_of_a_client_are_read():
    said = 0x8000000F
    body = struct.pack("!LQLLLLLL", said, 5_000_000_000, 10, 20, 0o100644, 1, 1784048558, 1)
    fields = Fields(body + string(b"acl") + string(b"x") + b"next")
    assert read_attrs(fields) == Attrs(5_000_000_000, 0o100644, 1784048558)
    assert fields.rest() == b"next"


def test_extended_attributes_without_end_are_refused():
    with pytest.raises(Unreadable):
        read_attrs(Fields(struct.pack("!LL", 0x80000000, 0xFFFFFFFF)))


def test_attributes_are_written_as_section_5_says():
    assert written_attrs(Attrs()) == b"\0\0\0\0"
    assert written_attrs(Attrs(258, 0o100640, 3)) == (
        b"\0\0\0\x0d\0\0\0\0\0\0\x01\x02\0\0\x81\xa0\0\0\0\x03\0\0\0\x03"
    )


def test_an_answer_repeats_the_number_of_its_request():
    assert status(4, "no").to(9) == b"\0\0\0\x13\x65\0\0\0\x09\0\0\0\x04\0\0\0\x02no\0\0\0\0"


def test_names_are_utf_8():
    assert names([("ü", "-", Attrs())]).body == b"\0\0\0\x01\0\0\0\x02\xc3\xbc\0\0\0\x01-\0\0\0\0"


def test_a_packet_that_comes_byte_by_byte_takes_little_memory():
    packets, raw = Packets(), struct.pack("!LBL", 100_005, 6, 7) + bytes(100_000)
    tracemalloc.start()
    for each in raw[:-1]:
        packets.feed(bytes([each]))
        assert packets.next() is None
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    packets.feed(raw[-1:])
    assert packets.next() == Packet(6, 7, bytes(100_000))
    assert most < 500_000
