"""Files of tills, small enough to be read at a glance."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.words import Reject, Transaction

FORMAT = """
location = "Store"
transaction_id = "No"
total = "Total"
time = "Time"
max_reject_percent = 100
"""

BERLIN = Defaults("Europe/Berlin", "EUR")

Outcome = tuple[list[Transaction], list[Reject]]
ReadFile = Callable[..., Outcome]


@pytest.fixture
def read_file() -> ReadFile:
    """Reads a whole file, by the plain format of this folder or by another; more keys may be added."""

    def read_file(
        file: bytes | str, more: str = "", *, format: str = FORMAT, defaults: Defaults = BERLIN
    ) -> Outcome:
        stream = BytesIO(file if isinstance(file, bytes) else file.encode())
        transactions: list[Transaction] = []
        rejects: list[Reject] = []
        for batch in read(stream, parse_format(format + more, "till.toml"), defaults):
            transactions += map(Transaction._make, batch.transactions)
            rejects += batch.rejects
        return transactions, rejects

    return read_file
