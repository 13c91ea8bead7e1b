"""What a value may look like.

Each function takes what stands in the file and returns what we keep, or raises Unfit with what goes on
after the key: "is not a time zone".  They know neither the key nor the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from dorimportd.toml import Unfit, nearest

Network = IPv4Network | IPv6Network
T = TypeVar("T")

# Of a customer or a format: also a file name and, for a customer, the login.
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

# RFC 1123 section 2.1: letters, digits and hyphens between dots.
LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(?:\.{LABEL})*")
# RFC 5321 section 4.1.2, without the quoted form that nobody gives out.
LOCAL_PART: Final = re.compile(
    r"(?=.{1,64}\Z)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII
)

ENDPOINT: Final = re.compile(
    r"tcp6?:(?P<port>\d{1,5})(?::interface=(?P<interface>[0-9A-Fa-f.:\\%\w]+))?", re.ASCII
)
LAST_PORT: Final = 65535

SQLITE: Final = "sqlite:///"
POSTGRESQL: Final = "postgresql://"

SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) *([kKMGT]i?)?B", re.ASCII)
STEPS: Final = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}

# What a hash in a file may ask of us at each login: memory in KiB, passes, lanes.
ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}",
    re.ASCII,
)
HEAVIEST: Final = (262_144, 16, 16)

# ISO 4217: the currencies that are or lately were in use, without funds and metals.
CODES: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT
LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(CODES.split())


def text(check: Callable[[str], T]) -> Callable[[Any], T]:
    """*check*, for a value that may be of any kind."""

    def of(value: Any) -> T:
        if not isinstance(value, str):
            raise Unfit("must be text in quotes")
        return check(value)

    return of


def timezone(name: str) -> str:
    """The name of an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # "../x", "Atlantis", "Europe"
        raise Unfit("is not a time zone such as 'Europe/Berlin'", zone_meant(name)) from None
    return name


def zone_meant(name: str) -> str | None:
    """The zone of the same place, or else one whose whole name looks like *name*."""
    zones = sorted(available_timezones())
    place = name.rpartition("/")[2].replace(" ", "_").casefold()
    same = [zone for zone in zones if zone.rpartition("/")[2].casefold() == place]
    if same or "/" not in name:
        return next(iter(same), None)
    return nearest(name, zones)


def currency(code: str) -> str:
    """An ISO 4217 code."""
    if code not in CURRENCIES:
        meant = code.upper() if code.upper() in CURRENCIES else None
        raise Unfit("is not the code of a currency such as 'EUR'", meant)
    return code


def login(name: str) -> str:
    """What stands at a login as the user's name."""
    if not LOGIN.fullmatch(name):
        raise Unfit("must be 1 to 64 letters, digits and . _ @ -, the first a letter or digit")
    return name


def password_hash(phc: str) -> str:
    """An Argon2id hash in PHC syntax that is not too much work for a login."""
    match = ARGON2ID.fullmatch(phc)
    if not match:
        raise Unfit("must be a hash, never the password: `dorimportctl customer password NAME` makes one")
    if any(int(asked) > most for asked, most in zip(match.groups(), HEAVIEST, strict=True)):
        raise Unfit("asks for too much work: at most m=262144 (256 MiB), t=16, p=16")
    return phc


def database_url(url: str) -> str:
    """The URL of a database.  Whether there is one, and what else may stand in its URL, is not known here."""
    known = url != SQLITE if url.startswith(SQLITE) else url.startswith(POSTGRESQL) and has_good_port(url)
    if not known or not url.isprintable():
        raise Unfit("is not the URL of a database: 'sqlite:///FILE' or 'postgresql://…'")
    return url


