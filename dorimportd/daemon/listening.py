"""The listening sockets: which there are, and how a reload changes them without closing a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from dorimportd.events import ListenerClosed, ListenerOpened, Tell
from dorimportd.words import Channel, TlsStart


class CannotListen(Exception):
    """A socket could not be opened; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Door:
    """What a listening socket leads to."""

    channel: Channel
    tls: TlsStart = TlsStart.NEVER


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, as the configuration says it: a Twisted endpoint string."""

    door: Door
    endpoint: str


@dataclass(frozen=True, slots=True)
class Listener:
    """An open listening socket."""

    door: Door
    address: str
    port: int
    socket: IListeningPort


class Listeners(Service):
    """Listens on what `wanted` says; `change` brings it up to date."""

    def __init__(
        self,
        reactor: object,
        factories: Mapping[Door, IProtocolFactory],
        wanted: Callable[[], Iterable[Address]],
        tell: Tell,
    ) -> None:
        self._reactor = reactor
        self._factories = factories
        self._wanted = wanted
        self._tell = tell
        self._open: dict[Address, Listener] = {}

    def listeners(self) -> list[Listener]:
        """All that are open, channel by channel; first those where TLS need not be."""
        return sorted(self._open.values(), key=place)

    async def begin(self) -> None:
        """Open all.  Raises CannotListen; then none is open."""
        self._open.update(await self._opened(self._wanted()))

    async def prepare(self, wanted: Iterable[Address]) -> dict[Address, Listener]:
        """Open those of *wanted* that are not open yet.  Raises CannotListen; then nothing has changed."""
        return await self._opened(each for each in wanted if each not in self._open)

    async def change(self, wanted: Iterable[Address], prepared: dict[Address, Listener]) -> None:
        """Add what `prepare` opened, close what is not wanted any more; sessions go on."""
        self._open.update(prepared)
        for address in [each for each in self._open if each not in set(wanted)]:
            await self._close(self._open.pop(address))

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self.change([], {}))

    async def _opened(self, wanted: Iterable[Address]) -> dict[Address, Listener]:
        opened: dict[Address, Listener] = {}
        try:
            for address in wanted:
                opened[address] = await self._listen(address)
        except CannotListen:
            for listener in opened.values():
                await self._close(listener)
            raise
        return opened

    async def _listen(self, address: Address) -> Listener:
        door, endpoint = address.door, serverFromString(self._reactor, address.endpoint)
        try:
            socket = await endpoint.listen(self._factories[door])
        except (CannotListenError, OSError) as error:
            reason = getattr(error, "socketError", error)
            text = getattr(reason, "strerror", None) or str(reason)
            raise CannotListen(f"{door.channel} cannot listen on {address.endpoint}: {text}") from error
        host = socket.getHost()
        self._tell(ListenerOpened(door.channel, host.host, host.port, door.tls))
        return Listener(door, host.host, host.port, socket)

    async def _close(self, listener: Listener) -> None:
        closed = listener.socket.stopListening()
        if closed is not None:
            await closed
        self._tell(ListenerClosed(listener.door.channel, listener.address, listener.port))


def place(listener: Listener) -> tuple[str, int, int]:
    """Where *listener* stands among the others."""
    door = listener.door
    return door.channel, list(TlsStart).index(door.tls), listener.port
