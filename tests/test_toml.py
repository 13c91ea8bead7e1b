from __future__ import annotations

import tomllib
from typing import Any, Literal

import pytest
import tomlkit
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field, field_validator

from dorimportd.toml import (
    BadToml,
    Document,
    KeyPath,
    ListOf,
    Mistake,
    Place,
    Table,
    Unfit,
    check,
    nearest,
    read_toml,
    shown,
)


class Constant(Table):
    constant: str


class Composed(Table):
    parts: ListOf[str]
    join: str = "/"


class Till(Table):
    name: str = Field(default="", min_length=1)
    opened: int = Field(default=2000, ge=1970, le=2100)
    online: bool = True
    mark: Literal["point", "comma"] = "point"
    columns: ListOf[str] = ()
    place: str | Constant | Composed = ""
    pin: str = Field(default="", repr=False)

    @field_validator("name")
    @classmethod
    def of_a_till(cls, name: str) -> str:
        if not name.startswith("till"):
            raise Unfit("must begin with till", meant="till 1" if name == "tll 1" else None)
        return name


class Shop(Table):
    till: Till = Till()
    tills: ListOf[Till] = ()
    by_floor: dict[str, Till] = Field(default_factory=dict)
    owner: str = "nobody"


def mistakes(text: str) -> list[str]:
    with pytest.raises(BadToml) as caught:
        check(Shop, read_toml(text, "shop.toml"))
    return str(caught.value).splitlines()


def paths(values: Any, path: KeyPath = ()) -> list[KeyPath]:
    """Every path of *values*: of tables, of lists, of what is in them."""
    inner = values.items() if isinstance(values, dict) else enumerate(values)
    found = [path]
    for key, value in inner:
        if isinstance(value, dict | list):
            found += paths(value, (*path, key))
        else:
            found.append((*path, key))
    return found


def at(document: Document, *path: str | int) -> str:
    place = document.place(path)
    return f"{place.line}:{place.column}"


# --- places ----------------------------------------------------------------------------------------------


def test_each_way_of_writing_a_key_has_its_place():
    document = read_toml(
        "# a comment with [brackets] and = signs\n"
        "plain = 1 # and another\n"
        "  dotted . 'quoted key'.\"caf\\u00E9\" = 1979-05-27 07:32:00\n"
        "\n"
        "[table]\n"
        "list = [ 1, # one\n"
        "  'two, ]', [ 3 ] ]\n"
        'inline = { a = "}", b.c = [ { d = 4 } ] }\n'
        "[[many]]\n"
        "x = '''\n"
        "y = 1\n"
        "'''\n"
        "[[many]]\n"
        "[many.'inner table']\n"
        'x = """a""\\""""""\n'
        "[[many.deep]]\n"
        "[[many.deep]]\n"
        "z = 1\n"
        "[late.child]\n"
        "[late]\n",
        "f.toml",
    )
    places = {path: at(document, *path) for path in paths(document.values)}
    assert places == {
        (): "1:1",
        ("plain",): "2:1",
        ("dotted",): "3:3",
        ("dotted", "quoted key"): "3:12",
        ("dotted", "quoted key", "café"): "3:25",
        ("table",): "5:2",
        ("table", "list"): "6:1",
        ("table", "list", 0): "6:10",
        ("table", "list", 1): "7:3",
        ("table", "list", 2): "7:13",
        ("table", "list", 2, 0): "7:15",
        ("table", "inline"): "8:1",
        ("table", "inline", "a"): "8:12",
        ("table", "inline", "b"): "8:21",
        ("table", "inline", "b", "c"): "8:23",
        ("table", "inline", "b", "c", 0): "8:29",
        ("table", "inline", "b", "c", 0, "d"): "8:31",
        ("many",): "9:3",
        ("many", 0): "9:3",
        ("many", 0, "x"): "10:1",
        ("many", 1): "13:3",
        ("many", 1, "inner table"): "14:7",
        ("many", 1, "inner table", "x"): "15:1",
        ("many", 1, "deep"): "16:8",
        ("many", 1, "deep", 0): "16:8",
        ("many", 1, "deep", 1): "17:8",
        ("many", 1, "deep", 1, "z"): "18:1",
        ("late",): "20:2",
        ("late", "child"): "19:7",
    }


def test_what_is_not_there_has_the_place_of_its_nearest_parent():
    document = read_toml("a = 1\n[b]\nc = [1]\n", "f.toml")
    assert at(document, "nothing") == "1:1"
    assert at(document, "b", "nothing", "at", "all") == "2:2"
    assert at(document, "b", "c", 7) == "3:1"
    assert document.place(("b",)) == Place("f.toml", 2, 2)


def test_line_ends_of_windows_do_not_move_places():
    document = read_toml('a = """x\r\ny"""\r\n[b]\r\nc = 1\r\n', "f.toml")
    assert [at(document, "a"), at(document, "b"), at(document, "b", "c")] == ["1:1", "3:2", "4:1"]


