"""A format from sample files, its doubts said and never passed over.

Each line of the text says above it why it stands there.  Where the samples leave something open, the
likelier choice is written below the word UNSURE and a question.  The text is a format in any case; at
the end the samples are read with it, and what that gives is said, too.  Of an export that is known by its
header the text is the built-in format, if it reads the samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Final, NamedTuple

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Batch, Defaults
from dorimportd.parse.builtin import builtin_format, builtin_texts
from dorimportd.parse.fit import listed, printable
from dorimportd.parse.format import Format, parse_format
from dorimportd.parse.read import read
from dorimportd.suggest.clues import Finding
from dorimportd.suggest.decide import findings
from dorimportd.suggest.known import exports_like
from dorimportd.suggest.layout import layout_of
from dorimportd.words import Transaction, TransactionRow

BATCHES_READ: Final = 3  # of each sample

# Neither time zone nor currency is looked at in what the samples give.
ANY_CUSTOMER: Final = Defaults("UTC", "XXX")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A format for the samples."""

    text: str  # TOML with comments; parse_format takes it
    doubts: list[str]  # questions that the samples leave open, in the order of the text
    known_as: str | None = None  # the built-in format that is all it takes

    @property
    def sure(self) -> bool:
        """Whether nothing is left open."""
        return not self.doubts


class Trial(NamedTuple):
    """What the samples give when they are read with a format."""

    transactions: list[TransactionRow]
    result: str  # for a person
    problem: str  # what is wrong with it; empty when nothing is


def suggest(samples: Sequence[bytes], names: Sequence[str]) -> Suggestion:
    """A format for the files *samples*, all of one till, which the comments call *names*.

    Raises HoldFile when one is no text of columns, or when they have no column in common.
    """
    exports = exports_like(samples)
    trials = {name: rehearse(samples, builtin_format(name)) for name in exports}
    fitting = {name: trial for name, trial in trials.items() if trial.transactions and not trial.problem}
    if fitting:
        return known(fitting, names)
    problems = [
        f"the header is that of the built-in format `{name}`, which does not read the rows: {trial.problem}"
        for name, trial in trials.items()
        if trial.problem
    ]
    return composed(samples, names, problems)


def known(fitting: dict[str, Trial], names: Sequence[str]) -> Suggestion:
    """The built-in format that reads the samples; where several read them otherwise, which is asked."""
    name, trial = next(iter(fitting.items()))
    doubts = []
    if any(other.transactions != trial.transactions for other in fitting.values()):
        doubts = [
            f"the built-in formats {listed(list(fitting))} read the samples, and not alike; which is meant?"
        ]
    head = [
        f"Suggested from {', '.join(names)}: an export that is known. In the customer's file",
        f'    format = "{name}"',
        "is all it takes; what follows is that format.",
        trial.result,
        *(f"UNSURE: {doubt}" for doubt in doubts),
    ]
    return Suggestion("".join(map(comment, head)) + "\n" + builtin_texts()[name], doubts, name)


def composed(samples: Sequence[bytes], names: Sequence[str], problems: Sequence[str]) -> Suggestion:
    """A format that is composed of what the samples show."""
    layout = layout_of(samples, names)
    found = findings(layout)
    keys = [(key, finding) for key, finding in found if key]
    trial = rehearse(samples, parse_format(body_of(keys), "suggestion"))
    more = [finding.doubt for key, finding in found if not key]
    general = [doubt for doubt in (*problems, *layout.doubts, trial.problem, *more) if doubt]
    head = [f"Suggested from {', '.join(names)}: {layout.rows:,} rows, {layout.where}.", trial.result]
    head += [f"UNSURE: {doubt}" for doubt in general]
    text = "".join(map(comment, head)) + "\n" + body_of(keys)
    return Suggestion(text, general + [f"{key}: {finding.doubt}" for key, finding in keys if finding.doubt])


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


def rehearse(samples: Sequence[bytes], format: Format) -> Trial:
    """What the samples give when they are read with *format*, and what is wrong with it."""
    try:
        batches = [batch for sample in samples for batch in beginning(sample, format)]
    except HoldFile as error:
        return Trial([], "Read with this format they would be held.", str(error))
    transactions = [row for batch in batches for row in batch.transactions]
    rejects = [reject for batch in batches for reject in batch.rejects]
    withdrawn = sum(1 for row in map(Transaction._make, transactions) if row.withdrawn)
    gone = f" {withdrawn:,} withdrawn," if withdrawn else ""
    result = (
        f"Read with this format: {len(transactions) - withdrawn:,} transactions,{gone}"
        f" {len(rejects):,} rejected."
    )
    if not rejects:
        return Trial(transactions, result, "")
    first = rejects[0]
    what = " ".join(f"`{printable(name)}`" for name in (first.column, first.value) if name) or "the row"
    told = f"the first in line {first.line}: {what} {first.rule}"
    return Trial(transactions, result, f"{len(rejects):,} of the rows would be rejected, {told}")


def beginning(sample: bytes, format: Format) -> Iterator[Batch]:
    return islice(read(BytesIO(sample), format, ANY_CUSTOMER), BATCHES_READ)
