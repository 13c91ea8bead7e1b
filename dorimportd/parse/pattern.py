"""How a time is written: a pattern of strptime's codes, or one of the words "iso", "epoch", "epoch_ms".

The codes mean what they mean to strptime, with six differences.  %s is the seconds since midnight.  Month
names are English, whatever the locale.  A pattern whose codes touch (%Y%m%d) takes each number at its full
width, so that 2026111 is no date rather than one of two.  A blank stands for any number of blanks, also of
those that do not break.  A fraction has up to nine digits, of which six count.  Minutes and seconds have two
digits, so that 9.5, which a spreadsheet made of 9.50, is no time rather than five past nine; behind a blank,
as where they have a column of their own, one digit will do.

It knows no time zone: what a text says about its own offset is told as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

ISO: Final = "iso"
# Counts since 1970-01-01T00:00:00Z, each with the microseconds of one.
EPOCHS: Final = {"epoch": 1_000_000, "epoch_ms": 1_000}

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NUMBERS: Final = {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}

BLANKS: Final = "[ \t\u00a0\u2009\u202f]"
OFFSET: Final = r"Z|[-+](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?"


OF_DAY: Final = "86[0-3][0-9]{2}|8[0-5][0-9]{3}|[0-7][0-9]{4}|[0-9]{1,4}"  # seconds, up to 86399


class Code(NamedTuple):
    """What stands for a % code."""

    part: str  # the part of the time that it tells; empty when it tells none
    loose: str  # as strptime takes it
    full: str  # at its full width


DATE_CODES: Final[Mapping[str, Code]] = {
    "Y": Code("year", "[0-9]{4}", "[0-9]{4}"),
    "y": Code("short_year", "[0-9]{2}", "[0-9]{2}"),
    "m": Code("month", "1[0-2]|0?[1-9]", "1[0-2]|0[1-9]"),
    "b": Code("month_name", "|".join(name[:3] for name in MONTHS), "|".join(name[:3] for name in MONTHS)),
    "B": Code("month_name", "|".join(MONTHS), "|".join(MONTHS)),
    "d": Code("day", "3[01]|[12][0-9]|0?[1-9]", "3[01]|[12][0-9]|0[1-9]"),
    "a": Code("", "|".join(name[:3] for name in DAYS), "|".join(name[:3] for name in DAYS)),
    "A": Code("", "|".join(DAYS), "|".join(DAYS)),
}
CLOCK_CODES: Final[Mapping[str, Code]] = {
    "H": Code("hour", "2[0-3]|[01]?[0-9]", "2[0-3]|[01][0-9]"),
    "I": Code("hour_of_half", "1[0-2]|0?[1-9]", "1[0-2]|0[1-9]"),
    "M": Code("minute", "[0-5]?[0-9]", "[0-5][0-9]"),
    "S": Code("second", "[0-5]?[0-9]", "[0-5][0-9]"),
    "f": Code("fraction", "[0-9]{1,9}", "[0-9]{1,9}"),
    "s": Code("of_day", OF_DAY, OF_DAY),
    "p": Code("half", rf"[ap]\.?{BLANKS}?m\.?", rf"[ap]\.?{BLANKS}?m\.?"),
    "z": Code("offset", OFFSET, OFFSET),
}
CODES: Final[Mapping[str, Code]] = {**DATE_CODES, **CLOCK_CODES}

DATE_LETTERS: Final = frozenset(DATE_CODES)
CLOCK_LETTERS: Final = frozenset(CLOCK_CODES)
WIDTHS: Final = {"%Y": 4, "%y": 2, "%m": 2, "%d": 2, "%b": 3, "%a": 3}

# ISO 8601 as tills write it: 2026-07-14, 2026-07-14T16:52, 2026-07-14 16:52:38.25 +02:00.
ISO_DATE: Final = "(?P<year>[0-9]{4})-(?P<month>1[0-2]|0[1-9])-(?P<day>3[01]|[12][0-9]|0[1-9])"
ISO_CLOCK: Final = (
    f"(?:(?:T|{BLANKS}+)(?P<hour>2[0-3]|[01][0-9]):(?P<minute>[0-5][0-9])"
    "(?::(?P<second>[0-5][0-9])(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    f"(?:{BLANKS}?(?P<offset>{OFFSET}))?)?"
)

# Of each of these exactly one must be there.
NEEDED: Final = {"a year (%Y or %y)": "Yy", "a month (%m, %b or %B)": "mbB", "a day (%d)": "d"}
# Where the first is, one of the second must be.
TOGETHER: Final = {"I": "p", "p": "I", "M": "HI", "S": "M", "f": "S", "z": "HI"}


PLAIN_CLOCK: Final = {"hour", "minute", "second"}


class Stated:
    """What a text says about its offset from UTC, when that is no number.

    These are texts and no Enum, so that the garbage collector need not look at what is remembered of a file.
    """

    NOTHING: Final = "the local time of the place"
    NO_CLOCK: Final = "a date alone"
    UTC: Final = "UTC, and nothing about the place"  # Z, and -00:00 (RFC 9557 section 2.2)


class Date(NamedTuple):
    """A date as it is written; not every one is in the calendar."""

    year: int
    month: int
    day: int


class Clock(NamedTuple):
    """A time of the day as it is written."""

    microseconds: int  # since midnight
    stated: int | str  # seconds east of UTC, or one of Stated


class Cut(NamedTuple):
    """Where the clock begins in a text that fits, nearly always: a guess that costs no match."""

    width: int | None = None  # of the date; None when a sign tells
    sign: str = ""  # with which the clock begins; empty when there is no clock
    last: bool = False  # where *sign* stands in the date, too

    def guess(self) -> Callable[[str], int]:
        """What tells it of a text."""
        if self.width is not None:
            width = self.width
            return lambda text: width
        if not self.sign:
            return len
        sign = self.sign
        return (lambda text: text.rfind(sign)) if self.last else (lambda text: text.find(sign))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way of writing a time, ready for use.

    A text is read in two halves, the date and what follows it, so that either may be met again without
    the other.  Where a pattern mixes the two, each half is the whole text.
    """

    text: str
    whole: re.Pattern[str]
    date: re.Pattern[str]
    clock: re.Pattern[str]
    cut: Cut
    unit: int = 0  # microseconds of one, where the text is a count since 1970

    def halves(self, text: str) -> tuple[str, str] | None:
        """The halves of *text*, without blanks around it; None when it does not fit."""
        match = self.whole.fullmatch(text)
        if match is None:
            return None
        if self.whole is self.date:
            return text, text
        return text[: match.end("date")], text[match.end("date") :]

    def read_count(self, text: str) -> int | None:
        """The microseconds since 1970-01-01T00:00:00Z in *text*, where it is a count of them."""
        match = self.whole.fullmatch(text)
        if match is None:
            return None
        fraction = match["fraction"] or ""
        count: int = int(match["whole"] + fraction) * self.unit // 10 ** len(fraction)
        return count

    def read_date(self, half: str) -> Date | None:
        """The date in *half*; None when it does not fit."""
        match = self.date.fullmatch(half)
        if match is None:
            return None
        found = match.groupdict("")
        year = int(found["year"]) if "year" in found else century(found["short_year"])
        name = found.get("month_name")
        month = MONTH_NUMBERS[name[:3].lower()] if name else int(found["month"])
        return Date(year, month, int(found["day"]))

    def read_clock(self, half: str) -> Clock | None:
        """The time of the day in *half*; None when it does not fit."""
        match = self.clock.fullmatch(half)
        if match is None:
            return None
        found = match.groupdict("")
        return Clock(microseconds(found), stated(found))