def test_a_list_may_be_as_deep_as_tomllib_takes_it():
    document = read_toml("a = " + "[" * 200 + "]" * 200 + "\nb = 1", "f.toml")
    assert at(document, "b") == "2:1"


names = st.text(st.sampled_from("ab-_.'\"\\ é\n#=[]"), max_size=4)
scalars = st.one_of(
    st.text(st.sampled_from("ab'\"\\ é\n#=[]{},\t"), max_size=8),
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes().map(lambda moment: moment.replace(microsecond=0)),
    st.times().map(lambda time: time.replace(microsecond=0)),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
trees = st.dictionaries(names, values, max_size=4)


@given(trees)
@example({"a": [{"b": [{"c": 1}, {}]}, {"b": []}]})
@settings(max_examples=150, deadline=None)
def test_every_path_that_tomllib_returns_has_a_place_of_its_own_key(tree):
    text = tomlkit.dumps(tree)
    document = read_toml(text, "f.toml")
    scanned = document._offsets
    assert sorted(map(repr, paths(tomllib.loads(text)))) == sorted(map(repr, scanned))
    for path, offset in scanned.items():
        if path and isinstance(path[-1], str) and path[-1].isalpha() and path[-1].isascii():
            assert text[offset:].lstrip("\"'").startswith(path[-1])


HEADERS = st.sampled_from(
    [
        "[a]",
        "[a.b]",
        "[[c]]",
        "[c.d]",
        "[[c.e]]",
        "[c.e.f]",
        "[[c.e.g]]",
        "[ 'h' . i ]",
        "a.x.y = 1",
        "z = {a=[{},{b=1}]}",
    ]
)


@given(st.lists(HEADERS, max_size=8), st.sampled_from(["\n", "\r\n", " # comment ]]\n", "\n\n\t"]))
@settings(max_examples=300, deadline=None)
def test_headers_in_every_order_lead_to_the_paths_that_tomllib_returns(lines, end):
    text = "".join(f"{line}{end}k{number} = '''{end}[no]'''{end}" for number, line in enumerate(lines))
    try:
        document = read_toml(text, "f.toml")
    except BadToml:
        return
    assert sorted(map(repr, paths(document.values))) == sorted(map(repr, document._offsets))


# --- syntax ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "a = 1\nb = till.example # x",
            "f.toml:2:5: is not a value: text stands in \"quotes\", a list in [ ]; got 'till.example # x'",
        ),
        ("a = 1\nb =", 'f.toml:2:4: is not a value: text stands in "quotes", a list in [ ]'),
        ("hello world", "f.toml:1:7: a key needs = and a value after it"),
        ("= 3", "f.toml:1:1: is not a line of the form key = value; got '= 3'"),
        ('a = "b\nc = 1', "f.toml:1:7: the quote that ends a text is missing on this line"),
        ("a = '''b\nc = 1", "f.toml:2:6: the quote that ends a text is missing"),
        (
            'a = "C:\\sales"',
            "f.toml:1:8: a backslash begins an escape here: write it twice, or the text in 'single quotes'",
        ),
        ("a = 1 2", "f.toml:1:7: more follows on the line than one value"),
        ("a = [1, 2\nb = 3", "f.toml:2:1: the ] that ends a list is missing"),
        ("a = { b = 1\n", "f.toml:1:12: the } that ends a table is missing"),
        ("[a\n", "f.toml:1:3: the ] after the name of a table is missing"),
        ("a = 2026-02-30", "f.toml:1:5: is not a date or time of the calendar"),
        ("a = 1\n  a = 2", "f.toml:2:3: a: is set further up already"),
        ("[a]\n[b]\n[a]", "f.toml:3:2: a: is set further up already"),
        ("a = {b = 1}\n[a.c]", "f.toml:2:2: a.c: is set further up already"),
        ("a = '\x01'", "f.toml:1:6: a control character cannot stand here"),
        ("a = " + "1" * 5000, "f.toml:1:1: has a number that is too long"),
        ("a = 0x" + "f" * 5000, "f.toml:1:1: has a number that is too long"),
        ("a = " + "[" * 5000, "f.toml:1:1: has lists or tables too deep in one another"),
    ],
)
def test_an_error_of_syntax_is_told_in_plain_words_with_its_place(text, line):
    with pytest.raises(BadToml) as caught:
        read_toml(text, "f.toml")
    assert str(caught.value) == line


@given(st.text(st.sampled_from("ab=[]{}.,#'\"\\\n\r\t 1-:T\x00é")))
@example('"\\\n')
@example('"""\\ \r\nx"""')
@settings(max_examples=300, deadline=None)
def test_whatever_the_text_it_is_a_document_or_bad_toml_with_a_place_in_the_text(text):
    try:
        document = read_toml(text, "f.toml")
    except BadToml as error:
        (mistake,) = error.mistakes
        lines = text.split("\n")
        assert 1 <= mistake.place.line <= len(lines)
        assert 1 <= mistake.place.column <= len(lines[mistake.place.line - 1]) + 1
    else:
        assert sorted(map(repr, paths(document.values))) == sorted(map(repr, document._offsets))


