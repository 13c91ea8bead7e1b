"""The currency of the totals, where the samples tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from unicodedata import category

from dorimportd.parse.fit import listed
from dorimportd.parse.values import CURRENCY
from dorimportd.suggest.clues import Column, Finding, told
from dorimportd.suggest.readings import currency_in, currency_of_name
from dorimportd.suggest.roles import CURRENCY_NAMES, best
from dorimportd.toml.text import quoted, table

# Signs of one currency each: not $, not kr.
SIGNS: Final = {"€": "EUR", "£": "GBP", "₹": "INR", "zł": "PLN", "Kč": "CZK"}

Said = tuple[str, Finding]


def find_currency(columns: Sequence[Column], total: Column) -> Iterator[Said]:
    """The currency, when the samples tell it; else the customer's holds."""
    codes = [each for each in columns if each.values and all(CURRENCY.fullmatch(text) for text in each.texts)]
    named = best(codes, CURRENCY_NAMES)
    if named:
        yield (
            "currency",
            Finding(table({"column": quoted(named[0].name)}), f"all values are codes; {told(named[0])}"),
        )
        return
    if odd := next((each for each in best(columns, CURRENCY_NAMES) if each.values), None):
        doubt = f"`{odd.name}` is {odd.values[0]}, which is no code of three capitals; is it the currency?"
        yield "", Finding("", "", f"{doubt} Then write currency with a lookup")
    said = Counter(code for value in total.values if (code := currency_in(value.text)))
    said.update(code for sign, code in SIGNS.items() for value in total.values if sign in value.text)
    if not said and (code := currency_of_name(total.name)):
        yield "currency", Finding(quoted(code), f"the name of `{total.name}` says so")
    elif said:
        others = {sign for text in total.texts for sign in text if category(sign) == "Sc"} - SIGNS.keys()
        found = [*sorted(said), *sorted(others)]
        doubt = f"the totals name {listed(found)}; only one can be set here" if len(found) > 1 else ""
        yield "currency", Finding(quoted(said.most_common(1)[0][0]), "the totals say so", doubt)
