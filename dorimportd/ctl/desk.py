"""What every command works with: the configuration, the spool, the database, the running daemon.

Each is opened when a command first asks for it.  What a person has to know ends the command as
`Stopped`, with a sentence and an exit status.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dorimportd.config.read import read_settings
from dorimportd.config.refer import state_directory_of
from dorimportd.config.settings import BadConfig, Customer, Settings
from dorimportd.toml import BadToml

if TYPE_CHECKING:
    from dorimportd.spool.spool import Spool
    from dorimportd.store.store import Store

CONFIG: Final = Path("/etc/dorimportd/dorimportd.toml")
SOCKET: Final = "control.sock"  # in the state directory
ANSWER_SECONDS: Final = 60.0
PROBLEM: Final = 1
USAGE: Final = 2


class Stopped(Exception):
    """The command ends here, with these lines on standard error and this exit status."""

    def __init__(self, *lines: str, status: int = PROBLEM) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.status = status


class Desk:
    """The configuration file *config* and all that it leads to."""

    def __init__(self, config: Path) -> None:
        self.config = config

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
        from dorimportd.errors import SpoolUnusable
        from dorimportd.spool.spool import Spool
        from dorimportd.spool.upload import Room

        self.become_owner()
        settings = self.settings
        try:
            return Spool(
                settings.state_directory / "spool",
                room=Room(settings.limits.file_size, settings.limits.free_space),
            )
        except SpoolUnusable as error:
            raise Stopped(str(error)) from error

    @cached_property
    def store(self) -> Store:
        from dorimportd.errors import StoreAway, StoreUnusable
        from dorimportd.store.store import open_store

        self.become_owner()
        try:
            return open_store(self.settings.database_url)
        except (StoreAway, StoreUnusable) as error:
            raise Stopped(f"The database cannot be used: {error}") from error

    def become_owner(self) -> None:
        """Be the user whose state folder it is, when we are root: what we make there the daemon must read."""
        folder = self.state_directory
        if os.geteuid() != 0 or not folder.exists():
            return
        owner = folder.stat()
        if owner.st_uid != 0:
            os.umask(0o027)
            os.setgroups([owner.st_gid])
            os.setgid(owner.st_gid)
            os.setuid(owner.st_uid)

    def ask_daemon(self, verb: str) -> dict[str, Any] | None:
        """What the running daemon answers; None when none is running."""
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
                return answer(session, verb)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except PermissionError as error:
            raise Stopped(
                "You may not speak with the daemon. Run this as root or as the daemon's user."
            ) from error
        except TimeoutError as error:
            raise Stopped(f"The daemon did not answer within {ANSWER_SECONDS:.0f} seconds.") from error
        finally:
            os.close(handle)

    def reload_daemon(self) -> str:
        """Have a running daemon read the configuration; a sentence about it.  Raises Stopped."""
        told = self.ask_daemon("reload")
        if told is None:
            return "No daemon is running; it takes effect at the next start."
        if not told["done"]:
            raise Stopped("It is written, but the running daemon did not take it:", *told["mistakes"])
        return "The running daemon works by it now."

    def wake_daemon(self) -> bool:
        """Have a running daemon look for deliveries; whether one is running."""
        return self.ask_daemon("wake") is not None


def answer(session: socket.socket, verb: str) -> dict[str, Any]:
    """Ask over *session*; the answer is one line of JSON."""
    session.sendall(json.dumps({"verb": verb}).encode() + b"\n")
    with session.makefile("rb") as lines:
        told: dict[str, Any] = json.loads(lines.readline())
    return told


def say(text: str) -> None:
    """A line for the person."""
    print(text)


def say_json(value: object) -> None:
    """*value* for a script."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()
