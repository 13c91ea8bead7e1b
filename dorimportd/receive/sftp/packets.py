"""SSH packets on the wire: numbered anew with each set of keys where both sides want it.

An exchange of keys is strict when the client's first KEXINIT says so (OpenSSH's PROTOCOL, section 1.9; ours
always does).  Without it whoever sits between the two can put packets into the first exchange that nobody
checks, and take as many away behind it.
"""

# Most of Conch has no types.

from __future__ import annotations

from typing import Final

from twisted.conch.ssh.transport import MSG_NEWKEYS, SSHServerTransport

STRICT_CLIENT: Final = b"kex-strict-c-v00@openssh.com"


class PacketTransport(SSHServerTransport):
    """Packets, and their numbers; `strict` says that each new set of keys begins at 0."""

    strict = False

    # test_new_keys_begin_new_numbers_in_a_strict_exchange
    def sendPacket(self, messageType: int, payload: bytes) -> None:
        super().sendPacket(messageType, payload)
        if messageType == MSG_NEWKEYS and self.strict:
            self.outgoingPacketSequence = 0

    def ssh_NEWKEYS(self, packet: bytes) -> None:
        if self.strict:
            self.incomingPacketSequence = 0
        super().ssh_NEWKEYS(packet)
