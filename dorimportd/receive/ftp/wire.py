"""Lines and answers of the control connection, and the addresses in them.

Bytes in, values out, and back: no socket, no session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

# Telnet's "interrupt" and "synch", which clients send before ABOR (RFC 959 section 4.1.3).
TELNET: Final = re.compile(rb"\A(?:\xff[\xf0-\xfa]?|[\xf2\xf4])+")
UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
VERB_SHOWN: Final = 20  # characters of a command that is not known
FAMILIES: Final = {"1": IPv4Address, "2": IPv6Address}  # RFC 2428 section 2
LOWEST_PORT: Final = 1024  # below are services that somebody may want to have spoken to (RFC 2577 section 3)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the control connection says: a code, a sentence and, for a few, lines before its end."""

    code: int
    text: str
    lines: tuple[str, ...] = ()

    def wire(self) -> bytes:
        """As RFC 959 section 4.2 has it; whatever is in the text, the client sees one answer."""
        if not self.lines:
            return line(f"{self.code} {self.text}")
        first, last = line(f"{self.code}-{self.text}"), line(f"{self.code} End")
        return b"".join((first, *(line(f" {each}") for each in self.lines), last))


class Declined(Exception):
    """A command that is answered with a refusal of FTP's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.answer = Answer(code, text)


def line(text: str) -> bytes:
    """*text* as one line, in UTF-8 (RFC 2640 section 2.2)."""
    return UNPRINTABLE.sub(" ", text).encode("utf-8", "replace") + b"\r\n"


def read_command(received: bytes) -> tuple[str, bytes]:
    """The verb in capitals and the argument, of a line without its LF; ("", b"") when it is empty."""
    verb, _, argument = TELNET.sub(b"", received.rstrip(b"\r")).partition(b" ")
    return verb.decode("ascii", "replace").upper()[:VERB_SHOWN], argument


def read_port(argument: bytes) -> tuple[str, int]:
    """The address and port in PORT's h1,h2,h3,h4,p1,p2 (RFC 959 section 4.1.2).  Raises Declined."""
    numbers = [int(each) for each in re.findall(rb"\d{1,3}", argument)]
    if not re.fullmatch(rb"\d{1,3}(?:,\d{1,3}){5}", argument) or max(numbers) > 255:
        raise Declined(501, "PORT takes six numbers: h1,h2,h3,h4,p1,p2.")
    return ".".join(str(each) for each in numbers[:4]), numbers[4] * 256 + numbers[5]


def read_extended_port(argument: bytes) -> tuple[str, int]:
    """The address and port in EPRT's |1|address|port| (RFC 2428 section 2).  Raises Declined."""
    syntax = Declined(501, "EPRT takes |1|address|port| or |2|address|port|.")
    text = argument.decode("ascii", "replace")
    parts = text.split(text[0])
    if len(parts) != 5 or parts[0] or parts[4]:
        raise syntax
    _, family, host, port, _ = parts
    if family not in FAMILIES:
        raise Declined(522, "Network protocol not supported, use (1,2).")
    try:
        address = FAMILIES[family](host)
    except ValueError as error:
        raise syntax from error
    if not re.fullmatch(r"[0-9]{1,5}", port):
        raise syntax
    return str(address), int(port)


def check_target(address: str, port: int, peer: str) -> None:
    """Raises Declined unless the data connection would go to the session's own *peer* (RFC 2577)."""
    if address != peer:
        raise Declined(501, "A data connection goes to the address that you come from, and to no other.")
    if not LOWEST_PORT <= port <= 65535:
        raise Declined(501, f"A data connection goes to a port from {LOWEST_PORT} on.")


def passive_answer(address: str, port: int) -> Answer:
    """The answer to PASV (RFC 959 section 5.4)."""
    numbers = ",".join((*address.split("."), str(port // 256), str(port % 256)))
    return Answer(227, f"Entering passive mode ({numbers}).")


def extended_passive_answer(port: int) -> Answer:
    """The answer to EPSV (RFC 2428 section 3)."""
    return Answer(229, f"Entering extended passive mode (|||{port}|).")
