"""Random FTP control connections, with honest uploads among them."""

from __future__ import annotations

import random
import re
import socket

from appliance import PASSWORD
from hostile.doors import HOST, Doors, Lines
from hostile.mutate import cut, mutated

PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xff\xf4\xff\xf2",
        b"\xff",
        b" ",
        b"/",
        b"../",
        b"*",
        b"[",
        b"[!-",
        b"?",
        b"\x1b[2J",
    ),
    *(
        b"USER acme\r\n",
        b"PASS x\r\n",
        b"AUTH TLS\r\n",
        b"PBSZ 0\r\n",
        b"PROT P\r\n",
        b"QUIT\r\n",
        b"ABOR\r\n",
    ),
    *(
        b"PASV\r\n",
        b"EPSV\r\n",
        b"EPSV ALL\r\n",
        b"EPSV 3\r\n",
        b"PORT 127,0,0,1,255,255\r\n",
        b"PORT 1,2,3\r\n",
    ),
    *(
        b"EPRT |1|127.0.0.1|65535|\r\n",
        b"EPRT |2|::1|1024|\r\n",
        b"EPRT " + b"|" * 300 + b"\r\n",
        b"REST 5\r\n",
    ),
    *(
        b"REST 999999999999999999\r\n",
        b"STOR x.csv\r\n",
        b"APPE x.csv\r\n",
        b"RETR x.csv\r\n",
        b"LIST\r\n",
        b"NLST -la\r\n",
    ),
    *(
        b"LIST [z-a]*[\r\n",
        b"LIST " + b"*a" * 900 + b"\r\n",
        b"MLSD\r\n",
        b"MLST x\r\n",
        b"STAT\r\n",
        b"STAT *\r\n",
    ),
    *(
        b"RNFR x.part\r\n",
        b"RNTO x.csv\r\n",
        b"DELE x\r\n",
        b"SIZE x\r\n",
        b"MDTM x\r\n",
        b"MFMT 2 x\r\n",
        b"CWD ..\r\n",
    ),
    *(
        b"OPTS MLST size;\r\n",
        b"OPTS UTF8 ON\r\n",
        b"SITE CHMOD 777 x\r\n",
        b"ALLO 9\r\n",
        b"HELP x\r\n",
        b"FEAT\r\n",
    ),
    *("ä€\u202e".encode(), b"x" * 300, b"x" * 5000, b"TYPE L 8\r\n", b"MODE B\r\n", b"STRU R\r\n", b"%s{}"),
]
HONEST = b"TYPE I\r\nPWD\r\nPASV\r\nSTAT\r\nEPSV\r\nFEAT\r\nSIZE x.csv\r\nCWD /\r\nMLST\r\nNOOP\r\nQUIT\r\n"


def session(dice: random.Random, doors: Doors) -> list[tuple[int, bytes]]:
    """One session: closed by the server once nothing more comes; an upload among the noise is a delivery."""
    with doors.raw("ftp") as connection:
        lines = Lines(connection)
        assert lines.answer().startswith("220 ")
        if dice.randrange(3):
            lines.ask(b"USER acme")
            assert lines.ask(b"PASS " + PASSWORD.encode()).startswith("230 ")
        sent = upload(dice, lines) if dice.randrange(4) == 0 else []
        lines.pour(cut(dice, mutated(dice, HONEST, PIECES)))
        return sent


def upload(dice: random.Random, lines: Lines) -> list[tuple[int, bytes]]:
    content = dice.randbytes(dice.randrange(100_000))
    answer = lines.ask(b"EPSV")
    if not answer.startswith("229"):
        return []  # not logged in
    port = int(re.search(r"\|(\d+)\|", answer)[1])
    with socket.create_connection((HOST, port), 30) as data:
        assert lines.ask(b"STOR fuzz-%d.csv" % dice.randrange(9)).startswith("150 ")
        data.sendall(content)
    return [(int(re.fullmatch(r"226 Stored as delivery (\d+)\.\r\n", lines.answer())[1]), content)]
