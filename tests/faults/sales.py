"""Sales files as tests send them, and what must come of them: worked out here, without the daemon's code."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final

HEADER: Final = "Store;Receipt;Total;Time"
OTHER_HEADER: Final = "Store;Receipt;Gross;Time"  # for which a file is held
SUMMER: Final = timedelta(hours=2)  # by which Berlin is ahead of UTC in July
CHANNELS: Final = ("ftp", "sftp", "smtp")
CUSTOMERS: Final = ("acme", "bravo", "carol")
POOL: Final = 3000  # IDs of small files
LARGE: Final = 120_000  # rows: more than one database transaction takes


@dataclass(frozen=True, slots=True)
class Sale:
    """One row of a file."""

    transaction_id: str
    location: str
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


@dataclass(frozen=True, slots=True)
class SalesFile:
    """A file, by whom and how it is sent."""

    customer: str
    channel: str
    name: str
    sales: tuple[Sale, ...]
    held: bool = False

    @property
    def content(self) -> bytes:
        lines = [OTHER_HEADER if self.held else HEADER, *(sale.line for sale in self.sales)]
        return "".join(f"{line}\n" for line in lines).encode()

    @property
    def told(self) -> dict[str, Sale]:
        """What it says of each transaction: of two rows the last one counts."""
        return {} if self.held else {sale.transaction_id: sale for sale in self.sales if sale.good}

    @property
    def rejected(self) -> list[int]:
        """The lines of its rejects."""
        return [] if self.held else [line for line, sale in enumerate(self.sales, 2) if not sale.good]

    @property
    def rows(self) -> int:
        return 0 if self.held else len(self.sales)

    @property
    def duplicates(self) -> int:
        """How many rows are overridden by a later one."""
        return self.rows - len(self.rejected) - len(self.told)


def sale(transaction_id: str, cents: int) -> Sale:
    """One of the store 0007, at one time."""
    return Sale(transaction_id, "0007", euros(cents), "2026-07-14 09:02:11")


def euros(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{rest:02}"


def history(seed: int) -> Iterator[SalesFile]:
    """Files without end, whose transaction IDs overlap: some with rejects, some that are held, some large."""
    chance = random.Random(seed)
    for number in count(1):
        customer, channel = chance.choice(CUSTOMERS), chance.choice(CHANNELS)
        kind = chance.choices(("small", "rejects", "held", "large"), (70, 20, 7, 3))[0]
        large = kind == "large"
        sales = [
            random_sale(chance, f"{kind[0]}-{chance.randrange(2 * LARGE if large else POOL):06}")
            for _ in range(LARGE if large else chance.randint(1, 150))
        ]
        if kind in ("rejects", "large"):
            sales.append(spoilt(random_sale(chance, "spoilt")))
            chance.shuffle(sales)
        name = f"{customer}-{number:05}-{kind}.csv"
        yield SalesFile(customer, channel, name, tuple(sales), held=kind == "held")


def random_sale(chance: random.Random, transaction_id: str) -> Sale:
    cents = chance.randint(100, 99_999) * chance.choice((1, 1, 1, 1, -1))
    moment = datetime(2026, 7, 1) + timedelta(seconds=chance.randrange(20 * 86_400))
    location = chance.choice(("0007", "0012", "0103"))
    return Sale(transaction_id, location, euros(cents), moment.isoformat(" "))


def spoilt(good: Sale) -> Sale:
    return Sale(good.transaction_id, good.location, good.total.replace(".", ","), good.local_time)
