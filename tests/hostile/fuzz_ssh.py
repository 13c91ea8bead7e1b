"""Random bytes and packets before an SSH login."""

from __future__ import annotations

import random
import struct

from hostile.doors import Doors, Lines, string
from hostile.mutate import cut, mutated

LISTS = (
    *(b"curve25519-sha256,ext-info-c", b"ssh-ed25519,rsa-sha2-512", b"aes256-ctr", b"aes256-ctr"),
    *(b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b""),
)
PIECES = [
    *(
        b"SSH-2.0-x\r\n",
        b"SSH-1.99-x\r\n",
        b"\r\n",
        b"\0\0\0\x0c",
        b"\xff\xff\xff\xff",
        b"\x7f",
        b"\x14",
        b"\x15",
    ),
    *(
        b"\x1e",
        b"\0" * 64,
        b"none",
        b"diffie-hellman-group-exchange-sha256",
        b"," * 50,
        b"\xff" * 300,
        b"x" * 70_000,
    ),
    *(b"mlkem768x25519-sha256", b"\x32", b"\x05\0\0\0\x0cssh-userauth", b"\x01\0\0\0\x02"),
]


def packet(payload: bytes) -> bytes:
    """*payload* as a packet in the clear (RFC 4253 section 6)."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack("!LB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def session(dice: random.Random, doors: Doors) -> list[tuple[int, bytes]]:
    """One connection, which is closed by the server once nothing more comes, or at once."""
    hello = b"\x14" + dice.randbytes(16) + b"".join(map(string, LISTS)) + bytes(5)
    public = dice.choice((dice.randbytes(32), bytes(32), dice.randbytes(dice.randrange(200))))
    payloads = [hello, b"\x1e" + string(public), b"\x15", b"\x05" + string(b"ssh-userauth")]
    if dice.randrange(4) == 0:
        dice.shuffle(payloads)
    stream = b"SSH-2.0-fuzz\r\n"
    for payload in payloads:
        stream += packet(payload if dice.randrange(2) else mutated(dice, payload, PIECES))
    if dice.randrange(3) == 0:
        stream = mutated(dice, stream, PIECES)
    with doors.raw("sftp") as connection:
        Lines(connection).pour(cut(dice, stream))
    return []
