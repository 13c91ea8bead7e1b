"""What a customer has begun to send, as `dorimportctl customer show` tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dorimportd.ctl.desk import Desk
from dorimportd.words import iso


def unfinished(desk: Desk, name: str) -> list[dict[str, Any]]:
    """What the customer has begun to send, for a script; nothing where no daemon was started yet."""
    if not (desk.settings.state_directory / "spool").exists():
        return []
    return [
        {
            "name": each.name,
            "size": each.size,
            "channel": each.channel,
            "peer": each.peer,
            "began_at": iso(datetime.fromisoformat(each.began_at)),
            "last_byte_at": iso(each.last_byte_at),
        }
        for each in desk.spool.unfinished(name)
    ]


def unfinished_line(shape: dict[str, Any]) -> str:
    """One of those for a person."""
    return f"{shape['name']!r}: {shape['size']} bytes by {shape['channel']}, last at {shape['last_byte_at']}"
