"""Addresses as they are shown, and as they are counted."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import Final

SITE_BITS: Final = 64  # what one IPv6 site has of addresses of its own: any of them is the same sender


def plain_address(host: str) -> str:
    """*host* without the IPv6 clothes that an IPv4 address wears on a socket for both."""
    address = ip_address(host)
    mapped = None if isinstance(address, IPv4Address) else address.ipv4_mapped
    return str(mapped or address)


def source(host: str) -> str:
    """The sender that *host* is counted as: an IPv4 address, or the /64 network of an IPv6 address."""
    address = ip_address(plain_address(host).partition("%")[0])
    if isinstance(address, IPv4Address):
        return str(address)
    rest = 128 - SITE_BITS
    return f"{type(address)(int(address) >> rest << rest)}/{SITE_BITS}"
