"""What each key of a suggested format should say, by the samples, and what they leave open."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from dorimportd.parse.clues import Column, Finding, Layout, Value
from dorimportd.parse.fit import listed
from dorimportd.parse.roles import (
    CURRENCY_NAMES,
    IDENTITY,
    LOCATION,
    TIME,
    TOTAL,
    Choice,
    amount_choices,
    best,
    clock_choices,
    currency_in,
    currency_of_name,
    disputed,
    has_clock,
    points,
    rivals,
    time_choices,
    with_clock,
)
from dorimportd.parse.values import CURRENCY

# Signs of one currency each: not $, not kr.
SIGNS: Final = {"€": "EUR", "£": "GBP", "₹": "INR", "zł": "PLN", "Kč": "CZK"}
BARE_KEY: Final = re.compile("[A-Za-z0-9_-]+")

# A zone in a name, and the offset in "UTC+2", which makes it another zone; a time with its own offset.
UTC: Final = re.compile(r"(?<![^\W_])(?:utc|gmt)(?![^\W_])( ?[-+] ?[0-9]+)?", re.IGNORECASE)
OWN_OFFSET: Final = re.compile(r":[0-9.,]+ ?(?:Z|[-+][0-9]{2}(?::?[0-9]{2})?)$", re.IGNORECASE)

# Currencies with three decimal places (ISO 4217), where "1.250" is hardly a thousand.
THREE_PLACES: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})

# A column that rather tells of one line item than of a whole sale.
LINE_ITEM: Final = points(
    (3, "line item lineitem sku gtin ean plu qty quantity menge quantité cantidad quantità aantal"),
    (3, "product produkt produit producto prodotto artikel article artículo articolo position"),
    (-9, "total count anzahl"),
)

MOST: Final = 0.5  # of the rows must have a value in a column that is to be used


class Roles(NamedTuple):
    """Which columns are what, in the samples."""

    location: Column | None
    total: Column
    times: tuple[Column, ...]


def quoted(value: str | Sequence[str]) -> str:
    """*value* as TOML."""
    if isinstance(value, str):
        if '"' in value and "'" not in value and value.isprintable():
            return f"'{value}'"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(map(quoted, value))}]"


def quoted_key(name: str) -> str:
    """*name* as a key of TOML."""
    return name if BARE_KEY.fullmatch(name) else quoted(name)


def findings(layout: Layout) -> Iterator[tuple[str, Finding]]:
    """The keys of a format for files of this *layout*, each with its value as TOML."""
    yield "encoding", toml(layout.encoding)
    yield "delimiter", toml(layout.delimiter)
    yield "quote", toml(layout.quote)
    used = [column for column in layout.columns if len(column.values) >= MOST * layout.rows > 0]
    location, location_finding = find_location(used)
    times, time_findings = find_times(used or layout.columns)
    total, total_findings = find_total([each for each in used if each not in times] or layout.columns)
    roles = Roles(location, total, times)
    yield "location", location_finding
    yield from find_identity(used, roles)
    yield from total_findings
    yield from find_currency(layout.columns, total)
    yield from time_findings
    yield from find_zone(times)


def toml(finding: Finding) -> Finding:
    return Finding(quoted(finding.value), finding.reason, finding.doubt)


def find_location(columns: Sequence[Column]) -> tuple[Column | None, Finding]:
    found = best(columns, LOCATION)
    if not found:
        doubt = "no column names the location; do all rows come from one? Then give it its name here"
        return None, Finding('{ constant = "default" }', "", doubt)
    column = found[0]
    doubt = which(column, rivals(found, LOCATION), "the location")
    return column, Finding(quoted(column.name), f"the name says so; {told(column)}", doubt)


def find_total(columns: Sequence[Column]) -> tuple[Column, list[tuple[str, Finding]]]:
    """The column of the total, and what to say of it and of its marks."""
    choices = {column.name: amount_choices(column) for column in columns}
    amounts = [column for column in columns if choices[column.name]]
    found = best(amounts, TOTAL)
    if found:
        column = found[0]
        doubt = which(column, rivals(found, TOTAL), "the total")
        finding = Finding(quoted(column.name), f"the name says so; {told(column)}", doubt)
    else:
        column = next(filter(has_places, amounts), columns[-1])
        finding = Finding(quoted(column.name), "", f"no name tells the total; is it `{column.name}`?")
    return column, [("total", finding), *marks_of(column, choices[column.name])]


def has_places(column: Column) -> bool:
    return any("." in text or "," in text for text in column.texts)


def marks_of(column: Column, found: Sequence[Choice]) -> Iterator[tuple[str, Finding]]:
    """What to say of the marks in the amounts of *column*."""
    if not found:
        doubt = f"the values of `{column.name}` are no amounts; which column is the total?"
        yield "decimal", Finding(quoted("."), "", doubt)
        return
    open_value = disputed(found, column.values)
    chosen = found[0]
    if open_value is not None:  # three digits stand behind the mark: mostly a thousand
        code = currency_in(open_value.text) or currency_of_name(column.name)
        likelier = min if code in THREE_PLACES else max
        chosen = likelier(found, key=lambda choice: abs(choice.readings[open_value.text][0]))
    longest = max(column.values, key=lambda value: len(value.text))
    doubt = f"is {open_value} more than a thousand?" if open_value else ""
    yield "decimal", Finding(quoted(chosen.how[0]), f"all amounts fit, such as {longest}", doubt)
    if chosen.how[1]:
        yield "thousands", Finding(quoted(chosen.how[1]), f"all amounts fit, such as {longest}", doubt)


def find_currency(columns: Sequence[Column], total: Column) -> Iterator[tuple[str, Finding]]:
    """The currency, when the samples tell it; else the customer's holds."""
    codes = [each for each in columns if each.values and all(CURRENCY.fullmatch(text) for text in each.texts)]
    named = best(codes, CURRENCY_NAMES)
    if named:
        source = f"{{ column = {quoted(named[0].name)} }}"
        yield "currency", Finding(source, f"all values are codes; {told(named[0])}")
        return
    said = Counter(code for value in total.values if (code := currency_in(value.text)))
    said.update(code for sign, code in SIGNS.items() for value in total.values if sign in value.text)
    if not said and (code := currency_of_name(total.name)):
        yield "currency", Finding(quoted(code), f"the name of `{total.name}` says so")
    elif said:
        doubt = f"the totals name {listed(sorted(said))}; only one can be set here" if len(said) > 1 else ""
        yield "currency", Finding(quoted(said.most_common(1)[0][0]), "the totals say so", doubt)


