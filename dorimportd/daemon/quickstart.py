"""`dorimportd quickstart`: the whole appliance in one folder, on this machine only.

The first start makes everything: configuration, a customer with a password and a key pair, a sample
file; it sends the sample through the FTP door, as a customer would, and shows the rows that came of it.
Every start prints the lines to paste into another terminal, then one line for each delivery.
"""

from __future__ import annotations

import secrets
import shlex
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ftplib import FTP
from pathlib import Path
from typing import Final

from twisted.python.failure import Failure

from dorimportd.config.secrets import hash_password
from dorimportd.daemon.assembly import Appliance
from dorimportd.daemon.main import run
from dorimportd.events import (
    DeliveryAccepted,
    DeliveryDuplicate,
    DeliveryHeld,
    DeliveryImported,
    Event,
    Level,
)
from dorimportd.report.lines import one_line
from dorimportd.report.tables import table
from dorimportd.store.sales import SalesRow
from dorimportd.words import Channel

HOST: Final = "127.0.0.1"
PORTS: Final = {Channel.SFTP: 2022, Channel.FTP: 2121, Channel.SMTP: 2525}
CUSTOMER: Final = "demo"
MAIL_DOMAIN: Final = "demo.example"
SAMPLE: Final = "sales-2026-07-14.csv"
NEWS: Final = (DeliveryAccepted, DeliveryImported, DeliveryHeld, DeliveryDuplicate)

MAIN_FILE: Final = """\
# Made by `dorimportd quickstart`: an ordinary configuration, for `dorimportd run --config` as well.
hostname = "localhost"
state_directory = "state"

[sftp]
listen = ["tcp:{sftp}:interface=127.0.0.1"]

[ftp]
listen = ["tcp:{ftp}:interface=127.0.0.1"]

[smtp]
listen = ["tcp:{smtp}:interface=127.0.0.1"]
mail_domain = "{mail_domain}"
archive_address = "archive"

[limits]
free_space = "100 MiB"
"""

CUSTOMER_FILE: Final = """\
display_name = "Demo Shops"
timezone = "Europe/Berlin"
currency = "EUR"
mail_address = "demo"
format = "demo"
password = "{password_hash}"
"""

FORMAT_FILE: Final = """\
# Five lines are a whole format; `dorimportctl help formats` has the rest.
delimiter = ";"
location = "Store"
transaction_id = "Receipt"
total = "Total"
time = ["Date", "Time"]
time_format = "%d.%m.%Y %H:%M:%S"
decimal = ","
thousands = "."
"""

SALES: Final = """\
Store;Receipt;Date;Time;Total;Cashier
0007;0007-000118;14.07.2026;09:02:11;12,50;Ada
0007;0007-000119;14.07.2026;09:05:43;1.249,00;Ada
0007;0007-000120;14.07.2026;09:17:08;-12,50;Ada
0012;0012-004501;14.07.2026;10:31:00;8,95;Grace
0012;0012-004502;14.07.2026;10:44:27;23,40;Grace
"""


WELCOME: Final = """\
{done} {folder}

  customer     demo, password {password}, key demo-key, mail address {address}
  sftp         127.0.0.1 port {sftp}
  ftp          127.0.0.1 port {ftp}
  smtp         127.0.0.1 port {smtp}

To send the sample, {sample}, paste one of these lines into another terminal:

  {by_sftp}

  {by_ftp}

  {by_mail}

To see what came of it:

  {deliveries}
  {see}

Ctrl-C ends it; the same command goes on where it was.
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """The files of a quickstart folder."""

    folder: Path  # absolute

    @property
    def config(self) -> Path:
        return self.folder / "dorimportd.toml"

    @property
    def sample(self) -> Path:
        return self.folder / SAMPLE

    @property
    def password_file(self) -> Path:
        return self.folder / "demo-password"

    @property
    def key(self) -> Path:
        return self.folder / "demo-key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"


def quickstart(folder: Path) -> int:
    """Make the folder where it is not there, and run in it; the exit status."""
    demo = Demo(folder.absolute())
    try:
        first = make(demo)
    except OSError as error:
        print(f"quickstart: {error.filename or folder}: {error.strerror}", file=sys.stderr)
        return 1
    visit = Visit(demo, first)
    return run(demo.config, tell=visit.tell, ready=visit.begin)


def make(demo: Demo) -> bool:
    """Make all files, the configuration last; whether they were not there yet.  Raises OSError."""
    if demo.config.exists():
        return False
    for name in ("customers.d", "formats.d", "keys"):
        (demo.folder / name).mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(9)
    write_private(demo.password_file, f"{password}\n")
    public = make_key_pair(demo.key)
    customer = CUSTOMER_FILE.format(password_hash=hash_password(password))
    write_private(demo.folder / "customers.d" / f"{CUSTOMER}.toml", customer)
    (demo.folder / "formats.d" / "demo.toml").write_text(FORMAT_FILE)
    (demo.folder / "keys" / CUSTOMER).write_text(public)
    demo.sample.write_text(SALES)
    ports = {channel.value: free_port(port) for channel, port in PORTS.items()}
    demo.config.write_text(MAIN_FILE.format(**ports, mail_domain=MAIL_DOMAIN))
    return True


def write_private(path: Path, text: str) -> None:
    """*text* in a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_text(text)


