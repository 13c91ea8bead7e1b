"""The login: password and public key (RFC 4252), decided by the doorkeeper.

Requests are answered one after the other, as section 5 demands, so that one connection has one password
hashed at a time.  Every refusal looks the same, and one that could be a guess comes late.

Conch's own service asks a portal of twisted.cred, takes keys that are too short and signatures by
SHA-1, and says of a key of anybody that it would do; so nothing of it is left here.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol

from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.service import SSHService
from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE,
)
from twisted.conch.ssh.userauth import MSG_USERAUTH_FAILURE, MSG_USERAUTH_PK_OK, MSG_USERAUTH_REQUEST
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from dorimportd.errors import LoginRefused as Refusal
from dorimportd.events import Fault, SessionEnded
from dorimportd.receive.avatar import CustomerAvatar
from dorimportd.receive.house import House
from dorimportd.receive.portal import shown
from dorimportd.receive.sftp import algorithms
from dorimportd.receive.sftp.fields import Fields, Unreadable, string
from dorimportd.receive.sftp.mended import SILENT
from dorimportd.words import Channel

METHODS: Final = b"publickey,password"
NEXT_SERVICE: Final = b"ssh-connection"
LONGEST_PASSWORD: Final = 1024  # bytes
WAITING: Final = 10  # requests at most that came before the last was answered
MOST_KEYS: Final = 20  # refused in one session; each has its line in the log
REFUSAL_SECONDS: Final = 1  # before a guess is answered


class LoginTransport(Protocol):
    """What the login needs of its connection."""

    sessionID: bytes
    peer: str
    ended: str | None
    offered: algorithms.Offered
    signed_by: bytes | None

    def sendPacket(self, messageType: int, payload: bytes) -> None: ...
    def disconnect(self, code: int, why: str) -> None: ...
    def drop(self, why: str) -> None: ...


class LoginService(SSHService):
    """The service ssh-userauth.  *enter* is called with who has logged in."""

    name = b"ssh-userauth"
    protocolMessages = {MSG_USERAUTH_REQUEST: "MSG_USERAUTH_REQUEST"}  # noqa: RUF012 - Conch's own way
    transport: LoginTransport  # type: ignore[assignment]  # Conch says any transport
    _log = SILENT

    def __init__(self, house: House, enter: Callable[[CustomerAvatar], None]) -> None:
        self._house = house
        self._enter = enter
        self._waiting: deque[bytes] = deque()
        self._answering = False
        self._over = False
        self._failed = 0  # logins that could have been guesses
        self._keys_refused: set[bytes] = set()  # digests of login, key and reason
        self._login_of_keys: bytes | None = None  # for which the last of them was refused
        self._entered = False

    def serviceStopped(self) -> None:
        self._over = True
        if self._login_of_keys is not None and not self._entered:
            self._house.doorkeeper.keys_refused(self._login_of_keys, Channel.SFTP, self.transport.peer)

    def ssh_USERAUTH_REQUEST(self, packet: bytes) -> None:
        self._waiting.append(packet)
        if len(self._waiting) > WAITING:
            raise Unreadable("Too many login requests came at once.")
        if not self._answering:
            Deferred.fromCoroutine(self._answer_all())

    async def _answer_all(self) -> None:
        self._answering = True
        try:
            while self._waiting and not self._gone():
                await self._answer(self._waiting.popleft())
        except Unreadable as error:
            self.transport.drop(str(error))
        except Exception as error:  # noqa: BLE001 - the door's border: a defect of ours, told
            self._house.tell(Fault("an SFTP login", error, traceback.format_exc()))
            self.transport.disconnect(DISCONNECT_BY_APPLICATION, "The server failed.")
        finally:
            self._answering = False

    async def _answer(self, packet: bytes) -> None:
        fields = Fields(packet)
        login, service, method = fields.string(), fields.string(), fields.string()
        if service != NEXT_SERVICE:
            raise Unreadable("Only the service ssh-connection is offered here.")
        try:
            if method == b"password":
                self._succeed(await self._by_password(login, fields))
            elif method == b"publickey":
                await self._by_key(login, fields)
            else:
                self._fail()
        except Refusal:
            await self._refuse()

    async def _by_password(self, login: bytes, fields: Fields) -> CustomerAvatar:
        """Who this is.  Raises Refusal (section 8)."""
        changes, password = fields.boolean(), fields.string()
        doorkeeper, peer = self._house.doorkeeper, self.transport.peer
        if changes:
            raise doorkeeper.refused(login, Channel.SFTP, peer, "the client wants to change the password")
        if len(password) > LONGEST_PASSWORD:
            raise doorkeeper.guessed(login, Channel.SFTP, peer, "the password is too long")
        return await doorkeeper.by_password(login, password, Channel.SFTP, peer)

    async def _by_key(self, login: bytes, fields: Fields) -> None:
        """Say whether a key would do, or let its owner in.  Raises Refusal (section 7)."""
        signed, algorithm, blob = fields.boolean(), fields.string(), fields.string()
        peer = self.transport.peer
        signature = fields.string() if signed else b""
        reason = self._house.doorkeeper.why_not(login, blob, peer)
        if reason is not None:
            self._key_refused(login, blob, reason)
            if signed:
                raise Refusal
            self._fail()  # at once: an agent offers all keys that it has
            return
        if self.transport.offered.signatures.get(algorithm) != Fields(blob).string():
            raise self._key_refused(login, blob, f"signatures by {shown(algorithm)} are not taken")
        if not signed:
            self.transport.sendPacket(MSG_USERAUTH_PK_OK, string(algorithm) + string(blob))
            return
        if not await self._house.workers.run(
            is_signed, self._signed(login, algorithm, blob), signature, algorithm, blob
        ):
            raise self._key_refused(login, blob, "the signature is wrong")
        self.transport.signed_by = algorithm
        self._succeed(self._house.doorkeeper.by_key(login, blob, Channel.SFTP, peer))

    def _signed(self, login: bytes, algorithm: bytes, blob: bytes) -> bytes:
        """What a client signs."""
        return (
            string(self.transport.sessionID)
            + bytes([MSG_USERAUTH_REQUEST])
            + b"".join(map(string, (login, NEXT_SERVICE, b"publickey")))
            + b"\1"
            + string(algorithm)
            + string(blob)
        )

    def _gone(self) -> bool:
        return self._over or self.transport.ended is not None

    def _succeed(self, avatar: CustomerAvatar) -> None:
        if not self._gone():
            self._entered = True
            self._enter(avatar)

    async def _refuse(self) -> None:
        self._failed += 1
        await deferLater(self._house.clock, REFUSAL_SECONDS)
        if self._failed >= self._house.settings().limits.login_attempts:
            self._end(f"{self._failed} logins failed")
        else:
            self._fail()

    def _end(self, reason: str) -> None:
        if not self._gone():
            self._house.tell(SessionEnded(Channel.SFTP, self.transport.peer, reason))
            self.transport.disconnect(DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many logins failed.")

    def _fail(self) -> None:
        if not self._gone():
            self.transport.sendPacket(MSG_USERAUTH_FAILURE, string(METHODS) + b"\0")

    def _key_refused(self, login: bytes, blob: bytes, reason: str) -> Refusal:
        """Tell it once for each key and reason; a client that has ever more of them has guessed enough."""
        told = sha256(b"".join(map(string, (login, blob, reason.encode())))).digest()
        if told not in self._keys_refused:
            self._keys_refused.add(told)
            self._login_of_keys = login
            self._house.doorkeeper.refused(login, Channel.SFTP, self.transport.peer, reason)
        if len(self._keys_refused) >= MOST_KEYS:
            self._end(f"{len(self._keys_refused)} keys were refused")
        return Refusal()


def is_signed(signed: bytes, signature: bytes, algorithm: bytes, blob: bytes) -> bool:
    """Whether *signature* is one of *signed* by the key *blob* and by *algorithm*, and no other.

    A key that is too short for its kind signs nothing.  *algorithm* is one of algorithms.SIGNATURES.
    """
    fields = Fields(signature)
    named, _ = fields.string(), fields.string()
    key = Key.fromString(blob, type="blob")
    if named != algorithm or (key.type() == "RSA" and key.size() < algorithms.RSA_BITS):
        return False
    return bool(key.verify(signature, signed))
