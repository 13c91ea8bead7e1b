"""One SMTP session: what each command does.

Nothing is imported here and nothing is decided about a CSV file: see receiving.py for the message.
"""

# Twisted's SMTP has no types.

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure

from dorimportd.config.settings import Customer
from dorimportd.errors import NotAccepted, TooManySessions
from dorimportd.events import SessionEnded, SessionRefused
from dorimportd.receive.addresses import plain_address
from dorimportd.receive.house import CROWDED, House
from dorimportd.receive.limits import Stranger
from dorimportd.receive.smtp.auth import MECHANISMS
from dorimportd.receive.smtp.commands import COMMANDS, Breach, Stage, read_chunk, read_command
from dorimportd.receive.smtp.envelope import MailEnvelope, add_recipient, begin_envelope
from dorimportd.receive.smtp.login import LoginSession
from dorimportd.receive.tls import TlsContexts
from dorimportd.words import Channel, TlsStart


class MailSession(LoginSession):
    """A client and what it has said so far."""

    def __init__(self, house: House, tls: TlsContexts | None, start: TlsStart) -> None:
        super().__init__(house, tls)
        self._start = start
        self._counted = False
        self._stranger: Stranger | None = None  # until a mail begins, or a login succeeds
        self._greeted = False

    # The connection.

    def connectionMade(self) -> None:
        self._peer = plain_address(self.transport.getPeer().host)
        if self._start is TlsStart.IMPLICIT:
            self.begin_tls()
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
        self.progressed()

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
            b"CHUNKING": None,
        }
        if self._can_encrypt():
            offered[b"STARTTLS"] = None
        if self.startedTLS and self._customer is None:
            offered[b"AUTH"] = list(MECHANISMS)
        return offered

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._house.sessions.strangers.forget(self._stranger)
        if self._counted:
            self._house.sessions.close(self._peer)
            self._counted = False

    # Commands.

    async def obey(self, line: bytes) -> None:
        try:
            if self._exchange is not None:
                await self._respond(line)
                return
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
        if self._incoming is not None:
            return Stage.CHUNKS
        return Stage.RECIPIENTS if self._envelope.forward_paths else Stage.MAIL

    async def obey_ehlo(self, argument: bytes) -> None:
        await self._forget()
        self._greeted = True
        self.do_EHLO(argument)

    async def obey_helo(self, argument: bytes) -> None:
        await self._forget()
        self._greeted = True
        self.do_HELO(argument)

    async def obey_starttls(self, argument: bytes) -> None:
        if not self._can_encrypt():
            raise Breach(503 if self.startedTLS else 502, "5.5.1", "TLS is not offered now.")
        # What was said in the clear is forgotten (RFC 3207 section 4.2).
        await self._forget()
        self._greeted = False
        self.ext_STARTTLS(argument)

    async def obey_mail(self, argument: bytes) -> None:
        if self._mails >= self._settings.limits.mails_per_session:
            self._say(421, "4.7.0", f"{self._mails} mails came in this session; connect again for more.")
            self.hang_up()
            return
        envelope = begin_envelope(argument, largest=self._settings.limits.mail_size)
        if envelope.size:
            await self._check_room(envelope)
        self._envelope = envelope
        self._say(250, "2.1.0", "Sender accepted.")

    async def _check_room(self, envelope: MailEnvelope) -> None:
        try:
            await self._house.workers.run(self._house.spool.check_mail_room, envelope.size)
        except NotAccepted as refusal:
            self._mail_refused(envelope, str(refusal))
            raise

    async def obey_rcpt(self, argument: bytes) -> None:
        if self._envelope is None:
            raise AssertionError("the table of commands asks for MAIL first")
        try:
            self._envelope = add_recipient(
                argument, self._envelope, self._settings, self._peer, self._customer
            )
        except NotAccepted as refusal:
            self._mail_refused(self._envelope, f"{refusal} {argument[:300].decode('utf-8', 'replace')!r}")
            raise
        self._say(250, "2.1.5", "Recipient accepted.")

    async def obey_data(self, argument: bytes) -> None:
        if await self._begin_message():
            self._say(354, "", "Send the message; a line with a single dot ends it.")
            self.begin_message()

    async def _begin_message(self) -> bool:
        self._house.sessions.strangers.forget(self._stranger)
        return await super()._begin_message()

    def _enter(self, customer: Customer) -> None:
        self._house.sessions.strangers.forget(self._stranger)
        super()._enter(customer)

    async def obey_bdat(self, argument: bytes) -> None:
        chunk = read_chunk(argument)
        if chunk is None:
            # How much of what follows is message is known to nobody: it must not be run as commands.
            self._say(521, "5.5.4", f"The syntax is: {COMMANDS[b'BDAT'].syntax}")
            self.hang_up()
            return
        stage = self._stage()
        in_turn = stage in (Stage.RECIPIENTS, Stage.CHUNKS)
        await self._take_chunk(chunk, None if in_turn else Breach(503, "5.5.1", stage.value))

    async def _forget(self) -> None:
        """Forget the mail that was begun."""
        self._envelope = None
        await self._drop_message()

    async def obey_rset(self, argument: bytes) -> None:
        await self._forget()
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

    def _can_encrypt(self) -> bool:
        return bool(self.canStartTLS) and not self.startedTLS


class MailFactory(ServerFactory):
    """Makes the sessions of the SMTP door; *tls* may be replaced, for the sessions that come then."""

    noisy = False

    def __init__(self, house: House, tls: TlsContexts | None, start: TlsStart) -> None:
        self.house = house
        self.tls = tls
        self._start = start

    def buildProtocol(self, addr: IAddress | None) -> MailSession:
        return MailSession(self.house, self.tls, self._start)


def smtp_factory(house: House, tls: TlsContexts | None, start: TlsStart = TlsStart.OPTIONAL) -> MailFactory:
    """The SMTP door; without *tls* it does not offer STARTTLS."""
    return MailFactory(house, tls, start)
