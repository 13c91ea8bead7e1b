"""All files of the configuration into Settings, or every mistake of all of them at once.

A file with a mistake does not end the reading: the other files are read, and what they say of one
another is checked too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from dorimportd.config.agree import disagreements
from dorimportd.config.files import Files
from dorimportd.config.findings import Findings
from dorimportd.config.keys import PublicKey, read_keys
from dorimportd.config.refer import Referred, referred
from dorimportd.config.schema import CustomerFile, MainFile
from dorimportd.config.settings import BadConfig, Customer, FormatRule, NamedFormat, Settings
from dorimportd.config.values import NAME
from dorimportd.parse.builtin import builtin_format, builtin_texts
from dorimportd.parse.format import Format, parse_format
from dorimportd.toml import Document, Mistake, Place, check, nearest, read_toml

CUSTOMERS: Final = "customers.d"
FORMATS: Final = "formats.d"
KEYS: Final = "keys"

NAMES: Final = "the name before .toml must be 1 to 32 of a-z, 0-9, _ and -, the first a letter or digit"


def read_settings(path: Path, edits: Mapping[str, str] | None = None) -> Settings:
    """The configuration whose main file is *path*; the other files are in the same folder.

    *edits* are texts by name ("customers.d/acme.toml"), read as if they stood on the disk.

    Raises BadConfig with every mistake, sorted by file and line.
    """
    findings = Findings()
    settings = Reader(Files(path, edits), findings).read()
    if settings is None:
        raise BadConfig(findings.mistakes)
    return settings


class Reader:
    """One reading of all files."""

    def __init__(self, files: Files, findings: Findings) -> None:
        self._files = files
        self._findings = findings

    def read(self) -> Settings | None:
        """The Settings, or None when there are mistakes."""
        main = self._document(self._files.main)
        formats = {name: self._format(file) for name, file in self._named(FORMATS).items()}
        documents = {name: self._document(file) for name, file in self._named(CUSTOMERS).items()}
        keys = {name: self._keys(name, documents) for name in self._stems(KEYS)}
        customers = {name: document for name, document in documents.items() if document is not None}
        self._findings.mistakes += disagreements(main, customers, {*formats, *builtin_texts()})
        files = {name: self._customer(document) for name, document in customers.items()}
        if main is None:
            return None
        main_file = self._findings.attempt(lambda: check(MainFile, main))
        reference = referred(main, self._files, self._findings)
        if main_file is None or self._findings.mistakes:
            return None
        # Without a mistake nothing is None.
        good_formats = {name: format for name, format in formats.items() if format is not None}
        good_formats |= built_in(files.values(), good_formats)
        good_customers = {
            name: customer(name, file, keys.get(name, ()), good_formats)
            for name, file in files.items()
            if file is not None
        }
        return settings(main_file, reference, good_customers, good_formats, self._findings.warnings)

    def _document(self, file: str) -> Document | None:
        return self._findings.attempt(lambda: read_toml(self._files.read(file), file))

    def _format(self, file: str) -> Format | None:
        return self._findings.attempt(lambda: parse_format(self._files.read(file), file))

    def _customer(self, document: Document) -> CustomerFile | None:
        file = self._findings.attempt(lambda: check(CustomerFile, document))
        if file is not None and file.password and self._files.open_to_everyone(document.file):
            self._findings.open_to_everyone(document, ("password",), document.file)
        return file

    def _keys(self, name: str, customers: Collection[str]) -> tuple[PublicKey, ...]:
        file = f"{KEYS}/{name}"
        if name not in customers:
            warning = Mistake(Place(file, 1, 1), "", "belongs to no customer", meant=nearest(name, customers))
            self._findings.warnings.append(warning)
        return self._findings.attempt(lambda: read_keys(self._files.read(file), file)) or ()

    def _named(self, folder: str) -> dict[str, str]:
        """The files in *folder* by the name of what is in them."""
        names: dict[str, str] = {}
        for stem in self._stems(folder, ".toml"):
            file = f"{folder}/{stem}.toml"
            if NAME.fullmatch(stem):
                names[stem] = file
            else:
                self._findings.mistakes.append(Mistake(Place(file, 1, 1), "", NAMES))
        return names

    def _stems(self, folder: str, ending: str = "") -> list[str]:
        return self._findings.attempt(lambda: self._files.stems(folder, ending)) or []


def built_in(customers: Iterable[CustomerFile | None], own: Mapping[str, Format]) -> dict[str, Format]:
    """The built-in formats that *customers* choose; one of their *own* of that name goes first."""
    chosen = {name for file in customers if file is not None for name in chosen_formats(file)}
    return {name: builtin_format(name) for name in chosen if name not in own}


def chosen_formats(file: CustomerFile) -> list[str]:
    """The names of the formats that a customer's file chooses."""
    named = [choice.format for choice in file.formats]
    return named if file.format is None else [*named, file.format]


def customer(
    name: str, file: CustomerFile, keys: tuple[PublicKey, ...], formats: Mapping[str, Format]
) -> Customer:
    """The customer called *name*, whose formats are all in *formats*."""
    choices = [(choice.files, choice.format) for choice in file.formats]
    if file.format is not None:
        choices.append(("*", file.format))
    return Customer(
        name=name,
        display_name=file.display_name or name,
        timezone=file.timezone,
        currency=file.currency,
        contacts=file.contacts,
        enabled=file.enabled,
        login=file.login or name,
        password_hash=file.password,
        keys=keys,
        mail_address=file.mail_address,
        allowed_senders=file.allowed_senders,
        allowed_networks=file.allowed_networks,
        require_tls=file.require_tls,
        legacy_algorithms=file.legacy_algorithms,
        format_rules=tuple(
            FormatRule(files, NamedFormat(chosen, formats[chosen])) for files, chosen in choices
        ),
        former_mail_addresses=file.former_mail_addresses,
    )


def settings(
    file: MainFile,
    reference: Referred,
    customers: Mapping[str, Customer],
    formats: Mapping[str, Format],
    warnings: list[Mistake],
) -> Settings:
    """Everything together, for good."""
    return Settings(
        state_directory=reference.state_directory,
        sftp=file.sftp,
        ftp=file.ftp,
        smtp=file.smtp,
        tls=reference.tls,
        database_url=reference.database_url,
        limits=file.limits,
        defence=file.defence,
        retention=file.retention,
        customers=MappingProxyType(dict(customers)),
        formats=MappingProxyType(dict(formats)),
        warnings=tuple(sorted(warnings, key=lambda warning: warning.place)),
        given_hostname=file.hostname,
    )
