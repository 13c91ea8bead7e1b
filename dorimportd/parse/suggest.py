"""A format from sample files, its doubts said and never passed over.

Each line of the text says above it why it stands there.  Where the samples leave something open, the
likelier choice is written below the word UNSURE and a question.  The text is a format in any case; at
the end the samples are read with it, and what that gives is said, too.  So is what the samples tell that
only a person can decide, with the key that would say it: refunds without a minus, sales that were voided,
cents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from typing import Final

from dorimportd.errors import HoldFile
from dorimportd.parse.clues import Column, Finding, Value, layout_of
from dorimportd.parse.decide import findings, quoted, quoted_key
from dorimportd.parse.fit import listed, printable
from dorimportd.parse.format import Format, parse_format
from dorimportd.parse.naming import folded
from dorimportd.parse.read import Batch, Defaults, read
from dorimportd.parse.roles import amount_choices, amount_way, attempt, points, score

BATCHES_READ: Final = 3  # of each sample

# Neither time zone nor currency is looked at in what the samples give.
ANY_CUSTOMER: Final = Defaults("UTC", "XXX")

# What a till calls a row that is no sale, and one that gives money back.
NO_SALE: Final = re.compile(
    "fail|void|cancel|declin|pending|abort|training|storn|abbruch|annul|anula|geannul|schulung|fehlgeschlagen",
    re.IGNORECASE,
)
REFUND: Final = re.compile(
    "refund|return(?!ing)|retour(?!geld)|rück(?!geld)|gutschrift|erstatt|rembours|devol|rimbors|terugbetal"
    r"|\breso\b|credit note",
    re.IGNORECASE,
)
KINDS_OF_ROW: Final = 20  # that a column tells, at most

# What says "no" in a column whose name is a question.
NO: Final = frozenset(
    {"0", "0.00", "0,00", "n", "no", "non", "nein", "nee", "none", "f", "false", "falsch", "-"}
)
FLAGS: Final = NO | {"1"}
# Of a column of signs: what rather marks a refund, and what a sale.
SIGN_COLUMNS: Final = {"-": "+", "-1": "1", "d": "c", "dr": "cr", "debit": "credit", "s": "h"}

ZONE: Final = re.compile(
    r"time ?zone|zeitzone|fuseau|huso|fuso|tijdzone|(?<![^\W_])tz(?![^\W_])", re.IGNORECASE
)

MINOR_UNITS: Final = points((1, "cent cents minor pence centimes céntimos centesimi rappen"))
NET: Final = points((1, "net nett netto neto ht imponibile"))
TAX: Final = points((1, "tax vat mwst ust iva tva btw steuer moms gst"))
GROSS: Final = points((1, "gross brutto bruto lordo ttc"))
BEGINS_AGAIN: Final = points((1, "batch daily shift schicht tages"))


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A format for the samples."""

    text: str  # TOML with comments; parse_format takes it
    doubts: list[str]  # questions that the samples leave open, in the order of the text

    @property
    def sure(self) -> bool:
        """Whether nothing is left open."""
        return not self.doubts


def suggest(samples: Sequence[bytes], names: Sequence[str]) -> Suggestion:
    """A format for the files *samples*, all of one till, which the comments call *names*.

    Raises HoldFile when one is no text of columns, or when they have no column in common.
    """
    layout = layout_of(samples, names)
    decided = list(findings(layout))
    format = parse_format(body_of(decided), "suggestion")
    result, problem = rehearse(samples, format)
    more = list(second_thoughts(layout.columns, format))
    found = [(key, doubted(finding, [doubt for of, doubt in more if of == key])) for key, finding in decided]
    general = [
        doubt for doubt in (layout.header.doubt, problem, *(said for of, said in more if not of)) if doubt
    ]
    head = [f"Suggested from {', '.join(names)}: {layout.rows:,} rows, below {layout.header.value}.", result]
    head += [f"UNSURE: {doubt}" for doubt in general]
    text = "".join(map(comment, head)) + "\n" + body_of(found)
    return Suggestion(text, general + [f"{key}: {finding.doubt}" for key, finding in found if finding.doubt])


def doubted(finding: Finding, more: Sequence[str]) -> Finding:
    """*finding* with *more* doubts."""
    return replace(finding, doubt=" ".join(filter(None, (finding.doubt, *more))))


def body_of(found: Sequence[tuple[str, Finding]]) -> str:
    """The lines of the text for all keys."""
    return "\n".join(written(key, finding) for key, finding in found)


def written(key: str, finding: Finding) -> str:
    """The lines of the text for one key."""
    why = f"UNSURE: {finding.doubt}" if finding.doubt else f"sure: {finding.reason}"
    return f"{comment(why)}{key} = {finding.value}\n"


def comment(text: str) -> str:
    """*text*, which may quote a sample, as a line that TOML skips."""
    return f"# {''.join(sign if sign.isprintable() else ' ' for sign in text)}\n"


def rehearse(samples: Sequence[bytes], format: Format) -> tuple[str, str]:
    """What the samples give when they are read with *format*, and what is wrong with it, or nothing."""
    try:
        batches = [batch for sample in samples for batch in beginning(sample, format)]
    except HoldFile as error:
        return "Read with this format they would be held.", str(error)
    transactions = sum(len(batch.transactions) for batch in batches)
    rejects = [reject for batch in batches for reject in batch.rejects]
    result = f"Read with this format: {transactions:,} transactions, {len(rejects):,} rejected."
    if not rejects:
        return result, ""
    first = rejects[0]
    what = " ".join(f"`{printable(name)}`" for name in (first.column, first.value) if name) or "the row"
    told = f"the first in line {first.line}: {what} {first.rule}"
    return result, f"{len(rejects):,} of the rows would be rejected, {told}"


