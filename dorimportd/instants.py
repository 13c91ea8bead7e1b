"""Named instants between the first byte of an upload and the finished import, at which tests make it fail.

The environment variable DORIMPORTD_FAULT says at which ones, and how; it is read once, and only tests set it.

    NAME[@FILENAME]:ACTION[:COUNT][,...]

    NAME      of INSTANTS
    FILENAME  only where the instant belongs to a delivery of that file name, or to an answer of that number
    ACTION    kill: SIGKILL to the process itself; segv: a crash of native code; memory: MemoryError;
              else the name of an error, which is raised as an OSError: ENOSPC, EIO
    COUNT     only at the COUNTth time that it is reached; without it each time
"""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType
from typing import Final

VARIABLE: Final = "DORIMPORTD_FAULT"

# What has just happened.
INSTANTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "upload.folder_made": "an upload has its folder",
        "upload.claimed": "its data file is there, and locked",
        "upload.note_written": "its note says whose file it is",
        "upload.gap_noted": "the mark says where bytes are missing",
        "upload.written": "some bytes are in its data file",
        "upload.resumed": "an unfinished upload is open again",
        "upload.synced": "all its bytes are on the disk",
        "upload.marked": "the mark says that its sender has closed it, or how much of it is kept",
        "upload.mark_synced": "and that is on the disk",
        "accept.envelope_written": "the envelope is on the disk, its name is not",
        "accept.folder_synced": "all of the upload is on the disk",
        "accept.numbered": "the sequence is taken",
        "accept.parent_made": "the folder is there to which the delivery goes",
        "accept.renamed": "the upload is a delivery",
        "accept.parent_synced": "the delivery is on the disk",
        "roots.linked": "the customer's link to it is there under a name of its own",
        "roots.put": "the customer sees it",
        "mail.begun": "a message has its file",
        "mail.written": "some bytes are in it",
        "mail.synced": "the message is on the disk",
        "mail.folder_made": "the folder is there to which its copies go",
        "mail.note_written": "its note is on the disk",
        "mail.renamed": "the message is among those that are kept",
        "mail.folder_synced": "and that is on the disk",
        "mail.settled": "its note says what became of it",
        "sftp.accepted": "what a CLOSE or RENAME asked for is done and not answered",
        "sftp.answered": "an answer to the request of that number (4 CLOSE, 200 EXTENDED) is handed to SSH",
        "ftp.accepted": "what a transfer or RNTO asked for is done and not answered",
        "ftp.answered": "an answer of that number (226, 250) is handed to the connection",
        "smtp.accepted": "a message has made its deliveries and is not answered",
        "smtp.answered": "its 250 is handed to the connection",
        "import.registering": "new deliveries are in the store, not committed",
        "import.registered": "new deliveries are in the store",
        "import.begun": "an import has found its delivery",
        "import.reading": "some rows of the file are read",
        "import.read": "all rows of the file are read once",
        "import.judged": "it is compared with the files before it, and goes in",
        "import.outcome_written": "its outcome is in the spool under a name of its own",
        "import.outcome_kept": "its outcome is in the spool",
        "import.format_kept": "the format that reads it is in the spool",
        "import.begun_again": "what the store knew of an earlier reading is forgotten",
        "import.some_put": "one statement has put rows into the table",
        "import.staged": "rows that may meet others are beside the table",
        "import.rows_put": "the rows of a window are in the table",
        "import.rejects_put": "so are its rejects, and the number of transactions is right",
        "import.recorded": "so is how far the import is, or its outcome; nothing of the window is committed",
        "import.window_committed": "a window that is not the last is committed",
        "import.last_committed": "the last window and the outcome are committed, of one delivery alone",
        "import.held": "it is committed that the delivery is held, of one alone",
        "import.together_committed": "what is done with some small deliveries at once is committed",
        "import.done": "the outcome is told",
        "schema.copied": "there is a backup of the database with the schema as it was",
        "schema.version_made": "the statements of one version of the schema are done, not committed",
        "schema.committed": "the schema is the newest",
    }
)
ENTRY: Final = re.compile(r"([a-z_.]+)(?:@([^,]+?))?:([A-Za-z0-9]+)(?::([1-9][0-9]*))?")


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    import ctypes  # not at every start of a command

    ctypes.string_at(0)


def no_memory() -> None:
    raise MemoryError


def failing(number: int) -> Callable[[], None]:
    """What raises the OSError with that *number*."""

    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


ACTIONS: Final[Mapping[str, Callable[[], None]]] = {
    "kill": kill,
    "segv": crash,
    "memory": no_memory,
    **{name: failing(number) for number, name in errno.errorcode.items()},
}


@dataclass(frozen=True, slots=True)
class Armed:
    """What happens at an instant."""

    detail: str | None  # only where it is reached with this detail
    action: Callable[[], None]
    only: int | None  # at which time
    times: Iterator[int] = field(default_factory=lambda: count(1))

    def strike(self, detail: str) -> None:
        if self.detail in (None, detail) and self.only in (None, next(self.times)):
            self.action()


def read_faults(text: str) -> dict[str, list[Armed]]:
    """What happens at which instants, by the value of the variable.  Raises ValueError."""
    faults: dict[str, list[Armed]] = {}
    for entry in filter(None, text.split(",")):
        match = ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"{entry!r} is not NAME[@FILENAME]:ACTION[:COUNT]")
        name, detail, action, only = match.groups()
        if name not in INSTANTS:
            raise ValueError(f"there is no instant {name!r}; the table in {__file__} has their names")
        if action not in ACTIONS:
            raise ValueError(f"{action!r} is not kill, segv, memory or the name of an error as ENOSPC")
        faults.setdefault(name, []).append(Armed(detail, ACTIONS[action], int(only) if only else None))
    return faults


def faults_of(environment: Mapping[str, str]) -> tuple[dict[str, list[Armed]], str | None]:
    """What happens at which instants, and what is wrong with the variable, for which nothing happens."""
    try:
        return read_faults(environment.get(VARIABLE, "")), None
    except ValueError as error:
        return {}, f"the environment variable {VARIABLE}: {error}"


FAULTS, MISTAKE = faults_of(os.environ)


def reach(name: str, detail: str = "") -> None:
    """The instant *name* is reached, by the file or the answer *detail* where that is known."""
    if FAULTS:
        for armed in FAULTS.get(name, ()):
            armed.strike(detail)
