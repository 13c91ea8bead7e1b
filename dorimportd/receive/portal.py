"""Who may come in, for all channels alike.

Every refusal looks the same from outside and takes the same work: one text, and a password is hashed
also for a login that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dorimportd.config.keys import fingerprint
from dorimportd.config.secrets import DUMMY_HASH, verify_password
from dorimportd.config.settings import Customer, Settings
from dorimportd.errors import LoginRefused as Refusal
from dorimportd.events import LoginAccepted, LoginRefused, Tell
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.workers import Workers
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel

LONGEST_SHOWN: Final = 100  # bytes of a login, in a log line


class Doorkeeper:
    """Checks logins against the settings of the moment and gives avatars.

    *logins* are threads of their own: hashing is slow on purpose and must not delay uploads.
    """

    def __init__(
        self, settings: Callable[[], Settings], *, spool: Spool, workers: Workers, logins: Workers, tell: Tell
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._workers = workers
        self._logins = logins
        self._tell = tell

    async def by_password(self, login: bytes, password: bytes, channel: Channel, peer: str) -> CustomerAvatar:
        """The customer whose login and password these are.  Raises errors.LoginRefused."""
        customer = self._named(login)
        known = customer.password_hash if customer is not None else None
        right = await self._logins.run(verify_password, password, known or DUMMY_HASH)
        if customer is None or known is None or not right:
            wrong = "wrong password" if known else "no password is set"
            raise self.refused(login, channel, peer, wrong if customer else "no such login")
        return self._enter(customer, login, channel, peer, "password")

    def why_not(self, login: bytes, blob: bytes, peer: str) -> str | None:
        """Why a login by the public key *blob* cannot succeed; None when it could with a signature."""
        customer, shown = self._named(login), f"key {fingerprint(blob)}"
        if customer is None:
            return f"no such login ({shown})"
        keys = [key for key in customer.keys if key.blob == blob]
        if not keys:
            return f"{shown} is not in this customer's file"
        if not any(key.allows_peer(peer) for key in keys):
            return f"{shown}: its from= does not allow {peer}"
        return None

    def by_key(self, login: bytes, blob: bytes, channel: Channel, peer: str) -> CustomerAvatar:
        """The customer of this login, who has shown to own the private key of *blob*.

        The caller has checked the signature.  Raises errors.LoginRefused.
        """
        customer, reason = self._named(login), self.why_not(login, blob, peer)
        if customer is None or reason is not None:  # a reload may have come since it was asked
            raise self.refused(login, channel, peer, reason or "no such login")
        key = next(key for key in customer.keys if key.blob == blob)
        return self._enter(customer, login, channel, peer, f"{key.type} {key.fingerprint}")

    def _named(self, login: bytes) -> Customer | None:
        try:
            return self._settings().by_login(login.decode())
        except UnicodeDecodeError:
            return None

    def _enter(
        self, customer: Customer, login: bytes, channel: Channel, peer: str, method: str
    ) -> CustomerAvatar:
        if not customer.enabled:
            raise self.refused(login, channel, peer, "the customer is disabled")
        if not customer.allows_peer(peer):
            raise self.refused(login, channel, peer, "the address is in none of the allowed networks")
        self._tell(LoginAccepted(customer.name, channel, peer, method))
        return CustomerAvatar(
            customer,
            channel,
            peer,
            may_send=lambda: self._may_send(customer.name),
            spool=self._spool,
            workers=self._workers,
            tell=self._tell,
        )

    def _may_send(self, name: str) -> bool:
        """Whether the customer is still there and enabled: a session may be older than that."""
        customer = self._settings().customer(name)
        return customer is not None and customer.enabled

    def refused(self, login: bytes, channel: Channel, peer: str, reason: str) -> Refusal:
        """Tell of a refused login; what is to be raised then."""
        customer = self._named(login)
        shown = login[:LONGEST_SHOWN].decode("utf-8", "backslashreplace")
        self._tell(LoginRefused(shown, channel, peer, reason, customer.name if customer else None))
        return Refusal()
