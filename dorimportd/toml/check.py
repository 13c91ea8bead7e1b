"""Values into a model, or everything that is wrong with them, each at its place and in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import ErrorDetails

from dorimportd.toml.document import Document
from dorimportd.toml.mistake import BadToml, KeyPath, Mistake, dotted, nearest, shown

M = TypeVar("M", bound=BaseModel)

# pydantic's name for a value of the wrong kind, and the kind it must be.
KINDS: Final[Mapping[str, str]] = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}

# Its names for other mistakes; what stands in {} is from the error's context.
SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "value_error": "{error}",
    "assertion_error": "{error}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have {max_length} or fewer entries",
}


KEYS_TOLD: Final = 20  # of those that are known, where another stands

# TOML has lists, and we keep tuples: `names: ListOf[str]`.
T = TypeVar("T")
ListOf = Annotated[tuple[T, ...], Strict(False)]


class Table(BaseModel):
    """What a table of our files is: no key but these, no value of nearly the right kind, no change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Unfit(ValueError):
    """Raised by a validator that knows which name was meant; any other ValueError does without."""

    def __init__(self, problem: str, meant: str | None = None) -> None:
        super().__init__(problem)
        self.meant = meant


def check(model: type[M], document: Document) -> M:
    """The values of *document* as a *model*.

    Raises BadToml with every mistake.  A validator of *model* says what is wrong by a ValueError whose
    text goes on after the key: "is not a time zone".  The value of a field with `repr=False` is never told.
    """
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        faults = [Fault.of(each, document.values) for each in error.errors(include_url=False)]
        raise BadToml(fault.mistake(model, document) for fault in one_branch_each(faults)) from None


class Fault(NamedTuple):
    """One error of pydantic, seen from the document."""

    kind: str  # pydantic's name for it
    problem: str
    value: Any
    meant: str | None  # the name that is allowed and looks like the value
    path: KeyPath  # of the value that is wrong, or of the key that is missing
    fork: KeyPath | None  # of the value that may be of several kinds, when it is one of those, and
    branch: str  # the kind as which it was tried

    @classmethod
    def of(cls, error: ErrorDetails, values: dict[str, Any]) -> Fault:
        kind, context = error["type"], error.get("ctx", {})
        if kind in KINDS:
            problem = f"must be {KINDS[kind]}"
        else:
            problem = SENTENCES[kind].format(**context) if kind in SENTENCES else error["msg"]
        return cls(kind, problem, error["input"], meant_by(error), *path_of(error, values))

    @property
    def of_another_kind(self) -> bool:
        """The value is not of the kind of this branch at all."""
        return self.path == self.fork and self.kind in KINDS

    def mistake(self, model: type[BaseModel], document: Document) -> Mistake:
        got, meant = self._got(model), self._meant(model)
        problem = self.problem if meant else self.problem + self._known(model)
        return Mistake(document.place(self.path), dotted(self.path), problem, got, meant)

    def _got(self, model: type[BaseModel]) -> str | None:
        # The value of an unknown key may be a password whose key is misspelt.
        if self.kind in ("missing", "extra_forbidden") or is_secret(model, self.path):
            return None
        if isinstance(self.value, dict | list | tuple) and self.kind not in KINDS:
            return None
        return shown(self.value)

    def _known(self, model: type[BaseModel]) -> str:
        """What is known where an unknown key stands, unless that is too much to be told."""
        keys = list(dict.fromkeys(keys_at(model, self.path[:-1]))) if self.kind == "extra_forbidden" else []
        return f"; known: {', '.join(keys)}" if 0 < len(keys) <= KEYS_TOLD else ""

    def _meant(self, model: type[BaseModel]) -> str | None:
        if self.kind == "extra_forbidden":
            *parents, name = self.path
            return nearest(str(name), keys_at(model, parents))
        return self.meant


def meant_by(error: ErrorDetails) -> str | None:
    """The allowed value that is like the wrong one, when the error says what is allowed."""
    context = error.get("ctx", {})
    if isinstance(context.get("error"), Unfit):
        return cast(Unfit, context["error"]).meant
    return nearest(str(error["input"]), re.findall(r"'([^']+)'", context.get("expected", "")))


def path_of(error: ErrorDetails, values: dict[str, Any]) -> tuple[KeyPath, KeyPath | None, str]:
    """What of the error's location is a path of the document, and at which fork of it which branch.

    pydantic's location names keys, positions and, where a value may be of several kinds, the kind tried.
    """
    path: KeyPath = ()
    fork, branch = None, ""
    here: Any = values
    *_, last = enumerate(error["loc"])
    for step in enumerate(error["loc"]):
        part = step[1]
        if holds(here, part):
            path, here = (*path, part), here[part]
        elif step == last and error["type"] == "missing":
            path = (*path, part)
        elif fork is None:
            fork, branch = path, str(part)
    return path, fork, branch


def holds(here: Any, part: str | int) -> bool:
    """Whether *here* is a table with that key or a list with that position."""
    if isinstance(here, dict):
        return part in here
    return isinstance(here, list) and isinstance(part, int) and part < len(here)


def one_branch_each(faults: Sequence[Fault]) -> Iterator[Fault]:
    """*faults*, but of a value that may be of several kinds only those of the likeliest kind."""
    forks: dict[KeyPath, dict[str, list[Fault]]] = {}
    for fault in faults:
        if fault.fork is None:
            yield fault
        else:
            forks.setdefault(fault.fork, {}).setdefault(fault.branch, []).append(fault)
    for branches in forks.values():
        likely = [found for found in branches.values() if not any(fault.of_another_kind for fault in found)]
        if likely:
            yield from min(likely, key=len)
        else:
            yield of_any_kind([found[0] for found in branches.values()])


def of_any_kind(faults: Sequence[Fault]) -> Fault:
    """One fault that tells every kind of which the value may be."""
    *others, last = dict.fromkeys(KINDS[fault.kind] for fault in faults)
    kinds = f"{', '.join(others)} or {last}" if others else last
    return faults[0]._replace(problem=f"must be {kinds}")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a value of this type may be, or hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def models_at(model: type[BaseModel], path: Iterable[str | int]) -> list[type[BaseModel]]:
    """The models that describe the table at *path* of a document that *model* describes."""
    models = [model]
    for part in path:
        fields = [each.model_fields[part] for each in models if part in each.model_fields]
        if fields:  # a position in a list, or a key that is data, is no field
            models = [inner for field in fields for inner in models_in(field.annotation)]
    return models


def keys_at(model: type[BaseModel], path: Iterable[str | int]) -> Iterator[str]:
    """The keys that may stand in the table at *path*."""
    for each in models_at(model, path):
        for name, field in each.model_fields.items():
            yield field.alias or name


def is_secret(model: type[BaseModel], path: KeyPath) -> bool:
    """Whether a field on the way to *path* is never shown."""
    return any(
        part in each.model_fields and not each.model_fields[part].repr
        for length, part in enumerate(path)
        for each in models_at(model, path[:length])
    )
