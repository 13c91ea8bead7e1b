"""AUTH PLAIN and AUTH LOGIN (RFC 4954, RFC 4616): which login and password a client sends.  No socket."""

from __future__ import annotations

import binascii
from collections.abc import Generator
from typing import Final, NamedTuple

from dorimportd.receive.smtp.commands import Breach

MECHANISMS: Final = (b"PLAIN", b"LOGIN")
CANCELLED: Final = b"*"
EMPTY: Final = b"="  # a first response without a byte


class Credentials(NamedTuple):
    """What the client says."""

    login: bytes
    password: bytes


# Yields challenges, is sent responses as they stand on the line.
Exchange = Generator[bytes, bytes, Credentials]


def exchange(argument: bytes) -> Exchange:
    """The exchange that `AUTH` with *argument* begins.  It raises Breach at any response, also here."""
    mechanism, _, first = argument.partition(b" ")
    if mechanism.upper() not in MECHANISMS:
        raise Breach(504, "5.5.4", "AUTH takes PLAIN or LOGIN.")
    return plain(first.strip()) if mechanism.upper() == b"PLAIN" else login(first.strip())


def plain(first: bytes) -> Exchange:
    """One response: identity to act as, login, password, with NUL between them."""
    fields = decoded(first or (yield b"")).split(b"\0")
    if len(fields) != 3:
        raise Breach(501, "5.5.2", "AUTH PLAIN takes a login and a password.")
    identity, name, password = fields
    if identity not in (b"", name):
        raise Breach(535, "5.7.8", "A login can act for itself only.")
    return Credentials(name, password)


def login(first: bytes) -> Exchange:
    """Two responses, the login and the password; the challenges are what clients know."""
    name = decoded(first or (yield b"Username:"))
    return Credentials(name, decoded((yield b"Password:")))


def decoded(response: bytes) -> bytes:
    """Raises Breach."""
    if response == CANCELLED:
        raise Breach(501, "5.7.0", "The login was given up.")
    try:
        return b"" if response == EMPTY else binascii.a2b_base64(response, strict_mode=True)
    except binascii.Error as error:
        raise Breach(501, "5.5.2", "That is no base64.") from error
