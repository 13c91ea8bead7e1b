"""Totals that are a hundred times what they were, or have lost their decimal places.

Sizes are compared as logarithms, and not by one number: a file is moved only when its small totals, its
middle and its large ones all are, and by the same, against what several files showed, and when its totals
may be those of before times a power of ten.  So neither a large refund nor a day on which only dear goods
sell looks like drift.  Where every total was written with decimal places and none is now, a middle that has
moved is proof enough; but not of a till that leaves zeros out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import log10
from statistics import median
from typing import Final

from dorimportd.parse.format import Format
from dorimportd.store.samples import Sample, Shown

# Totals that there must be, where decimal places are gone and sizes have moved,
FEW: Final = 5
PAST_OF_FEW: Final = 30
# where only sizes have moved,
SOME: Final = 30
PAST_OF_SOME: Final = 100
# and where decimal places are gone and sizes are as before.
MANY: Final = 50
FILES: Final = 10  # of the past, for the last two

FACTORS: Final = (2, -2, 3, -3)  # powers of ten
NEAR: Final = 0.35  # of such a power that three quantiles have moved by
ROUGHLY: Final = 0.7  # the same for the middle alone
LEAST_WITH_CENTS: Final = 0.3  # of the totals before, of which rounding would take something
NEARLY_ALL: Final = 0.95
MOST_IMPLIED: Final = 4  # what implied_decimals may say

ROUNDED: Final = (
    "Totals have no decimal places any more, and before they had: they may have been rounded. Send the file"
    " with totals as the till has them."
)


def scale_drift(rows: Sequence[Shown], past: Sequence[Sample], format: Format) -> Iterator[str]:
    """Totals of another size than those of the same locations before, in the currency that has most."""
    (currency, _), *_ = Counter(row.currency for row in rows).most_common()
    new, old = comparable(rows, [row for each in past for row in each.rows], currency)
    if len(new) < FEW or len(old) < PAST_OF_FEW:
        return
    moved = [a - b for a, b in zip(quantiles(new), quantiles(old), strict=True)]
    many = len(past) >= FILES
    if power := power_of(moved, new, old, many=many):
        yield moved_sentence(power, new, old, format)
    elif many and len(new) >= MANY and abs(moved[1]) < ROUGHLY and are_rounded(new, old):
        yield ROUNDED


def comparable(
    rows: Sequence[Shown], before: Sequence[Shown], currency: str
) -> tuple[list[Shown], list[Shown]]:
    """Totals but for zero, in this currency and of locations that are in both."""
    both = {row.location for row in rows} & {row.location for row in before if row.currency == currency}
    new, old = (
        [row for row in each if row.units and row.currency == currency and row.location in both]
        for each in (rows, before)
    )
    return new, old


def quantiles(rows: Sequence[Shown]) -> tuple[float, float, float]:
    """How large the small totals are, the middle one and the large ones, as powers of ten."""
    sizes = sorted(log10(abs(row.units)) - row.scale for row in rows)
    tenth = len(sizes) // 10
    return sizes[tenth], median(sizes), sizes[-1 - tenth]


def power_of(moved: Sequence[float], new: Sequence[Shown], old: Sequence[Shown], *, many: bool) -> int | None:
    """The power of ten by which all totals have moved; None where they have not, or too few say so."""
    if places_are_gone(new, old):
        (places, _), *_ = Counter(row.scale for row in old).most_common()
        if abs(moved[1] - places) < ROUGHLY:
            return places
    if len(new) >= SOME and len(old) >= PAST_OF_SOME and many:
        for power in FACTORS:
            if all(abs(each - power) < NEAR for each in moved) and is_only_scale(power, new, old):
                return power
    return None


def is_only_scale(power: int, new: Sequence[Shown], old: Sequence[Shown]) -> bool:
    """Whether the totals may be as before, but for this power of ten: by the places that they would have.

    1,060.95 is no 10.6095 of a shop that has two decimal places: it is a dear good, or the day's catering.
    """
    places = max(row.scale for row in old)
    if power < 0:
        return any(row.scale > places for row in new)
    return all(row.units % 10 ** max(0, row.scale + power - places) == 0 for row in new)


def places_are_gone(new: Sequence[Shown], old: Sequence[Shown]) -> bool:
    """Whether totals were written with decimal places, also where these are zeros, and now not one is."""
    if any(row.scale for row in new) or not any(row.scale and row.units % 10 == 0 for row in old):
        return False
    return share(row.scale > 0 for row in old) >= NEARLY_ALL


def are_rounded(new: Sequence[Shown], old: Sequence[Shown]) -> bool:
    """The same, where enough totals were not whole."""
    with_cents = share(row.units % 10**row.scale > 0 for row in old)
    return places_are_gone(new, old) and with_cents >= LEAST_WITH_CENTS


def share(said: Iterator[bool]) -> float:
    answers = list(said)
    return sum(answers) / len(answers)


def moved_sentence(power: int, new: Sequence[Shown], old: Sequence[Shown], format: Format) -> str:
    """What changed, from what to what, and what mends it."""
    larger = "larger" if power > 0 else "smaller"
    return (
        f"Totals are about {10 ** abs(power):,} times {larger} than before (median {middle(new)} instead of"
        f" {middle(old)}): {mend(power, format)}."
    )


def middle(rows: Sequence[Shown]) -> str:
    """The median, without its sign."""
    sizes = sorted(Decimal(abs(row.units)).scaleb(-row.scale) for row in rows)
    return f"{sizes[len(sizes) // 2]:,}"


def mend(power: int, format: Format) -> str:
    now = format.implied_decimals or 0
    wanted = now + power
    if power > 0 and wanted <= MOST_IMPLIED:
        return f"the file may give minor units now; then set implied_decimals = {wanted}"
    if power < 0 and now and wanted >= 0:
        line = f"set implied_decimals = {wanted}" if wanted else "take implied_decimals out of the format"
        return f"the file may give whole units now; then {line}"
    return "compare it with the till's own report, and look at decimal and thousands in the format"
