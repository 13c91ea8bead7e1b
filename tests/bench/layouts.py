"""Files to measure with: what a row is, and the format that reads it.

Every value is made of the row's number, so that each run has the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

ROWS_AT_ONCE: Final = 10_000
STORES: Final = 40
DAY_SECONDS: Final = 86_400

BASE: Final = 'location = "Store"\ntotal = "Total"\ntime = "Time"\n'
PLAIN: Final = BASE + 'transaction_id = "No"\n'

NAMES: Final = "Store,No,Total,Time,Kind,Zone,Till,Cashier,Payment,Article,Net,Tax,Note"
ZONES: Final = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Europe/London")


def fields(number: int, transaction: int) -> list[str]:
    """The thirteen fields of a row of *transaction*."""
    seconds = transaction * 7 % DAY_SECONDS
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    day = f"2026-{5 + transaction // 28_000 % 2:02d}-{1 + transaction // 1000 % 28:02d}"
    cents = 100 + number * 37 % 19_900
    return [
        f"{transaction % STORES:04d}",
        f"{transaction % STORES:04d}-{transaction // STORES:08d}",
        f"{cents // 100}.{cents % 100:02d}",
        f"{day} {hour:02d}:{minute:02d}:{second:02d}",
        "refund" if number % 50 == 0 else "sale",
        ZONES[transaction % STORES % len(ZONES)],
        str(number % 8),
        f"Cashier {number % 90}",
        ("card", "cash", "voucher")[number % 3],
        f"A{number % 30_000}",
        f"{cents * 84 // 10_000}.{cents * 84 // 100 % 100:02d}",
        f"{cents * 16 // 10_000}.{cents * 16 // 100 % 100:02d}",
        "",
    ]


def plain(number: int) -> str:
    return ",".join(fields(number, number))


def shuffled(number: int) -> str:
    """The same with IDs in no order, as tills have them that make IDs by chance."""
    store, _, *rest = fields(number, number)
    return ",".join([store, f"{number * 2_654_435_761 % 2**32:08x}", *rest])


def quoted(number: int) -> str:
    return ",".join(f'"{field}"' for field in [*fields(number, number)[:-1], 'the ""new"" one, blue'])


def item(number: int) -> str:
    """A line item; three are one sale."""
    return ",".join(fields(number, number // 3))


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of file."""

    name: str
    format: str  # TOML
    row: Callable[[int], str] = plain
    header: str = NAMES
    share: int = 1  # its files have one row of so many

    def rows(self, rows: int) -> int:
        return rows // self.share

    def write(self, path: Path, rows: int) -> None:
        """Make a file of so many *rows*."""
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(self.header + "\n")
            lines = (self.row(number) + "\n" for number in range(self.rows(rows)))
            while block := "".join(islice(lines, ROWS_AT_ONCE)):
                file.write(block)


def wide(columns: int) -> tuple[Callable[[int], str], str]:
    """Rows of so many *columns*, the first thirteen among them, and their header."""
    more = range(14, columns + 1)
    filling = "".join(f",{number * 7919 % 100_003}" for number in more)
    header = NAMES + "".join(f",More {number}" for number in more)
    return lambda number: plain(number) + filling, header


def all_layouts() -> Iterator[Layout]:
    yield Layout("everyday", PLAIN)
    yield Layout("IDs by chance", PLAIN, shuffled)
    for columns, share in ((100, 1), (1000, 10)):
        row, header = wide(columns)
        yield Layout(f"{columns} columns", PLAIN + 'required = ["Kind"]\n', row, header, share)
    yield Layout("quoted", PLAIN, quoted)
    yield Layout("filters", PLAIN + 'only = { Payment = ["card", "cash"] }\nskip = { Till = "7" }\n')
    yield Layout("refunds", PLAIN + 'refunds = { Kind = "refund" }\n')
    yield Layout("sums", PLAIN.replace('"Total"', '{ sum = ["Net", "Tax"] }'))
    yield Layout("zones", PLAIN + 'timezone = { column = "Zone" }\n')
    yield Layout("composed", BASE + 'transaction_id = ["Store", "Till", "No"]\n')
    yield Layout("generated", BASE + 'transaction_id = { generate_from = ["Store", "Time", "Total"] }\n')
    yield Layout("line items", PLAIN + 'group_by = "No"\ncombine = { total = "sum" }\n', item)


LAYOUTS: Final = {layout.name: layout for layout in all_layouts()}
