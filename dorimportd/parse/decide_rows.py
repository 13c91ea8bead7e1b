"""What the columns that tell the kind or the state of a row say of rows that are no plain sales.

Such rows are left out, or are refunds, by a key that is written and asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dorimportd.parse.clues import Column, Finding, Value
from dorimportd.parse.decide_items import Whole
from dorimportd.parse.decide_total import QUANTITY, Totalled, Units, tells_amounts
from dorimportd.parse.fit import listed, printable
from dorimportd.parse.readings import amount_choices
from dorimportd.parse.roles import best
from dorimportd.parse.toml_text import one_or_list, quoted, table
from dorimportd.parse.wording import NO, NO_SALE, OTHER_KIND, PLAIN_SALE, REFUND, SIGN_COLUMNS, STATE

KINDS_OF_ROW: Final = 20  # that a column tells, at most
KINDS_LISTED: Final = 5  # in a condition; for more it says that something stands there

Said = tuple[str, Finding]


def find_rows(columns: Sequence[Column], total: Totalled, whole: Whole) -> Iterator[Said]:
    """The conditions on *columns*, which have no other role."""
    filled = [column for column in columns if column.values]
    skipped = {column: values for column in filled if (values := no_sales(column))}
    if skipped:
        doubts = [
            f"`{column.name}` is {values[0]}; are such rows no sales?" for column, values in skipped.items()
        ]
        entries = {named(column, whole): condition(values) for column, values in skipped.items()}
        yield "skip", Finding(table(entries), "", " ".join(doubts))
    rest = [column for column in filled if column not in skipped]
    for column in rest:
        if values := positive_refunds(column, total.units):
            yield from refund(
                column, values, f"`{column.name}` is {values[0]}, but the total is positive; is it a refund?"
            )
            return
        if minus := minus_sign(column, total.units):
            doubt = (
                f"`{column.name}` has {listed(sorted(column.texts))}, but the totals of both are positive;"
                f" is {printable(minus)} a refund?"
            )
            yield from refund(column, [value for value in column.values if value.text == minus], doubt)
            return
    for column in () if total.computed else best(rest, QUANTITY):
        if back := given_back(column, total.units):
            doubt = f"`{column.name}` is {back}, but the total is positive; is it a refund?"
            yield "refunds", Finding(table({column.name: table({"pattern": quoted("-.*")})}), "", doubt)
            return
    yield from refunds_beside(rest, total)
    for column in rest:
        if (strange := unknown_state(column)) is not None:
            yield "", Finding("", "", f"`{column.name}` is {strange}; are such rows sales like others?")


def named(column: Column, whole: Whole) -> str:
    """The name of *column*, or of that made of it where it stands in the first row of a sale alone."""
    return f"{column.name} of the sale" if whole.grouped_by else column.name


def condition(values: Sequence[Value]) -> str:
    """The condition that all *values* fulfil."""
    texts = list(dict.fromkeys(value.text for value in values))
    return table({"empty": "false"}) if len(texts) > KINDS_LISTED else one_or_list(texts)


def no_sales(column: Column) -> list[Value]:
    """The values by which a row is hardly a sale."""
    if OTHER_KIND.search(column.name) and not NO_SALE.search(column.name):
        return []
    if NO_SALE.search(column.name):
        return [] if tells_amounts(column) else affirmed(column)
    if not 1 < len(column.texts) <= KINDS_OF_ROW:
        return []
    return [value for value in column.values if NO_SALE.search(value.text)]


def refund(column: Column, values: Sequence[Value], doubt: str) -> Iterator[Said]:
    """That *values* of *column* mark refunds; in a column of states they may mark what was refunded later."""
    if column.name.casefold().endswith(("status", "state")):
        yield "", Finding("", "", f"{doubt} Or is its total taken back by another row?")
    else:
        yield "refunds", Finding(table({column.name: condition(values)}), "", doubt)


def positive_refunds(column: Column, totals: Units) -> list[Value]:
    """The values by which money was given back, although the total of a row is positive."""
    if REFUND.search(column.name):
        marks = [] if tells_amounts(column) else affirmed(column)
    elif len(column.texts) <= KINDS_OF_ROW:
        marks = [value for value in column.values if REFUND.search(value.text)]
    else:
        marks = []
    return marks if any(totals.get(value.row, 0) > 0 for value in marks) else []


def given_back(column: Column, totals: Units) -> Value | None:
    """The first negative value of *column*, a quantity, although the total of its row is positive."""
    return next((v for v in column.values if v.text.startswith("-") and totals.get(v.row, 0) > 0), None)


def affirmed(column: Column) -> list[Value]:
    """The values of *column* that do not say "no"."""
    return [value for value in column.values if value.text.casefold() not in NO]


def minus_sign(column: Column, totals: Units) -> str:
    """Which of two values such as + and - rather marks a refund, where the totals of both are positive."""
    found = {value.text.casefold(): value.text for value in column.values if totals.get(value.row, 0) > 0}
    return next((found[sign] for sign, plus in SIGN_COLUMNS.items() if found.keys() == {sign, plus}), "")


def refunds_beside(columns: Sequence[Column], total: Totalled) -> Iterator[Said]:
    """A column of refunds that may not be taken off in the total."""
    for column in columns:
        if not REFUND.search(column.name) or not tells_amounts(column):
            continue
        readings = amount_choices(column)[0].readings
        refunds = [value for value in column.values if readings.get(value.text, (0, 0))[0]]
        if refunds and all(total.units.get(value.row, 0) < 0 for value in refunds):
            continue
        first, name = (refunds or column.values)[0], total.column.name
        doubt = f"`{column.name}` tells refunds ({first}); are they still to be taken off `{name}`?"
        said = table({"difference": quoted([name, column.name])})
        yield ("total" if refunds and not total.computed else ""), Finding(said, "", doubt)
        return


def unknown_state(column: Column) -> Value | None:
    """The first value in a column of states or kinds that is none of a plain sale."""
    is_state = STATE.search(column.name) and not OTHER_KIND.search(column.name)
    if not is_state or not 1 < len(column.texts) <= KINDS_OF_ROW or tells_amounts(column):
        return None
    return next(
        (v for v in column.values if not PLAIN_SALE.fullmatch(v.text) and not REFUND.search(v.text)), None
    )
