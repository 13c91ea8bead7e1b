"""The real daemon as a stranger meets it: raw connections to its doors, and an honest neighbour."""

from __future__ import annotations

import ftplib
import io
import itertools
import re
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from socket import MSG_DONTWAIT, SHUT_WR

import paramiko
from appliance import PASSWORD, Appliance

HOST = "127.0.0.1"
SECONDS = 60  # for an answer: only a daemon that hangs takes so long
MEMORY = 512 << 20  # bytes that the daemon may ever take; with the reader of large files it has 200 MiB idle
LIMITS = """\
free_space = "1 MiB"
file_size = "64 MiB"
mail_size = "8 MiB"
sessions_per_address = 200
sessions_per_customer = 100
"""
ROW = "0007;{name};12.50;2026-07-14 09:02:11\n"
HEADER = "Store;Receipt;Total;Time\n"


class Doors:
    """The doors of a running *appliance*."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self._numbers = itertools.count(1)
        self.find()

    def find(self) -> None:
        """The ports, which are others after each start."""
        self.ports = {each["channel"]: each["port"] for each in self.appliance.ctl("status")["listeners"]}

    # Connections.

    @contextmanager
    def raw(self, channel: str) -> Iterator[socket.socket]:
        with socket.create_connection((HOST, self.ports[channel]), SECONDS) as connection:
            yield connection

    @contextmanager
    def smtp(self) -> Iterator[Lines]:
        """A session that was greeted and has said EHLO."""
        with self.raw("smtp") as connection:
            lines = Lines(connection)
            assert lines.answer().startswith("220 ")
            assert lines.ask(b"EHLO till.example").startswith("250")
            yield lines

    @contextmanager
    def ftp(self, login: str = "acme") -> Iterator[ftplib.FTP]:
        with ftplib.FTP(encoding="utf-8") as session:
            session.connect(HOST, self.ports["ftp"], timeout=SECONDS)
            session.login(login, PASSWORD)
            yield session

    @contextmanager
    def sftp(self, login: str = "acme") -> Iterator[Sftp]:
        """An SFTP session whose packets are the caller's."""
        with paramiko.Transport((HOST, self.ports["sftp"])) as transport:
            transport.connect(username=login, password=PASSWORD)
            channel = transport.open_session()
            channel.settimeout(SECONDS)
            channel.invoke_subsystem("sftp")
            yield Sftp(channel)

    # Files.

    def put(self, name: str, content: bytes, login: str = "acme") -> int:
        """Send an upload by FTP; the sequence of its delivery."""
        with self.ftp(login) as session:
            answer = session.storbinary(f"STOR {name}", io.BytesIO(content))
        return sequence_in(answer)

    def outcome(self, sequence: int, seconds: float = 120) -> dict:
        """The delivery, when it has an outcome."""
        self.appliance.await_line(rf"delivery {sequence} (?:imported|held|is a duplicate)", seconds=seconds)
        (shown,) = [each for each in self.appliance.deliveries() if each["sequence"] == sequence]
        return shown

    def is_served(self) -> int:
        """Another client is served now: it logs in, sends a file, and hears of its delivery."""
        name = f"honest-{next(self._numbers)}"
        return self.put(f"{name}.csv", (HEADER + ROW.format(name=name)).encode())

    # The daemon.

    def memory(self, figure: str = "VmHWM") -> int:
        """The most bytes it ever had in memory, or with VmRSS those it has now."""
        assert self.appliance.daemon is not None
        status = Path(f"/proc/{self.appliance.daemon.pid}/status").read_text()
        return int(re.search(rf"{figure}:\s+(\d+) kB", status)[1]) << 10

    def spool(self) -> Path:
        return self.appliance.folder / "state" / "spool"

    def check_sound(self) -> None:
        """No defect was logged, and memory is bounded."""
        text = self.appliance.log_text()
        assert "defect in" not in text and "Traceback" not in text, text[-20_000:]
        assert self.memory() < MEMORY, f"{self.memory() >> 20} MiB"


