from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse.format import Identity, parse_format
from dorimportd.suggest.clues import without_cut_row
from dorimportd.suggest.suggestion import Suggestion, suggest

GERMAN = """\
Umsatzbericht;;;;;
;;;;;
Filiale;Belegnummer;Datum;Uhrzeit;Gesamtbetrag;MwSt
Köln;0001;27.03.2026;09:05;1.234,50 €;197,10 €
Köln;0002;27.03.2026;09:07;-9,00 €;-1,44 €
Bonn;0003;28.03.2026;17:30;12,00 €;1,92 €
"""


def suggested(*files: str | bytes) -> Suggestion:
    samples = [file if isinstance(file, bytes) else file.encode() for file in files]
    return suggest(samples, [f"{number}.csv" for number in range(1, len(samples) + 1)])


def format_of(suggestion: Suggestion) -> dict[str, object]:
    said = parse_format(suggestion.text, "suggestion").model_dump(exclude_defaults=True)
    return {key: value for key, value in said.items() if key != "encoding"}


def test_a_file_that_leaves_nothing_open_gives_a_format_without_doubts():
    suggestion = suggested(GERMAN.encode("utf-8"))
    assert suggestion.doubts == []
    assert suggestion.sure
    assert (
        suggestion.text
        == """\
# Suggested from 1.csv: 3 rows, below line 3.
# Read with this format: 3 transactions, 0 rejected.

# sure: all bytes of the samples fit
encoding = "utf-8"

# sure: it gives 6 columns
delimiter = ";"

# sure: fields that hold a delimiter stand in these
quote = '"'

# sure: the name says so; such as `Köln` in line 4
location = "Filiale"

# sure: no other sale has the same; such as `0001` in line 4
transaction_id = "Belegnummer"

# sure: the name says so; such as `1.234,50 €` in line 4
total = "Gesamtbetrag"

# sure: all amounts fit, such as `1.234,50 €` in line 4
decimal = ","

# sure: all amounts fit, such as `1.234,50 €` in line 4
thousands = "."

# sure: the totals say so
currency = "EUR"

# sure: such as `27.03.2026` in line 4; such as `09:05` in line 4
time = ["Datum", "Uhrzeit"]

# sure: all dates fit, such as `28.03.2026` in line 6
time_format = "%d.%m.%Y %H:%M"
"""
    )


LANGUAGES = [
    "Store,Receipt No,Date,Time,Total",
    "Filiale,Belegnummer,Datum,Uhrzeit,Gesamtbetrag",
    "Magasin,Numéro de ticket,Date,Heure,Montant TTC",
    "Tienda,Nº de recibo,Fecha,Hora,Importe total",
    "Winkel,Bonnummer,Datum,Tijd,Totaalbedrag",
    "Negozio,Numero scontrino,Data,Ora,Importo totale",
]


@pytest.mark.parametrize("header", LANGUAGES)
def test_columns_are_known_by_their_names_in_six_languages(header):
    suggestion = suggested(f"{header}\nMitte,1,2026-03-27,09:05,9.50\nMitte,2,2026-03-27,09:07,-9.50\n")
    location, number, date, time, total = header.split(",")
    assert suggestion.doubts == []
    assert format_of(suggestion) == {
        "location": location,
        "transaction_id": number,
        "total": total,
        "time": (date, time),
        "time_format": ("%Y-%m-%d %H:%M",),
    }


SLASHES = "Store,Receipt,Time,Total\nMitte,1,01/02/2026 10:00,9.50\nMitte,2,03/02/2026 10:00,9.50\n"


def test_a_day_that_may_be_a_month_is_asked_about_and_another_sample_settles_it():
    suggestion = suggested(SLASHES)
    question = (
        "`01/02/2026 10:00` in line 2 fits %d/%m/%Y %H:%M and %m/%d/%Y %H:%M; which is meant?"
        " A sample with a day after the 12th decides"
    )
    assert suggestion.doubts == [f"time_format: {question}"]
    assert f'# UNSURE: {question}\ntime_format = "%d/%m/%Y %H:%M"\n' in suggestion.text
    assert not suggestion.sure
    settled = suggested(SLASHES, "Store,Receipt,Time,Total\nMitte,3,03/25/2026 10:00,9.50\n")
    assert settled.doubts == []
    assert format_of(settled)["time_format"] == ("%m/%d/%Y %H:%M",)


