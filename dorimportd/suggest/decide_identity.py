"""The ID of a sale: a column, several, or one that is generated; and whether rows are line items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from dorimportd.parse.amount import SCALE
from dorimportd.suggest.clues import Column, Finding, Value, by_row, told, which
from dorimportd.suggest.decide_items import Whole
from dorimportd.suggest.decide_total import HALF_A_CENT, Totalled
from dorimportd.suggest.layout import Layout
from dorimportd.suggest.roles import IDENTITY, best, points, rivals, score
from dorimportd.toml.text import quoted, table

# A column that rather tells of one line item than of a whole sale.
LINE_ITEM: Final = points(
    (3, "line item lineitem sku gtin ean plu qty quantity menge quantité cantidad quantità aantal"),
    (3, "product produkt produit producto prodotto artikel article artículo articolo position"),
    (-9, "total count anzahl"),
)
SALES_TOLD: Final = 10  # in a sample; with fewer, none may have two items by chance
BEGINS_AGAIN: Final = points((1, "batch daily shift schicht tages"))

Said = tuple[str, Finding]


class Roles(NamedTuple):
    """Which columns are what, in the samples."""

    location: Column | None
    total: Totalled
    times: tuple[Column, ...]

    @property
    def sale(self) -> tuple[Column, ...]:
        """What no two rows of one sale have differently, unless they are line items."""
        return (self.total.column, *self.times)

    @property
    def at_once(self) -> tuple[Column, ...]:
        """What is alike in all rows of one sale, beside its ID."""
        return tuple(each for each in (self.location, *self.times) if each)


def find_identity(columns: Sequence[Column], roles: Roles, whole: Whole, layout: Layout) -> Iterator[Said]:
    """The ID; *columns* are those that may be used."""
    taken = (*roles.at_once, roles.total.column)
    free = [column for column in columns if column not in taken]
    found = best(free, IDENTITY) or (unnamed(free, layout) if layout.bare else [])
    if whole.grouped_by is not None:
        name = whole.grouped_by.name
        yield "transaction_id", Finding(quoted(name), "the rows of a sale have the same")
    elif not found:
        fields = [*(each.name for each in roles.at_once), roles.total.column.name]
        doubt = "no column is an ID; do two rows that are alike in these fields always mean two sales?"
        yield "transaction_id", Finding(table({"generate_from": quoted(fields)}), "", doubt)
    else:
        yield from by_column(found, [each for each in columns if each is not found[0]], roles, layout.bare)


def unnamed(columns: Sequence[Column], layout: Layout) -> list[Column]:
    """What may be an ID among *columns* without names: it differs in all rows, or else stands above them."""
    above = [each for each in columns if each.name in layout.made and len(each.texts) > 1]
    return [each for each in columns if is_unlike(each)] or sorted(above, key=lambda each: -len(each.texts))


def is_unlike(column: Column) -> bool:
    """Whether no two rows have the same in *column*."""
    return len(column.texts) == len(column.values) > 0


def by_column(found: Sequence[Column], others: Sequence[Column], roles: Roles, bare: bool) -> Iterator[Said]:
    """The ID by the first of the columns that were *found* for it."""
    column = found[0]
    double = repeated([column], roles.sale)
    doubt = f"is {column.values[0]} an ID?" if bare else which(column, rivals(found, IDENTITY), "the ID")
    if score(column.name, BEGINS_AGAIN) > 0:
        doubt = f"does `{column.name}` count single sales, and never begin again?"
    each_row = each_row_is(column, roles.total)
    if each_row:
        reason = f"several rows have the same; {told(column)}"
        yield "transaction_id", Finding(quoted(column.name), reason, doubt)
        yield "group_by", Finding(quoted(column.name), f"rows are line items: {each_row}")
        if repeated([column], (roles.total.column,)) is None:
            yield "combine", Finding(table({"total": quoted("equal")}), "each repeats the total of its sale")
    elif double is None:
        doubt = doubt or line_items(column, others)
        yield (
            "transaction_id",
            Finding(quoted(column.name), f"no other sale has the same; {told(column)}", doubt),
        )
    elif repeated([column, *roles.at_once], roles.sale):
        yield from items(column, double, roles.total, doubt)
    else:
        yield "transaction_id", composed(column, double, roles)


def each_row_is(column: Column, total: Totalled) -> str:
    """How arithmetic shows that rows are line items of sales by this *column*; empty when it does not.

    Quantity times price is the total in each row; or added up for each sale.
    """
    ids = by_row(column)
    rows = total.product.keys() & total.units.keys() & ids.keys()
    if total.computed or len(rows) < len(ids) or is_unlike(column) or not rows:
        return ""
    products, units = total.product, total.units
    if products == {row: units[row] * 10**SCALE for row in rows}:
        return "quantity times price is the total in each"
    sums: dict[str, int] = {}
    for row in rows:
        sums[ids[row]] = sums.get(ids[row], 0) + products[row]
    if all(abs(sums[ids[row]] - units[row] * 10**SCALE) <= HALF_A_CENT for row in rows):
        return "quantity times price, added up for each sale, is its total"
    return ""


def items(column: Column, double: Value, total: Totalled, doubt: str) -> Iterator[Said]:
    """Rows of the same ID with other totals."""
    what = "their sum" if total.computed else f"the sum of `{total.column.name}`"
    question = (
        f"{double} is on several rows with other totals; are these line items, and is {what} the total of the"
        " sale?"
    )
    yield "transaction_id", Finding(quoted(column.name), f"several rows have the same; {told(column)}", doubt)
    yield "group_by", Finding(quoted(column.name), "", question)


def line_items(identity: Column, others: Sequence[Column]) -> str:
    """The question whether a row is only a part of a sale; empty when nothing speaks for it."""
    columns: list[tuple[Column, Mapping[int, str]]] = [(other, by_row(other)) for other in others]
    advice = (
        f"are these line items? Then write group_by = {quoted(identity.name)}, and where each repeats the"
        ' total of the sale combine = { total = "equal" }'
    )
    first: dict[str, int] = {}
    for value in identity.values:
        begin = first.setdefault(value.text, value.row)
        for other, texts in columns:
            if texts.get(begin) != texts.get(value.row):
                what = f"which differ in `{other.name}` and of which the last counts"
                return f"{value} is on several rows, {what}; {advice}"
        if begin != value.row:
            return f"{value} is on several rows, which are alike and count as one; {advice}"
    # Of so many sales some would have two items.
    named = best(others, LINE_ITEM) if len(first) < SALES_TOLD else []
    return f"`{named[0].name}` may be of line items; is each row a whole sale?" if named else ""


def composed(column: Column, double: Value, roles: Roles) -> Finding:
    """An ID of which *column* is a part, since *double* stands in it for several sales.

    With all that is alike in a sale beside it no value is repeated.
    """
    others = roles.at_once
    choices = (parts for count in range(1, len(others) + 1) for parts in combinations(others, count))
    parts = next(parts for parts in choices if not repeated([*parts, column], roles.sale))
    doubt = (
        f"{double} stands for several sales; are they others, or the same corrected?"
        " Others are told apart by these columns together"
    )
    return Finding(quoted([each.name for each in (*parts, column)]), "", doubt)


def repeated(columns: Sequence[Column], sale: Sequence[Column]) -> Value | None:
    """A value of the last of *columns* on rows that are not alike in *sale*, with the other columns alike."""
    keys, sales = [by_row(column) for column in columns], [by_row(column) for column in sale]
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    for value in columns[-1].values:
        key = tuple(texts.get(value.row, "") for texts in keys)
        found = tuple(texts.get(value.row, "") for texts in sales)
        if seen.setdefault(key, found) != found:
            return value
    return None
