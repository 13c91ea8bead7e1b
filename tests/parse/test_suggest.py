from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorimportd.errors import HoldFile
from dorimportd.parse.format import Identity, parse_format
from dorimportd.parse.suggest import Suggestion, suggest

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
        '`Status` is `Failed` in line 3; such rows are imported, too, unless skip = { Status = "Failed" }'
        " leaves them out",
        "`Time Zone` tells a time zone (`Eastern Time` in line 2); is it to count? Then write"
        ' timezone = { column = "Time Zone" }',
    ]
    assert all(f"# UNSURE: {doubt}\n" in suggestion.text for doubt in suggestion.doubts)


PLAIN = {"location": "Store", "transaction_id": "Receipt", "time": ("Date",), "total": "Total"}


def refund(said: str) -> str:
    return f"the total is positive; is it a refund? Then write refunds = {said}"


def imported(said: str) -> str:
    return f"such rows are imported, too, unless skip = {said} leaves them out"


LINE_ITEMS = (
    'and of which the last counts; are these line items? Then write group_by = "Receipt", and where each'
    ' repeats the total of the sale combine = { total = "equal" }'
)

# What the sample is, its lines, the keys that are not as in PLAIN, and what is asked.
TILLS = {
    "the year first, of two digits": (
        "Store,Receipt,Date,Time,Total|Mitte,1,26-07-14,10:05,5.00|Mitte,2,26-07-15,10:06,6.00",
        {"time": ("Date", "Time"), "time_format": ("%y-%m-%d %H:%M",)},
        ["time_format: `26-07-14` in line 2 fits %d-%m-%y %H:%M and %y-%m-%d %H:%M; which is meant?"],
    ),
    "the year first, with dots": (
        "Store,Receipt,Date,Time,Total|Mitte,1,26.07.14,10:05,5.00|Mitte,2,26.07.15,10:06,6.00",
        {"time": ("Date", "Time"), "time_format": ("%y.%m.%d %H:%M",)},
        ["time_format: `26.07.14` in line 2 fits %d.%m.%y %H:%M and %y.%m.%d %H:%M; which is meant?"],
    ),
    "the year last, of two digits": (
        "Store,Receipt,Date,Time,Total|Mitte,1,14.07.26,10:05,5.00|Mitte,2,15.07.26,10:06,6.00",
        {"time": ("Date", "Time"), "time_format": ("%d.%m.%y %H:%M",)},
        ["time_format: `14.07.26` in line 2 fits %d.%m.%y %H:%M and %y.%m.%d %H:%M; which is meant?"],
    ),
    "a year that is no day": (
        "Store,Receipt,Date,Time,Total|Mitte,1,32-07-14,10:05,5.00|Mitte,2,32-07-15,10:06,6.00",
        {"time": ("Date", "Time"), "time_format": ("%y-%m-%d %H:%M",)},
        [],
    ),
    "refunds by their type": (
        "Store,Receipt,Date,Type,Total|Mitte,1,2026-07-14 10:00,Sale,5.00"
        "|Mitte,2,2026-07-14 10:01,Refund,3.00",
        {},
        ["`Type` is `Refund` in line 3, but " + refund('{ Type = "Refund" }')],
    ),
    "refunds by their type, with a minus": (
        "Store,Receipt,Date,Type,Total|Mitte,1,2026-07-14 10:00,Sale,5.00"
        "|Mitte,2,2026-07-14 10:01,Refund,-3.00",
        {},
        [],
    ),
    "refunds by their type in German": (
        "Store,Receipt,Date,Vorgang,Total|Mitte,1,2026-07-14 10:00,Verkauf,5.00"
        "|Mitte,2,2026-07-14 10:01,Retoure,3.00",
        {},
        ["`Vorgang` is `Retoure` in line 3, but " + refund('{ Vorgang = "Retoure" }')],
    ),
    "refunds by a column of signs": (
        "Store,Receipt,Date,Sign,Total|Mitte,1,2026-07-14 10:00,+,5.00|Mitte,2,2026-07-14 10:01,-,6.00",
        {},
        [
            "`Sign` has `+`, `-`, but the totals of both are positive; is - a refund?"
            ' Then write refunds = { Sign = "-" }'
        ],
    ),
    "refunds by debit and credit": (
        "Store,Receipt,Date,D/C,Total|Mitte,1,2026-07-14 10:00,C,5.00|Mitte,2,2026-07-14 10:01,D,3.00",
        {},
        [
            "`D/C` has `C`, `D`, but the totals of both are positive; is D a refund?"
            ' Then write refunds = { "D/C" = "D" }'
        ],
    ),
    "debit and credit beside totals with a minus": (
        "Store,Receipt,Date,D/C,Total|Mitte,1,2026-07-14 10:00,C,5.00|Mitte,2,2026-07-14 10:01,D,-3.00",
        {},
        [],
    ),
    "refunds by yes and no": (
        "Store,Receipt,Date,Return,Total|Mitte,1,2026-07-14 10:00,N,5.00|Mitte,2,2026-07-14 10:01,Y,6.00",
        {},
        ["`Return` is `Y` in line 3, but " + refund('{ Return = "Y" }')],
    ),
    "refunds by 1 and 0": (
        "Store,Receipt,Date,Return,Total|Mitte,1,2026-07-14 10:00,0,5.00|Mitte,2,2026-07-14 10:01,1,6.00",
        {},
        ["`Return` is `1` in line 3, but " + refund('{ Return = "1" }')],
    ),
    "refunds in a column of their own": (
        "Store,Receipt,Date,Sales,Refunds|Mitte,1,2026-07-14 10:00,5.00,0.00"
        "|Mitte,2,2026-07-14 10:01,0.00,3.00",
        {"total": "Sales"},
        [
            "total: `Refunds` tells refunds (`3.00` in line 3); are they taken off in `Sales`?"
            ' If not, write total = { difference = ["Sales", "Refunds"] }'
        ],
    ),
    "an amount of what was returned": (
        "Store,Receipt,Date,Total,Return amount|Mitte,1,2026-07-14 10:00,5.00,0"
        "|Mitte,2,2026-07-14 10:01,0.00,3.00",
        {},
        [
            "total: `Return amount` tells refunds (`3.00` in line 3); are they taken off in `Total`?"
            ' If not, write total = { difference = ["Total", "Return amount"] }'
        ],
    ),
    "what was returned, taken off already": (
        "Store,Receipt,Date,Total,Return amount"
        "|Mitte,1,2026-07-14 10:00,5.00,0.00|Mitte,2,2026-07-14 10:01,-3.00,3.00",
        {},
        [],
    ),
    "change is no refund": (
        "Store,Receipt,Date,Total,Rückgeld|Mitte,1,2026-07-14 10:00,5.00,0.00"
        "|Mitte,2,2026-07-14 10:01,6.00,4.00",
        {},
        [],
    ),
    "cents in brackets": (
        "Store,Receipt,Date,Amount (cents)|Mitte,1,2026-07-14 10:00,500|Mitte,2,2026-07-14 10:01,1250",
        {"total": "Amount (cents)"},
        ["total: `Amount (cents)` seems to count cents; does it? Then write implied_decimals = 2"],
    ),
    "cents behind a line": (
        "Store,Receipt,Date,total_cents|Mitte,1,2026-07-14 10:00,500|Mitte,2,2026-07-14 10:01,1250",
        {"total": "total_cents"},
        ["total: `total_cents` seems to count cents; does it? Then write implied_decimals = 2"],
    ),
    "cents beside whole units": (
        "Store,Receipt,Date,total_cents,Total|Mitte,1,2026-07-14 10:00,500,5.00",
        {},
        [],
    ),
    "line items of one price": (
        "Store,Receipt,Line,Total,Date|Mitte,1,1,5.00,2026-07-14 10:00|Mitte,1,2,5.00,2026-07-14 10:00",
        {},
        [f"transaction_id: `1` in line 3 is on several rows, which differ in `Line` {LINE_ITEMS}"],
    ),
    "line items that repeat the total": (
        "Store,Receipt,Price,Total,Date|Mitte,1,5.00,11.00,2026-07-14 10:00"
        "|Mitte,1,6.00,11.00,2026-07-14 10:00",
        {},
        [f"transaction_id: `1` in line 3 is on several rows, which differ in `Price` {LINE_ITEMS}"],
    ),
    "line items of which no sale has two": (
        "Store,Receipt,Product,Total,Date|Mitte,1,Tea,5.00,2026-07-14 10:00",
        {},
        ["transaction_id: `Product` may be of line items; is each row a whole sale?"],
    ),
    "a row that is there twice": (
        "Store,Receipt,Total,Date|Mitte,1,5.00,2026-07-14 10:00|Mitte,1,5.00,2026-07-14 10:00",
        {},
        [],
    ),
    "sales that were voided": (
        "Store,Receipt,Date,Total,Voided|Mitte,1,2026-07-14 10:00,5.00,No|Mitte,2,2026-07-14 10:01,6.00,Yes",
        {},
        ["`Voided` is `Yes` in line 3; " + imported('{ Voided = "Yes" }')],
    ),
    "no sale was voided": (
        "Store,Receipt,Date,Total,Voided|Mitte,1,2026-07-14 10:00,5.00,No|Mitte,2,2026-07-14 10:01,6.00,No",
        {},
        [],
    ),
    "times of UTC": (
        "Store,Receipt,Created (UTC),Total|Mitte,1,2026-07-14 10:00,5.00",
        {"time": ("Created (UTC)",), "timezone": "UTC"},
        [],
    ),
    "times of UTC that say so themselves": (
        "Store,Receipt,Created (UTC),Total|Mitte,1,2026-07-14T10:00:00Z,5.00",
        {"time": ("Created (UTC)",)},
        [],
    ),
    "times of another zone": (
        "Store,Receipt,Created (UTC+2),Total|Mitte,1,2026-07-14 10:00,5.00",
        {"time": ("Created (UTC+2)",), "timezone": "UTC"},
        ["timezone: `Created (UTC+2)` tells an offset from UTC; in which time zone are the times?"],
    ),
    "a zone in each row": (
        "Store,Receipt,Date,TZ,Total|Mitte,1,2026-07-14 10:00,PST,5.00|Mitte,2,2026-07-14 10:01,EST,6.00",
        {},
        ['`TZ` tells a time zone (`PST` in line 2); is it to count? Then write timezone = { column = "TZ" }'],
    ),
    "a running total": (
        "Store,Receipt,Date,Amount,Running total|Mitte,1,2026-07-14 10:00,5.00,5.00"
        "|Mitte,2,2026-07-14 10:01,6.00,11.00",
        {"total": "Amount"},
        [],
    ),
    "a total of points": (
        "Store,Receipt,Date,Due,Total points|Mitte,1,2026-07-14 10:00,5.00,50"
        "|Mitte,2,2026-07-14 10:01,6.00,60",
        {"total": "Due"},
        ["total: no name tells the total; is it `Due`?"],
    ),
    "a total of pieces": (
        "Store,Receipt,Date,Total pieces,Value|Mitte,1,2026-07-14 10:00,3,5.00"
        "|Mitte,2,2026-07-14 10:01,1,6.00",
        {"total": "Value"},
        ["total: no name tells the total; is it `Value`?"],
    ),
    "two totals of which one counts": (
        "Store,Receipt,Date,Total items,Total value|Mitte,1,2026-07-14 10:00,3,5.00"
        "|Mitte,2,2026-07-14 10:01,1,6.00",
        {"total": "Total value"},
        [],
    ),
    "net beside the tax": (
        "Store,Receipt,Date,Netto,MwSt|Mitte,1,2026-07-14 10:00,5.00,0.95|Mitte,2,2026-07-14 10:01,6.00,1.14",
        {"total": "Netto"},
        [
            "total: `Netto` is net, beside `MwSt`; is the gross total meant?"
            ' Then write total = { sum = ["Netto", "MwSt"] }'
        ],
    ),
    "a number of the batch": (
        "Store,Batch number,Date,Total|Mitte,1,2026-07-14 10:00,5.00|Mitte,2,2026-07-14 10:01,6.00",
        {"transaction_id": "Batch number"},
        ["transaction_id: does `Batch number` count single sales, and never begin again?"],
    ),
    "a number of the day": (
        "Store,Daily no,Date,Total|Mitte,1,2026-07-14 10:00,5.00|Mitte,2,2026-07-14 10:01,6.00",
        {"transaction_id": "Daily no"},
        ["transaction_id: does `Daily no` count single sales, and never begin again?"],
    ),
    "a number of the shift": (
        "Store,Shift,Date,Total|Mitte,1,2026-07-14 10:00,5.00|Mitte,2,2026-07-14 10:01,6.00",
        {"transaction_id": Identity(generate_from=("Store", "Date", "Total")).model_dump(exclude_unset=True)},
        [
            "transaction_id: no column is an ID;"
            " do two rows that are alike in these fields always mean two sales?"
        ],
    ),
    "sales with a minus": (
        "Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,-5.00|Mitte,2,2026-07-14 10:01,-6.00"
        "|Mitte,3,2026-07-14 10:02,2.00",
        {},
        [
            "total: most totals are negative; does the till write sales with a minus?"
            ' Then write sign = "inverted"'
        ],
    ),
    "IDs that a spreadsheet cut": (
        "Store,Receipt,Date,Total|Mitte,1.23457E+12,2026-07-14 10:00,5.00"
        "|Mitte,1.23467E+12,2026-07-14 10:01,6.00",
        {},
        [
            "`Receipt` in line 2 is `1.23457E+12`: a spreadsheet has ruined such values."
            " Send the file as the till exported it, not opened and saved by a spreadsheet."
        ],
    ),
    "single quotes": (
        "'Store','Receipt','Date','Total'|'Mitte','1','2026-07-14 10:00','5.00'"
        "|'Mitte','2','2026-07-14 10:01','5.50'",
        {"quote": "'"},
        [],
    ),
    "single quotes around one text": (
        "Store,Receipt,Date,Total,Note|\"Mitte\",1,2026-07-14 10:00,5.00,'fast'"
        '|"Mitte",2,2026-07-14 10:01,5.50,x',
        {},
        [],
    ),
    "three decimal places": (
        "Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,1.250|Mitte,2,2026-07-14 10:01,0.500",
        {},
        [],
    ),
    "three decimal places by the currency": (
        "Store,Receipt,Date,Total KWD|Mitte,1,2026-07-14 10:00,1.250",
        {"total": "Total KWD", "currency": "KWD"},
        ["decimal: is `1.250` in line 2 more than a thousand?"],
    ),
}


@pytest.mark.parametrize(("sample", "changed", "doubts"), TILLS.values(), ids=TILLS.keys())
def test_each_till_gets_its_format_or_a_question(sample, changed, doubts):
    suggestion = suggested(sample.replace("|", "\n") + "\n")
    assert (format_of(suggestion), suggestion.doubts) == (PLAIN | changed, doubts)


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
    suggestion = suggested("Store,Receipt,Time,Total\n" + rows + "Sum,,,190.00\n")
    assert suggestion.doubts == ["1 of the rows would be rejected, the first in line 22: `Time` is empty"]
    assert "# Read with this format: 20 transactions, 1 rejected.\n" in suggestion.text


@pytest.mark.parametrize("sample", [b"", b"\n", b",,\n", b"%PDF-1.4\n", b"PK\x03\x04", b"x" * 200_000])
def test_what_is_no_table_is_refused(sample):
    with pytest.raises(HoldFile):
        suggest([sample], ["x"])


def test_samples_without_a_common_column_are_refused():
    with pytest.raises(HoldFile) as hold:
        suggested("a,b\nx,y\n", "c,d\nx,y\n")
    assert str(hold.value) == "The samples have no column in common: the first has `a`, `b`."


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
