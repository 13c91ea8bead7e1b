"""The manual against the code: what it names is there, and what is there it names."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from dorimportd.config.schema import CustomerFile, MainFile
from dorimportd.ctl.main import arguments
from dorimportd.parse.format import Format
from dorimportd.report.manual import ORDER, topic, topics
from dorimportd.words import State

README = (Path(__file__).parent.parent / "README.md").read_text()


def keys(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, str]]:
    """Each key and what it is, tables gone into."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{before}{name}.")
        else:
            yield before + name, field.description or ""


def commands(parser: argparse.ArgumentParser, before: str = "dorimportctl") -> Iterator[str]:
    """Each command that can be called."""
    verbs = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for each in verbs:
        for name, inner in each.choices.items():
            yield from commands(inner, f"{before} {name}")
    if not verbs:
        yield before


@pytest.mark.parametrize(("key", "text"), [*keys(MainFile), *keys(CustomerFile)])
def test_each_key_of_the_configuration_is_explained(key, text):
    assert re.search(rf"^    {re.escape(key)} +\S.*", topic("configuration"), re.MULTILINE), key
    explained = " ".join(topic("configuration").split())
    assert " ".join(text.split()) in explained


@pytest.mark.parametrize("key", list(Format.model_fields))
def test_each_key_of_a_format_is_explained(key):
    assert re.search(rf"^    {key}\b", topic("formats"), re.MULTILINE), key


@pytest.mark.parametrize("command", sorted(commands(arguments())))
def test_each_command_is_in_the_manual(command):
    everything = " ".join(topic(each) for each in ORDER)
    assert command in everything, command


def test_each_state_is_explained():
    for state in State:
        assert re.search(rf"^    {state.value} +\S", topic("deliveries"), re.MULTILINE), state


def test_the_readme_has_the_whole_manual():
    for each in ORDER:
        assert topic(each) in README, each


def test_topics_have_titles():
    assert list(topics()) == list(ORDER)
    assert all(topics().values())
