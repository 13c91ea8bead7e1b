"""The format: how a customer's file is read, written in TOML.

    location = "Store"
    transaction_id = "Receipt"
    total = "Amount"
    time = ["Date", "Time"]
    time_format = "%d.%m.%Y %H:%M"

That is a whole format; the other keys have defaults.  A value in quotes names a column, but the currency
is what it says.  What is more than a column is a table, so that further kinds of source find their place
beside these:

    location = { constant = "default" }
    transaction_id = ["Store", "Day", "Number"]          joined by "/"
    transaction_id = { generate_from = ["Day", "Time", "Amount"] }
    currency = { column = "Currency" }

A format is versioned by its digest, which covers what it says and not how it is laid out; a key that is
set to its default says nothing.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator

from dorimportd.parse.header import folded
from dorimportd.parse.pattern import ISO, pattern_of
from dorimportd.parse.rows import Dialect
from dorimportd.parse.values import BadValue, read_currency, read_text
from dorimportd.toml import ListOf, Table, Unfit, check, nearest, read_toml

DIGEST_DIGITS: Final = 12

TAB: Final = "\t"


def column_name(text: str) -> str:
    if not text.strip():
        raise ValueError("must be the name of a column")
    return text.strip()


def constant_text(text: str) -> str:
    try:
        return read_text(text)
    except BadValue as error:
        raise ValueError(error.rule) from error


def currency_code(text: str) -> str:
    try:
        return read_currency(text)
    except BadValue as error:
        raise ValueError(error.rule) from error


def zone_name(text: str) -> str:
    try:
        ZoneInfo(text)
    # It looks for a file of that name, and finds none, a folder, or no name at all.
    except (KeyError, ValueError, OSError) as error:
        meant = nearest(text, available_timezones())
        raise Unfit('is not an IANA time zone such as "Europe/Berlin"', meant) from error
    return text


def delimiter_sign(text: str) -> str:
    sign = TAB if text == "tab" else text
    if len(sign) != 1 or sign.isalnum() or sign in '"\r\n\0':
        raise ValueError('must be one sign such as "," or ";", or "tab"')
    return sign


def quote_sign(text: str) -> str:
    if len(text) > 1 or text.isalnum() or (text and text in " \t\r\n\0"):
        raise ValueError('must be one sign such as \'"\', or "" when fields are never quoted')
    return text


def time_pattern(text: str) -> str:
    return pattern_of(text.strip()).text


def one_or_several(value: Any) -> list[Any]:
    """A list, also of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise ValueError("must be text in quotes or a list")
    return value


def not_empty(names: tuple[str, ...]) -> tuple[str, ...]:
    # pydantic's own min_length says so of a list with a bad entry, too.
    if not names:
        raise ValueError("must have 1 or more entries")
    return names


Column = Annotated[str, AfterValidator(column_name)]
Columns = Annotated[ListOf[Column], AfterValidator(not_empty)]
TimePatterns = Annotated[ListOf[Annotated[str, AfterValidator(time_pattern)]], AfterValidator(not_empty)]


class Constant(Table):
    """The same for each row of the file."""

    constant: Annotated[str, AfterValidator(constant_text)]


class FromColumn(Table):
    """A column, where a bare text means something else."""

    column: Column


class Generated(Table):
    """An ID that the file does not have: see identity.py."""

    generate_from: Columns


class Format(Table):
    """How a customer's file is read.  What is None is the customer's."""

    encoding: Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "cp932"] = "utf-8"
    delimiter: Annotated[str, AfterValidator(delimiter_sign)] = ","
    quote: Annotated[str, AfterValidator(quote_sign)] = '"'

    location: Column | Constant
    transaction_id: Column | Columns | Generated

    total: Column
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    currency: Annotated[str, AfterValidator(currency_code)] | FromColumn | None = None

    time: Annotated[Columns, BeforeValidator(one_or_several)]
    time_format: Annotated[TimePatterns, BeforeValidator(one_or_several)] = (ISO,)
    timezone: Annotated[str, AfterValidator(zone_name)] | None = None

    @field_validator("quote")
    @classmethod
    def is_not_the_delimiter(cls, quote: str, info: ValidationInfo) -> str:
        if quote and quote == info.data.get("delimiter"):
            raise ValueError("is the delimiter, too")
        return quote

    @field_validator("thousands")
    @classmethod
    def is_not_the_decimal_mark(cls, thousands: str, info: ValidationInfo) -> str:
        if thousands and thousands == info.data.get("decimal"):
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
    def columns(self) -> tuple[str, ...]:
        """The columns that a file must have, each once, in the order of the format."""
        currency = self.currency if isinstance(self.currency, FromColumn) else None
        sources = (self.location, self.transaction_id, self.total, currency, self.time)
        named: dict[str, str] = {}
        for source in sources:
            for name in columns_of(source):
                named.setdefault(folded(name), name)
        return tuple(named.values())


def columns_of(source: object) -> tuple[str, ...]:
    """The columns of one source of a format."""
    if isinstance(source, str):
        return (source,)
    if isinstance(source, tuple):
        return source
    if isinstance(source, Generated):
        return source.generate_from
    if isinstance(source, FromColumn):
        return (source.column,)
    return ()


def parse_format(text: str, file: str) -> Format:
    """The format that *text* writes; mistakes call it *file*.

    Raises BadToml with every mistake.
    """
    return check(Format, read_toml(text, file))
