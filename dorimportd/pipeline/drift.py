"""Drift: a file that its format reads well, but that is unlike all that this customer sent before.

    what changed                              what the table would get
    location codes lost their leading zeros   a new location beside the old one
    so did transaction IDs                    sales twice, when they are sent again
    day and month are turned round            sales in other months
    totals are in minor units, or no longer   sums a hundred times too large, or too small
    totals lost their decimal places          sums that are a little wrong

Each is told in a sentence that says what mends it, or that the file may be released as it is.  A doubt is
no drift: a shop may have a sale, a new branch or a week of refunds.  So only rows of locations that were
there before are compared with theirs, and few rows prove nothing.  The first files of a customer have no
past and are let in.

Pure: it knows the samples and the format, and asks for nothing but whether transactions are known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from dorimportd.parse.convert import EXPORT_AGAIN
from dorimportd.parse.fit import printable
from dorimportd.parse.format import Format
from dorimportd.pipeline.scale import scale_drift
from dorimportd.store.samples import Sample, Shown
from dorimportd.words import EPOCH

CODES_TOLD: Final = 10  # of those that a lookup would mend
FEW_IDS: Final = 3  # that must be shorter
MANY_IDS: Final = 30  # that must all have been of one width

FILES_OF_PAST: Final = 3  # that must say how old the sales of a file are when it comes
DAYS_OF_GRACE: Final = 3  # by which they may be older than ever before
IDS_ASKED: Final = 50
SWAPPED: Final = {"%d": "%m", "%m": "%d"}

Known = Callable[[Sequence[str]], int]  # of these transaction IDs, how many are in the table


def drift(now: Sample, past: Sequence[Sample], format: Format, known: Known) -> str | None:
    """What *now* shows that nothing in the *past*, the samples of the files before, leads to expect."""
    past = [each for each in past if each.rows]
    if not now.rows or not past:
        return None
    before = [row for each in past for row in each.rows]
    told = [
        *location_drift(now.rows, before, format),
        *id_drift(now.rows, before, format),
        *date_drift(now, past, format, known),
        *scale_drift(now.rows, past, format),
    ]
    return " ".join(told) or None


# Leading zeros.


def location_drift(rows: Sequence[Shown], before: Sequence[Shown], format: Format) -> Iterator[str]:
    """Codes that were there before with zeros in front, in a file that has no code with a zero in front."""
    here, known = {row.location for row in rows}, {row.location for row in before}
    whole = {code.lstrip("0"): code for code in sorted(known) if has_zeros(code)}
    lost = sorted(code for code in here - known if code in whole)
    if not lost or any(map(has_zeros, here)):
        return
    widths = {len(code) for code in known if is_number(code)}
    if len(widths) == 1:
        step = f"pad = {widths.pop()}"
    else:
        table = [f"{quoted(code)} = {quoted(whole[code])}" for code in lost]
        more = ["..."] if len(table) > CODES_TOLD else []
        step = f'lookup = {{ {", ".join(table[:CODES_TOLD] + more)} }}, unknown = "keep"'
    mend = with_step("location", format.location, step)
    yield zeros_lost("Location codes", lost[0], whole[lost[0]], mend)


def id_drift(rows: Sequence[Shown], before: Sequence[Shown], format: Format) -> Iterator[str]:
    """IDs that were numbers of one width and are shorter now, where none has a zero in front any more.

    A new branch may have another till: only those of the same locations are compared.
    """
    rows, before = of_both(rows, before)
    sources = format.identity
    first = 1 if format.unique_per == "location" else 0  # which is compared as the location that it is
    columns, now = parts(before), parts(rows)
    if len(columns) != len(sources) + first or len(now) != len(columns):
        return
    for source, old, new in zip(sources, columns[first:], now[first:], strict=True):
        width = len(old[0])
        shorter = [part for part in new if len(part) < width]
        if len(shorter) >= FEW_IDS and are_numbers_of(width, old) and have_no_zeros(new):
            mend = with_step("transaction_id", source, f"pad = {width}", alone=len(sources) == 1)
            yield zeros_lost("Transaction IDs", shorter[0], shorter[0].zfill(width), mend)


def of_both(rows: Sequence[Shown], before: Sequence[Shown]) -> tuple[list[Shown], list[Shown]]:
    """Those of *rows*, and of those *before*, that are of locations which both have."""
    both = {row.location for row in rows} & {row.location for row in before}
    return [row for row in rows if row.location in both], [row for row in before if row.location in both]


def are_numbers_of(width: int, old: Sequence[str]) -> bool:
    """Whether many parts of IDs were all numbers of so many digits, some with a zero in front."""
    fixed = all(len(part) == width and is_number(part) for part in old)
    return fixed and len(old) >= MANY_IDS and any(map(has_zeros, old))


def have_no_zeros(new: Sequence[str]) -> bool:
    return all(is_number(part) and not has_zeros(part) for part in new)


def parts(rows: Sequence[Shown]) -> list[tuple[str, ...]]:
    """The first, the second and further parts of composed IDs; none where they have not equally many."""
    split = [row.transaction_id.split("/") for row in rows]
    return list(zip(*split, strict=True)) if len({len(each) for each in split}) == 1 else []


def zeros_lost(what: str, short: str, whole: str, mend: str) -> str:
    example = f"`{printable(short)}` instead of `{printable(whole)}`"
    return f"{what} lost their leading zeros ({example}). {EXPORT_AGAIN.rstrip('.')}; or {mend}."


def with_step(key: str, source: object, step: str, *, alone: bool = True) -> str:
    """How to put *source*, which is all or a part of what *key* says, through a step more."""
    if not isinstance(source, str):
        return f"add {step} to {key}"
    table = f"{{ column = {quoted(source)}, {step} }}"
    return f"set {key} = {table}" if alone else f"put {table} in place of {quoted(source)} in {key}"


def quoted(text: str) -> str:
    """*text* as TOML has it."""
    return json.dumps(text, ensure_ascii=False)


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def has_zeros(text: str) -> bool:
    """Whether it is a number from which a spreadsheet would take zeros away."""
    return text.startswith("0") and is_number(text) and text != "0"


# Dates.


def date_drift(now: Sample, past: Sequence[Sample], format: Format, known: Known) -> Iterator[str]:
    """Days that are older, or later, than any before, and would be as usual with day and month swapped.

    A file that was sent again tells of days gone by as well, but its transactions are known.
    """
    patterns = [re.sub("%[dm]", lambda code: SWAPPED[code[0]], text) for text in format.time_format]
    if len(past) < FILES_OF_PAST or not all("%d" in text and "%m" in text for text in patterns):
        return
    received, days = day_of(now.received_at), sorted({row.day for row in now.rows})
    ages = [day_of(each.received_at) - row.day for each in past for row in each.rows]
    strange = strange_days(received, days, min(ages), max(ages))
    ids = [row.transaction_id for row in now.rows[:IDS_ASKED]]
    if not strange or 2 * known(ids) >= len(ids):
        return
    setting = quoted(patterns[0]) if len(patterns) == 1 else f"[{', '.join(map(quoted, patterns))}]"
    yield (
        f"Dates look turned round: the file came on {calendar(received)} and is read as sales of"
        f" {calendar(strange[0])}, while the files before came within {days_told(max(ages))} of their sales."
        f" If it means {turned_round(calendar(strange[0]))}, set time_format = {setting}."
    )


def strange_days(received: int, days: Sequence[int], youngest: int, oldest: int) -> list[int]:
    """Those of *days* that are far from *received*, where all would be near if they were turned round.

    *youngest* and *oldest* say how many days ago sales were when files came before.
    """
    turned = [turned_round(calendar(day)) for day in days]
    near = range(youngest - 1, oldest + 2)
    if any(day is None or received - number_of(day) not in near for day in turned):
        return []
    late = range(near.start - 1, near.stop + DAYS_OF_GRACE)
    return [day for day in days if received - day not in late]


def turned_round(day: date) -> date | None:
    """*day* with its number and its month swapped; None where that is no day."""
    return date(day.year, day.day, day.month) if day.day <= 12 else None


def days_told(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def calendar(day: int) -> date:
    return EPOCH.date() + timedelta(days=day)


def number_of(day: date) -> int:
    return (day - EPOCH.date()).days


def day_of(moment: datetime) -> int:
    return (moment - EPOCH).days
