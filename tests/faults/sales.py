"""Sales files as tests send them, and what must come of them: worked out here, without the daemon's code."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final, NamedTuple

HEADER: Final = "Store;Receipt;Total;Time"
OTHER_HEADER: Final = "Store;Receipt;Gross;Time"  # for which a file is held
BEGIN: Final = datetime(2026, 7, 1)  # of all sales, in Berlin
SUMMER: Final = timedelta(hours=2)  # by which Berlin is ahead of UTC in July
CHANNELS: Final = ("ftp", "sftp", "smtp")
CUSTOMERS: Final = ("acme", "bravo", "carol")
LARGE: Final = 120_000  # rows: more than one database transaction takes
LARGE_EVERY: Final = 200  # files: each keeps the daemon busy for seconds, and a comparison, too
FIRST_LARGE: Final = 10
LARGE_POOL: Final = 2 * LARGE  # IDs of large files, and of those with rejects
POOL: Final = 3000  # IDs of all others
PERIOD: Final = 20 * 86_400  # seconds, in which all sales are


@dataclass(frozen=True, slots=True)
class Sale:
    """One row of a file."""

    location: str
    transaction_id: str
    total: str  # 12.50; what is not written so is a reject
    local_time: str  # 2026-07-14 09:02:11, in Berlin

    @property
    def line(self) -> str:
        return f"{self.location};{self.transaction_id};{self.total};{self.local_time}"

    @property
    def good(self) -> bool:
        return "," not in self.total

    @property
    def occurred_at(self) -> str:
        return f"{(datetime.fromisoformat(self.local_time) - SUMMER).isoformat()}Z"


class Told(NamedTuple):
    """What must come of a file."""

    rows: int
    rejected: list[int]  # lines
    sales: dict[str, Sale]  # by ID: of two rows the last one counts

    @property
    def duplicates(self) -> int:
        """How many rows are overridden by a later one."""
        return self.rows - len(self.rejected) - len(self.sales)


@dataclass(frozen=True, slots=True)
class SalesFile:
    """A file, by whom and how it is sent."""

    customer: str
    channel: str
    name: str
    content: bytes

    @property
    def held(self) -> bool:
        return not self.content.startswith(HEADER.encode())

    def told(self) -> Told:
        """What must come of it; nothing where it is held."""
        lines = [] if self.held else self.content.decode().splitlines()[1:]
        sales = [Sale(*line.split(";")) for line in lines]
        rejected = [line for line, sale in enumerate(sales, 2) if not sale.good]
        return Told(len(sales), rejected, {sale.transaction_id: sale for sale in sales if sale.good})


def content_of(sales: Iterable[Sale], *, held: bool = False) -> bytes:
    """A file with a row for each of *sales*; one that is *held* has not the columns of its format."""
    lines = [OTHER_HEADER if held else HEADER, *(sale.line for sale in sales)]
    return "".join(f"{line}\n" for line in lines).encode()


def sale(transaction_id: str, cents: int) -> Sale:
    """One of the store 0007, at one time."""
    return Sale("0007", transaction_id, euros(cents), "2026-07-14 09:02:11")


def mixed(name: str, cents: int, channel: str = "ftp") -> SalesFile:
    """Three sales of its own, one that every such file tells, one that is overridden, and a reject."""
    own = [sale(f"{name}-{number}", cents + number) for number in range(3)]
    spoilt = Sale("0007", f"{name}-spoilt", "12,50", "2026-07-14 09:02:11")
    sales = (sale(f"{name}-0", -cents), *own, spoilt, sale("everybody's", cents))
    return SalesFile("acme", channel, f"{name}.csv", content_of(sales))


def euros(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02}"


def history(seed: int) -> Iterator[SalesFile]:
    """Files without end, whose transaction IDs overlap: some with rejects, some that are held, some large."""
    chance = random.Random(seed)
    for number in count(1):
        customer, channel = chance.choice(CUSTOMERS), chance.choice(CHANNELS)
        kind = chance.choices(("small", "rejects", "held"), (73, 20, 7))[0]
        if number % LARGE_EVERY == FIRST_LARGE:
            kind = "large"
        rows = LARGE if kind == "large" else chance.randint(1, 150)
        sales = random_sales(chance, rows, LARGE_POOL if kind in ("rejects", "large") else POOL)
        if kind in ("rejects", "large"):
            sales.insert(chance.randint(0, rows), spoilt(sales[0]))
        name = f"{customer}-{number:05}-{kind}.csv"
        yield SalesFile(customer, channel, name, content_of(sales, held=kind == "held"))


def random_sales(chance: random.Random, rows: int, pool: int) -> list[Sale]:
    """So many, with IDs out of a *pool*, some of them several times; one in five is given back."""
    columns = (
        chance.choices(("0007", "0012", "0103"), k=rows),
        chance.choices(range(pool), k=rows),
        chance.choices(range(-25_000, 100_000), k=rows),
        chance.choices(range(PERIOD), k=rows),
    )
    return [
        Sale(location, f"{pool}-{number}", euros(cents), str(BEGIN + timedelta(seconds=seconds)))
        for location, number, cents, seconds in zip(*columns, strict=True)
    ]


def spoilt(good: Sale) -> Sale:
    return Sale(good.location, good.transaction_id, good.total.replace(".", ","), good.local_time)
