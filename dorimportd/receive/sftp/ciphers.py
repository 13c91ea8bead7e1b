"""Packets sealed and opened: each cipher of SSH, for one direction of one connection.

A packet is its length in four bytes, the length of its padding in one, payload, padding, and a tag:

    cipher                           length                  the tag is over            padded without length
    none                             readable                nothing                    no
    aes-ctr, hmac-sha2               encrypted with the rest  number, what is encrypted  no
    aes-ctr, hmac-sha2-…-etm         readable                number, what is on the wire  yes
    aes-gcm (RFC 5647)               readable                what is on the wire        yes
    chacha20-poly1305                encrypted by its own key  what is on the wire       yes

The last three are as in OpenSSH's PROTOCOL and PROTOCOL.chacha20poly1305.  This code owns no socket; what it
is given to open may have come from anybody.
"""

from __future__ import annotations

import hmac
import os
import struct
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

from dorimportd.receive.sftp.fields import UINT32

LENGTH: Final = UINT32.size  # bytes of the field that says it
HEADER: Final = struct.Struct("!LB")  # length of what follows it, length of the padding
LEAST_PADDING: Final = 4  # bytes (RFC 4253 section 6)
TAG: Final = 16  # bytes, of the ciphers that have one of their own


class Changed(Exception):
    """A packet is not as it was sent: its tag does not fit."""


class Direction(Protocol):
    """One direction of a connection under one set of keys; every packet is sealed or opened once."""

    head: int  # bytes that a packet's length is read from
    tag: int  # bytes behind the padding
    block: int  # bytes that a packet is padded to a multiple of
    counted: int  # bytes of the length that count for that

    def length(self, number: int, head: bytes) -> int:
        """The bytes between length and tag of packet *number*, of which *head* has come; asked once."""

    def open(self, number: int, packet: memoryview) -> bytes:
        """Length of the padding, payload and padding of a whole *packet*.  Raises Changed."""

    def seal(self, number: int, payload: bytes) -> bytes:
        """The packet with that payload."""


class Plain:
    """There are no keys yet."""

    head, tag, block, counted = LENGTH, 0, 8, LENGTH

    def length(self, number: int, head: bytes) -> int:
        return length_in(head)

    def open(self, number: int, packet: memoryview) -> bytes:
        return bytes(packet[LENGTH:])

    def seal(self, number: int, payload: bytes) -> bytes:
        return padded(payload, self)


class Mac:
    """A code over a packet and its number, from one key."""

    def __init__(self, key: bytes, digest: str) -> None:
        self._keyed = hmac.new(key, digestmod=digest)  # copied for each packet: the key is taken in once
        self.size = self._keyed.digest_size

    def of(self, number: int, content: bytes | memoryview) -> bytes:
        code = self._keyed.copy()
        code.update(UINT32.pack(number))
        code.update(content)
        return code.digest()

    def check(self, number: int, content: bytes | memoryview, code: memoryview) -> None:
        """Raises Changed."""
        if not hmac.compare_digest(self.of(number, content), code):
            raise Changed


class EncryptAndMac:
    """A block cipher, and a code over what is encrypted (RFC 4253 section 6)."""

    counted = LENGTH

    def __init__(self, stream: Stream, block: int, mac: Mac) -> None:
        self.head = self.block = block
        self.tag = mac.size
        self._stream = stream
        self._mac = mac
        self._first = b""  # block, decrypted

    def length(self, number: int, head: bytes) -> int:
        self._first = self._stream.update(head)
        return length_in(self._first)

    def open(self, number: int, packet: memoryview) -> bytes:
        opened = self._first + self._stream.update(packet[self.head : -self.tag])
        self._mac.check(number, opened, packet[-self.tag :])
        return opened[LENGTH:]

    def seal(self, number: int, payload: bytes) -> bytes:
        packet = padded(payload, self)
        return self._stream.update(packet) + self._mac.of(number, packet)


