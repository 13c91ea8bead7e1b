"""Conch's classes without their defects: one override each; tests/stock/test_sftp.py proves each.

Whatever a client sends that Conch would trip over ends the connection, with a word to the client, and
leaves no traceback.
"""

# Most of Conch has no types.

from __future__ import annotations

import struct
import traceback
from collections.abc import Callable
from typing import Any, Final

from twisted.conch.error import ConchError
from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_SUCCESS,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    OPEN_RESOURCE_SHORTAGE,
    SSHConnection,
)
from twisted.conch.ssh.transport import (
    DISCONNECT_BY_APPLICATION,
    DISCONNECT_MAC_ERROR,
)
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure

from dorimportd.events import Fault, Tell
from dorimportd.receive.sftp import algorithms
from dorimportd.receive.sftp.algorithms import STRICT, Offered
from dorimportd.receive.sftp.ciphers import Changed
from dorimportd.receive.sftp.exchanges import ExchangingTransport
from dorimportd.receive.sftp.fields import UINT32, Fields, Unreadable
from dorimportd.receive.sftp.flow import Flow

# test_a_log_without_an_observer_keeps_nothing_alive; a line for each packet would slow every upload too.
SILENT: Final = Logger("dorimportd.receive.sftp", observer=LogPublisher())

# What Conch's own reading raises at packets that do not follow the protocol.
TRIPPED: Final = (LookupError, TypeError, ValueError, struct.error)
LEAST_PACKET: Final = 1024  # bytes that a client must take in one SSH packet, since each has its price
CHANNELS: Final = 10  # open at a time on one connection
LAST_WORDS_SECONDS: Final = 10  # for the client to take them


class MendedTransport(ExchangingTransport):
    """SSH packets in their order; `ended` says why no more are taken."""

    transport: Any  # a TCP connection
    _log = SILENT
    ourVersionString = algorithms.VERSION
    # test_no_compression_is_offered
    supportedCompressions = algorithms.COMPRESSIONS

    def __init__(self, *, clock: IReactorTime, tell: Tell) -> None:
        super().__init__()
        self.clock = clock
        self.tell = tell
        self.flow = Flow()
        self._paused = False  # the client does not take what it is sent
        self._renewing = False  # new keys were asked for
        self._abort: IDelayedCall | None = None

    def offer(self, offered: Offered) -> None:
        """Agree on nothing else from here on, as far as there are host keys for it."""
        self.offered = offered
        self.supportedKeyExchanges = [*offered.key_exchanges, STRICT]
        # test_host_keys_do_not_sign_by_sha_1
        self.supportedPublicKeys = [
            name for name, kind in offered.signatures.items() if kind in self.factory.privateKeys
        ]
        self.supportedCiphers = list(offered.ciphers)
        self.supportedMACs = list(offered.macs)

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        # test_a_client_that_takes_nothing_is_not_read
        self.transport.registerProducer(self, True)
        super().connectionMade()

    def pauseProducing(self) -> None:
        """The client does not take what it is sent."""
        self._paused = True
        self._hold_or_go_on()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """It has taken it."""
        self._paused = False
        self.transport.resumeProducing()
        self._hold_or_go_on()

    def stopProducing(self) -> None:
        """The connection is lost, as connectionLost will say."""

    # test_while_new_keys_are_waited_for_nothing_is_begun
    def renewing(self, begins: bool) -> None:
        self._renewing = begins
        self._hold_or_go_on()

    def _hold_or_go_on(self) -> None:
        self.flow.congested(self._paused or self._renewing)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._abort is not None and self._abort.active():
            self._abort.cancel()
        self.ended = self.ended or "the connection was lost"
        super().connectionLost(reason)

    # test_packets_that_cannot_be_read_end_the_connection_without_a_traceback
    def dataReceived(self, data: bytes) -> None:
        if self.ended is not None:
            return
        try:
            super().dataReceived(data)
        except Unreadable as error:
            self.drop(str(error))
        except Changed:
            self.disconnect(DISCONNECT_MAC_ERROR, "A packet was changed on its way.")
        except TRIPPED:
            self.drop("A packet could not be read.")
        except Exception as error:  # noqa: BLE001 - the door's border: a defect of ours, told
            self.tell(Fault("the SFTP door", error, traceback.format_exc()))
            self.disconnect(DISCONNECT_BY_APPLICATION, "The server failed.")

    def next_packet(self) -> tuple[int, bytes] | None:
        return None if self.ended is not None else super().next_packet()

    # test_packets_out_of_turn_end_the_connection
    def dispatchMessage(self, messageNum: int, payload: bytes) -> None:
        if self.in_turn(messageNum):
            super().dispatchMessage(messageNum, payload)
        else:
            self.drop("A packet came out of turn.")

    # test_the_signatures_that_are_named_do_not_depend_on_the_host_key
    def sendExtInfo(self, extensions: object) -> None:
        super().sendExtInfo([(b"server-sig-algs", b",".join(self.offered.signatures))])

    # test_a_client_that_does_not_take_the_last_words_is_gone_all_the_same
    def sendDisconnect(self, reason: int, desc: bytes | str) -> None:
        if self.ended is None:
            self._end(desc if isinstance(desc, str) else desc.decode("utf-8", "backslashreplace"))
            super().sendDisconnect(reason, desc)

    def ssh_DISCONNECT(self, packet: bytes) -> None:
        self._end("the client ended the connection")
        self.transport.loseConnection()

    def _end(self, why: str) -> None:
        """No more is taken, and the connection will be lost, whether or not the client takes what is left."""
        self.ended = why
        self.transport.unregisterProducer()
        self._abort = self.clock.callLater(LAST_WORDS_SECONDS, self.transport.abortConnection)


