"""Which rows of the samples are whole sales, where others are only parts of them.

A part is told by a column that names its kind, of which each sale has one row; or by the total, which
stands in the first row of each sale alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from dorimportd.parse.fit import listed, printable
from dorimportd.suggest.clues import Column, Finding, by_row
from dorimportd.suggest.layout import Layout
from dorimportd.suggest.readings import amount_choices
from dorimportd.suggest.roles import IDENTITY, TOTAL, Words, best, points
from dorimportd.suggest.wording import NO_SALE, REFUND
from dorimportd.toml.text import quoted, table

KINDS: Final = 8  # that a column tells, at most

KIND: Final[Words] = points(
    (3, "type typ art kind satzart zeilenart zeilentyp recordtype linetype soort tipo"),
    (2, "line record row satz zeile ligne línea riga"),
    (-9, "payment zahlung card karte tender tax steuer order customer"),
)


@dataclass(frozen=True, slots=True)
class Whole:
    """The rows that are whole sales, or as many of each sale as there are."""

    columns: tuple[Column, ...]
    rows: int
    keys: tuple[tuple[str, Finding], ...] = ()
    grouped_by: Column | None = None  # where the total of a sale stands in its first row alone
    made: dict[str, str] = field(default_factory=dict)  # columns for the keys, as TOML


def whole_sales(layout: Layout) -> Whole:
    """What of *layout* is whole sales."""
    return by_kind(layout) or by_first_rows(layout) or Whole(layout.columns, layout.rows)


def by_kind(layout: Layout) -> Whole | None:
    """The rows of that kind of which each sale has one, where a column tells the kind."""
    for kinds in best([each for each in layout.columns if len(each.values) == layout.rows], KIND):
        texts = list(dict.fromkeys(value.text for value in kinds.values))
        plain = not any(NO_SALE.search(text) or REFUND.search(text) for text in texts)
        if 1 < len(texts) <= KINDS and plain:
            for identity in best([each for each in layout.columns if each is not kinds], IDENTITY):
                if found := one_row_each(layout, kinds, texts, identity):
                    return found
    return None


def one_row_each(layout: Layout, kinds: Column, texts: Sequence[str], identity: Column) -> Whole | None:
    """The rows of the first of *texts*, kinds of rows, of which each *identity* has just one."""
    ids = by_row(identity)
    if len(identity.texts) in (1, len(identity.values)):
        return None
    for text in texts:
        rows = [value.row for value in kinds.values if value.text == text]
        counted = Counter(ids.get(row, "") for row in rows)
        if counted.keys() == identity.texts and set(counted.values()) == {1}:
            doubt = (
                f"`{kinds.name}` has {listed(texts)}, and each `{identity.name}` one row of"
                f" `{printable(text)}`; is that the whole sale?"
            )
            keys = (("only", Finding(table({kinds.name: quoted(text)}), "", doubt)),)
            columns = [each for each in layout.columns if each is not kinds]
            return Whole(tuple(narrowed(columns, rows)), len(rows), keys)
    return None


def by_first_rows(layout: Layout) -> Whole | None:
    """The first row of each sale, where its total stands there alone."""
    full = [each for each in layout.columns if len(each.values) == layout.rows]
    identities = [each for each in best(full, IDENTITY) if 1 < len(each.texts) < len(each.values)]
    totals = [each for each in layout.columns if 0 < len(each.values) < layout.rows and amount_choices(each)]
    for identity in identities:
        for total in best(totals, TOTAL):
            rows = [value.row for value in total.values]
            if rows == first_rows(identity):
                reason = f"each `{identity.name}` has one `{total.name}`, in the first of its rows"
                combine = table({key: quoted("first") for key in ("total", "time", "location")})
                keys = (
                    ("group_by", Finding(quoted(identity.name), reason)),
                    ("combine", Finding(combine, reason)),
                )
                above = table({total.name: table({"empty": "false"})})
                made = {
                    f"{each.name} of the sale": table({"column": quoted(each.name), "above": above})
                    for each in layout.columns
                }
                return Whole(tuple(narrowed(layout.columns, rows)), len(rows), keys, identity, made)
    return None


def first_rows(identity: Column) -> list[int]:
    """The first row of each *identity*."""
    first: dict[str, int] = {}
    for value in identity.values:
        first.setdefault(value.text, value.row)
    return list(first.values())


def narrowed(columns: Sequence[Column], rows: Sequence[int]) -> Iterator[Column]:
    """*columns* with the values of *rows* alone."""
    wanted = frozenset(rows)
    for column in columns:
        yield Column(column.name, tuple(value for value in column.values if value.row in wanted))
