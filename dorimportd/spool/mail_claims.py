"""What was recovered of a message, and no copy that came to its customer has claimed yet.

A copy to a customer has to know that, and a till may send one Message-ID ten thousand times: so it is not
found by going through all copies.  The folder of a message has beside them

    unclaimed    JSON: these deliveries, and while more are being made the sequence below all of them

Where it is missing or damaged nobody has looked yet: the notes of the copies tell the same, and whoever has
read them writes it.  It is written only by those who decide about the folder.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from dorimportd.spool.durable import replace
from dorimportd.spool.room import because

UNCLAIMED: Final = "unclaimed"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a copy to a customer may claim."""

    deliveries: tuple[int, ...] = ()  # sequences
    after: int | None = None  # while deliveries are being made: all of them have a sequence above


def read_claims(folder: Path) -> Claims | None:
    """What there is to claim in the *folder* of a message; None when nobody has looked.

    Raises SpoolFailing.
    """
    try:
        values = json.loads((folder / UNCLAIMED).read_text(encoding="utf-8"))
        return Claims(tuple(values["deliveries"]), values["after"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        raise because(error) from error


def note_claims(folder: Path, claims: Claims) -> None:
    """Write what was found in the notes.  A power cut may lose it: then they are read again.

    Raises SpoolFailing.
    """
    new = folder / f".{UNCLAIMED}.new"
    try:
        new.unlink(missing_ok=True)
        with new.open("x", encoding="utf-8") as file:
            file.write(json.dumps(asdict(claims)))
        new.rename(folder / UNCLAIMED)
    except OSError as error:
        raise because(error) from error


def write_claims(folder: Path, claims: Claims) -> None:
    """Write what has changed: on return it is on the disk.  Raises SpoolFailing."""
    try:
        replace(folder / UNCLAIMED, json.dumps(asdict(claims)))
    except OSError as error:
        raise because(error) from error


def forget_claims(folder: Path) -> None:
    """There are no copies any more.  Raises OSError."""
    (folder / UNCLAIMED).unlink(missing_ok=True)