# --- values ----------------------------------------------------------------------------------------------


def test_a_good_document_becomes_the_model():
    text = 'owner = "Ann"\n[till]\nname = "till 1"\ncolumns = ["a", "b"]\n[till.place]\nconstant = "x"\n'
    assert check(Shop, read_toml(text, "f.toml")) == Shop(
        owner="Ann", till=Till(name="till 1", columns=("a", "b"), place=Constant(constant="x"))
    )


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines():
    assert mistakes(
        "owner = 3\n"
        "ownr = 'x'\n"
        "[[tills]]\n"
        "name = 'kiosk'\n"
        "opened = 12\n"
        "online = 'yes'\n"
        "[[tills]]\n"
        "name = ''\n"
        "opened = true\n"
        "mark = 'coma'\n"
        "columns = 'a'\n"
        "[by_floor.'1st floor']\n"
        "columns = ['a', 2]\n"
        "colums = []\n"
    ) == [
        "shop.toml:1:1: owner: must be text in quotes; got 3",
        "shop.toml:2:1: ownr: is not known here (did you mean 'owner'?)",
        "shop.toml:4:1: tills.name: must begin with till; got 'kiosk'",
        "shop.toml:5:1: tills.opened: must be at least 1970; got 12",
        "shop.toml:6:1: tills.online: must be true or false; got 'yes'",
        "shop.toml:8:1: tills.name: must have 1 or more characters; got ''",
        "shop.toml:9:1: tills.opened: must be a whole number; got true",
        "shop.toml:10:1: tills.mark: must be 'point' or 'comma'; got 'coma' (did you mean 'comma'?)",
        "shop.toml:11:1: tills.columns: must be a list; got 'a'",
        "shop.toml:13:17: by_floor.'1st floor'.columns: must be text in quotes; got 2",
        "shop.toml:14:1: by_floor.'1st floor'.colums: is not known here (did you mean 'columns'?)",
    ]


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        ("3", ["shop.toml:2:1: till.place: must be text in quotes or a table; got 3"]),
        ("['a']", ["shop.toml:2:1: till.place: must be text in quotes or a table; got a list"]),
        ("{ parts = ['a', 1] }", ["shop.toml:2:25: till.place.parts: must be text in quotes; got 1"]),
        ("{ join = ',' }", ["shop.toml:2:1: till.place.parts: is missing"]),
    ],
)
def test_of_several_kinds_of_value_the_likeliest_is_told(place, lines):
    assert mistakes(f"[till]\nplace = {place}\n") == lines


def test_a_validator_may_say_what_was_meant():
    assert mistakes("[till]\nname = 'tll 1'") == [
        "shop.toml:2:1: till.name: must begin with till; got 'tll 1' (did you mean 'till 1'?)"
    ]


def test_a_missing_key_is_told_where_its_table_begins():
    assert mistakes("[till]\n[till.place]\n") == ["shop.toml:2:7: till.place.constant: is missing"]


def test_a_secret_and_the_value_of_an_unknown_key_are_never_told():
    assert mistakes("[till]\npin = 4711\npni = '4711'\n") == [
        "shop.toml:2:1: till.pin: must be text in quotes",
        "shop.toml:3:1: till.pni: is not known here (did you mean 'pin'?)",
    ]


# --- lines -----------------------------------------------------------------------------------------------


def test_a_mistake_is_one_line_and_leaves_out_what_it_has_not():
    place = Place("a.toml", 2, 3)
    assert (
        str(Mistake(place, "k", "is wrong", "1", "l")) == "a.toml:2:3: k: is wrong; got 1 (did you mean 'l'?)"
    )
    assert str(Mistake(place, "", "is wrong")) == "a.toml:2:3: is wrong"


def test_a_shown_value_stays_on_its_line():
    assert shown("a\nb\x1b[31m") == r"'a\nb\x1b[31m'"
    assert shown("x" * 61) == "'" + "x" * 60 + "'..."
    assert [shown(value) for value in ({}, [], False, 1.5)] == ["a table", "a list", "false", "1.5"]


def test_a_file_whose_name_is_no_text_is_told():
    assert str(Mistake(Place("customers.d/\udcff.toml", 1, 1), "", "x")) == r"customers.d/\udcff.toml:1:1: x"


def test_what_stands_at_a_path_is_found():
    document = read_toml("a = [{ b = 1 }]\nc = 'x'\n", "f.toml")
    assert document.get(("a", 0, "b")) == 1
    assert [document.get(path) for path in (("a", 1), ("a", "b"), ("c", 0), ("d", "e"))] == [None] * 4


def test_the_nearest_name_is_found_whatever_its_case():
    assert nearest("TIMEZON", ["Timezone", "currency"]) == "Timezone"
    assert nearest("unlike", ["timezone", "currency"]) is None
