"""TOML whose values know their file and line.

tomllib says what a document holds, and a scanner of our own where each key stands; pydantic says what
is wrong with the values, and a table says it in plain words.  So every mistake of a file becomes one
line that leads to its place:

    dorimportd.toml:7:1: smtp.mail_size: must be a whole number; got '10 MB'
    customers.d/acme.toml:3:1: time_zone: is not known here (did you mean 'timezone'?)

    mistake.py   what is wrong, where, and how that reads
    document.py  text -> values that know their place, or the error of syntax
    scanner.py   where each key begins
    check.py     values -> a model, or everything that is wrong with them
    text.py      values -> TOML

It knows no key of ours, and reads no file: it is handed text and the name to call it by.
"""

from __future__ import annotations

import os

# At the first model pydantic looks through every installed package for plugins of its own: 30 ms that
# dorimportctl has not, and code that nobody here asked for.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from dorimportd.toml.check import ListOf, Table, Unfit, check
from dorimportd.toml.document import Document, read_toml
from dorimportd.toml.mistake import BadToml, KeyPath, Mistake, Place, dotted, nearest, shown

__all__ = [
    "BadToml",
    "Document",
    "KeyPath",
    "ListOf",
    "Mistake",
    "Place",
    "Table",
    "Unfit",
    "check",
    "dotted",
    "nearest",
    "read_toml",
    "shown",
]
