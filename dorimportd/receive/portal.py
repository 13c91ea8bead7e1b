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
from dorimportd.events import AccountGuarded, AddressBanned, LoginAccepted, LoginRefused, Tell
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.defence import REFUSED_KEYS, UNKNOWN_LOGIN, WRONG_PASSWORD, Defence
from dorimportd.receive.workers import Workers
from dorimportd.spool.spool import Spool
from dorimportd.words import Channel, iso_at

GUARDED: Final = (
    "the password is right, but too many wrong ones came from elsewhere, and this address is not known"
)
LONGEST_SHOWN: Final = 100  # bytes of a login, in a log line


class Doorkeeper:
    """Checks logins against the settings of the moment and gives avatars.

    *logins* are threads of their own: hashing is slow on purpose and must not delay uploads.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        defence: Defence,
        spool: Spool,
        workers: Workers,
        logins: Workers,
        tell: Tell,
    ) -> None:
        self._settings = settings
        self._defence = defence
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
        if self._defence.ban_of(peer) is not None:  # since it connected
            raise self.refused(login, channel, peer, "the address is banned")
        customer = self._named(login)
        known = customer.password_hash if customer is not None else None
        if customer is not None and customer.require_tls and not private:
            # Whether the password is right is not even looked at, and nobody sees that from outside.
            await self._logins.run(verify_password, password, DUMMY_HASH)
            raise self.refused(login, channel, peer, "the password came in the clear")
        right = await self._logins.run(verify_password, password, known or DUMMY_HASH)
        if customer is None or known is None or not right:
            wrong = "wrong password" if known else "no password is set"
            raise self.guessed(login, channel, peer, wrong if customer else "no such login")
        if self._defence.accounts.refuses(customer.name, peer):
            raise self.refused(login, channel, peer, GUARDED)
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

    def guessed(self, login: bytes, channel: Channel, peer: str, reason: str) -> Refusal:
        """Tell of a password that was wrong, and hold it against the peer; what is to be raised then."""
        refusal, customer = self.refused(login, channel, peer, reason), self._named(login)
        points = UNKNOWN_LOGIN if customer is None else WRONG_PASSWORD
        self._hold_against(peer, points, f"by {channel} as {shown(login)!r}: {reason}")
        until = self._defence.accounts.guessed(customer.name, peer) if customer is not None else None
        if customer is not None and until is not None:
            self._tell(AccountGuarded(customer.name, iso_at(until)))
        return refusal

    def keys_refused(self, login: bytes, channel: Channel, peer: str) -> None:
        """A session ended in which keys were refused, the last of them for *login*, and nobody came in."""
        self._hold_against(peer, REFUSED_KEYS, f"by {channel} as {shown(login)!r}: its keys were refused")

    def _hold_against(self, peer: str, points: int, what: str) -> None:
        ban = self._defence.failed(peer, points, what)
        if ban is not None:
            self._tell(AddressBanned(ban.address, iso_at(ban.until), ban.why))

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
        self._defence.succeeded(peer, customer.name)
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
        name = customer.name if customer is not None else None
        self._tell(LoginRefused(shown(login), channel, peer, reason, name))
        return Refusal()


def shown(login: bytes) -> str:
    """*login* for a log line."""
    return login[:LONGEST_SHOWN].decode("utf-8", "backslashreplace")
