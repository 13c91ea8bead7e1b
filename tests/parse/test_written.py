"""A format that is written down reads as the same format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dorimportd.parse.builtin import builtin_format, builtin_texts
from dorimportd.parse.format import parse_format
from dorimportd.parse.written import written

EVERYTHING = """\
# with a comment
encoding = "cp1252"
delimiter = "tab"
quote = ""
header = 3
comment = "#"
ragged = "accept"
whole_days = true
earliest = 2020-01-01
required = ["Till"]
location = { column = "Shop", strip_prefix = "S-" }
transaction_id = { generate_from = ["Day", { column = "No", pad = 6 }] }
total = { sum = ["Net", "Tax"] }
time = ["Day", "Time"]
time_format = ["%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M"]
[aliases]
"Shop" = ["Store", 'The "Shop"']
[only]
"Ärt" = ["sold", "gone\\\\back"]
"""

EVERYTHING_WRITTEN = """\
encoding = "cp1252"
delimiter = "\\t"
quote = ""
header = 3
aliases = { Shop = ["Store", 'The "Shop"'] }
comment = "#"
ragged = "accept"
only = { "Ärt" = ["sold", "gone\\\\back"] }
whole_days = true
"""


@pytest.mark.parametrize("name", sorted(builtin_texts()))
def test_a_built_in_format_is_the_same_when_it_is_read_again(name):
    format = builtin_format(name)
    assert parse_format(written(format), name) == format


def test_a_format_with_every_kind_of_value_is_the_same_when_it_is_read_again():
    format = parse_format(EVERYTHING, "everything.toml")
    again = parse_format(written(format), "again.toml")
    assert again == format
    assert again.digest == format.digest
    assert written(format).startswith(EVERYTHING_WRITTEN)


def test_the_formats_of_the_manual_are_the_same_when_they_are_read_again():
    manual = Path(__file__).parents[2] / "dorimportd" / "report" / "manual" / "formats.md"
    blocks = re.findall(r"^    format\n((?:    .*\n|\n)+?)    file\n", manual.read_text(), re.MULTILINE)
    formats = [parse_format(re.sub(r"(?m)^    ", "", block), "manual.toml") for block in blocks]
    assert len(formats) == 15
    assert [parse_format(written(each), "again.toml") for each in formats] == formats
