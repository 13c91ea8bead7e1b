"""Sales without an ID, exported again and again: the table has each of them once, and those alike all.

A till has a list of true sales, many of which look alike, and exports windows of it that overlap, each in an
order of its own.  Sales that look alike are in a window together or not at all, as they are when windows end
between two times.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.pipeline.importer import Importer, Plan
from dorimportd.spool.room import Room
from dorimportd.spool.spool import Spool
from dorimportd.store.store import open_store
from dorimportd.words import Channel, State

FORMAT = parse_format(
    'location = "Store"\ntotal = "Total"\ntime = "Time"\n'
    'transaction_id = { generate_from = ["Store", "Time", "Total"] }\n',
    "till.toml",
)
EXPORTS = 12


class Till:
    """True sales, by time; each has a store, a total and a minute of one morning."""

    def __init__(self, random):
        self._random = random
        self.minutes = random.randrange(3, 10)
        self.sales = [
            (random.choice("ab"), random.choice(["2.50", "3.00", "-2.50"]), random.randrange(self.minutes))
            for _ in range(random.randrange(20, 60))
        ]

    def export(self, first, last):
        """What was sold in these minutes, in any order."""
        rows = [sale for sale in self.sales if first <= sale[2] <= last]
        self._random.shuffle(rows)
        lines = [f"{store},{total},2026-07-14 09:{minute:02d}" for store, total, minute in rows]
        return "\n".join(["Store,Total,Time", *lines, ""]).encode()

    def windows(self):
        """Some that overlap as they like, and together cover all."""
        edges = sorted(self._random.sample(range(self.minutes), min(4, self.minutes)))
        covering = list(zip([0, *edges], [*edges, self.minutes - 1], strict=True))
        further = [
            sorted(self._random.randrange(self.minutes) for _ in range(2))
            for _ in range(EXPORTS - len(covering))
        ]
        windows = [*covering, *further]
        self._random.shuffle(windows)
        return windows


def imported(folder, exports, order):
    """The table, after the deliveries came in one order and were imported in another."""
    spool, store = Spool(folder / "spool", room=Room(1 << 30, 0)), open_store(f"sqlite:///{folder}/sales.db")
    plan = Plan(f"till@{FORMAT.digest}", FORMAT, Defaults("UTC", "EUR"))
    importer = Importer(spool, store, lambda envelope: plan)
    sequences = []
    for content in exports:
        upload = spool.begin("acme", "sales.csv", channel=Channel.LOCAL, peer="")
        upload.write(0, content)
        delivery = spool.accept(upload)
        store.register([delivery])
        sequences.append(delivery.sequence)
    for place in order:
        _, outcome = importer.import_delivery(sequences[place])
        assert outcome.state in (State.IMPORTED, State.DUPLICATE), outcome
    rows = [(row.location, row.total, row.local_time) for row in store.transactions("acme")]
    store.close()
    return Counter(rows)


@pytest.mark.parametrize("seed", range(8))
def test_overlapping_exports_in_any_order_make_the_true_sales(tmp_path, seed):
    random = Random(seed)
    till = Till(random)
    exports = [till.export(*window) for window in till.windows()]
    order = list(range(len(exports)))
    random.shuffle(order)
    found = imported(tmp_path, exports, order)
    true = Counter((store, total, f"2026-07-14T09:{minute:02d}:00") for store, total, minute in till.sales)
    assert found == true
    assert any(count > 1 for count in true.values()), "none of the sales look alike"


def test_a_window_that_ends_among_sales_that_look_alike_adds_the_rest_later(tmp_path):
    row = b"a,2.50,2026-07-14 09:00\n"
    header = b"Store,Total,Time\n"
    exports = [header + row, header + row * 3, header + row * 2]
    assert imported(tmp_path, exports, [2, 0, 1]) == Counter({("a", "2.50", "2026-07-14T09:00:00"): 3})
