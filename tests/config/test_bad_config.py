"""Each folder of tests/bad_config is a configuration with mistakes; expected.txt is what is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dorimportd.config.read import read_settings
from dorimportd.config.settings import BadConfig

BAD = sorted((Path(__file__).parents[1] / "bad_config").iterdir())


@pytest.mark.parametrize("folder", BAD, ids=lambda folder: folder.name)
def test_every_mistake_is_told_with_its_file_and_line(folder):
    with pytest.raises(BadConfig) as caught:
        read_settings(folder / "dorimportd.toml")
    assert str(caught.value).splitlines() == (folder / "expected.txt").read_text().splitlines()


def test_there_are_bad_configurations_to_look_at():
    assert len(BAD) >= 20
