"""The schema, version by version; forward only.

A version is a file here and does not change any more once it was released.  It is written in SQL and
not with the models, since those follow the newest version.  A database carries its version with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dorimportd.errors import StoreUnusable
from dorimportd.instants import reach
from dorimportd.store.connect import Connected
from dorimportd.store.migrations import v0001_tables, v0002_withdrawn, v0003_samples
from dorimportd.store.migrations.version import Version

VERSIONS: Final[Sequence[Version]] = (v0001_tables.VERSION, v0002_withdrawn.VERSION, v0003_samples.VERSION)
FIRST_TABLES: Final = frozenset({"customer", "delivery", "reject", "sale"})


def migrate(database: Connected, versions: Sequence[Version] = VERSIONS) -> None:
    """Bring *database* to the newest of *versions*, after a backup where there is something to lose.

    Any number of processes may do this at once.  What fails leaves the database as it was.

    Raises StoreUnusable for a newer schema than ours, or tables that are not ours.
    """
    found = version_of(database, versions)
    if found == len(versions):
        return
    if found > 0:
        database.back_up(f"schema-{found}")
        reach("schema.copied")
    with database.writing():
        database.lock_schema()
        for version in versions[version_of(database, versions) :]:
            for statement in version.statements(database.dialect):
                database.sql(statement)
            reach("schema.version_made")
        database.sql(f"UPDATE schema_version SET version = {len(versions)}")
    reach("schema.committed")


def version_of(database: Connected, versions: Sequence[Version]) -> int:
    """The version of *database*'s schema, 0 when it is empty."""
    tables = table_names(database)
    if "schema_version" not in tables:
        if strange := sorted(FIRST_TABLES & tables):
            raise StoreUnusable(
                f"The database {database.url_shown} has tables of another program ({', '.join(strange)}); "
                "give dorimportd a database of its own."
            )
        return 0
    with database.using():
        (found,) = database.sql("SELECT version FROM schema_version").fetchone()
    if found > len(versions):
        raise StoreUnusable(
            f"The database {database.url_shown} has schema {found}, and this dorimportd knows up to "
            f"{len(versions)}; install the newer dorimportd again, or restore a backup."
        )
    return int(found)


def table_names(database: Connected) -> set[str]:
    with database.using():
        return set(database.get_tables())
