"""dorimportctl verify: the archive against its digests, and the database against the archive."""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dorimportd.ctl.desk import PROBLEM, Desk, say, say_json
from dorimportd.ctl.diff import progress
from dorimportd.report.shapes import rehearsed_shape
from dorimportd.report.tables import shown

if TYPE_CHECKING:
    from dorimportd.pipeline.rebuild import Rebuilt
    from dorimportd.pipeline.verify import Finding, Kind, Settled, WrongRow, WrongRows
    from dorimportd.store.sales import ToldRow

PREFIX: Final = "verify-"  # of the folder of the second database
SENTENCES: Final = {
    "unexplained": "transactions of the database that no delivery explains",
    "missing": "transactions that are missing in the database",
    "different": "transactions that differ in the database",
}


def add_arguments(words: Any) -> None:
    """The word `verify`."""
    parser = words.add_parser(
        "verify", help="the deliveries against their digests, the database against them"
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=verify)


def verify(desk: Desk, asked: argparse.Namespace) -> int:
    """Exit status 1 when anything is wrong."""
    with desk.spool.reading_all():
        return verify_all(desk, asked)


def verify_all(desk: Desk, asked: argparse.Namespace) -> int:
    """The same, while nothing is removed."""
    from dorimportd.pipeline.verify import Settled, check_gone, check_roots

    spool, store = desk.spool, desk.store
    settled = Settled(spool, store, datetime.now(UTC))
    count = sum(1 for each in spool.sequences() if each <= settled.upto)
    findings = [*check_deliveries(desk, settled, count), *check_gone(spool, store, settled.upto)]
    findings += check_roots(spool)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=desk.state_directory) as folder:
        rebuilt, rows = compared(desk, settled, Path(folder), count)
    if asked.json:
        say_json(verify_json(rebuilt, findings, rows))
    else:
        say(verify_text(rebuilt, findings, rows))
    return PROBLEM if findings or rows.any else 0


def check_deliveries(desk: Desk, settled: Settled, count: int) -> list[Finding]:
    """What is wrong with the deliveries one by one."""
    from dorimportd.pipeline.verify import check_delivery

    found: list[Finding] = []
    with progress(count) as step:
        for sequence in desk.spool.sequences():
            if sequence > settled.upto:
                break
            step()
            found += check_delivery(desk.spool, desk.store, sequence)
    return found


def compared(desk: Desk, settled: Settled, folder: Path, count: int) -> tuple[Rebuilt, WrongRows]:
    """The database against one that is made in *folder* from the archive."""
    from dorimportd.pipeline.history import Recalled
    from dorimportd.pipeline.importer import Importer
    from dorimportd.pipeline.rebuild import rebuild
    from dorimportd.pipeline.verify import compare
    from dorimportd.store.store import open_new_store

    archive = open_new_store(f"sqlite:///{folder / 'archive.db'}")
    try:
        history = Recalled(desk.spool.outcomes, desk.store)
        importer = Importer(desk.spool, archive, desk.plan_now, history=history)
        with progress(count) as step:
            rebuilt = rebuild(desk.spool, archive, importer, desk.store, step=step, upto=settled.upto)
        return rebuilt, compare(archive, desk.store, settled)
    finally:
        archive.close()


# For a script.


def verify_json(rebuilt: Rebuilt, findings: list[Finding], rows: WrongRows) -> dict[str, Any]:
    """All that was found."""
    return {
        "deliveries": rebuilt.total,
        "unknown": rebuilt.unknown,
        "removed": len(rebuilt.taken.deliveries),
        "unchecked": rebuilt.taken.transactions,
        "transactions": rows.transactions,
        "findings": [each._asdict() for each in findings],
        **{kind.value: kind_json(rows, kind) for kind in rows.counts},
    }


def kind_json(rows: WrongRows, kind: Kind) -> dict[str, Any]:
    return {"count": rows.counts[kind], "first": [row_json(each) for each in rows.first[kind]]}


def row_json(row: WrongRow) -> dict[str, Any]:
    """A transaction, as the database and as the archive have it."""
    return {
        "customer": row.customer,
        "transaction_id": row.told.transaction.transaction_id,
        "delivery": row.told.delivery,
        "line": row.told.transaction.line,
        "database": told_json(row.store, row.customer),
        "archive": told_json(row.archive, row.customer),
    }


def told_json(told: ToldRow | None, customer: str) -> dict[str, Any] | None:
    if told is None:
        return None
    shape = rehearsed_shape(told.transaction, customer) | {"delivery": told.delivery}
    return shape | {"line": told.transaction.line, "withdrawn": bool(told.transaction.withdrawn)}


# For a person.


def verify_text(rebuilt: Rebuilt, findings: list[Finding], rows: WrongRows) -> str:
    """Counts, and what is wrong."""
    read = rebuilt.total - len(rebuilt.taken.deliveries)
    lines = [f"Deliveries read: {read}. Transactions compared: {rows.transactions}."]
    if rebuilt.taken.deliveries:
        lines.append(
            f"Deliveries whose bytes were removed: {len(rebuilt.taken.deliveries)}. "
            f"Transactions that they told, which cannot be checked: {rebuilt.taken.transactions}."
        )
    if rebuilt.unknown:
        lines.append(
            f"Deliveries of which it is not known how they were read: {rebuilt.unknown}. "
            "They were read by the format as it is now."
        )
    lines += [f"delivery {each.delivery} {each.problem}" for each in findings]
    for kind, count in rows.counts.items():
        if count:
            lines.append(f"{SENTENCES[kind]}: {count}")
            lines += [f"    {row_text(each)}" for each in rows.first[kind]]
    if not findings and not rows.any:
        lines.append("Nothing is wrong.")
    return "\n".join(lines)


def row_text(row: WrongRow) -> str:
    """A transaction, on one line."""
    told = row.told
    place = f"{row.customer} {told.transaction.transaction_id}: delivery {told.delivery}"
    text = f"{place} line {told.transaction.line}"
    if row.archive is not None and row.store is not None:
        text += f": {sale_text(row.store)}, and by the archive {sale_text(row.archive)}"
    return shown(text)


def sale_text(told: ToldRow) -> str:
    """What is said of a transaction."""
    sale = told.transaction
    if sale.withdrawn:
        return f"withdrawn (delivery {told.delivery})"
    shape = rehearsed_shape(sale, None)
    said = " ".join(shape[name] for name in ("location", "total", "currency", "occurred_at"))
    return f"{said} (delivery {told.delivery} line {sale.line})"
