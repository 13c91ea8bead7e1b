"""The control socket: how dorimportctl speaks with the running daemon.

A Unix socket beside the spool; one request is one line of JSON, its answer another.  Who may open it is
decided by the folder it lies in.

    request                  answer
    {"verb": "status"}       what `dorimportctl status --json` shows of the running daemon
    {"verb": "reload"}       {"done": true} or {"done": false, "mistakes": [...]}
    {"verb": "wake"}         {"done": true}: look for deliveries that are to be imported
    {"verb": "bans"}         {"bans": [...]}: the addresses that are refused
    {"verb": "logins", "customer": "..."}   {"logins": [...], ...}: its last ones
    {"verb": "lift"}         {"lifted": [...]}: all of them; with "address": "..." only that one
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IReactorUNIX
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from dorimportd.daemon.journal import fault
from dorimportd.events import Tell

NAME: Final = "control.sock"
LONGEST: Final = 64 << 10  # bytes in a request

Verb = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


class ControlSession(LineOnlyReceiver):
    """One client of the control socket."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST

    def __init__(self, verbs: Mapping[str, Verb], tell: Tell) -> None:
        self._verbs = verbs
        self._tell = tell
        self._gone = False

    def lineReceived(self, line: bytes) -> None:
        def failed(failure: Failure) -> None:
            self._tell(fault("the control socket", failure.value))
            self._answer({"done": False, "mistakes": ["defect in dorimportd: see its log"]})

        Deferred.fromCoroutine(self._serve(line)).addErrback(failed)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone = True

    async def _serve(self, line: bytes) -> None:
        try:
            request = json.loads(line)
            verb = self._verbs[request["verb"]]
        except (ValueError, KeyError, TypeError):
            self._answer({"done": False, "mistakes": [f"not a request: one of {', '.join(self._verbs)}"]})
            return
        self._answer(await verb(request))

    def _answer(self, answer: dict[str, Any]) -> None:
        if not self._gone and self.transport is not None:
            self.sendLine(json.dumps(answer).encode())


class ControlFactory(ServerFactory):
    """Makes a session for each client."""

    noisy = False

    def __init__(self, verbs: Mapping[str, Verb], tell: Tell) -> None:
        self._verbs = verbs
        self._tell = tell

    def buildProtocol(self, addr: object) -> ControlSession:
        return ControlSession(self._verbs, self._tell)


class Console(Service):
    """Listens on the control socket in *folder*, which only one daemon uses at a time."""

    def __init__(self, reactor: IReactorUNIX, folder: Path, verbs: Mapping[str, Verb], tell: Tell) -> None:
        self._reactor = reactor
        self._folder = folder
        self._factory = ControlFactory(verbs, tell)
        self._port: IListeningPort | None = None
        self._handle = -1

    def startService(self) -> None:
        """Raises CannotListenError or OSError."""
        super().startService()
        (self._folder / NAME).unlink(missing_ok=True)  # of a daemon that was killed
        # A socket's path may have 107 bytes only; through the handle of its folder it is always short.
        self._handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._port = self._reactor.listenUNIX(
            f"/proc/self/fd/{self._handle}/{NAME}", self._factory, mode=0o660, wantPID=False
        )

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        port, self._port = self._port, None
        closed = port.stopListening() if port is not None else None

        def end(result: object) -> None:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

        if closed is not None:
            return closed.addBoth(end)
        end(None)
        return None
