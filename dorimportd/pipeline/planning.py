"""How a delivery is to be read at this moment: by what its customer's file says."""

from __future__ import annotations

from typing import Protocol

from dorimportd.errors import HoldFile
from dorimportd.parse.batch import Defaults
from dorimportd.parse.format import Format
from dorimportd.pipeline.importer import Plan
from dorimportd.words import Envelope


class NamedFormat(Protocol):
    """A format, and the name by which customers choose it."""

    @property
    def name(self) -> str: ...

    @property
    def format(self) -> Format: ...


class Customer(Protocol):
    """What is asked of a customer."""

    @property
    def name(self) -> str: ...

    @property
    def timezone(self) -> str: ...

    @property
    def currency(self) -> str: ...

    def format_for(self, file_name: str) -> NamedFormat | None: ...


def plan_for(envelope: Envelope, customer: Customer | None) -> Plan:
    """How a delivery of *customer*, who may be gone, is to be read.

    Raises HoldFile when the configuration does not say.
    """
    if customer is None:
        raise HoldFile(f"There is no customer {envelope.customer!r} any more.")
    named = customer.format_for(envelope.name)
    if named is None:
        raise HoldFile(
            f"The customer {customer.name!r} has no format for a file of this name; "
            "set one in the customer's file, then retry."
        )
    defaults = Defaults(customer.timezone, customer.currency, envelope.received_at.date())
    return Plan(f"{named.name}@{named.format.digest}", named.format, defaults)
