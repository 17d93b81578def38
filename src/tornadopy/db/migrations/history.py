"""The migrations of one named connection: what there is, what has been applied, and the way from here to there.

Called by the commands ``migrate`` and ``showmigrations``; Alembic does the work.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, TextIO

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from tornadopy.db.connector import Database
from tornadopy.db.migrations import running
from tornadopy.db.migrations.errors import explained
from tornadopy.exceptions import MigrationError

__all__ = ["Migrations", "Plan", "title"]

ENVIRONMENT = Path(__file__).parent / "environment"
FILE_TEMPLATE = "%%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d%%(second).2d_%%(slug)s"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a move to a revision does.

    Attributes:
        direction: ``up`` applies, ``down`` undoes.
        target: Where it ends: an identifier, ``heads`` or ``base``.
        scripts: The migrations on the way, in their order.
    """

    direction: Literal["up", "down"]
    target: str
    scripts: tuple[Script, ...]


class Migrations:
    """The history of one connection.

    Args:
        database: The connection.
        root: The folder of all migrations.

    Attributes:
        database: The connection.
        folder: Where its files are.
    """

    def __init__(self, database: Database, root: Path) -> None:
        self.database = database
        self.folder = root / database.name / "versions"

    @property
    def exist(self) -> bool:
        """Whether there is any file."""
        return self.folder.is_dir() and any(self.folder.glob("*.py"))

    @property
    def version_table(self) -> str:
        """The table that says what has been applied; connections that share a database have one each."""
        name = self.database.name
        return "alembic_version" if name == DEFAULT else f"alembic_version_{name}"

    @cached_property
    def _scripts(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self.config())

    def config(self, *, output: TextIO | None = None, **options: Any) -> Config:
        """Return Alembic's configuration.

        Args:
            output: Where SQL is written, if it is not executed.
            **options: Of Alembic's ``configure``.
        """
        run = partial(
            running.run, engine=self.database.master.engine, options={"version_table": self.version_table, **options}
        )
        config = Config(output_buffer=output, cmd_opts=argparse.Namespace(quiet=True), attributes={"run": run})
        values = {
            "script_location": str(ENVIRONMENT),
            "version_locations": str(self.folder),
            "path_separator": "newline",
        }
        for name, value in values.items():
            config.set_main_option(name, value.replace("%", "%%"))
        config.set_main_option("file_template", FILE_TEMPLATE)
        return config

    def scripts(self) -> list[Script]:
        """Return the migrations, those first that others build on."""
        with explained(self.database):
            return list(reversed(list(self._scripts.walk_revisions())))

    def newest(self) -> list[str]:
        """Return the identifiers of the migrations that no other builds on."""
        with explained(self.database):
            return list(self._scripts.get_heads())

    def applied(self) -> set[str]:
        """Return the identifiers of the migrations that have been applied.

        Raises:
            MigrationError: The database does not answer, or it has one that there is no file of.
        """
        heads = self._heads()
        unknown = set(heads) - {script.revision for script in self.scripts()}
        if unknown:
            raise MigrationError(
                f"connection {self.database.name!r}: the database has the migration {', '.join(sorted(unknown))}, of "
                f"which there is no file in {self.folder}; has it been deleted, or not been committed?"
            )
        return self._with_ancestors(heads)

    def plan(self, target: str) -> Plan:
        """Return the way from where the database is to *target*.

        Args:
            target: ``head``, ``base``, an identifier or its beginning, ``+n`` or ``-n``.

        Raises:
            MigrationError: There is no such migration, or there are not so many.
        """
        applied, scripts = self.applied(), self.scripts()
        done = [script for script in scripts if script.revision in applied]
        pending = [script for script in scripts if script.revision not in applied]
        if target in ("head", "heads"):
            return Plan("up", "heads", tuple(pending))
        if target == "base":
            return Plan("down", "base", tuple(reversed(done)))
        if target.startswith("+"):
            return self._up_by(_number(target), pending)
        if target.startswith("-"):
            return self._down_by(_number(target), done)
        return self._to_revision(target, applied, scripts)

    def run(self, plan: Plan, *, sql: TextIO | None = None, notify: Callable[[Script], None] | None = None) -> None:
        """Go the way of *plan*.

        Args:
            plan: The way.
            sql: Where to write the statements in place of executing them.
            notify: Called after each migration.

        Raises:
            MigrationError: A migration has failed; those before it have been applied.
        """
        move = command.upgrade if plan.direction == "up" else command.downgrade
        options = {} if notify is None else {"on_version_apply": partial(_notify, notify)}
        target = plan.target
        with explained(self.database):
            if sql is not None:
                target = f"{','.join(self._heads()) or 'base'}:{target}"
            move(self.config(output=sql, **options), target, sql=sql is not None)

    def mark(self, plan: Plan) -> None:
        """Note in the database that it is where *plan* ends, without running anything."""
        with explained(self.database):
            command.stamp(self.config(), plan.target)

    def _heads(self) -> tuple[str, ...]:
        with explained(self.database), self.database.master.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": self.version_table})
            return tuple(context.get_current_heads())

    def _with_ancestors(self, revisions: Collection[str]) -> set[str]:
        if not revisions:
            return set()
        with explained(self.database):
            return {script.revision for script in self._scripts.iterate_revisions(tuple(revisions), "base")}

    def _up_by(self, number: int, pending: Sequence[Script]) -> Plan:
        if number > len(pending):
            raise MigrationError(f"{self.database.name}: +{number}: {_there_are(pending, 'to apply')}")
        return Plan("up", pending[number - 1].revision, tuple(pending[:number]))

    def _down_by(self, number: int, done: Sequence[Script]) -> Plan:
        if number > len(done):
            raise MigrationError(f"{self.database.name}: -{number}: {_there_are(done, 'to undo')}")
        rest = done[:-number]
        return Plan("down", rest[-1].revision if rest else "base", tuple(reversed(done[-number:])))

    def _to_revision(self, target: str, applied: set[str], scripts: Iterable[Script]) -> Plan:
        if not target.strip():
            raise MigrationError(f"{self.database.name}: an empty text is no migration; 'head' is the newest one")
        with explained(self.database):
            found = self._scripts.get_revision(target)
        way = self._with_ancestors([found.revision])
        if found.revision in applied:
            undone = [script for script in scripts if script.revision in applied - way]
            return Plan("down", found.revision, tuple(reversed(undone)))
        return Plan("up", found.revision, tuple(script for script in scripts if script.revision in way - applied))


def title(script: Script) -> str:
    """Return what a migration is about."""
    return str(script.doc).removesuffix(".")


def _notify(notify: Callable[[Script], None], *, step: Any, **_rest: object) -> None:
    notify(step.up_revision)


def _number(target: str) -> int:
    digits = target[1:]
    if not (digits.isascii() and digits.isdecimal()) or not int(digits[:9]):
        raise MigrationError(f"{target!r} is no number of migrations; write +1 or -1")
    return int(digits[:9])


def _there_are(scripts: Sequence[Script], what: str) -> str:
    if not scripts:
        return f"there is no migration {what}"
    return f"there {'is' if len(scripts) == 1 else 'are'} only {len(scripts)} {what}"
