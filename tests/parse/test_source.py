"""Where values come from when they are more than a column of the header."""

from __future__ import annotations

from io import BytesIO

import pytest

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.toml import BadToml
from dorimportd.words import Transaction

BERLIN = Defaults("Europe/Berlin", "EUR")
REST = 'transaction_id = "No"\ntotal = "Total"\ntime = "Time"\n'
HEADER = "Store,No,Total,Time\n"


def rows(*stores: str) -> str:
    return HEADER + "".join(
        f"{store},{number},9.50,2026-07-14 12:00\n" for number, store in enumerate(stores, 1)
    )


def outcome(file: str, format: str, name: str = "") -> tuple[list[str], list[tuple[int, str, str, str]]]:
    """The locations, and what was rejected."""
    found = list(read(BytesIO(file.encode()), parse_format(format, "till.toml"), BERLIN, name))
    rejects = [reject[:4] for batch in found for reject in batch.rejects]
    return [each.location for batch in found for each in map(Transaction._make, batch.transactions)], rejects


@pytest.mark.parametrize(
    ("steps", "locations"),
    [
        ("", ["B-7", "B-08", "x 9 y"]),
        (', strip_prefix = "B-"', ["7", "08", "x 9 y"]),
        (", extract = '\\d+'", ["7", "08", "9"]),
        (", extract = '(?:B-|x )(\\d+)'", ["7", "08", "9"]),
        (', lookup = { "B-7" = "Mitte", "B-08" = "Nord" }, unknown = "keep"', ["Mitte", "Nord", "x 9 y"]),
        (', lookup = { "B-7" = "Mitte" }, unknown = { constant = "?" }', ["Mitte", "?", "?"]),
        (', strip_prefix = "B-", pad = 3', ["007", "008", "x 9 y"]),
        (', strip_prefix = "B-", pad = 2, lookup = { "07" = "M" }, unknown = "keep"', ["M", "08", "x 9 y"]),
        (', strip_prefix = "B-", lookup = { "7" = "M", "08" = "N", "x 9 y" = "O" }', ["M", "N", "O"]),
    ],
)
def test_steps_mend_a_value(steps, locations):
    format = f'location = {{ column = "Store"{steps} }}\n{REST}'
    assert outcome(rows("B-7", " B-08 ", "x 9 y"), format) == (locations, [])


@pytest.mark.parametrize(
    ("steps", "reject"),
    [
        ('lookup = { "B-7" = "Mitte" }', ("Store", "B-8", "is not in the lookup of the format")),
        ("extract = 'B-(7)'", ("Store", "B-8", "does not fit the pattern B-(7)")),
        ('split = "7", part = 2', ("Store", "B-8", "has no part 2 between '7'")),
        ("extract = 'x*'", ("Store", "", "is empty")),
        ("digits = 2", ("Store", "B-8", "is not a number of 2 digits")),
        (
            'strip_prefix = "B-", digits = 2',
            ("Store", "B-8", "has fewer than 2 digits: did a spreadsheet take leading zeros away?"),
        ),
    ],
)
def test_what_a_step_cannot_read_is_a_reject(steps, reject):
    assert outcome(rows("B-8"), f'location = {{ column = "Store", {steps} }}\n{REST}') == ([], [(2, *reject)])


def test_what_is_empty_is_a_reject_or_the_default():
    format = 'location = {{ column = "Store", lookup = {{ "7" = "M" }}{} }}\n' + REST
    assert outcome(rows("7", " "), format.format("")) == (["M"], [(3, "Store", "", "is empty")])
    assert outcome(rows("7", " "), format.format(', default = "0001"')) == (["M", "0001"], [])


def test_a_value_may_be_a_part_of_another():
    format = 'location = { column = "Store", split = "-", part = 2 }\n' + REST
    assert outcome(rows("de-mitte-1", "de-nord"), format) == (["mitte", "nord"], [])


