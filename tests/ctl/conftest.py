from __future__ import annotations

import ftplib
import io

import pytest
from appliance import PASSWORD, SALES, Appliance


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    """A running daemon that has imported one file with a bad row, and holds another."""
    appliance = Appliance(tmp_path_factory.mktemp("appliance"))
    appliance.start()
    with ftplib.FTP() as session:
        session.connect("127.0.0.1", appliance.port("ftp"), timeout=30)
        session.login("acme", PASSWORD)
        bad = b"0012;=cmd|1;12,50;2026-07-14 10:31:00\n"
        session.storbinary("STOR sales.csv", io.BytesIO(SALES + bad))
        session.storbinary("STOR other.csv", io.BytesIO(b"Store;Receipt;Gross;Time\n1;2;3;4\n"))
    appliance.settle(2)
    yield appliance
    appliance.end()
