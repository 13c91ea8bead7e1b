"""dorimportctl format: make one from samples, try one, look at those there are."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from dorimportd.config.files import LARGEST
from dorimportd.ctl.desk import PROBLEM, USAGE, Desk, Stopped, say, say_json
from dorimportd.ctl.diff import diff_format
from dorimportd.ctl.importing import opened_file
from dorimportd.errors import HoldFile
from dorimportd.parse.format import Format, parse_format
from dorimportd.report.shapes import rehearsed_shape, reject_shape
from dorimportd.report.tables import table
from dorimportd.toml import BadToml

if TYPE_CHECKING:
    from dorimportd.parse.batch import Defaults
    from dorimportd.pipeline.rehearse import Rehearsal, Sample

SAMPLE_BYTES: Final = 16 << 20  # of each sample that suggest looks at
ROWS_SHOWN: Final = 10
REJECTS_SHOWN: Final = 20


def add_arguments(words: Any) -> None:
    """The word `format`."""
    parser = words.add_parser("format", help="formats: suggest, test, diff, list, show")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="suggest | test | diff | list | show")

    suggest = verbs.add_parser("suggest", help="write a format from sample files, and say what is not sure")
    suggest.add_argument("samples", nargs="+", type=Path, metavar="SAMPLE")
    suggest.set_defaults(command=suggest_format)

    test = verbs.add_parser("test", help="what would be imported and rejected; stores nothing")
    test.add_argument("sample", type=Path, metavar="SAMPLE")
    by = test.add_mutually_exclusive_group(required=True)
    by.add_argument("--format", type=Path, metavar="FILE")
    by.add_argument("--customer", metavar="NAME")
    test.add_argument("--timezone", metavar="TZ", help="with --format; default: UTC")
    test.add_argument("--currency", metavar="CUR", help="with --format; default: XXX, no currency")
    test.add_argument("--json", action="store_true")
    test.set_defaults(command=test_format)

    diff = verbs.add_parser("diff", help="what a changed format would do to the files that are there")
    diff.add_argument("--customer", required=True, metavar="NAME")
    diff.add_argument("--format", required=True, type=Path, metavar="FILE")
    diff.add_argument("--days", type=days, default=90, metavar="N", help="how far back; default: 90")
    diff.add_argument("--json", action="store_true")
    diff.set_defaults(command=lambda desk, asked: diff_format(desk, asked, read_format(asked.format)[0]))

    list_ = verbs.add_parser("list", help="the formats there are, and who uses them")
    list_.add_argument("--json", action="store_true")
    list_.set_defaults(command=list_formats)

    show = verbs.add_parser("show", help="the text of a format")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(command=show_format)


def days(text: str) -> int:
    """A number of days that the calendar has room for."""
    if not re.fullmatch("[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return int(text)


def suggest_format(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when a line of it waits for a person's answer."""
    from dorimportd.suggest.clues import without_cut_row
    from dorimportd.suggest.suggestion import suggest

    samples = []
    for path in asked.samples:
        with opened_file(path) as file:
            sample = file.read(SAMPLE_BYTES)
            samples.append(without_cut_row(sample) if file.read(1) else sample)
    try:
        suggestion = suggest(samples, [path.name for path in asked.samples])
    except HoldFile as reason:
        raise Stopped(str(reason)) from reason
    sys.stdout.write(suggestion.text)
    for doubt in suggestion.doubts:
        print(f"not sure: {doubt}", file=sys.stderr)
    return 0 if suggestion.sure else PROBLEM


