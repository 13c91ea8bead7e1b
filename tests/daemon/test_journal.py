"""Events for journald: fields that it can be asked for, and a line wherever it takes none."""

from __future__ import annotations

import io
import socket
import threading
from datetime import UTC, datetime

import pytest

from dorimportd.daemon.fields import NativeJournal
from dorimportd.daemon.journal import Journal
from dorimportd.events import DeliveryAccepted, Fault, LoginRefused, RetentionDone
from dorimportd.words import Channel, Delivery, Envelope

REFUSED = LoginRefused("a\x1b\nb", Channel.FTP, "192.0.2.7", "no such login")


class Journald:
    """What listens on the socket of the journal."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(60)

    def fields(self):
        """Those of the next entry, read as journald reads them."""
        found, rest = {}, self.socket.recv(1 << 20)
        while rest:
            name, _, rest = rest.partition(b"\n")
            size = int.from_bytes(rest[:8], "little")
            value, end, rest = rest[8 : 8 + size], rest[8 + size : 9 + size], rest[9 + size :]
            assert (len(value), end) == (size, b"\n")
            found[name.decode()] = value.decode()
        return found


@pytest.fixture
def journald(tmp_path):
    found = Journald(tmp_path / "socket")
    yield found
    found.socket.close()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def journal(journald, stream):
    return Journal(stream, prefixes=True, native=NativeJournal(journald.path))


def test_an_event_has_its_sentence_and_its_fields(journal, journald, stream):
    journal.tell(REFUSED)
    assert journald.fields() == {
        "MESSAGE": r"ftp login refused for 'a\x1b\nb' from 192.0.2.7: no such login",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "dorimportd",
        "DORIMPORTD_EVENT": "LoginRefused",
        "DORIMPORTD_LOGIN": "a\x1b\nb",
        "DORIMPORTD_CHANNEL": "ftp",
        "DORIMPORTD_PEER": "192.0.2.7",
        "DORIMPORTD_REASON": "no such login",
    }
    assert stream.getvalue() == ""


def test_a_delivery_is_known_by_its_number_and_customer(journal, journald):
    now = datetime(2026, 7, 14, tzinfo=UTC)
    envelope = Envelope("acme", Channel.SFTP, "\udcff.csv", 7, "0" * 64, "192.0.2.7", now)
    journal.tell(DeliveryAccepted(Delivery(17, envelope)))
    fields = journald.fields()
    assert {name: value for name, value in fields.items() if name.startswith("DORIMPORTD_")} == {
        "DORIMPORTD_EVENT": "DeliveryAccepted",
        "DORIMPORTD_DELIVERY": "17",
        "DORIMPORTD_CUSTOMER": "acme",
        "DORIMPORTD_CHANNEL": "sftp",
        "DORIMPORTD_NAME": "\\udcff.csv",
        "DORIMPORTD_PEER": "192.0.2.7",
    }


def test_numbers_are_fields_too(journal, journald):
    journal.tell(RetentionDone(1, 2, 3, 4))
    fields = journald.fields()
    assert (fields["PRIORITY"], fields["DORIMPORTD_REMOVED"]) == ("6", "3")


def test_a_defect_is_one_entry_with_its_traceback(journal, journald):
    journal.tell(Fault("a test", ValueError("x"), "Traceback\n  line\nValueError: x\n"))
    fields = journald.fields()
    assert fields["MESSAGE"] == "defect in a test: ValueError('x')\nTraceback\n  line\nValueError: x"
    assert fields["DORIMPORTD_WHERE"] == "a test"


def test_a_journald_that_is_not_there_gets_a_line_on_the_stream(journal, journald, stream):
    journald.socket.close()
    journal.tell(REFUSED)
    assert stream.getvalue() == ("<4>ftp login refused for 'a\\x1b\\nb' from 192.0.2.7: no such login\n")


def test_a_journald_that_takes_nothing_is_not_waited_for(journal, stream):
    def fill():
        while not stream.getvalue():
            journal.tell(REFUSED)

    filling = threading.Thread(target=fill, daemon=True)
    filling.start()
    filling.join(60)
    assert not filling.is_alive()
    assert stream.getvalue().startswith("<4>ftp login refused for ")


def test_a_journald_that_begins_again_is_found(journal, journald, tmp_path):
    journald.socket.close()
    (tmp_path / "socket").unlink()
    again = Journald(tmp_path / "socket")
    journal.tell(REFUSED)
    assert again.fields()["DORIMPORTD_EVENT"] == "LoginRefused"
    again.socket.close()
