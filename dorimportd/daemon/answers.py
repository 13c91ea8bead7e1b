"""What the running daemon answers on its control socket."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.conch.ssh.keys import Key

import dorimportd
from dorimportd.config.settings import Settings
from dorimportd.daemon.absence import StoreStatus
from dorimportd.daemon.delay import DelayService
from dorimportd.daemon.importing import ImportService
from dorimportd.daemon.listening import Listeners
from dorimportd.daemon.logins import LastLogins, Login
from dorimportd.events import AccountsOpened, BanLifted, Tell
from dorimportd.receive.defence import Ban, Defence
from dorimportd.receive.limits import Sessions
from dorimportd.receive.sftp.host_keys import fingerprints
from dorimportd.receive.workers import Workers
from dorimportd.report.shapes import delivery_shape, status_shape
from dorimportd.store.store import url_shown
from dorimportd.words import iso, iso_at

Verb = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """The verbs, and what they look at."""

    settings: Callable[[], Settings]
    spool: Path
    importing: ImportService
    listeners: Listeners
    sessions: Sessions
    defence: Defence
    logins: LastLogins
    delay: DelayService
    host_keys: Callable[[], Sequence[Key]]
    workers: Workers
    reload_all: Callable[[], Awaitable[list[str]]]
    tell: Tell
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def verbs(self) -> dict[str, Verb]:
        return {
            "status": self.status,
            "reload": self.reload,
            "wake": self.wake,
            "bans": self.bans,
            "lift": self.lift,
            "logins": self.last_logins,
        }

    async def status(self, request: Mapping[str, Any]) -> dict[str, Any]:
        settings = self.settings()
        counts, last = await self.importing.overview() or (None, [])
        return status_shape(
            version=dorimportd.__version__,
            pid=os.getpid(),
            started_at=self.started_at,
            listeners=[
                (each.door.channel, each.address, each.port, each.door.tls)
                for each in self.listeners.listeners()
            ],
            hostname=settings.hostname,
            mail_domain=settings.mail_domain,
            host_keys=fingerprints(self.host_keys()),
            database=database_shape(self.importing.store_status, url_shown(settings.database_url)),
            spool=str(self.spool),
            free_bytes=await self.workers.run(free_bytes, self.spool),
            free_floor_bytes=settings.limits.free_space,
            sessions=self.sessions.count(),
            waiting=self.importing.waiting,
            importing=self.importing.importing,
            event_loop=self.delay.delay().shape,
            counts=counts,
            last=[delivery_shape(each.delivery, each.outcome) for each in last],
        )

    async def reload(self, request: Mapping[str, Any]) -> dict[str, Any]:
        mistakes = await self.reload_all()
        return {"done": not mistakes, "mistakes": mistakes}

    async def bans(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"bans": [ban_shape(ban) for ban in self.defence.bans()]}

    async def lift(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Of one address, or of all when none is named; then accounts that are guarded are open again."""
        address = request.get("address")
        if address is None:
            lifted = [ban for each in self.defence.bans() if (ban := self.defence.lift(each.address))]
            self.defence.accounts.open_all()
            self.tell(AccountsOpened())
        else:
            try:
                ban = self.defence.lift(str(address))
            except ValueError:
                return {"done": False, "mistakes": [f"{address!r} is not an address."]}
            lifted = [ban] if ban is not None else []
        for each in lifted:
            self.tell(BanLifted(each.address))
        return {"lifted": [ban.address for ban in lifted]}

    async def last_logins(self, request: Mapping[str, Any]) -> dict[str, Any]:
        customer = str(request.get("customer"))
        until = self.defence.accounts.closed_until(customer)
        return {
            "logins": [login_shape(login) for login in self.logins.of(customer)],
            "guarded_until": iso_at(until) if until is not None else None,
        }

    async def wake(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.importing.wake(retried=True)
        return {"done": True, "mistakes": []}


def database_shape(status: StoreStatus, url: str) -> dict[str, Any]:
    """The database, for `status`."""
    return {
        "url": url,
        "state": status.state,
        "reason": status.reason,
        "since": status.since and iso(status.since),
        "next_try_seconds": status.next_try_seconds,
    }


def ban_shape(ban: Ban) -> dict[str, Any]:
    """A ban, for `bans`."""
    since, until = iso_at(ban.since), iso_at(ban.until)
    return {"address": ban.address, "since": since, "until": until, "why": ban.why}


def login_shape(login: Login) -> dict[str, Any]:
    """A login, for `customer show`."""
    return {
        "at": iso_at(login.at),
        "channel": login.channel.value,
        "address": login.address,
        "accepted": login.accepted,
        "how": login.how,
        "times": login.times,
    }


def free_bytes(path: Path) -> int:
    """What is free on the disk of *path*, for one who is not root."""
    free = os.statvfs(path)
    return free.f_bavail * free.f_frsize
