"""What each key of a suggested format should say, by the samples, and what they leave open.

decide_items.py      which rows are whole sales
decide_time.py       time, its pattern, the zone
decide_total.py      total, its marks, the currency
decide_identity.py   the ID, and whether rows are line items
decide_rows.py       rows that are no sales, and refunds
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from dorimportd.parse.fit import printable
from dorimportd.suggest.clues import Column, Finding, told, which
from dorimportd.suggest.decide_currency import find_currency
from dorimportd.suggest.decide_identity import Roles, find_identity
from dorimportd.suggest.decide_items import whole_sales
from dorimportd.suggest.decide_rows import find_rows
from dorimportd.suggest.decide_time import find_times, find_zone
from dorimportd.suggest.decide_total import find_control, find_total
from dorimportd.suggest.layout import Layout
from dorimportd.suggest.roles import IDENTITY, LOCATION, best, rivals, score
from dorimportd.toml.text import quoted, table

# What stands before a code so that a spreadsheet leaves it as it is, 'CODE or ="CODE", and what finds it.
GUARD: Final = re.compile("=\"|'")
GUARDED: Final = {'="': '[^="]+', "'": "[^']+"}
MOST: Final = 0.5  # of the rows must have a value in a column that is to be used

Said = tuple[str, Finding]  # a key, or "" for what is none, and what to say of it


def findings(layout: Layout) -> list[Said]:
    """The keys of a format for files of this *layout*, each with its value as TOML."""
    whole = whole_sales(layout)
    used = [column for column in whole.columns if len(column.values) >= MOST * whole.rows > 0]
    times, of_time = find_times(used or whole.columns, layout.bare)
    total = find_total([each for each in used if each not in times] or whole.columns, layout.bare)
    rest = [each for each in used if each not in times and each is not total.column]
    location, of_location = find_location(rest, layout)
    roles = Roles(location, total, times)
    others = [column for column in whole.columns if column not in (location, total.column, *times)]
    found = [
        *layout.keys,
        *whole.keys,
        ("location", of_location),
        *find_identity(used, roles, whole, layout),
        *total.keys,
        *find_currency(whole.columns, total.column),
        *of_time,
        *find_zone(times, others),
        *find_rows(others, total, whole),
        *find_guards(used),
        *find_control(layout.trailer, total),
    ]
    said = merged(found)
    return [*said, *made_columns(layout, whole.made, said)]


def merged(found: Sequence[Said]) -> list[Said]:
    """Each key once: what is said of it last holds, and all doubts."""
    said: dict[str, Finding] = {}
    for key, finding in found:
        before = said.get(key)
        doubts = " ".join(each.doubt for each in (before, finding) if each and each.doubt)
        said[key] = replace(finding, doubt=doubts)
    return [(key, said[key]) for key in said if key] + [each for each in found if not each[0]]


def find_location(columns: Sequence[Column], layout: Layout) -> tuple[Column | None, Finding]:
    found = best(columns, LOCATION)
    if found:
        column = found[0]
        doubt = which(column, rivals(found, LOCATION), "the location")
        return column, Finding(quoted(column.name), f"the name says so; {told(column)}", doubt)
    repeating = [each for each in columns if layout.bare and len(each.texts) < len(each.values)]
    if repeating:
        column = min(repeating, key=lambda each: len(each.texts))
        return column, Finding(quoted(column.name), "", f"is {column.values[0]} a location?")
    for label, text in layout.preamble:
        if score(label, LOCATION) > 0:
            doubt = (
                f"`{printable(label)}` stands above the header, with `{printable(text)}`; is it the location?"
            )
            return None, Finding(table({"preamble": quoted(label)}), "", doubt)
    doubt = "no column names the location; do all rows come from one? Then give it its name here"
    return None, Finding(table({"constant": quoted("default")}), "", doubt)


def find_guards(columns: Sequence[Column]) -> Iterator[Said]:
    """Codes with a sign in front by which a spreadsheet takes them for text, and which they would keep."""
    for column in columns:
        if max(score(column.name, LOCATION), score(column.name, IDENTITY)) <= 0:
            continue
        for value in column.values:
            if match := GUARD.match(value.text):
                source = table({"column": quoted(column.name), "extract": quoted(GUARDED[match[0]])})
                doubt = (
                    f"`{column.name}` is {value}; should the signs for a spreadsheet go? Then write {source}"
                )
                yield "", Finding("", "", doubt)
                break


def made_columns(layout: Layout, made: dict[str, str], found: Sequence[Said]) -> Iterator[Said]:
    """The columns that have no name in the files, as far as other keys use them."""
    numbers = {each: each.split()[1] for each in layout.numbered}
    texts = [finding.value for _, finding in found]
    wanted = {name: how for name, how in (layout.made | made).items() if is_used(name, texts)}
    texts += wanted.values()
    entries = {name: number for name, number in numbers.items() if is_used(name, texts)} | wanted
    if entries:
        yield "columns", Finding(table(entries), "these columns have no name in the file")


def is_used(name: str, texts: Sequence[str]) -> bool:
    return any(quoted(name) in text for text in texts)
