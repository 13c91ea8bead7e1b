"""Who is at the other end: a customer who has logged in may send to his own address, from anywhere.

A password is taken under TLS only.  Nobody has to log in: without it the rules for senders and networks
decide.
"""

# Twisted's SMTP has no types.

from __future__ import annotations

from base64 import b64encode
from typing import Final

from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from dorimportd.config.settings import Customer
from dorimportd.errors import LoginRefused, TooManySessions
from dorimportd.events import SessionRefused
from dorimportd.receive.house import House
from dorimportd.receive.smtp.auth import Credentials, Exchange, exchange
from dorimportd.receive.smtp.commands import Breach
from dorimportd.receive.smtp.receiving import ReceivingSession
from dorimportd.receive.tls import TlsContexts
from dorimportd.words import Channel

REFUSAL_SECONDS: Final = 1  # before a guess is answered


class LoginSession(ReceivingSession):
    """A session in which somebody may log in."""

    def __init__(self, house: House, tls: TlsContexts | None) -> None:
        super().__init__(house, tls)
        self._customer: Customer | None = None  # who has logged in
        self._exchange: Exchange | None = None  # while the next line is a response to a challenge
        self._failed_logins = 0

    async def obey_auth(self, argument: bytes) -> None:
        if not self.startedTLS:
            raise Breach(538, "5.7.11", "A password is taken under TLS only; send STARTTLS first.")
        if self._customer is not None:
            raise Breach(503, "5.5.1", "You are logged in; connect again to be somebody else.")
        self._exchange = exchange(argument)
        await self._respond(None)

    async def _respond(self, response: bytes | None) -> None:
        """Go on with the login; *response* is the line that came, None at its beginning."""
        if self._exchange is None:
            raise AssertionError("a response belongs to an exchange")
        going, self._exchange = self._exchange, None
        try:
            challenge = next(going) if response is None else going.send(response)
        except StopIteration as end:
            await self._log_in(end.value)
        else:
            self._exchange = going
            self._say(334, "", b64encode(challenge).decode())

    async def _log_in(self, credentials: Credentials) -> None:
        doorkeeper, (login, password) = self._house.doorkeeper, credentials
        try:
            avatar = await doorkeeper.by_password(login, password, Channel.SMTP, self._peer)
        except LoginRefused as refusal:
            await self._wrong(refusal)
            return
        if not self.lost:
            self._enter(avatar.customer)

    def _enter(self, customer: Customer) -> None:
        try:
            self._house.sessions.enter(customer.name)
        except TooManySessions as refusal:
            self._house.tell(SessionRefused(Channel.SMTP, self._peer, str(refusal), customer.name))
            self._refuse(refusal)
            self.hang_up()
            return
        self._customer = customer
        self._say(235, "2.7.0", "Logged in.")

    async def _wrong(self, refusal: LoginRefused) -> None:
        """Answer a wrong login after a while, and after too many of them end the session."""
        self._failed_logins += 1
        await deferLater(self._house.clock, REFUSAL_SECONDS)
        if self._failed_logins < self._settings.limits.login_attempts:
            raise refusal
        self._say(421, "4.7.0", f"{refusal} Too many attempts: goodbye.")
        self.hang_up()

    def bad_line(self, reason: str) -> None:
        """Also a response that cannot be read ends the login."""
        self._exchange = None
        super().bad_line(reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._customer is not None:
            self._house.sessions.leave(self._customer.name)
            self._customer = None