def test_format(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when the file would be held or a row rejected."""
    from dorimportd.pipeline.rehearse import Sample, rehearse

    format, defaults = by_customer(desk, asked) if asked.customer else by_file(asked)
    with opened_file(asked.sample) as file:
        sample = Sample(file, format, defaults, asked.sample.name)
        found = rehearse(sample)
        if asked.json:
            say_rehearsal_json(sample, found, asked.customer)
        elif found.rows or not found.held:
            say(rehearsal_text(sample, found))
    if found.held and not asked.json:
        raise Stopped(f"{asked.sample}: the file would be held: {found.held}")
    return PROBLEM if found.rejected or found.held else 0


def by_customer(desk: Desk, asked: argparse.Namespace) -> tuple[Format, Defaults]:
    """The format that this customer's file of this name is read by."""
    from dorimportd.parse.batch import Defaults

    if asked.timezone or asked.currency:
        raise Stopped("--timezone and --currency go with --format; a customer has its own.", status=USAGE)
    customer = desk.customer(asked.customer)
    named = customer.format_for(asked.sample.name)
    if named is None:
        patterns = ", ".join(f"{rule.files} ({rule.format.name})" for rule in customer.format_rules)
        raise Stopped(
            f"The customer {customer.name!r} has no format for a file of the name {asked.sample.name!r},"
            f" so that it would be held. Formats: {patterns or 'none'}."
        )
    return named.format, Defaults(customer.timezone, customer.currency, today())


def today() -> date:
    """A sample is read as if it were received now."""
    return datetime.now(UTC).date()


def by_file(asked: argparse.Namespace) -> tuple[Format, Defaults]:
    """The format in a file, tried before it is put to use."""
    from dorimportd.parse.batch import Defaults

    format, _ = read_format(asked.format)
    timezone, currency = asked.timezone or "UTC", asked.currency or "XXX"
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise Stopped(
            f'--timezone: {timezone!r} is not an IANA time zone such as "Europe/Berlin".'
        ) from error
    return format, Defaults(timezone, currency, today())


def read_format(path: Path) -> tuple[Format, str]:
    """The format in the file *path*, and its text.  Raises Stopped with every mistake."""
    with opened_file(path) as file:
        content = file.read(LARGEST + 1)
    try:
        text = content.decode("utf-8-sig")
        return parse_format(text, str(path)), text
    except UnicodeDecodeError as error:
        raise Stopped(f"{path}: is not UTF-8 text.") from error
    except BadToml as error:
        raise Stopped(*map(str, error.mistakes)) from error


def say_rehearsal_json(sample: Sample, found: Rehearsal, customer: str | None) -> None:
    """Summary, transactions and rejects for a script, a line for each, however many there are.

    Of a file that would be held there are no transactions, since none of it would be stored.
    """
    from dorimportd.pipeline.rehearse import rejects, transactions

    stored = () if found.held else transactions(sample, found)
    sys.stdout.write(f'{{\n"summary": {json.dumps(found.summary(), indent=2, ensure_ascii=False)},\n')
    sys.stdout.write('"transactions": ')
    say_json_lines(rehearsed_shape(each, customer) for each in stored)
    sys.stdout.write(',\n"rejects": ')
    say_json_lines(map(reject_shape, rejects(sample, found) if found.rejected else ()))
    sys.stdout.write("\n}\n")


def say_json_lines(shapes: Iterable[dict[str, Any]]) -> None:
    """A JSON list."""
    separator = "["
    for each in shapes:
        sys.stdout.write(f"{separator}\n{json.dumps(each, ensure_ascii=False)}")
        separator = ","
    sys.stdout.write("[]" if separator == "[" else "\n]")


def rehearsal_text(sample: Sample, found: Rehearsal) -> str:
    """The same for a person: first rows, sums, rejects."""
    from dorimportd.pipeline.rehearse import transactions

    shapes = [rehearsed_shape(each, None) for each in islice(transactions(sample, found), ROWS_SHOWN)]
    columns = ["transaction_id", "location", "total", "currency", "local_time", "occurred_at"]
    parts = [table(columns, [[each[name] for name in columns] for each in shapes], right=["total"])]
    if found.sums.transactions > ROWS_SHOWN:
        parts.append(f"... and {found.sums.transactions - ROWS_SHOWN} more\n")
    days = [list(each.values()) for each in found.summary()["days"]]
    headings = ["day", "location", "currency", "transactions", "total"]
    parts.append("\n" + table(headings, days, right=["transactions", "total"]))
    parts.append("\n" + summary_line(found))
    if found.rejected:
        rows = [[each.line, each.column, each.value, each.rule] for each in found.rejects[:REJECTS_SHOWN]]
        parts.append("\n\n" + table(["line", "column", "value", "rule"], rows, right=["line"]).rstrip("\n"))
        if found.rejected > REJECTS_SHOWN:
            parts.append(f"\n... and {found.rejected - REJECTS_SHOWN} more; --json has all of them")
    return "".join(parts)


def summary_line(found: Rehearsal) -> str:
    """Counts in one line."""
    summary = found.summary()
    period = f", from {summary['first']} to {summary['last']}" if summary["first"] else ""
    skipped = f", {found.skipped} more left out by the format" if found.skipped else ""
    withdrawn = f", {found.sums.withdrawn} withdrawn" if found.sums.withdrawn else ""
    return (
        f"{found.rows} rows: {summary['transactions']} transactions, {summary['refunds']} of them refunds, "
        f"{summary['duplicates']} overridden by a later row{withdrawn}, {found.rejected} rejected"
        f"{skipped}{period}"
    )


def list_formats(desk: Desk, asked: argparse.Namespace) -> int:
    """Each format with its digest and the customers that use it; the built-in ones too."""
    from dorimportd.parse.builtin import builtin_format, builtin_texts

    own, builtin = own_formats(desk), builtin_texts()
    rows: list[dict[str, Any]] = []
    for name in sorted({*own, *builtin}):
        format = desk.settings.formats[name] if name in own else builtin_format(name)
        users = sorted(
            customer.name
            for customer in desk.settings.customers.values()
            if any(rule.format.name == name for rule in customer.format_rules)
        )
        rows.append({"name": name, "digest": format.digest, "built_in": name not in own, "customers": users})
    if asked.json:
        say_json(rows)
        return 0
    cells = [
        [row["name"], row["digest"], "built in" if row["built_in"] else "", ", ".join(row["customers"])]
        for row in rows
    ]
    say(table(["name", "digest", "", "customers"], cells).rstrip("\n"))
    return 0


def own_formats(desk: Desk) -> set[str]:
    """The names of the formats in formats.d."""
    folder = desk.config.parent / "formats.d"
    return {name for name in desk.settings.formats if (folder / f"{name}.toml").exists()}


def show_format(desk: Desk, asked: argparse.Namespace) -> int:
    """The file as it is, comments and all."""
    from dorimportd.parse.builtin import builtin_texts

    own, builtin = own_formats(desk), builtin_texts()
    if asked.name in own:
        path = desk.config.parent / "formats.d" / f"{asked.name}.toml"
        sys.stdout.write(path.read_text(encoding="utf-8"))
    elif asked.name in builtin:
        sys.stdout.write(builtin[asked.name])
    else:
        there = ", ".join(sorted({*own, *builtin}))
        raise Stopped(f"There is no format {asked.name!r}. Formats: {there}.")
    return 0
