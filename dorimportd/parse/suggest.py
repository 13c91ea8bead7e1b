"""A format from sample files, its doubts said and never passed over.

Each line of the text says above it why it stands there.  Where the samples leave something open, the
likelier choice is written below the word UNSURE and a question.  The text is a format in any case; at
the end the samples are read with it, and what that gives is said, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Final

from dorimportd.errors import HoldFile
from dorimportd.parse.clues import Finding, layout_of
from dorimportd.parse.decide import findings, remarks
from dorimportd.parse.fit import printable
from dorimportd.parse.format import Format, parse_format
from dorimportd.parse.read import Batch, Defaults, read

BATCHES_READ: Final = 3  # of each sample

# Neither time zone nor currency is looked at in what the samples give.
ANY_CUSTOMER: Final = Defaults("UTC", "XXX")


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
    found = list(findings(layout))
    body = "\n".join(written(key, finding) for key, finding in found)
    result, problem = rehearse(samples, parse_format(body, "suggestion"))
    general = [doubt for doubt in (layout.header.doubt, problem, *remarks(layout.columns)) if doubt]
    head = [f"Suggested from {', '.join(names)}: {layout.rows:,} rows, below {layout.header.value}.", result]
    head += [f"UNSURE: {doubt}" for doubt in general]
    text = "".join(map(comment, head)) + "\n" + body
    return Suggestion(text, general + [f"{key}: {finding.doubt}" for key, finding in found if finding.doubt])


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
