"""Lines for a terminal and for journald: one line stays one line, whatever it was made of."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

# What moves a cursor or ends a line; and what ends it or turns the writing round in Unicode (UAX #9).
CONTROLS: Final = {
    **{number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))},
    **{
        number: f"\\u{number:04x}"
        for number in (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
    },
}
LONGEST: Final = 2000  # characters in a line
ERROR: Final = "<3>"  # the priority, for journald (sd-daemon(3))


def one_line(text: str) -> str:
    """*text* without control characters, not longer than a line may be."""
    clean = text[: LONGEST + 1].translate(CONTROLS)
    return clean if len(clean) <= LONGEST else f"{clean[:LONGEST]}…"


def is_journal(stream: TextIO) -> bool:
    """Whether *stream* leads to journald; the variable alone terminals inherit, too (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # somebody has put another object there
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def complain(*lines: str) -> None:
    """Write *lines* to standard error, as errors when journald reads it."""
    front = ERROR if is_journal(sys.stderr) else ""
    for line in lines:
        sys.stderr.write(f"{front}{one_line(line)}\n")
