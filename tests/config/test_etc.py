"""The samples in etc/ are a good configuration, show every key, and say its true default."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from dorimportd.config.read import read_settings
from dorimportd.config.schema import CustomerFile, FormatChoice, FormerAddress, MainFile
from dorimportd.parse.format import Format

ETC = Path(__file__).parents[2] / "etc"

# What a sample can show only by an example, since the default is nothing or is found out.
EXAMPLES = {
    "hostname",
    "passive_ports",
    "public_address",
    "public_addresses",
    "mail_domain",
    "archive_address",
    "certificate",
    "private_key",
    "url_file",
    "remove_after_days",
}


def uncommented(name: str) -> str:
    """The sample with every key that it shows."""
    return re.sub(r"^# (?=\w+ = |\[)", "", (ETC / name).read_text(), flags=re.MULTILINE)


def keys(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_the_samples_are_a_good_configuration():
    settings = read_settings(ETC / "dorimportd.toml")
    assert list(settings.customers) == list(settings.formats) == ["example"]
    assert settings.warnings == ()
    assert not settings.customers["example"].enabled


def test_the_main_sample_shows_every_key_with_its_default():
    values = tomllib.loads(uncommented("dorimportd.toml"))
    assert set(values) == keys(MainFile)
    for table, model in (
        (name, type(getattr(MainFile(), name))) for name in values if isinstance(values[name], dict)
    ):
        assert set(values[table]) == keys(model), table
    shown = {
        name: {key: value for key, value in table.items() if key not in EXAMPLES}
        for name, table in values.items()
        if isinstance(table, dict)
    }
    shown["database"] = {}  # the default of url is made of the state directory
    assert MainFile.model_validate(shown | {"state_directory": values["state_directory"]}) == MainFile()
    assert values["database"]["url"] == "sqlite:///dorimportd.db"


def test_the_samples_with_every_key_are_a_good_configuration_too(tmp_path):
    shutil.copytree(ETC, tmp_path, dirs_exist_ok=True)
    main = uncommented("dorimportd.toml").replace('url = "sqlite:///dorimportd.db"\n', "")
    (tmp_path / "dorimportd.toml").write_text(main.replace("/etc/dorimportd/tls/", ""))
    for name in ("fullchain.pem", "privkey.pem", "database-url"):
        (tmp_path / name).write_text("sqlite:///dorimportd.db")
    customer = uncommented("customers.d/example.toml")
    kept = "$argon2id$v=19$m=19456,t=2,p=1$eHh4eHh4eHh4eHh4eHh4eA$87G/fHao92Muz2H2c5nIkpX3Yy/krdCGZj8hH/Hi+yM"
    (tmp_path / "customers.d" / "example.toml").write_text(re.sub(r'"\$argon2id.*"', f'"{kept}"', customer))
    settings = read_settings(tmp_path / "dorimportd.toml")
    assert settings.mail_domain == "imports.shop.example"
    assert settings.customers["example"].format_for("sales_1.csv").name == "example"
    assert settings.customers["example"].password_hash == kept


@pytest.mark.parametrize(
    ("name", "model"), [("customers.d/example.toml", CustomerFile), ("formats.d/example.toml", Format)]
)
def test_the_other_samples_show_every_key(name, model):
    shown = set(re.findall(r"^(?:# )?(?:\[\[)?(\w+)(?: = |\]\])", (ETC / name).read_text(), re.MULTILINE))
    inner = keys(FormatChoice) | keys(FormerAddress)
    assert shown - inner | {"format"} & shown >= keys(model) - inner
    assert shown <= keys(model) | inner