class EncryptThenMac:
    """A block cipher, and a code over what is on the wire."""

    head, counted = LENGTH, 0

    def __init__(self, stream: Stream, block: int, mac: Mac) -> None:
        self.block = block
        self.tag = mac.size
        self._stream = stream
        self._mac = mac

    def length(self, number: int, head: bytes) -> int:
        return length_in(head)

    def open(self, number: int, packet: memoryview) -> bytes:
        self._mac.check(number, packet[: -self.tag], packet[-self.tag :])
        return self._stream.update(packet[LENGTH : -self.tag])

    def seal(self, number: int, payload: bytes) -> bytes:
        packet = padded(payload, self)
        sealed = packet[:LENGTH] + self._stream.update(packet[LENGTH:])
        return sealed + self._mac.of(number, sealed)


class Gcm:
    """AES-GCM: its nonce counts the packets by itself (RFC 5647 section 7.1)."""

    head, tag, block, counted = LENGTH, TAG, 16, 0

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._aes = AESGCM(key)
        self._fixed = iv[:4]
        self._count = int.from_bytes(iv[4:12])

    def length(self, number: int, head: bytes) -> int:
        return length_in(head)

    def open(self, number: int, packet: memoryview) -> bytes:
        try:
            return self._aes.decrypt(self._nonce(), packet[LENGTH:], packet[:LENGTH])
        except InvalidTag:
            raise Changed from None

    def seal(self, number: int, payload: bytes) -> bytes:
        packet = padded(payload, self)
        return packet[:LENGTH] + self._aes.encrypt(self._nonce(), packet[LENGTH:], packet[:LENGTH])

    def _nonce(self) -> bytes:
        nonce = self._fixed + self._count.to_bytes(8)
        self._count = (self._count + 1) % (1 << 64)
        return nonce


class ChaCha:
    """ChaCha20 and Poly1305 as in OpenSSH, with a key of its own for the lengths."""

    head, tag, block, counted = LENGTH, TAG, 8, 0

    def __init__(self, key: bytes) -> None:
        self._content = chacha(key[:32])
        self._lengths = chacha(key[32:64])

    def length(self, number: int, head: bytes) -> int:
        return length_in(self._length(number, head))

    def open(self, number: int, packet: memoryview) -> bytes:
        code = self._begin(number)
        code.update(packet[: -self.tag])
        try:
            code.verify(bytes(packet[-self.tag :]))
        except InvalidSignature:
            raise Changed from None
        return self._content.update(packet[LENGTH : -self.tag])

    def seal(self, number: int, payload: bytes) -> bytes:
        packet = padded(payload, self)
        code = self._begin(number)
        sealed = self._length(number, packet[:LENGTH]) + self._content.update(packet[LENGTH:])
        code.update(sealed)
        return sealed + code.finalize()

    def _length(self, number: int, field: bytes) -> bytes:
        """A length, encrypted or decrypted."""
        self._lengths.reset_nonce(nonce(number))
        return self._lengths.update(field)

    def _begin(self, number: int) -> Poly1305:
        """The code for packet *number*; its content is encrypted from the block after the code's key on."""
        self._content.reset_nonce(nonce(number))
        return Poly1305(self._content.update(bytes(64))[:32])


class Stream(Protocol):
    """What cryptography encrypts or decrypts by."""

    def update(self, data: bytes | memoryview) -> bytes: ...
    def reset_nonce(self, nonce: bytes) -> None: ...


def chacha(key: bytes) -> Stream:
    return Cipher(algorithms.ChaCha20(key, bytes(16)), None).encryptor()


def nonce(number: int) -> bytes:
    """The first block, and the number of the packet."""
    return bytes(8) + number.to_bytes(8)


def length_in(head: bytes) -> int:
    return int(UINT32.unpack_from(head)[0])


def padded(payload: bytes, way: Direction) -> bytes:
    """A packet with *payload*, not encrypted, that is as long as packets of that direction are."""
    least = LEAST_PADDING + (-(way.counted + 1 + LEAST_PADDING + len(payload)) % way.block)
    return HEADER.pack(1 + len(payload) + least, least) + payload + os.urandom(least)
