from __future__ import annotations

import csv
import hashlib
import io
import json
import re

import pytest
from appliance import FORMAT, SALES, SOLD

DELIVERY = [
    *(
        "sequence",
        "customer",
        "channel",
        "name",
        "size",
        "sha256",
        "peer",
        "message_id",
        "received_at",
        "state",
    ),
    *("reason", "format", "rows", "imported", "unchanged", "replaced", "duplicates", "rejected"),
    *("absent", "absent_ids"),
]
TRANSACTION = [
    *("customer", "location", "transaction_id", "total", "currency", "occurred_at", "local_time", "delivery"),
]
ZULU = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def file(tmp_path):
    def write(content, name="sample.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_check_says_that_all_is_right(appliance):
    assert appliance.ctl("check") == {"mistakes": [], "warnings": []}
    assert "is right: 1 customers, 1 formats" in appliance.run_ctl("check")
    assert appliance.run_ctl("check", "--quiet") == ""


def test_check_tells_every_mistake_and_exits_with_1(appliance, tmp_path):
    (tmp_path / "dorimportd.toml").write_text('hostnam = "x"\n[limits]\nsessions = "many"\n')
    appliance = type(appliance).__new__(type(appliance))
    appliance.config = tmp_path / "dorimportd.toml"
    said = appliance.run_ctl("check", status=1).splitlines()
    assert said[0].startswith("dorimportd.toml:1:1: hostnam: ")
    assert said[1].startswith("dorimportd.toml:3:1: limits.sessions: ")
    assert said[2:] == ["2 mistakes."]


def test_status_has_what_scripts_rely_on(appliance):
    told = appliance.ctl("status")
    assert [set(each) for each in told["listeners"]] == [{"channel", "address", "port", "tls"}] * 3
    assert {each["channel"] for each in told["listeners"]} == {"sftp", "ftp", "smtp"}
    assert told["mail_domain"] == "sales.example"
    assert {each["type"] for each in told["host_keys"]} == {"ssh-ed25519", "ssh-rsa"}
    assert all(each["fingerprint"].startswith("SHA256:") for each in told["host_keys"])
    assert told["database"]["state"] == "ok"
    assert told["queue"] == {"waiting": 0, "importing": 0}
    assert told["deliveries"] == {"received": 0, "imported": 1, "held": 1, "duplicate": 0, "failed": 0}
    assert "sftp on      127.0.0.1 port " in appliance.run_ctl("status")


def test_deliveries_have_the_agreed_fields_in_the_agreed_order(appliance):
    imported, held = appliance.ctl("deliveries")
    assert list(imported) == list(held) == DELIVERY
    content = SALES + b"0012;=cmd|1;12,50;2026-07-14 10:31:00\n"
    received_at, format = imported.pop("received_at"), imported.pop("format")
    assert ZULU.fullmatch(received_at)
    assert re.fullmatch(r"plain@[0-9a-f]{12}", format)
    assert imported == {
        "sequence": 1,
        "customer": "acme",
        "channel": "ftp",
        "name": "sales.csv",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "peer": "127.0.0.1",
        "message_id": None,
        "state": "imported",
        "reason": None,
        "rows": 4,
        "imported": 3,
        "unchanged": 0,
        "replaced": 0,
        "duplicates": 0,
        "rejected": 1,
        "absent": 0,
        "absent_ids": [],
    }
    assert (held["state"], held["rows"]) == ("held", 0)
    assert "column `Total` is gone" in held["reason"]


def test_deliveries_are_chosen_by_customer_state_and_time(appliance):
    assert [each["sequence"] for each in appliance.ctl("deliveries", "--state", "held")] == [2]
    assert [each["sequence"] for each in appliance.ctl("deliveries", "--customer", "acme")] == [1, 2]
    assert [each["sequence"] for each in appliance.ctl("deliveries", "--since", "1h")] == [1, 2]
    assert appliance.ctl("deliveries", "--since", "2099-01-01") == []
    assert "There is no customer 'acm'" in appliance.run_ctl("deliveries", "--customer", "acm", status=1)


def test_one_delivery_is_shown(appliance):
    assert appliance.ctl("delivery", "show", "1") == appliance.ctl("deliveries")[0]
    for number in ("99", "99999999999999999999999", "0"):
        assert appliance.run_ctl("delivery", "show", number, status=1) == f"There is no delivery {number}.\n"
    assert re.search(r"^state: +held$", appliance.run_ctl("delivery", "show", "2"), re.MULTILINE)


def test_rejects_say_line_column_value_and_rule(appliance):
    (reject,) = appliance.ctl("delivery", "rejects", "1")
    assert reject == {
        "line": 5,
        "column": "Total",
        "value": "12,50",
        "rule": "is not an amount with decimal mark '.'",
        "raw": "0012;=cmd|1;12,50;2026-07-14 10:31:00",
    }
    assert appliance.ctl("delivery", "rejects", "2") == []


def test_rejects_as_csv_are_mended_and_sent_again(appliance, file):
    again = appliance.run_ctl("delivery", "rejects", "1", "--csv")
    assert again == (
        "line;column;rule;Store;Receipt;Total;Time\n"
        "5;Total;is not an amount with decimal mark '.';0012;\u00a0=cmd|1;12,50;2026-07-14 10:31:00\n"
    )
    tried = file(again.replace("12,50", "-12.50"), "mended.csv")
    told = appliance.ctl("format", "test", tried, "--customer", "acme")
    assert [(each["transaction_id"], each["total"]) for each in told["transactions"]] == [
        ("=cmd|1", "-12.50")
    ]


def test_a_delivery_without_rows_to_mend_says_so(appliance):
    said = appliance.run_ctl("delivery", "rejects", "2", "--csv", status=1)
    assert said.startswith("Delivery 2 is held as a whole, and no row of it alone: The header in line 1 ")


def test_transactions_have_the_agreed_fields_and_are_exact(appliance):
    found = appliance.ctl("transactions", "--customer", "acme")
    assert [list(each) for each in found] == [TRANSACTION] * 3
    assert found[1] == {
        "customer": "acme",
        "location": "0007",
        "transaction_id": "A-2",
        "total": "-2.50",
        "currency": "EUR",
        "occurred_at": "2026-07-14T07:05:43Z",
        "local_time": "2026-07-14T09:05:43",
        "delivery": 1,
    }


@pytest.mark.parametrize(
    ("limits", "ids"),
    [
        (["--from", "2026-07-14", "--to", "2026-07-14"], ["A-1", "A-2", "B-1"]),
        (["--from", "2026-07-15"], []),
        (["--to", "2026-07-13"], []),
        (["--from", "2026-07-14T09:05:43"], ["A-2", "B-1"]),
        (["--to", "2026-07-14T07:05:43+00:00"], ["A-1"]),
        (["--from", "0001-01-01", "--to", "9999-12-31"], ["A-1", "A-2", "B-1"]),
        (["--from", "9999-12-31"], []),
        (["--to", "9999-12-31T23:59:59-12:00"], ["A-1", "A-2", "B-1"]),
        (["--to", "0001-01-01"], []),
    ],
)
def test_transactions_are_chosen_by_the_customers_own_days(appliance, limits, ids):
    found = appliance.ctl("transactions", "--customer", "acme", *limits)
    assert [each["transaction_id"] for each in found] == ids


def test_transactions_come_as_csv_and_as_a_table(appliance):
    rows = list(csv.reader(io.StringIO(appliance.run_ctl("transactions", "--customer", "acme", "--csv"))))
    assert rows[0] == TRANSACTION
    assert [(row[1], row[2], row[3], row[5]) for row in rows[1:]] == SOLD
    shown = appliance.run_ctl("transactions", "--customer", "acme")
    assert "acme      0007      A-2               -2.50  EUR" in shown


def test_a_held_delivery_is_imported_by_retry_once_its_format_is_mended(appliance):
    path = appliance.folder / "formats.d" / "plain.toml"
    before = path.read_text()
    path.write_text(before.replace('total = "Total"', 'total = "Gross"'))
    # The other column does not hold a time: the row is rejected, and the file is no longer held.
    assert appliance.run_ctl("delivery", "retry", "2")
    appliance.settle(2)
    assert appliance.ctl("delivery", "show", "2")["state"] == "held", "the daemon has not read the format"
    appliance.daemon.send_signal(1)
    appliance.await_line("configuration reloaded")
    appliance.run_ctl("delivery", "retry", "2")
    after = appliance.settle(2)[1]
    assert (after["state"], after["rows"], after["rejected"]) == ("imported", 1, 1)
    path.write_text(before)
    appliance.daemon.send_signal(1)


def test_a_format_is_tried_and_nothing_is_stored(appliance, file):
    sample = file(SALES + b"0012;B-1;-1;2026-07-14 10:31:01\n0012;B-9;x;2026-07-14 10:31:01\n")
    words = ["--format", file(FORMAT, "f.toml"), "--timezone", "Europe/Berlin", "--currency", "EUR"]
    told = appliance.ctl("format", "test", sample, *words, status=1)
    assert list(told) == ["summary", "transactions", "rejects"]
    assert [list(each) for each in told["transactions"]] == [TRANSACTION] * 3
    assert [(each["transaction_id"], each["total"]) for each in told["transactions"]] == [
        ("A-1", "12.50"),
        ("A-2", "-2.50"),
        ("B-1", "-1"),
    ]
    assert [(each["line"], each["column"], each["value"]) for each in told["rejects"]] == [(6, "Total", "x")]
    summary = told["summary"]
    assert (summary["rows"], summary["transactions"], summary["refunds"], summary["duplicates"]) == (
        5,
        3,
        2,
        1,
    )
    assert summary["totals"] == {"EUR": "9.00"}
    assert (summary["first"], summary["last"]) == ("2026-07-14T07:02:11Z", "2026-07-14T08:31:01Z")
    assert len(appliance.ctl("transactions", "--customer", "acme")) == 3


def test_the_format_of_a_customer_is_tried(appliance, file):
    told = appliance.ctl("format", "test", file(SALES), "--customer", "acme")
    assert [each["customer"] for each in told["transactions"]] == ["acme"] * 3
    said = appliance.run_ctl("format", "test", file(b"%PDF-1.4\n"), "--customer", "acme", status=1)
    assert "the file would be held: The file is a PDF document" in said


def test_a_file_that_would_be_held_for_its_rejects_is_shown_with_them(appliance, file):
    sample = file(SALES + b"0012;B-9;x;2026-07-14 10:31:01\n" * 3)
    told = appliance.ctl("format", "test", sample, "--customer", "acme", status=1)
    reason = (
        "3 of 6 rows would be rejected, more than 5 %; the first in line 5:"
        " `Total` `x` is not an amount with decimal mark '.'."
    )
    assert (told["summary"]["held"], told["transactions"]) == (reason, [])
    assert [each["line"] for each in told["rejects"]] == [5, 6, 7]
    said = appliance.run_ctl("format", "test", sample, "--customer", "acme", status=1)
    assert f"{sample}: the file would be held: {reason}\n" in said
    assert "\n   7  Total   x      is not an amount with decimal mark '.'\n" in said
    assert "6 rows: 3 transactions, 1 of them refunds, 0 overridden by a later row, 3 rejected" in said


def test_a_mistake_in_a_format_names_its_place(appliance, file):
    wrong = file('location = "Store"\ndelimeter = ";"\n', "wrong.toml")
    said = appliance.run_ctl("format", "test", file(SALES), "--format", wrong, status=1)
    assert f"{wrong}:2:1: delimeter: " in said
    assert "did you mean 'delimiter'?" in said


def test_a_suggested_format_imports_its_sample(appliance, file):
    sample = file(SALES * 1)
    suggested = appliance.run_ctl("format", "suggest", sample)
    told = appliance.ctl("format", "test", sample, "--format", file(suggested, "s.toml"))
    assert [each["total"] for each in told["transactions"]] == ["12.50", "-2.50", "1249.00"]


def test_formats_are_listed_and_shown(appliance):
    listed = {each.pop("name"): each for each in appliance.ctl("format", "list")}
    assert (listed["plain"]["built_in"], listed["plain"]["customers"]) == (False, ["acme"])
    assert (listed["shopify-orders"]["built_in"], listed["shopify-orders"]["customers"]) == (True, [])
    assert "group_by" in appliance.run_ctl("format", "show", "shopify-orders")
    assert appliance.run_ctl("format", "show", "plain") == FORMAT
    assert "There is no format 'plane'" in appliance.run_ctl("format", "show", "plane", status=1)


def test_a_file_from_disk_is_a_delivery_like_any_other(appliance, file):
    before = len(appliance.deliveries())
    (accepted,) = appliance.ctl("import", file(SALES, "disk.csv"), "--customer", "acme")
    assert (accepted["channel"], accepted["name"], accepted["state"]) == ("local", "disk.csv", "received")
    assert appliance.settle(before + 1)[-1]["channel"] == "local"
    assert "No such file" in appliance.run_ctl("import", "/nowhere.csv", "--customer", "acme", status=1)


def test_a_customer_is_added_with_a_format_from_a_file_and_changed(appliance, file):
    format = file(FORMAT, "fresh.toml")
    words = ["--timezone", "UTC", "--currency", "USD", "--format", format, "--email", "fresh"]
    said = appliance.run_ctl("customer", "add", "fresh", *words, "--password-file", file("pw\n", "pw"))
    assert "Customer fresh added. The running daemon works by it now." in said
    shown = appliance.ctl("customer", "show", "fresh")
    assert (shown["login"], shown["mail_address"], shown["enabled"]) == ("fresh", "fresh@sales.example", True)
    assert shown["formats"] == [{"files": "*", "format": "fresh"}]
    assert "disabled" in appliance.run_ctl("customer", "disable", "fresh")
    assert appliance.ctl("customer", "show", "fresh")["enabled"] is False
    assert "enabled" in appliance.run_ctl("customer", "enable", "fresh")
    assert [each["name"] for each in appliance.ctl("customer", "list")] == ["acme", "fresh"]
    assert "There is a customer 'fresh' already." in appliance.run_ctl(
        "customer", "add", "fresh", *words, status=1
    )


def test_a_format_file_whose_name_is_taken_is_called_as_the_customer_or_shared(appliance, file):
    words = ["--timezone", "UTC", "--currency", "USD", "--format"]
    other = FORMAT.replace('"Total"', '"Sum"')
    appliance.run_ctl("customer", "add", "third", *words, file(other, "plain.toml"))
    appliance.run_ctl("customer", "add", "fourth", *words, file(FORMAT, "Plain.toml"))
    formats = [
        appliance.ctl("customer", "show", name)["formats"][0]["format"] for name in ("third", "fourth")
    ]
    assert formats == ["third", "plain"]


def test_a_built_in_format_is_chosen_by_its_name(appliance):
    words = ["--timezone", "UTC", "--currency", "USD", "--format", "square-items"]
    appliance.run_ctl("customer", "add", "fifth", *words)
    assert appliance.ctl("customer", "show", "fifth")["formats"] == [{"files": "*", "format": "square-items"}]
    assert appliance.run_ctl("check", "--quiet") == ""


def test_a_customer_that_would_be_wrong_is_not_written(appliance):
    words = ["customer", "add", "bad", "--timezone", "Berlin", "--currency", "EUR"]
    assert "timezone" in appliance.run_ctl(*words, status=1)
    assert not (appliance.folder / "customers.d" / "bad.toml").exists()


def test_the_sheet_has_all_that_a_customer_needs(appliance):
    told, sheet = appliance.ctl("status"), appliance.run_ctl("customer", "sheet", "acme")
    for each in [*told["host_keys"], {"fingerprint": "acme@sales.example"}]:
        assert each["fingerprint"] in sheet
    for each in told["listeners"]:
        assert each["channel"] == "smtp" or f"port {each['port']}" in sheet


def test_wrong_usage_exits_with_2(appliance):
    for words in (["deliveries", "--state", "lost"], ["nonsense"], [], ["delivery", "show", "x"]):
        assert "usage: dorimportctl" in appliance.run_ctl(*words, status=2)


def test_the_manual_is_there_without_a_configuration(appliance):
    topics = [line.split()[0] for line in appliance.run_ctl("help").splitlines()]
    assert {"formats", "customers", "sending", "deliveries", "operation"} <= set(topics)
    for each in topics:
        assert appliance.run_ctl("help", each).startswith("## ")
    assert "There is no topic 'x'" in appliance.run_ctl("help", "x", status=1)


def test_json_is_json_for_every_listing(appliance):
    for words in (
        ["deliveries"],
        ["customer", "list"],
        ["customer", "key", "list", "acme"],
        ["format", "list"],
    ):
        assert isinstance(json.loads(appliance.run_ctl(*words, "--json")), list)


def test_a_held_delivery_is_imported_as_it_is_by_a_release(appliance, file):
    bad = b"0012;C-2;1O.00;2026-07-14 10:32:00\n" * 3
    new = file(SALES.replace(b"B-1", b"C-1") + bad)
    (accepted,) = appliance.ctl("import", new, "--customer", "acme")
    number = accepted["sequence"]
    held = appliance.settle(number)[-1]
    assert (held["state"], held["rows"]) == ("held", 0)
    shown = appliance.run_ctl("delivery", "show", str(number)).splitlines()
    assert shown[-2:] == [
        f"Mend what the reason says, then: dorimportctl delivery retry {number}",
        f"Or import it as it is: dorimportctl delivery release {number}",
    ]
    said = appliance.run_ctl("delivery", "release", str(number))
    assert said == f"Delivery {number} is imported as it is now.\n"
    released = appliance.settle(number)[-1]
    assert (released["state"], released["reason"]) == ("imported", None)
    assert (released["rows"], released["imported"], released["rejected"]) == (6, 1, 3)
    assert [each["line"] for each in appliance.ctl("delivery", "rejects", str(number))] == [5, 6, 7]
    assert "release" not in appliance.run_ctl("delivery", "show", str(number))


def test_what_cannot_be_read_stays_held_after_a_release(appliance, file):
    (accepted,) = appliance.ctl("import", file(b"%PDF-1.4\n"), "--customer", "acme")
    number = accepted["sequence"]
    before = appliance.settle(number)[-1]
    told = appliance.ctl("delivery", "release", str(number))
    assert (told["sequence"], list(told)) == (number, DELIVERY)
    after = appliance.settle(number)[-1]
    assert (after["state"], after["reason"]) == (before["state"], before["reason"])
    assert after["reason"].startswith("The file is a PDF document")


def test_only_what_is_held_can_be_released(appliance):
    said = appliance.run_ctl("delivery", "release", "1", status=1)
    assert said == "Delivery 1 is imported; only one that is held can be released.\n"
    assert appliance.run_ctl("delivery", "release", "99", status=1) == "There is no delivery 99.\n"
    told = appliance.ctl("delivery", "retry", "1")
    assert (told["sequence"], list(told)) == (1, DELIVERY)


def test_a_changed_format_is_tried_on_the_archive(appliance, file):
    (appliance.folder / "formats.d" / "diff.toml").write_text(FORMAT)
    words = ["customer", "add", "differ", "--timezone", "UTC", "--currency", "EUR", "--format", "diff"]
    appliance.run_ctl(*words)
    before = len(appliance.deliveries())
    appliance.run_ctl("import", file(SALES, "one.csv"), "--customer", "differ")
    appliance.run_ctl("import", file(SALES.replace(b"Total", b"Sum"), "two.csv"), "--customer", "differ")
    appliance.settle(before + 2)
    same = ["format", "diff", "--customer", "differ", "--format"]
    told = appliance.ctl(*same, file(FORMAT, "same.toml"))
    files = {"same": 1, "changed": 0, "newly_held": 0, "no_longer_held": 0, "held": 1, "gone": 0}
    assert (told["files"], told["differing"]) == (files, [])
    changed = file(FORMAT + 'aliases = { Total = ["Sum"] }\nskip = { Receipt = "A-2" }\n', "changed.toml")
    told = appliance.ctl(*same, changed, status=1)
    assert told["files"] == {**files, "same": 0, "changed": 1, "no_longer_held": 1, "held": 0}
    rows = {"same": 2, "changed": 0, "newly_rejected": 0, "newly_accepted": 0, "left_out": 1}
    assert told["rows"] == rows
    assert told["transactions"] == {"vanish": 1, "appear": 0}
    assert [(each["name"], each["becomes"]) for each in told["differing"]] == [
        ("one.csv", "changed"),
        ("two.csv", "no_longer_held"),
    ]
    (left_out,) = told["examples"]["left_out"]
    assert (left_out["line"], left_out["old"]["transaction_id"], left_out["new"]) == (3, "A-2", None)
    said = appliance.run_ctl(*same, changed, status=1)
    assert said.startswith("2 files of the last 90 days, read as now and by changed@")
    assert (
        f"    delivery {before + 1} one.csv line 3: A-2 0007 -2.50 EUR 2026-07-14T09:05:43 -> left out"
        in said
    )
    assert appliance.ctl(*same, changed, "--days", "0")["files"] == dict.fromkeys(files, 0)
    assert len(appliance.deliveries()) == before + 2
