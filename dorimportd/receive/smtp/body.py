"""The bytes of a part, decoded (RFC 2045 section 6).

Never half a file: an encoding that is broken or cut off is refused, however much of it could be read.
Decodes in pieces, so that a part of any size takes little memory.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

from dorimportd.errors import BadMail
from dorimportd.receive.smtp.mime import Message, Part

PIECE: Final = 1 << 18  # bytes of the message that are decoded in one go

BASE64_SPACE: Final = b" \t\r\n"
# What an equals sign may stand before; at the very end the line end belongs to the boundary.
BAD_ESCAPE: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r\n|\Z)")


def decoded(message: Message, part: Part) -> Iterator[bytes]:
    """The bytes of *part*, piece by piece.

    Raises BadMail when its encoding is unknown, broken or cut off; what came before is then of no use.
    """
    match part.encoding:
        case "" | "7bit" | "8bit" | "binary":
            return plain(message, part)
        case "base64":
            return base64(message, part)
        case "quoted-printable":
            return quoted_printable(message, part)
    raise BadMail("The encoding of its attachment is unknown here; send it as base64.")


def plain(message: Message, part: Part) -> Iterator[bytes]:
    """As they came."""
    for start in range(part.start, part.end, PIECE):
        yield message[start : min(part.end, start + PIECE)]


def base64(message: Message, part: Part) -> Iterator[bytes]:
    """RFC 2045 section 6.8; a character outside of the alphabet is damage, not something to pass over."""
    held, ended = b"", False
    for piece in plain(message, part):
        content = held + piece.translate(None, BASE64_SPACE)
        if ended and content:
            raise BadMail("The base64 of its attachment goes on behind its end.")
        whole = len(content) // 4 * 4
        content, held = content[:whole], content[whole:]
        ended = content.endswith(b"=")
        try:
            yield binascii.a2b_base64(content, strict_mode=True)
        except binascii.Error as error:
            raise BadMail("The base64 of its attachment is damaged.") from error
    if held:
        raise BadMail("The base64 of its attachment is cut off.")


def quoted_printable(message: Message, part: Part) -> Iterator[bytes]:
    """RFC 2045 section 6.7; blanks at the end of a line were added on the way (rule 3)."""
    for piece in pieces_of_lines(message, part):
        text = b"\r\n".join(line.rstrip(b" \t") for line in piece.split(b"\r\n"))
        if BAD_ESCAPE.search(text):
            raise BadMail("The quoted-printable of its attachment is damaged.")
        yield binascii.a2b_qp(text)


def pieces_of_lines(message: Message, part: Part) -> Iterator[bytes]:
    """The body in pieces that end where a line ends."""
    start = part.start
    while start < part.end:
        end = message.find(b"\n", min(part.end, start + PIECE), part.end) + 1
        yield message[start : end or part.end]
        start = end or part.end
