"""What was done with each delivery, beside its bytes: so that the store can be built again from the spool.

accepted/000000/000000000017/outcome    JSON: imported or held, and by which formats it was read
formats/DIGEST.toml                     each format that ever read one

An outcome is written before the store has it, by whoever imports.  So it is never behind the store; where a
crash came between them, the delivery still waits there, and is read again as is written here.
A retry is written here first, too; until it is done the outcome says `received`.

The first outcome of a delivery is not synced: one that a power cut took is written again from what the
database says.  One that replaces another is, since the other would be believed.  But that of a mail that
reached only the archive address is there, synced, before the delivery is: it is held from the first moment.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from dorimportd.instants import reach
from dorimportd.spool.bytes import check_kept
from dorimportd.spool.durable import locked, make_folder, remove, replace, sync_folder, write_synced
from dorimportd.spool.layout import Layout, token
from dorimportd.spool.room import because
from dorimportd.words import State

OUTCOME: Final = "outcome"
LATE: Final = 0.1  # seconds by which a file may look newer than it is


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
        text = past_text(past)
        try:
            again = path.exists()
            if again:
                write_synced(new, text)
            else:
                new.write_text(text, encoding="utf-8")
            reach("import.outcome_written")
            new.rename(path)
            reach("import.outcome_kept")
            if again:
                sync_folder(path.parent)
        except OSError as error:
            remove(new)
            raise because(error) from error

    def ask_again(self, sequence: int) -> None:
        """Have a delivery read by the format as it is now, whatever was done with it.

        Call it before the store waits for it.  Its bytes are not removed from then on.  Raises BytesRemoved
        when they were, NoSpace or SpoolFailing.
        """
        folder = self._layout.delivery(sequence)
        try:
            with locked(folder):
                check_kept(folder)
                past = self.past(sequence)
                if past is not None:
                    self.put(sequence, Past(State.RECEIVED, None, past.readings))
        except FileNotFoundError:
            return  # its folder is gone: whoever reads it tells
        except OSError as error:
            raise because(error) from error

    def settled_at(self, sequence: int) -> float | None:
        """When the outcome of a delivery was written, in seconds; None when there is none yet, or it waits.

        Raises SpoolFailing.
        """
        try:
            written_at = self._path(sequence).stat().st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            raise because(error) from error
        past = self.past(sequence)
        return written_at if past is not None and past.state.final else None

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
        """Whether the outcome of a delivery was written at *moment* or later, by this machine's clock.

        A time that is still to come is of a clock that was set back since: it was written before.
        """
        try:
            return moment.timestamp() <= self._path(sequence).stat().st_mtime <= time.time() + LATE
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
                replace(path, text)  # also one that is there: nobody knows whether it was synced
                reach("import.format_kept")
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
