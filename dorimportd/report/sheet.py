"""The customer sheet: what a sysadmin sends a customer, so that its first attempt succeeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dorimportd.words import TlsStart

TEXT: Final = """\
Sending sales files to {hostname}
=================================

For:       {display_name}
User name: {login}
{credentials}
{doors}
{host_keys}
What the file must carry
------------------------
A CSV file with a header line, one row for each sale or refund, and in each row

  - the location: a code or name of the store that never changes
  - the transaction ID: never used for two sales of yours
  - the total, negative for a refund
  - date and time of the sale{zone}

Give each file a name of its own, such as sales-2026-07-14.csv. Files that were sent cannot be renamed
or deleted. To correct data, send a file with the same transaction IDs: what is sent later counts.
{examples}"""

CHANNELS: Final = ("sftp", "ftp", "smtp")  # the best one first
FTPS: Final[Mapping[str, str]] = {
    TlsStart.OPTIONAL: "with TLS (explicit FTPS) where you can",
    TlsStart.EXPLICIT: "with TLS only (explicit FTPS)",
    TlsStart.IMPLICIT: "with TLS from the first byte (implicit FTPS)",
}

GOOD_SFTP: Final = """
A good upload
-------------
    $ sftp -P {port} {login}@{hostname}
    sftp> put sales-2026-07-14.csv
    Uploading sales-2026-07-14.csv to /sales-2026-07-14.csv
    sftp> bye

When `put` shows no error, the file is stored safely and will be imported.

A refused upload
----------------
    sftp> put sales-2026-07-14.csv 2026/sales.csv
    dest open "2026/sales.csv": No such file or directory
    sftp> rename sales-2026-07-14.csv old.csv
    remote rename "/sales-2026-07-14.csv" to "/old.csv": Permission denied

There are no folders here, and a file that was sent stays as it is.
"""

GOOD_MAIL: Final = """
A good mail
-----------
To:         {mail_address}
Attachment: exactly one CSV file

    250 2.0.0 Accepted as delivery 17      it is stored safely and will be imported
    554 5.6.0 A mail must carry exactly one CSV file. ...      it was not taken: correct it, send it again
"""


def sheet(customer: Mapping[str, Any], hostname: str, running: Mapping[str, Any] | None) -> str:
    """The sheet for *customer*; ports and fingerprints are those of the *running* daemon."""
    doors = list(running["listeners"]) if running else []
    ports = [each["port"] for each in doors if each["channel"] == "sftp"]
    names = {**customer, "hostname": hostname, "port": next(iter(ports), 22)}
    examples = GOOD_SFTP.format(**names)
    if customer["mail_address"]:
        examples += GOOD_MAIL.format(**names)
    return TEXT.format(
        **names,
        credentials=credentials_text(customer),
        doors=doors_text(customer, hostname, doors),
        host_keys=host_keys_text(running["host_keys"] if running else []),
        zone=f", on the clock of {customer['timezone']} unless it says its zone",
        examples=examples,
    )


def credentials_text(customer: Mapping[str, Any]) -> str:
    """What the customer logs in with."""
    lines = ["Password:  as agreed"] if customer["password"] else []
    lines += [
        f"Key:       {key['type']} {key['fingerprint']} {key['comment']}".rstrip() for key in customer["keys"]
    ]
    return "".join(f"{line}\n" for line in lines or ["Login:     no password or key is set yet"])


def doors_text(customer: Mapping[str, Any], hostname: str, doors: Iterable[Mapping[str, Any]]) -> str:
    """Where to send to."""
    in_order = sorted(doors, key=lambda each: CHANNELS.index(each["channel"]))
    # A door that listens on several addresses is one for the customer.
    lines = dict.fromkeys(door_text(each, customer, hostname) for each in in_order)
    return "".join(lines) or "No daemon is running now: ports and fingerprints are not known.\n"


def door_text(door: Mapping[str, Any], customer: Mapping[str, Any], hostname: str) -> str:
    """One way to send; "" when it is none for this customer."""
    where = f"{hostname} port {door['port']}"
    match door["channel"], door["tls"]:
        case "sftp", _:
            return f"SFTP:      {where}\n"
        case "ftp", tls if customer["password"]:
            must = tls == TlsStart.OPTIONAL and customer["require_tls"]
            return f"FTP:       {where}, {FTPS[TlsStart.EXPLICIT if must else tls]}\n"
        case "smtp", TlsStart.OPTIONAL if customer["mail_address"]:
            return f"E-mail:    {customer['mail_address']}\n"
        case "smtp", TlsStart.IMPLICIT if customer["mail_address"]:
            return f"E-mail:    {customer['mail_address']}, by {where} with TLS from the first byte\n"
    return ""


def host_keys_text(host_keys: Iterable[Mapping[str, str]]) -> str:
    """By which the customer knows that it is us."""
    lines = [f"    {each['type']:<12} {each['fingerprint']}\n" for each in host_keys]
    return (
        "Our SFTP host keys, to compare at the first connection:\n\n" + "".join(lines) + "\n" if lines else ""
    )
