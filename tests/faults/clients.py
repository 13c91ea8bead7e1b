"""Real clients that send one file through each door, and say whether it was acknowledged."""

from __future__ import annotations

import ftplib
import io
import smtplib
import subprocess
from email.message import EmailMessage
from pathlib import Path

from appliance import PASSWORD, Appliance, need, run_client

SFTP = ("-q", "-b", "-", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR")
SECONDS = 60  # in which everything is answered


class Senders:
    """The clients of acme; made before the daemon starts, since they need a key there."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self._key = appliance.folder / "acme.key"
        command = [need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "acme", "-f", self._key]
        subprocess.run(command, check=True)
        appliance.run_ctl("customer", "key", "add", "acme", self._key.with_suffix(".key.pub"))
        self._ports: dict[str, int] = {}

    def find_doors(self) -> None:
        """Learn the ports of the daemon that runs now."""
        listeners = self.appliance.ctl("status")["listeners"]
        self._ports = {each["channel"]: each["port"] for each in listeners}

    def send(self, channel: str, name: str, content: bytes) -> str:
        """What the client was told: "" when it was acknowledged."""
        way = {"sftp": self._by_sftp, "ftp": self._by_ftp, "smtp": self._by_smtp}[channel]
        try:
            return way(name, content)
        except (*ftplib.all_errors, smtplib.SMTPException) as error:
            return str(error) or type(error).__name__

    def ftp(self) -> ftplib.FTP:
        session = ftplib.FTP(timeout=SECONDS)
        session.connect("127.0.0.1", self._ports["ftp"])
        session.login("acme", PASSWORD)
        return session

    def sftp(self, *commands: str) -> subprocess.CompletedProcess[bytes]:
        words = [need("sftp"), *SFTP, "-i", self._key, "-oIdentitiesOnly=yes"]
        words += ["-P", str(self._ports["sftp"]), "acme@127.0.0.1"]
        return run_client(*words, stdin="".join(f"{each}\n" for each in commands).encode(), seconds=SECONDS)

    def file(self, name: str, content: bytes) -> Path:
        """Where sftp finds it."""
        path = self.appliance.folder / "outgoing" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def _by_sftp(self, name: str, content: bytes) -> str:
        path = self.file(name, content)
        done = self.sftp(f"put {path}")
        path.unlink()
        return "" if done.returncode == 0 else (done.stderr or done.stdout).decode() or "no answer"

    def _by_ftp(self, name: str, content: bytes) -> str:
        with self.ftp() as session:
            answer = session.storbinary(f"STOR {name}", io.BytesIO(content))
        return "" if answer.startswith("226") else answer

    def _by_smtp(self, name: str, content: bytes) -> str:
        with smtplib.SMTP("127.0.0.1", self._ports["smtp"], timeout=SECONDS) as session:
            session.send_message(mail(name, content))
        return ""


def mail(name: str, content: bytes) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "till@shop.example", "acme@sales.example"
    message["Subject"], message["Message-ID"] = "Sales", f"<{name}@shop.example>"
    message.set_content("Sales.\n")
    message.add_attachment(content, maintype="text", subtype="csv", filename=name)
    return message
