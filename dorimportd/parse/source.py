"""Where a value of a row comes from when it is more than a column, and the steps that mend it.

    { column = "Branch", strip_prefix = "B-", default = "0001" }
    { constant = "0042" }                      the same for each row
    { file_name = 'sales_(\\d+)_' }             out of the file's name
    { preamble = "Branch:" }                   the cell beside the one that says so, above the header
    { column = "Branch", above = { Kind = "H" } }    out of the nearest row, this one or above, of that kind

Whatever the order of its keys, the steps are taken in that of STEPS: what they do is told there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from dorimportd.parse.condition import Conditions, names_of_conditions, regular_expression
from dorimportd.parse.naming import Column
from dorimportd.parse.values import BadValue, Memo, read_text
from dorimportd.toml import Table

NOT_COLUMNS: Final = ("constant", "file_name", "preamble")  # of the origins

Step = Callable[[str], str]


def constant_text(text: str) -> str:
    try:
        return read_text(text)
    except BadValue as error:
        raise ValueError(error.rule) from error


def separator(text: str) -> str:
    if not text:
        raise ValueError("must have 1 or more characters")
    return text


Text = Annotated[str, AfterValidator(constant_text)]
Expression = Annotated[str, AfterValidator(regular_expression)]


class Constant(Table):
    """The same, whatever is read."""

    constant: Text


class Source(Table):
    """One origin, the rows it holds for, and the steps that what it gives is put through."""

    ORIGINS: ClassVar[tuple[str, ...]] = ("column", "constant", "file_name", "preamble")

    column: Column | None = None
    constant: Text | None = None
    file_name: Expression | None = None
    preamble: Text | None = None

    above: Conditions | None = None
    where: Conditions | None = None

    strip_prefix: Annotated[str, AfterValidator(separator)] | None = None
    extract: Expression | None = None
    split: Annotated[str, AfterValidator(separator)] | None = None
    part: Annotated[int, Field(ge=1)] | None = None
    pad: Annotated[int, Field(ge=1, le=40)] | None = None
    digits: Annotated[int, Field(ge=1, le=40)] | None = None
    lookup: dict[str, Text] | None = None
    unknown: Literal["reject", "keep"] | Constant | None = None
    default: Text | None = None

    @model_validator(mode="after")
    def has_one_origin(self) -> Self:
        said = [name for name in self.ORIGINS if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"needs one of {', '.join(self.ORIGINS)}")
        return self

    @model_validator(mode="after")
    def is_no_contradiction(self) -> Self:
        if (self.above or self.where) and self.column is None:
            raise ValueError("can have above or where only with column")
        if self.above and self.where:
            raise ValueError("cannot have both above and where")
        if (self.split is None) != (self.part is None):
            raise ValueError("needs both split and part, or neither")
        if self.unknown is not None and self.lookup is None:
            raise ValueError("has unknown without lookup")
        return self

    @property
    def is_bare_column(self) -> bool:
        """Whether it says no more than the column's name in quotes would."""
        return self.column is not None and self.model_fields_set <= {"column"}


def names_of(source: object) -> Iterator[str]:
    """The columns that *source* is made of: a name, a Source, a list of them, or nothing."""
    if isinstance(source, str):
        yield source
    elif isinstance(source, tuple):
        for each in source:
            yield from names_of(each)
    elif isinstance(source, Source):
        for origin in source.ORIGINS:
            if origin not in NOT_COLUMNS:
                yield from names_of(getattr(source, origin))
        yield from names_of_conditions(source.above)
        yield from names_of_conditions(source.where)


def steps_of(source: Source) -> Step:
    """What mends the text that *source* gives.

    It raises BadValue.  What is empty goes through no step but the last.
    """
    steps = [step for made in STEPS if (step := made(source)) is not None]
    default = source.default or ""

    def mend(text: str) -> str:
        mended = text.strip()
        for step in steps:
            if not mended:
                break
            mended = step(mended).strip()
        return mended or default

    return Memo(mend).__getitem__


def strip_prefix(source: Source) -> Step | None:
    """`strip_prefix = "B-"`: what stands behind it; a text without it stays as it is."""
    prefix = source.strip_prefix
    return None if prefix is None else lambda text: text.removeprefix(prefix)


def extract(source: Source) -> Step | None:
    """`extract = 'No (\\d+)'`: what the first group of the pattern found, or the whole of it."""
    return None if source.extract is None else extractor(source.extract)


def extractor(pattern: str) -> Step:
    expression = re.compile(pattern)
    group = min(1, expression.groups)

    def find(text: str) -> str:
        match = expression.search(text)
        if match is None:
            raise BadValue(f"does not fit the pattern {pattern}")
        return match[group] or ""

    return find


def split(source: Source) -> Step | None:
    """`split = "-", part = 2`: of what stands between these signs the second."""
    sign, part = source.split, source.part
    if sign is None or part is None:
        return None

    def take(text: str) -> str:
        parts = text.split(sign)
        if len(parts) < part:
            raise BadValue(f"has no part {part} between {sign!r}")
        return parts[part - 1]

    return take


def pad(source: Source) -> Step | None:
    """`pad = 4`: zeros before a number of fewer digits, which a spreadsheet has taken away."""
    width = source.pad
    if width is None:
        return None
    return lambda text: text.zfill(width) if text.isascii() and text.isdigit() else text


def digits(source: Source) -> Step | None:
    """`digits = 4`: no other number of digits; a spreadsheet takes leading zeros away."""
    number = source.digits
    if number is None:
        return None

    def ask(text: str) -> str:
        if text.isascii() and text.isdigit() and len(text) < number:
            raise BadValue(f"has fewer than {number} digits: did a spreadsheet take leading zeros away?")
        if not (text.isascii() and text.isdigit() and len(text) == number):
            raise BadValue(f"is not a number of {number} digits")
        return text

    return ask


def look_up(source: Source) -> Step | None:
    """`lookup = { "1" = "Mitte" }`; what is not in it is a reject, or as `unknown` says."""
    if source.lookup is None:
        return None
    table: Mapping[str, str] = {text.strip(): meaning for text, meaning in source.lookup.items()}
    unknown = source.unknown
    if isinstance(unknown, Constant):
        constant = unknown.constant
        return lambda text: table.get(text, constant)
    if unknown == "keep":
        return lambda text: table.get(text, text)

    def find(text: str) -> str:
        meaning = table.get(text)
        if meaning is None:
            raise BadValue("is not in the lookup of the format")
        return meaning

    return find


STEPS: Final[tuple[Callable[[Source], Step | None], ...]] = (
    strip_prefix,
    extract,
    split,
    pad,
    digits,
    look_up,
)
