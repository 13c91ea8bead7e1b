"""Totals, exact: the digits as they were written, and never a float.

The marks are the format's and are not guessed: "1.234" with decimal mark "." is no amount of a thousand,
and with thousands mark "." no amount of one.  What stands around the digits is a sign, brackets and a
currency, in any order that tills use; anything else makes it no amount.  A currency that is written and is
another than the one in effect makes it none either.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from dorimportd.parse.values import CURRENCY, BadValue

SCALE: Final = 4  # decimal places at most
WHOLE_DIGITS: Final = 14  # with four places it still fits the 64 bits of a database's integer
AMOUNT_CHARACTERS: Final = 100

LAKH: Final = "lakh"  # thousands marks as in India: 1,23,45,678

# How a till marks a refund: what stands before and after the digits, without currency and blanks.
SIGNS: Final = {
    ("", ""): 1,
    ("+", ""): 1,
    ("-", ""): -1,
    ("", "-"): -1,
    ("(", ")"): -1,
    ("▲", ""): -1,
    ("△", ""): -1,
}

# A blank as a thousands mark is often one that does not break the line, an apostrophe a typographic one.
MARKS: Final = {
    "": "",
    ".": r"\.",
    ",": ",",
    " ": "[ \u00a0\u2009\u202f]",
    "'": "['\u2019]",
}

MINUS: Final = str.maketrans("\u2212\u2013", "--")  # the minus sign and the en dash

# Currencies as tills write them, beside codes and the single signs that Unicode knows as currency.
CURRENCY_WORD: Final = re.compile(
    r"[Kk]r\.?|Kč|zł|Ft|S?Fr\.?|Rs\.?|Rp\.?|RM?|TL|lei|лв\.?|円|元|руб\.?|(?:AU?|CA?|HK|MX|NT|NZ|R|S|US)\$"
)

# Those that mean one currency, or few; $, ¥, kr, Fr. and Rs are the sign of many.
CURRENCIES_OF_SIGN: Final[Mapping[str, frozenset[str]]] = {
    sign: frozenset(codes.split())
    for sign, codes in {
        "€": "EUR",
        "£": "GBP EGP FKP GIP LBP SDG SHP SSP SYP",
        "₹": "INR",
        "₩": "KRW KPW",
        "₪": "ILS",
        "₫": "VND",
        "₱": "PHP",
        "₴": "UAH",
        "₺": "TRY",
        "₽": "RUB",
        "Ft": "HUF",
        "HK$": "HKD",
        "Kč": "CZK",
        "NT$": "TWD",
        "NZ$": "NZD",
        "R$": "BRL",
        "RM": "MYR",
        "S$": "SGD",
        "TL": "TRY",
        "US$": "USD",
        "zł": "PLN",
        "лв": "BGN",
        "лв.": "BGN",
        "руб.": "RUB",
        "円": "JPY",
    }.items()
}
UNKNOWN: Final = ("", "XXX")  # no currency in effect (ISO 4217 says XXX): then any sign may stand there


class AmountReader:
    """Reads the totals of a file whose marks are known."""

    def __init__(self, *, decimal: str, thousands: str, places: int = SCALE) -> None:
        self._places = places  # at most
        whole = "[0-9]+"
        if thousands == LAKH:
            whole += "|[1-9][0-9]?(?:,[0-9]{2})*,[0-9]{3}"
        elif thousands:
            # Nobody groups 0,500: a zero in front says that the mark is the other one.
            whole += f"|[1-9][0-9]{{0,2}}(?:{MARKS[thousands]}[0-9]{{3}})+"
        decimals = f"{MARKS[decimal]}([0-9]+)"
        # Nearly every amount has at most a minus before it; only such a one may begin with its mark.
        self._plain = re.compile(f"([-+]?)(?:({whole})(?:{decimals})?|{decimals})")
        # The mark in "Rs .50" is none that ends an abbreviation, since a blank stands before it.
        before = rf"[^0-9]*(?<!\s{MARKS[decimal]})"
        self._dressed = re.compile(f"({before})({whole})(?:{decimals})?([^0-9]*)")
        self._rule = f"is not an amount with decimal mark {decimal!r}"
        if thousands:
            self._rule += f" and thousands mark {thousands!r}"

    def read(self, text: str, currency: str) -> tuple[int, int]:
        """The units and the scale of the amount in *text*: "1.234,50 €" is (123450, 2).

        The scale is what was written.  Zeros behind the fourth place say nothing and are dropped.  A
        currency in *text* must be *currency*; a sign such as $ is that of many and is not compared.

        Raises BadValue.
        """
        stripped = text.strip()
        if not stripped:
            raise BadValue("is empty")
        if len(stripped) > AMOUNT_CHARACTERS:
            raise BadValue(self._rule)
        plain = self._plain.fullmatch(stripped)
        if plain:
            sign, whole, places, places_alone = plain.groups("")
            return exact(SIGNS[sign, ""], whole, places or places_alone, self._places)
        dressed = self._dressed.fullmatch(stripped)
        if dressed is None:
            raise BadValue(self._rule)
        before, whole, places, after = dressed.groups("")
        return exact(self._sign(before, after, currency), whole, places, self._places)

    def _sign(self, before: str, after: str, currency: str) -> int:
        """The sign that stands around the digits, once, with one currency or none."""
        before, after = (squeezed(each) for each in (before, after))
        word = before.strip("+-(▲△") + after.strip("-)")
        for bare in ((before.replace(word, "", 1), after), (before, after.replace(word, "", 1))):
            if bare in SIGNS and is_currency(word):
                if is_other(word, currency):
                    raise BadValue(f"is in {word}, but the currency is {currency}")
                return SIGNS[bare]
        raise BadValue(self._rule)


def exact(sign: int, whole: str, places: str, most: int = SCALE) -> tuple[int, int]:
    """The units and the scale of these digits; *whole* may hold thousands marks, *most* places may count.

    Raises BadValue.
    """
    if len(places) > most:
        if places[most:].strip("0"):
            raise BadValue(f"has more than {most} decimal places")
        places = places[:most]
    if not whole.isdigit():
        whole = "".join(re.findall("[0-9]", whole))
    if len(whole.lstrip("0")) > WHOLE_DIGITS:
        raise BadValue(f"has more than {WHOLE_DIGITS} digits before the decimal mark")
    return sign * int(whole + places), len(places)


def squeezed(text: str) -> str:
    """*text* without blanks, each minus the plain one."""
    return "".join(text.split()).translate(MINUS)


def is_currency(word: str) -> bool:
    """Whether *word* names a currency; nothing at all does as well."""
    return (
        not word
        or CURRENCY.fullmatch(word) is not None
        or CURRENCY_WORD.fullmatch(word) is not None
        or (len(word) == 1 and unicodedata.category(word) == "Sc")
    )


def is_other(word: str, currency: str) -> bool:
    """Whether *word*, which names a currency, surely names another than *currency*."""
    if CURRENCY.fullmatch(word):
        return word != currency
    meant = CURRENCIES_OF_SIGN.get(word)
    return meant is not None and currency not in meant and currency not in UNKNOWN
