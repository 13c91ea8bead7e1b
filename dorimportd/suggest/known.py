"""Well-known exports, recognised by the names of their columns.

An export is known when a sample has all the columns that its built-in format reads, and those by which it
is told from others.  Whether the format reads the samples is another question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Final

from dorimportd.errors import HoldFile
from dorimportd.parse.builtin import builtin_format, builtin_texts
from dorimportd.parse.decode import decode
from dorimportd.parse.format import Format
from dorimportd.parse.header import find_header

# Beside what a format reads: the columns that no other export has together.
TELLING: Final[Mapping[str, tuple[str, ...]]] = {
    "clover-payments": ("Tender", "Result"),
    "dynamics-retail": ("TERMINAL", "TRANSACTIONSTATUS"),
    "lightspeed-retail-sales": ("Description", "Qty", "Retail", "Subtotal", "Discount", "Tax", "Customer"),
    "lightspeed-xseries-sales": ("Sales Tax", "Loyalty", "User"),
    "lightspeed-xseries-vendcli": ("Line Type", "User"),
    "loyverse-receipts": ("Gross sales",),
    "loyverse-receipts-day-first": ("Gross sales",),
    "shopify-orders": ("Lineitem quantity",),
    "square-items": ("Gross Sales", "Qty"),
    "square-transactions": ("Gross Sales",),
    "stripe-balance": ("Source", "Available On (UTC)"),
    "sumup-transactions": ("Net sale", "Payout"),
    "toast-order-details": ("# of Guests", "Duration (Opened to Paid)"),
}


def exports_like(samples: Sequence[bytes]) -> list[str]:
    """The built-in formats whose columns all *samples* have, by name."""
    formats = {name: builtin_format(name) for name in sorted(builtin_texts())}
    return [
        name for name, format in formats.items() if all(has_columns(each, name, format) for each in samples)
    ]


def has_columns(sample: bytes, name: str, format: Format) -> bool:
    """Whether *sample* has a header of the export that the built-in format called *name* reads."""
    wanted = [*format.wanted, *TELLING.get(name, ())]
    try:
        lines = next(decode(BytesIO(sample), format.encoding), [])
        return find_header(lines, wanted, format.dialect, format.naming) is not None
    except HoldFile:  # it is no text in this encoding, or has a column twice
        return False
