from __future__ import annotations

from ipaddress import ip_network

import pytest

from dorimportd.config import values
from dorimportd.toml import Unfit


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (4096, 4096),
        ("0 B", 0),
        ("512 B", 512),
        ("1KiB", 1024),
        ("1 KB", 1000),
        ("1 kB", 1000),
        ("50 MiB", 52_428_800),
        ("1.5 GiB", 1_610_612_736),
        ("10 GB", 10_000_000_000),
        ("2 TiB", 2_199_023_255_552),
    ],
)
def test_a_size_is_bytes_or_a_number_with_its_unit(written, size):
    assert values.size(written) == size


@pytest.mark.parametrize(
    "written", ["", "10", "10 M", "10 gib", "-1 MiB", "1,5 GiB", "1e3 B", "٣ MiB", "1 MiB "]
)
def test_no_other_text_is_a_size(written):
    with pytest.raises(Unfit):
        values.size(written)


@pytest.mark.parametrize(
    "written",
    [
        "tcp:22",
        "tcp:0",
        "tcp:65535",
        "tcp6:22",
        "tcp:2222:interface=127.0.0.1",
        r"tcp6:2222:interface=\:\:1",
        r"tcp6:2222:interface=fe80\:\:1%eth0",
        r"tcp6:2222:interface=2001\:db8\:\:25",
    ],
)
def test_an_endpoint_is_kept_as_it_was_written(written):
    assert values.endpoint(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "22",
        "tcp:",
        "tcp:65536",
        "tcp:-1",
        "udp:22",
        "tcp:22:backlog=5",
        "tcp:22:interface=",
        "tcp:22:interface=localhost",
        r"tcp:22:interface=\:\:1",
        "tcp6:22:interface=127.0.0.1",
        "tcp6:22:interface=::1",
        "tcp:22\n",
        "tcp:٢٢",
    ],
)
def test_no_other_text_is_an_endpoint(written):
    with pytest.raises(Unfit):
        values.endpoint(written)


def test_a_range_of_ports_holds_both_its_ends():
    assert values.port_range("50000-50001") == range(50000, 50002)
    assert values.port_range("65535-65535") == range(65535, 65536)
    for written in ("", "50000", "50001-50000", "0-1", "1-65536", "50000 - 50001"):
        with pytest.raises(Unfit):
            values.port_range(written)


def test_an_address_is_a_network_of_one():
    assert values.network("192.0.2.7") == ip_network("192.0.2.7/32")
    assert values.network("2001:db8::/32") == ip_network("2001:db8::/32")


@pytest.mark.parametrize(
    "written",
    ["sqlite:///sales.db", "sqlite:////srv/sales.db", "postgresql:///sales", "postgresql://u:p@h:5432/d"],
)
def test_urls_of_both_databases_are_taken(written):
    assert values.database_url(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "sales.db",
        "sqlite:///",
        "sqlite:sales.db",
        "postgres://h/d",
        "postgresql://h:p/d",
        "postgresql://h/d\n",
    ],
)
def test_no_other_text_is_the_url_of_a_database(written):
    with pytest.raises(Unfit):
        values.database_url(written)


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("sqlite:////srv/a@b/sales.db", False),
        ("postgresql://dori@db/sales", False),
        ("postgresql://dori:secret@db/sales", True),
        ("postgresql://db/sales?user=dori&password=secret", True),
    ],
)
def test_a_password_in_a_url_is_seen(url, holds):
    assert values.holds_password(url) is holds


def test_the_place_of_a_zone_is_enough_to_know_what_was_meant():
    assert values.zone_meant("New York") == "America/New_York"
    assert values.zone_meant("europe/berlin") == "Europe/Berlin"
    assert values.zone_meant("Europe/Pris") == "Europe/Paris"
    assert values.zone_meant("Europe") is None


def test_currencies_are_codes_of_three_letters():
    assert {"EUR", "USD", "JPY", "CHF", "XOF"} < values.CURRENCIES
    assert all(len(code) == 3 and code.isupper() and code.isascii() for code in values.CURRENCIES)
    assert not {"XXX", "XAU", "DEM", "EURO"} & values.CURRENCIES
