"""Conditions: which rows are meant, by what stands in their columns.

    { State = "Settled" }                          is this text
    { State = ["Settled", "Refunded"] }            is one of these
    { State = { not = ["Failed", "Void"] } }       is none of these
    { No = { pattern = 'R\\d+' } }                  as a whole fits the regular expression
    { Total = { empty = false } }                  holds something

Of several columns each must be as it says.  Blanks around a value do not count; case does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dorimportd.parse.naming import Column, Naming
from dorimportd.toml import ListOf, Table

Row = Sequence[str]
Predicate = Callable[[Row], bool]
Asked = tuple[
    int, Callable[[str], bool]
]  # a place, and whether the text there, without blanks around it, is as it must be


def regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from error
    return text


def not_empty_list(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not texts:
        raise ValueError("must have 1 or more entries")
    return texts


Texts = Annotated[ListOf[str], AfterValidator(not_empty_list)]


class Criterion(Table):
    """What a value must be, where it is more than one of some texts."""

    not_: str | Texts | None = Field(default=None, alias="not")
    pattern: Annotated[str, AfterValidator(regular_expression)] | None = None
    empty: bool | None = None

    @model_validator(mode="after")
    def is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("needs one of not, pattern, empty")
        return self


def conditions(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError('must be columns and what they hold, such as { Status = "Paid" }')
    return value


Conditions = Annotated[
    dict[Column, str | Texts | Criterion], Field(min_length=1), BeforeValidator(conditions)
]


def names_of_conditions(conditions: Mapping[str, Any] | None) -> Iterator[str]:
    """The columns that *conditions* ask about."""
    yield from conditions or ()


def predicate_of(conditions: Mapping[str, Any], place: Callable[[str], int]) -> Predicate:
    """Whether a row is as *conditions* say; *place* tells where a column stands in it."""
    asked = asked_of(conditions, place)
    if len(asked) == 1:
        ((only, accept),) = asked
        return lambda row: accept(row[only].strip())
    return lambda row: all(accept(row[at].strip()) for at, accept in asked)


def asked_of(conditions: Mapping[str, Any], place: Callable[[str], int]) -> list[Asked]:
    """The same, column by column."""
    return [(place(name), accepts(wanted)) for name, wanted in conditions.items()]


def accepts(wanted: object) -> Callable[[str], bool]:
    """Whether a value, without the blanks around it, is what one condition says."""
    if not isinstance(wanted, Criterion):
        return texts_of(wanted).__contains__
    if wanted.not_ is not None:
        refused = texts_of(wanted.not_)
        return lambda text: text not in refused
    if wanted.pattern is not None:
        expression = re.compile(wanted.pattern)
        return lambda text: expression.fullmatch(text) is not None
    empty = wanted.empty
    return lambda text: (not text) is empty


def left_out(
    asked: Mapping[str, Any], only: Mapping[str, Any], skip: Mapping[str, Any], naming: Naming
) -> Iterator[tuple[str, str, str]]:
    """What is *asked* for in rows that do not count: column, text, and the key that leaves such rows out."""
    for name, wanted in asked.items():
        texts = () if isinstance(wanted, Criterion) else sorted(texts_of(wanted))
        for key, conditions in (("only", only), ("skip", skip)):
            same = [accepts(each) for other, each in conditions.items() if naming(other) == naming(name)]
            for text in texts:
                if any(accept(text) is (key == "skip") for accept in same):
                    yield name, text, key


def texts_of(wanted: object) -> frozenset[str]:
    texts = (wanted,) if isinstance(wanted, str) else wanted
    assert isinstance(texts, tuple)
    return frozenset(text.strip() for text in texts)
