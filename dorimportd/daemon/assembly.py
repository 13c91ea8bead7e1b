"""Settings -> the running appliance: the only file that knows every room."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from twisted.application.service import MultiService
from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory

import dorimportd
from dorimportd.config.settings import Settings, own_hostname
from dorimportd.daemon.answers import Answers
from dorimportd.daemon.console import Console
from dorimportd.daemon.defending import BanKeeper
from dorimportd.daemon.delay import DelayService
from dorimportd.daemon.housekeeping import Housekeeping
from dorimportd.daemon.importing import ImportService
from dorimportd.daemon.listening import Door, Listeners
from dorimportd.daemon.logins import LastLogins
from dorimportd.daemon.recovering import MailRecovery
from dorimportd.daemon.reload import CurrentSettings, Identity, Reload, addresses
from dorimportd.daemon.supervise import Supervisor
from dorimportd.daemon.work import ImportWork
from dorimportd.daemon.workers import ThreadWorkers
from dorimportd.errors import StoreAway
from dorimportd.events import (
    DaemonStarted,
    DeliveryAccepted,
    Event,
    HostKeysChanged,
    MailConfirmed,
    SettingsWarning,
    SpoolRecovered,
    Tell,
)
from dorimportd.pipeline.history import History
from dorimportd.pipeline.importer import Importer, Plan
from dorimportd.pipeline.planning import plan_for
from dorimportd.pipeline.turns import Turns
from dorimportd.receive.banned import GuardedFactory
from dorimportd.receive.defence import Defence
from dorimportd.receive.ftp.control import FtpFactory, ftp_factory
from dorimportd.receive.house import House
from dorimportd.receive.limits import SessionLimits, Sessions
from dorimportd.receive.portal import Doorkeeper
from dorimportd.receive.sftp.host_keys import fingerprints
from dorimportd.receive.sftp.host_keys import load_or_make as load_or_make_host_keys
from dorimportd.receive.sftp.ssh import sftp_factory
from dorimportd.receive.smtp.recovery import Recovery
from dorimportd.receive.smtp.session import MailFactory, smtp_factory
from dorimportd.receive.tls import load_or_make as load_or_make_tls
from dorimportd.receive.workers import Workers
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.sales import SalesRow
from dorimportd.store.store import Store, open_store
from dorimportd.words import Channel, Envelope, TlsStart

SPOOL_THREADS: Final = 8
LOGIN_THREADS: Final = 2  # each takes 19 MiB while it hashes
OUTCOMES_MENDED: Final = 5000  # of the newest deliveries: more than are imported before a disk has them


class Appliance:
    """One dorimportd on one state folder.

    Making one blocks (the disk, the database) and is done before the reactor runs.

    Raises SpoolInUse, SpoolUnusable, SpoolFailing, StoreUnusable, or OSError for keys and certificates.
    """

    def __init__(
        self, reactor: Any, config: Path, settings: Settings, supervisor: Supervisor, tell: Tell
    ) -> None:
        self._reactor = reactor
        self._supervisor = supervisor
        self._tell_outside = tell
        own_hostname()  # now, since it may ask DNS: later it is known
        self.current = CurrentSettings(settings)
        self.spool = open_spool(settings)
        self.spool.hold()
        self._history = History(self.spool.outcomes)
        # The database first: where it is a newer dorimportd's the spool is not touched.
        self._first_store: Store | None = self._try_store()
        self._found_unfinished = self.spool.recover()
        self._keys = settings.state_directory / "keys"  # a reload does not go to another folder either
        self._host_keys: Sequence[Key] = load_or_make_host_keys(self._keys, tell=tell)
        self._pools = {
            "spool": ThreadWorkers(reactor, "spool", SPOOL_THREADS),
            "login": ThreadWorkers(reactor, "login", LOGIN_THREADS),
            "import": ThreadWorkers(reactor, "import", import_threads(settings)),
            "keep": ThreadWorkers(reactor, "keep", 1),  # its work is long, and nobody waits for it
        }
        self.sessions = Sessions(lambda: session_limits(self.current()))
        self.defence = Defence(lambda: self.current().defence, steady_time(), lambda: self._bans.soon())
        self._logins = LastLogins(steady_time())
        self._bans = BanKeeper(
            settings.state_directory,
            self.defence.state,
            workers=self._pools["spool"],
            clock=reactor,
            tell=self.tell,
        )
        self._bans.restore(self.defence)
        self._build(config)

    def _build(self, config: Path) -> None:
        self._turns = Turns(self.current().limits.import_workers)
        spool_workers = self._pools["spool"]
        self.listeners = Listeners(
            self._reactor, self._factories(), lambda: addresses(self.current()), self.tell
        )
        self.importing = ImportService(
            open_store=self._store_opened,
            work=ImportWork(self.spool, self._importer),
            turns=self._turns,
            workers=self._pools["import"],
            clock=self._reactor,
            tell=self.tell,
        )
        self._reload = Reload(
            config,
            self.current,
            self.listeners,
            prepare=self._identity,
            apply=self._apply,
            supervisor=self._supervisor,
            workers=spool_workers,
            tell=self.tell,
        )
        delay = DelayService(clock=self._reactor, now=time.monotonic)
        answers = Answers(
            settings=self.current,
            spool=self.spool.layout.root,
            importing=self.importing,
            listeners=self.listeners,
            sessions=self.sessions,
            defence=self.defence,
            logins=self._logins,
            delay=delay,
            host_keys=lambda: self._host_keys,
            workers=spool_workers,
            reload_all=self.reload,
            tell=self.tell,
        )
        self._services = MultiService()
        for service in (
            delay,
            self.importing,
            Housekeeping(
                spool=self.spool,
                ages=lambda: self.current().retention,
                workers=spool_workers,
                keepers=self._pools["keep"],
                open_store=lambda: open_store(self.current().database_url),
                clock=self._reactor,
                tell=self.tell,
            ),
            MailRecovery(
                Recovery(self.spool, self.current),
                grace_seconds=lambda: self.current().smtp.archive_grace_seconds,
                workers=spool_workers,
                clock=self._reactor,
                wall=time.time,
                tell=self.tell,
            ),
            self._bans,
            Console(self._reactor, self.current().state_directory, answers.verbs, self.tell),
        ):
            service.setServiceParent(self._services)

    def _factories(self) -> Mapping[Door, IProtocolFactory]:
        doorkeeper = Doorkeeper(
            self.current,
            defence=self.defence,
            spool=self.spool,
            workers=self._pools["spool"],
            logins=self._pools["login"],
            tell=self.tell,
        )
        house = House(
            doorkeeper=doorkeeper,
            sessions=self.sessions,
            settings=self.current,
            spool=self.spool,
            workers=self._pools["spool"],
            clock=self._reactor,
            network=self._reactor,
            tell=self.tell,
        )
        contexts = load_or_make_tls(self.current(), self._keys, self.tell)
        self._sftp = sftp_factory(house, self._host_keys)
        self._with_tls: dict[Door, FtpFactory | MailFactory] = {
            Door(Channel.FTP, TlsStart.OPTIONAL): ftp_factory(house, contexts),
            Door(Channel.FTP, TlsStart.EXPLICIT): ftp_factory(house, contexts, TlsStart.EXPLICIT),
            Door(Channel.FTP, TlsStart.IMPLICIT): ftp_factory(house, contexts, TlsStart.IMPLICIT),
            Door(Channel.SMTP, TlsStart.OPTIONAL): smtp_factory(house, contexts),
            Door(Channel.SMTP, TlsStart.IMPLICIT): smtp_factory(house, contexts, TlsStart.IMPLICIT),
        }
        doors = {Door(Channel.SFTP): self._sftp, **self._with_tls}
        return {
            door: GuardedFactory(behind, door.channel, self.defence, private=door.tls is TlsStart.IMPLICIT)
            for door, behind in doors.items()
        }

    # Life.

    async def start(self) -> None:
        """Open all doors and begin to import.  Raises CannotListen; then stop it."""
        for pool in self._pools.values():
            pool.start()
        await self.listeners.begin()
        self._services.startService()
        settings = self.current()
        for warning in settings.warnings:
            self.tell(SettingsWarning(str(warning)))
        if self._found_unfinished:
            self.tell(SpoolRecovered(self._found_unfinished))
        self.tell(DaemonStarted(dorimportd.__version__, str(settings.state_directory)))

    async def stop(self) -> None:
        """Close the doors, and end imports between two of their steps.

        What is being uploaded is kept for resuming; nothing of it was acknowledged.
        """
        await self.listeners.stopService()
        await self._sftp.end_sessions("The server is stopping.")
        if self._services.running:
            await Deferred.fromCoroutine(wait_for(self._services.stopService()))

    def release(self) -> None:
        """Wait for the threads to end, and let the state folder go.

        Not before all connections are closed: a thread may wait for an answer of this very process.
        """
        for pool in self._pools.values():
            pool.stop()
        self.spool.release()

    async def reload(self) -> list[str]:
        """Read the configuration again; the mistakes, when it stays as it was."""
        return await self._reload.reload()

    def tell(self, event: Event) -> None:
        """Pass *event* on; an accepted delivery is imported at once, as one that is held no more."""
        self._tell_outside(event)
        self._logins.note(event)
        if isinstance(event, DeliveryAccepted):
            self.importing.wake()
        elif isinstance(event, MailConfirmed):
            self.importing.wake(retried=True)

    # What a visitor in the same process may ask.

    @property
    def workers(self) -> Workers:
        return self._pools["spool"]

    def public_host_keys(self) -> list[str]:
        """Each host key as a line of known_hosts has it: its type and its base64."""
        return [key.public().toString("openssh").decode() for key in self._host_keys]

    def transactions(self, customer: str) -> list[SalesRow]:
        """All of *customer*.  Blocks; raises StoreAway."""
        store = self.importing.store
        return list(store.transactions(customer)) if store is not None else []

    # Parts.

    def _try_store(self) -> Store | None:
        """The database, if it answers now; a daemon starts without it and accepts files all the same."""
        try:
            return self._open_store()
        except StoreAway:
            return None

    def _store_opened(self) -> Store:
        first, self._first_store = self._first_store, None
        store = first if first is not None else self._open_store()
        self._history.mend(store, self._plan_now, OUTCOMES_MENDED)
        return store

    def _open_store(self) -> Store:
        """The database; a number by which it knows a delivery is not given to another one from now on."""
        store = open_store(self.current().database_url)
        try:
            self.spool.sequence.recover(store.last_registered())
        except BaseException:
            store.close()
            raise
        return store

    def _importer(self, store: Store, stopping: Callable[[], bool]) -> Importer:
        return Importer(self.spool, store, self._plan_now, history=self._history, stopping=stopping)

    def _plan_now(self, envelope: Envelope) -> Plan:
        return plan_for(envelope, self.current().customer(envelope.customer))

    def _identity(self, settings: Settings) -> Identity:
        return Identity(
            load_or_make_tls(settings, self._keys, self.tell),
            load_or_make_host_keys(self._keys, tell=self.tell),
        )

    def _apply(self, settings: Settings, identity: Identity) -> None:
        for factory in self._with_tls.values():
            factory.tls = identity.tls
        self._take_host_keys(identity.host_keys)
        self.spool.room = room_of(settings)
        self._turns.workers = settings.limits.import_workers
        self._pools["import"].resize(import_threads(settings))

    def _take_host_keys(self, host_keys: Sequence[Key]) -> None:
        seen, now = fingerprints(self._host_keys), fingerprints(host_keys)
        self._host_keys = host_keys
        self._sftp.take_keys(host_keys)
        if seen != now:
            self.tell(HostKeysChanged(", ".join(f"{kind} {fingerprint}" for kind, fingerprint in now)))


async def wait_for(result: Any) -> None:
    """Wait for what a stopService returned: a Deferred or None."""
    if result is not None:
        await result


def room_of(settings: Settings) -> Room:
    """How much an upload may take."""
    return Room(settings.limits.file_size, settings.limits.free_space)


def import_threads(settings: Settings) -> int:
    """One more than imports, so that looking for work never waits for one."""
    return settings.limits.import_workers + 1


def steady_time() -> Callable[[], float]:
    """The time of day by a clock that nobody sets while we run: seconds since 1970."""
    began = time.time() - time.monotonic()
    return lambda: began + time.monotonic()


def session_limits(settings: Settings) -> SessionLimits:
    """How many sessions there may be."""
    limits = settings.limits
    return SessionLimits(
        all=limits.sessions,
        per_address=limits.sessions_per_address,
        per_customer=limits.sessions_per_customer,
        strangers=limits.unauthenticated_sessions,
    )


def open_spool(settings: Settings) -> Spool:
    """The spool of these settings.  Raises SpoolUnusable."""
    return Spool(settings.state_directory / "spool", room=room_of(settings))