def test_every_value_may_have_steps():
    format = """
        location = { constant = "Mitte" }
        transaction_id = [{ column = "No", strip_prefix = "R" }, { constant = "x" }]
        total = { column = "Total", default = "0" }
        currency = { column = "Cur", lookup = { E = "EUR", S = "SEK" } }
        time = [{ column = "Time", extract = '\\S+' }, { constant = "12:00" }]
    """
    file = "No,Total,Time,Cur\nR7,,2026-07-14 of July,S\n"
    (batch,) = read(BytesIO(file.encode()), parse_format(format, "till.toml"), BERLIN)
    (sale,) = map(Transaction._make, batch.transactions)
    assert sale[:7] == ("7/x", "Mitte", 0, 0, "SEK", 1784023200_000_000, 7200)


def test_a_value_may_be_in_the_name_of_the_file():
    format = "location = { file_name = 'sales_(\\d+)_' }\n" + REST
    assert outcome(rows("x", "y"), format, "sales_0042_july.csv") == (["0042", "0042"], [])
    with pytest.raises(HoldFile) as hold:
        outcome(rows("x"), format, "july.csv")
    assert str(hold.value) == (
        "The file name `july.csv` does not fit the pattern sales_(\\d+)_ of the format."
    )
    assert outcome(rows("x"), format.replace(" }", ', default = "0" }'), "july.csv") == (["0"], [])


@pytest.mark.parametrize(
    "cell", ["Branch:,Mitte\n", "x,BRANCH: ,,Mitte\n", "Branch: Mitte\n", ' "a\nBranch:,Mitte\n']
)
def test_a_value_may_stand_above_the_header(cell):
    format = 'location = { preamble = "Branch:" }\n' + REST
    assert outcome(cell + "\n" + rows("x"), format) == (["Mitte"], [])


def test_a_file_without_the_cell_above_the_header_is_held():
    with pytest.raises(HoldFile) as hold:
        outcome("Branch\n" + rows("x"), 'location = { preamble = "Branch:" }\n' + REST)
    assert str(hold.value) == "No cell above the header says `Branch:` with a value beside it."


RECORDS = """\
H,0042,2026-07-14,
S,1,12:00,9.50
S,2,12:00,1.00
T,2,,10.50
H,0043,2026-07-15,
S,3,12:00,2.00
"""
RECORD_FORMAT = """
    header = "none"
    columns = { Kind = 1, Store = 2, Day = 3, No = 2, Clock = 3, Amount = 4 }
    only = { Kind = "S" }
    location = { column = "Store", above = { Kind = "H" } }
    transaction_id = "No"
    total = "Amount"
    time = [{ column = "Day", above = { Kind = "H" } }, "Clock"]
"""


def test_a_value_may_come_from_the_row_of_another_kind_above():
    (batch,) = read(BytesIO(RECORDS.encode()), parse_format(RECORD_FORMAT, "till.toml"), BERLIN)
    assert [each[:4] for each in map(Transaction._make, batch.transactions)] == [
        ("1", "0042", 950, 2),
        ("2", "0042", 100, 2),
        ("3", "0043", 200, 2),
    ]
    assert [each.occurred_at for each in map(Transaction._make, batch.transactions)] == [
        1784023200_000_000,
        1784023200_000_000,
        1784109600_000_000,
    ]
    assert (batch.rejects, batch.skipped) == ([], 3)


def test_a_row_with_none_of_the_other_kind_above_is_a_reject():
    _, rejects = outcome(RECORDS.removeprefix("H,0042,2026-07-14,\n")[:15], RECORD_FORMAT)
    assert rejects == [(1, "Store", "", "is empty")]


def test_columns_may_be_numbers_where_there_is_no_header():
    format = (
        'header = "none"\ncolumns = { Store = 1, No = 2, Total = 3, Time = 4 }\n'
        'max_reject_percent = 100\nlocation = "store"\n' + REST
    )
    file = "Mitte,1,9.50,2026-07-14 12:00,\nMitte,1,x,2026-07-14 12:00,\nMitte,2\nMitte,3,1,1,1,1\n"
    assert outcome(file, format) == (
        ["Mitte"],
        [
            (2, "Total", "x", "is not an amount with decimal mark '.'"),
            (3, "", "", "has 2 fields, but the first row has 5"),
            (4, "", "", "has 6 fields, but the first row has 5"),
        ],
    )


def test_a_header_with_one_name_twice_may_be_read_by_number():
    format = 'columns = { Shop = 3 }\nlocation = "Shop"\n' + REST
    file = "Store,No,Store,Total,Time\nx,1,Mitte,9.50,2026-07-14 12:00\n"
    assert outcome(file, format) == (["Mitte"], [])


