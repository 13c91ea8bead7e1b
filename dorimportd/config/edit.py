"""dorimportctl's edits of the files: comments stay, and a bad configuration never comes of it.

An edit is a new text for one or two files.  The whole configuration is read as if it stood there already,
and only when that is free of mistakes it is written.  So an edit can mend a mistake, and never makes one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dorimportd.config.files import Files
from dorimportd.config.keys import PublicKey, read_key, read_keys
from dorimportd.config.read import CUSTOMERS, FORMATS, KEYS, read_settings
from dorimportd.config.settings import BadConfig, Settings
from dorimportd.config.values import NAME
from dorimportd.config.write import one_at_a_time, replace_file
from dorimportd.toml import BadToml, Unfit, nearest, read_toml, shown


class CannotEdit(Exception):
    """An edit that makes no sense as things are; the text is a sentence for whoever asked for it."""


def add_customer(
    main: Path,
    name: str,
    *,
    timezone: str,
    currency: str,
    display_name: str | None = None,
    contacts: Sequence[str] = (),
    password_hash: str | None = None,
    keys: Sequence[str] = (),
    mail_address: str | None = None,
    format: str | None = None,
    format_text: str | None = None,
) -> Settings:
    """Write the files of a new customer; *keys* are lines of .pub files, *format* is the name of one.

    With *format_text* the format is a new one too, of that text.
    On return the files are on the disk, and the Settings are what they say now.  Raises CannotEdit,
    BadConfig or OSError, as every edit does; then nothing has changed.  (When the disk fails between the
    two files, the keys are there and belong to no customer.)
    """
    check_name(name)
    values = {
        "display_name": display_name,
        "timezone": timezone,
        "currency": currency,
        "contacts": list(contacts) or None,
        "password": password_hash,
        "mail_address": mail_address,
        "format": format,
    }
    with editing(main) as files:
        if name in files.stems(CUSTOMERS, ".toml"):
            raise CannotEdit(f"There is a customer {name!r} already.")
        texts = {keys_file(name): with_keys(existing(files, keys_file(name)), keys)} if keys else {}
        if format is not None and format_text is not None:
            check_new_format(files, format)
            texts[f"{FORMATS}/{format}.toml"] = format_text
        given = {key: value for key, value in values.items() if value is not None}
        texts[customer_file(name)] = "".join(f"{key} = {written(value)}\n" for key, value in given.items())
        return replace(main, texts)


def set_enabled(main: Path, name: str, enabled: bool) -> Settings:
    """Let the customer send, or no longer."""
    return set_value(main, name, "enabled", enabled)


def set_password_hash(main: Path, name: str, password_hash: str) -> Settings:
    """Give the customer another password, by its hash."""
    return set_value(main, name, "password", password_hash)


def add_key(main: Path, name: str, line: str) -> PublicKey:
    """Add the key on *line*, the line of a .pub file, to those of the customer; it is returned.

    Raises CannotEdit also when the line is no key, or the key is there already.
    """
    with editing(main) as files:
        check_customer(files, name)
        text = with_keys(existing(files, keys_file(name)), [line])
        settings = replace(main, {keys_file(name): text})
        return the_one(settings.customers[name].keys, key_on(line).fingerprint, name)


def remove_key(main: Path, name: str, which: str) -> PublicKey:
    """Remove the key whose fingerprint, or else whose comment, is *which*; it is returned.

    The other lines of the file stay.  Raises CannotEdit also when there is no such key, or several.
    """
    with editing(main) as files:
        check_customer(files, name)
        text = existing(files, keys_file(name))
        key = the_one(read_keys(text, keys_file(name)), which, name)
        lines = text.split("\n")
        del lines[key.line - 1]
        replace(main, {keys_file(name): "\n".join(lines)})
        return key


def set_value(main: Path, name: str, key: str, value: str | bool) -> Settings:
    """Set one key of a customer, and leave everything else in the file as it stands."""
    with editing(main) as files:
        check_customer(files, name)
        file = customer_file(name)
        return replace(main, {file: with_value(files.read(file), file, key, value)})


# --- how an edit goes ----------------------------------------------------------------------------------


@contextmanager
def editing(main: Path) -> Iterator[Files]:
    """The files, which nobody else edits meanwhile."""
    files = Files(main)
    try:
        with one_at_a_time(files.folder):
            yield files
    except BadToml as error:
        raise BadConfig(error.mistakes) from None


def replace(main: Path, texts: Mapping[str, str]) -> Settings:
    """Put each of *texts* into the file of that name, in this order, if the whole then has no mistake."""
    settings = read_settings(main, texts)
    for name, text in texts.items():
        replace_file(Files(main).folder / name, text)
    return settings


# --- texts ---------------------------------------------------------------------------------------------


def with_value(text: str, file: str, key: str, value: str | bool) -> str:
    """*text*, in which the key has another value; a new key comes before the first table."""
    import tomlkit  # only an edit needs it, and dorimportctl answers in a quarter of a second

    before = read_toml(text, file).values
    document = tomlkit.parse(text)
    document[key] = value
    edited = tomlkit.dumps(document)
    assert tomllib.loads(edited) == {**before, key: value}, "something else has changed, too"
    return edited


def written(value: Any) -> str:
    """*value* as TOML."""
    import tomlkit

    return str(tomlkit.item(value).as_string())


def with_keys(text: str, lines: Sequence[str]) -> str:
    """*text* of a keys file and the keys on *lines* at its end."""
    known = {key.blob for key in read_keys(text, KEYS)}
    for line in lines:
        key = key_on(line)
        if key.blob in known:
            raise CannotEdit(f"The key {key.fingerprint} is there already.")
        known.add(key.blob)
        text = f"{text}\n" if text and not text.endswith("\n") else text
        text += f"{line.strip()}\n"
    return text


def key_on(line: str) -> PublicKey:
    """The key on *line*."""
    if len(line.strip().splitlines()) != 1:
        raise CannotEdit("A public key is one line: that of the .pub file.")
    try:
        return read_key(line.strip())
    except Unfit as error:
        raise CannotEdit(f"The public key {error}.") from None


def the_one(keys: Sequence[PublicKey], which: str, name: str) -> PublicKey:
    """The one of the customer's *keys* that *which* means."""
    found = [key for key in keys if key.fingerprint == which] or [key for key in keys if key.comment == which]
    if len(found) > 1:
        raise CannotEdit(f"{len(found)} keys of {name!r} are called {which!r}: give the fingerprint of one.")
    if not found:
        raise CannotEdit(f"Customer {name!r} has no key {shown(which)}.")
    return found[0]


def check_name(name: str) -> None:
    """Refuse a name that could be no file's."""
    if not NAME.fullmatch(name):
        raise CannotEdit(
            f"{shown(name)} cannot be a name: 1 to 32 of a-z, 0-9, _ and -, the first a letter or digit."
        )


def check_new_format(files: Files, name: str) -> None:
    check_name(name)
    if name in files.stems(FORMATS, ".toml"):
        raise CannotEdit(f"There is a format {name!r} already.")


def check_customer(files: Files, name: str) -> None:
    """Refuse a customer that is not there."""
    names = files.stems(CUSTOMERS, ".toml")
    if name not in names:
        meant = nearest(name, names)
        hint = f" Did you mean {meant!r}?" if meant else ""
        raise CannotEdit(f"There is no customer {shown(name)}.{hint}")


def customer_file(name: str) -> str:
    return f"{CUSTOMERS}/{name}.toml"


def keys_file(name: str) -> str:
    return f"{KEYS}/{name}"


def existing(files: Files, file: str) -> str:
    """The text of *file*, or nothing when it is not there."""
    return files.read(file) if (files.folder / file).exists() else ""
