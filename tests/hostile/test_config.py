"""Configurations made to break what reads them, or the terminal of who reads about it."""

from __future__ import annotations

from appliance import Appliance


def test_all_of_fifty_mistakes_are_told_and_the_running_configuration_stays(doors):
    appliance, path = doors.appliance, doors.appliance.config
    before = path.read_text()
    path.write_text(before + "\n[ftp2]\n" + "".join(f"key_{number} = 1\n" for number in range(49)))
    customers = appliance.folder / "customers.d"
    (customers / "gamma.toml").write_text("".join(f"key_{number} = 1\n" for number in range(48)))
    try:
        told = appliance.run_ctl("check", status=1).splitlines()
        # The table as a whole; each key of the customer; and the two that it lacks.
        files = [line.partition(":")[0].removeprefix(f"{appliance.folder}/") for line in told]
        assert (files.count("dorimportd.toml"), files.count("customers.d/gamma.toml")) == (1, 50)
        appliance.run_ctl("reload", status=1)
        assert doors.is_served()
    finally:
        path.write_text(before)
        (customers / "gamma.toml").unlink()
    appliance.run_ctl("reload")


def test_a_configuration_of_a_hundred_megabytes_is_not_read(doors):
    appliance = doors.appliance
    large = appliance.folder / "customers.d" / "gamma.toml"
    with large.open("wb") as file:
        file.truncate(100 << 20)
    try:
        assert "gamma.toml" in appliance.run_ctl("check", status=1)
        appliance.run_ctl("reload", status=1)
    finally:
        large.unlink()
    appliance.run_ctl("reload")


def test_what_stands_in_a_file_or_its_name_steers_no_terminal(tmp_path):
    appliance = Appliance(tmp_path / "appliance")
    (appliance.folder / "customers.d" / "a\x1b[2J\nb.toml").write_text("")
    (appliance.folder / "customers.d" / "beta.toml").write_text(
        'timezone = "\\u001b[31m\\u202e"\ncurrency = "EUR"\n"k\\u001b[2J" = "x\\ny"\n'
    )
    told = appliance.run_ctl("check", status=1)
    assert "beta.toml:1:" in told and "a\\x1b[2J\\nb.toml:1:1: " in told
    assert not any(sign in told for sign in "\x1b\u202e")
