"""What the daemon listens with."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import copy
from typing import Any

from cryptography.utils import CryptographyDeprecationWarning
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress

from dorimportd.receive.addresses import plain_address
from dorimportd.receive.house import House
from dorimportd.receive.sftp.algorithms import Offered, offered
from dorimportd.receive.sftp.mended import SILENT
from dorimportd.receive.sftp.transport import SftpTransport


class SftpFactory(SSHFactory):
    """The SFTP door."""

    noisy = False
    _log = SILENT

    def __init__(self, house: House, host_keys: Sequence[Key]) -> None:
        self._house = house
        self._open: set[SftpTransport] = set()
        self.take_keys(host_keys)

    def take_keys(self, host_keys: Sequence[Key]) -> None:
        """Have these host keys, for the sessions that come from now on."""
        self.privateKeys = {key.sshType(): key for key in host_keys}
        self.publicKeys = {key.sshType(): key.public() for key in host_keys}

    def buildProtocol(self, addr: IAddress | None) -> SftpTransport:
        transport = SftpTransport(self._house)
        # As it is now: a session exchanges keys again and again, and its client knows but one host key.
        transport.factory = copy(self)
        transport.offer(self._offered(addr))
        self._open.add(transport)
        transport.gone.addCallback(lambda _: self._open.discard(transport))
        return transport

    def _offered(self, peer: Any) -> Offered:
        settings = self._house.settings()
        legacy = settings.legacy_algorithms(plain_address(peer.host)) if peer is not None else ()
        return offered(modern_only=settings.sftp.modern_only, legacy=legacy)

    def end_sessions(self, why: str) -> Deferred[None]:
        """End every session; fires when all are gone and their unfinished uploads are kept."""
        left = list(self._open)
        for transport in left:
            transport.disconnect(DISCONNECT_BY_APPLICATION, why)
        return DeferredList([transport.gone for transport in left]).addCallback(lambda _: None)


def sftp_factory(house: House, host_keys: Sequence[Key]) -> SftpFactory:
    """The factory of the SFTP door; *host_keys* are those of host_keys.load_or_make."""
    # Who allows an old client diffie-hellman-group14-sha1 knows that it is old.
    warnings.filterwarnings("ignore", "Diffie-Hellman over finite fields", CryptographyDeprecationWarning)
    return SftpFactory(house, host_keys)
