"""Makes migrations: what the models have and the database has not, and the other way round.

Called by the command ``makemigrations``; the models have been imported before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic import command
from alembic.operations import ops
from alembic.operations.ops import MigrationScript
from alembic.script import Script

from tornadopy.db.migrations.changes import describe, name_of, renames
from tornadopy.db.migrations.errors import explained
from tornadopy.db.migrations.history import Migrations
from tornadopy.exceptions import MigrationError

__all__ = ["Made", "make", "make_empty", "merge"]

_CREATED = re.compile(r"""(?:create_table|rename_table)\(\s*["']([^"']+)["'](?:\s*,\s*["']([^"']+)["'])?""")


@dataclass(frozen=True, slots=True)
class Made:
    """What has come of it.

    Attributes:
        path: The new file; None if none was written.
        changes: What the migration does, in a few words each.
        hints: What to look at before it is applied, in sentences.
    """

    path: Path | None
    changes: tuple[str, ...] = ()
    hints: tuple[str, ...] = field(default=())


def make(migrations: Migrations, *, message: str | None = None, write: bool = True) -> Made:
    """Compare models and database, and write the difference into a new file, if there is one.

    Args:
        migrations: Those of a connection.
        message: What the migration is about; None takes its first change.
        write: Whether to write the file.

    Raises:
        MigrationError: The database does not answer, or is behind its migrations.
    """
    found: list[ops.MigrateOperation] = []

    def look(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
        script = directives[0]
        found.extend(_flat(script.upgrade_ops))
        if not found or not write:
            directives.clear()
        else:
            script.message = _one_line(message) or _title(migrations, found)

    pending = migrations.plan("head").scripts if migrations.exist else ()
    if pending:
        raise MigrationError(
            f"connection {migrations.database.name!r}: {len(pending)} migrations have not been applied to the database "
            "that the models are compared with; run 'tornadopy migrate' first"
        )
    with explained(migrations.database):
        written = _revise(migrations, look)
    changes = tuple(describe(each) for each in found)
    return Made(None if written is None else Path(written.path), changes, tuple(renames(found)))


def make_empty(migrations: Migrations, *, message: str | None = None) -> Made:
    """Write a file in which nothing is done yet, for a change of the data.

    Raises:
        MigrationError: There are several newest migrations.
    """
    with explained(migrations.database):
        migrations.folder.mkdir(parents=True, exist_ok=True)
        written: Any = command.revision(migrations.config(), _one_line(message) or "data")
    return Made(Path(written.path))


def merge(migrations: Migrations, *, message: str | None = None) -> Made:
    """Write a file that joins several newest migrations.

    Raises:
        MigrationError: There is one alone.
    """
    if len(migrations.newest()) < 2:
        raise MigrationError(f"{migrations.database.name}: there are no two newest migrations to be joined")
    with explained(migrations.database):
        written: Any = command.merge(migrations.config(), "heads", _one_line(message) or "merge")
    return Made(Path(written.path))


def _revise(migrations: Migrations, look: Callable[..., None]) -> Script | None:
    config = migrations.config(
        target_metadata=migrations.database.metadata,
        include_object=_include(migrations),
        compare_type=True,
        dont_mutate=True,
    )
    migrations.folder.mkdir(parents=True, exist_ok=True)
    try:
        written: Any = command.revision(config, autogenerate=True, process_revision_directives=look)
    finally:
        _remove_if_empty(migrations.folder)
    return written or None


def _include(migrations: Migrations) -> Callable[..., bool]:
    """Return the filter for Alembic that keeps it from dropping tables which no migration has made."""
    own = {name for path in migrations.folder.glob("*.py") for name in _tables_of(path)}

    def include(_object: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
        return kind != "table" or not reflected or compare_to is not None or name in own

    return include


def _tables_of(path: Path) -> Iterator[str]:
    for created in _CREATED.findall(path.read_text("utf-8")):
        yield from filter(None, created)


def _one_line(message: str | None) -> str:
    return " ".join((message or "").split())


def _title(migrations: Migrations, found: list[ops.MigrateOperation]) -> str:
    return name_of(found[0]) if migrations.exist else "initial"


def _flat(operations: Any) -> Iterator[ops.MigrateOperation]:
    for each in getattr(operations, "ops", ()):
        if isinstance(each, ops.OpContainer):
            yield from _flat(each)
        else:
            yield each


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder in which nothing was written, and what it was made in."""
    for each in (folder, folder.parent, folder.parent.parent):
        if each.is_dir() and not any(each.iterdir()):
            each.rmdir()