class MendedConnection(SSHConnection):
    """SSH channels: sessions only, a few at a time, each request answered."""

    transport: Any  # the MendedTransport that it is on
    _log = SILENT

    def __init__(self, make_channel: Callable[[int, int], SSHChannel]) -> None:
        super().__init__()
        self._make_channel = make_channel

    # test_only_a_few_session_channels_are_opened
    def getChannel(self, channelType: bytes, windowSize: int, maxPacket: int, data: bytes) -> SSHChannel:
        if channelType != b"session" or maxPacket < LEAST_PACKET:
            raise ConchError("Only SFTP is offered here.", OPEN_ADMINISTRATIVELY_PROHIBITED)
        if len(self.channels) >= CHANNELS:
            raise ConchError("There are too many channels.", OPEN_RESOURCE_SHORTAGE)
        channel = self._make_channel(windowSize, maxPacket)
        channel.conn = self
        return channel

    # test_global_requests_fail_quietly
    def gotGlobalRequest(self, requestType: bytes, data: bytes) -> int:
        return 0

    # test_the_window_is_given_back_when_bytes_are_done_with
    def ssh_CHANNEL_DATA(self, packet: bytes) -> None:
        fields = Fields(packet)
        channel = self.channels[fields.uint32()]
        content = fields.content()
        self._take(channel, len(content))
        channel.dataReceived(content)

    def ssh_CHANNEL_EXTENDED_DATA(self, packet: bytes) -> None:
        fields = Fields(packet)
        channel = self.channels[fields.uint32()]
        kind, content = fields.uint32(), fields.string()
        self._take(channel, len(content))
        channel.extReceived(kind, content)

    # test_requests_for_anything_but_sftp_fail_quietly
    def ssh_CHANNEL_REQUEST(self, packet: bytes) -> None:
        fields = Fields(packet)
        number = fields.uint32()
        kind, answer_wanted = fields.string(), fields.boolean()
        accepted = self.channels[number].requestReceived(kind, fields.rest())
        if answer_wanted:
            answer = MSG_CHANNEL_SUCCESS if accepted else MSG_CHANNEL_FAILURE
            self.transport.sendPacket(answer, UINT32.pack(self.localToRemoteChannel[number]))

    def _take(self, channel: Any, size: int) -> None:
        if size > min(channel.localWindowLeft, channel.localMaxPacket):
            raise Unreadable("More was sent than there was room for.")
        channel.localWindowLeft -= size
