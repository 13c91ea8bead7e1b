"""One SMTP session: what each command does, and every reply.

Nothing is imported here and nothing is decided about a CSV file: the message goes to the disk as it comes,
and a thread does the rest (taking.py).  First it is durable, then it is told, then the reply leaves.
"""

# Twisted's SMTP has no types.

from __future__ import annotations

from textwrap import wrap
from typing import Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure

from dorimportd.errors import NotAccepted, TooManySessions
from dorimportd.events import (
    DeliveryAccepted,
    Fault,
    MailArchived,
    MailConfirmed,
    MailRefused,
    SessionEnded,
    SessionRefused,
)
from dorimportd.instants import reach
from dorimportd.receive.addresses import plain_address
from dorimportd.receive.house import CROWDED, House
from dorimportd.receive.limits import Stranger
from dorimportd.receive.replies import reply_to
from dorimportd.receive.smtp.commands import COMMANDS, Breach, Stage, read_command
from dorimportd.receive.smtp.envelope import MailEnvelope, add_recipient, begin_envelope
from dorimportd.receive.smtp.incoming import IncomingMail
from dorimportd.receive.smtp.mended import Hold, MendedESMTP
from dorimportd.receive.smtp.taking import MailDesk, Taken
from dorimportd.receive.tls import TlsContexts
from dorimportd.receive.uploads import WAITING_LIMIT
from dorimportd.words import Channel

ERRORS_LIMIT: Final = 20  # commands that were refused since the last mail that was taken
REPLY_WIDTH: Final = (
    480  # characters of text in a reply line, which has 512 bytes (RFC 5321 section 4.5.3.1.5)
)
BARE_NEWLINE: Final = (
    "The message has lines that end with CR or LF alone; send CR LF "
    "(in Python: send_message(), not sendmail() with bytes)."
)