def test_a_column_may_be_defined_once_and_used_in_several_places():
    format = """
        columns = { Kind = { column = "No", extract = '^[A-Z]*' }, Loud = { column = "Kind", default = "S" } }
        only = { Loud = "S" }
        location = "Loud"
    """
    file = HEADER + "".join(f"x,{no},9.50,2026-07-14 12:00\n" for no in ("S1", "R2", "3"))
    assert outcome(file, format + REST) == (["S", "S"], [])


def test_a_column_may_go_by_several_names():
    format = 'aliases = { Store = ["Shop", "Filiale"], Total = ["Betrag"] }\nlocation = "Store"\n' + REST
    for header in ("Store,No,Total,Time", "shop,No,Betrag,Time", "FILIALE,No,total,Time"):
        assert outcome(rows("Mitte").replace(HEADER, header + "\n"), format) == (["Mitte"], [])
    with pytest.raises(HoldFile, match=r"has `Store` more than once"):
        outcome("Store,Shop,No,Total,Time\n", format)
    with pytest.raises(HoldFile, match=r"column `Store` is gone; `Store No` is new and looks like it"):
        outcome("Store No,No,Total,Time\n", format)


def test_the_header_may_be_said_to_be_on_a_line():
    format = 'header = 3\nlocation = "Store"\n' + REST
    assert outcome(HEADER + "\n" + rows("Mitte"), format) == (["Mitte"], [])
    with pytest.raises(HoldFile, match=r"^The header in line 3 does not fit the format: column `No` is gone"):
        outcome("\n\nStore,Total,Time\n", format)
    with pytest.raises(HoldFile, match=r"^Line 3, the header, has none of the columns `Store`, .*, but `x`"):
        outcome(HEADER + "\nx\n", format)


PLAIN = 'location = "Store"\n' + REST


@pytest.mark.parametrize(
    ("format", "mistake"),
    [
        (
            REST + 'location = { column = "x", constant = "y" }',
            "4:1: location: needs one of column, constant, file_name, preamble",
        ),
        (REST + "location = {}", "4:1: location: needs one of column, constant, file_name, preamble"),
        (
            PLAIN.replace('"No"', "{}"),
            "2:1: transaction_id: needs one of column, constant, file_name, preamble, generate_from",
        ),
        (
            REST + 'location = { column = "x", splt = "-" }',
            "4:28: location.splt: is not known here (did you mean 'split'?)",
        ),
        (
            REST + 'location = { column = "x", split = "-" }',
            "4:1: location: needs both split and part, or neither",
        ),
        (REST + 'location = { column = "x", unknown = "keep" }', "4:1: location: has unknown without lookup"),
        (
            REST + 'location = { constant = "x", above = { Kind = "H" } }',
            "4:1: location: can have above or where only with column",
        ),
        (
            REST + 'location = { column = "x", above = { Kind = "H" }, where = { Kind = "H" } }',
            "4:1: location: cannot have both above and where",
        ),
        (PLAIN + "header = 0", '5:1: header: must be the number of a line, 1 to 100, or "none"; got 0'),
        (
            PLAIN + 'header = "none"',
            "5:1: header: is 'none', so that `Store` needs a number in columns",
        ),
        (
            'columns = { A = 1, B = 2, C = 3 }\nlocation = { constant = "x" }\n'
            'transaction_id = "A"\ntotal = "B"\ntime = "C"',
            "1:1: header: must be 'none' or the number of its line, as no column is used by name",
        ),
        (
            PLAIN + 'columns = { A = { column = "B" }, B = { column = "a" } }',
            "5:1: columns: has `A`, which is made of itself",
        ),
        (PLAIN + "columns = { A = 0 }", "5:13: columns.A: must be at least 1; got 0"),
        (
            PLAIN + 'columns = { A = { column = "x" } }\nfooter = { a = "Sum" }',
            "6:1: footer: asks for `a`, which is made of others",
        ),
    ],
)
def test_mistakes_name_their_place_and_what_is_allowed(format, mistake):
    with pytest.raises(BadToml) as refusal:
        parse_format(format, "till.toml")
    assert str(refusal.value) == f"till.toml:{mistake}"
