from __future__ import annotations

import pytest

from dorimportd.parse.format import Identity, parse_format
from dorimportd.parse.source import Source
from dorimportd.toml import BadToml

PLAIN = 'location = "Store"\ntransaction_id = "No"\ntotal = "Total"\ntime = "Time"\n'


def mistakes(text: str) -> list[str]:
    with pytest.raises(BadToml) as refusal:
        parse_format(text, "till.toml")
    return str(refusal.value).splitlines()


def test_four_lines_are_a_format_and_the_rest_has_defaults():
    format = parse_format(PLAIN, "till.toml")
    assert format.model_dump(exclude_defaults=True) == {
        "location": "Store",
        "transaction_id": "No",
        "total": "Total",
        "time": ("Time",),
    }
    assert {name: value for name, value in format.model_dump().items() if value not in (None, False)} == {
        "encoding": "utf-8",
        "delimiter": ",",
        "quote": '"',
        "ragged": "reject",
        "location": "Store",
        "transaction_id": "No",
        "total": "Total",
        "decimal": ".",
        "thousands": "",
        "sign": "as written",
        "time": ("Time",),
        "time_format": ("iso",),
        "dst_overlap": "first",
        "dst_gap": "reject",
        "unique_per": "customer",
        "max_reject_percent": 5,
        "damage": "hold",
    }


def test_everything_may_be_said():
    format = parse_format(
        """
        encoding = "cp1252"
        delimiter = "tab"
        quote = ""
        location = { constant = " Hauptbahnhof " }
        transaction_id = { generate_from = ["Day", "Total"] }
        total = " Total "
        decimal = ","
        thousands = "."
        currency = { column = "Currency" }
        time = ["Day", "Clock"]
        time_format = ["%d.%m.%Y %H:%M", "iso"]
        timezone = "Europe/Zurich"
        """,
        "till.toml",
    )
    assert format.model_dump(exclude_defaults=True) == {
        "encoding": "cp1252",
        "delimiter": "\t",
        "quote": "",
        "location": {"constant": "Hauptbahnhof"},
        "transaction_id": {"generate_from": ("Day", "Total")},
        "total": "Total",
        "decimal": ",",
        "thousands": ".",
        "currency": {"column": "Currency"},
        "time": ("Day", "Clock"),
        "time_format": ("%d.%m.%Y %H:%M", "iso"),
        "timezone": "Europe/Zurich",
    }
    assert format.transaction_id == Identity(generate_from=("Day", "Total"))
    assert format.currency == Source(column="Currency")
    assert format.wanted == ("Day", "Total", "Currency", "Clock")


def test_every_mistake_is_told_at_its_place():
    text = """\
encodng = "utf-8"
encoding = "utf8"
delimiter = ";;"
quote = "x"
location = { constnat = "x" }
transaction_id = []
total = 3
decimal = ","
thousands = ","
currency = "eur"
time = ["Day", ""]
time_format = ["iso", "%Y"]
timezone = "Europe/Berln"
"""
    assert mistakes(text) == [
        "till.toml:1:1: encodng: is not known here (did you mean 'encoding'?)",
        "till.toml:2:1: encoding: must be 'utf-8', 'utf-16', 'utf-16-le', 'utf-16-be', 'cp1252', 'latin-1' or"
        " 'cp932'; got 'utf8' (did you mean 'utf-8'?)",
        'till.toml:3:1: delimiter: must be one sign such as "," or ";", or "tab"; got \';;\'',
        "till.toml:4:1: quote: must be one sign such as '\"', or \"\" when fields are never quoted; got 'x'",
        "till.toml:5:14: location.constnat: is not known here (did you mean 'constant'?)",
        "till.toml:6:1: transaction_id: must have 1 or more entries",
        "till.toml:7:1: total: must be text in quotes or a table; got 3",
        "till.toml:9:1: thousands: is the decimal mark, too; got ','",
        "till.toml:10:1: currency: is not a currency code of three capital letters;"
        " got 'eur' (did you mean 'EUR'?)",
        "till.toml:11:16: time: must be the name of a column; got ''",
        "till.toml:12:23: time_format: needs a month (%m, %b or %B); got '%Y'",
        "till.toml:13:1: timezone: is not an IANA time zone such as \"Europe/Berlin\"; got 'Europe/Berln'"
        " (did you mean 'Europe/Berlin'?)",
    ]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ('quote = ","', "till.toml:5:1: quote: is the delimiter, too; got ','"),
        ('thousands = "."', "till.toml:5:1: thousands: is the decimal mark, too; got '.'"),
        ('quote = "xx"', "till.toml:5:1: quote: must be one sign"),
        ("time_format = 3", "till.toml:5:1: time_format: must be text in quotes or a list; got 3"),
        ("time_format = []", "till.toml:5:1: time_format: must have 1 or more entries"),
        ('thousands = "_"', "till.toml:5:1: thousands: must be '', ',', '.', ' ', \"'\" or 'lakh'; got '_'"),
        (
            'timezone = "Europe"',
            "till.toml:5:1: timezone: is not an IANA time zone such as \"Europe/Berlin\"; got 'Europe'",
        ),
        (
            'time_format = "DD.MM.YYYY"',
            "till.toml:5:1: time_format: has no codes: write %Y-%m-%d, not YYYY-MM-DD; got 'DD.MM.YYYY'",
        ),
    ],
)
def test_keys_that_contradict_each_other_or_allow_no_such_value_say_so(line, mistake):
    (told,) = mistakes(f"{PLAIN}{line}\n")
    assert told.startswith(mistake)


def test_a_constant_keeps_the_rules_of_what_it_stands_for():
    (told,) = mistakes(PLAIN.replace('"Store"', '{ constant = " " }'))
    assert told == "till.toml:1:14: location.constant: is empty; got ' '"


def test_what_must_be_there_is_told_when_it_is_not():
    assert mistakes("") == [
        "till.toml:1:1: location: is missing",
        "till.toml:1:1: transaction_id: is missing",
        "till.toml:1:1: total: is missing",
        "till.toml:1:1: time: is missing",
    ]


def test_the_digest_is_of_what_is_said_and_not_of_how():
    digest = parse_format(PLAIN, "till.toml").digest
    for text in (
        "# a comment\n\n" + PLAIN,
        "\n".join(reversed(PLAIN.splitlines())),
        PLAIN + 'delimiter = ","\ntime_format = ["iso"]\n',
        PLAIN.replace('"Time"', '["Time"]'),
    ):
        assert parse_format(text, "other.toml").digest == digest, text
    for text in (PLAIN + 'delimiter = ";"\n', PLAIN.replace("Store", "Shop"), PLAIN + 'currency = "EUR"\n'):
        assert parse_format(text, "till.toml").digest != digest, text


def test_the_digest_does_not_change_with_the_version():
    """It is in the databases of customers: what sha256sum says of the JSON, cut to twelve digits."""
    assert parse_format(PLAIN, "till.toml").digest == "f0ef3ec57c11"