def test_with_a_clock_of_twelve_hours_the_month_is_taken_to_stand_first():
    suggestion = suggested("Store,Receipt,Time,Total\nMitte,1,01/02/2026 10:00 AM,9.50\n")
    assert format_of(suggestion)["time_format"] == ("%m/%d/%Y %I:%M %p",)
    assert [doubt.partition(":")[0] for doubt in suggestion.doubts] == ["time_format"]


def test_two_columns_that_may_be_the_total_are_asked_about():
    suggestion = suggested(
        "Store,Receipt,Time,Total Collected,Net Total\nMitte,1,2026-01-01 10:00,9.50,8.00\n"
    )
    assert suggestion.doubts == ["total: which is the total: `Total Collected`, `Net Total`?"]
    assert format_of(suggestion)["total"] == "Total Collected"


def test_columns_that_say_the_same_are_no_question():
    assert suggested(
        "Store,Receipt,Time,Total Collected,Net Total\nMitte,1,2026-01-01 10:00,9.50,9.50\n"
    ).sure


def test_three_digits_behind_a_mark_are_asked_about():
    suggestion = suggested(
        "Store;Receipt;Time;Total\nMitte;1;2026-01-01 10:00;1.234\nMitte;2;2026-01-01 10:00;2.000\n"
    )
    question = "is `1.234` in line 2 more than a thousand?"
    assert suggestion.doubts == [f"decimal: {question}", f"thousands: {question}"]
    assert format_of(suggestion)["thousands"] == "."
    assert suggested(
        "Store;Receipt;Time;Total\nMitte;1;2026-01-01 10:00;1.234\nMitte;2;2026-01-01 10:00;2.5\n"
    ).sure


def test_line_items_are_told_plainly():
    suggestion = suggested(
        "Store,Receipt,Time,Total\n"
        "Mitte,1,2026-01-01 10:00,9.50\n"
        "Mitte,1,2026-01-01 10:00,2.50\n"
        "Mitte,2,2026-01-01 10:05,2.50\n"
    )
    assert suggestion.doubts == [
        "group_by: `1` in line 3 is on several rows with other totals; are these line items, and is the"
        " sum of `Total` the total of the sale?"
    ]
    assert format_of(suggestion)["group_by"] == ("Receipt",)
    assert "# Read with this format: 2 transactions, 0 rejected.\n" in suggestion.text


def test_a_number_that_restarts_in_each_store_is_composed_and_asked_about():
    suggestion = suggested(
        "Store,Receipt,Time,Total\nMitte,1,2026-01-01 10:00,9.50\nNord,1,2026-01-01 10:00,2.50\n"
    )
    assert suggestion.doubts == [
        "transaction_id: `1` in line 3 stands for several sales; are they others, or the same corrected?"
        " Others are told apart by these columns together"
    ]
    assert format_of(suggestion)["transaction_id"] == ("Store", "Receipt")


def test_without_id_and_location_one_is_generated_and_one_is_asked_for():
    suggestion = suggested("Time,Total\n2026-01-01 10:00,9.50\n2026-01-01 10:05,9.50\n")
    assert suggestion.doubts == [
        "location: no column names the location; do all rows come from one? Then give it its name here",
        "transaction_id: no column is an ID;"
        " do two rows that are alike in these fields always mean two sales?",
    ]
    format = parse_format(suggestion.text, "suggestion")
    assert format.transaction_id == Identity(generate_from=("Time", "Total"))


def test_what_the_format_might_say_besides_is_told():
    suggestion = suggested(
        "Store,Receipt,Time,Time Zone,Total,Status\n"
        "Mitte,1,2026-01-01 10:00,Eastern Time,9.50,Settled\n"
        "Mitte,2,2026-01-01 10:00,Eastern Time,9.50,Failed\n"
    )
    assert suggestion.doubts == [
        "`Time Zone` tells a time zone (`Eastern Time` in line 2); is it that of the times?",
        "skip: `Status` is `Failed` in line 3; are such rows no sales?",
    ]
    assert "# UNSURE: `Time Zone` tells a time zone" in suggestion.text
    assert (
        '# UNSURE: `Status` is `Failed` in line 3; are such rows no sales?\nskip = { Status = "Failed" }\n'
        in (suggestion.text)
    )