def century(two_digits: str) -> int:
    """The year that *two_digits* mean: 69 is 1969, 68 is 2068 (POSIX, strptime)."""
    year = int(two_digits)
    return year + (1900 if year >= 69 else 2000)


def microseconds(found: Mapping[str, str]) -> int:
    """The microseconds since midnight."""
    if found.keys() == PLAIN_CLOCK:  # of a million rows one in ten has a time that was not met before
        return (int(found["hour"]) * 3600 + int(found["minute"]) * 60 + int(found["second"])) * 1_000_000
    hour = int(found.get("hour") or 0)
    if half := found.get("half"):
        hour = int(found["hour_of_half"]) % 12 + (12 if half[0] in "pP" else 0)
    seconds = (
        int(found.get("of_day") or 0)
        + hour * 3600
        + int(found.get("minute") or 0) * 60
        + int(found.get("second") or 0)
    )
    return seconds * 1_000_000 + int((found.get("fraction") or "").ljust(6, "0")[:6])


def stated(found: Mapping[str, str]) -> int | str:
    """The offset in seconds east of UTC, or what is said instead."""
    offset = found.get("offset")
    if not offset:
        has_clock = found.get("hour") or found.get("half") or found.get("of_day")
        return Stated.NOTHING if has_clock else Stated.NO_CLOCK
    digits = offset[1:].replace(":", "").ljust(4, "0")
    # RFC 3339 section 4.3: -00:00 says that the place's offset is not known.  RFC 9557 reads Z so, too.
    if offset in "Zz" or offset[0] + digits == "-0000":
        return Stated.UTC
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if offset[0] == "-" else seconds


