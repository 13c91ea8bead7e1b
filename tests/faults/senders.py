"""Real clients, each a process: curl for FTP, OpenSSH's sftp, and swaks for mail."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance import PASSWORD, run_client

SECONDS: Final = 100  # for a client to end, which only a failure reaches
NUMBERS: Final = re.compile(
    rb"^(?:< 226 Stored as|< 250 Stored as|<.  250 2\.0\.0 Accepted as) deliver(?:y|ies) (\d[\d, ]*)",
    re.MULTILINE,
)
SSH: Final = (
    *("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"),
    *("-oIdentitiesOnly=yes", "-oBatchMode=yes", "-oConnectTimeout=20"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client was told."""

    acknowledged: bool
    sequences: tuple[int, ...] = ()  # of the deliveries, where that was said
    output: bytes = b""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends files to the doors of one machine."""

    key: Path  # of OpenSSH, which all customers have
    ports: Mapping[str, int]  # by channel; others may change them

    def send(
        self, path: Path, channel: str, *customers: str, temporary: bool = False, resume: bool = False
    ) -> Reply:
        """Send the file *path*, which is there under the name that it has; a mail may be to several.

        A *temporary* name is what some clients send under first.  *resume* goes on where the last attempt
        broke off.
        """
        if channel == "smtp":
            return self._mail(path, customers)
        send = self._ftp if channel == "ftp" else self._sftp
        return send(path, customers[0], temporary=temporary, resume=resume)

    def _ftp(self, path: Path, customer: str, *, temporary: bool, resume: bool) -> Reply:
        words = ["curl", "--silent", "--show-error", "--verbose", "--connect-timeout", "20"]
        words += ["--user", f"{customer}:{PASSWORD}", "--upload-file", str(path)]
        name = f"{path.name}.part" if temporary else path.name
        if temporary:
            words += ["--quote", f"-RNFR {name}", "--quote", f"-RNTO {path.name}"]
        if resume:
            words += ["--continue-at", "-"]
        done = run_client(*words, f"ftp://127.0.0.1:{self.ports['ftp']}/{name}", seconds=SECONDS)
        # The exit status says less: curl takes a file for sent whose bytes are there, though nobody said 226.
        return reply(done.stdout + done.stderr, kind=b"< 250 " if temporary else b"< 226 ")

    def _sftp(self, path: Path, customer: str, *, temporary: bool, resume: bool) -> Reply:
        put = "reput" if resume else "put"
        batch = f'{put} "{path}" "{path.name}"\n'
        if temporary:
            batch = f'{put} "{path}" "{path.name}.part"\nrename "{path.name}.part" "{path.name}"\n'
        words = ["sftp", "-b", "-", "-P", str(self.ports["sftp"]), "-i", str(self.key), *SSH]
        done = run_client(*words, f"{customer}@127.0.0.1", stdin=batch.encode(), seconds=SECONDS)
        return Reply(done.returncode == 0, (), done.stdout + done.stderr)

    def _mail(self, path: Path, customers: tuple[str, ...]) -> Reply:
        to = ",".join(f"{each}@sales.example" for each in customers)
        words = [
            "swaks",
            "--server",
            f"127.0.0.1:{self.ports['smtp']}",
            "--from",
            "till@shop.example",
            "--to",
            to,
        ]
        words += ["--header", "Subject: Sales", "--attach-type", "text/csv", "--attach-name", path.name]
        done = run_client(*words, "--attach", f"@{path}", "--hide-send", "--timeout", "60s", seconds=SECONDS)
        return reply(done.stdout + done.stderr, kind=b"<.  250 ")


def reply(output: bytes, *, kind: bytes) -> Reply:
    """What *output* says by an answer that begins with *kind*."""
    numbers = [
        int(number)
        for match in NUMBERS.finditer(output)
        if re.match(kind, match[0])
        for number in match[1].decode().split(",")
    ]
    return Reply(bool(numbers), tuple(numbers), output)


def make_key(path: Path) -> Path:
    """A new key pair of OpenSSH; *path* is the private half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "till", "-f", path], check=True)
    return path
