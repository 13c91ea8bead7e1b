"""The columns of one file as its format means them: those it has, and behind them those that are made.

A row is a list of fields.  What the format says of a value beyond a column's name - a constant, a step, a
field of another row - becomes a further field at the end of the list, so that all that reads values knows
nothing but places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from dorimportd.errors import HoldFile
from dorimportd.parse.condition import Predicate, Row, predicate_of
from dorimportd.parse.naming import Naming
from dorimportd.parse.source import Source, Step, extractor, names_of, steps_of
from dorimportd.parse.values import BadField, BadValue

Maker = Callable[[Row], str]  # the text of a made field


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a file tells besides its rows."""

    name: str  # of the file
    preamble: Sequence[Sequence[str]]  # the rows above the header


class Above:
    """The nearest row so far that is as some conditions say."""

    def __init__(self, matches: Predicate) -> None:
        self._matches = matches
        self._row: Row = ()

    def watch(self, row: Row) -> None:
        if self._matches(row):
            self._row = tuple(row)

    def field(self, place: int) -> str:
        """Empty as long as there was none."""
        return self._row[place] if self._row else ""


class Columns:
    """The places of columns in the rows of one file.

    *places* are those that the file has, *defined* what the format says of others, by their names.
    `makers` give the fields that are put behind the first `width`, in their order; `watchers` must see each
    row before.
    """

    def __init__(
        self,
        names: Sequence[str],
        places: Mapping[str, int],
        width: int,
        defined: Mapping[str, int | Source],
        naming: Naming,
        surroundings: Surroundings,
    ) -> None:
        self.width = width  # of a row before anything is made
        self.names = [*names[:width], *[""] * (width - len(names))]  # by place, for rejects
        self.makers: list[Maker] = []
        self.watchers: list[Above] = []
        self.made_of: dict[int, frozenset[int]] = {}  # a made field -> all fields on which it depends
        self._naming = naming
        self._surroundings = surroundings
        self._defined = {naming(name): (name, meant) for name, meant in defined.items()}
        self._places = dict(places)
        for name, meant in defined.items():
            if isinstance(meant, int):
                self._places[naming(name)] = meant - 1
                self.names[meant - 1] = self.names[meant - 1] or name

    def place(self, source: str | Source) -> int:
        """The field of a row that holds what *source* says.  Raises HoldFile when it is not in this file."""
        if isinstance(source, Source):
            column = source.column
            if source.is_bare_column and column is not None:
                return self.place(column)
            return self._make(source, label_of(source))
        name = self._naming(source)
        if name not in self._places:
            label, meant = self._defined[name]
            assert isinstance(meant, Source)
            self._places[name] = self._make(meant, label)
        return self._places[name]

    def _make(self, source: Source, label: str) -> int:
        maker = self._maker(source, label)
        inner = [self.place(name) for name in names_of(source)]
        self.makers.append(maker)
        self.names.append(label)
        self.made_of[len(self.names) - 1] = self.closure(inner)
        return len(self.names) - 1

    def closure(self, places: Iterable[int]) -> frozenset[int]:
        """These *places*, and those of all fields of which they are made."""
        return frozenset(chain.from_iterable((place, *self.made_of.get(place, ())) for place in places))

    def _maker(self, source: Source, label: str) -> Maker:
        mend = steps_of(source)
        if source.column is None:
            text = mend(self._told_once(source))
            return lambda row: text
        place = self.place(source.column)
        pick = self._picker(source, place)

        def make(row: Row) -> str:
            text = pick(row)
            try:
                return mend(text)
            except BadValue as bad:
                raise BadField(bad.rule, label, text) from bad

        return make

    def _picker(self, source: Source, place: int) -> Maker:
        if source.above is not None:
            above = Above(predicate_of(source.above, self.place))
            self.watchers.append(above)
            return lambda row: above.field(place)
        if source.where is not None:
            holds = predicate_of(source.where, self.place)
            return lambda row: row[place] if holds(row) else ""
        return lambda row: row[place]

    def _told_once(self, source: Source) -> str:
        """What is the same for all rows.  Raises HoldFile when this file does not tell it."""
        if source.constant is not None:
            return source.constant
        if source.file_name is not None:
            name = self._surroundings.name
            text = found_or_empty(extractor(source.file_name), name)
            reason = f"The file name `{name}` does not fit the pattern {source.file_name} of the format."
        else:
            assert source.preamble is not None
            text = beside(self._surroundings.preamble, self._naming(source.preamble), self._naming)
            reason = f"No cell above the header says `{source.preamble}` with a value beside it."
        if not text.strip() and source.default is None:
            raise HoldFile(reason)
        return text


def found_or_empty(find: Step, text: str) -> str:
    try:
        return find(text)
    except BadValue:
        return ""


def beside(preamble: Sequence[Sequence[str]], label: str, naming: Naming) -> str:
    """The cell beside, or behind a colon in, the one of *preamble* that says *label*; empty without one."""
    for row in preamble:
        for place, cell in enumerate(row):
            if naming(cell) == label:
                return next((other for other in row[place + 1 :] if other.strip()), "")
            if naming(cell).startswith(label) and label.endswith(":"):
                return cell[cell.index(":") + 1 :]
    return ""


def label_of(source: Source) -> str:
    """By which name a reject tells a made column."""
    return source.column or source.preamble or ("file name" if source.file_name else "constant")