def pattern_of(text: str) -> Pattern:
    """The pattern that *text* writes.

    Raises ValueError, whose text goes on after the pattern.
    """
    if text in EPOCHS:
        whole = compiled(r"(?P<whole>[0-9]{1,15})(?:\.(?P<fraction>[0-9]{1,9}))?")
        return Pattern(text, whole, NOTHING_FITS, NOTHING_FITS, Cut(), EPOCHS[text])
    if text == ISO:
        return in_halves(ISO, ISO_DATE, ISO_CLOCK, Cut(width=len("2026-07-14")))
    tokens = tokens_of(text)
    refuse_contradictions([token[1] for token in tokens if is_code(token)])
    shapes = [shape_of(tokens, place) for place in range(len(tokens))]
    date_ends = 1 + max(place for place, token in enumerate(tokens) if token[1:] in DATE_LETTERS)
    clock_begins = min(
        (place for place, token in enumerate(tokens) if token[1:] in CLOCK_LETTERS), default=None
    )
    if clock_begins is None:
        return in_halves(text, "".join(shapes), "", Cut())
    if clock_begins < date_ends:
        whole = compiled("".join(shapes))
        return Pattern(text, whole, whole, whole, Cut())
    cut = cut_of(tokens[:date_ends], tokens[date_ends])
    return in_halves(text, "".join(shapes[:date_ends]), "".join(shapes[date_ends:]), cut)


NOTHING_FITS: Final = re.compile("(?!)")


def in_halves(text: str, date: str, clock: str, cut: Cut) -> Pattern:
    return Pattern(text, compiled(f"(?P<date>{date}){clock}"), compiled(date), compiled(clock), cut)


def compiled(shape: str) -> re.Pattern[str]:
    return re.compile(shape, re.ASCII | re.IGNORECASE)


def cut_of(date: Sequence[str], sign: str) -> Cut:
    """Where the date ends that these tokens write, when the token *sign* follows them."""
    if is_code(sign):  # they touch
        return Cut(width=sum(WIDTHS.get(token, 1) for token in date))
    return Cut(sign=sign, last=sign in date)


def tokens_of(text: str) -> list[str]:
    """The codes of a pattern, each with its %, and the single characters between them."""
    if "%" not in text:
        raise ValueError("has no codes: write %Y-%m-%d, not YYYY-MM-DD")
    tokens = re.findall("%.?|.", text, re.DOTALL)
    for token in tokens:
        if token[0] == "%" and token != "%%" and token[1:] not in CODES:
            known = " ".join(f"%{code}" for code in CODES)
            raise ValueError(f"holds {token}, which is not known; known are {known}")
    return ["%" if token == "%%" else token for token in tokens]


def is_code(token: str) -> bool:
    return len(token) == 2


def refuse_contradictions(codes: Sequence[str]) -> None:
    """Raises ValueError unless *codes* say one date and at most one time of the day."""
    if codes == ["s"]:
        raise ValueError('holds %s alone, the seconds of a day; those since 1970 are "epoch"')
    for code in codes:
        if codes.count(code) > 1:
            other = ": %m is the month, %M the minute" if code in "mM" else ""
            raise ValueError(f"holds %{code} twice{other}")
        if code in TOGETHER and not set(TOGETHER[code]) & set(codes):
            raise ValueError(f"holds %{code} without %{' or %'.join(TOGETHER[code])}")
    for what, choice in NEEDED.items():
        held = [code for code in codes if code in choice]
        if len(held) != 1:
            raise ValueError(f"holds both %{held[0]} and %{held[1]}" if held else f"needs {what}")
    hours = [code for code in "HIs" if code in codes]
    if len(hours) > 1:
        raise ValueError(f"holds both %{hours[0]} and %{hours[1]}")


def shape_of(tokens: Sequence[str], place: int) -> str:
    """What a text has in this place of a pattern."""
    token = tokens[place]
    if is_code(token):
        code = CODES[token[1]]
        neighbours = (*tokens[max(0, place - 1) : place], *tokens[place + 1 : place + 2])
        behind_blank = place > 0 and tokens[place - 1].isspace()
        full = any(map(is_number, neighbours)) or (token[1] in "MS" and not behind_blank)
        shape = code.full if full else code.loose
        return f"(?P<{code.part}>{shape})" if code.part else f"(?:{shape})"
    if not token.isspace():
        return re.escape(token)
    return "" if place and tokens[place - 1].isspace() else f"{BLANKS}+"


def is_number(token: str) -> bool:
    """Whether *token* is a code that stands for digits."""
    return is_code(token) and token[1] in "YymdHIMSfs"
