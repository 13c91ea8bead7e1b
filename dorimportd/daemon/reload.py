"""A reload is all or nothing: a bad configuration never replaces a good one, and no session is dropped.

Sessions go on with the customer they logged in as; whatever asks for the settings afterwards gets the
new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twisted.conch.ssh.keys import Key
from twisted.internet.defer import DeferredLock

from dorimportd.config.read import read_settings
from dorimportd.config.settings import BadConfig, Settings
from dorimportd.daemon.listening import Address, CannotListen, Door, Listeners
from dorimportd.daemon.supervise import Supervisor
from dorimportd.errors import CertificateUnusable, HostKeyUnusable
from dorimportd.events import ReloadRefused, RestartNeeded, SettingsReloaded, SettingsWarning, Tell
from dorimportd.receive.tls import TlsContexts
from dorimportd.receive.workers import Workers
from dorimportd.words import Channel, TlsStart


class CurrentSettings:
    """The settings of the moment: one frozen value, replaced as a whole."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self) -> Settings:
        return self._settings

    def replace(self, settings: Settings) -> None:
        self._settings = settings


@dataclass(frozen=True, slots=True)
class Identity:
    """By what clients know that it is us."""

    tls: TlsContexts
    host_keys: Sequence[Key]


def addresses(settings: Settings) -> list[Address]:
    """Where *settings* want the daemon to listen."""
    sftp, ftp, smtp = settings.sftp, settings.ftp, settings.smtp
    listen = {
        Door(Channel.SFTP): sftp.listen,
        Door(Channel.FTP, TlsStart.OPTIONAL): ftp.listen,
        Door(Channel.FTP, TlsStart.EXPLICIT): ftp.listen_explicit_tls,
        Door(Channel.FTP, TlsStart.IMPLICIT): ftp.listen_implicit_tls,
        Door(Channel.SMTP, TlsStart.OPTIONAL): smtp.listen,
        Door(Channel.SMTP, TlsStart.IMPLICIT): smtp.listen_implicit_tls,
    }
    return [Address(door, endpoint) for door, endpoints in listen.items() for endpoint in endpoints]


class Reload:
    """Reads the configuration again and puts it in the place of the running one.

    *prepare* reads, on a worker thread, certificate and host keys, and may raise CertificateUnusable and
    HostKeyUnusable; *apply* then puts them in place and cannot fail.
    """

    def __init__(
        self,
        path: Path,
        current: CurrentSettings,
        listeners: Listeners,
        *,
        prepare: Callable[[Settings], Identity],
        apply: Callable[[Settings, Identity], None],
        supervisor: Supervisor,
        workers: Workers,
        tell: Tell,
    ) -> None:
        self._path = path
        self._current = current
        self._listeners = listeners
        self._prepare = prepare
        self._apply = apply
        self._supervisor = supervisor
        self._workers = workers
        self._tell = tell
        self._one_at_a_time = DeferredLock()

    async def reload(self) -> list[str]:
        """Returns the mistakes, one line each; none when the new configuration is the running one now."""
        await self._one_at_a_time.acquire()
        self._supervisor.reloading()
        refusal = "reload failed: see the log"
        try:
            mistakes = await self._reload()
            refusal = f"reload refused: {mistakes[0]}" if mistakes else ""
        finally:
            self._supervisor.ready(*filter(None, [refusal]))
            self._one_at_a_time.release()
        for mistake in mistakes:
            self._tell(ReloadRefused(mistake))
        return mistakes

    async def _reload(self) -> list[str]:
        try:
            settings = await self._workers.run(read_settings, self._path)
            identity = await self._workers.run(self._prepare, settings)
            prepared = await self._listeners.prepare(addresses(settings))
        except BadConfig as error:
            return [str(mistake) for mistake in error.mistakes]
        except (CertificateUnusable, HostKeyUnusable, CannotListen) as error:
            return [str(error)]
        self._apply(settings, identity)
        self._say_what_waits(self._current(), settings)
        self._current.replace(settings)
        await self._listeners.change(addresses(settings), prepared)
        self._tell(SettingsReloaded(len(settings.customers), len(settings.formats)))
        self._warn(settings.warnings)
        return []

    def _warn(self, warnings: Iterable[object]) -> None:
        for warning in warnings:
            self._tell(SettingsWarning(str(warning)))

    def _say_what_waits(self, old: Settings, new: Settings) -> None:
        if old.state_directory != new.state_directory:
            self._tell(RestartNeeded("state_directory"))
        if old.database_url != new.database_url:
            self._tell(RestartNeeded("database.url"))
