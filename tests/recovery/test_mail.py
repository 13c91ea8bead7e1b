"""A mail that reached only the archive address is found, reported, and imported when a person says so."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from appliance import SALES, need, run_client
from mailhouse import GRACE, House, alone, mail

ARCHIVE = "archive@sales.example"
ACME, BOLT = "acme@sales.example", "bolt@sales.example"
UNKNOWN = " That sender may not send to it."


def sales(prefix):
    """A file with two transactions of its own, and what becomes of it in the table."""
    content = f"Store;Receipt;Total;Time\n7;{prefix}-1;1.50;2026-07-14 09:02:11\n"
    content += f"7;{prefix}-2;-0.50;2026-07-14 09:05:43\n"
    rows = [
        ("7", f"{prefix}-1", "1.50", "2026-07-14T07:02:11Z"),
        ("7", f"{prefix}-2", "-0.50", "2026-07-14T07:05:43Z"),
    ]
    return content.encode(), rows


def held(house, message_id, customer="acme", reason=None):
    """Its delivery, when it was made of a mail that reached only the archive."""
    house.await_no_marks()
    ((sequence, *_),) = house.of_message(message_id)
    assert house.await_state(sequence, "held") == (customer, reason or alone(customer))
    return sequence


@pytest.mark.parametrize("name", ["house", "house_on_postgresql"])
def test_a_mail_to_the_archive_alone_is_held_reported_and_imported_by_a_retry(name, request):
    house = request.getfixturevalue(name)
    content, rows = sales("alone")
    assert house.send(mail("<alone@x>", content), ARCHIVE) == [250, "250 2.0.0 Kept."]
    sequence = held(house, "<alone@x>")
    told = house.ctl("delivery", "show", str(sequence))
    (note,) = house.archive_notes("<alone@x>")
    assert {key: told[key] for key in ("channel", "name", "size", "peer", "message_id", "received_at")} == {
        "channel": "smtp",
        "name": "sales.csv",
        "size": len(content),
        "peer": "127.0.0.1",
        "message_id": "<alone@x>",
        "received_at": note["received_at"],
    }
    assert (note["deliveries"], note["recovered"], note["after"], note["refusal"]) == (
        [], [sequence], None, None,
    )  # fmt: skip
    assert house.sold("alone-") == []
    line = (
        "mail '<alone@x>' from 'till@shop.example' reached only the archive address: "
        f"made delivery {sequence} of acme of it, held"
    )
    assert line in house.log_text()
    house.run_ctl("delivery", "retry", str(sequence))
    house.await_state(sequence, "imported")
    assert house.sold("alone-") == rows


def test_a_mail_that_was_refused_to_the_customer_is_held_with_the_reason_of_that(house):
    content, rows = sales("stranger")
    message = mail("<stranger@x>", content, to=f"{ARCHIVE}, Bolt <{BOLT}>")
    assert house.send(message, BOLT, ARCHIVE) == [550, 250, "250 2.0.0 Kept."]
    sequence = held(house, "<stranger@x>", "bolt", alone("bolt", UNKNOWN))
    house.run_ctl("delivery", "retry", str(sequence))
    house.await_state(sequence, "imported")
    assert house.sold("stranger-", "bolt") == rows


@pytest.mark.parametrize("name", ["house", "house_on_postgresql"])
def test_a_customers_copy_that_comes_late_has_the_held_delivery_imported(name, request):
    house = request.getfixturevalue(name)
    content, rows = sales("late")
    house.send(mail("<late@x>", content), ARCHIVE)
    sequence = held(house, "<late@x>")
    answer = f"250 2.0.0 Accepted as delivery {sequence}"
    assert house.send(mail("<late@x>", content), ACME) == [250, answer]
    house.await_state(sequence, "imported")
    assert house.sold("late-") == rows
    assert house.of_message("<late@x>") == [(sequence, "acme", "imported", None)]
    # Sent once more it is what it always was: a delivery of the same bytes.
    house.send(mail("<late@x>", content), ACME)
    house.await_state(sequence + 1, "duplicate")


def test_a_late_copy_with_other_bytes_is_another_delivery(house):
    house.send(mail("<other@x>", sales("other")[0]), ARCHIVE)
    sequence = held(house, "<other@x>")
    content, rows = sales("changed")
    answer = f"250 2.0.0 Accepted as delivery {sequence + 1}"
    assert house.send(mail("<other@x>", content), ACME) == [250, answer]
    house.await_state(sequence + 1, "imported")
    assert (house.sold("changed-"), house.sold("other-")) == (rows, [])
    assert house.of_message("<other@x>")[0] == (sequence, "acme", "held", alone("acme"))


def test_of_two_customers_the_one_without_a_copy_of_his_own_gets_a_held_delivery(house):
    content, rows = sales("two")
    message = mail("<two@x>", content, to=f"{ACME}, {BOLT}")
    _, reply = house.send(message, ACME)
    first = int(reply.rpartition(" ")[2])
    house.send(message, ARCHIVE)
    house.await_no_marks()
    house.await_state(first, "imported")
    house.await_state(first + 1, "held")
    assert house.of_message("<two@x>") == [
        (first, "acme", "imported", None),
        (first + 1, "bolt", "held", alone("bolt", UNKNOWN)),
    ]
    assert (house.sold("two-"), house.sold("two-", "bolt")) == (rows, [])


@pytest.mark.parametrize("order", [[[ACME], [ARCHIVE]], [[ARCHIVE], [ACME]], [[ARCHIVE, ACME]]])
def test_one_message_by_both_addresses_is_one_delivery_in_every_order(house, order):
    name = f"order{len(order)}{order[0][0][:2]}"
    content, rows = sales(name)
    for recipients in order:
        house.send(mail(f"<{name}@x>", content), *recipients)
    house.await_no_marks()
    ((sequence, *_),) = house.of_message(f"<{name}@x>")
    house.await_state(sequence, "imported")
    assert house.sold(f"{name}-") == rows
    assert house.of_message(f"<{name}@x>") == [(sequence, "acme", "imported", None)]


@pytest.mark.parametrize(
    ("name", "to", "content", "reason"),
    [
        ("nobody", "stranger@elsewhere.example", SALES, "It names no customer who has an address here."),
        (
            "empty",
            ACME,
            None,
            "A mail must carry exactly one CSV file. "
            "In this mail we found no CSV file, and no other attachment.",
        ),
    ],
)
def test_what_cannot_be_recovered_is_told_once_with_the_reason(house, name, to, content, reason):
    house.send(mail(f"<{name}@x>", content, to=to), ARCHIVE)
    house.await_no_marks()
    assert house.of_message(f"<{name}@x>") == []
    (note,) = house.archive_notes(f"<{name}@x>")
    assert note["refusal"] == reason
    line = (
        rf"mail '<{name}@x>' from 'till@shop.example' reached only the archive address, and no delivery "
        rf"can be made of it: {re.escape(reason)} It is kept as (/\S+\.eml)"
    )
    (kept,) = re.findall(line, house.log_text())
    assert f"<{name}@x>" in Path(kept).read_text()


def test_a_mail_by_swaks_to_the_archive_alone(house, tmp_path):
    content, rows = sales("swaks")
    (tmp_path / "swaks.csv").write_bytes(content)
    done = run_client(
        *(need("swaks"), "--server", f"127.0.0.1:{house.port('smtp')}", "--from", "till@shop.example"),
        *("--to", ARCHIVE, "--header", f"Delivered-To: {ACME}", "--header", "Message-Id: <swaks@x>"),
        *("--attach-name", "swaks.csv", "--attach", f"@{tmp_path / 'swaks.csv'}"),
    )
    assert done.returncode == 0, done.stdout
    sequence = held(house, "<swaks@x>")
    house.run_ctl("delivery", "retry", str(sequence))
    house.await_state(sequence, "imported")
    assert house.sold("swaks-") == rows


def high_water(house):
    """The most memory that the daemon has had, bytes."""
    lines = Path(f"/proc/{house.daemon.pid}/status").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_a_mail_of_50_mb_takes_no_more_memory_than_one_to_the_customer(house):
    content = b"no header that the format knows\n" + b"0123456789abcdef" * 2_200_000
    reply = house.send(mail("<large1@x>", content), ACME)[-1]
    house.await_state(int(reply.rpartition(" ")[2]), "held")
    first = high_water(house)
    house.send(mail("<large2@x>", content), ARCHIVE)
    held(house, "<large2@x>")
    assert high_water(house) - first < 16 << 20


def test_a_kill_at_any_time_neither_loses_a_mail_nor_doubles_it(tmp_path):
    house = House(tmp_path / "house")
    house.start()
    rows = []
    for number in range(3):
        content, expected = sales(f"kill{number}")
        rows += expected
        house.send(mail(f"<kill{number}@x>", content), ARCHIVE)
        time.sleep(number * 0.7)  # before, about, and after the time when it is made a delivery
        house.kill()
        house.start()
    house.await_no_marks()
    numbers = sorted(held(house, f"<kill{number}@x>") for number in range(3))
    assert [each.sequence for each in house.rows()] == numbers
    for number in numbers:
        house.run_ctl("delivery", "retry", str(number))
        house.await_state(number, "imported")
    assert sorted(house.sold("kill")) == sorted(rows)
    house.end()


def test_a_late_copy_is_taken_while_the_database_is_locked_and_imported_when_it_is_not(tmp_path):
    house = House(tmp_path / "house")
    house.start()
    content, rows = sales("locked")
    house.send(mail("<locked@x>", content), ARCHIVE)
    sequence = held(house, "<locked@x>")
    with closing(sqlite3.connect(house.folder / "state" / "dorimportd.db")) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        answer = f"250 2.0.0 Accepted as delivery {sequence}"
        assert house.send(mail("<locked@x>", content), ACME) == [250, answer]
        house.kill()
    house.start()
    house.await_state(sequence, "imported")
    assert house.sold("locked-") == rows
    house.end()


def test_a_mail_waits_for_the_time_of_grace(tmp_path):
    house = House(tmp_path / "house", grace=GRACE.replace("1", "86400"))
    house.start()
    content, _ = sales("grace")
    house.send(mail("<grace@x>", content), ARCHIVE)
    assert len(house.marks()) == 1
    house.kill()
    house.start()
    time.sleep(1)
    assert (len(house.marks()), house.rows()) == (1, [])
    house.config.write_text(house.config.read_text().replace("seconds = 86400", "seconds = 1"))
    house.stop()
    house.start()
    held(house, "<grace@x>")
    house.end()
