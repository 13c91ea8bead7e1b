"""Each example of the manual's cookbook is run: the format reads the file, and this is what it becomes."""

from __future__ import annotations

import re
from importlib.resources import files
from io import BytesIO

import pytest

from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.words import Transaction, instant

MANUAL = files("dorimportd.report").joinpath("manual/formats.md").read_text()
BLOCKS = re.findall(r"^(\S[^\n]*:)\n\n    format\n((?:    [^\n]*\n|\n(?=    ))+)", MANUAL, re.MULTILINE)
CUSTOMER = Defaults("Europe/Berlin", "EUR")


def parts(block: str) -> tuple[str, str, list[str]]:
    """The format, the file and what it becomes."""
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    file, becomes = lines.index("file"), lines.index("becomes")
    rows = [line for line in lines[becomes + 1 :] if line]
    return "\n".join(lines[:file]), "\n".join(lines[file + 1 : becomes]), rows


def as_told(sale: Transaction) -> str:
    if sale.withdrawn:
        return f"{sale.transaction_id} withdrawn"
    local = instant(sale.occurred_at + sale.utc_offset * 1_000_000).replace(tzinfo=None).isoformat()
    return f"{sale.transaction_id} {sale.location} {sale.total} {local}"


def test_the_examples_are_found():
    assert len(BLOCKS) == MANUAL.count("\n    becomes\n") == 15


@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=[title[:40] for title, _ in BLOCKS])
def test_each_example_of_the_cookbook_becomes_what_it_says(title, block):
    format, file, rows = parts(block)
    stream = BytesIO(file.encode())
    found = list(read(stream, parse_format(format, "cookbook.toml"), CUSTOMER, "sales_0042.csv"))
    assert [reject for batch in found for reject in batch.rejects] == []
    assert [as_told(each) for batch in found for each in map(Transaction._make, batch.transactions)] == rows
