"""Files through all three doors, by clients in this process; what was acknowledged is remembered."""

from __future__ import annotations

import ftplib
import io
import smtplib
from email.message import EmailMessage
from itertools import count

import paramiko
from appliance import PASSWORD, Appliance

HEADER = b"Store;Receipt;Total;Time\n"
SECONDS = 60  # for an answer, which only a failure reaches


class Doors:
    """Sends files of one sale each.

    `sold` is what the table must say of those that were acknowledged.
    """

    def __init__(self, appliance: Appliance) -> None:
        self.appliance = appliance
        self.sold: list[tuple[str, str, str, str]] = []
        self._numbers = count(1)
        self._ports: dict[str, int] = {}

    def find_ports(self) -> None:
        """After each start of the daemon."""
        listeners = self.appliance.ctl("status")["listeners"]
        self._ports = {each["channel"]: each["port"] for each in listeners}

    def send(self, *channels: str) -> None:
        """One file through each of *channels*."""
        for channel in channels:
            number = next(self._numbers)
            content = HEADER + b"0007;R-%05d;1.50;2026-07-14 09:02:11\n" % number
            getattr(self, f"by_{channel}")(f"{channel}-{number}.csv", content)
            self.sold.append(("0007", f"R-{number:05}", "1.50", "2026-07-14T07:02:11Z"))

    def send_by_all(self) -> None:
        self.send("ftp", "sftp", "smtp")

    def ftp(self) -> ftplib.FTP:
        session = ftplib.FTP()
        session.connect("127.0.0.1", self._ports["ftp"], timeout=SECONDS)
        session.login("acme", PASSWORD)
        return session

    def by_ftp(self, name: str, content: bytes) -> None:
        with self.ftp() as session:
            assert session.storbinary(f"STOR {name}", io.BytesIO(content)).startswith("226")

    def by_sftp(self, name: str, content: bytes) -> None:
        with paramiko.SSHClient() as ssh:
            ssh.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            ssh.connect(
                *("127.0.0.1", self._ports["sftp"], "acme", PASSWORD),
                **dict.fromkeys(("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), SECONDS),
                allow_agent=False,
                look_for_keys=False,
            )
            with ssh.open_sftp() as session:
                session.putfo(io.BytesIO(content), name)

    def by_smtp(self, name: str, content: bytes) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "till@shop.example", "acme@sales.example", name
        mail["Message-ID"] = f"<{name}@shop.example>"
        mail.set_content("Sales.")
        mail.add_attachment(content, maintype="text", subtype="csv", filename=name)
        with smtplib.SMTP("127.0.0.1", self._ports["smtp"], timeout=SECONDS) as session:
            assert session.send_message(mail) == {}

    def all_is_there_once(self) -> None:
        """Each acknowledged file is imported."""
        found = self.appliance.settle(len(self.sold), seconds=100)
        assert {each["state"] for each in found} == {"imported"}
        assert sorted(self.appliance.transactions()) == self.sold
