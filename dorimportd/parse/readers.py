"""Location, total, time, ID: each is read from a row in one go or, when it is wrong, in steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from operator import itemgetter
from typing import Final, Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from dorimportd.parse.columns import Columns
from dorimportd.parse.condition import Row
from dorimportd.parse.format import Format, Identity
from dorimportd.parse.identity import Generator, compose, read_part
from dorimportd.parse.moment import Moments
from dorimportd.parse.pattern import pattern_of
from dorimportd.parse.source import Source
from dorimportd.parse.values import BadField, BadValue, Memo, read_text
from dorimportd.parse.zone import zone_of

ZONES_KEPT: Final = 500

V = TypeVar("V", covariant=True)


Read = Callable[[Row], V]  # raises BadValue


class Check(NamedTuple):
    """A question to a row that is wrong: it raises BadValue if this is what is wrong with it."""

    places: tuple[int, ...]  # of the fields that are asked about
    ask: Callable[[Row], object]


@dataclass(frozen=True, slots=True)
class Reader(Generic[V]):
    """Reads one value.  The checks ask the same as `read` in smaller steps."""

    read: Read[V]
    places: tuple[int, ...]  # of the fields it is read from
    checks: tuple[Check, ...]
    also: tuple[int, ...] = ()  # of further fields on which it depends
    moments: Moments | None = None  # that read its field, or the halves of a time in two
    moments_by: Callable[[str], Moments | None] | None = None  # the text of its only field in `also`

    @property
    def depends_on(self) -> frozenset[int]:
        """The places of all fields that `read` looks at."""
        return frozenset((*self.places, *self.also))

    def is_empty(self, row: Row) -> bool:
        """Whether *row* says nothing about it."""
        for place in self.places:  # a generator would take three times as long
            if row[place].strip():
                return False
        return bool(self.places)

    def fault(self, row: Row, names: Sequence[str]) -> BadField | None:
        """What is wrong with it in *row*, whose columns have these *names*; None when nothing is."""
        for places, ask in self.checks:
            try:
                ask(row)
            except BadValue as bad:
                if isinstance(bad, BadField):
                    return bad
                column = " + ".join(names[place] for place in places)
                return BadField(bad.rule, column, " ".join(row[place] for place in places))
        return None


@dataclass(frozen=True, slots=True)
class Readers:
    """What is read from a row, in this order."""

    location: Reader[str]
    total: Reader[tuple[int, int, str]]
    time: Reader[tuple[int, int]]
    identity: Reader[str]  # the location may be a part of it
    is_counted: bool  # whether an ID depends on how often the same row was there before
    is_scoped: bool  # whether the location is a part of the ID

    def __iter__(self) -> Iterator[Reader[object]]:
        yield from (self.location, self.total, self.time, self.identity)

    @property
    def reads(self) -> tuple[Read[str], Read[tuple[int, int, str]], Read[tuple[int, int]], Read[str]]:
        """Of location, total, time and identity."""
        return self.location.read, self.total.read, self.time.read, self.identity.read


def location_reader(format: Format, columns: Columns) -> Reader[str]:
    location = format.location
    if isinstance(location, Source) and location.model_fields_set == {"constant"}:
        constant = location.constant or ""
        return Reader(lambda row: constant, (), ())
    place = columns.place(location)
    locations = Memo(read_text)
    check = Check((place,), lambda row: read_text(row[place]))
    return Reader(lambda row: locations[row[place]], (place,), (check,))


def time_reader(
    format: Format, columns: Columns, timezone: str, received: date | None = None
) -> Reader[tuple[int, int]]:
    """Instant and offset; *timezone* is that of the customer, *received* the day of the delivery."""
    # Once, and not for each zone that a row tells: what is made has its place before the first row is read.
    places = tuple(columns.place(source) for source in format.time)
    if isinstance(format.timezone, Source):
        return zoned_reader(format, places, columns.place(format.timezone), received)
    return local_reader(format, places, ZoneInfo(format.timezone or timezone), received)


def zoned_reader(
    format: Format, places: tuple[int, ...], zone_place: int, received: date | None
) -> Reader[tuple[int, int]]:
    """The same where each row tells its zone."""
    by_zone = Memo(lambda text: local_reader(format, places, zone_of(text), received), ZONES_KEPT)
    any_zone = local_reader(format, places, UTC, received)

    def read(row: Row) -> tuple[int, int]:
        return by_zone[row[zone_place]].read(row)

    checks = (*any_zone.checks, Check((zone_place,), lambda row: by_zone[row[zone_place]]))
    return Reader(
        read,
        any_zone.places,
        (*checks, Check(any_zone.places, read)),
        also=(zone_place,),
        moments=any_zone.moments,
        moments_by=lambda text: by_zone[text].moments,
    )


def local_reader(
    format: Format, places: tuple[int, ...], zone: tzinfo, received: date | None
) -> Reader[tuple[int, int]]:
    """The same where all rows are of one zone."""
    patterns = [pattern_of(text) for text in format.time_format]
    moments = Moments(
        patterns,
        zone,
        second=format.dst_overlap == "second",
        shift=format.dst_gap == "shift",
        dates=(format.earliest, format.latest),
        received=received,
    )
    if len(places) == 1:
        (place,) = places
        check = Check(places, lambda row: moments.read(row[place]))
        return Reader(lambda row: moments.read(row[place]), places, (check,), moments=moments)

    def read_joined(row: Row) -> tuple[int, int]:
        fields = [row[place].strip() for place in places]
        # Without its clock a time might fit as a date alone.
        if not all(fields):
            raise BadValue("is empty")
        return moments.read(" ".join(fields))

    def read_pair(row: Row) -> tuple[int, int]:
        try:
            return moments.read_pair(row[first], row[second])
        except BadValue:
            return read_joined(row)

    checks = (*(Check((place,), not_empty(place)) for place in places), Check(places, read_joined))
    first, second, *others = places
    if others:
        return Reader(read_joined, places, checks)
    return Reader(read_pair, places, checks, moments=moments)


def identity_reader(format: Format, columns: Columns) -> Reader[str]:
    """The ID; each row that it is read from counts as an occurrence where IDs are generated."""
    source = format.transaction_id
    places = tuple(columns.place(part) for part in format.identity)
    pick = picker(places)
    if isinstance(source, Identity) and source.generate_from is not None:
        generator = Generator()
        check = Check(places, lambda row: generator.generate(pick(row)))
        return Reader(lambda row: generator.generate(pick(row)), places, (check,))
    if len(places) == 1:
        (place,) = places
        check = Check(places, lambda row: read_text(row[place]))
        return Reader(lambda row: read_text(row[place]), places, (check,))
    parts = [Check((place,), part_of_id(place)) for place in places]
    whole = Check(places, lambda row: compose(pick(row)))
    return Reader(lambda row: compose(pick(row)), places, (*parts, whole))


def scoped(identity: Reader[str], location: Reader[str]) -> Reader[str]:
    """The ID where each location has IDs of its own."""

    def read(row: Row) -> str:
        return compose((location.read(row), identity.read(row)))

    checks = (*identity.checks, Check(identity.places, read))
    return Reader(read, identity.places, checks, also=tuple(location.depends_on))


def picker(places: Sequence[int]) -> Callable[[Row], tuple[str, ...]]:
    """What takes the fields at *places* from a row."""
    if len(places) == 1:
        return lambda row: (row[places[0]],)
    return itemgetter(*places)


def not_empty(place: int) -> Callable[[Row], object]:
    def ask(row: Row) -> None:
        if not row[place].strip():
            raise BadValue("is empty")

    return ask


def part_of_id(place: int) -> Callable[[Row], object]:
    return lambda row: read_part(row[place])
