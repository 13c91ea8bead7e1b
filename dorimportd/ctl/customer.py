"""dorimportctl customer: customers, their credentials and keys, and the sheet that they are sent."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dorimportd.config import edit
from dorimportd.config.files import LARGEST
from dorimportd.config.keys import PublicKey
from dorimportd.config.secrets import LONGEST_PASSWORD, hash_password
from dorimportd.config.settings import BadConfig, Customer
from dorimportd.config.values import NAME
from dorimportd.ctl.desk import USAGE, Desk, Stopped, say, say_json
from dorimportd.ctl.formats import read_format
from dorimportd.ctl.importing import opened_file
from dorimportd.ctl.logins import login_lines, logins
from dorimportd.ctl.unfinished import unfinished, unfinished_line
from dorimportd.report.sheet import sheet
from dorimportd.report.tables import table

FROM_STDIN: Final = "-"


def add_arguments(words: Any) -> None:
    """The word `customer`."""
    parser = words.add_parser("customer", help="customers, their credentials and keys")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    add_add(verbs)
    list_ = verbs.add_parser("list", help="all customers")
    list_.add_argument("--json", action="store_true")
    list_.set_defaults(command=list_customers)
    for name, command, text in (
        ("show", show, "what is set for one, what it has begun to send, and its last logins"),
        ("sheet", show_sheet, "what to send the customer: host, ports, user name, fingerprints"),
        ("disable", disable, "take nothing more from this customer"),
        ("enable", enable, "take files from this customer again"),
        ("password", set_password, "set another password"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("name", metavar="NAME")
        verb.set_defaults(command=command)
        if name == "show":
            verb.add_argument("--json", action="store_true")
        if name == "password":
            add_password_file(verb)
    add_key(verbs)


def add_add(verbs: Any) -> None:
    """The verb `add`."""
    add = verbs.add_parser("add", help="a new customer")
    add.add_argument(
        "name", metavar="NAME", help="small letters, digits, - and _; also the user name at login"
    )
    add.add_argument("--timezone", required=True, metavar="TZ", help="IANA: Europe/Berlin")
    add.add_argument("--currency", required=True, metavar="CUR", help="ISO 4217: EUR")
    add.add_argument("--display-name", metavar="TEXT")
    add.add_argument(
        "--format", metavar="NAME-OR-FILE", help="a format that is there, or a file of a new one"
    )
    add_password_file(add)
    add.add_argument("--key", action="append", default=[], type=Path, metavar="FILE", help="a .pub file")
    add.add_argument(
        "--email", metavar="LOCALPART", help="what stands before the @ of the customer's address"
    )
    add.add_argument("--contact", action="append", default=[], metavar="ADDRESS")
    add.set_defaults(command=add_customer)


def add_password_file(parser: Any) -> None:
    """The option --password-file."""
    parser.add_argument(
        "--password-file", metavar="FILE", help="its first line is the password; - reads standard input"
    )


def add_key(verbs: Any) -> None:
    """The verb `key` and its own verbs."""
    key = verbs.add_parser("key", help="public keys: add, remove, list")
    doings = key.add_subparsers(dest="doing", required=True, metavar="add | remove | list")
    for name, command, text in (
        ("add", add_keys, "add the keys of a .pub file"),
        ("remove", remove_key, "by fingerprint or comment"),
        ("list", list_keys, "fingerprints and comments"),
    ):
        doing = doings.add_parser(name, help=text)
        doing.add_argument("name", metavar="NAME")
        doing.set_defaults(command=command)
        if name == "add":
            doing.add_argument("file", type=Path, metavar="FILE")
        if name == "remove":
            doing.add_argument("which", metavar="FINGERPRINT")
        if name == "list":
            doing.add_argument("--json", action="store_true")


@contextmanager
def editing() -> Iterator[None]:
    """What stops an edit, in words; nothing is changed then."""
    try:
        yield
    except BadConfig as error:
        raise Stopped(*map(str, error.mistakes)) from error
    except edit.CannotEdit as error:
        raise Stopped(str(error)) from error
    except OSError as error:
        raise Stopped(f"{error.filename}: {error.strerror}") from error


def add_customer(desk: Desk, asked: argparse.Namespace) -> int:
    """A customer that can send at once."""
    keys = [line for path in asked.key for line in key_lines(path)]
    password_hash = hash_password(read_password(asked.password_file)) if asked.password_file else None
    name, text = named_format(desk, asked.name, asked.format)
    with editing():
        edit.add_customer(
            desk.config,
            asked.name,
            timezone=asked.timezone,
            currency=asked.currency,
            display_name=asked.display_name,
            contacts=asked.contact,
            password_hash=password_hash,
            keys=keys,
            mail_address=asked.email,
            format=name,
            format_text=text,
        )
    say(f"Customer {asked.name} added. {desk.reload_daemon()}")
    if name is None:
        say("No format is set yet: what it sends is held until there is one (dorimportctl help formats).")
    return 0


def named_format(desk: Desk, customer: str, wanted: str | None) -> tuple[str | None, str | None]:
    """The name of the format, and its text when it is a new one from a file.

    It is called as the file is; when that is no name, or that of another format, as the customer is.
    """
    from dorimportd.parse.builtin import builtin_texts

    there = desk.settings.formats
    if wanted is None or wanted in there or wanted in builtin_texts():
        return wanted, None
    path = Path(wanted)
    if not path.exists():
        names = ", ".join(sorted({*there, *builtin_texts()}))
        raise Stopped(f"{wanted!r} is neither a format nor a file. Formats: {names}.")
    format, text = read_format(path)
    for name in filter(NAME.fullmatch, (path.stem.lower(), customer)):
        if name not in there:
            return name, text
        if there[name].digest == format.digest:
            return name, None
    raise Stopped(f"Another format is called {path.stem.lower()!r} already: give the file another name.")


def key_lines(path: Path) -> list[str]:
    """The lines of a .pub file that are keys."""
    with opened_file(path) as file:
        lines = file.read(LARGEST).decode("utf-8", "replace").splitlines()
    found = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    if not found:
        raise Stopped(f"{path}: there is no public key in it.")
    return found


def read_password(source: str | None) -> str:
    """The password from a file, standard input or the terminal.  Raises Stopped."""
    if source is None:
        return ask_password()
    if source == FROM_STDIN:
        text = sys.stdin.readline()
    else:
        with opened_file(Path(source)) as file:
            text = file.readline(LONGEST_PASSWORD + 2).decode("utf-8", "surrogateescape")
    return checked_password(text.rstrip("\r\n"))


def ask_password() -> str:
    """Twice, without showing it."""
    if not sys.stdin.isatty():
        raise Stopped(
            "Where is the password? Give --password-file FILE, or - for standard input.", status=USAGE
        )
    import getpass  # here, like all that only one command needs: each is to answer at once

    try:
        password, again = (getpass.getpass(prompt) for prompt in ("New password: ", "The same again: "))
    except EOFError as error:
        raise Stopped("No password was given; nothing is changed.") from error
    if again != password:
        raise Stopped("The two are not the same; nothing is changed.")
    return checked_password(password)


def checked_password(password: str) -> str:
    """*password*, when it can be one."""
    if not password:
        raise Stopped("An empty password cannot be set.")
    if len(password.encode("utf-8", "surrogateescape")) > LONGEST_PASSWORD:
        raise Stopped(f"A password has at most {LONGEST_PASSWORD} bytes.")
    try:
        password.encode()
    except UnicodeEncodeError as error:
        raise Stopped("The password is not UTF-8 text.") from error
    return password


def list_customers(desk: Desk, asked: argparse.Namespace) -> int:
    """All customers, by name."""
    customers = [customer_shape(each, desk) for _, each in sorted(desk.settings.customers.items())]
    if asked.json:
        say_json(customers)
        return 0
    columns = [
        "name",
        "display_name",
        "enabled",
        "timezone",
        "currency",
        "password",
        "keys",
        "mail_address",
        "formats",
    ]
    rows = [[cell(each[column]) for column in columns] for each in customers]
    say(table(columns, rows).rstrip("\n") if rows else "No customers.")
    return 0


def cell(value: Any) -> Any:
    """A value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(each["fingerprint"] if "fingerprint" in each else each["format"] for each in value)
    return value


