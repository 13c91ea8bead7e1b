"""What `format suggest` makes of files of many layouts, and whether that is right.

Of each layout the sales are known that it is meant to tell.  The suggested format, used as it is, gives just
these, or a question was asked: nothing is ever wrong in silence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Defaults
from dorimportd.parse.builtin import builtin_format
from dorimportd.parse.format import Identity, parse_format
from dorimportd.parse.read import read
from dorimportd.suggest.suggestion import Suggestion, suggest
from dorimportd.words import Transaction, instant, iso

FILES = Path(__file__).parents[1] / "formats"
SAMPLES = Path(__file__).parents[3] / "shared" / "samples"

PLAIN = {"location": "Store", "transaction_id": "Receipt", "time": ("Date",), "total": "Total"}

LINE_ITEMS = (
    'are these line items? Then write group_by = "Receipt", and where each repeats the total of the sale'
    ' combine = { total = "equal" }'
)


def refund(what: str) -> list[str]:
    return [f"refunds: {what}, but the total is positive; is it a refund?"]


class Till(NamedTuple):
    """A layout."""

    file: str  # its lines, with | between them
    sales: str  # that it tells: ID, location, total, and time in UTC; * for an ID that must be generated
    said: Mapping[str, object] = MappingProxyType({})  # by the suggested format, where it is not as in PLAIN
    doubts: Sequence[str] = ()  # that are told


TILLS = {
    "the year first, of two digits": Till(
        "Store,Receipt,Date,Time,Total|Mitte,1,26-07-14,10:05,5.00|Mitte,2,26-07-15,10:06,6.00",
        "1 Mitte 5.00 2026-07-14T10:05|2 Mitte 6.00 2026-07-15T10:06",
        {"time": ("Date", "Time"), "time_format": ("%y-%m-%d %H:%M",)},
        ["time_format: `26-07-14` in line 2 fits %d-%m-%y %H:%M and %y-%m-%d %H:%M; which is meant?"],
    ),
    "the year first, with dots": Till(
        "Store,Receipt,Date,Time,Total|Mitte,1,26.07.14,10:05,5.00|Mitte,2,26.07.15,10:06,6.00",
        "1 Mitte 5.00 2026-07-14T10:05|2 Mitte 6.00 2026-07-15T10:06",
        {"time": ("Date", "Time"), "time_format": ("%y.%m.%d %H:%M",)},
        ["time_format: `26.07.14` in line 2 fits %d.%m.%y %H:%M and %y.%m.%d %H:%M; which is meant?"],
    ),
    "the year last, of two digits": Till(
        "Store,Receipt,Date,Time,Total|Mitte,1,14.07.26,10:05,5.00|Mitte,2,15.07.26,10:06,6.00",
        "1 Mitte 5.00 2026-07-14T10:05|2 Mitte 6.00 2026-07-15T10:06",
        {"time": ("Date", "Time"), "time_format": ("%d.%m.%y %H:%M",)},
        ["time_format: `14.07.26` in line 2 fits %d.%m.%y %H:%M and %y.%m.%d %H:%M; which is meant?"],
    ),
    "a year that is no day": Till(
        "Store,Receipt,Date,Time,Total|Mitte,1,32-07-14,10:05,5.00|Mitte,2,32-07-15,10:06,6.00",
        "1 Mitte 5.00 2032-07-14T10:05|2 Mitte 6.00 2032-07-15T10:06",
        {"time": ("Date", "Time"), "time_format": ("%y-%m-%d %H:%M",)},
    ),
    "refunds by their type": Till(
        "Store,Receipt,Date,Type,Total|Mitte,1,2026-07-14 10:00,Sale,5.00"
        "|Mitte,2,2026-07-14 10:01,Refund,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"refunds": {"Type": "Refund"}},
        refund("`Type` is `Refund` in line 3"),
    ),
    "refunds by their type, with a minus": Till(
        "Store,Receipt,Date,Type,Total|Mitte,1,2026-07-14 10:00,Sale,5.00"
        "|Mitte,2,2026-07-14 10:01,Refund,-3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
    ),
    "refunds by their type in German": Till(
        "Store,Receipt,Date,Vorgang,Total|Mitte,1,2026-07-14 10:00,Verkauf,5.00"
        "|Mitte,2,2026-07-14 10:01,Retoure,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"refunds": {"Vorgang": "Retoure"}},
        refund("`Vorgang` is `Retoure` in line 3"),
    ),
    "refunds by a column of signs": Till(
        "Store,Receipt,Date,Sign,Total|Mitte,1,2026-07-14 10:00,+,5.00|Mitte,2,2026-07-14 10:01,-,6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -6.00 2026-07-14T10:01",
        {"refunds": {"Sign": "-"}},
        ["refunds: `Sign` has `+`, `-`, but the totals of both are positive; is - a refund?"],
    ),
    "refunds by debit and credit": Till(
        "Store,Receipt,Date,D/C,Total|Mitte,1,2026-07-14 10:00,C,5.00|Mitte,2,2026-07-14 10:01,D,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"refunds": {"D/C": "D"}},
        ["refunds: `D/C` has `C`, `D`, but the totals of both are positive; is D a refund?"],
    ),
    "debit and credit beside totals with a minus": Till(
        "Store,Receipt,Date,D/C,Total|Mitte,1,2026-07-14 10:00,C,5.00|Mitte,2,2026-07-14 10:01,D,-3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
    ),
    "refunds by yes and no": Till(
        "Store,Receipt,Date,Return,Total|Mitte,1,2026-07-14 10:00,N,5.00|Mitte,2,2026-07-14 10:01,Y,6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -6.00 2026-07-14T10:01",
        {"refunds": {"Return": "Y"}},
        refund("`Return` is `Y` in line 3"),
    ),
    "refunds by 1 and 0": Till(
        "Store,Receipt,Date,Return,Total|Mitte,1,2026-07-14 10:00,0,5.00|Mitte,2,2026-07-14 10:01,1,6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -6.00 2026-07-14T10:01",
        {"refunds": {"Return": "1"}},
        refund("`Return` is `1` in line 3"),
    ),
    "refunds in a column of their own": Till(
        "Store,Receipt,Date,Sales,Refunds|Mitte,1,2026-07-14 10:00,5.00,0.00"
        "|Mitte,2,2026-07-14 10:01,0.00,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"total": {"difference": ("Sales", "Refunds")}},
        ["total: `Refunds` tells refunds (`3.00` in line 3); are they still to be taken off `Sales`?"],
    ),
    "an amount of what was returned": Till(
        "Store,Receipt,Date,Total,Return amount|Mitte,1,2026-07-14 10:00,5.00,0"
        "|Mitte,2,2026-07-14 10:01,0.00,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"total": {"difference": ("Total", "Return amount")}},
        ["total: `Return amount` tells refunds (`3.00` in line 3); are they still to be taken off `Total`?"],
    ),
    "what was returned, taken off already": Till(
        "Store,Receipt,Date,Total,Return amount"
        "|Mitte,1,2026-07-14 10:00,5.00,0.00|Mitte,2,2026-07-14 10:01,-3.00,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
    ),
    "change is no refund": Till(
        "Store,Receipt,Date,Total,Rückgeld|Mitte,1,2026-07-14 10:00,5.00,0.00"
        "|Mitte,2,2026-07-14 10:01,6.00,4.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
    ),
    "cents in brackets": Till(
        "Store,Receipt,Date,Amount (cents)|Mitte,1,2026-07-14 10:00,500|Mitte,2,2026-07-14 10:01,1250",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 12.50 2026-07-14T10:01",
        {"total": "Amount (cents)", "implied_decimals": 2},
        ["implied_decimals: `Amount (cents)` seems to count cents; does it?"],
    ),
    "cents behind a line": Till(
        "Store,Receipt,Date,total_cents|Mitte,1,2026-07-14 10:00,500|Mitte,2,2026-07-14 10:01,1250",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 12.50 2026-07-14T10:01",
        {"total": "total_cents", "implied_decimals": 2},
        ["implied_decimals: `total_cents` seems to count cents; does it?"],
    ),
    "cents beside whole units": Till(
        "Store,Receipt,Date,total_cents,Total|Mitte,1,2026-07-14 10:00,500,5.00",
        "1 Mitte 5.00 2026-07-14T10:00",
    ),
    "totals that may be cents": Till(
        "Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,500|Mitte,2,2026-07-14 10:01,1250",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 12.50 2026-07-14T10:01",
        {},
        [
            "total: no total has decimals, such as `500` in line 2; are these whole units?"
            " If they are cents, write implied_decimals = 2"
        ],
    ),
    "line items of one price": Till(
        "Store,Receipt,Line,Total,Date|Mitte,1,1,5.00,2026-07-14 10:00|Mitte,1,2,5.00,2026-07-14 10:00",
        "1 Mitte 10.00 2026-07-14T10:00",
        {},
        [
            "transaction_id: `1` in line 3 is on several rows, which differ in `Line` and of which the last"
            f" counts; {LINE_ITEMS}"
        ],
    ),
    "line items that repeat the total": Till(
        "Store,Receipt,Price,Total,Date|Mitte,1,5.00,11.00,2026-07-14 10:00"
        "|Mitte,1,6.00,11.00,2026-07-14 10:00",
        "1 Mitte 11.00 2026-07-14T10:00",
        {},
        [
            "transaction_id: `1` in line 3 is on several rows, which differ in `Price` and of which the last"
            f" counts; {LINE_ITEMS}"
        ],
    ),
    "line items of which no sale has two": Till(
        "Store,Receipt,Product,Total,Date|Mitte,1,Tea,5.00,2026-07-14 10:00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {},
        ["transaction_id: `Product` may be of line items; is each row a whole sale?"],
    ),
    "a row that is there twice": Till(
        "Store,Receipt,Total,Date|Mitte,1,5.00,2026-07-14 10:00|Mitte,1,5.00,2026-07-14 10:00",
        "1 Mitte 10.00 2026-07-14T10:00",
        {},
        [f"transaction_id: `1` in line 3 is on several rows, which are alike and count as one; {LINE_ITEMS}"],
    ),
    "line items, as quantity and price show": Till(
        "Store,Receipt,Item,Quantity,Unit price,Amount,Date"
        "|Mitte,1,Tea,2,1.25,2.50,2026-07-14 10:00|Mitte,1,Pot,1,9.99,9.99,2026-07-14 10:00"
        "|Mitte,2,Pot,-1,9.99,-9.99,2026-07-14 10:05",
        "1 Mitte 12.49 2026-07-14T10:00|2 Mitte -9.99 2026-07-14T10:05",
        {"total": "Amount", "group_by": ("Receipt",)},
    ),
    "the total of the sale with each item, as quantity and price show": Till(
        "Store,Receipt,Item,Quantity,Unit price,Total,Date"
        "|Mitte,1,Tea,2,1.25,12.49,2026-07-14 10:00|Mitte,1,Pot,1,9.99,12.49,2026-07-14 10:00"
        "|Mitte,2,Pot,-1,9.99,-9.99,2026-07-14 10:05",
        "1 Mitte 12.49 2026-07-14T10:00|2 Mitte -9.99 2026-07-14T10:05",
        {"group_by": ("Receipt",), "combine": {"total": "equal"}},
    ),
    "no total but quantity and price": Till(
        "Store,Receipt,Item,Quantity,Price,Date"
        "|Mitte,1,Tea,2,1.25,2026-07-14 10:00|Mitte,1,Pot,1,9.99,2026-07-14 10:00",
        "1 Mitte 12.49 2026-07-14T10:00",
        {"total": {"product": ("Quantity", "Price")}, "group_by": ("Receipt",)},
        [
            "group_by: `1` in line 3 is on several rows with other totals; are these line items, and is their"
            " sum the total of the sale?",
            "total: no column is the total; is it `Quantity` times `Price`?",
        ],
    ),
    "the total in the first row of a sale alone": Till(
        "Store,Receipt,Status,Total,Item,Date|Mitte,1,paid,784.00,Bed,2026-07-14 10:00|,1,,,Pillow,"
        "|Mitte,2,voided,50.00,Lamp,2026-07-14 10:05|,2,,,Bulb,",
        "1 Mitte 784.00 2026-07-14T10:00",
        {
            "columns": {
                "Status of the sale": {"column": "Status", "above": {"Total": {"empty": False}}},
            },
            "skip": {"Status of the sale": "voided"},
            "group_by": ("Receipt",),
            "combine": {"total": "first", "time": "first", "location": "first"},
        },
        ["skip: `Status` is `voided` in line 4; are such rows no sales?"],
    ),
    "rows for sales, items and payments": Till(
        "Store,Receipt,Line type,Total,Detail,Date|Mitte,1,Sale,12.49,,2026-07-14 10:00"
        "|Mitte,1,Item,2.50,Tea,2026-07-14 10:00|Mitte,1,Item,9.99,Pot,2026-07-14 10:00"
        "|Mitte,1,Payment,12.49,Cash,2026-07-14 10:00|Mitte,2,Sale,9.99,,2026-07-14 10:05"
        "|Mitte,2,Item,9.99,Pot,2026-07-14 10:05|Mitte,2,Payment,9.99,Cash,2026-07-14 10:05",
        "1 Mitte 12.49 2026-07-14T10:00|2 Mitte 9.99 2026-07-14T10:05",
        {"only": {"Line type": "Sale"}},
        [
            "only: `Line type` has `Sale`, `Item`, `Payment`, and each `Receipt` one row of `Sale`; is that"
            " the whole sale?"
        ],
    ),
    "sales that were voided": Till(
        "Store,Receipt,Date,Total,Voided|Mitte,1,2026-07-14 10:00,5.00,No|Mitte,2,2026-07-14 10:01,6.00,Yes",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"skip": {"Voided": "Yes"}},
        ["skip: `Voided` is `Yes` in line 3; are such rows no sales?"],
    ),
    "no sale was voided": Till(
        "Store,Receipt,Date,Total,Voided|Mitte,1,2026-07-14 10:00,5.00,No|Mitte,2,2026-07-14 10:01,6.00,No",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
    ),
    "the time at which a sale was voided": Till(
        "Store,Receipt,Date,Total,Cancelled at|Mitte,1,2026-07-14 10:00,5.00,"
        "|Mitte,2,2026-07-14 10:01,6.00,2026-07-14 10:02",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"skip": {"Cancelled at": "2026-07-14 10:02"}},
        ["skip: `Cancelled at` is `2026-07-14 10:02` in line 3; are such rows no sales?"],
    ),
    "a state that nobody knows": Till(
        "Store,Receipt,Date,Total,Status|Mitte,1,2026-07-14 10:00,5.00,Paid"
        "|Mitte,2,2026-07-14 10:01,6.00,Layby",
        "1 Mitte 5.00 2026-07-14T10:00",
        {},
        ["`Status` is `Layby` in line 3; are such rows sales like others?"],
    ),
    "times of UTC": Till(
        "Store,Receipt,Created (UTC),Total|Mitte,1,2026-07-14 10:00,5.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"time": ("Created (UTC)",), "timezone": "UTC"},
    ),
    "times of UTC that say so themselves": Till(
        "Store,Receipt,Created (UTC),Total|Mitte,1,2026-07-14T10:00:00Z,5.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"time": ("Created (UTC)",)},
    ),
    "times of another zone": Till(
        "Store,Receipt,Created (UTC+2),Total|Mitte,1,2026-07-14 10:00,5.00",
        "1 Mitte 5.00 2026-07-14T08:00",
        {"time": ("Created (UTC+2)",), "timezone": "Etc/GMT-2"},
        ["timezone: `Created (UTC+2)` tells an offset from UTC; in which time zone are the times?"],
    ),
    "a zone in each row": Till(
        "Store,Receipt,Date,TZ,Total|Mitte,1,2026-07-14 10:00,PST,5.00|Mitte,2,2026-07-14 10:01,EST,6.00",
        "1 Mitte 5.00 2026-07-14T18:00|2 Mitte 6.00 2026-07-14T15:01",
        {"timezone": {"column": "TZ"}},
        ["timezone: `TZ` tells a time zone (`PST` in line 2); is it that of the times?"],
    ),
    "a running total": Till(
        "Store,Receipt,Date,Amount,Running total|Mitte,1,2026-07-14 10:00,5.00,5.00"
        "|Mitte,2,2026-07-14 10:01,6.00,11.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"total": "Amount"},
    ),
    "a total of points": Till(
        "Store,Receipt,Date,Due,Total points|Mitte,1,2026-07-14 10:00,5.00,50"
        "|Mitte,2,2026-07-14 10:01,6.00,60",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"total": "Due"},
        ["total: no name tells the total; is it `Due`?"],
    ),
    "a total of pieces": Till(
        "Store,Receipt,Date,Total pieces,Value|Mitte,1,2026-07-14 10:00,3,5.00"
        "|Mitte,2,2026-07-14 10:01,1,6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"total": "Value"},
        ["total: no name tells the total; is it `Value`?"],
    ),
    "two totals of which one counts": Till(
        "Store,Receipt,Date,Total items,Total value|Mitte,1,2026-07-14 10:00,3,5.00"
        "|Mitte,2,2026-07-14 10:01,1,6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"total": "Total value"},
    ),
    "two totals of which one is the other and the tax": Till(
        "Store,Receipt,Date,Total before,VAT,Total after|Mitte,1,2026-07-14 10:00,5.00,0.95,5.95"
        "|Mitte,2,2026-07-14 10:01,6.00,1.14,7.14",
        "1 Mitte 5.95 2026-07-14T10:00|2 Mitte 7.14 2026-07-14T10:01",
        {"total": "Total after"},
    ),
    "net beside the tax": Till(
        "Store,Receipt,Date,Netto,MwSt|Mitte,1,2026-07-14 10:00,5.00,0.95|Mitte,2,2026-07-14 10:01,6.00,1.14",
        "1 Mitte 5.95 2026-07-14T10:00|2 Mitte 7.14 2026-07-14T10:01",
        {"total": {"sum": ("Netto", "MwSt")}},
        ["total: `Netto` is net, beside `MwSt`; is the gross total meant?"],
    ),
    "a total that is there twice": Till(
        "Store,Receipt,Date,Total,Total,Amount|Mitte,1,2026-07-14 10:00,5.00,5.00,4.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"total": "Amount"},
        ["the header has `Total` more than once, so that no format can use it by name; is it needed?"],
    ),
    "a number of the batch": Till(
        "Store,Batch number,Date,Total|Mitte,1,2026-07-14 10:00,5.00|Mitte,2,2026-07-14 10:01,6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"transaction_id": "Batch number"},
        ["transaction_id: does `Batch number` count single sales, and never begin again?"],
    ),
    "a number of the day": Till(
        "Store,Daily no,Date,Total|Mitte,1,2026-07-14 10:00,5.00|Mitte,2,2026-07-14 10:01,6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"transaction_id": "Daily no"},
        ["transaction_id: does `Daily no` count single sales, and never begin again?"],
    ),
    "a number of the shift": Till(
        "Store,Shift,Date,Total|Mitte,1,2026-07-14 10:00,5.00|Mitte,2,2026-07-14 10:01,6.00",
        "* Mitte 5.00 2026-07-14T10:00|* Mitte 6.00 2026-07-14T10:01",
        {"transaction_id": Identity(generate_from=("Store", "Date", "Total")).model_dump(exclude_unset=True)},
        [
            "transaction_id: no column is an ID;"
            " do two rows that are alike in these fields always mean two sales?"
        ],
    ),
    "refunds and voided sales in one column": Till(
        "Store,Receipt,Date,Type,Total|Mitte,1,2026-07-14 10:00,Sale,5.00"
        "|Mitte,2,2026-07-14 10:01,Return,3.00|Mitte,3,2026-07-14 10:02,Void,4.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"skip": {"Type": "Void"}, "refunds": {"Type": "Return"}},
        [
            "skip: `Type` is `Void` in line 4; are such rows no sales?",
            *refund("`Type` is `Return` in line 3"),
        ],
    ),
    "refunds, and a state that nobody knows": Till(
        "Store,Receipt,Date,Type,Status,Total|Mitte,1,2026-07-14 10:00,Sale,Paid,5.00"
        "|Mitte,2,2026-07-14 10:01,Refund,Paid,3.00|Mitte,3,2026-07-14 10:02,Sale,Layby,4.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"refunds": {"Type": "Refund"}},
        [
            "`Status` is `Layby` in line 4; are such rows sales like others?",
            *refund("`Type` is `Refund` in line 3"),
        ],
    ),
    "refunds by an abbreviation": Till(
        "Store,Number,Date,Doc,Total|Mitte,1,2026-07-14 10:00,INV,5.00|Mitte,2,2026-07-14 10:01,CN,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"transaction_id": "Number", "refunds": {"Doc": "CN"}},
        refund("`Doc` is `CN` in line 3"),
    ),
    "refunds with numbers of their own": Till(
        "Store,Receipt,Date,Total|Mitte,INV-1,2026-07-14 10:00,5.00|Mitte,CRN-1,2026-07-14 10:01,3.00",
        "INV-1 Mitte 5.00 2026-07-14T10:00|CRN-1 Mitte -3.00 2026-07-14T10:01",
        {},
        ["`Receipt` is `CRN-1` in line 3, with letters of its own; is it a refund?"],
    ),
    "sales that are not valid": Till(
        "Store,Receipt,Date,Valid,Total|Mitte,1,2026-07-14 10:00,1,5.00|Mitte,2,2026-07-14 10:01,0,3.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"skip": {"Valid": "0"}},
        ["skip: `Valid` is `0` in line 3; are such rows no sales?"],
    ),
    "sales that are not paid": Till(
        "Store,Receipt,Date,Paid?,Total|Mitte,1,2026-07-14 10:00,Yes,5.00|Mitte,2,2026-07-14 10:01,No,3.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"skip": {"Paid?": "No"}},
        ["skip: `Paid?` is `No` in line 3; are such rows no sales?"],
    ),
    "states by number": Till(
        "Store,Receipt,Date,Status,Total|Mitte,1,2026-07-14 10:00,1,5.00|Mitte,2,2026-07-14 10:01,9,3.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {},
        ["`Status` is `9` in line 3; are such rows sales like others?"],
    ),
    "the state of the payment": Till(
        "Store,Receipt,Date,Payment Status,Total|Mitte,1,2026-07-14 10:00,Paid,5.00"
        "|Mitte,2,2026-07-14 10:01,Failed,3.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"skip": {"Payment Status": "Failed"}},
        ["skip: `Payment Status` is `Failed` in line 3; are such rows no sales?"],
    ),
    "a remark that a sale was voided": Till(
        "Store,Receipt,Date,Total,Remark|Mitte,1,2026-07-14 10:00,5.00,|Mitte,2,2026-07-14 10:01,3.00,storno",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"skip": {"Remark": "storno"}},
        ["skip: `Remark` is `storno` in line 3; are such rows no sales?"],
    ),
    "voided sales alone": Till(
        "Store,Receipt,Date,Status,Total|Mitte,1,2026-07-14 10:00,Void,5.00",
        "",
        {"skip": {"Status": "Void"}},
        ["skip: `Status` is `Void` in line 2; are such rows no sales?"],
    ),
    "an amount of what was voided": Till(
        "Store,Receipt,Date,Total,Void Amount|Mitte,1,2026-07-14 10:00,5.00,5.00"
        "|Mitte,2,2026-07-14 10:01,6.00,0.00",
        "2 Mitte 6.00 2026-07-14T10:01",
        {},
        ["`Void Amount` is `5.00` in line 2; is that still to be taken off `Total`?"],
    ),
    "a bank transfer is a way to pay": Till(
        "Store,Receipt,Date,Payment Method,Total|Mitte,1,2026-07-14 10:00,Cash,5.00"
        "|Mitte,2,2026-07-14 10:01,Bank transfer,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 3.00 2026-07-14T10:01",
    ),
    "the time of the order, and that of its payment": Till(
        "Store,Receipt,Order Date,Payment Date,Total|Mitte,1,2026-07-13 10:00,2026-07-14 10:00,5.00",
        "1 Mitte 5.00 2026-07-13T10:00",
        {"time": ("Order Date",)},
        ["time: which is the time of the sale: `Order Date`, `Payment Date`?"],
    ),
    "a total before it is rounded": Till(
        "Store,Receipt,Date,Total,Rounding,To Pay|Mitte,1,2026-07-14 10:00,5.01,-0.01,5.00"
        "|Mitte,2,2026-07-14 10:01,6.02,0.03,6.05",
        "1 Mitte 5.01 2026-07-14T10:00|2 Mitte 6.02 2026-07-14T10:01",
        {},
        ["total: `To Pay` is `Total` and `Rounding`; which is the total?"],
    ),
    "tips beside an amount": Till(
        "Store,Receipt,Date,Amount,Tip Amount|Mitte,1,2026-07-14 10:00,5.00,1.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"total": "Amount"},
        ["total: is `Tip Amount` in `Amount`, or to be added to it?"],
    ),
    "amounts of two and of three places": Till(
        'Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,"1,234"|Mitte,2,2026-07-14 10:01,"12,00"',
        "1 Mitte 1.234 2026-07-14T10:00|2 Mitte 12.00 2026-07-14T10:01",
        {"decimal": ","},
        ["decimal: is `1,234` in line 2 more than a thousand?"],
    ),
    "the day of a business that closes late": Till(
        "Store,Receipt,Business Date,Time,Total|Mitte,1,2026-07-14,23:59,5.00|Mitte,2,2026-07-14,00:15,6.00",
        "1 Mitte 5.00 2026-07-14T23:59|2 Mitte 6.00 2026-07-14T00:15",
        {"time": ("Business Date", "Time"), "time_format": ("%Y-%m-%d %H:%M",)},
        ["time: is `Business Date` that of the clock, also after midnight?"],
    ),
    "a zone in a column called so": Till(
        "Store,Receipt,Date,Total,Zone|Mitte,1,2026-07-14 10:05,5.00,PST",
        "1 Mitte 5.00 2026-07-14T18:05",
        {"timezone": {"column": "Zone"}},
        ["timezone: `Zone` tells a time zone (`PST` in line 2); is it that of the times?"],
    ),
    "zones of a town": Till(
        "Store,Receipt,Date,Total,Zone|Mitte,1,2026-07-14 10:05,5.00,North",
        "1 Mitte 5.00 2026-07-14T10:05",
    ),
    "totals of two currencies": Till(
        "Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,$5.00|Mitte,2,2026-07-14 10:01,€6.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"currency": "EUR"},
        ["currency: the totals name `EUR`, `$`; only one can be set here"],
    ),
    "a net total beside another": Till(
        "Store,Receipt,Date,Total,Redeemed,Net Total|Mitte,1,2026-07-14 10:00,5.00,1.00,4.00",
        "1 Mitte 5.00 2026-07-14T10:00",
        {"total": "Net Total"},
        ["total: `Net Total` is net, beside `Total`; which is the total?"],
    ),
    "codes that a spreadsheet shall leave alone": Till(
        'Store,Receipt,Date,Total|="07",\'01,2026-07-14 10:00,5.00',
        "01 07 5.00 2026-07-14T10:00",
        {},
        [
            '`Store` is `="07"` in line 2; should the signs for a spreadsheet go?'
            """ Then write { column = "Store", extract = '[^="]+' }""",
            "`Receipt` is `'01` in line 2; should the signs for a spreadsheet go?"
            """ Then write { column = "Receipt", extract = "[^']+" }""",
        ],
    ),
    "amounts in rupiah": Till(
        "Store;Receipt;Date;Total|Mitte;1;2026-07-14 10:00;Rp 12.500,50",
        "1 Mitte 12500.50 2026-07-14T10:00",
        {"delimiter": ";", "decimal": ",", "thousands": "."},
    ),
    "returns in Chinese": Till(
        "Store,Receipt,Date,类型,Total|Mitte,1,2026-07-14 10:00,销售,5.00|Mitte,2,2026-07-14 10:01,退货,3.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte -3.00 2026-07-14T10:01",
        {"refunds": {"类型": "退货"}},
        refund("`类型` is `退货` in line 3"),
    ),
    "sales with a minus": Till(
        "Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,-5.00|Mitte,2,2026-07-14 10:01,-6.00"
        "|Mitte,3,2026-07-14 10:02,2.00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01|3 Mitte -2.00 2026-07-14T10:02",
        {"sign": "inverted"},
        ["sign: most totals are negative; does the till write sales with a minus?"],
    ),
    "IDs that a spreadsheet cut": Till(
        "Store,Receipt,Date,Total|Mitte,1.23457E+12,2026-07-14 10:00,5.00"
        "|Mitte,1.23467E+12,2026-07-14 10:01,6.00",
        "1234570000001 Mitte 5.00 2026-07-14T10:00|1234670000001 Mitte 6.00 2026-07-14T10:01",
        {},
        [
            "`Receipt` in line 2 is `1.23457E+12`: a spreadsheet has ruined such values."
            " Send the file as the till exported it, not opened and saved by a spreadsheet."
        ],
    ),
    "single quotes": Till(
        "'Store','Receipt','Date','Total'|'Mitte','1','2026-07-14 10:00','5.00'"
        "|'Mitte','2','2026-07-14 10:01','5.50'",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 5.50 2026-07-14T10:01",
        {"quote": "'"},
    ),
    "single quotes around one text": Till(
        "Store,Receipt,Date,Total,Note|\"Mitte\",1,2026-07-14 10:00,5.00,'fast'"
        '|"Mitte",2,2026-07-14 10:01,5.50,x',
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 5.50 2026-07-14T10:01",
    ),
    "three decimal places": Till(
        "Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,1.250|Mitte,2,2026-07-14 10:01,0.500",
        "1 Mitte 1.250 2026-07-14T10:00|2 Mitte 0.500 2026-07-14T10:01",
    ),
    "three decimal places by the currency": Till(
        "Store,Receipt,Date,Total KWD|Mitte,1,2026-07-14 10:00,1.250",
        "1 Mitte 1.250 2026-07-14T10:00",
        {"total": "Total KWD", "currency": "KWD"},
        ["decimal: is `1.250` in line 2 more than a thousand?"],
    ),
    "a title, a row of sums and what follows it": Till(
        "Report of July,,,|,,,|Store,Receipt,Date,Total|Mitte,1,2026-07-14 10:00,5.00"
        "|Mitte,2,2026-07-14 10:01,6.00|Total:,,,11.00|printed by the till,,,",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {"footer": {"Store": "Total:"}},
    ),
    "a row of sums in German": Till(
        "Filiale;Bon;Datum;Betrag|Mitte;1;14.07.2026 10:00;5,00|Mitte;2;14.07.2026 10:01;6,00|;Summe;;11,00",
        "1 Mitte 5.00 2026-07-14T10:00|2 Mitte 6.00 2026-07-14T10:01",
        {
            "delimiter": ";",
            "decimal": ",",
            "location": "Filiale",
            "transaction_id": "Bon",
            "total": "Betrag",
            "time": ("Datum",),
            "time_format": ("%d.%m.%Y %H:%M",),
            "footer": {"Bon": "Summe"},
        },
    ),
    "the store above the header": Till(
        "Store:,0042,|,,|Receipt,Date,Total|1,2026-07-14 10:00,5.00",
        "1 0042 5.00 2026-07-14T10:00",
        {"location": {"preamble": "Store:"}},
        ["location: `Store:` stands above the header, with `0042`; is it the location?"],
    ),
    "no header": Till(
        "0042,K117,5.00,2026-07-14 10:00|0042,K118,12.50,2026-07-14 10:05",
        "K117 0042 5.00 2026-07-14T10:00|K118 0042 12.50 2026-07-14T10:05",
        {
            "header": "none",
            "columns": {"Column 1": 1, "Column 2": 2, "Column 3": 3, "Column 4": 4},
            "location": "Column 1",
            "transaction_id": "Column 2",
            "total": "Column 3",
            "time": ("Column 4",),
        },
        [
            "the file has no names of columns; does the till export them?",
            "location: is `0042` in line 1 a location?",
            "transaction_id: is `K117` in line 1 an ID?",
            "total: no name tells the total; is it `Column 3`?",
        ],
    ),
    "rows of several kinds": Till(
        "H;0042;20260714|S;K117;1652;12.50|S;K118;1703;-9.99|T;2;;2.51",
        "K117 0042 12.50 2026-07-14T16:52|K118 0042 -9.99 2026-07-14T17:03",
        {
            "delimiter": ";",
            "header": "none",
            "ragged": "accept",
            "only": {"Column 1": "S"},
            "columns": {
                "Column 1": 1,
                "Column 2": 2,
                "Column 3": 3,
                "Column 4": 4,
                "Column 2 of H": {"column": "Column 2", "above": {"Column 1": "H"}},
                "Column 3 of H": {"column": "Column 3", "above": {"Column 1": "H"}},
            },
            "location": "Column 2 of H",
            "transaction_id": "Column 2",
            "total": "Column 4",
            "time": ("Column 3 of H", "Column 3"),
            "time_format": ("%Y%m%d %H%M",),
            "control": {"where": {"Column 1": "T"}, "rows": "Column 2", "total": "Column 4"},
        },
        [
            "the file has no names of columns; does the till export them?",
            "only: rows begin with their kind; are those of `S` the sales?",
            "location: is `0042` in line 2 a location?",
            "transaction_id: is `K117` in line 2 an ID?",
            "total: no name tells the total; is it `Column 4`?",
            "time: is `1652` in line 2 the time of the day?",
        ],
    ),
}


def suggested(till: Till) -> Suggestion:
    return suggest([f"{till.file}\n".replace("|", "\n").encode()], ["1.csv"])


@pytest.mark.parametrize("name", TILLS)
def test_each_till_gets_its_format_or_a_question(name):
    till = TILLS[name]
    suggestion = suggested(till)
    said = parse_format(suggestion.text, "suggestion").model_dump(exclude_defaults=True)
    missing = {key: value for key, value in PLAIN.items() if key not in till.said}
    assert said == missing | dict(till.said)
    assert suggestion.doubts == list(till.doubts)


def rows(header: str, *rows: str, end: str = "\n") -> str:
    return end.join((header, *rows)) + end


FRENCH = rows(
    "Magasin;Numéro de ticket;Date;Heure;Montant TTC",
    "Liège;117;27/03/2026;09:05;1\u202f234,50 €",
    "Liège;118;27/03/2026;09:07;-9,00 €",
)
SPANISH = rows(
    "Tienda;Ticket;Fecha;Hora;Total",
    "Centro;117;27/03/2026;9:05;1.234,50",
    "Centro;118;28/03/2026;9:07;-9,00",
)
JAPANESE = rows(
    "店舗 store,receipt,date,total", "新宿,117,2026/03/27 09:05,950", "新宿,118,2026/03/27 09:07,1200"
)
LATER = "2026-07-14T10:01"

# More layouts: the files, and the sales that they tell together.
MORE: dict[str, tuple[list[str | bytes], str]] = {
    "French, with narrow blanks for thousands": (
        [FRENCH],
        "117 Liège 1234.50 2026-03-27T09:05|118 Liège -9.00 2026-03-27T09:07",
    ),
    "Spanish": ([SPANISH], "117 Centro 1234.50 2026-03-27T09:05|118 Centro -9.00 2026-03-28T09:07"),
    "Windows-1252": (
        [FRENCH.replace("\u202f", " ").encode("cp1252")],
        "117 Liège 1234.50 2026-03-27T09:05|118 Liège -9.00 2026-03-27T09:07",
    ),
    "UTF-16": (
        [FRENCH.encode("utf-16")],
        "117 Liège 1234.50 2026-03-27T09:05|118 Liège -9.00 2026-03-27T09:07",
    ),
    "Swiss, with apostrophes": (
        [
            rows(
                "Filiale;Beleg-Nr;Datum;Betrag CHF",
                "0042;117;27.03.2026 09:05;1'234.50",
                "0042;118;28.03.2026 09:07;-9.00",
            )
        ],
        "117 0042 1234.50 2026-03-27T09:05|118 0042 -9.00 2026-03-28T09:07",
    ),
    "Indian, with lakhs": (
        [
            rows(
                "Store,Bill No,Date,Grand Total",
                '0042,117,27-03-2026 09:05,"1,23,456.00"',
                '0042,118,28-03-2026 09:07,"1,200.00"',
            )
        ],
        "* 0042 123456.00 2026-03-27T09:05|* 0042 1200.00 2026-03-28T09:07",
    ),
    "Japanese": ([JAPANESE.encode("cp932")], "117 新宿 950 2026-03-27T09:05|118 新宿 1200 2026-03-27T09:07"),
    "American, by tabs": (
        [
            rows(
                "Location\tOrder #\tDate\tTime\tTotal",
                "Main\t117\t03/27/2026\t4:52 PM\t$1,234.50",
                "Main\t118\t03/27/2026\t5:03 PM\t($9.00)",
            )
        ],
        "117 Main 1234.50 2026-03-27T16:52|118 Main -9.00 2026-03-27T17:03",
    ),
    "bars, and a minus behind": (
        [
            rows(
                "Store|Receipt|Date|Total",
                "0042|117|2026-07-14T10:00:00|12.50",
                "0042|118|2026-07-14T10:01:00|9.99-",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "months by name": (
        [
            rows(
                "Store,Receipt,Date,Total",
                "0042,117,14-Jul-2026 4:52 PM,12.50",
                "0042,118,14-Jul-2026 5:03 PM,-9.99",
            )
        ],
        "117 0042 12.50 2026-07-14T16:52|118 0042 -9.99 2026-07-14T17:03",
    ),
    "no signs in dates": (
        [
            rows(
                "Store;Bon;Datum;Zeit;Total",
                "0042;117;20260714;165238;12.50",
                "0042;118;20260714;170300;-9.99",
            )
        ],
        "117 0042 12.50 2026-07-14T16:52|118 0042 -9.99 2026-07-14T17:03",
    ),
    "times with offsets": (
        [
            rows(
                "Store,Receipt,Created at,Total",
                "0042,117,2026-07-14 12:00:00 +0200,12.50",
                "0042,118,2026-07-14T12:01:00+02:00,-9.99",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "seconds since 1970": (
        [rows("Store,Receipt,Timestamp,Total", "0042,117,1784023200,12.50", "0042,118,1784023260,-9.99")],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "line ends of old Macs, and delimiters at the end": (
        [
            rows(
                "Store,Receipt,Date,Total,,",
                "0042,117,2026-07-14 10:00,12.50,,",
                "0042,118,2026-07-14 10:01,-9.99,,",
                end="\r",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "text that holds delimiters and line ends": (
        [
            rows(
                "Store,Receipt,Note,Date,Total",
                '"Mitte, ""Nord""",117,"two\nlines",2026-07-14 10:00,"1,234.50"',
                "Süd,118,,2026-07-14 10:01,-9.99",
            )
        ],
        f'117 Mitte, "Nord" 1234.50 2026-07-14T10:00|118 Süd -9.99 {LATER}',
    ),
    "two samples, of which one settles the order of day and month": (
        [
            rows("Store,Receipt,Date,Total", "0042,117,01/02/2026 10:00,12.50"),
            rows("Store,Receipt,Date,Total", "0042,118,03/25/2026 10:01,-9.99"),
        ],
        "117 0042 12.50 2026-01-02T10:00|118 0042 -9.99 2026-03-25T10:01",
    ),
    "day and month that nothing settles": (
        [
            rows(
                "Store,Receipt,Date,Total",
                "0042,117,01/02/2026 10:00,12.50",
                "0042,118,01/03/2026 10:01,-9.99",
            )
        ],
        "117 0042 12.50 2026-01-02T10:00|118 0042 -9.99 2026-01-03T10:01",
    ),
    "two samples with rows of sums": (
        [
            rows("Store,Receipt,Date,Total", "0042,117,2026-07-14 10:00,12.50", "Total of 1,,,12.50"),
            rows("Store,Receipt,Date,Total", "0042,118,2026-07-14 10:01,-9.99", "Total of 2,,,-9.99"),
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "receipts that each store counts for itself": (
        [rows("Store,Receipt,Date,Total", "0042,1,2026-07-14 10:00,12.50", "0043,1,2026-07-14 10:01,-9.99")],
        f"0042/1 0042 12.50 2026-07-14T10:00|0043/1 0043 -9.99 {LATER}",
    ),
    "no location": (
        [rows("Receipt,Date,Total", "117,2026-07-14 10:00,12.50")],
        "117 default 12.50 2026-07-14T10:00",
    ),
    "no header, German": (
        [
            rows(
                "0042;A117;27.03.2026;09:05;1.234,50",
                "0043;A118;27.03.2026;09:07;-9,00",
                "0042;A119;28.03.2026;09:08;5,00",
            )
        ],
        "A117 0042 1234.50 2026-03-27T09:05|A118 0043 -9.00 2026-03-27T09:07|A119 0042 5.00 2026-03-28T09:08",
    ),
    "items below the head of each receipt": (
        [
            rows(
                "R;117;0042;2026-07-14 10:00",
                "I;Tea;2.50",
                "I;Pot;10.00",
                "R;118;0042;2026-07-14 10:01",
                "I;Pot;-9.99",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "net, tax and gross": (
        [
            rows(
                "Kasse;Bonnummer;Datum;Netto;MwSt;Brutto",
                "1;117;14.07.2026 10:00;10,50;2,00;12,50",
                "1;118;14.07.2026 10:01;-8,39;-1,60;-9,99",
            )
        ],
        f"117 1 12.50 2026-07-14T10:00|118 1 -9.99 {LATER}",
    ),
    "tips beside the total": (
        [
            rows(
                "Store,Receipt,Date,Amount,Tip,Total",
                "0042,117,2026-07-14 10:00,10.50,2.00,12.50",
                "0042,118,2026-07-14 10:01,-9.99,0.00,-9.99",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "cash and cards": (
        [
            rows(
                "Store,Receipt,Date,Payment type,Status,Total",
                "0042,117,2026-07-14 10:00,Cash,Paid,12.50",
                "0042,118,2026-07-14 10:01,Visa,Completed,-9.99",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "training and aborted sales": (
        [
            rows(
                "Kasse;Bon;Datum;Vorgang;Betrag",
                "1;117;14.07.2026 10:00;Verkauf;12,50",
                "1;118;14.07.2026 10:01;Schulung;9,99",
                "1;119;14.07.2026 10:02;Abbruch;9,99",
            )
        ],
        "117 1 12.50 2026-07-14T10:00",
    ),
    "payouts between sales": (
        [
            rows(
                "id,Type,Location,Created,Amount",
                "a1,charge,Main,2026-07-14 10:00,12.50",
                "a2,payout,Main,2026-07-14 10:01,-12.50",
            )
        ],
        "a1 Main 12.50 2026-07-14T10:00",
    ),
    "refunds by a negative quantity": (
        [
            rows(
                "Store,Receipt,Date,Quantity,Total",
                "0042,117,2026-07-14 10:00,1,12.50",
                "0042,118,2026-07-14 10:01,-1,9.99",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "a total before its discount": (
        [rows("Store,Receipt,Date,Total,Discount,Paid", "0042,117,2026-07-14 10:00,15.00,2.50,12.50")],
        "117 0042 12.50 2026-07-14T10:00",
    ),
    "a total before its tax": (
        [rows("Store,Receipt,Date,Total,Tax,Due", "0042,117,2026-07-14 10:00,10.50,2.00,12.50")],
        "117 0042 12.50 2026-07-14T10:00",
    ),
    "sales and their tax": (
        [rows("Store,Receipt,Date,Sales,Tax", "0042,117,2026-07-14 10:00,10.50,2.00")],
        "117 0042 12.50 2026-07-14T10:00",
    ),
    "currencies in small letters": (
        [rows("Store,Receipt,Date,Total,Currency", "0042,117,2026-07-14 10:00,12.50,usd")],
        "117 0042 12.50 2026-07-14T10:00",
    ),
    "invoices and credits": (
        [
            rows(
                "Store,No,Date,Type,Total",
                "0042,117,2026-07-14 10:00,Invoice,12.50",
                "0042,118,2026-07-14 10:01,Credit,9.99",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
    "Western letters that Japanese might be": (
        [
            rows(
                "Filiale;Bon;Datum;Betrag",
                "Liège;117;14.07.2026 10:00;12,50",
                "Liège;118;14.07.2026 10:01;-9,99",
            ).encode("cp1252")
        ],
        f"117 Liège 12.50 2026-07-14T10:00|118 Liège -9.99 {LATER}",
    ),
    "a column of currencies": (
        [
            rows(
                "Store,Receipt,Date,Total,Currency",
                "0042,117,2026-07-14 10:00,12.50,SEK",
                "0042,118,2026-07-14 10:01,-9.99,NOK",
            )
        ],
        f"117 0042 12.50 2026-07-14T10:00|118 0042 -9.99 {LATER}",
    ),
}

Sale = tuple[str, str, str, str]


def sales_of(transactions: list[Transaction], truth: list[Sale]) -> list[Sale]:
    """Each sale once, as *truth* writes it; an ID that was generated as *."""
    found = {each.transaction_id: each for each in transactions if not each.withdrawn}
    generated = any(sale[0] == "*" for sale in truth)
    return [
        ("*" if generated else key, each.location, str(each.total), iso(instant(each.occurred_at))[:16])
        for key, each in found.items()
    ]


def truth_of(sales: str) -> list[Sale]:
    parted = [
        (*sale.split(" ", 1)[:1], *sale.split(" ", 1)[1].rsplit(" ", 2)) for sale in sales.split("|") if sale
    ]
    return [(key, location, total, time) for key, location, total, time in parted]


def judged(samples: list[bytes], truth: list[Sale]) -> str:
    """What comes of the suggested format, used as it is."""
    suggestion = suggest(samples, [f"{number}.csv" for number in range(len(samples))])
    format = parse_format(suggestion.text, "suggestion")
    found: list[Transaction] = []
    clean = True
    try:
        for sample in samples:
            for batch in read(BytesIO(sample), format, Defaults("UTC", "XXX")):
                found += map(Transaction._make, batch.transactions)
                clean = clean and not batch.rejects
    except HoldFile:
        clean = False
    right = clean and sorted(sales_of(found, truth)) == sorted(truth)
    return ("right" if right else "wrong") + (", sure" if suggestion.sure else ", asked")


def layouts() -> dict[str, tuple[list[bytes], list[Sale]]]:
    """All of the above, by name."""
    own = {name: ([f"{till.file}\n".replace("|", "\n")], till.sales) for name, till in TILLS.items()}
    return {
        name: ([each if isinstance(each, bytes) else each.encode() for each in files], truth_of(sales))
        for name, (files, sales) in (own | MORE).items()
    }


def test_the_suggested_format_is_right_or_a_question_is_asked():
    """What is wrong in silence is nothing."""
    found = {name: judged(files, truth) for name, (files, truth) in layouts().items()}
    assert [name for name, judgement in found.items() if judgement == "wrong, sure"] == []
    assert Counter(found.values()) == {"right, sure": 41, "right, asked": 60, "wrong, asked": 16}
    assert [name for name, judgement in found.items() if judgement == "wrong, asked"] == [
        "totals that may be cents",
        "line items of one price",
        "a row that is there twice",
        "a state that nobody knows",
        "a total that is there twice",
        "refunds, and a state that nobody knows",
        "refunds with numbers of their own",
        "states by number",
        "an amount of what was voided",
        "a net total beside another",
        "codes that a spreadsheet shall leave alone",
        "IDs that a spreadsheet cut",
        "a total before its discount",
        "a total before its tax",
        "sales and their tax",
        "invoices and credits",
    ]


@pytest.mark.parametrize("name", [path.name for path in sorted(FILES.iterdir())])
def test_a_known_export_is_recognised_by_its_header(name):
    sample = (FILES / name / "sample.csv").read_bytes()
    problem = reads_with_rejects(name)
    suggestion = suggest([sample], ["sample.csv"])
    if problem:
        assert suggestion.known_as is None
        assert suggestion.doubts[0].startswith(f"the header is that of the built-in format `{name}`")
    else:
        assert (suggestion.known_as, suggestion.doubts) == (name, [])
        assert f'#     format = "{name}"\n' in suggestion.text
        assert parse_format(suggestion.text, "suggestion") == builtin_format(name)


def reads_with_rejects(name: str) -> bool:
    return ",line " in (FILES / name / "expected.csv").read_text()


def test_two_formats_of_one_export_that_read_it_otherwise_are_asked_about():
    header = "Date,Time,TimeZone,Name,Type,Status,Currency,Gross,Transaction ID,Balance Impact"
    file = rows(header, "01/02/2026,10:00:00,UTC,Ann,General Payment,Completed,USD,5.00,A1,Credit")
    suggestion = suggest([file.encode()], ["paypal.csv"])
    assert suggestion.doubts == [
        "the built-in formats `paypal-transactions`, `paypal-transactions-day-first` read the samples, and"
        " not alike; which is meant?"
    ]
    decided = suggest([file.replace("01/02", "31/01").encode()], ["paypal.csv"])
    assert (decided.known_as, decided.doubts) == ("paypal-transactions-day-first", [])


def test_of_dates_with_the_day_first_or_last_a_known_export_is_asked_about():
    header = "Receipt number,Date,Receipt type,Gross sales,Total collected,Store,Status"
    file = rows(header, "4-1,08/07/2026 2:00 PM,Sale,5.00,5.00,Mitte,Closed")
    assert suggest([file.encode()], ["1.csv"]).doubts == [
        "the built-in formats `loyverse-receipts`, `loyverse-receipts-day-first` read the samples, and"
        " not alike; which is meant?"
    ]
    decided = suggest([file.replace("2:00 PM", "14:00").encode()], ["1.csv"])
    assert (decided.known_as, decided.doubts) == ("loyverse-receipts", [])


def test_what_is_withdrawn_is_not_counted_as_a_transaction():
    header = "Receipt number,Date,Receipt type,Gross sales,Total collected,Store,Status"
    file = rows(
        header,
        "4-1,28/07/2026 14:00,Sale,5.00,5.00,Mitte,Closed",
        "4-2,28/07/2026 14:00,Sale,5.00,5.00,Mitte,Cancelled",
    )
    text = suggest([file.encode()], ["1.csv"]).text
    assert "# Read with this format: 1 transactions, 1 withdrawn, 0 rejected.\n" in text


def test_a_known_header_does_not_hide_that_the_rows_do_not_fit():
    file = (
        (FILES / "toast-order-details" / "sample.csv").read_text().replace("7/14/26 4:52 PM", "14.7.26 16:52")
    )
    suggestion = suggest([file.encode()], ["toast.csv"])
    assert suggestion.known_as is None
    assert suggestion.doubts[0] == (
        "the header is that of the built-in format `toast-order-details`, which does not read the rows:"
        " 1 of the rows would be rejected, the first in line 2: `Paid` `14.7.26 16:52` is not a time like"
        " %m/%d/%Y %H:%M:%S or %m/%d/%y %I:%M %p or %m/%d/%Y %I:%M %p or 2026-07-14 16:52:38"
    )


ZONES = {
    "dsfinvk-transactions": "Europe/Berlin",
    "square-2018-excel-real": "America/New_York",
    "twint-de-real": "Europe/Zurich",
    "twint-en-real": "Europe/Zurich",
    "uci-online-retail-real": "Europe/London",
}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_real_files_come_out_right_or_with_a_question():
    found = {}
    for folder in sorted(each.name for each in SAMPLES.iterdir() if each.is_dir()):
        sample = (SAMPLES / folder / "sample.csv").read_bytes()
        suggestion = suggest([sample], ["sample.csv"])
        format = parse_format(suggestion.text, "suggestion")
        batches = read(BytesIO(sample), format, Defaults(ZONES.get(folder, "UTC"), "XXX"))
        sales = [Transaction._make(row) for batch in batches for row in batch.transactions]
        sales = [each for each in sales if not each.withdrawn]
        right = as_it_should_be(sales, json.loads((SAMPLES / folder / "expected.json").read_text()))
        found[folder] = f"{'right' if right else 'wrong'}, {'sure' if suggestion.sure else 'asked'}"
    assert found == {
        "dsfinvk-transactions": "right, sure",
        "shopify-orders-real": "right, sure",
        "square-2018-excel-real": "right, asked",
        "square-items-real": "right, sure",
        "twint-de-real": "right, sure",
        "twint-en-real": "right, asked",
        "uci-online-retail-real": "wrong, asked",  # its location is the country
    }


def as_it_should_be(sales: list[Transaction], told: dict[str, Any]) -> bool:
    """Whether these are the sales that are *told*; of some neither ID nor time of the day is known."""
    found = {
        each.transaction_id: (each.location, Decimal(str(each.total)), local_time(each))
        for each in sales
        if not each.withdrawn
    }
    truth = [
        (
            each["location"],
            Decimal(each["total"]),
            datetime.fromisoformat(each["timestamp"]).replace(tzinfo=None),
        )
        for each in told["transactions"]
    ]
    ids = [each["id"] for each in told["transactions"]]
    return sorted(found.values()) == sorted(truth) and (None in ids or sorted(found) == sorted(ids))


def local_time(sale: Transaction) -> datetime:
    return instant(sale.occurred_at + sale.utc_offset * 1_000_000).replace(tzinfo=None)
