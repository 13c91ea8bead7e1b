"""The commands of SMTP as one table, and what may stand behind them (RFC 5321 section 4.1).

What is allowed when is a column of the table and is asked in one place, before any work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Breach(Exception):
    """What the client said is against the protocol; the reply is SMTP's own."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.enhanced = enhanced  # RFC 3463
        self.text = text


class Stage(Enum):
    """How far a session has come; the value is what it is told when it should come farther first."""

    CONNECTED = "Send EHLO first."
    GREETED = "Send MAIL first."
    MAIL = "Send RCPT next."
    RECIPIENTS = "Send RCPT, DATA, BDAT or RSET next."
    CHUNKS = "Send BDAT or RSET next."


EVERY: Final = frozenset(Stage)


class Argument(Enum):
    """Whether something stands behind the verb."""

    NONE = auto()
    OPTIONAL = auto()
    REQUIRED = auto()


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    verb: str
    argument: Argument
    stages: frozenset[Stage]  # in which it may come
    syntax: str  # for HELP


COMMANDS: Final[Mapping[bytes, Command]] = {
    each.verb.encode(): each
    for each in (
        Command("EHLO", Argument.REQUIRED, EVERY, "EHLO your-host-name"),
        Command("HELO", Argument.REQUIRED, EVERY, "HELO your-host-name"),
        Command("STARTTLS", Argument.NONE, EVERY - {Stage.CONNECTED}, "STARTTLS"),
        Command("AUTH", Argument.REQUIRED, frozenset({Stage.GREETED}), "AUTH PLAIN or LOGIN"),
        Command(
            "MAIL",
            Argument.REQUIRED,
            frozenset({Stage.GREETED}),
            "MAIL FROM:<address> [SIZE=n] [BODY=8BITMIME]",
        ),
        Command("RCPT", Argument.REQUIRED, frozenset({Stage.MAIL, Stage.RECIPIENTS}), "RCPT TO:<address>"),
        Command("DATA", Argument.NONE, frozenset({Stage.RECIPIENTS}), "DATA"),
        # Its bytes come whenever it comes: the session takes or passes them over.
        Command("BDAT", Argument.OPTIONAL, EVERY, "BDAT size [LAST]"),
        Command("RSET", Argument.NONE, EVERY, "RSET"),
        Command("NOOP", Argument.OPTIONAL, EVERY, "NOOP"),
        Command("VRFY", Argument.REQUIRED, EVERY, "VRFY address"),
        Command("EXPN", Argument.REQUIRED, EVERY, "EXPN list"),
        Command("HELP", Argument.OPTIONAL, EVERY, "HELP"),
        Command("QUIT", Argument.NONE, EVERY, "QUIT"),
    )
}


def read_command(line: bytes, stage: Stage) -> tuple[Command, bytes]:
    """The command in *line* and its argument.

    Raises Breach when there is no such command, when it must not come at *stage*, or when its argument
    is missing or too much.
    """
    verb, _, argument = line.strip().partition(b" ")
    command, argument = COMMANDS.get(verb.upper()), argument.strip()
    if command is None:
        raise Breach(500, "5.5.1", "There is no such command; HELP lists them.")
    if stage not in command.stages:
        raise Breach(503, "5.5.1", stage.value)
    if command.argument is (Argument.NONE if argument else Argument.REQUIRED):
        raise Breach(501, "5.5.4", f"The syntax is: {command.syntax}")
    return command, argument


@dataclass(frozen=True, slots=True)
class Chunk:
    """What BDAT says of the bytes behind it."""

    size: int
    last: bool


def read_chunk(argument: bytes) -> Chunk | None:
    """The argument of BDAT (RFC 3030 section 2); None when it is no such thing."""
    size, _, last = argument.partition(b" ")
    if not size.isdigit() or last.strip().upper() not in (b"", b"LAST"):
        return None
    return Chunk(int(size), bool(last))


@dataclass(frozen=True, slots=True)
class Path:
    """A reverse path or forward path; both parts are empty for the null reverse path."""

    local: str
    domain: str  # empty for <postmaster>

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local


BRACKETED: Final = re.compile(rb'<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?:\s+(.*))?')
# Many scripts leave the brackets out.
BARE: Final = re.compile(rb"([^<>\s]+)(?:\s+(.*))?")
MAILBOX: Final = re.compile(
    r"""(?:@[^:]*:)?                                     # a source route, which is ignored (appendix C)
        (?: "(?P<quoted>(?:[^"\\]|\\.)*)" | (?P<plain>[^\s"@\\]+) )
        (?:@(?P<domain>[^\s"@\\]+))?""",
    re.VERBOSE,
)


def read_path(argument: bytes, keyword: bytes) -> tuple[str, dict[str, str]]:
    """The text between the brackets and the parameters of `FROM:<…> NAME=VALUE …`.

    Raises Breach.
    """
    begin, colon, rest = argument.partition(b":")
    rest = rest.lstrip()
    match = (BRACKETED if rest.startswith(b"<") else BARE).fullmatch(rest)
    if begin.strip().upper() != keyword or not colon or match is None:
        raise Breach(
            501, "5.5.4", f"The syntax is: {COMMANDS[b'MAIL' if keyword == b'FROM' else b'RCPT'].syntax}"
        )
    try:
        return match[1].decode(), read_parameters((match[2] or b"").decode("ascii"))
    except UnicodeDecodeError as error:
        raise Breach(501, "5.5.2", "An address must be in ASCII or UTF-8.") from error


def read_parameters(text: str) -> dict[str, str]:
    """NAME=VALUE … (RFC 5321 section 4.1.2), names in capitals.  Raises Breach."""
    found: dict[str, str] = {}
    for each in text.split():
        name, _, value = each.partition("=")
        if name.upper() in found:
            raise Breach(501, "5.5.4", "A parameter is there twice.")
        found[name.upper()] = value
    return found


def read_mailbox(text: str, *, utf8: bool) -> Path:
    """The address *text*, quotes taken off.

    Raises Breach, also for one beyond ASCII in a mail that did not say SMTPUTF8 (RFC 6531 section 3.4).
    """
    if not text:
        return Path("", "")
    if not (utf8 or text.isascii()):
        raise Breach(553, "5.6.7", "An address beyond ASCII needs SMTPUTF8.")
    match = MAILBOX.fullmatch(text)
    if match is None or not text.isprintable():
        raise Breach(501, "5.1.3", "That is no mail address.")
    quoted, plain, domain = match.group("quoted", "plain", "domain")
    local = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return Path(local, domain or "")
