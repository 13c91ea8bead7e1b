"""Mistakes made in formats: each is told with file, line and key, what is allowed, and what was meant."""

from __future__ import annotations

import pytest

from dorimportd.parse.format import parse_format
from dorimportd.toml import BadToml

FORMAT = """\
location = "Store"
transaction_id = "Receipt"
total = "Total"
time = ["Date", "Time"]
"""

# A line that is added, or takes the place of the one with its key, and what is told of it.
MISTAKES = {
    "an unknown key": ('thousand = "."', "5:1: thousand: is not known here (did you mean 'thousands'?)"),
    "a key of a table": (
        'only = { Status = { is = "Paid" } }',
        "5:21: only.Status.is: is not known here; known: not, pattern, empty",
    ),
    "a key of combine": (
        'combine = { sum = "total" }',
        "5:13: combine.sum: is not known here; known: total, time, location",
    ),
    "a key that is nearly right": (
        'location = { const = "x" }',
        "1:14: location.const: is not known here (did you mean 'constant'?)",
    ),
    "a word for a delimiter": (
        'delimiter = "semicolon"',
        '5:1: delimiter: must be one sign such as "," or ";", or "tab"; got \'semicolon\'',
    ),
    "another name of an encoding": (
        'encoding = "windows-1252"',
        "5:1: encoding: must be 'utf-8', 'utf-16', 'utf-16-le', 'utf-16-be', 'cp1252', 'latin-1' or 'cp932';"
        " got 'windows-1252'",
    ),
    "a word for a mark": ('decimal = "comma"', "5:1: decimal: must be '.' or ','; got 'comma'"),
    "a pattern of another language": (
        'time_format = "DD.MM.YYYY HH:mm"',
        "5:1: time_format: has no codes: write %Y-%m-%d, not YYYY-MM-DD; got 'DD.MM.YYYY HH:mm'",
    ),
    "minutes where the month should be": (
        'time_format = "%d.%M.%Y %H:%M"',
        "5:1: time_format: holds %M twice: %m is the month, %M the minute; got '%d.%M.%Y %H:%M'",
    ),
    "a zone that is misspelt": (
        'timezone = "Europe/Berln"',
        "5:1: timezone: is not an IANA time zone such as \"Europe/Berlin\"; got 'Europe/Berln'"
        " (did you mean 'Europe/Berlin'?)",
    ),
    "a currency in small letters": (
        'currency = "eur"',
        "5:1: currency: is not a currency code of three capital letters; got 'eur' (did you mean 'EUR'?)",
    ),
    "a column as the currency": (
        'currency = "Currency"',
        "5:1: currency: is not a currency code of three capital letters; a column would be { column = ... };"
        " got 'Currency'",
    ),
    "a name without quotes": (
        "location = Store",
        "1:12: is not a value: text stands in \"quotes\", a list in [ ]; got 'Store'",
    ),
    "a quote that is not closed": (
        'location = "Store',
        "1:18: the quote that ends a text is missing on this line",
    ),
    "a backslash": (
        'location = { file_name = "sales_(\\d+)" }',
        "1:34: a backslash begins an escape here: write it twice, or the text in 'single quotes'",
    ),
    "a number for a name": (
        "transaction_id = 2",
        "2:1: transaction_id: must be text in quotes, a list or a table; got 2",
    ),
    "a sum of one column": ('total = { sum = ["Net"] }', "3:11: total.sum: must have 2 or more entries"),
    "a condition as text": (
        'only = "Status = Paid"',
        "5:1: only: must be columns and what they hold, such as { Status = \"Paid\" }; got 'Status = Paid'",
    ),
    "a condition as a list": (
        'skip = ["Failed"]',
        '5:1: skip: must be columns and what they hold, such as { Status = "Paid" }',
    ),
    "a number to be compared": (
        "only = { Status = 1 }",
        "5:10: only.Status: must be text in quotes, a list or a table; got 1",
    ),
    "an expression": (
        "location = { column = \"Store\", extract = '(' }",
        "1:32: location.extract: is not a regular expression: missing ), unterminated subpattern at"
        " position 0; got '('",
    ),
    "a percent sign": (
        'max_reject_percent = "5%"',
        "5:1: max_reject_percent: must be a whole number; got '5%'",
    ),
    "a date in quotes": (
        'earliest = "2020-01-01"',
        "5:1: earliest: must be a date such as 2026-07-14, without quotes; got '2020-01-01'",
    ),
    "a header that is true": (
        "header = true",
        '5:1: header: must be the number of a line, 1 to 100, or "none"; got true',
    ),
    "no header, and names": (
        'header = "none"',
        "5:1: header: is 'none', so that `Store` needs a number in columns",
    ),
    "unknown without a lookup": (
        'location = { column = "Store", unknown = "keep" }',
        "1:1: location: has unknown without lookup",
    ),
    "combine without a group": (
        'combine = { total = "first" }',
        "5:1: combine: says how rows are put together, but group_by is missing",
    ),
    "another way to combine": (
        'combine = { total = "last" }',
        "5:13: combine.total: must be 'sum', 'first', 'min', 'max' or 'equal'; got 'last'",
    ),
}


@pytest.mark.parametrize(("line", "told"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(line, told):
    key = line.split(" ", 1)[0]
    lines = [line if each.startswith(f"{key} ") else each for each in FORMAT.splitlines()]
    with pytest.raises(BadToml) as bad:
        parse_format("\n".join(lines if line in lines else [*lines, line]), "till.toml")
    assert [str(mistake) for mistake in bad.value.mistakes] == [f"till.toml:{told}"]