class Lines:
    """A connection of commands and answers in lines, as SMTP and FTP have them."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._held = b""

    def ask(self, line: bytes) -> str:
        self.connection.sendall(line + b"\r\n")
        return self.answer()

    def answer(self) -> str:
        """The next answer, all its lines; "" when the connection was closed."""
        lines = []
        while line := self._line():
            lines.append(line.decode("utf-8", "replace"))
            if re.match(r"\d{3}( |\r?\n?$)", lines[-1]):
                break
        return "".join(lines)

    def pour(self, pieces: list[bytes]) -> str:
        """Send *pieces*, whatever is answered, and no more; all that comes until the other side closes."""
        left = deque(pieces or [b""])
        while True:
            readable, writable, _ = select([self.connection], [self.connection] if left else [], [], SECONDS)
            if not (readable or writable):
                raise TimeoutError(f"neither an answer nor an end: {self._held[-1000:]!r}")
            if readable:
                piece = self._receive()
                if not piece:
                    return self._held.decode("utf-8", "replace")
                self._held += piece
            elif not self._pour_some(left):
                left.clear()

    def _pour_some(self, left: deque[bytes]) -> bool:
        """Send what goes into the connection now; False when it takes no more at all."""
        piece = left.popleft()
        try:
            sent = self.connection.send(piece, MSG_DONTWAIT)
            if sent < len(piece):
                left.appendleft(piece[sent:])
            elif not left:
                self.connection.shutdown(SHUT_WR)
        except BlockingIOError:
            left.appendleft(piece)
        except OSError:  # the other side has sent it away
            return False
        return True

    def mail(self, message: bytes, *recipients: str) -> str:
        """Send a mail whose bytes are *message*; the answer to its end, or to what was refused before."""
        for command in (
            "MAIL FROM:<till@shop.example>",
            *(f"RCPT TO:<{each}>" for each in recipients or ("acme@sales.example",)),
            "DATA",
        ):
            answer = self.ask(command.encode())
            if answer[0] not in "23":
                return answer
        stuffed = message.replace(b"\r\n.", b"\r\n..")
        return self.ask((b"." if stuffed.startswith(b".") else b"") + stuffed + b"\r\n.")

    def _line(self) -> bytes:
        while b"\n" not in self._held:
            piece = self._receive()
            if not piece:
                break
            self._held += piece
        line, end, self._held = self._held.partition(b"\n")
        return line + end

    def _receive(self) -> bytes:
        try:
            return self.connection.recv(65536)
        except ConnectionError:
            return b""


class Sftp:
    """SFTP packets over an SSH channel, greeted."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.channel = channel
        self._number = self._answered = 0
        self.send(1, struct.pack("!L", 3), numbered=False)
        self.packet()
        self._answered = 0

    def send(self, kind: int, body: bytes, *, numbered: bool = True) -> None:
        if numbered:
            self._number += 1
            body = struct.pack("!L", self._number) + body
        self.channel.sendall(struct.pack("!LB", 1 + len(body), kind) + body)

    def packet(self) -> tuple[int, bytes]:
        """The next packet: its kind, and what stands behind the number of the request."""
        (length,) = struct.unpack("!L", self._take(4))
        packet = self._take(length)
        self._answered += 1
        return packet[0], packet[5:]

    def ask(self, kind: int, body: bytes) -> tuple[int, bytes]:
        self.send(kind, body)
        return self.packet()

    def drain(self) -> None:
        """All answers that were not looked at."""
        while self._answered < self._number:
            self.packet()

    def status(self, kind: int, body: bytes) -> tuple[int, str]:
        """The status that answers a request: (code, text)."""
        answered, content = self.ask(kind, body)
        assert answered == 101, (answered, content)
        code, length = struct.unpack_from("!LL", content)
        return code, content[8 : 8 + length].decode()

    def open(self, name: bytes, flags: int = 0x1A) -> bytes:
        answered, content = self.ask(3, string(name) + struct.pack("!LL", flags, 0))
        assert answered == 102, content
        return content[4:]

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            piece = self.channel.recv(size - len(taken))
            if not piece:
                raise EOFError
            taken += piece
        return taken


def string(content: bytes) -> bytes:
    """*content* as SSH and SFTP write it."""
    return struct.pack("!L", len(content)) + content


def sequence_in(answer: str) -> int:
    """The number in an answer that accepts."""
    return int(re.search(r"deliver(?:y|ies) (\d+)", answer)[1])


def message(*parts: tuple[str, bytes], headers: str = "") -> bytes:
    """A mail of *parts*, each its headers and its body."""
    sections = b"".join(b"--B\r\n%b\r\n\r\n%b\r\n" % (head.encode(), body) for head, body in parts)
    head = (
        f"From: till@shop.example\r\n{headers}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B"
    )
    return head.encode() + b"\r\n\r\n" + sections + b"--B--\r\n"


def attachment(name: str) -> str:
    return f'Content-Type: text/csv\r\nContent-Disposition: attachment; filename="{name}"'


def wait_until(condition, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