class MailSession(MendedESMTP):
    """A client and what it has said so far."""

    def __init__(self, house: House, tls: TlsContexts | None) -> None:
        super().__init__(house.clock, tls.control if tls else None)
        self._house = house
        self._settings = house.settings()  # a session keeps those it began with
        self._counted = False
        self._stranger: Stranger | None = None  # until a mail begins
        self._greeted = False
        self._envelope: MailEnvelope | None = None
        self._incoming: IncomingMail | None = None
        self._errors = 0
        self._peer = ""

    # The connection.

    def connectionMade(self) -> None:
        self._peer = plain_address(self.transport.getPeer().host)
        self.host = self._settings.hostname
        self.timeout = self._settings.limits.idle_seconds
        try:
            self._house.sessions.open(self._peer)
        except TooManySessions as refusal:
            self._house.tell(SessionRefused(Channel.SMTP, self._peer, str(refusal)))
            self._refuse(refusal)
            self.hang_up()
            return
        self._counted = True
        self._stranger = self._house.sessions.strangers.add(self._peer, self._crowded_out)
        super().connectionMade()

    def _crowded_out(self) -> None:
        self._house.tell(SessionEnded(Channel.SMTP, self._peer, CROWDED))
        self._refuse(TooManySessions())
        self.hang_up()

    def greeting(self) -> bytes:
        return b"%b ESMTP dorimportd" % self.host

    def extensions(self) -> dict[bytes, list[bytes] | None]:
        """What EHLO lists."""
        offered: dict[bytes, list[bytes] | None] = {
            b"PIPELINING": None,
            b"SIZE": [b"%d" % self._settings.limits.mail_size],
            b"8BITMIME": None,
            b"SMTPUTF8": None,
            b"ENHANCEDSTATUSCODES": None,
        }
        return offered | ({b"STARTTLS": None} if self._can_encrypt() else {})

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Half a message leaves nothing."""
        super().connectionLost(reason)
        self._house.sessions.strangers.forget(self._stranger)
        if self._counted:
            self._house.sessions.close(self._peer)
            self._counted = False
        if self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            Deferred.fromCoroutine(incoming.drop()).addErrback(self._tell_fault)

    # Commands.

    async def obey(self, line: bytes) -> None:
        try:
            command, argument = read_command(line, self._stage())
            await getattr(self, f"obey_{command.verb.lower()}")(argument)
        except Breach as breach:
            self._breach(breach)
        except NotAccepted as refusal:
            self._refuse(refusal)

    def _stage(self) -> Stage:
        if not self._greeted:
            return Stage.CONNECTED
        if self._envelope is None:
            return Stage.GREETED
        return Stage.RECIPIENTS if self._envelope.forward_paths else Stage.MAIL

    async def obey_ehlo(self, argument: bytes) -> None:
        self._greeted, self._envelope = True, None
        self.do_EHLO(argument)

    async def obey_helo(self, argument: bytes) -> None:
        self._greeted, self._envelope = True, None
        self.do_HELO(argument)

    async def obey_starttls(self, argument: bytes) -> None:
        if not self._can_encrypt():
            raise Breach(503 if self.startedTLS else 502, "5.5.1", "TLS is not offered now.")
        # What was said in the clear is forgotten (RFC 3207 section 4.2).
        self._greeted, self._envelope = False, None
        self.ext_STARTTLS(argument)

    async def obey_mail(self, argument: bytes) -> None:
        self._envelope = begin_envelope(argument, largest=self._settings.limits.mail_size)
        self._say(250, "2.1.0", "Sender accepted.")

    async def obey_rcpt(self, argument: bytes) -> None:
        if self._envelope is None:
            raise AssertionError("the table of commands asks for MAIL first")
        try:
            self._envelope = add_recipient(argument, self._envelope, self._settings, self._peer)
        except NotAccepted as refusal:
            self._mail_refused(self._envelope, f"{refusal} {argument[:300].decode('utf-8', 'replace')!r}")
            raise
        self._say(250, "2.1.5", "Recipient accepted.")

    async def obey_data(self, argument: bytes) -> None:
        largest = self._settings.limits.mail_size
        upload = await self._house.workers.run(self._house.spool.begin_mail, largest=largest)
        self._incoming = IncomingMail(upload, workers=self._house.workers, written=self._message_written)
        if self.lost:
            incoming, self._incoming = self._incoming, None
            await incoming.drop()
            return
        self._house.sessions.strangers.forget(self._stranger)
        self._say(354, "", "Send the message; a line with a single dot ends it.")
        self.begin_message()

    async def obey_rset(self, argument: bytes) -> None:
        self._envelope = None
        self._say(250, "2.0.0", "Forgotten.")

    async def obey_noop(self, argument: bytes) -> None:
        self._say(250, "2.0.0", "OK")

    async def obey_vrfy(self, argument: bytes) -> None:
        # Who is a customer here is told to nobody (RFC 5321 section 7.3).
        self._say(252, "2.0.0", "Send a mail to the address to see whether it is taken.")

    async def obey_expn(self, argument: bytes) -> None:
        raise Breach(502, "5.5.1", "There are no mailing lists here.")

    async def obey_help(self, argument: bytes) -> None:
        self._say(214, "2.0.0", *(each.syntax for each in COMMANDS.values()))

    async def obey_quit(self, argument: bytes) -> None:
        self._say(221, "2.0.0", "Good bye.")
        self.hang_up()

    # The message.

    def message_came(self, content: bytes) -> None:
        if self._incoming is not None:
            self._incoming.write(content)
            if self._incoming.waiting > WAITING_LIMIT:
                self.hold(Hold.DISK)

    def _message_written(self) -> None:
        if self._incoming is None or self._incoming.waiting <= WAITING_LIMIT:
            self.release(Hold.DISK)

    async def message_ended(self, *, bare_newline: bool) -> None:
        incoming, envelope = self._incoming, self._envelope
        self._incoming = self._envelope = None
        if incoming is None or envelope is None:
            raise AssertionError("a message has an envelope")
        workers = self._house.workers
        desk = MailDesk(self._house.spool, peer=self._peer, mail_domain=self._settings.mail_domain)
        try:
            upload = await incoming.whole()
            if bare_newline:
                self._spoiled(await workers.run(desk.refuse, upload, envelope, BARE_NEWLINE))
            else:
                self._taken(envelope, await workers.run(desk.take, upload, envelope))
        except NotAccepted as refusal:
            self._mail_refused(envelope, str(refusal))
            self._refuse(refusal)

    def _taken(self, envelope: MailEnvelope, taken: Taken) -> None:
        """Tell what became of the message, then answer it."""
        for delivery in taken.deliveries:
            self._house.tell(DeliveryAccepted(delivery))
        for delivery in taken.confirmed:
            self._house.tell(MailConfirmed(taken.mail.note.message_id, delivery))
        if taken.copy_of is not None:
            self._house.tell(MailArchived(taken.mail.note.message_id, taken.copy_of))
        if taken.refusal is not None:
            self._mail_refused(envelope, str(taken.refusal), str(taken.mail.path))
            self._refuse(taken.refusal)
            return
        self._errors = 0
        reach("smtp.accepted")
        self._say(250, "2.0.0", taken.sentence())
        reach("smtp.answered")

    def _spoiled(self, taken: Taken) -> None:
        note = taken.mail.note
        self._house.tell(MailRefused(note.reverse_path, self._peer, BARE_NEWLINE, str(taken.mail.path)))
        self._breach(Breach(550, "5.6.11", BARE_NEWLINE))

    def _mail_refused(self, envelope: MailEnvelope, reason: str, kept: str = "nowhere") -> None:
        self._house.tell(MailRefused(envelope.reverse_path, self._peer, reason, kept))

    # Replies.

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

    def _can_encrypt(self) -> bool:
        return bool(self.canStartTLS) and not self.startedTLS


class MailFactory(ServerFactory):
    """Makes the sessions of the SMTP door; *tls* may be replaced, for the sessions that come then."""

    noisy = False

    def __init__(self, house: House, tls: TlsContexts | None) -> None:
        self.house = house
        self.tls = tls

    def buildProtocol(self, addr: IAddress | None) -> MailSession:
        return MailSession(self.house, self.tls)


def smtp_factory(house: House, tls: TlsContexts | None) -> MailFactory:
    """The SMTP door; without *tls* it does not offer STARTTLS."""
    return MailFactory(house, tls)
