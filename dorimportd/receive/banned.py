"""A door that an address with a ban does not come through: it is told so in a line, and nothing is read."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from dorimportd.errors import AddressBanned
from dorimportd.receive.defence import Defence
from dorimportd.receive.replies import reply_to
from dorimportd.words import Channel


class TurnedAway(Protocol):
    """Says *line* and ends."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def connectionMade(self) -> None:
        assert self.transport is not None  # Protocol declares it so
        self.transport.write(self._line)
        self.transport.loseConnection()


@implementer(IProtocolFactory)
class GuardedFactory:
    """The door *factory* of *channel*, for those whom *defence* does not ban.

    Where keys are taken, addresses from which a customer has logged in before come in all the same, for their
    passwords to be refused: who shares an address with somebody who guesses still logs in by key.  Where TLS
    comes first, which is *private*, nothing is said to the others: they wait for TLS.
    """

    def __init__(
        self, factory: IProtocolFactory, channel: Channel, defence: Defence, *, private: bool = False
    ) -> None:
        self._factory = factory
        self._takes_keys = channel is Channel.SFTP
        self._line = b"" if private else refusal_line(channel)
        self._defence = defence

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        """A listener's peer has a host."""
        host: str = addr.host  # type: ignore[attr-defined]
        if self._defence.ban_of(host) is None or (self._takes_keys and self._defence.accounts.know(host)):
            return self._factory.buildProtocol(addr)
        return TurnedAway(self._line)


def refusal_line(channel: Channel) -> bytes:
    """How the protocol of *channel* says it; SSH clients show what comes before the version."""
    refusal = AddressBanned()
    reply = reply_to(refusal)
    codes = {Channel.FTP: f"{reply.ftp} ", Channel.SMTP: f"{reply.smtp} {reply.enhanced} "}
    return f"{codes.get(channel, '')}{refusal}\r\n".encode()
