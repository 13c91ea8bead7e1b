"""The total of a row: a column, or computed of several, with the sign that the row gives it.

Everything is exact.  Only products may have more places than a total has; they are rounded once, at the
very end, which for line items is after they have been added up: to `places` of the format, or to four.
What lies half-way goes away from zero, as tills round: 0.125 is 0.13, -0.125 is -0.13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from dorimportd.parse.amount import SCALE, AmountReader
from dorimportd.parse.columns import Columns
from dorimportd.parse.condition import Predicate, Row, predicate_of
from dorimportd.parse.format import Format, Total
from dorimportd.parse.readers import Check, Reader
from dorimportd.parse.source import Source
from dorimportd.parse.values import BadValue, Memo, read_currency

CURRENCIES_KEPT: Final = 20
FACTOR_PLACES: Final = 9  # of a quantity or a price
KEPT_PLACES: Final = 2  # of a product, also where they are zeros
MOST_UNITS: Final = 10**18  # in the 64 bits of a database's integer

Exact = tuple[int, int]  # units and scale, as in words.Amount, but with any number of places
Priced = tuple[int, int, str]  # and the currency
Combine = Callable[[Sequence[Exact]], Exact]


class TotalReader(NamedTuple):
    """Reads the total of a row."""

    whole: Reader[Priced]  # with its sign, rounded
    exact: Reader[Priced]  # neither rounded nor made negative for a refund
    is_refund: Predicate | None  # None when only the value tells
    places: int  # to which it is rounded, 0 to 4


def total_reader(format: Format, columns: Columns, currency: str) -> TotalReader:
    """*currency* is that of the customer."""
    is_refund = predicate_of(format.refunds, columns.place) if format.refunds else None
    places = SCALE if format.places is None else format.places
    exact = exact_reader(format, columns, currency)
    # What stands in one column has no more places than a total may have.
    if len(exact.places) == 1 and is_refund is None and format.places is None and not format.implied_decimals:
        return TotalReader(exact, exact, None, places)

    def read(row: Row) -> Priced:
        units, scale, code = exact.read(row)
        if is_refund is not None and is_refund(row):
            units = -abs(units)
        return (*rounded(units, scale, places), code)

    checks = (*exact.checks, Check(exact.places, read))
    also = (*exact.also, *map(columns.place, format.refunds or ()))
    return TotalReader(Reader(read, exact.places, checks, also), exact, is_refund, places)


class Prices:
    """Amounts in the currency of their rows."""

    def __init__(self, format: Format, columns: Columns, currency: str, combine: Combine) -> None:
        factors = combine is product
        self._amounts = AmountReader(
            decimal=format.decimal, thousands=format.thousands, places=FACTOR_PLACES if factors else SCALE
        )
        self._implied = format.implied_decimals or 0
        self._whole = format.implied_decimals is not None and not factors
        self._turn = -1 if format.sign == "inverted" else 1
        self.checks: tuple[Check, ...] = ()
        self.also: tuple[int, ...] = ()
        if isinstance(format.currency, Source):
            self.also = (columns.place(format.currency),)
            self.of = self._by_column(*self.also)
        else:
            always = self._in(format.currency or currency)
            self.of = lambda row: always

    def _by_column(self, place: int) -> Callable[[Row], Memo[Priced]]:
        currencies = Memo(lambda text: self._in(read_currency(text)), CURRENCIES_KEPT)
        self.checks = (Check((place,), lambda row: currencies[row[place]]),)
        return lambda row: currencies[row[place]]

    def _in(self, currency: str) -> Memo[Priced]:
        def price(text: str) -> Priced:
            units, scale = self._amounts.read(text, currency)
            if self._whole and scale:
                raise BadValue("has decimal places, but the format says that they are implied")
            return units, scale, currency

        return Memo(price)

    def finished(self, amount: Exact, currency: str) -> Priced:
        """*amount* as the format means it."""
        return self._turn * amount[0], amount[1] + self._implied, currency


def exact_reader(format: Format, columns: Columns, currency: str) -> Reader[Priced]:
    """The total as the row has it, but for the sign that the format inverts."""
    sources, combine = operands(format)
    places = tuple(columns.place(source) for source in sources)
    prices = Prices(format, columns, currency, combine)
    of = prices.of

    def read(row: Row) -> Priced:
        known = of(row)
        found = [known[row[place]] for place in places]
        return prices.finished(combine([(units, scale) for units, scale, _ in found]), found[0][2])

    checks = (*prices.checks, *(Check((place,), price_at(of, place)) for place in places))
    if len(places) == 1 and format.implied_decimals is None and format.sign == "as written":
        (place,) = places
        return Reader(price_at(of, place), places, checks, prices.also)
    return Reader(read, places, checks, prices.also)


def price_at(of: Callable[[Row], Memo[Priced]], place: int) -> Callable[[Row], Priced]:
    return lambda row: of(row)[row[place]]


def operands(format: Format) -> tuple[tuple[str | Source, ...], Combine]:
    """What the total is computed of, and how."""
    total = format.total
    if isinstance(total, Total):
        for several, combine in ((total.sum, added), (total.difference, lessened), (total.product, product)):
            if several is not None:
                return several, combine
    return (total,), added


def added(amounts: Sequence[Exact]) -> Exact:
    """The sum of *amounts*, with the places of that which has most."""
    scale = max(scale for _, scale in amounts)
    return sum(units * 10 ** (scale - less) for units, less in amounts), scale


def lessened(amounts: Sequence[Exact]) -> Exact:
    """The first of *amounts* less all others."""
    first, *others = amounts
    return added([first, *((-units, scale) for units, scale in others)])


def product(amounts: Sequence[Exact]) -> Exact:
    """The product of *amounts*, without the zeros that stand behind its second place."""
    units, scale = 1, 0
    for factor, places in amounts:
        units, scale = units * factor, scale + places
    while scale > KEPT_PLACES and units % 10 == 0:
        units, scale = units // 10, scale - 1
    return units, scale


def rounded(units: int, scale: int, places: int) -> Exact:
    """The amount with at most so many *places*; what lies half-way goes away from zero.

    Raises BadValue when it is too large for the database.
    """
    if scale > places:
        cut = 10 ** (scale - places)
        whole = (abs(units) + cut // 2) // cut
        units, scale = (-whole if units < 0 else whole), places
    if abs(units) >= MOST_UNITS:
        raise BadValue("is too large")
    return units, scale