def find_times(columns: Sequence[Column]) -> tuple[tuple[Column, ...], list[tuple[str, Finding]]]:
    """The column or columns of the time, and what to say of them and of their pattern."""
    dated = {column.name: choices for column in columns if (choices := time_choices(column))}
    candidates = [column for column in columns if column.name in dated]
    if not candidates:
        column = (*best(columns, TIME), *columns)[0]
        finding = Finding(quoted(column.name), "", "no column holds dates of a known kind")
        return (column,), [("time", finding)]
    found = best(candidates, TIME) or candidates
    date, dates = found[0], dated[found[0].name]
    doubt = which(date, rivals(found, TIME), "the time of the sale")
    if has_clock(dates[0]):
        return (date,), time_findings((date,), dates, doubt)
    clocks = {column.name: choices for column in columns if (choices := clock_choices(column))}
    beside = best([column for column in columns if column.name in clocks and column is not date], TIME)
    if not beside:
        midnight = "there is no time of the day, and each sale is put at midnight; is there a column for it?"
        return (date,), time_findings((date,), dates, doubt or midnight)
    doubt = doubt or which(beside[0], rivals(beside, TIME), "the time of the day")
    times = (date, beside[0])
    return times, time_findings(times, with_clock(dates, clocks[beside[0].name][0]), doubt)


def time_findings(
    times: Sequence[Column], choices: Sequence[Choice], doubt: str
) -> list[tuple[str, Finding]]:
    """What to say of *times* and of the pattern of what they hold together."""
    names = [column.name for column in times]
    reason = "; ".join(map(told, times))
    finding = Finding(quoted(names if len(names) > 1 else names[0]), reason, doubt)
    return [("time", finding), *pattern_of_times(times, choices)]


def pattern_of_times(times: Sequence[Column], found: Sequence[Choice]) -> Iterator[tuple[str, Finding]]:
    """What to say of the pattern of the dates in the first of *times*."""
    ways = list(dict.fromkeys(choice.how[0] for choice in found))
    chosen = min(found, key=unlikeliness).how[0]
    open_value = disputed(found, times[0].values)
    question = f"{open_value} fits {' and '.join(ways)}; which is meant?"
    if not any(way.startswith("%y") for way in ways):
        question += " A sample with a day after the 12th decides"
    doubt = question if open_value else ""
    latest = max(times[0].values, key=lambda value: value.text)
    yield "time_format", Finding(quoted(chosen), f"all dates fit, such as {latest}", doubt)


def unlikeliness(dates: Choice) -> tuple[bool, int]:
    """By which of several ways to read the dates the likeliest is the least.

    Where the clock has twelve hours the month mostly stands before the day.  Beyond that the sales of one
    file are rather of one week than of several years.
    """
    way = dates.how[0]
    instants = [instant for instant, _ in dates.readings.values()]
    return not ("%p" in way and way.startswith("%m")), max(instants) - min(instants)