def customer_shape(customer: Customer, desk: Desk) -> dict[str, Any]:
    """A customer for a script."""
    address = customer.mail_address
    return {
        "name": customer.name,
        "display_name": customer.display_name,
        "enabled": customer.enabled,
        "login": customer.login,
        "timezone": customer.timezone,
        "currency": customer.currency,
        "contacts": list(customer.contacts),
        "password": customer.password_hash is not None,
        "keys": [key_shape(each) for each in customer.keys],
        "mail_address": f"{address}@{desk.settings.mail_domain}" if address else None,
        "former_mail_addresses": [
            {"address": f"{each.address}@{desk.settings.mail_domain}", "until": str(each.until)}
            for each in customer.former_mail_addresses
        ],
        "allowed_senders": list(customer.allowed_senders),
        "allowed_networks": [str(each) for each in customer.allowed_networks],
        "require_tls": customer.require_tls,
        "legacy_algorithms": list(customer.legacy_algorithms),
        "formats": [{"files": each.files, "format": each.format.name} for each in customer.format_rules],
    }


def key_shape(key: PublicKey) -> dict[str, Any]:
    """A public key for a script."""
    return {"type": key.type, "bits": key.bits, "fingerprint": key.fingerprint, "comment": key.comment}


def show(desk: Desk, asked: argparse.Namespace) -> int:
    """What is set for one customer, what it has begun to send, and how it last logged in."""
    shape = customer_shape(desk.customer(asked.name), desk)
    begun, told = unfinished(desk, asked.name), logins(desk, asked.name)
    if asked.json:
        say_json({**shape, "unfinished": begun, "logins": None if isinstance(told, str) else told["logins"]})
        return 0
    for name, value in shape.items():
        text = (
            value
            if not isinstance(value, list) or not value or isinstance(value[0], dict)
            else ", ".join(value)
        )
        say(f"{name + ':':<17} {cell(text) if text not in (None, []) else ''}".rstrip())
    for each in begun:
        say(f"{'unfinished:':<17} {unfinished_line(each)}")
    for line in login_lines(told):
        say(f"{'last login:':<17} {line}")
    return 0


