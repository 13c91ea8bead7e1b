"""What the columns that tell the kind or the state of a row say of rows that are no plain sales.

Such rows are left out, or are refunds, by a key that is written and asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from dorimportd.parse.fit import listed, printable
from dorimportd.suggest.clues import Column, Finding, Value
from dorimportd.suggest.decide_items import Whole
from dorimportd.suggest.decide_total import QUANTITY, Totalled, Units, tells_amounts
from dorimportd.suggest.readings import amount_choices
from dorimportd.suggest.roles import IDENTITY, best
from dorimportd.suggest.wording import (
    GOOD_SALE,
    NO,
    NO_SALE,
    OTHER_KIND,
    PLAIN_SALE,
    REFUND,
    REFUND_CODE,
    SERIES,
    SIGN_COLUMNS,
    STATE,
    STATE_OF_PAYMENT,
    VOIDED,
)
from dorimportd.toml.text import one_or_list, quoted, table

KINDS_OF_ROW: Final = 20  # that a column tells, at most
KINDS_LISTED: Final = 5  # in a condition; for more it says that something stands there
CODE_DIGITS: Final = 3  # of a state that is told by a number, at most

Said = tuple[str, Finding]


def find_rows(columns: Sequence[Column], total: Totalled, whole: Whole) -> Iterator[Said]:
    """The conditions on *columns*, which have no other role."""
    filled = [column for column in columns if column.values]
    skipped = {column: values for column in filled if (values := no_sales(column, whole.rows))}
    if skipped:
        doubts = [
            f"`{column.name}` is {values[0]}; are such rows no sales?" for column, values in skipped.items()
        ]
        entries = {named(column, whole): condition(values) for column, values in skipped.items()}
        yield "skip", Finding(table(entries), "", " ".join(doubts))
    rest = [without(column, skipped.get(column, [])) for column in filled]
    yield from find_refunds(rest, total)
    yield from refunds_beside(rest, total)
    yield from voids_beside(rest, total)
    for column in rest:
        if (strange := unknown_state(column, whole.rows)) is not None:
            yield "", Finding("", "", f"`{column.name}` is {strange}; are such rows sales like others?")


def without(column: Column, values: Sequence[Value]) -> Column:
    """What *column* has beside *values*, whose rows are left out already."""
    gone = {value.row for value in values}
    return replace(column, values=tuple(value for value in column.values if value.row not in gone))


def find_refunds(columns: Sequence[Column], total: Totalled) -> Iterator[Said]:
    """The first of *columns* that marks refunds, where their totals are positive."""
    for column in columns:
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
    for column in () if total.computed else best(columns, QUANTITY):
        if back := given_back(column, total.units):
            doubt = f"`{column.name}` is {back}, but the total is positive; is it a refund?"
            yield "refunds", Finding(table({column.name: table({"pattern": quoted("-.*")})}), "", doubt)
            return
    for column in best(columns, IDENTITY)[:1]:
        if other := other_series(column, total.units):
            yield "", Finding("", "", f"`{column.name}` is {other}, with letters of its own; is it a refund?")


def other_series(column: Column, totals: Units) -> Value | None:
    """The first of the IDs in *column* that seems to count refunds, beside others, with a positive total."""
    begins = {value.row: SERIES.match(value.text) for value in column.values}
    if len({match and match[0].casefold() for match in begins.values()}) < 2:
        return None
    found = (v for v in column.values if (match := begins[v.row]) and REFUND_CODE.fullmatch(match[0]))
    return next((value for value in found if totals.get(value.row, 0) > 0), None)


def named(column: Column, whole: Whole) -> str:
    """The name of *column*, or of that made of it where it stands in the first row of a sale alone."""
    return f"{column.name} of the sale" if whole.grouped_by else column.name


def condition(values: Sequence[Value]) -> str:
    """The condition that all *values* fulfil."""
    texts = list(dict.fromkeys(value.text for value in values))
    return table({"empty": "false"}) if len(texts) > KINDS_LISTED else one_or_list(texts)


def no_sales(column: Column, rows: int) -> list[Value]:
    """The values by which a row is hardly a sale; *rows* is the number of all."""
    if is_of_another_kind(column) and not NO_SALE.search(column.name):
        return [value for value in column.values if tells_kinds(column, rows) and VOIDED.match(value.text)]
    if NO_SALE.search(column.name):
        return [] if tells_amounts(column) else affirmed(column)
    if GOOD_SALE.search(column.name) and not tells_amounts(column) and affirmed(column):
        return [value for value in column.values if value.text.casefold() in NO]
    told = tells_kinds(column, rows) or (len(column.texts) == 1 and STATE.search(column.name))
    return [value for value in column.values if told and NO_SALE.search(value.text)]


def is_of_another_kind(column: Column) -> bool:
    """Whether *column* tells the state or the kind of something else than the sale."""
    return bool(OTHER_KIND.search(column.name)) and not STATE_OF_PAYMENT.search(column.name)


def tells_kinds(column: Column, rows: int) -> bool:
    """Whether *column* has a few texts, or one that is not in all *rows*."""
    kinds = len(column.texts) + (len(column.values) < rows)
    return 1 < kinds <= KINDS_OF_ROW


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
        codes = 1 < len(column.texts) <= KINDS_LISTED
        marks = [
            v for v in column.values if REFUND.search(v.text) or (codes and REFUND_CODE.fullmatch(v.text))
        ]
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


def voids_beside(columns: Sequence[Column], total: Totalled) -> Iterator[Said]:
    """A column of what was voided, which may still be in the total."""
    for column in columns:
        if VOIDED.search(column.name) and tells_amounts(column):
            readings = amount_choices(column)[0].readings
            voided = [value for value in column.values if readings.get(value.text, (0, 0))[0]]
            for value in voided[:1]:
                doubt = f"`{column.name}` is {value}; is that still to be taken off `{total.column.name}`?"
                yield "", Finding("", "", doubt)


def unknown_state(column: Column, rows: int) -> Value | None:
    """The first value in a column of states or kinds that is none of a plain sale, of *rows* in all."""
    if not STATE.search(column.name) or is_of_another_kind(column) or not tells_kinds(column, rows):
        return None
    codes = all(text.isdigit() and len(text) <= CODE_DIGITS for text in column.texts)
    if tells_amounts(column) and not codes:
        return None
    return next(
        (v for v in column.values if not PLAIN_SALE.fullmatch(v.text) and not REFUND.search(v.text)), None
    )
