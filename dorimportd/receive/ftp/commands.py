"""All commands, in one table: what runs them, what they take, whether they need a login or move data.

What is not in it is answered with 502.  HELP is made of the table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dorimportd.errors import NotAccepted
from dorimportd.receive.ftp import files, login, opening, parameters, transfers
from dorimportd.receive.ftp.session import Session
from dorimportd.receive.ftp.wire import Answer, Declined
from dorimportd.receive.replies import reply_to


@dataclass(frozen=True, slots=True)
class Command:
    """How one verb is answered."""

    run: Callable[[Session, bytes], Awaitable[Answer | None]]  # None: all is said already
    takes: str = ""  # the argument's name, in brackets when it may be left out
    before_login: bool = False
    moves_data: bool = False

    @property
    def needs_argument(self) -> bool:
        return self.takes != "" and not self.takes.startswith("[")


async def help_(session: Session, argument: bytes) -> Answer:
    """HELP: what the table has."""
    verb = argument.decode("ascii", "replace").upper()
    if verb in COMMANDS:
        return Answer(214, f"Syntax: {verb} {COMMANDS[verb].takes}".rstrip())
    return Answer(214, "Commands:", tuple(f"{each} {COMMANDS[each].takes}".rstrip() for each in COMMANDS))


COMMANDS: Final[Mapping[str, Command]] = {
    "USER": Command(login.user, "LOGIN", before_login=True),
    "PASS": Command(login.password, "[PASSWORD]", before_login=True),
    "AUTH": Command(login.auth, "TLS", before_login=True),
    "PBSZ": Command(login.pbsz, "0", before_login=True),
    "PROT": Command(login.prot, "P|C", before_login=True),
    "QUIT": Command(login.goodbye, before_login=True),
    "FEAT": Command(parameters.feat, before_login=True),
    "HELP": Command(help_, "[COMMAND]", before_login=True),
    "SYST": Command(parameters.syst, before_login=True),
    "NOOP": Command(parameters.nothing, before_login=True),
    "CLNT": Command(parameters.nothing, "CLIENT", before_login=True),
    "OPTS": Command(parameters.opts, "OPTION", before_login=True),
    "TYPE": Command(parameters.type_, "A|I"),
    "MODE": Command(parameters.mode, "S"),
    "STRU": Command(parameters.stru, "F"),
    "ALLO": Command(files.allo, "SIZE"),
    "SITE": Command(parameters.site, "CHMOD|UTIME ..."),
    "PASV": Command(opening.pasv),
    "EPSV": Command(opening.epsv, "[PROTOCOL|ALL]"),
    "PORT": Command(opening.port, "H1,H2,H3,H4,P1,P2"),
    "EPRT": Command(opening.eprt, "|PROTOCOL|ADDRESS|PORT|"),
    "REST": Command(transfers.rest, "BYTES"),
    "STOR": Command(transfers.stor, "NAME", moves_data=True),
    "APPE": Command(transfers.appe, "NAME", moves_data=True),
    "RETR": Command(transfers.retr, "NAME", moves_data=True),
    "LIST": Command(transfers.list_, "[NAME]", moves_data=True),
    "NLST": Command(transfers.nlst, "[NAME]", moves_data=True),
    "MLSD": Command(transfers.mlsd, "[FOLDER]", moves_data=True),
    "ABOR": Command(opening.abor),
    "STAT": Command(transfers.stat, "[NAME]"),
    "MLST": Command(files.mlst, "[NAME]"),
    "SIZE": Command(files.size, "NAME"),
    "MDTM": Command(files.mdtm, "NAME"),
    "MFMT": Command(files.mfmt, "TIME NAME"),
    "RNFR": Command(files.rnfr, "NAME"),
    "RNTO": Command(files.rnto, "NAME"),
    "DELE": Command(files.dele, "NAME"),
    "PWD": Command(files.pwd),
    "XPWD": Command(files.pwd),
    "CWD": Command(files.cwd, "FOLDER"),
    "XCWD": Command(files.cwd, "FOLDER"),
    "CDUP": Command(files.cdup),
    "XCUP": Command(files.cdup),
    "MKD": Command(files.folder, "FOLDER"),
    "XMKD": Command(files.folder, "FOLDER"),
    "RMD": Command(files.folder, "FOLDER"),
    "XRMD": Command(files.folder, "FOLDER"),
}


async def answer_to(session: Session, verb: str, argument: bytes) -> Answer | None:
    """What the table has for *verb*, asked of *session*; None when the command has said it itself."""
    try:
        command = allowed(session, verb, argument)
        if verb != "RNTO":
            session.rename_from = None
        return await command.run(session, argument)
    except Declined as refusal:
        return refusal.answer
    except NotAccepted as refusal:
        return Answer(reply_to(refusal).ftp, str(refusal))


def allowed(session: Session, verb: str, argument: bytes) -> Command:
    """The command, when it may be asked now.  Raises Declined."""
    command = COMMANDS.get(verb)
    if not (session.logged_in or (command is not None and command.before_login)):
        raise Declined(530, "Please log in with USER and PASS.")
    if command is None:
        raise Declined(502, f"{verb or 'An empty line'} is not known here. HELP lists the commands.")
    if command.needs_argument and not argument:
        raise Declined(501, f"{verb} takes {command.takes}.")
    if command.moves_data and session.needs_tls and not session.protected:
        raise Declined(522, "Data connections are private here: send PROT P first.")
    return command
