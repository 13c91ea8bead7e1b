"""What the files say of one another: what is chosen must be there, what is one's own must be nobody else's.

It looks at what stands in the documents and not at the checked values, so that these mistakes are told
together with the others of the same file.  A value that is no text at all is told by the others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from dorimportd.toml import Document, KeyPath, Mistake, dotted, nearest, shown

LISTEN: Final = (
    ("sftp", "listen"),
    ("ftp", "listen"),
    ("ftp", "listen_explicit_tls"),
    ("ftp", "listen_implicit_tls"),
    ("smtp", "listen"),
    ("smtp", "listen_implicit_tls"),
)


class Claim(NamedTuple):
    """A value that nobody else may have."""

    document: Document
    path: KeyPath
    value: str
    folded: str  # the same for values that are the same


def disagreements(
    main: Document | None, customers: Mapping[str, Document], formats: Collection[str]
) -> Iterator[Mistake]:
    """Every mistake between the main file, the customers' files by name, and the names of the formats."""
    for document in customers.values():
        yield from dangling(document, formats)
        yield from without_successor(document)
    yield from claimed_twice(logins(customers))
    yield from claimed_twice(mail_addresses(main, customers.values()))
    if main is not None:
        yield from claimed_twice(endpoints(main))


def dangling(document: Document, formats: Collection[str]) -> Iterator[Mistake]:
    """The formats that a customer chooses and nobody wrote."""
    for path in ("format",), *entries(document, ("formats",), "format"):
        name = document.get(path)
        if isinstance(name, str) and name not in formats:
            problem = "is not the name of a format"
            yield Mistake(document.place(path), dotted(path), problem, shown(name), nearest(name, formats))


def without_successor(document: Document) -> Iterator[Mistake]:
    """Former mail addresses of a customer who has none now."""
    path = ("former_mail_addresses",)
    if document.get(path) and "mail_address" not in document.values:
        problem = "needs mail_address: the one that their senders are told"
        yield Mistake(document.place(path), dotted(path), problem)


def claimed_twice(claims: Iterable[Claim]) -> Iterator[Mistake]:
    """The second and every further claim to one value; the first is named."""
    first: dict[str, Claim] = {}
    for claim in claims:
        holder = first.setdefault(claim.folded, claim)
        if holder is not claim:
            problem = f"is in use already ({holder.document.place(holder.path)})"
            yield Mistake(claim.document.place(claim.path), dotted(claim.path), problem, shown(claim.value))


def logins(customers: Mapping[str, Document]) -> Iterator[Claim]:
    """The login of each customer, which is the name when nothing else is given."""
    for name, document in customers.items():
        login = document.values.get("login", name)
        if isinstance(login, str):
            yield Claim(document, ("login",), login, login)


def mail_addresses(main: Document | None, customers: Collection[Document]) -> Iterator[Claim]:
    """The local parts at our mail domain: the archive's, then the customers', then those they had before."""
    if main is not None:
        path = ("smtp", "archive_address")
        address = main.get(path)
        if isinstance(address, str):
            local_part, _, domain = address.partition("@")
            if not domain or domain == main.get(("smtp", "mail_domain")):
                yield Claim(main, path, address, local_part.casefold())
    for document in customers:
        address = document.values.get("mail_address")
        if isinstance(address, str):
            yield Claim(document, ("mail_address",), address, address.casefold())
    for document in customers:
        for entry in entries(document, ("former_mail_addresses",), "address"):
            former = document.get(entry)
            if isinstance(former, str):
                yield Claim(document, entry, former, former.casefold())


def endpoints(main: Document) -> Iterator[Claim]:
    """The endpoints of all channels, but those on port 0: each of them gets another port."""
    for listen in LISTEN:
        for path in entries(main, listen):
            endpoint = main.get(path)
            if isinstance(endpoint, str) and not re.match(r"tcp6?:0+(:|\Z)", endpoint):
                yield Claim(main, path, endpoint, endpoint)


def entries(document: Document, path: KeyPath, *key: str) -> Iterator[KeyPath]:
    """The paths of the entries of the list at *path*, or of *key* in each of them."""
    found = document.get(path)
    if isinstance(found, list):
        yield from ((*path, position, *key) for position in range(len(found)))
