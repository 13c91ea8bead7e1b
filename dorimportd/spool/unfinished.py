"""Uploads that are no delivery: shown to people, and told of when they are removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dorimportd.spool.folder import Note, received_size
from dorimportd.words import Channel


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload that is no delivery, maybe not yet."""

    customer: str
    name: str  # as the sender named the file; that of the folder when a crash has cut the note
    size: int  # bytes that came, without a gap
    channel: Channel | None  # None when a crash has cut the note, as the next two
    peer: str
    began_at: str  # ISO 8601
    last_byte_at: datetime  # by the clock that files have

    @classmethod
    def read(cls, folder: Path) -> Unfinished:
        """The upload *folder*.  Raises OSError when it is none any more."""
        customer, data = folder.parent.name, folder / "data"
        # A crash may have come before the first file was made in the folder.
        last_byte_at = datetime.fromtimestamp((data if data.exists() else folder).stat().st_mtime, UTC)
        try:
            note = Note.read(folder)
            size = received_size(folder)
        except (ValueError, KeyError, FileNotFoundError):
            size = data.stat().st_size if data.exists() else 0
            return cls(customer, folder.name, size, None, "", "", last_byte_at)
        return cls(customer, note.name, size, note.channel, note.peer, note.began_at, last_byte_at)
