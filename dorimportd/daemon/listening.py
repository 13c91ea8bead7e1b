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
from dorimportd.words import Channel


class CannotListen(Exception):
    """A socket could not be opened; the text says which and why."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where to listen, as the configuration says it: a Twisted endpoint string."""

    channel: Channel
    endpoint: str


@dataclass(frozen=True, slots=True)
class Listener:
    """An open listening socket."""

    channel: Channel
    address: str
    port: int
    socket: IListeningPort


class Listeners(Service):
    """Listens on what `wanted` says; `change` brings it up to date."""

    def __init__(
        self,
        reactor: object,
        factories: Mapping[Channel, IProtocolFactory],
        wanted: Callable[[], Iterable[Address]],
        tell: Tell,
    ) -> None:
        self._reactor = reactor
        self._factories = factories
        self._wanted = wanted
        self._tell = tell
        self._open: dict[Address, Listener] = {}

    def listeners(self) -> list[Listener]:
        """All that are open, in the order of the channels."""
        return [self._open[each] for each in sorted(self._open)]

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
        endpoint = serverFromString(self._reactor, address.endpoint)
        try:
            socket = await endpoint.listen(self._factories[address.channel])
        except (CannotListenError, OSError) as error:
            reason = getattr(error, "socketError", error)
            text = getattr(reason, "strerror", None) or str(reason)
            raise CannotListen(f"{address.channel} cannot listen on {address.endpoint}: {text}") from error
        host = socket.getHost()
        self._tell(ListenerOpened(address.channel, host.host, host.port))
        return Listener(address.channel, host.host, host.port, socket)

    async def _close(self, listener: Listener) -> None:
        closed = listener.socket.stopListening()
        if closed is not None:
            await closed
        self._tell(ListenerClosed(listener.channel, listener.address, listener.port))
