"""Names of files as customers send them: which can be used, and which are temporary.

Many clients write under a temporary name and rename when all is there.  For them the rename is what a
close is for others, so a temporary name is never a delivery.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from dorimportd.errors import BadName

LIMIT: Final = 255  # bytes in UTF-8: what file systems take

# WinSCP .filepart; rclone .1a2b3c4d.partial; browsers and scripts .part .tmp; lftp .in.NAME; NiFi .NAME
ENDING: Final = re.compile(r"(?:\.[0-9a-fA-F]{8})?\.partial|\.part|\.filepart|\.tmp|\.upload", re.IGNORECASE)
BEGINNING: Final = re.compile(r"\.in\.|\.")


def decode_name(name: bytes) -> str:
    """The text of a name on the wire: UTF-8, or else Windows-1252, which old clients send.

    Raises BadName.
    """
    for encoding in ("utf-8", "cp1252"):
        try:
            return name.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadName("it is neither UTF-8 nor Windows-1252.")


def check_name(name: str) -> str:
    """*name*, when a file may have it here.

    Raises BadName with what is wrong, in words that do not repeat the name.
    """
    if name in ("", ".", ".."):
        raise BadName("it is empty.")
    if "/" in name or "\\" in name:
        raise BadName("it has a path in it.")
    if any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in name):
        raise BadName("it has control characters in it.")
    if len(name.encode()) > LIMIT:
        raise BadName(f"it is longer than {LIMIT} bytes.")
    return name


def is_temporary(name: str) -> bool:
    """Whether clients use *name* only while a file is not complete."""
    return final_name(name) is not None


def final_name(name: str) -> str | None:
    """The name that a client gives *name* when it is complete; None when *name* is not temporary."""
    begin = BEGINNING.match(name)
    rest = name[begin.end() :] if begin else name
    end = re.search(rf"(?:{ENDING.pattern})\Z", rest, re.IGNORECASE)
    final = rest[: end.start()] if end else rest
    return final if final and final != name else None
