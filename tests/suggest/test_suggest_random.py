"""Files made at random, of whose sales all is known: what is suggested for them is right, or asked about."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from random import Random

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import parse_format
from dorimportd.parse.read import read
from dorimportd.suggest.suggestion import suggest
from dorimportd.words import Transaction, instant, iso

FILES = 60

# In six languages: location, ID, date, clock, total; tax, cashier, payment, state, number of items.
HEADERS = (
    "Store,Receipt No,Date,Time,Total,Tax,Cashier,Payment type,Status,Total items",
    "Filiale,Belegnummer,Datum,Uhrzeit,Gesamtbetrag,MwSt,Bediener,Zahlungsart,Status,Anzahl",
    "Magasin,Numéro de ticket,Date,Heure,Montant TTC,TVA,Vendeur,Mode de paiement,Statut,Articles",
    "Tienda,Nº de recibo,Fecha,Hora,Importe total,IVA,Cajero,Forma de pago,Estado,Unidades",
    "Winkel,Bonnummer,Datum,Tijd,Totaalbedrag,BTW,Medewerker,Betaalwijze,Status,Aantal",
    "Negozio,Numero scontrino,Data,Ora,Importo totale,IVA,Operatore,Pagamento,Stato,Quantità",
)
DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%y", "%d %b %Y", "%Y%m%d")
CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p")
MARKS = (("", "."), ("", ","), (",", "."), (".", ","), ("'", "."), ("\u202f", ","))
BESIDE = ("{}", "{}", "${}", "{} €")
FURTHER = (5, 6, 7, 8, 9)

Sale = tuple[str, str, str, str]


def written(cents: int, marks: tuple[str, str], beside: str) -> str:
    whole, places = divmod(abs(cents), 100)
    grouped = f"{whole:,}".replace(",", marks[0])
    return ("-" if cents < 0 else "") + beside.format(f"{grouped}{marks[1]}{places:02}")


def made(random: Random) -> tuple[bytes, list[Sale]]:
    """A file, and its sales."""
    names, delimiter = random.choice(HEADERS).split(","), random.choice(",;\t|")
    date, clock, joined = random.choice(DATES), random.choice(CLOCKS), random.random() < 0.5
    marks, beside = random.choice(MARKS), random.choice(BESIDE)
    stores = random.sample(["0042", "0043", "Mitte", "Köln", "Main St, 5"], random.randint(1, 3))
    columns = [0, 1, 2, *([] if joined else [3]), 4, *random.sample(FURTHER, random.randint(0, 4))]
    random.shuffle(columns)
    number, pause = random.choice([1, 100, 1_000_000]), random.choice([7, 90, 1500])
    time = datetime(2026, random.randint(1, 12), random.randint(1, 25), 8)
    rows, sales, sum_cents = [], [], 0
    for place in range(random.randint(1, 25)):
        time += timedelta(minutes=random.randint(1, pause))
        cents = random.choice([5000, 9_999_999]) - random.randint(0, 6000)
        store = random.choice(stores)
        sum_cents += cents
        cells = [
            *(store, str(number + place), time.strftime(f"{date} {clock}" if joined else date)),
            *(time.strftime(clock), written(cents, marks, beside), written(cents // 6, marks, beside)),
            *(random.choice(["Ann", "Bob"]), random.choice(["Cash", "Visa"]), random.choice(["OK", "Paid"])),
            str(random.randint(1, 9)),
        ]
        rows.append([cells[column] for column in columns])
        total = written(cents, ("", "."), "{}")
        sales.append((str(number + place), store, total, time.strftime("%Y-%m-%dT%H:%M")))
    preamble = [["Report"], []] if random.random() < 0.2 else []
    footer = []
    if random.random() < 0.3 and columns[0] != 4:
        sums = ["Total" if column == columns[0] else "" for column in columns]
        sums[columns.index(4)] = written(sum_cents, marks, beside)
        footer = [sums]
    text = StringIO()
    header = [names[column] for column in columns]
    csv.writer(text, delimiter=delimiter).writerows([*preamble, header, *rows, *footer])
    return text.getvalue().encode(random.choice(["utf-8", "utf-8-sig", "utf-16"])), sales


def judged(file: bytes, sales: list[Sale]) -> str:
    suggestion = suggest([file], ["random.csv"])
    found: list[Sale] = []
    try:
        for batch in read(BytesIO(file), parse_format(suggestion.text, "suggestion"), Defaults("UTC", "XXX")):
            for each in map(Transaction._make, batch.transactions):
                time = iso(instant(each.occurred_at))[:16]
                found.append((each.transaction_id, each.location, str(each.total), time))
    except HoldFile:
        found = []
    return f"{'right' if found == sales else 'wrong'}, {'sure' if suggestion.sure else 'asked'}"


def test_files_made_at_random_come_out_right_or_with_a_question():
    judgements = Counter(judged(*made(Random(seed))) for seed in range(FILES))
    assert judgements["wrong, sure"] == 0
    assert judgements["right, sure"] >= FILES / 2