def find_zone(times: Sequence[Column]) -> Iterator[tuple[str, Finding]]:
    """UTC, where a name says so and the values do not say it themselves; else the customer's zone holds."""
    named = [(column.name, match) for column in times if (match := UTC.search(column.name))]
    if named and not all(map(OWN_OFFSET.search, times[-1].texts)):
        name, match = named[0]
        doubt = f"`{name}` tells an offset from UTC; in which time zone are the times?" if match[1] else ""
        yield "timezone", Finding(quoted("UTC"), f"the name of `{name}` says so", doubt)


def find_identity(columns: Sequence[Column], roles: Roles) -> Iterator[tuple[str, Finding]]:
    """The ID: a column, several, or one that is generated; and whether rows are line items."""
    taken = [column.name for column in (roles.location, roles.total, *roles.times) if column]
    found = best([column for column in columns if column.name not in taken], IDENTITY)
    if not found:
        named = [roles.location] if roles.location else []
        fields = [column.name for column in (*named, *roles.times, roles.total)]
        doubt = "no column is an ID; do two rows that are alike in these fields always mean two sales?"
        yield "transaction_id", Finding(f"{{ generate_from = {quoted(fields)} }}", "", doubt)
        return
    column = found[0]
    double = repeated([column], roles)
    if double is None:
        others = [each for each in columns if each is not column]
        doubt = which(column, rivals(found, IDENTITY), "the ID") or line_items(column, others)
        reason = f"no other sale has the same; {told(column)}"
        yield "transaction_id", Finding(quoted(column.name), reason, doubt)
    elif repeated([column, *taken_at_once(roles)], roles):
        doubt = (
            f"{double} is on several rows with other totals; are these line items, and is the sum of"
            f" `{roles.total.name}` the total of the sale?"
        )
        yield "transaction_id", Finding(quoted(column.name), f"several rows have the same; {told(column)}")
        yield "group_by", Finding(quoted(column.name), "", doubt)
    else:
        yield "transaction_id", composed(column, double, roles)


def line_items(identity: Column, others: Sequence[Column]) -> str:
    """The question whether a row is only a part of a sale; empty when nothing speaks for it."""
    columns = [(other, by_row(other)) for other in others]
    first: dict[str, int] = {}
    for value in identity.values:
        begin = first.setdefault(value.text, value.row)
        for other, texts in columns:
            if texts.get(begin) != texts.get(value.row):
                return (
                    f"{value} is on several rows, which differ in `{other.name}` and of which the last"
                    f" counts; are these line items? Then write group_by = {quoted(identity.name)}, and where"
                    ' each repeats the total of the sale combine = { total = "equal" }'
                )
    named = best(others, LINE_ITEM)
    return f"`{named[0].name}` may be of line items; is each row a whole sale?" if named else ""


def composed(column: Column, double: Value, roles: Roles) -> Finding:
    """An ID of which *column* is a part, since *double* stands in it for several sales.

    With all that is alike in a sale beside it no value is repeated.
    """
    others = taken_at_once(roles)
    choices = (parts for count in range(1, len(others) + 1) for parts in combinations(others, count))
    parts = next(parts for parts in choices if not repeated([*parts, column], roles))
    doubt = (
        f"{double} stands for several sales; are they others, or the same corrected?"
        " Others are told apart by these columns together"
    )
    return Finding(quoted([each.name for each in (*parts, column)]), "", doubt)


def taken_at_once(roles: Roles) -> list[Column]:
    """What is alike in all rows of one sale, beside its ID."""
    return [each for each in (roles.location, *roles.times) if each]


def repeated(columns: Sequence[Column], roles: Roles) -> Value | None:
    """A value of the last of *columns* on rows of several totals or times, with the other columns alike."""
    keys = [by_row(column) for column in columns]
    sales = [by_row(column) for column in (roles.total, *roles.times)]
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    for value in columns[-1].values:
        key = tuple(texts.get(value.row, "") for texts in keys)
        sale = tuple(texts.get(value.row, "") for texts in sales)
        if seen.setdefault(key, sale) != sale:
            return value
    return None


def by_row(column: Column) -> dict[int, str]:
    return {value.row: value.text for value in column.values}


def told(column: Column) -> str:
    """What stands in *column*, for a comment."""
    return f"such as {column.values[0]}"


def which(column: Column, others: Sequence[Column], role: str) -> str:
    """The question which of several columns has a role; empty when there is one."""
    names = listed([each.name for each in (column, *others)])
    return f"which is {role}: {names}?" if others else ""