def show_sheet(desk: Desk, asked: argparse.Namespace) -> int:
    """What to send the customer."""
    customer = desk.customer(asked.name)
    running = desk.daemon_status()
    say(sheet(customer_shape(customer, desk), desk.settings.hostname, running).rstrip("\n"))
    return 0


def disable(desk: Desk, asked: argparse.Namespace) -> int:
    """Sessions that are open go on to their end."""
    return switched(desk, asked.name, False)


def enable(desk: Desk, asked: argparse.Namespace) -> int:
    """The credentials are as they were."""
    return switched(desk, asked.name, True)


def switched(desk: Desk, name: str, enabled: bool) -> int:
    """Say which it is now."""
    with editing():
        edit.set_enabled(desk.config, name, enabled)
    say(f"Customer {name} {'enabled' if enabled else 'disabled'}. {desk.reload_daemon()}")
    return 0


def set_password(desk: Desk, asked: argparse.Namespace) -> int:
    """Only its hash is kept."""
    desk.customer(asked.name)
    password = read_password(asked.password_file)
    with editing():
        edit.set_password_hash(desk.config, asked.name, hash_password(password))
    say(f"The password of {asked.name} is set. {desk.reload_daemon()}")
    return 0


def add_keys(desk: Desk, asked: argparse.Namespace) -> int:
    """Each line of the file that is a key."""
    return for_each_key(
        desk, key_lines(asked.file), lambda line: edit.add_key(desk.config, asked.name, line), "added"
    )


def remove_key(desk: Desk, asked: argparse.Namespace) -> int:
    """One key."""
    return for_each_key(
        desk, [asked.which], lambda which: edit.remove_key(desk.config, asked.name, which), "removed"
    )


def for_each_key(desk: Desk, given: list[str], change: Callable[[str], PublicKey], done: str) -> int:
    """Change one after the other, then have the daemon take it."""
    with editing():
        keys = [change(each) for each in given]
    for key in keys:
        say(f"Key {key.type} {key.fingerprint} {done}.")
    say(desk.reload_daemon())
    return 0


def list_keys(desk: Desk, asked: argparse.Namespace) -> int:
    """The keys of one customer."""
    keys = [key_shape(each) for each in desk.customer(asked.name).keys]
    if asked.json:
        say_json(keys)
        return 0
    columns = ["type", "bits", "fingerprint", "comment"]
    say(
        table(columns, [[each[name] for name in columns] for each in keys]).rstrip("\n")
        if keys
        else "No keys."
    )
    return 0
