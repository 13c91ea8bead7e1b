"""Formats of well-known tills, one file each beside this one; its name is that of the format."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from dorimportd.parse.format import Format, parse_format


def builtin_texts() -> dict[str, str]:
    """The formats as they are written, comments and all, by name."""
    found = (each for each in files(__name__).iterdir() if each.name.endswith(".toml"))
    return {each.name.removesuffix(".toml"): each.read_text("utf-8") for each in sorted(found, key=str)}


@cache
def builtin_format(name: str) -> Format:
    """The format called *name*.  Raises KeyError."""
    return parse_format(builtin_texts()[name], f"{name}.toml")
