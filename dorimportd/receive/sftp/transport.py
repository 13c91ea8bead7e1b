"""One connection: counted from its first byte, timed, logged in once, and gone without a trace."""

# Most of Conch has no types.

from __future__ import annotations

from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_KEY_EXCHANGE_FAILED,
    DISCONNECT_SERVICE_NOT_AVAILABLE,
    DISCONNECT_TOO_MANY_CONNECTIONS,
    MSG_SERVICE_ACCEPT,
)
from twisted.conch.ssh.userauth import MSG_USERAUTH_SUCCESS
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from dorimportd.config.settings import Customer
from dorimportd.errors import TooManySessions
from dorimportd.events import SessionEnded, SessionRefused
from dorimportd.receive.addresses import plain_address
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.house import CROWDED, NO_LOGIN, House
from dorimportd.receive.limits import Stranger
from dorimportd.receive.sftp.algorithms import offered
from dorimportd.receive.sftp.channel import SftpChannel
from dorimportd.receive.sftp.fields import Fields, string
from dorimportd.receive.sftp.login import LoginService
from dorimportd.receive.sftp.mended import MendedConnection, MendedTransport
from dorimportd.receive.sftp.server import Outlet, SftpServer
from dorimportd.receive.sftp.session import SftpSession
from dorimportd.words import Channel


class SftpTransport(MendedTransport):
    """A connection to the SFTP door.  `gone` fires when it is lost and what it had open is kept."""

    def __init__(self, house: House) -> None:
        super().__init__(clock=house.clock, tell=house.tell)
        self.signed_by: bytes | None = None  # the algorithm of the login by a key
        self.gone: Deferred[None] = Deferred()
        self._house = house
        self._counted = False
        self._stranger: Stranger | None = None
        self._customer: str | None = None  # who has logged in
        self._timer: IDelayedCall | None = None
        self._heard = 0.0  # when the client was last heard of, by the clock
        self._endings: set[Deferred[None]] = set()  # channels that are still being put away

    def connectionMade(self) -> None:
        self.peer = plain_address(self.transport.getPeer().host)
        try:
            self._house.sessions.open(self.peer)
        except TooManySessions as refusal:
            self._turn_away(refusal)
            return
        self._counted = True
        self._stranger = self._house.sessions.strangers.add(self.peer, self._crowded_out)
        # test_a_connection_that_does_not_log_in_is_ended: from here on, not only once there are keys.
        self._timer = self.clock.callLater(self._house.settings().limits.login_seconds, self._too_slow)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self._heard = self.clock.seconds()
        super().dataReceived(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._house.sessions.strangers.forget(self._stranger)
        if self._counted:
            self._house.sessions.close(self.peer)
        if self._customer is not None:
            self._house.sessions.leave(self._customer)
        DeferredList(list(self._endings)).addCallback(lambda _: self.gone.callback(None))

    # test_one_connection_logs_in_once
    def ssh_SERVICE_REQUEST(self, packet: bytes) -> None:
        name = Fields(packet).string()
        if name != LoginService.name or self.service is not None:
            self.disconnect(DISCONNECT_SERVICE_NOT_AVAILABLE, "This service is not offered here.")
            return
        self.sendPacket(MSG_SERVICE_ACCEPT, string(name))
        self.setService(LoginService(self._house, self._enter))

    def _enter(self, avatar: CustomerAvatar) -> None:
        """The customer of *avatar* has logged in."""
        customer = avatar.customer.name
        if weak := self._not_allowed(avatar.customer):
            reason = f"{customer} may not use {weak}, which its legacy_algorithms do not name"
            self.tell(SessionRefused(Channel.SFTP, self.peer, reason, customer))
            self.disconnect(DISCONNECT_KEY_EXCHANGE_FAILED, f"{weak} may not be used here.")
            return
        try:
            self._house.sessions.enter(customer)
        except TooManySessions as refusal:
            self.tell(SessionRefused(Channel.SFTP, self.peer, f"{customer} has too many sessions", customer))
            self.disconnect(DISCONNECT_TOO_MANY_CONNECTIONS, str(refusal))
            return
        self._customer = customer
        self._house.sessions.strangers.forget(self._stranger)
        if self._timer is not None:
            self._timer.cancel()
        self._check_idle()
        self.sendPacket(MSG_USERAUTH_SUCCESS, b"")
        self.setService(MendedConnection(lambda window, packet: self._channel(avatar, window, packet)))

    # test_what_one_customer_is_allowed_no_other_is
    def _not_allowed(self, customer: Customer) -> str:
        """What was agreed on before it was known that this is *customer*, and is for others; "" for nothing.

        From here on nothing else is agreed on.
        """
        settings = self._house.settings()
        self.offer(
            offered(modern_only=settings.sftp.modern_only, legacy=frozenset(customer.legacy_algorithms))
        )
        used = {self.kexAlg, self.keyAlg, *self.currentEncryptions.names()}
        if self.signed_by is not None:
            used.add(self.signed_by)
        return ", ".join(sorted(name.decode() for name in used - self.offered.all()))

    def _channel(self, avatar: CustomerAvatar, window: int, packet: int) -> SftpChannel:
        return SftpChannel(
            window, packet, serve=lambda outlet: self._serve(avatar, outlet), ending=self._ending
        )

    def _serve(self, avatar: CustomerAvatar, outlet: Outlet) -> SftpServer:
        session = SftpSession(avatar, self._house.workers)
        rate = self._house.settings().limits.minimum_rate
        return SftpServer(session, outlet, flow=self.flow, clock=self.clock, tell=self.tell, rate=rate)

    def _ending(self, ended: Deferred[None]) -> None:
        self._endings.add(ended)
        ended.addBoth(lambda _: self._endings.discard(ended))

    def _turn_away(self, refusal: TooManySessions) -> None:
        """Say it in a line before the version, which clients show (RFC 4253 section 4.2)."""
        self.tell(SessionRefused(Channel.SFTP, self.peer, "too many sessions"))
        self.ended = str(refusal)
        self.transport.write(f"{refusal}\r\n".encode())
        self.transport.loseConnection()

    def _crowded_out(self) -> None:
        self.tell(SessionEnded(Channel.SFTP, self.peer, CROWDED))
        self.disconnect(DISCONNECT_TOO_MANY_CONNECTIONS, str(TooManySessions()))

    def _too_slow(self) -> None:
        self.tell(SessionEnded(Channel.SFTP, self.peer, NO_LOGIN))
        self.disconnect(DISCONNECT_BY_APPLICATION, "The login took too long.")

    def _check_idle(self) -> None:
        """End the session where nothing came for too long, while nothing was being done for it."""
        now = self.clock.seconds()
        if not self.flow.idle:
            self._heard = now
        left = self._heard + self._house.settings().limits.idle_seconds - now
        if left <= 0:
            self.disconnect(DISCONNECT_BY_APPLICATION, "Nothing came for too long.")
        else:
            self._timer = self.clock.callLater(left, self._check_idle)
