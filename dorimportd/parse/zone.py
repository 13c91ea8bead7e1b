"""Time zones by the names that files have for them.

    Europe/Berlin                   IANA
    W. Europe Standard Time         Windows; "Daylight Time" is the same zone
    Eastern Time (US & Canada)      Rails, as Square and Shopify write it
    CET, CEST, EST, PDT             an abbreviation is the offset it stands for, whatever the season
    UTC, GMT+2, +02:00              an offset

Abbreviations that stand for several offsets (IST) are not taken.  BST is British, CST and the others of
that family are those of the United States.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta, timezone, tzinfo
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from dorimportd.parse.values import BadValue

# Hours east of UTC.
ABBREVIATIONS: Final[Mapping[str, float]] = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "MEZ": 1,
    "CEST": 2,
    "MESZ": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "SAST": 2,
    "NST": -3.5,
    "NDT": -2.5,
    "AST": -4,
    "ADT": -3,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
    "BRT": -3,
    "JST": 9,
    "KST": 9,
    "HKT": 8,
    "SGT": 8,
    "AWST": 8,
    "ACST": 9.5,
    "ACDT": 10.5,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
}
OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(1[0-4]|0?[0-9])(?::?([0-5][0-9]))?")
IN_BRACKETS: Final = re.compile(r"\((?:GMT|UTC)[+-]?[0-9:]*\)\s*")  # before a Rails name


def zone_of(text: str) -> tzinfo:
    """The time zone that *text* names, without the blanks around it.

    Raises BadValue.
    """
    name = text.strip()
    if not name:
        raise BadValue("is empty")
    offset = OFFSET.fullmatch(name.upper())
    if offset:
        sign, hours, minutes = offset.groups("0")
        east = timedelta(hours=int(hours), minutes=int(minutes))
        return fixed(-east if sign == "-" else east)
    if name.upper() in ABBREVIATIONS:
        return fixed(timedelta(hours=ABBREVIATIONS[name.upper()]))
    known = names().get(squeezed(IN_BRACKETS.sub("", name)))
    if known is None:
        raise BadValue("is not a time zone that is known here")
    return ZoneInfo(known)


@cache
def fixed(east: timedelta) -> tzinfo:
    return timezone(east)


@cache
def names() -> Mapping[str, str]:
    """IANA zones by what counts of each name: IANA's own go before all others."""
    found = {}
    for line in files("dorimportd.parse").joinpath("zones.txt").read_text().splitlines():
        name, sign, zone = line.partition("=")
        if sign and not line.startswith("#"):
            found[squeezed(name)] = zone
            if "Time" not in name:
                found |= {squeezed(f"{name} {kind} Time"): zone for kind in ("Standard", "Daylight")}
    return found | {squeezed(name): name for name in available_timezones()}


def squeezed(name: str) -> str:
    return " ".join(name.split()).casefold()
