"""When keys are exchanged, and which packets are in turn then (RFC 4253 sections 7 and 9)."""

# Most of Conch has no types.

from __future__ import annotations

from typing import Final

from twisted.conch.ssh.transport import (
    DISCONNECT_PROTOCOL_ERROR,
    MSG_DISCONNECT,
    MSG_EXT_INFO,
    MSG_KEX_DH_GEX_REQUEST,
    MSG_KEXDH_INIT,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    MSG_SERVICE_ACCEPT,
    MSG_SERVICE_REQUEST,
)
from twisted.internet.interfaces import IReactorTime

from dorimportd.receive.sftp.fields import Fields
from dorimportd.receive.sftp.offers import COOKIE, STRICT_CLIENT
from dorimportd.receive.sftp.packets import PacketTransport

FIRST_OF_SERVICES: Final = 50  # below are the packets of the transport itself (RFC 4251 section 7)
NEVER_BETWEEN: Final = (MSG_SERVICE_REQUEST, MSG_SERVICE_ACCEPT, MSG_EXT_INFO)  # during an exchange of keys
EXCHANGES: Final = 10  # of keys in one connection
EXCHANGES_EVERY_SECOND: Final = 5  # and so many more as it lasts; each costs us some milliseconds


class ExchangingTransport(PacketTransport):
    """Keys exchanged in order and not too often, and new ones asked for when many bytes went by the old."""

    renewal_bytes = 1 << 30  # in both directions together, as RFC 4253 section 9 recommends
    renewal_seconds = 3600
    clock: IReactorTime
    ended: str | None = None  # why no more packets are taken

    def __init__(self) -> None:
        super().__init__()
        self._exchanges = 0
        self._exchanging = False  # between the client's KEXINIT and its NEWKEYS
        self._offering = False  # between our KEXINIT and the client's NEWKEYS
        self._began = 0.0  # by the clock
        self._renewed = 0.0  # by the clock

    def connectionMade(self) -> None:
        self._began = self.clock.seconds()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self._renew_keys()

    # test_new_keys_are_asked_for_when_many_bytes_went_by_the_old
    def _renew_keys(self) -> None:
        """Ask for new keys when it is time, which is looked at when the client says something."""
        if self.ended is not None or self._offering:
            return
        age = self.clock.seconds() - self._renewed
        if self.moved >= self.renewal_bytes or age >= self.renewal_seconds:
            self.renewing(True)
            self.sendKexInit()

    def renewing(self, begins: bool) -> None:
        """New keys were asked for, or are there: between the two, answers wait in memory."""

    def sendKexInit(self) -> None:
        super().sendKexInit()
        self._offering = True

    # test_keys_are_not_exchanged_without_end
    def ssh_KEXINIT(self, packet: bytes) -> None:
        self._exchanging = True
        self._exchanges += 1
        if self._exchanges > EXCHANGES + EXCHANGES_EVERY_SECOND * (self.clock.seconds() - self._began):
            self.drop("Keys are exchanged too often.")
            return
        if self._exchanges == 1 and STRICT_CLIENT in Fields(packet[COOKIE:]).string().split(b","):
            self.strict = True
            # test_a_strict_exchange_takes_nothing_but_its_own_packets: not even before it
            if self.incomingPacketSequence > 1:
                self.drop("A packet came out of turn.")
                return
        super().ssh_KEXINIT(packet)

    def ssh_NEWKEYS(self, packet: bytes) -> None:
        self._exchanging = self._offering = False
        self._renewed = self.clock.seconds()
        super().ssh_NEWKEYS(packet)
        self.renewing(False)

    def in_turn(self, kind: int) -> bool:
        """Whether a client may send a packet of this kind now (RFC 4253 section 7.1).

        Conch takes any at any time: requests before there are keys, new keys that nobody agreed on, those of
        a group exchange (RFC 4419), which is not offered and is in turn only as a wrong guess, and requests
        during an exchange of keys, whose answers then wait in memory without end.
        """
        if kind == MSG_KEXINIT:
            return not self._exchanging
        if MSG_KEXINIT < kind < FIRST_OF_SERVICES:
            agreed = self._exchanging and self.nextEncryptions.keyed
            if kind == MSG_NEWKEYS:
                return agreed
            guess = kind == MSG_KEX_DH_GEX_REQUEST and bool(self.ignoreNextPacket)
            return self._exchanging and not agreed and (kind == MSG_KEXDH_INIT or guess)
        if self.strict and self._exchanging and self._exchanges == 1:
            return kind == MSG_DISCONNECT
        between = self.sessionID is None or self._exchanging
        return not between or (kind < MSG_KEXINIT and kind not in NEVER_BETWEEN)

    def disconnect(self, code: int, why: str) -> None:
        """End the connection; *code* is of RFC 4253 section 11.1."""
        self.sendDisconnect(code, why.encode())

    def drop(self, why: str) -> None:
        """End the connection because of what the client sent."""
        self.disconnect(DISCONNECT_PROTOCOL_ERROR, why)