def has_good_port(url: str) -> bool:
    """Whether the port in it, if there is any, can be one."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def holds_password(url: str) -> bool:
    """Whether there is a password in the URL of a database."""
    parts = urlsplit(url)
    return parts.password is not None or "password=" in parts.query


def host(name: str) -> str:
    """A host name or mail domain."""
    if not HOST.fullmatch(name):
        raise Unfit("is not a host name such as 'imports.shop.example'")
    return name


def local_part(name: str) -> str:
    """The part of a mail address before the @."""
    if "@" in name:
        raise Unfit("must be only the part before the @; the part after it is smtp.mail_domain")
    if not LOCAL_PART.fullmatch(name):
        raise Unfit("cannot stand before the @ of a mail address")
    if name.casefold() == "postmaster":
        raise Unfit("belongs to the administrator of every mail server (RFC 5321 section 4.5.1)")
    return name


def day(value: object) -> date:
    """A day of the calendar."""
    if isinstance(value, datetime) or not isinstance(value, date):
        raise Unfit("must be a date without quotes, like 2027-01-31")
    return value


def mail_address(address: str) -> str:
    """A whole mail address."""
    before, _, after = address.rpartition("@")
    if not LOCAL_PART.fullmatch(before) or not HOST.fullmatch(after):
        raise Unfit("is not a mail address such as 'ann@shop.example'")
    return address


def archive_address(address: str) -> str:
    """A whole mail address, or the part of one before the @."""
    return mail_address(address) if "@" in address else local_part(address)


def sender_pattern(pattern: str) -> str:
    """A mail address in which * stands for any characters."""
    if not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", pattern):
        raise Unfit("is not a mail address or a pattern such as '*@shop.example'")
    return pattern


def file_pattern(pattern: str) -> str:
    """A file name in which * and ? stand for any characters."""
    if not pattern or "/" in pattern:
        raise Unfit("must be a file name or a pattern such as 'sales_*.csv', without folders")
    return pattern


def network(written: str) -> Network:
    """An address, or a network as address/bits."""
    try:
        return ip_network(written)
    except ValueError:
        raise Unfit(
            "is not a network such as '192.0.2.0/24' or an address", network_around(written)
        ) from None


def network_around(written: str) -> str | None:
    """The network in which the address lies, when someone wrote 192.0.2.1/24."""
    try:
        return str(ip_network(written, strict=False))
    except ValueError:
        return None


def public_address(written: str) -> str:
    """The IPv4 address by which the outside reaches us."""
    try:
        usable = not (IPv4Address(written).is_unspecified or IPv4Address(written).is_multicast)
    except ValueError:
        usable = False
    if not usable:
        raise Unfit("is not an IPv4 address such as '192.0.2.10'")
    return written


def port_range(written: str) -> range:
    """FIRST-LAST, both included."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", written, re.ASCII)
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= first <= last <= LAST_PORT:
        raise Unfit("is not a range of ports such as '50000-50099'")
    return range(first, last + 1)


def endpoint(written: str) -> str:
    """Where to listen, as Twisted writes it: tcp:PORT or tcp6:PORT, then perhaps :interface=ADDRESS.

    In it a colon of the address is written as a backslash and a colon.
    """
    match = ENDPOINT.fullmatch(written)
    if not match or int(match["port"]) > LAST_PORT:
        raise Unfit("is not an endpoint such as 'tcp:2222' or 'tcp:2222:interface=127.0.0.1'")
    interface = match["interface"]
    if interface is not None and not is_interface(
        interface, IPv6Address if "tcp6" in written else IPv4Address
    ):
        raise Unfit("has an interface that is not an address of its kind with each colon written as \\:")
    return written


def is_interface(written: str, kind: type[IPv4Address] | type[IPv6Address]) -> bool:
    """Whether *written* is an address of that kind, each colon in it behind a backslash."""
    try:
        kind(written.replace("\\:", ":"))
    except ValueError:
        return False
    return ":" not in written.replace("\\:", "")


def size(value: Any) -> Any:
    """Bytes: a whole number, or a text such as 10 GiB (1024 steps) or 10 GB (1000 steps)."""
    if not isinstance(value, str):
        return value
    match = SIZE.fullmatch(value)
    if not match:
        raise Unfit("is not a size such as '50 MiB' or a whole number of bytes")
    unit = match[2] or ""
    return int(float(match[1]) * (1024 if "i" in unit else 1000) ** STEPS[unit[:1]])


Timezone = Annotated[str, AfterValidator(timezone)]
Currency = Annotated[str, AfterValidator(currency)]
Login = Annotated[str, AfterValidator(login)]
PasswordHash = Annotated[str, AfterValidator(password_hash)]
DatabaseUrl = Annotated[str, AfterValidator(database_url)]
Host = Annotated[str, AfterValidator(host)]
Day = Annotated[date, PlainValidator(day)]
LocalPart = Annotated[str, AfterValidator(local_part)]
MailAddress = Annotated[str, AfterValidator(mail_address)]
ArchiveAddress = Annotated[str, AfterValidator(archive_address)]
SenderPattern = Annotated[str, AfterValidator(sender_pattern)]
FilePattern = Annotated[str, AfterValidator(file_pattern)]
NetworkOrAddress = Annotated[Network, PlainValidator(text(network))]
PublicAddress = Annotated[str, AfterValidator(public_address)]
Ports = Annotated[range, PlainValidator(text(port_range))]
Endpoint = Annotated[str, AfterValidator(endpoint)]
Size = Annotated[int, BeforeValidator(size)]
