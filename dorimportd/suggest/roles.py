"""Which column of a sample is what, by its name in six languages.

A name gives points for a role, or takes some: "Transaction ID" is a better ID than "Customer ID".  Equal
points are a doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from dorimportd.parse.naming import folded
from dorimportd.suggest.clues import Column

# A part of a name and its points; the part is a whole word when it is shorter than five letters.
Words = Mapping[str, int]
WHOLE_WORD_BELOW: Final = 5


def points(*scores: tuple[int, str]) -> Words:
    return {word: score for score, words in scores for word in words.split()}


LOCATION: Final = points(
    (5, "location filiale filial niederlassung standort magasin boutique succursale tienda sucursal"),
    (5, "negozio winkel filiaal vestiging branch outlet shop store geschäft établissement locatie"),
    (5, "etablissement establecimiento esercizio verkaufsstelle betriebsstätte"),
    (4, "site laden markt vente vendita kasse kassen sede local commerce"),
    (2, "merchant händler z_kasse_id"),
    (-6, "time zone zeit uhr datum date type typ address adresse phone storno restore country total"),
)
IDENTITY: Final = points(
    (3, "transaction transaktion transacción transazione transactie receipt beleg bon_id bonnummer bon_nr"),
    (3, "quittung ticket reçu recibo scontrino ricevuta kassabon invoice rechnung facture factura fattura"),
    (3, "factuur order bestellung commande pedido ordine sale folio bon"),
    (2, "id nummer number numéro numero número nr no num uuid nº n°"),
    (1, "ref reference referenz référence referencia riferimento referentie"),
    (-9, "customer kunde client cliente klant staff employee bediener user kassierer device terminal"),
    (-9, "product sku article artikel item payment zahlung card karte deposit store shop filiale location"),
    (-9, "kasse filial tax vat mwst steuer amount betrag montant importe importo bedrag total date datum"),
    (-9, "time zeit type typ cost kosten fee status note name email phone line position pan"),
    (-1, "batch daily shift schicht tages"),
)
TOTAL: Final = points(
    (4, "total gesamt gesamtbetrag totale totaal endbetrag ttc summe umsatz"),
    (3, "gross amount betrag montant importe importo bedrag brutto bruto lordo"),
    (1, "sales paid collected sum net netto neto sale price ums_brutto"),
    (-4, "subtotal zwischensumme sous-total"),
    (-9, "tax vat mwst ust iva tva btw steuer discount rabatt remise descuento sconto korting fee fees"),
    (-9, "gebühr tip trinkgeld cost kosten frais refund refunds qty quantity menge anzahl unit einzel rate"),
    (-9, "cash card gift tender shipping versand id nr number partial"),
    (-9, "running cumulative kumuliert laufend points punkte pieces pcs items count stück"),
    (-2, "cent cents minor pence centimes céntimos centesimi rappen"),
)
TIME: Final = points(
    (4, "datetime timestamp zeitpunkt zeitstempel tijdstip horodatage created belegdatum verkaufsdatum"),
    (4, "date datum fecha data jour tag"),
    (3, "time zeit uhrzeit heure hora ora tijd"),
    (2, "transaction sale bon_ende verkauf sold order paid payment bon vente venta vendita verkoop"),
    (-6, "deposit due fällig payout shipped fulfilled cancelled birth geburt liefer modified updated"),
    (-6, "geändert settlement valuta wertstellung expiry zone start erstellung refunded"),
)
CURRENCY_NAMES: Final = points((5, "currency währung waehrung devise moneda valuta divisa munt"))


def score(name: str, words: Words) -> int:
    """The points that a column's *name* has for a role."""
    whole = folded(name)
    parts = {
        *re.split(r"[\W_]+", whole),
        *re.split(r"[\s()/:.]+", whole),
        folded(camel_split(name)).split()[-1],
    }
    parts |= set(folded(camel_split(name)).split())
    return sum(
        points
        for word, points in words.items()
        if word in (whole if len(word) >= WHOLE_WORD_BELOW else parts)
    )


def camel_split(name: str) -> str:
    """TransactionID as two words."""
    return re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", " ", name).strip() or "-"


def best(columns: Iterable[Column], words: Words) -> list[Column]:
    """Those of *columns* whose names have points for a role, most first; equal ones in the file's order."""
    scored = [(score(column.name, words), column) for column in columns]
    return [column for points, column in sorted(scored, key=lambda pair: -pair[0]) if points > 0]


def rivals(columns: Sequence[Column], words: Words) -> list[Column]:
    """Those of the *best* columns that have as many points as the first, and say something else."""
    first = columns[0]
    equal = [column for column in columns[1:] if score(column.name, words) == score(first.name, words)]
    return [column for column in equal if [v.text for v in column.values] != [v.text for v in first.values]]
