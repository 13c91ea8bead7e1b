"""A format as TOML that reads as the same format: for keeping it, without its comments and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from dorimportd.parse.format import Format
from dorimportd.toml.text import quoted, quoted_key, table


def written(format: Format) -> str:
    """All that *format* says, a key a line; `parse_format` makes an equal one of it."""
    said = format.model_dump(exclude_defaults=True)
    return "".join(f"{quoted_key(key)} = {value_text(value)}\n" for key, value in said.items())


def value_text(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return table({name: value_text(each) for name, each in value.items()})
    return f"[{', '.join(map(value_text, value))}]"
