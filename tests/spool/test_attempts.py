from __future__ import annotations

import json

from dorimportd.spool.attempts import BOOT, Attempts, Mark, died
from dorimportd.spool.layout import Layout


def attempts_in(folder):
    attempts = Attempts(Layout(folder))
    return attempts, attempts.found()


def test_what_was_being_imported_when_the_process_died_is_found(tmp_path):
    attempts, found = attempts_in(tmp_path)
    assert found == {}
    attempts.begin(17, deaths=0, windows=2)
    attempts.begin(18, deaths=1, windows=0)
    attempts.end(18)
    _, found = attempts_in(tmp_path)
    assert found == {17: Mark(BOOT.read_text().strip(), deaths=0, windows=2, running=True)}


def test_one_that_rests_is_remembered_only_for_its_deaths(tmp_path):
    attempts, _ = attempts_in(tmp_path)
    for sequence, deaths in ((17, 0), (18, 2)):
        attempts.begin(sequence, deaths=deaths, windows=0)
        attempts.rest(sequence, deaths=deaths)
    _, found = attempts_in(tmp_path)
    assert found == {18: Mark(BOOT.read_text().strip(), deaths=2, windows=0, running=False)}


def test_marks_of_another_boot_and_torn_ones_are_removed(tmp_path):
    attempts_in(tmp_path)
    folder = Layout(tmp_path).importing
    other = {"boot": "another", "deaths": 2, "windows": 0, "running": True}
    (folder / "000000000017").write_text(json.dumps(other))
    (folder / "000000000018").write_text('{"boot": ')
    (folder / ".000000000019").write_text("")
    assert attempts_in(tmp_path)[1] == {}
    assert list(folder.iterdir()) == []


def test_to_end_what_has_no_mark_is_nothing(tmp_path):
    attempts, _ = attempts_in(tmp_path)
    attempts.end(17)
    assert attempts_in(tmp_path)[1] == {}


def test_only_an_attempt_that_was_under_way_and_came_no_further_is_a_death_more():
    def mark(deaths, running):
        return Mark("boot", deaths, windows=3, running=running)

    assert died(mark(0, running=True), windows=3) == 1
    assert died(mark(2, running=True), windows=3) == 3
    assert died(mark(2, running=True), windows=4) == 0
    assert died(mark(2, running=True), windows=0) == 3  # another format has begun anew
    assert died(mark(2, running=False), windows=3) == 2
