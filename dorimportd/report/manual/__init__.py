"""The manual: one Markdown file for each topic, the same text in the README.

A topic's first line is its title, so a list of topics needs nothing else.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

ORDER: Final = (
    "install",
    "configuration",
    "customers",
    "sending",
    "formats",
    "deliveries",
    "operation",
    "guarantees",
)


def topic(name: str) -> str:
    """The text of one topic, Markdown."""
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")


def topics() -> dict[str, str]:
    """Names and titles, in the order of the manual."""
    return {name: topic(name).partition("\n")[0].lstrip("# ") for name in ORDER}
