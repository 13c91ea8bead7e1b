"""The bytes of an SMTP session: command lines, the message after DATA, the chunks after BDAT.

However a stream is cut into pieces, the same lines and the same message come out.  No socket, no clock,
no opinion about what a line means.
"""

from __future__ import annotations

from typing import Final

LINE_LIMIT: Final = 2048  # bytes with CRLF; RFC 5321 section 4.5.3.1.4 asks for 512 and more with extensions
ENDLESS_LIMIT: Final = 64 << 10  # bytes after which a line that has no end is given up
END: Final = b"\r\n.\r\n"


class BadLine(Exception):
    """A command line that cannot be read, told once; the lines behind it are not touched."""


class EndlessLine(Exception):
    """No line will come any more."""


class CommandLines:
    """The command lines in what was received (RFC 5321 section 2.3.8)."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipped = 0  # bytes of a line that was refused for its length and has not ended

    def __len__(self) -> int:
        """Bytes that were fed and not taken."""
        return len(self._held)

    def feed(self, received: bytes) -> None:
        self._held += received

    def take_line(self) -> bytes | None:
        """The next line without its CRLF; None when it is not here yet.

        Raises BadLine, and EndlessLine when no more lines can be had.
        """
        if self._skipped and not self._skip():
            return None
        end = self._held.find(b"\n")
        if len(self._held) > LINE_LIMIT and not 0 <= end < LINE_LIMIT:
            self._skipped = 1
            self._skip()
            raise BadLine(f"The line is longer than {LINE_LIMIT} bytes.")
        if end < 0:
            return None
        line = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        if not line.endswith(b"\r\n"):
            raise BadLine("A line must end with CR and LF.")
        if b"\r" in line[:-2] or b"\0" in line:
            raise BadLine("There is a control character in the line.")
        return line[:-2]

    def take(self, most: int) -> bytes:
        """What was fed and not taken, up to *most* bytes of it."""
        taken = bytes(self._held[:most])
        del self._held[:most]
        return taken

    def take_rest(self) -> bytes:
        """All that was fed and not taken."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def _skip(self) -> bool:
        """Drop what belongs to a line that is too long; whether its end was among it."""
        end = self._held.find(b"\n") + 1
        self._skipped += end or len(self._held)
        del self._held[: end or len(self._held)]
        if not end and self._skipped > ENDLESS_LIMIT:
            raise EndlessLine
        if end:
            self._skipped = 0
        return bool(end)


class MailData:
    """The message after DATA, up to the line that is a single dot (RFC 5321 section 4.1.1.4).

    Nothing but CR LF . CR LF ends it.  A CR or LF of its own (section 2.3.8) would be a line end for
    some and none for others, which is how a second message is smuggled in: `bare_newline` tells it, and
    the message still ends only where all agree that it does.
    """

    def __init__(self) -> None:
        self.rest: bytes | None = None  # once the end was seen, the bytes behind it: the next commands
        self.bare_newline = False
        # As if a line had just ended: a dot in the very first place is then no special case.
        self._held = b"\r\n"
        self._skip = len(self._held)

    def feed(self, received: bytes) -> bytes:
        """The part of *received* that is message, stuffed dots removed (section 4.5.2)."""
        data = self._held + received
        end = data.find(END)
        if end >= 0:
            message, self._held, self.rest = data[: end + 2], b"", data[end + len(END) :]
        else:
            held = overlap(data, END)
            message, self._held = data[: len(data) - held], data[len(data) - held :]
        self.bare_newline = self.bare_newline or has_bare_newline(message)
        clean = message.replace(b"\r\n.", b"\r\n")[self._skip :]
        self._skip = max(0, self._skip - len(message))
        return clean


class Newlines:
    """Whether all line ends are CR LF in a message that comes in pieces of a known size."""

    def __init__(self) -> None:
        self._bare = False
        self._held = b""  # a CR whose LF may be in the next piece

    def see(self, content: bytes) -> None:
        data = self._held + content
        self._held = b"\r" if data.endswith(b"\r") else b""
        self._bare = self._bare or has_bare_newline(data.removesuffix(b"\r"))

    def have_bare(self) -> bool:
        """At the end of the message: whether a CR or LF was on its own."""
        return self._bare or bool(self._held)


def overlap(data: bytes, end: bytes) -> int:
    """How many bytes at the end of *data* may be the beginning of *end*."""
    return next((size for size in range(len(end) - 1, 0, -1) if data.endswith(end[:size])), 0)


def has_bare_newline(data: bytes) -> bool:
    """Whether a CR or LF in *data* is not part of a CRLF; counting is much faster than a pattern."""
    pairs = data.count(b"\r\n")
    return not pairs == data.count(b"\n") == data.count(b"\r")
