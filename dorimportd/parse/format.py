"""The format: how a customer's file is read, written in TOML.

    location = "Store"
    transaction_id = "Receipt"
    total = "Amount"
    time = ["Date", "Time"]
    time_format = "%d.%m.%Y %H:%M"

That is a whole format; the other keys have defaults.  A value in quotes names a column, but the currency
is what it says.  What is more than a column is a table, see source.py; which rows are meant is a condition,
see condition.py:

    location = { constant = "default" }
    transaction_id = ["Store", "Day", "Number"]          joined by "/"
    transaction_id = { generate_from = ["Day", "Time", "Amount"] }
    total = { sum = ["Net", "Tax"] }
    only = { State = "Settled" }

A format is versioned by its digest, which covers what it says and not how it is laid out; a key that is
set to its default says nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from dorimportd.parse.condition import Conditions, left_out
from dorimportd.parse.keys import (
    NO_HEADER,
    comment_sign,
    currency_code,
    day,
    delimiter_sign,
    header_place,
    not_empty,
    one_or_several,
    quote_sign,
    time_pattern,
    two_or_more,
    zone_name,
)
from dorimportd.parse.naming import Column, Naming, with_aliases
from dorimportd.parse.pattern import ISO
from dorimportd.parse.rows import Dialect
from dorimportd.parse.source import Source, names_of
from dorimportd.toml import BadToml, ListOf, Mistake, Table, check, read_toml

DIGEST_DIGITS: Final = 12

AnySource = Column | Source
Sources = Annotated[ListOf[AnySource], AfterValidator(not_empty)]
Operands = Annotated[ListOf[AnySource], AfterValidator(two_or_more)]
Names = Annotated[ListOf[Column], AfterValidator(not_empty)]
TimePatterns = Annotated[ListOf[Annotated[str, AfterValidator(time_pattern)]], AfterValidator(not_empty)]


class Identity(Source):
    """Where the ID comes from: also from none of the file's columns alone, see identity.py."""

    ORIGINS = ("column", "constant", "file_name", "preamble", "generate_from")

    generate_from: Sources | None = None


class Total(Source):
    """Where the total comes from: also computed from several values."""

    ORIGINS = ("column", "constant", "file_name", "preamble", "sum", "difference", "product")

    sum: Operands | None = None
    difference: Operands | None = None
    product: Operands | None = None


class Combine(Table):
    """How the rows of one transaction become one value."""

    total: Literal["sum", "first", "min", "max", "equal"] = "sum"
    time: Literal["min", "max", "first", "equal"] = "min"
    location: Literal["equal", "first"] = "equal"


class Control(Table):
    """Which rows tell the number and the sum of all others, and in which of their columns."""

    where: Conditions
    rows: Column | None = None
    total: Column | None = None