def beginning(sample: bytes, format: Format) -> Iterator[Batch]:
    return islice(read(BytesIO(sample), format, ANY_CUSTOMER), BATCHES_READ)


def second_thoughts(columns: Sequence[Column], format: Format) -> Iterator[tuple[str, str]]:
    """What the samples tell and *format* does not say, each with its key, or "" when that is not there."""
    named = {folded(column.name): column for column in columns}
    used = {folded(name) for name in format.wanted}
    others = [column for name, column in named.items() if name not in used and column.values]
    assert isinstance(format.total, str)
    total = named[folded(format.total)]
    totals = totals_by_row(total, format)
    for doubt in (*about_rows(others, totals), *about_zones(others)):
        yield "", doubt
    for doubt in about_total(total, totals, others):
        yield "total", doubt
    if isinstance(format.transaction_id, str) and score(format.transaction_id, BEGINS_AGAIN) > 0:
        name = named[folded(format.transaction_id)].name
        yield "transaction_id", f"does `{name}` count single sales, and never begin again?"


def totals_by_row(total: Column, format: Format) -> dict[int, int]:
    """Those totals that *format* can read, in units of one scale."""
    way = amount_way(format.decimal, format.thousands)
    readings = {text: attempt(way, text) for text in total.texts}
    return {value.row: reading[0] for value in total.values if (reading := readings[value.text])}


def about_rows(columns: Sequence[Column], totals: Mapping[int, int]) -> Iterator[str]:
    """What the *columns* that tell the kind or state of a row say of rows that are no plain sales."""
    for column in columns:
        if value := no_sale(column):
            said = f"skip = {condition(column, value.text)}"
            yield f"`{column.name}` is {value}; such rows are imported, too, unless {said} leaves them out"
        elif value := positive_refund(column, totals):
            said = f"refunds = {condition(column, value.text)}"
            yield f"`{column.name}` is {value}, but the total is positive; is it a refund? Then write {said}"
        elif minus := minus_sign(column, totals):
            what = f"the totals of both are positive; is {printable(minus)} a refund?"
            said = f"refunds = {condition(column, minus)}"
            yield f"`{column.name}` has {listed(sorted(column.texts))}, but {what} Then write {said}"


def condition(column: Column, text: str) -> str:
    """That *column* is *text*, as a format says it."""
    return f"{{ {quoted_key(column.name)} = {quoted(text)} }}"


def about_zones(columns: Sequence[Column]) -> Iterator[str]:
    for column in columns:
        if ZONE.search(column.name):
            said = f"timezone = {{ column = {quoted(column.name)} }}"
            yield f"`{column.name}` tells a time zone ({column.values[0]}); is it to count? Then write {said}"


def no_sale(column: Column) -> Value | None:
    """The first value by which a row is hardly a sale."""
    if NO_SALE.search(column.name):
        return next(iter(affirmed(column)), None)
    if not 1 < len(column.texts) <= KINDS_OF_ROW:
        return None
    return next((value for value in column.values if NO_SALE.search(value.text)), None)


def positive_refund(column: Column, totals: Mapping[int, int]) -> Value | None:
    """The first value by which money was given back, although the total of its row is positive."""
    if REFUND.search(column.name):
        marks = [] if tells_amounts(column) else affirmed(column)
    elif len(column.texts) <= KINDS_OF_ROW:
        marks = [value for value in column.values if REFUND.search(value.text)]
    else:
        marks = []
    return next((value for value in marks if totals.get(value.row, 0) > 0), None)


def affirmed(column: Column) -> list[Value]:
    """The values of *column* that do not say "no"."""
    return [value for value in column.values if value.text.casefold() not in NO]


def tells_amounts(column: Column) -> bool:
    """Whether *column* holds amounts, and not only yes and no as 1 and 0."""
    return not column.texts <= FLAGS and bool(amount_choices(column))


def minus_sign(column: Column, totals: Mapping[int, int]) -> str:
    """Which of two values such as + and - rather marks a refund, where the totals of both are positive."""
    found = {value.text.casefold(): value.text for value in column.values if totals.get(value.row, 0) > 0}
    return next((found[sign] for sign, plus in SIGN_COLUMNS.items() if found.keys() == {sign, plus}), "")


def about_total(total: Column, totals: Mapping[int, int], others: Sequence[Column]) -> Iterator[str]:
    """What makes the column *total* another sum than the customer paid."""
    for column in others:
        refunds = affirmed(column)
        taken_off = refunds and all(totals.get(value.row, 0) < 0 for value in refunds)
        if REFUND.search(column.name) and not taken_off and tells_amounts(column):
            first = (refunds or column.values)[0]
            what = f"tells refunds ({first}); are they taken off in `{total.name}`?"
            said = f"total = {{ difference = {quoted([total.name, column.name])} }}"
            yield f"`{column.name}` {what} If not, write {said}"
    if score(total.name, NET) > 0:
        yield from about_net(total, [each for each in others if each.texts != total.texts])
    if score(total.name, MINOR_UNITS) > 0:
        yield f"`{total.name}` seems to count cents; does it? Then write implied_decimals = 2"
    if sum(units < 0 for units in totals.values()) > len(totals) / 2:
        what = "does the till write sales with a minus?"
        yield f'most totals are negative; {what} Then write sign = "inverted"'


def about_net(total: Column, others: Sequence[Column]) -> Iterator[str]:
    """What would make the total gross where its column is net."""
    for column in filter(tells_amounts, others):
        gross = score(column.name, GROSS) > 0
        if gross or score(column.name, TAX) > 0:
            both = f"{{ sum = {quoted([total.name, column.name])} }}"
            what = f"is net, beside `{column.name}`; is the gross total meant?"
            yield f"`{total.name}` {what} Then write total = {quoted(column.name) if gross else both}"
            return
