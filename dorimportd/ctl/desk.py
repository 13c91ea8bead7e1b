"""What every command works with: the configuration, the spool, the database, the running daemon.

Each is opened when a command first asks for it.  What a person has to know ends the command as
`Stopped`, with a sentence and an exit status; what the spool and the database raise, main.py tells.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dorimportd.config.read import read_settings
from dorimportd.config.refer import state_directory_of
from dorimportd.config.settings import BadConfig, Customer, Settings
from dorimportd.toml import BadToml

if TYPE_CHECKING:
    from dorimportd.pipeline.importer import Plan
    from dorimportd.spool.spool import Spool
    from dorimportd.store.store import Store
    from dorimportd.words import Envelope

CONFIG: Final = Path("/etc/dorimportd/dorimportd.toml")
SQLITE: Final = "sqlite:///"  # what the URL of such a database begins with
SOCKET: Final = "control.sock"  # in the state directory
ANSWER_SECONDS: Final = 60.0
PROBLEM: Final = 1
USAGE: Final = 2

# What a status has at least.
STATUS: Final = frozenset(("version", "pid", "started_at", "listeners", "host_keys", "mail_domain")) | {
    *("database", "spool", "sessions", "queue", "event_loop", "deliveries", "last_deliveries")
}


class Stopped(Exception):
    """The command ends here, with these lines on standard error and this exit status."""

    def __init__(self, *lines: str, status: int = PROBLEM) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.status = status


class Desk:
    """The configuration file *path* and all that it leads to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._callers_groups: list[int] | None = None  # None while we have the rights of whoever called us

    @cached_property
    def config(self) -> Path:
        """The main file; not every command needs one.  Raises Stopped when it cannot be opened."""
        try:
            # A pipe is opened too, and not waited for.
            os.close(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            raise Stopped(f"{self._path}: cannot be read: {error.strerror}") from error
        return self._path

    @cached_property
    def settings(self) -> Settings:
        """Raises Stopped with every mistake."""
        try:
            return read_settings(self.config)
        except BadConfig as error:
            raise Stopped(*map(str, error.mistakes)) from error

    @cached_property
    def state_directory(self) -> Path:
        """Known also while another part of the configuration has a mistake.  Raises Stopped."""
        try:
            return state_directory_of(self.config)
        except BadToml as error:
            raise Stopped(*map(str, error.mistakes)) from error

    def customer(self, name: str) -> Customer:
        """Raises Stopped with the names that there are."""
        customer = self.settings.customer(name)
        if customer is None:
            there = ", ".join(sorted(self.settings.customers)) or "none"
            raise Stopped(f"There is no customer {name!r}. Customers: {there}.")
        return customer

    @cached_property
    def spool(self) -> Spool:
        """Raises SpoolUnusable."""
        from dorimportd.spool.room import Room
        from dorimportd.spool.spool import Spool

        self.become_owner()
        settings = self.settings
        room = Room(settings.limits.file_size, settings.limits.free_space)
        return Spool(settings.state_directory / "spool", room=room)

    @cached_property
    def store(self) -> Store:
        """Raises StoreAway or StoreUnusable."""
        from dorimportd.store.store import open_store

        self.become_owner()
        return open_store(self.settings.database_url)

    def plan_now(self, envelope: Envelope) -> Plan:
        """How the delivery would be read by the configuration as it is.  Raises HoldFile."""
        from dorimportd.pipeline.planning import plan_for

        return plan_for(envelope, self.settings.customer(envelope.customer))

    def become_owner(self) -> None:
        """Be the user whose state folder it is, when we are root: what we make there the daemon must read.

        Root's rights are laid aside and not given up: see as_caller.
        """
        folder = self.state_directory
        if os.geteuid() != 0 or not folder.exists():
            return
        owner = folder.stat()
        if owner.st_uid != 0:
            os.umask(0o027)
            self._callers_groups = os.getgroups()
            os.setgroups([owner.st_gid])
            os.setresgid(owner.st_gid, owner.st_gid, -1)
            os.setresuid(owner.st_uid, owner.st_uid, -1)

    @contextmanager
    def as_caller(self) -> Iterator[None]:
        """With the rights of whoever called us, also after become_owner: to open what only root may."""
        if self._callers_groups is None:
            yield
            return
        (_, owner, caller), (_, owners_group, callers_group) = os.getresuid(), os.getresgid()
        owners_groups = os.getgroups()
        os.seteuid(caller)  # first, since it gives the right to the others
        os.setegid(callers_group)
        os.setgroups(self._callers_groups)
        try:
            yield
        finally:
            os.setgroups(owners_groups)
            os.setegid(owners_group)
            os.seteuid(owner)

    def ask_daemon(self, verb: str, **more: str | None) -> dict[str, Any] | None:
        """What the running daemon answers to *verb*, with *more* to it; None when none is running.

        Raises Stopped when it does not do what *verb* asks, and when it cannot be asked.
        """
        folder = self.state_directory
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise Stopped(f"You may not use {folder}. Run this as root or as the daemon's user.") from error
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as session:
                session.settimeout(ANSWER_SECONDS)
                # A socket's path may have 107 bytes only; through the handle of its folder it is short.
                session.connect(f"/proc/self/fd/{handle}/{SOCKET}")
                return answer(session, verb, more)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except PermissionError as error:
            raise Stopped(
                "You may not speak with the daemon. Run this as root or as the daemon's user."
            ) from error
        except TimeoutError as error:
            raise Stopped(f"The daemon did not answer within {ANSWER_SECONDS:.0f} seconds.") from error
        except OSError as error:
            raise Stopped(f"The daemon cannot be asked: {error.strerror}.") from error
        finally:
            os.close(handle)

    def daemon_status(self) -> dict[str, Any] | None:
        """What the running daemon says of itself; None when none is running.  Raises Stopped."""
        told = self.ask_daemon("status")
        if told is not None and (missing := STATUS - told.keys()):
            raise Stopped(f"The daemon says nothing of {', '.join(sorted(missing))}: restart it.")
        return told

    def reload_daemon(self) -> str:
        """Have a running daemon read the configuration; a sentence about it.  Raises Stopped."""
        try:
            told = self.ask_daemon("reload")
        except Stopped as stopped:
            first = "It is written, but the running daemon did not take it:"
            raise Stopped(first, *stopped.lines) from stopped
        if told is None:
            return "No daemon is running; it takes effect at the next start."
        return "The running daemon works by it now."

    def wake_daemon(self) -> bool:
        """Have a running daemon look for deliveries; whether one is running."""
        return self.ask_daemon("wake") is not None


def answer(session: socket.socket, verb: str, more: Mapping[str, str | None]) -> dict[str, Any]:
    """Ask over *session*; the answer is one line of JSON.  Raises OSError, or Stopped when it is a no."""
    session.sendall(json.dumps({"verb": verb, **more}).encode() + b"\n")
    with session.makefile("rb") as lines:
        line = lines.readline()
    if not line.endswith(b"\n"):
        raise Stopped("The daemon ended the connection without an answer; its log may say why.")
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Stopped("The answer of the daemon cannot be understood; restart it.")
    if told.get("done") is False:
        mistakes = told.get("mistakes") or [f"The daemon could not answer {verb!r}; its log may say why."]
        raise Stopped(*map(str, mistakes))
    return told


def say(text: str) -> None:
    """A line for the person."""
    print(text)


def say_json(value: object) -> None:
    """*value* for a script."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()