class Format(Table):
    """How a customer's file is read.  What is None is the customer's, or not asked for."""

    encoding: Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "cp932"] = "utf-8"
    delimiter: Annotated[str, AfterValidator(delimiter_sign)] = ","
    quote: Annotated[str, AfterValidator(quote_sign)] = '"'

    header: Annotated[int | Literal["none"], BeforeValidator(header_place)] | None = None
    aliases: dict[Column, Names] | None = None
    columns: dict[Column, Annotated[int, Field(ge=1, le=1000)] | Source] | None = None
    comment: Annotated[str, AfterValidator(comment_sign)] | None = None
    footer: Conditions | None = None
    ragged: Literal["reject", "accept"] = "reject"

    only: Conditions | None = None
    skip: Conditions | None = None
    withdraw: Conditions | None = None
    whole_days: bool = False

    location: Column | Source
    transaction_id: Column | Sources | Identity

    total: Column | Total
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'", "lakh"] = ""
    implied_decimals: Annotated[int, Field(ge=0, le=4)] | None = None
    places: Annotated[int, Field(ge=0, le=4)] | None = None
    sign: Literal["as written", "inverted"] = "as written"
    refunds: Conditions | None = None
    currency: Annotated[str, AfterValidator(currency_code)] | Source | None = None

    time: Annotated[Sources, BeforeValidator(one_or_several)]
    time_format: Annotated[TimePatterns, BeforeValidator(one_or_several)] = (ISO,)
    timezone: Annotated[str, AfterValidator(zone_name)] | Source | None = None
    dst_overlap: Literal["first", "second"] = "first"
    dst_gap: Literal["reject", "shift"] = "reject"

    unique_per: Literal["customer", "location"] = "customer"

    group_by: Annotated[Sources, BeforeValidator(one_or_several)] | None = None
    combine: Combine | None = None

    required: Names | None = None
    control: Control | None = None
    max_reject_percent: Annotated[int, Field(ge=0, le=100)] = 5
    earliest: Annotated[date, BeforeValidator(day)] | None = None
    latest: Annotated[date, BeforeValidator(day)] | None = None
    damage: Literal["hold", "reject"] = "hold"

    @field_validator("quote")
    @classmethod
    def is_not_the_delimiter(cls, quote: str, info: ValidationInfo) -> str:
        if quote and quote == info.data.get("delimiter"):
            raise ValueError("is the delimiter, too")
        return quote

    @field_validator("thousands")
    @classmethod
    def is_not_the_decimal_mark(cls, thousands: str, info: ValidationInfo) -> str:
        mark = "," if thousands == "lakh" else thousands
        if mark and mark == info.data.get("decimal"):
            raise ValueError("is the decimal mark, too")
        return thousands

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that tell this format from any that reads a file otherwise."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        canonical = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_DIGITS]

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.delimiter, self.quote)

    @property
    def naming(self) -> Naming:
        return with_aliases(self.aliases or {})

    @property
    def identity(self) -> tuple[AnySource, ...]:
        """What the ID is composed of, or generated from."""
        source = self.transaction_id
        if isinstance(source, tuple):
            return source
        if isinstance(source, Identity) and source.generate_from is not None:
            return source.generate_from
        return (source,)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that a file must name in its header, each once, in the order of the format."""
        naming, defined = self.naming, self.columns or {}
        named: dict[str, str] = {}
        for name in self._used():
            if naming(name) not in map(naming, defined):
                named.setdefault(naming(name), name)
            for inner in made_of(name, defined, naming):
                if naming(inner) not in map(naming, defined):
                    named.setdefault(naming(inner), inner)
        return tuple(named.values())

    def _used(self) -> Iterator[str]:
        """The columns that are spoken of outside of `columns`."""
        currency = self.currency if isinstance(self.currency, Source) else None
        timezone = self.timezone if isinstance(self.timezone, Source) else None
        for source in (
            self.location,
            self.identity,
            self.total,
            currency,
            self.time,
            timezone,
            self.group_by,
        ):
            yield from names_of(source)
        yield from self.required or ()
        if self.control is not None:
            yield from (*self.control.where, *names_of(self.control.rows), *names_of(self.control.total))
        for conditions in (self.only, self.skip, self.withdraw, self.footer, self.refunds):
            yield from conditions or ()


def made_of(name: str, defined: Mapping[str, int | Source], naming: Naming) -> Iterator[str]:
    """The columns, defined ones and others, of which the format makes the one called *name*."""
    by_name = {naming(each): meant for each, meant in defined.items()}
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        meant = by_name.get(naming(waiting.pop()))
        for inner in names_of(meant):
            if naming(inner) not in seen:
                seen.add(naming(inner))
                waiting.append(inner)
                yield inner


def parse_format(text: str, file: str) -> Format:
    """The format that *text* writes; mistakes call it *file*.

    Raises BadToml with every mistake.
    """
    document = read_toml(text, file)
    format = check(Format, document)
    found = [Mistake(document.place((key,)), key, problem) for key, problem in contradictions(format)]
    if found:
        raise BadToml(found)
    return format


def contradictions(format: Format) -> Iterator[tuple[str, str]]:
    """What the keys of *format* say against one another: the key to be changed, and the problem."""
    naming, defined = format.naming, format.columns or {}
    for name in defined:
        if naming(name) in map(naming, made_of(name, defined, naming)):
            yield "columns", f"has `{name}`, which is made of itself"
            break
    if format.combine is not None and format.group_by is None:
        yield "combine", "says how rows are put together, but group_by is missing"
    if format.withdraw is not None:
        yield from (("withdraw", problem) for problem in against_withdrawal(format))
    wanted = format.wanted
    if format.header == NO_HEADER and wanted:
        yield "header", f"is {NO_HEADER!r}, so that `{wanted[0]}` needs a number in columns"
    if format.header is None and not wanted:
        yield "header", f"must be {NO_HEADER!r} or the number of its line, as no column is used by name"
    made = {naming(name) for name, meant in defined.items() if isinstance(meant, Source)}
    for key, name in asked_early(format):
        if naming(name) in made:
            yield key, f"asks for `{name}`, which is made of others"


def against_withdrawal(format: Format) -> Iterator[str]:
    """Why `withdraw` would withdraw nothing, and nobody would know."""
    source = format.transaction_id
    if isinstance(source, Identity) and source.generate_from is not None:
        yield "needs transaction IDs that are in the file: by a generated one no sale is found again"
    for name, text, key in left_out(
        format.withdraw or {}, format.only or {}, format.skip or {}, format.naming
    ):
        yield f"asks for `{name}` {text!r}, but the key {key} leaves such rows out"


def asked_early(format: Format) -> Iterator[tuple[str, str]]:
    """The columns that are asked for in rows for which nothing is made, each with the key that asks."""
    yield from (("footer", name) for name in format.footer or ())
    if format.control is not None:
        asked = (*format.control.where, *names_of(format.control.rows), *names_of(format.control.total))
        yield from (("control", name) for name in asked)
    for key, value in format:
        for source in sources_in(value):
            yield from ((key, name) for name in names_of(source) if source.above is not None)


def sources_in(value: object) -> Iterator[Source]:
    """Each Source in what a key says."""
    if isinstance(value, Source):
        yield value
    elif isinstance(value, tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from sources_in(each)
