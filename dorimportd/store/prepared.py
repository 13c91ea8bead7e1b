"""Queries whose text is made once: for those of every delivery Peewee takes ten times as long to make it as
the database takes to execute it, and all other threads wait meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Query, Value

from dorimportd.store.connect import Connected


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value goes."""

    name: str


def slot(name: str) -> Value:
    """What stands in a query for the value *name*; it is handed to the driver as it is."""
    return Value(Slot(name), converter=False)


class Prepared:
    """*query*, which has slots in place of its values."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._made: dict[str, tuple[str, Sequence[Any]]] = {}

    def execute(self, database: Connected, **values: Any) -> Any:
        """The driver's cursor, after it was executed with *values*."""
        made = self._made.get(database.dialect)
        if made is None:
            context = database.get_sql_context()
            made = self._made[database.dialect] = context.sql(self._query).query()  # type: ignore[no-untyped-call]
        text, slots = made
        return database.sql(text, [values[each.name] if isinstance(each, Slot) else each for each in slots])