def make_key_pair(path: Path) -> str:
    """An Ed25519 key pair as ssh-keygen makes it, the private key in *path*; the public one's line."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    write_private(path, private.decode())
    public = f"{key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} demo\n"
    path.with_suffix(".pub").write_text(public)
    return public


def free_port(port: int) -> int:
    """*port*, or the next one that nobody listens on."""
    for candidate in range(port, port + 1000):
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((HOST, candidate))
            except OSError:
                continue
            return candidate
    raise OSError(0, f"no free port from {port} on")


class Visit:
    """What a quickstart says while it runs."""

    def __init__(self, demo: Demo, first: bool) -> None:
        self._demo = demo
        self._first = first
        self._appliance: Appliance | None = None
        self._waiting = False  # for the import of our own sample

    def tell(self, event: Event) -> None:
        """One line for each delivery as it arrives and is imported, and for whatever is wrong."""
        if isinstance(event, NEWS) or event.level <= Level.WARNING:
            for line in event.sentence().split("\n"):
                print(one_line(line), flush=True)
        if self._waiting and isinstance(event, (DeliveryImported, DeliveryHeld, DeliveryDuplicate)):
            self._waiting = False
            self._show_rows()

    def begin(self, appliance: Appliance) -> None:
        """All doors are open."""
        self._appliance = appliance
        listeners = appliance.listeners.listeners()
        # Of several of one channel the first counts, and so comes last.
        ports = {each.door.channel: each.port for each in reversed(listeners)}
        self._demo.known_hosts.write_text(known_hosts(ports[Channel.SFTP], appliance.public_host_keys()))
        print(welcome(self._demo, ports, self._first), flush=True)
        if self._first:
            print("Sending the sample through the FTP door, as a customer would:", flush=True)
            self._waiting = True
            password = self._demo.password_file.read_text().strip()
            sending = appliance.workers.run(send_by_ftp, ports[Channel.FTP], password, self._demo.sample)
            sending.addErrback(self._not_sent)

    def _not_sent(self, failure: Failure) -> None:
        self._waiting = False
        print(f"The sample could not be sent: {failure.getErrorMessage()}", file=sys.stderr, flush=True)

    def _show_rows(self) -> None:
        assert self._appliance is not None
        rows = self._appliance.workers.run(self._appliance.transactions, CUSTOMER)
        rows.addCallback(lambda found: print(f"\n{rows_table(found)}", flush=True))
        rows.addErrback(self._not_sent)


def send_by_ftp(port: int, password: str, sample: Path) -> None:
    """Send the sample as any client would.  Raises OSError or ftplib.Error."""
    with FTP() as session, sample.open("rb") as file:
        session.connect(HOST, port, timeout=30)
        session.login(CUSTOMER, password)
        session.storbinary(f"STOR {sample.name}", file)


def rows_table(rows: Iterable[SalesRow]) -> str:
    """The transactions that came of the sample."""
    columns = ["location", "transaction_id", "total", "currency", "local_time", "delivery"]
    return table(
        columns, [[getattr(row, name) for name in columns] for row in rows], right=["total", "delivery"]
    )


def known_hosts(port: int, public_keys: Iterable[str]) -> str:
    """Our host keys as ssh looks them up."""
    return "".join(f"[{HOST}]:{port} {key}\n" for key in public_keys)


def welcome(demo: Demo, ports: Mapping[Channel, int], first: bool) -> str:
    """What was done, and the lines to paste into another terminal."""
    password = demo.password_file.read_text().strip()
    done = "Made" if first else "Going on in"
    return WELCOME.format(
        done=done,
        folder=demo.folder,
        password=password,
        address=f"{CUSTOMER}@{MAIL_DOMAIN}",
        sample=demo.sample.name,
        sftp=ports[Channel.SFTP],
        ftp=ports[Channel.FTP],
        smtp=ports[Channel.SMTP],
        by_sftp=by_sftp(demo, ports[Channel.SFTP]),
        by_ftp=by_ftp(demo, ports[Channel.FTP], password),
        by_mail=by_mail(demo, ports[Channel.SMTP]),
        see=" ".join([dorimportctl(), "--config", quoted(demo.config), "transactions --customer", CUSTOMER]),
        deliveries=" ".join([dorimportctl(), "--config", quoted(demo.config), "deliveries"]),
    )


def quoted(path: Path) -> str:
    """*path* for a shell."""
    return shlex.quote(str(path))


def dorimportctl() -> str:
    """How to call it: the one beside us."""
    beside = Path(sys.argv[0]).absolute().with_name("dorimportctl")
    return quoted(beside) if beside.exists() else "dorimportctl"


def by_sftp(demo: Demo, port: int) -> str:
    """The line that sends the sample with OpenSSH's client, by key."""
    put = shlex.quote(f'put "{demo.sample}"')
    hosts = shlex.quote(f'UserKnownHostsFile="{demo.known_hosts}"')
    return (
        f"echo {put} | sftp -b - -i {quoted(demo.key)} -o IdentitiesOnly=yes -o {hosts} "
        f"-P {port} {CUSTOMER}@{HOST}"
    )


def by_ftp(demo: Demo, port: int, password: str) -> str:
    """The line that sends the sample with curl by FTP, by password."""
    return f"curl -T {quoted(demo.sample)} ftp://{CUSTOMER}:{password}@{HOST}:{port}/"


def by_mail(demo: Demo, port: int) -> str:
    """The line that sends the sample with curl by mail."""
    attached = shlex.quote(f'=@"{demo.sample}";type=text/csv;encoder=base64')
    return (
        f"curl smtp://{HOST}:{port} --mail-from till@shop.example --mail-rcpt {CUSTOMER}@{MAIL_DOMAIN} "
        f"-H 'Subject: Sales' -F {attached}"
    )
