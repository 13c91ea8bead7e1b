"""What single keys of a format may say: each function returns the value as it is used, or raises ValueError
with a sentence that goes on after the key."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from dorimportd.parse.header import HEADER_LINES
from dorimportd.parse.pattern import pattern_of
from dorimportd.parse.values import BadValue, read_currency
from dorimportd.toml import Unfit, nearest

T = TypeVar("T")

NO_HEADER: Final = "none"

TAB: Final = "\t"


def currency_code(text: str) -> str:
    try:
        return read_currency(text)
    except BadValue as error:
        if text.strip().upper() != text.strip() and len(text.strip()) == 3:
            raise Unfit(error.rule, text.strip().upper()) from error
        raise ValueError(f"{error.rule}; a column would be {{ column = ... }}") from error


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
    if isinstance(value, str | dict):
        return [value]
    if not isinstance(value, list):
        raise ValueError("must be text in quotes or a list")
    return value


def not_empty(names: tuple[T, ...]) -> tuple[T, ...]:
    # pydantic's own min_length says so of a list with a bad entry, too.
    if not names:
        raise ValueError("must have 1 or more entries")
    return names


def header_place(value: Any) -> int | Literal["none"]:
    if value == NO_HEADER:
        return "none"
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= HEADER_LINES:
        raise ValueError(f'must be the number of a line, 1 to {HEADER_LINES}, or "{NO_HEADER}"')
    return value


def comment_sign(text: str) -> str:
    if not text.strip():
        raise ValueError('must be what a comment begins with, such as "#"')
    return text.strip()


def two_or_more(names: tuple[T, ...]) -> tuple[T, ...]:
    if len(names) < 2:
        raise ValueError("must have 2 or more entries")
    return names


def day(value: Any) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError("must be a date such as 2026-07-14, without quotes")
    return value
