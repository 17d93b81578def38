"""Runs migrations on a connection, or writes their SQL; Alembic's environment calls this.

SQLite gets what the other databases have by themselves: a migration is a transaction, and its rebuilding of tables
costs no row of another table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy import Connection, Engine

from tornadopy.exceptions import MigrationError

__all__ = ["run"]


def run(context: EnvironmentContext, *, engine: Engine, options: Mapping[str, Any]) -> None:
    """Do what the command has asked for.

    Args:
        context: Alembic's environment.
        engine: The database.
        options: Of Alembic's ``configure``.
    """
    # NOTE: batch operations are what SQLite needs; elsewhere they are plain ALTERs, so that a migration made with one
    # database runs on the others.
    shared: dict[str, Any] = {"render_as_batch": True, "transaction_per_migration": True, **options}
    if context.is_offline_mode():
        context.configure(
            dialect_name=engine.dialect.name, literal_binds=True, dialect_opts={"paramstyle": "named"}, **shared
        )
        with context.begin_transaction():
            context.run_migrations()
        return
    with engine.connect() as connection, _foreign_keys_off(connection) as check:
        if check is not None:
            shared |= {"transactional_ddl": True, "on_version_apply": _listed(shared.get("on_version_apply"), check)}
        context.configure(connection=connection, **shared)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


def _listed(first: Callable[..., None] | None, check: Callable[..., None]) -> list[Callable[..., None]]:
    return [check] if first is None else [check, first]


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[Callable[..., None] | None]:
    """Let SQLite rebuild tables that others refer to; give what is to be called at the end of each migration.

    To change a column SQLite makes the table anew and drops the old one, which deletes what refers to its rows. See
    https://www.sqlite.org/lang_altertable.html#otheralter
    """
    if connection.dialect.name != "sqlite":
        yield None
        return
    _set_foreign_keys(connection, on=False)
    before = _broken_references(connection)
    connection.commit()

    def check(**_step: object) -> None:
        broken = _broken_references(connection) - before
        if broken:
            table, _row, parent = min(broken, key=str)
            raise MigrationError(
                f"{len(broken)} rows, the first in {table}, would refer to rows of {parent} that are not there; the "
                "migration has been rolled back"
            )

    try:
        yield check
    finally:
        connection.rollback()
        _set_foreign_keys(connection, on=True)


def _set_foreign_keys(connection: Connection, *, on: bool) -> None:
    # SQLite ignores it inside of a transaction.
    connection.exec_driver_sql(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


def _broken_references(connection: Connection) -> set[tuple[Any, ...]]:
    return {tuple(row)[:3] for row in connection.exec_driver_sql("PRAGMA foreign_key_check")}
