"""Packets sealed and opened, held against another implementation: asyncssh's."""

from __future__ import annotations

import os

import pytest

from dorimportd.receive.sftp.ciphers import Changed, Plain
from dorimportd.receive.sftp.directions import direction
from dorimportd.receive.sftp.packets import Encryptions, payload_of

IV, KEY, MAC_KEY = (bytes(range(first, first + 128)) for first in (0, 64, 128))
WITHOUT_MAC = ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
WITH_MAC = ["aes128-ctr", "aes192-ctr", "aes256-ctr"]
MACS = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
]
ALL = [(cipher, "") for cipher in WITHOUT_MAC] + [(cipher, mac) for cipher in WITH_MAC for mac in MACS]
LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"


def ours(cipher, mac, *, opens):
    return direction(cipher.encode(), mac.encode(), iv=IV, key=KEY, mac_key=MAC_KEY, opens=opens)


def whole(content):
    """Kind and payload in what was opened."""
    return content[1:2] + payload_of(content)


def opened(way, number, packet):
    """The payload of *packet*, and how much of it was taken."""
    size = 4 + way.length(number, packet[: way.head]) + way.tag
    return whole(way.open(number, memoryview(packet)[:size])), size


def theirs(cipher, mac):
    encryption = pytest.importorskip("asyncssh.encryption")
    key_size, iv_size, _, mac_size, _, afterwards = encryption.get_encryption_params(
        cipher.encode(), mac.encode()
    )
    return encryption.get_encryption(
        cipher.encode(), KEY[:key_size], IV[:iv_size], mac.encode(), MAC_KEY[:mac_size], afterwards
    )


@pytest.mark.parametrize(("cipher", "mac"), ALL)
def test_another_implementation_opens_what_we_seal(cipher, mac):
    sealing, opening = ours(cipher, mac, opens=False), theirs(cipher, mac)
    for number in (0, 1, 0xFFFFFFFF):
        sealed = sealing.seal(number, LETTERS)
        first, header = opening.decrypt_header(number, sealed[: sealing.head], 4)
        size = 4 + int.from_bytes(header)
        assert size + sealing.tag == len(sealed)
        rest, tag = sealed[sealing.head : size], sealed[size:]
        assert whole(opening.decrypt_packet(number, first, rest, 4, tag)) == LETTERS


@pytest.mark.parametrize(("cipher", "mac"), ALL)
def test_we_open_what_another_implementation_seals(cipher, mac):
    sealing, opening = theirs(cipher, mac), ours(cipher, mac, opens=True)
    for number in (0, 1, 0xFFFFFFFF):
        padding = 4 + -(opening.counted + 5 + len(LETTERS)) % opening.block
        body = bytes([padding]) + LETTERS + bytes(padding)
        sealed, tag = sealing.encrypt_packet(number, len(body).to_bytes(4), body)
        assert opened(opening, number, sealed + tag) == (LETTERS, len(sealed + tag))


@pytest.mark.parametrize(("cipher", "mac"), ALL)
def test_packets_follow_one_another(cipher, mac):
    sealing, opening = ours(cipher, mac, opens=False), ours(cipher, mac, opens=True)
    stream = b"".join(sealing.seal(number, LETTERS[:number]) for number in range(1, 36))
    for number in range(1, 36):
        payload, size = opened(opening, number, stream)
        assert payload == LETTERS[:number]
        stream = stream[size:]
    assert stream == b""


@pytest.mark.parametrize(("cipher", "mac"), [*ALL, ("none", "")])
def test_packets_are_padded_to_whole_blocks(cipher, mac):
    """At least four bytes, at most what brings the next block; the length counts where it is encrypted."""
    way = Plain() if cipher == "none" else ours(cipher, mac, opens=False)
    block = {"none": 8, "chacha20-poly1305@openssh.com": 8}.get(cipher, 16)
    whole = 0 if mac.endswith("-etm@openssh.com") or (not mac and cipher != "none") else 4
    for size in range(1, 40):
        length = len(way.seal(0, bytes(size))) - way.tag - 4
        assert (whole + length) % block == 0
        assert 4 <= length - 1 - size < 4 + block


@pytest.mark.parametrize(("cipher", "mac"), ALL)
def test_whatever_was_changed_on_the_way_is_noticed(cipher, mac):
    sealed = ours(cipher, mac, opens=False).seal(7, LETTERS)
    # Where the length is encrypted with the rest, what becomes of it is known only behind the packet.
    for place in range(4, len(sealed)):
        way = ours(cipher, mac, opens=True)
        changed = bytearray(sealed)
        changed[place] ^= 1
        way.length(7, bytes(changed[: way.head]))
        with pytest.raises(Changed):
            way.open(7, memoryview(bytes(changed)))


@pytest.mark.parametrize(("cipher", "mac"), ALL)
def test_a_packet_at_another_place_is_noticed(cipher, mac):
    sealing, opening = ours(cipher, mac, opens=False), ours(cipher, mac, opens=True)
    sealing.seal(0, os.urandom(20))
    second = sealing.seal(1, LETTERS)
    opening.length(0, second[: opening.head])
    with pytest.raises(Changed):
        opening.open(0, memoryview(second))


def test_the_numbers_of_gcm_are_its_own_and_begin_again_at_0():
    """RFC 5647 section 7.1: the last eight bytes of the vector count; nobody asks which packet it is."""
    iv = bytes(4) + b"\xff" * 8
    sealing, opening = (
        direction(b"aes128-gcm@openssh.com", b"", iv=iv, key=KEY, mac_key=b"", opens=opens)
        for opens in (False, True)
    )
    for _ in range(3):
        assert opened(opening, 0, sealing.seal(99, LETTERS))[0] == LETTERS


def test_the_numbers_of_packets_begin_again_at_0():
    """RFC 4253 section 6.4; Conch counts on, as far as it likes."""
    both = Encryptions(*[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2)
    both.setKeys(IV, KEY, IV, KEY, MAC_KEY, MAC_KEY)
    sealed = both.makeMAC(1 << 32, b"\0\0\0\x0c\x04payload" + bytes(4))
    assert opened(both.incoming, 0, sealed)[0] == b"payload"
