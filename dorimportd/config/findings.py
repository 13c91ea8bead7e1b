"""What a reading finds on its way: what is wrong, and what works but had better be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from dorimportd.toml import BadToml, Document, KeyPath, Mistake, dotted, shown

T = TypeVar("T")


class Findings:
    """The mistakes and warnings of one reading of all files."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What *read* returns; None when it finds mistakes."""
        try:
            return read()
        except BadToml as error:
            self.mistakes += error.mistakes
            return None

    def wrong(self, document: Document, path: KeyPath, problem: str, value: str | None = None) -> None:
        """The key at *path* is wrong; *value* is what stands there, when it may be told."""
        got = shown(value) if value is not None else None
        self.mistakes.append(Mistake(document.place(path), dotted(path), problem, got))

    def open_to_everyone(self, document: Document, path: KeyPath, file: str) -> None:
        """The key at *path* holds a secret, or says that *file* does, and everyone can read that."""
        problem = f"every user of this machine can read it: `chmod o-r {file}`"
        self.warnings.append(Mistake(document.place(path), dotted(path), problem))
