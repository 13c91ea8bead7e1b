"""What an SMTP session says: every reply, and the count of those that refuse."""

# Twisted's SMTP has no types.

from __future__ import annotations

from textwrap import wrap
from typing import Final, cast

from twisted.python.failure import Failure

from dorimportd.errors import NotAccepted
from dorimportd.events import Fault
from dorimportd.receive.house import House
from dorimportd.receive.replies import reply_to
from dorimportd.receive.smtp.commands import Breach
from dorimportd.receive.smtp.mended import MendedESMTP
from dorimportd.receive.tls import TlsContexts

ERRORS_LIMIT: Final = 20  # commands that were refused since the last mail that was taken
REPLY_WIDTH: Final = (
    480  # characters of text in a reply line, which has 512 bytes (RFC 5321 section 4.5.3.1.5)
)


class AnsweringSession(MendedESMTP):
    """A connection on which things are said."""

    def __init__(self, house: House, tls: TlsContexts | None) -> None:
        super().__init__(house.clock, tls.control if tls else None)
        self._house = house
        self._settings = house.settings()  # a session keeps those it began with
        self._peer = ""
        self._errors = 0

    def bad_line(self, reason: str) -> None:
        self._breach(Breach(500, "5.5.2", reason))

    def fault(self, failure: Failure) -> None:
        """A defect of ours: the client may try again, and the session goes on."""
        self._tell_fault(failure)
        self._say(451, "4.3.0", "Something went wrong here; please send it again later.")

    def _tell_fault(self, failure: Failure) -> None:
        self._house.tell(Fault("the SMTP door", cast(BaseException, failure.value), failure.getTraceback()))

    def _breach(self, breach: Breach) -> None:
        self._say(breach.code, breach.enhanced, breach.text)
        self._count(breach.code)

    def _refuse(self, refusal: NotAccepted) -> None:
        reply = reply_to(refusal)
        self._say(reply.smtp, reply.enhanced, str(refusal))
        self._count(reply.smtp)

    def _count(self, code: int) -> None:
        """Errors for good are counted; a client that makes nothing else is sent away."""
        self._errors += code >= 500
        if self._errors >= ERRORS_LIMIT and not self.closing:
            self._say(421, "4.7.0", "There were too many errors.")
            self.hang_up()

    def _say(self, code: int, enhanced: str, *texts: str) -> None:
        """One reply.  A reply is in ASCII (RFC 5321 section 2.4); the enhanced code begins each line."""
        prefix = f"{enhanced} " if enhanced else ""
        ascii_texts = [text.encode("ascii", "backslashreplace").decode() for text in texts]
        lines = [prefix + line for text in ascii_texts for line in wrap(text, REPLY_WIDTH)]
        self.sendCode(code, "\n".join(lines).encode())
