"""Values as TOML writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

BARE_KEY: Final = re.compile("[A-Za-z0-9_-]+")


def quoted(value: str | Sequence[str]) -> str:
    """*value*, a text or a list of texts."""
    if isinstance(value, str):
        if '"' in value and "'" not in value and value.isprintable():
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(map(quoted, value))}]"


def quoted_key(name: str) -> str:
    """*name* as a key."""
    return name if BARE_KEY.fullmatch(name) else quoted(name)


def one_or_list(texts: Sequence[str]) -> str:
    """*texts* as a list; a single one as itself."""
    return quoted(texts[0] if len(texts) == 1 else list(texts))


def table(entries: Mapping[str, str]) -> str:
    """A table on one line: names, and values that are TOML already."""
    return "{ " + ", ".join(f"{quoted_key(name)} = {value}" for name, value in entries.items()) + " }"
