"""The FTP and FTPS door (RFC 959, 2228, 2389, 2428, 3659, 4217).

    wire.py         lines to commands, answers to lines, the addresses in PORT and PASV
    listing.py      what LIST, NLST, MLSD and MLST show
    session.py      what is known of one session
    login.py        USER, PASS, AUTH …          ] the commands: each takes the session and its argument,
    parameters.py   TYPE, FEAT, OPTS …          ] and gives an answer or raises a refusal
    files.py        SIZE, RNFR, DELE, CWD …     ]
    opening.py      PASV, EPSV, PORT, EPRT …    ]
    transfers.py    STOR, RETR, LIST …          ]
    commands.py     the table of all commands
    data.py         data connections: opened by either side, ended cleanly or not
    flow.py         the bytes of one transfer, in either direction
    control.py      the control connection: one command after the other, time limits, the end

The control connection is read all the time, also during a transfer: ABOR and a lost connection are
seen at once.  A file is accepted only when its data connection was ended as its sender ends one, and
the control connection is there to hear of it; anything else keeps what came for resuming.
"""

from __future__ import annotations

from dorimportd.receive.ftp.control import FtpFactory, ftp_factory

__all__ = ["FtpFactory", "ftp_factory"]
