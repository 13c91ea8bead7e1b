"""SSH packets on the wire: cut from what comes, sealed and opened by ciphers.py, and numbered.

An exchange of keys is strict when the client's first KEXINIT says so (OpenSSH's PROTOCOL, section 1.9; ours
always does): each new set of keys then begins at number 0.  Without it whoever sits between the two can put
packets into the first exchange that nobody checks, and take as many away behind it.
"""

# Most of Conch has no types.

from __future__ import annotations

from typing import Any, Final

from twisted.conch.ssh.transport import (
    DISCONNECT_KEY_EXCHANGE_FAILED,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    SSHServerTransport,
)

from dorimportd.events import Tell
from dorimportd.receive.sftp.algorithms import STRICT
from dorimportd.receive.sftp.ciphers import LEAST_PADDING, LENGTH, Direction, Plain
from dorimportd.receive.sftp.directions import WITH_TAG, direction
from dorimportd.receive.sftp.fields import Unreadable
from dorimportd.receive.sftp.offers import Offer, nothing_in_common

LONGEST: Final = 256 << 10  # bytes in a packet, as OpenSSH takes them; RFC 4253 section 6.1 asks for 35,000
NUMBERS: Final = 1 << 32  # of packets; then they begin again at 0


class Encryptions:
    """Both directions under one set of keys, as Conch has them done: it asks for encrypt() + makeMAC()."""

    encBlockSize = 8  # Conch pads for it, and makeMAC pads anew

    def __init__(self, cipher_out: bytes, cipher_in: bytes, mac_out: bytes, mac_in: bytes) -> None:
        self.outCipType, self.inCipType = cipher_out, cipher_in
        self.outMACType, self.inMACType = mac_out, mac_in
        self.incoming: Direction = Plain()
        self.keyed = False  # the keys are there
        self._outgoing: Direction = Plain()

    def setKeys(
        self, outIV: bytes, outKey: bytes, inIV: bytes, inKey: bytes, outInteg: bytes, inInteg: bytes
    ) -> None:
        self._outgoing = direction(
            self.outCipType, self.outMACType, iv=outIV, key=outKey, mac_key=outInteg, opens=False
        )
        self.incoming = direction(
            self.inCipType, self.inMACType, iv=inIV, key=inKey, mac_key=inInteg, opens=True
        )
        self.keyed = True

    def encrypt(self, blocks: bytes) -> bytes:
        """Nothing: where a packet's length is left readable, Conch's padding is wrong."""
        return b""

    def names(self) -> set[bytes]:
        """What is used; a MAC is not, beside a cipher that has its own tag."""
        ways = ((self.outCipType, self.outMACType), (self.inCipType, self.inMACType))
        return {name for cipher, mac in ways for name in ((cipher,) if cipher in WITH_TAG else (cipher, mac))}

    def makeMAC(self, seqid: int, data: bytes) -> bytes:
        """The whole packet *data*, which Conch has padded, sealed."""
        padding = data[LENGTH]
        return self._outgoing.seal(seqid % NUMBERS, data[LENGTH + 1 : -padding])


class PacketTransport(SSHServerTransport):
    """Packets, and their numbers; `strict` says that each new set of keys begins at 0."""

    currentEncryptions: Any  # Encryptions, once Conch has sent its first packet
    nextEncryptions: Any  # Encryptions, from the client's KEXINIT on
    strict = False
    peer = ""  # its address
    tell: Tell

    def __init__(self) -> None:
        self._held = bytearray()  # what came, from the beginning of a packet
        self._length: int | None = None  # of that packet, once it can be read
        self.moved = 0  # bytes under these keys, in both directions

    def connectionMade(self) -> None:
        super().connectionMade()
        self.currentEncryptions = Encryptions(b"none", b"none", b"none", b"none")

    # test_the_ciphers_of_today_are_there
    def ssh_KEXINIT(self, packet: bytes) -> None:
        """Agree as Conch does, or tell what is missing; the ciphers are ours."""
        # Conch knows no cipher without a MAC: it is shown one, which is not used.
        offer = Offer.read(packet).with_macs(self.supportedCiphers, self.supportedMACs)
        if missing := nothing_in_common(self.peer, offer, self._supported()):
            self.tell(missing)
            why = f"There is no {missing.what} in common."
            self.sendDisconnect(DISCONNECT_KEY_EXCHANGE_FAILED, why.encode())
            return
        super().ssh_KEXINIT(offer.written())
        self.otherKexInitPayload = bytes([MSG_KEXINIT]) + packet
        agreed = self.nextEncryptions
        self.nextEncryptions = Encryptions(
            agreed.outCipType, agreed.inCipType, agreed.outMACType, agreed.inMACType
        )

    # test_new_keys_begin_new_numbers_in_a_strict_exchange
    def sendPacket(self, messageType: int, payload: bytes) -> None:
        super().sendPacket(messageType, payload)
        self.moved += len(payload)
        if messageType == MSG_NEWKEYS and self.strict:
            self.outgoingPacketSequence = 0

    def ssh_NEWKEYS(self, packet: bytes) -> None:
        self.moved = 0
        if self.strict:
            self.incomingPacketSequence = 0
        super().ssh_NEWKEYS(packet)

    # test_a_packet_that_comes_in_pieces_is_not_copied_for_each_of_them
    def dataReceived(self, data: bytes) -> None:
        if self.gotVersion:
            self._held += data
        else:
            super().dataReceived(data)
        while (packet := self.next_packet()) is not None:
            self.dispatchMessage(*packet)

    def getPacket(self) -> None:
        """Take what came behind the client's version, which Conch has read."""
        self._held += self.buf
        self.buf = b""

    def next_packet(self) -> tuple[int, bytes] | None:
        """The next packet's kind and payload, None when it has not come whole.

        Raises Unreadable at a length that no packet has, before its bytes are waited for, and Changed.
        """
        way: Direction = self.currentEncryptions.incoming
        number = self.incomingPacketSequence % NUMBERS
        if self._length is None:
            if len(self._held) < way.head:
                return None
            self._length = self._checked(way.length(number, bytes(self._held[: way.head])), way)
        end = LENGTH + self._length + way.tag
        if len(self._held) < end:
            return None
        with memoryview(self._held) as held, held[:end] as packet:
            opened = way.open(number, packet)
        del self._held[:end]
        self.moved += end
        self._length = None
        self.incomingPacketSequence += 1
        return opened[1], payload_of(opened)

    def _supported(self) -> list[list[bytes]]:
        """What we have, as offers.KINDS."""
        both = (self.supportedCiphers, self.supportedMACs, self.supportedCompressions)
        exchanges = [name for name in self.supportedKeyExchanges if name != STRICT]
        return [exchanges, self.supportedPublicKeys, *(names for names in both for _ in range(2))]

    def _checked(self, length: int, way: Direction) -> int:
        if length > LONGEST or length < LEAST_PADDING + 2 or (way.counted + length) % way.block:
            raise Unreadable(f"An SSH packet of {length} bytes cannot be taken.")
        return length


def payload_of(opened: bytes) -> bytes:
    """What stands between the kind, behind the length of the padding, and the padding.  Raises Unreadable."""
    padding = opened[0]
    if not LEAST_PADDING <= padding < len(opened) - 1:
        raise Unreadable("The padding of an SSH packet is wrong.")
    return opened[2:-padding]
