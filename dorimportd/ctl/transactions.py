"""dorimportctl transactions: the result."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from dorimportd.config.settings import Customer
from dorimportd.ctl.desk import Desk, say
from dorimportd.ctl.moments import in_utc
from dorimportd.report.tables import csv_text, table

if TYPE_CHECKING:
    from dorimportd.store.sales import SalesRow

DAY: Final = timedelta(days=1)


def add_arguments(words: Any) -> None:
    """The word `transactions`."""
    parser = words.add_parser("transactions", help="the sales and refunds of a customer, by time")
    parser.add_argument("--customer", required=True, metavar="NAME")
    parser.add_argument("--from", dest="start", type=moment, metavar="WHEN", help="from this day or time on")
    parser.add_argument(
        "--to", dest="end", type=moment, metavar="WHEN", help="up to this day, or before this time"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--csv", action="store_true")
    how.add_argument("--json", action="store_true")
    parser.set_defaults(command=transactions)


def moment(text: str) -> date | datetime:
    """A day or a time."""
    try:
        return date.fromisoformat(text) if len(text) == len("2026-07-14") else datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-07-14, nor a time") from error


def transactions(desk: Desk, asked: argparse.Namespace) -> int:
    """The table of one customer, a row at a time where the output allows it."""
    from dorimportd.store.sales import SalesRow

    customer = desk.customer(asked.customer)
    start = instant_of(asked.start, customer)
    end = instant_of(asked.end, customer, whole_day=True)
    found = desk.store.transactions(customer.name, start, end)
    if asked.json:
        say_json_rows(found)
    elif asked.csv:
        sys.stdout.writelines(csv_text(SalesRow._fields, found))
    else:
        rows = list(found)
        say(
            table(SalesRow._fields, rows, right=["total", "delivery"]).rstrip("\n")
            if rows
            else "No transactions."
        )
    return 0


def instant_of(
    when: date | datetime | None, customer: Customer, *, whole_day: bool = False
) -> datetime | None:
    """The UTC time; a day, or a time without zone, is the customer's own.  *whole_day* is its end."""
    if when is None:
        return None
    zone = ZoneInfo(customer.timezone)
    if not isinstance(when, datetime):
        when = after(when) if whole_day else datetime.combine(when, time())
    return in_utc(when if when.tzinfo else when.replace(tzinfo=zone))


def after(day: date) -> datetime:
    """The end of *day*; there is no day after the last one of the calendar."""
    return datetime.max if day == date.max else datetime.combine(day + DAY, time())


def say_json_rows(rows: Iterable[SalesRow]) -> None:
    """A JSON list, a line for each row, however many there are."""
    separator = "[\n"
    for row in rows:
        sys.stdout.write(separator + json.dumps(row._asdict(), ensure_ascii=False))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")
