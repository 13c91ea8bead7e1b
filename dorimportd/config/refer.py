"""What dorimportd.toml refers to: the state directory, the certificate, the database and its secret.

Like agree.py it looks at what stands in the document, so that these mistakes are told together with the
others.  They are told at the key that names the file, which is where they are mended.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from dorimportd.config.files import Files, Unreadable
from dorimportd.config.findings import Findings
from dorimportd.config.schema import MainFile
from dorimportd.config.secrets import secret_path
from dorimportd.config.settings import Certificate
from dorimportd.config.values import SQLITE, database_url, holds_password
from dorimportd.toml import Document, KeyPath, Unfit, read_toml

DEFAULT_URL: Final = "sqlite:///dorimportd.db"

URL: Final = ("database", "url")
URL_FILE: Final = ("database", "url_file")


class Referred(NamedTuple):
    """What the main file refers to, by its absolute path; without meaning when there are mistakes."""

    state_directory: Path
    tls: Certificate | None
    database_url: str


def referred(main: Document, files: Files, findings: Findings) -> Referred:
    """Look at everything to which *main* refers, and that it can be read."""
    state_directory = folder_of_state(main, files)
    url = url_of_database(main, files, findings)
    if url.startswith(SQLITE):
        url = f"{SQLITE}{state_directory / url.removeprefix(SQLITE)}"
    return Referred(state_directory, certificate(main, files, findings), url)


def folder_of_state(main: Document, files: Files) -> Path:
    default = MainFile.model_fields["state_directory"].default
    return files.folder / (text_at(main, ("state_directory",)) or default)


def state_directory_of(path: Path) -> Path:
    """The state directory that the main file *path* names, whatever mistakes there are elsewhere.

    Raises BadToml when *path* itself cannot be read.
    """
    files = Files(path)
    return folder_of_state(read_toml(files.read(files.main), files.main), files)


def text_at(document: Document, path: KeyPath) -> str | None:
    """The text at *path*; None when there is none."""
    value = document.get(path)
    return value if isinstance(value, str) else None


def certificate(main: Document, files: Files, findings: Findings) -> Certificate | None:
    """The files of [tls], if it names any."""
    names = {key: text_at(main, ("tls", key)) for key in ("certificate", "private_key")}
    if not any(names.values()):
        return None
    for key, name in names.items():
        if main.get(("tls", key)) is None:
            findings.wrong(main, ("tls", key), "is missing: a certificate and its key belong together")
        elif name:
            content(main, ("tls", key), name, files.folder / name, files, findings)
    private_key = names["private_key"] or ""
    if files.open_to_everyone(str(files.folder / private_key)):
        findings.open_to_everyone(main, ("tls", "private_key"), private_key)
    return Certificate(files.folder / (names["certificate"] or ""), files.folder / private_key)


def url_of_database(main: Document, files: Files, findings: Findings) -> str:
    """The URL that stands in the file, or in the secret that it names; a path in it is as it was written."""
    url, path, source = text_at(main, URL), URL, main.file
    name = text_at(main, URL_FILE)
    if name:
        if url is not None:
            findings.wrong(main, URL, "stands beside database.url_file: keep one of them")
        secret = secret_path(name, files.folder)
        path, source = URL_FILE, str(secret)
        url = url_in(content(main, path, name, secret, files, findings), main, findings)
    url = url or DEFAULT_URL
    if holds_password(url) and files.open_to_everyone(source):
        findings.open_to_everyone(main, path, source)
    return url


def url_in(secret: str | None, main: Document, findings: Findings) -> str | None:
    """The URL that *secret* is; the one in the main file is checked with the rest of that."""
    try:
        return None if secret is None else database_url(secret.strip())
    except Unfit as error:
        findings.wrong(main, URL_FILE, str(error))
        return None


def content(
    main: Document, path: KeyPath, name: str, file: Path, files: Files, findings: Findings
) -> str | None:
    """The text of *file*, which the key at *path* calls *name*; None when it cannot be read."""
    try:
        return files.content(str(file)).decode()
    except Unreadable as error:
        findings.wrong(main, path, str(error), name)
    except UnicodeDecodeError:
        findings.wrong(main, path, "is not a text file", name)
    return None
