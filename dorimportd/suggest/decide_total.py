"""The total of a sale: which column, or computed of which, with which marks.

Where names leave open which column it is, arithmetic may settle it: gross is net and tax together, and what a
row of line items says is quantity times price.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dorimportd.parse.amount import SCALE
from dorimportd.parse.fit import listed
from dorimportd.suggest.body import Trailer
from dorimportd.suggest.clues import Column, Finding, Value, told, which
from dorimportd.suggest.readings import (
    Choice,
    amount_choices,
    amount_way,
    attempt,
    currency_in,
    currency_of_name,
    disputed,
)
from dorimportd.suggest.roles import TOTAL, best, points, rivals, score
from dorimportd.suggest.wording import NO
from dorimportd.toml.text import quoted, table

# Currencies with three decimal places (ISO 4217), where "1.250" is hardly a thousand; and without any.
THREE_PLACES: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
NO_PLACES: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "HUF", "TWD", "IDR", "COP"})

QUANTITY: Final = points(
    (2, "quantity qty menge anzahl stück stückzahl cantidad quantité quantità aantal units"),
    (-9, "price preis total amount id number unit"),
)
PRICE: Final = points(
    (2, "price preis einzelpreis unitprice prix precio prezzo prijs"),
    (1, "unit einzel unitario unitaire stuk each"),
    (-9, "total gesamt compare list discount rabatt"),
)
# What the difference of two totals may be.
PART: Final = points(
    (1, "tax taxes vat mwst ust iva tva btw steuer moms gst fee fees gebühr gebühren tip trinkgeld")
)
ADDED: Final = points(
    (1, "tax taxes vat mwst ust iva tva btw steuer moms gst tip trinkgeld service surcharge"),
    (1, "rounding rundung arrondi redondeo"),
)
DISCOUNT: Final = points((1, "discount discounts rabatt remise descuento sconto korting nachlass"))
BEFORE_TAX: Final = points((1, "sales sale price revenue turnover umsatz"), (-9, "total gesamt collected"))
TIP: Final = points((1, "tip tips gratuity trinkgeld pourboire propina mancia fooi service"), (-9, "total"))
WHOLE: Final = points((1, "total gesamt totale totaal collected paid"))
NET: Final = points((1, "net nett netto neto ht imponibile"))
TAX: Final = points((1, "tax vat mwst ust iva tva btw steuer moms gst"))
GROSS: Final = points((1, "gross brutto bruto lordo ttc"))
MINOR_UNITS: Final = points((1, "cent cents minor pence centimes céntimos centesimi rappen"))
CENTS_FROM: Final = 100  # units, below which no total in cents is likely

HALF_A_CENT: Final = 10 ** (2 * SCALE) // 200

Said = tuple[str, Finding]
Units = Mapping[int, int]  # by row, in the smallest that a total may have


@dataclass(frozen=True, slots=True)
class Totalled:
    """The total in the samples."""

    column: Column  # of a product the price
    keys: tuple[Said, ...]
    units: Units
    product: Mapping[int, int]  # quantity times price by row, in SCALE times two places
    computed: bool = False  # whether the total is the product


def find_total(columns: Sequence[Column], bare: bool) -> Totalled:
    """The total, and what to say of it and of its marks."""
    choices = {column.name: ways for column in columns if (ways := amount_choices(column))}
    amounts = [column for column in columns if column.name in choices]
    units = {column.name: units_of(column, choices[column.name][0]) for column in amounts}
    quantities, prices = best(amounts, QUANTITY), best(amounts, PRICE)
    product = product_of(units, quantities[0], prices[0]) if quantities and prices else {}
    found = best(amounts, TOTAL)
    if product and (not found or found[0] is prices[0]):
        return computed(quantities[0], prices[0], choices, product)
    column, finding = chosen(columns, amounts, found, units, bare)
    marks = marks_of(column, choices.get(column.name, []))
    of_column = units.get(column.name, {})
    more = second_thoughts(column, of_column, amounts)
    return Totalled(column, (("total", finding), *marks, *more), of_column, product)


def units_of(column: Column, choice: Choice) -> dict[int, int]:
    return {v.row: choice.readings[v.text][0] for v in column.values if v.text in choice.readings}


def product_of(units: Mapping[str, Units], quantity: Column, price: Column) -> dict[int, int]:
    counts, prices = units[quantity.name], units[price.name]
    return {row: counts[row] * prices[row] for row in counts.keys() & prices.keys()}


def computed(
    quantity: Column, price: Column, choices: Mapping[str, Sequence[Choice]], product: Mapping[int, int]
) -> Totalled:
    """The total as the product of *quantity* and *price*."""
    value = table({"product": quoted([quantity.name, price.name])})
    doubt = f"no column is the total; is it `{quantity.name}` times `{price.name}`?"
    keys = (("total", Finding(value, "", doubt)), *marks_of(price, choices[price.name]))
    return Totalled(price, keys, units_of(price, choices[price.name][0]), product, computed=True)


def chosen(
    columns: Sequence[Column],
    amounts: Sequence[Column],
    found: Sequence[Column],
    units: Mapping[str, Units],
    bare: bool,
) -> tuple[Column, Finding]:
    """The column of the total by its name, or by what stands in it."""
    if not found:
        with_places = [each for each in amounts if has_places(each)]
        column = (with_places[-1] if bare else with_places[0]) if with_places else (amounts or columns)[-1]
        return column, Finding(quoted(column.name), "", f"no name tells the total; is it `{column.name}`?")
    equal = rivals(found, TOTAL)
    for column in (found[0], *equal):
        others = [each for each in (found[0], *equal) if each is not column]
        parts = [part_of(units, column, other, best(amounts, PART)) for other in others]
        if others and all(parts):
            sums = listed([others[0].name, parts[0] or ""])
            return column, Finding(quoted(column.name), f"it is {sums} together; {told(column)}")
    doubt = which(found[0], equal, "the total") or doubt_by_sums(found[0], amounts, units)
    return found[0], Finding(quoted(found[0].name), f"the name says so; {told(found[0])}", doubt)


def doubt_by_sums(total: Column, amounts: Sequence[Column], units: Mapping[str, Units]) -> str:
    """The question that arithmetic raises: whether what was paid is more by a tax, or less by a discount."""
    for other in (each for each in amounts if each is not total):
        if part := part_of(units, other, total, best(amounts, ADDED)):
            return f"`{other.name}` is `{total.name}` and `{part}`; which is the total?"
        if part := part_of(units, total, other, best(amounts, DISCOUNT)):
            return f"`{other.name}` is `{total.name}` less `{part}`; which is the total?"
    taxes = [each for each in best(amounts, TAX) if any(units[each.name].values())]
    if taxes and score(total.name, BEFORE_TAX) > 0 and score(total.name, GROSS) <= 0:
        return f"is `{taxes[0].name}` in `{total.name}`, or to be added to it?"
    tips = [each for each in best(amounts, TIP) if any(units[each.name].values())]
    if tips and score(total.name, WHOLE) <= 0:
        return f"is `{tips[0].name}` in `{total.name}`, or to be added to it?"
    return ""


def has_places(column: Column) -> bool:
    return any("." in text or "," in text for text in column.texts)


def part_of(units: Mapping[str, Units], whole: Column, other: Column, parts: Sequence[Column]) -> str | None:
    """The name of that of *parts* by which *whole* is more than *other* in all rows."""
    more, less = units[whole.name], units[other.name]
    for part in parts:
        rest = units[part.name]
        rows = more.keys() & less.keys() & rest.keys()
        told = len(rows) == len(less) and any(rest[row] for row in rows)
        unsigned = all(abs(more[row]) - abs(less[row]) == abs(rest[row]) for row in rows)
        if told and (unsigned or all(more[row] - less[row] == rest[row] for row in rows)):
            return part.name
    return None


def marks_of(column: Column, found: Sequence[Choice]) -> Iterator[Said]:
    """What to say of the marks in the amounts of *column*."""
    if not found:
        doubt = f"the values of `{column.name}` are no amounts; which column is the total?"
        yield "decimal", Finding(quoted("."), "", doubt)
        return
    open_value, best_one = disputed(found, column.values), found[0]
    if open_value is None:
        open_value = longer_fraction(column, best_one)
    else:  # three digits stand behind the mark: mostly a thousand
        code = currency_in(open_value.text) or currency_of_name(column.name)
        likelier = min if code in THREE_PLACES else max
        best_one = likelier(found, key=lambda choice: abs(choice.readings[open_value.text][0]))
    longest = max(column.values, key=lambda value: len(value.text))
    doubt = f"is {open_value} more than a thousand?" if open_value else ""
    yield "decimal", Finding(quoted(best_one.how[0]), f"all amounts fit, such as {longest}", doubt)
    if best_one.how[1]:
        yield "thousands", Finding(quoted(best_one.how[1]), f"all amounts fit, such as {longest}", doubt)


def longer_fraction(column: Column, choice: Choice) -> Value | None:
    """The first amount with three decimal places where others have two, and none more than three."""
    mark = re.escape(choice.how[0])
    found = {v: match[1] for v in column.values if (match := re.search(rf"{mark}([0-9]+)[^0-9]*$", v.text))}
    odd = {len(digits) for digits in found.values()} == {2, 3}
    return next((value for value, digits in found.items() if odd and len(digits) == 3), None)


def second_thoughts(total: Column, of_total: Units, amounts: Sequence[Column]) -> Iterator[Said]:
    """What makes the column *total* another sum than the customer paid, and the key that would mend it."""
    if score(total.name, NET) > 0:
        yield from about_net(total, [each for each in amounts if each.texts != total.texts])
    if score(total.name, MINOR_UNITS) > 0:
        yield "implied_decimals", Finding("2", "", f"`{total.name}` seems to count cents; does it?")
    elif may_be_cents(total, of_total, amounts):
        doubt = f"no total has decimals, such as {total.values[0]}; are these whole units?"
        yield (
            "total",
            Finding(quoted(total.name), "", f"{doubt} If they are cents, write implied_decimals = 2"),
        )
    if sum(each < 0 for each in of_total.values()) > len(of_total) / 2:
        doubt = "most totals are negative; does the till write sales with a minus?"
        yield "sign", Finding(quoted("inverted"), "", doubt)


def about_net(total: Column, others: Sequence[Column]) -> Iterator[Said]:
    """What would make the total gross where its column is net."""
    for column in others:
        gross = score(column.name, GROSS) > 0
        if gross or score(column.name, TAX) > 0:
            both = table({"sum": quoted([total.name, column.name])})
            doubt = f"`{total.name}` is net, beside `{column.name}`; is the gross total meant?"
            yield "total", Finding(quoted(column.name) if gross else both, "", doubt)
            return
    for column in best(others, TOTAL)[:1]:
        doubt = f"`{total.name}` is net, beside `{column.name}`; which is the total?"
        yield "total", Finding(quoted(total.name), "", doubt)


def may_be_cents(total: Column, of_total: Units, amounts: Sequence[Column]) -> bool:
    """Whether nothing tells that totals without decimals are whole units."""
    codes = {currency_in(text) for text in total.texts} | {currency_of_name(total.name)}
    large = all(abs(each) >= CENTS_FROM * 10**SCALE for each in of_total.values() if each)
    return (
        any(of_total.values())
        and large
        and not codes & NO_PLACES
        and not any(has_places(each) for each in amounts)
    )


def find_control(trailer: Trailer | None, total: Totalled) -> Iterator[Said]:
    """The row at the end that tells the number and the sum of the sales, where both are right."""
    if trailer is None or total.computed or not total.keys:
        return
    marks = [finding.value.strip('"') for key, finding in total.keys if key in ("decimal", "thousands")]
    way = amount_way(marks[0], marks[1] if len(marks) > 1 else "")
    cells = [attempt(way, cell) if cell.strip() else None for cell in trailer.row]
    rows = [place for place, cell in enumerate(cells, 1) if cell and cell[0] == trailer.sales * 10**SCALE]
    sums = [place for place, cell in enumerate(cells, 1) if cell and cell[0] == sum(total.units.values())]
    if rows and sums:
        said = {
            "where": table({"Column 1": quoted(trailer.kind)}),
            "rows": quoted(f"Column {rows[0]}"),
            "total": quoted(f"Column {sums[0]}"),
        }
        yield (
            "control",
            Finding(table(said), f"line {trailer.line} tells their number and their sum, which is right"),
        )


def tells_amounts(column: Column) -> bool:
    """Whether *column* holds amounts, and not only yes and no as 1 and 0."""
    return not column.texts <= NO | {"1"} and bool(amount_choices(column))
