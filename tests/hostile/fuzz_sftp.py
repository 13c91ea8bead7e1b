"""Random SFTP packets after a real login, with honest uploads among them."""

from __future__ import annotations

import random
import struct

import paramiko
from hostile.doors import Doors, Sftp, string
from hostile.mutate import mutated

NAMES = (
    b"x.csv",
    b"y.csv.part",
    b"/x.csv",
    b"../../etc/passwd",
    b"",
    b"/",
    b".",
    b"\xff\xfe",
    b"a\0b",
    b"n" * 255,
)
NUMBERS = (0, 1, 5, 255, 4096, 1 << 18, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
OFFSETS = (0, 1, 100, 1 << 20, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
EXTENSIONS = (
    *(b"posix-rename@openssh.com", b"statvfs@openssh.com", b"fsync@openssh.com", b"hardlink@openssh.com"),
    *(b"limits@openssh.com", b"lsetstat@openssh.com", b"copy-data", b"check-file", b"\xff" * 50),
)
REQUESTS = 30  # in a session


class Packets:
    """Makes requests: most of them fit for reading, few of them sensible."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def request(self) -> tuple[int, bytes]:
        dice = self._dice
        kind = dice.choice((*range(3, 21), 200, dice.randrange(256)))
        name, handle = self.name(), self.handle()
        body = {
            3: name + self.number() + self.attrs(),
            5: handle + self.offset() + self.number(),
            6: handle + self.offset() + string(dice.randbytes(dice.choice((0, 1, 100, 30_000)))),
            9: name + self.attrs(),
            10: handle + self.attrs(),
            18: name + self.name(),
            20: name + self.name(),
            200: string(dice.choice(EXTENSIONS)) + dice.choice((name, handle)) + self.name() + self.offset(),
        }.get(kind, handle if kind in (4, 8, 12) else name + self.attrs())
        if dice.randrange(20) == 0:
            body = mutated(dice, body, [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
        return kind, body[: 1 << 17]

    def name(self) -> bytes:
        dice = self._dice
        return string(dice.choice(NAMES) if dice.randrange(3) else dice.randbytes(dice.randrange(300)))

    def handle(self) -> bytes:
        # The server's handles are numbers from 1 on.
        dice = self._dice
        return string(struct.pack("!L", dice.randrange(8)) if dice.randrange(5) else dice.randbytes(4))

    def number(self) -> bytes:
        dice = self._dice
        return struct.pack("!L", dice.choice(NUMBERS) if dice.randrange(2) else dice.randrange(64))

    def offset(self) -> bytes:
        return struct.pack("!Q", self._dice.choice(OFFSETS))

    def attrs(self) -> bytes:
        dice = self._dice
        said = dice.choice((0, 0, 1, 4, 8, 15, 0x80000000, dice.randrange(1 << 32)))
        attrs = struct.pack("!L", said)
        attrs += self.offset() if said & 1 else b""
        attrs += dice.randbytes(8) if said & 2 else b""
        attrs += dice.randbytes(4) if said & 4 else b""
        attrs += dice.randbytes(8) if said & 8 else b""
        return attrs + (self.number() if said & 0x80000000 else b"")


def session(dice: random.Random, doors: Doors) -> list[tuple[int, bytes]]:
    """One session: every request is answered or the connection ends; what CLOSE said OK to is a delivery."""
    packets, acknowledged = Packets(dice), []
    with doors.sftp() as sftp:
        try:
            for number in range(dice.randrange(REQUESTS)):
                if number == 5:
                    acknowledged = upload(dice, sftp, doors)
                sftp.send(*packets.request())
                if dice.randrange(3):
                    sftp.drain()
            sftp.drain()
        except TimeoutError:
            raise
        except (EOFError, OSError, paramiko.SSHException):
            pass  # a request could not be read: it was sent away
    return acknowledged


def upload(dice: random.Random, sftp: Sftp, doors: Doors) -> list[tuple[int, bytes]]:
    """An honest upload in the middle; its sequence is in the log."""
    sftp.drain()
    name, content = f"fuzz-{dice.randrange(1 << 40):x}.csv", dice.randbytes(dice.randrange(30_000))
    handle = sftp.open(name.encode())
    assert sftp.status(6, string(handle) + struct.pack("!Q", 0) + string(content)) == (0, "OK")
    assert sftp.status(4, string(handle)) == (0, "OK")
    return [(int(doors.appliance.await_line(rf"delivery (\d+) accepted: '{name}'")[1]), content)]
