"""What a file withdraws, and what one of whole days leaves untold, as the commands and the log say it."""

from __future__ import annotations

from appliance import FORMAT, PASSWORD

HEADER = "Store;Receipt;Total;Time;State\n"


def test_a_status_withdraws_and_what_is_absent_is_told(appliance, tmp_path):
    format = f'{FORMAT}withdraw = {{ State = "void" }}\nwhole_days = true\n'
    (appliance.folder / "formats.d" / "states.toml").write_text(format)
    words = ["--timezone", "Europe/Berlin", "--currency", "EUR", "--format", "states"]
    appliance.run_ctl("customer", "add", "bravo", *words, "--password-file", "-", stdin=PASSWORD + "\n")
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    sales = [f"0007;A-{number};12.50;2026-07-14 09:0{number}:00;paid\n" for number in range(9)]
    first.write_text(HEADER + "".join(sales))
    second.write_text(HEADER + sales[0] + "0007;A-1;;;void\n")

    said = appliance.run_ctl("format", "test", second, "--customer", "bravo").splitlines()[-1]
    assert said == (
        "2 rows: 1 transactions, 0 of them refunds, 0 overridden by a later row, 1 withdrawn, 0 rejected, "
        "from 2026-07-14T07:00:00Z to 2026-07-14T07:00:00Z"
    )

    appliance.run_ctl("import", first, "--customer", "bravo")
    appliance.settle(3)
    appliance.run_ctl("import", second, "--customer", "bravo")
    shown = appliance.settle(4)[-1]
    assert (shown["state"], shown["imported"], shown["replaced"], shown["unchanged"]) == ("imported", 1, 1, 1)
    untold = [f"A-{number}" for number in range(2, 9)]
    assert (shown["absent"], shown["absent_ids"]) == (7, untold)
    assert [each[1] for each in appliance.transactions("bravo")] == ["A-0", *untold]

    lines = appliance.run_ctl("delivery", "show", "4").splitlines()
    assert lines[-2:] == ["absent:      7", "absent_ids:  A-2, A-3, A-4, A-5, A-6, A-7, A-8"]
    assert appliance.await_line(r"delivery 4 from bravo .*")[0] == (
        "delivery 4 from bravo lacks 7 transactions that older ones told of its locations and days: "
        "'A-2', 'A-3', 'A-4', 'A-5', 'A-6' and 2 more"
    )
