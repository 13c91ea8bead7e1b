"""How samples are built: encoding, signs, header, footer, kinds of rows, columns.  And what a file's own keys
should say about that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dorimportd.errors import HoldFile
from dorimportd.parse.fit import listed, printable
from dorimportd.parse.keys import NO_HEADER
from dorimportd.parse.rows import Dialect
from dorimportd.suggest.body import Body, Trailer, body_of, columns_of, doubles_in, numbered
from dorimportd.suggest.clues import Column, Finding, dialect_of, encoding_of, opening_of
from dorimportd.suggest.roles import IDENTITY, LOCATION, TIME, TOTAL, score
from dorimportd.toml.text import quoted, table


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples are built."""

    keys: tuple[tuple[str, Finding], ...]  # those of the file
    where: str  # their rows are, for a person
    doubts: tuple[str, ...]
    bare: bool  # whether they have no header
    preamble: tuple[tuple[str, str], ...]  # labels above it, and what stands beside them
    columns: tuple[Column, ...]
    numbered: tuple[str, ...]  # names that stand for numbers, where there is no header
    made: dict[str, str]  # of the columns, those that are made of others, and how, as TOML
    trailer: Trailer | None
    rows: int


def layout_of(samples: Sequence[bytes], names: Sequence[str]) -> Layout:
    """The layout of *samples*, which are called *names*.

    Raises HoldFile when one is no text, when none has a row, or when they have no column in common.
    """
    encoding = encoding_of(samples)
    dialect = dialect_of([opening_of(sample, encoding.value) for sample in samples])
    bodies = [body_of(sample, encoding.value, dialect) for sample in samples]
    if not any(body.rows for body in bodies):
        raise HoldFile("The samples have a header and nothing below it; take some with sales.")
    first = bodies[0]
    keys = [("encoding", toml(encoding)), *signs(dialect, first), *keys_of(bodies)]
    columns = columns_of(bodies, names)
    made = {
        name: table({"column": quoted(column), "above": table({"Column 1": quoted(kind)})})
        for name, (column, kind) in first.above.items()
    }
    return Layout(
        tuple(keys),
        where_of(bodies, names),
        tuple(doubt for doubt in (bare_doubt(first), *double_doubts(bodies)) if doubt),
        first.bare,
        first.preamble,
        tuple(each for each in columns if not first.kind or each.name != "Column 1"),
        numbered(first.width) if first.bare else (),
        made,
        first.trailer,
        sum(len(body.rows) for body in bodies),
    )


def toml(finding: Finding) -> Finding:
    return Finding(quoted(finding.value), finding.reason, finding.doubt)


def where_of(bodies: Sequence[Body], names: Sequence[str]) -> str:
    if bodies[0].bare:
        return "without a header"
    lines = [
        f"line {body.line}" if len(bodies) == 1 else f"line {body.line} of {name}"
        for body, name in zip(bodies, names, strict=True)
    ]
    return f"below {', '.join(lines)}"


def signs(dialect: Dialect, body: Body) -> Iterator[tuple[str, Finding]]:
    """The delimiter and the quote."""
    width = len(body.header) - len(body.above)
    doubt = "" if width > 1 else "the file seems to have one column only"
    delimiter = "tab" if dialect.delimiter == "\t" else dialect.delimiter
    yield "delimiter", Finding(quoted(delimiter), f"it gives {width} columns", doubt)
    yield "quote", Finding(quoted(dialect.quote), "fields that hold a delimiter stand in these")


def keys_of(bodies: Sequence[Body]) -> Iterator[tuple[str, Finding]]:
    """What is to be said of the header, the footer and the kinds of rows."""
    first = bodies[0]
    if first.bare:
        yield "header", Finding(quoted(NO_HEADER), f"line {first.line} has values where others have names")
    if first.kind:
        yield "ragged", Finding(quoted("accept"), "rows of different kinds have different widths")
        condition = table({"Column 1": quoted(first.kind)})
        doubt = f"rows begin with their kind; are those of `{printable(first.kind)}` the sales?"
        yield "only", Finding(condition, "", doubt)
    ends = [body.footer for body in bodies if body.footer is not None]
    if len({name for name, _ in ends}) == 1:
        condition = table({ends[0][0]: said_at_the_end([text for _, text in ends])})
        yield "footer", Finding(condition, "this row speaks of totals, and has fewer fields than any sale")


def said_at_the_end(texts: Sequence[str]) -> str:
    """The condition that all *texts* fulfil: they are alike, or begin alike."""
    if len(set(texts)) == 1:
        return quoted(texts[0])
    first, last = min(texts), max(texts)
    alike = next((place for place, sign in enumerate(first) if sign != last[place : place + 1]), len(first))
    return table({"pattern": quoted(f"{re.escape(first[:alike])}.*")})


def bare_doubt(body: Body) -> str:
    return "the file has no names of columns; does the till export them?" if body.bare else ""


def double_doubts(bodies: Sequence[Body]) -> Iterator[str]:
    """What is there twice and might have been used."""
    roles = (LOCATION, IDENTITY, TOTAL, TIME)
    doubles = [name for name in doubles_in(bodies) if any(score(name, words) > 0 for words in roles)]
    if doubles:
        names = listed(list(dict.fromkeys(doubles)))
        yield f"the header has {names} more than once, so that no format can use it by name; is it needed?"