def test_a_column_of_codes_and_a_code_in_a_name_tell_the_currency():
    column = suggested("Store,Receipt,Time,Total,Currency\nMitte,1,2026-01-01 10:00,9.50,SEK\n")
    assert format_of(column)["currency"] == {"column": "Currency"}
    name = suggested("Store,Receipt,Time,Total (CHF)\nMitte,1,2026-01-01 10:00,9.50\n")
    assert format_of(name)["currency"] == "CHF"


@pytest.mark.parametrize(
    ("encoding", "doubts"),
    [
        ("utf-8", []),
        ("utf-16", []),
        ("utf-16-le", []),
        ("utf-16-be", []),
        ("cp1252", ["encoding: is `Köln` written as it should be?"]),
    ],
)
def test_encodings_are_found(encoding, doubts):
    suggestion = suggested(GERMAN.encode(encoding))
    assert parse_format(suggestion.text, "suggestion").encoding == encoding
    assert suggestion.doubts == doubts


def test_what_is_in_no_encoding_of_windows_is_latin_1():
    suggestion = suggested(
        GERMAN.encode("latin-1", "replace") + b"K\x81ln;0004;28.03.2026;17:30;12,00;1,92\n"
    )
    assert parse_format(suggestion.text, "suggestion").encoding == "latin-1"


def test_japanese_is_found():
    sample = "店舗 store,Receipt,Time,Total\n新宿店,1,2026-01-01 10:00,950\n".encode("cp932")
    suggestion = suggested(sample)
    assert parse_format(suggestion.text, "suggestion").encoding == "cp932"


def test_rows_that_the_format_would_reject_are_told():
    rows = "".join(f"Mitte,{number},2026-01-01 10:00,9.50\n" for number in range(20))
    suggestion = suggested("Store,Receipt,Time,Total\n" + rows + "Mitte,,,190.00\n")
    assert suggestion.doubts == ["1 of the rows would be rejected, the first in line 22: `Time` is empty"]
    assert "# Read with this format: 20 transactions, 1 rejected.\n" in suggestion.text


@pytest.mark.parametrize("sample", [b"", b"\n", b",,\n", b"%PDF-1.4\n", b"PK\x03\x04", b"x" * 200_000])
def test_what_is_no_table_is_refused(sample):
    with pytest.raises(HoldFile):
        suggest([sample], ["x"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_of_a_large_sample_the_row_that_is_cut_is_not_looked_at(encoding):
    whole, cut = "Store,No\nMitte,1\n", "Nor"
    assert without_cut_row((whole + cut).encode(encoding)) == whole.encode(encoding)
    assert without_cut_row(cut.encode(encoding)) == cut.encode(encoding)


def test_samples_without_a_common_column_are_refused():
    with pytest.raises(HoldFile) as hold:
        suggested("a,b\nx,y\n", "c,d\nx,y\n")
    assert str(hold.value) == (
        "The samples have no column in common: 1.csv has `a`, `b`; 2.csv has `c`, `d`."
    )


def test_samples_without_sales_are_refused():
    with pytest.raises(HoldFile) as hold:
        suggested("Store,No,Total,Time\n")
    assert str(hold.value) == "The samples have a header and nothing below it; take some with sales."


def test_samples_of_several_encodings_are_refused():
    with pytest.raises(HoldFile) as hold:
        suggest(
            [text.encode(name) for text, name in (("Zürich,1", "utf-8"), ("Genève,2", "cp1252"))], ["1", "2"]
        )
    assert str(hold.value) == (
        "Some samples are UTF-8, and others are not: suggest a format for each kind alone."
    )


FIELD = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            "Store",
            "Receipt",
            "Total",
            "Refunds",
            "Created (UTC)",
            "TZ",
            "Date",
            'x"y',
            "a\\b",
            "\x7f",
            "01/02/2026",
            "9.50",
            "1.234",
            "",
            "'",
        ]
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(FIELD, min_size=1, max_size=4), min_size=1, max_size=5), st.sampled_from(",;\t"))
def test_whatever_the_samples_the_text_is_a_format(table: list[list[str]], delimiter: str):
    try:
        sample = "\n".join(delimiter.join(row) for row in table).encode()
    except UnicodeEncodeError:
        return
    try:
        suggestion = suggest([sample], ["a\nb.csv"])
    except HoldFile:
        return
    parse_format(suggestion.text, "suggestion")
