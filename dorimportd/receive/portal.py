"""Who may come in, for all channels alike.

Every refusal looks the same from outside and takes the same work: one text, and a password is hashed
also for a login that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable

from dorimportd.config.keys import PublicKey
from dorimportd.config.secrets import DUMMY_HASH, verify_password
from dorimportd.config.settings import Customer, Settings
from dorimportd.errors import LoginRefused as Refusal
from dorimportd.events import LoginAccepted, LoginRefused, Tell
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.workers import Workers
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel


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

    async def by_password(
        self, login: bytes, password: bytes, channel: Channel, peer: str, *, private: bool = True
    ) -> CustomerAvatar:
        """The customer whose login and password these are, which came encrypted when *private*.

        Raises errors.LoginRefused.
        """
        customer = self._named(login)
        known = customer.password_hash if customer is not None else None
        if customer is not None and customer.require_tls and not private:
            # Whether the password is right is not even looked at, and nobody sees that from outside.
            await self._logins.run(verify_password, password, DUMMY_HASH)
            raise self._refusal(login, channel, peer, "the password came in the clear")
        right = await self._logins.run(verify_password, password, known or DUMMY_HASH)
        if customer is None or known is None or not right:
            wrong = "wrong password" if known else "no password is set"
            raise self._refusal(login, channel, peer, wrong if customer else "no such login")
        return self._enter(customer, login, channel, peer, "password")

    def knows_key(self, login: bytes, blob: bytes, peer: str) -> bool:
        """Whether a login by the public key *blob* could succeed; the signature is not checked yet."""
        customer = self._named(login)
        return customer is not None and self._key(customer, blob, peer) is not None

    def by_key(self, login: bytes, blob: bytes, channel: Channel, peer: str) -> CustomerAvatar:
        """The customer of this login, who has shown to own the private key of *blob*.

        The caller has checked the signature.  Raises errors.LoginRefused.
        """
        customer = self._named(login)
        key = self._key(customer, blob, peer) if customer is not None else None
        if customer is None or key is None:
            reason = "no such login" if customer is None else "not a key of this customer"
            raise self._refusal(login, channel, peer, reason)
        return self._enter(customer, login, channel, peer, f"{key.type} {key.fingerprint}")

    def _named(self, login: bytes) -> Customer | None:
        try:
            return self._settings().by_login(login.decode())
        except UnicodeDecodeError:
            return None

    def _key(self, customer: Customer, blob: bytes, peer: str) -> PublicKey | None:
        for key in customer.keys:
            if key.blob == blob and key.allows_peer(peer):
                return key
        return None

    def _enter(
        self, customer: Customer, login: bytes, channel: Channel, peer: str, method: str
    ) -> CustomerAvatar:
        if not customer.enabled:
            raise self._refusal(login, channel, peer, "the customer is disabled")
        if not customer.allows_peer(peer):
            raise self._refusal(login, channel, peer, "the address is in none of the allowed networks")
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

    def _refusal(self, login: bytes, channel: Channel, peer: str, reason: str) -> Refusal:
        self._tell(LoginRefused(login[:100].decode("utf-8", "backslashreplace"), channel, peer, reason))
        return Refusal()
