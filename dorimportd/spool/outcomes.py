"""What was done with each delivery, beside its bytes: so that the store can be built again from the spool.

accepted/000000/000000000017/outcome    JSON: imported or held, and by which formats it was read
formats/DIGEST.toml                     each format that ever read one

An outcome is written before the store has it, by whoever imports.  So it is never behind the store; where a
crash came between them, the delivery still waits there, and is read again as is written here.
A retry is written here first, too; until it is done the outcome says `received`.

Outcomes are not synced one by one: while the database lives they can be read there.  One that a power cut
took is missing, and the delivery is then read by the format as it is now.  But one of a mail that reached
only the archive address is there, synced, before the delivery is: it is held from its first moment on.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from dorimportd.spool.durable import make_folder, replace, write_synced
from dorimportd.spool.layout import Layout, token
from dorimportd.spool.upload import because
from dorimportd.words import State

OUTCOME: Final = "outcome"


@dataclass(frozen=True, slots=True)
class Reading:
    """By what a delivery was read."""

    format: str  # NAME@DIGEST
    timezone: str  # of the customer's file at that time, as the currency
    currency: str
    received: str | None  # the day that dates in the file are measured by: 2026-07-14
    released: bool  # a person had said that it is to be imported as it is


@dataclass(frozen=True, slots=True)
class Past:
    """What was done with a delivery so far.

    Rows of an earlier reading stay in the table where a later one does not tell them, so all are kept, the
    last one last; of two that are equal the later one.
    """

    state: State  # imported, held, or received: it is to be read again, by the format as it is now
    reason: str | None = None  # of a held one
    readings: tuple[Reading, ...] = ()  # that put rows into the table

    def read(self, reading: Reading) -> Past:
        """The same, and imported by *reading*."""
        earlier = (each for each in self.readings if each != reading)
        return Past(State.IMPORTED, None, (*earlier, reading))


NO_PAST: Final = Past(State.RECEIVED)


class Outcomes:
    """The outcomes of one spool; any thread and any process may use them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._kept: set[str] = set()  # digests of the formats that are there

    def past(self, sequence: int) -> Past | None:
        """What was done with a delivery; None when that is not known.  Raises SpoolFailing."""
        try:
            text = self._path(sequence).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise because(error) from error
        except UnicodeDecodeError:
            return None
        return read_past(text)

    def put(self, sequence: int, past: Past) -> None:
        """Write what was done with a delivery, in one step.  Raises NoSpace or SpoolFailing."""
        path = self._path(sequence)
        new = path.with_name(f".{OUTCOME}.{token()}")
        try:
            new.write_text(past_text(past), encoding="utf-8")
            new.rename(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise because(error) from error

    def ask_again(self, sequence: int) -> None:
        """Have a delivery read by the format as it is now, whatever was done with it.

        Call it before the store waits for it.  Raises NoSpace or SpoolFailing.
        """
        past = self.past(sequence)
        if past is not None:
            self.put(sequence, Past(State.RECEIVED, None, past.readings))

    def unhold(self, sequence: int) -> None:
        """Have a delivery that is not imported read by the format as it is now, also after a power cut.

        The store may still say that it is held; whoever imports tells it.  Raises NoSpace or SpoolFailing.
        """
        past = self.past(sequence) or NO_PAST
        if past.state is State.IMPORTED:
            return
        try:
            replace(self._path(sequence), past_text(Past(State.RECEIVED, None, past.readings)))
        except OSError as error:
            raise because(error) from error

    def was_put_since(self, sequence: int, moment: datetime) -> bool:
        """Whether the outcome of a delivery was written at *moment* or later, by this machine's clock."""
        try:
            return self._path(sequence).stat().st_mtime >= moment.timestamp()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise because(error) from error

    def format(self, digest: str) -> str | None:
        """The TOML of a format that was kept; None when it is not there.  Raises SpoolFailing."""
        try:
            return self._format_path(digest).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise because(error) from error

    def keep_format(self, digest: str, text: str) -> None:
        """On return the format is on the disk.  Raises NoSpace or SpoolFailing."""
        with self._lock:
            if digest in self._kept:
                return
            path = self._format_path(digest)
            try:
                make_folder(self._layout.formats)
                if not path.exists():
                    replace(path, text)
            except OSError as error:
                raise because(error) from error
            self._kept.add(digest)

    def _path(self, sequence: int) -> Path:
        return self._layout.delivery(sequence) / OUTCOME

    def _format_path(self, digest: str) -> Path:
        return self._layout.formats / f"{digest}.toml"


def write_first(folder: Path, past: Past) -> None:
    """Give the upload *folder* the outcome with which it becomes a delivery.  Raises OSError."""
    write_synced(folder / OUTCOME, past_text(past))


def past_text(past: Past) -> str:
    """As the file has it."""
    return json.dumps(asdict(past), ensure_ascii=False, indent=1) + "\n"


def read_past(text: str) -> Past | None:
    """What *text* says; None when it says nothing whole, as after a power cut."""
    try:
        values = json.loads(text)
        readings = tuple(Reading(**each) for each in values["readings"])
        past = Past(State(values["state"]), values["reason"], readings)
        return past if readings or past.state is not State.IMPORTED else None
    except (ValueError, KeyError, TypeError):
        return None
