"""What the daemon listens with."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress

from dorimportd.receive.house import House
from dorimportd.receive.sftp import algorithms
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
        # test_host_keys_do_not_sign_by_sha_1
        transport.supportedPublicKeys = [
            name for name, kind in algorithms.SIGNATURES.items() if kind in self.privateKeys
        ]
        self._open.add(transport)
        transport.gone.addCallback(lambda _: self._open.discard(transport))
        return transport

    def end_sessions(self, why: str) -> Deferred[None]:
        """End every session; fires when all are gone and their unfinished uploads are kept."""
        left = list(self._open)
        for transport in left:
            transport.disconnect(DISCONNECT_BY_APPLICATION, why)
        return DeferredList([transport.gone for transport in left]).addCallback(lambda _: None)


def sftp_factory(house: House, host_keys: Sequence[Key]) -> SftpFactory:
    """The factory of the SFTP door; *host_keys* are those of host_keys.load_or_make."""
    return SftpFactory(house, host_keys)
