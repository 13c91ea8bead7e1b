"""The SFTP subsystem: requests are begun in the order in which they came, and every one is answered.

A request that cannot be read is answered too, and then the connection ends: a client that has lost its
place may believe to have sent what never came.  All this knows of SSH is an outlet.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable
from typing import Final, Protocol

from twisted.conch.ssh.filetransfer import (
    FX_BAD_MESSAGE,
    FX_FAILURE,
    FXP_CLOSE,
    FXP_INIT,
    FXP_WRITE,
    SFTPError,
)
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from dorimportd.errors import NotAccepted
from dorimportd.events import Fault, Tell
from dorimportd.instants import reach
from dorimportd.receive.pace import Pace
from dorimportd.receive.replies import reply_to
from dorimportd.receive.sftp.fields import Unreadable
from dorimportd.receive.sftp.flow import Flow
from dorimportd.receive.sftp.requests import ADVERTISED, understood, weight
from dorimportd.receive.sftp.session import SftpSession
from dorimportd.receive.sftp.wire import VERSION, Answer, Packet, Packets, status, version

AT_ONCE: Final = 100  # requests begun before others in the house have their turn


class Outlet(Protocol):
    """What leads back to the client."""

    @property
    def writable(self) -> bool:
        """Whether the client takes more just now."""

    def write(self, data: bytes) -> None: ...

    def taken(self, size: int) -> None:
        """*size* bytes of what came are done with: the client may send as many more."""

    def drop(self, why: str) -> None:
        """End the connection, because of what the client sent."""


class SftpServer:
    """One subsystem.  Call `go_on` whenever the outlet becomes writable again."""

    def __init__(
        self,
        session: SftpSession,
        outlet: Outlet,
        *,
        flow: Flow,
        clock: IReactorTime,
        tell: Tell,
        rate: int = 0,
    ) -> None:
        self._session = session
        self._outlet = outlet
        self._flow = flow
        self._clock = clock
        self._tell = tell
        self._pace = Pace(clock, rate, self._too_slow)
        self._packets = Packets()
        self._greeted = False
        self._beginning = False
        self._stopped = False  # nothing more is begun
        self._open = 0  # requests begun and not answered
        self._answers: list[tuple[Packet, Answer]] = []  # that go out together, very soon
        self._finished: Deferred[None] | None = None  # fires when all that came is answered
        self._quiet: Deferred[None] | None = None  # fires when all that was begun is answered

    def received(self, content: bytes | memoryview) -> None:
        """*content* came from the client."""
        self._packets.feed(content)
        self.go_on()

    def finish(self) -> Deferred[None]:
        """No more comes: fires when all that came is answered."""
        finished: Deferred[None] = Deferred()
        self._finished = finished
        self.go_on()
        return finished

    def end(self, reason: str) -> Deferred[None]:
        """The client is gone; fires when all that was begun has ended and what was open is kept."""
        self._stopped = True
        return Deferred.fromCoroutine(self._end(reason))

    def go_on(self) -> None:
        """Begin what came, as long as there is room for it and for its answers."""
        if self._beginning or self._stopped:
            return
        self._beginning = True
        try:
            more = self._begin_some()
        except Unreadable as error:
            self._stop(str(error))
            return
        except Exception as error:  # noqa: BLE001 - the door's border: a defect of ours, told
            self._tell(Fault("an SFTP session", error, traceback.format_exc()))
            self._stop("The server failed.")
            return
        finally:
            self._beginning = False
        if more and not self._answers:  # after which it goes on
            self._clock.callLater(0, self.go_on)

    def _stop(self, why: str) -> None:
        self._stopped = True
        self._send_answers()
        self._outlet.drop(why)

    def _too_slow(self, why: str) -> None:
        """Raises Unreadable."""
        raise Unreadable(f"{why.capitalize()}.")

    def _begin_some(self) -> bool:
        """Whether it stopped only for others to have their turn.  Raises Unreadable."""
        for _ in range(AT_ONCE):
            if not self._flow.has_room:
                self._flow.wait(self.go_on)
                return False
            if not self._outlet.writable:
                return False
            packet = self._packets.next()
            if packet is None:
                self._check_finished()
                return False
            self._begin(packet)
        return True

    def _begin(self, packet: Packet) -> None:
        """Raises Unreadable."""
        if not self._greeted or packet.kind == FXP_INIT:
            self._greet(packet)
            return
        try:
            ask = understood(packet)
        except Unreadable as error:
            self._outlet.write(status(FX_BAD_MESSAGE, str(error)).to(packet.number))
            raise
        if packet.kind == FXP_WRITE:
            self._pace.came(packet.size)
        elif packet.kind == FXP_CLOSE:
            self._pace.rest()
        self._open += 1
        self._flow.begin(weight(packet))
        Deferred.fromCoroutine(self._answer(packet, ask(self._session))).addCallback(self._answered, packet)

    def _greet(self, packet: Packet) -> None:
        """The first packet, and no other, says the client's version (section 4).  Raises Unreadable."""
        if self._greeted or packet.kind != FXP_INIT or packet.number < VERSION:
            raise Unreadable(f"An SFTP client of version {VERSION} or later is needed.")
        self._greeted = True
        self._outlet.write(version(ADVERTISED))
        self._outlet.taken(packet.size)

    async def _answer(self, packet: Packet, asked: Awaitable[Answer]) -> Answer:
        """What *packet* is answered with, whatever happens."""
        try:
            return await asked
        except NotAccepted as refusal:
            return status(reply_to(refusal).sftp, str(refusal))
        except SFTPError as refusal:
            return status(refusal.code, refusal.message)
        except Exception as error:  # noqa: BLE001 - the door's border: a defect of ours is told, and answered
            self._tell(Fault(f"SFTP request {packet.kind}", error, traceback.format_exc()))
            return status(FX_FAILURE, "The server failed. Please try again later.")

    def _answered(self, answer: Answer, packet: Packet) -> None:
        """Many writes end at the same moment; one packet of SSH for all their answers costs less."""
        self._answers.append((packet, answer))
        if self._stopped:
            self._send_answers()
        elif len(self._answers) == 1:
            self._clock.callLater(0, self._send_answers)

    def _send_answers(self) -> None:
        answers, self._answers = self._answers, []
        if not answers:
            return
        self._open -= len(answers)
        self._outlet.write(b"".join(answer.to(packet.number) for packet, answer in answers))
        for packet, _ in answers:
            reach("sftp.answered", str(packet.kind))
        self._outlet.taken(sum(packet.size for packet, _ in answers))
        if self._open == 0:
            self._pace.done()
        if self._open == 0 and self._quiet is not None:
            self._quiet.callback(None)
        self._flow.end(sum(weight(packet) for packet, _ in answers))
        self.go_on()

    def _check_finished(self) -> None:
        if self._finished is not None and self._open == 0:
            finished, self._finished = self._finished, None
            finished.callback(None)

    async def _end(self, reason: str) -> None:
        for each in self._session.end(reason):
            try:
                await each.abandon(reason)
            except Exception as error:  # noqa: BLE001 - the others are kept all the same
                self._tell(Fault("the end of an SFTP session", error, traceback.format_exc()))
        if self._open > 0:
            self._quiet = Deferred()
            await self._quiet
