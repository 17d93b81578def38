"""Transactions of SQLite: one begins with the first statement that may write, and takes the writers' turn at once.

Python's ``sqlite3`` begins none before ``SAVEPOINT`` or ``WITH … INSERT``, and one that begins by reading cannot
become a writer while another one writes. See https://www.sqlite.org/lang_transaction.html and
https://docs.python.org/3/library/sqlite3.html#sqlite3-controlling-transactions
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, Engine, event

__all__ = ["prepare"]

_OUTSIDE_TRANSACTIONS = re.compile(
    r"\s*(?:SELECT|VALUES|EXPLAIN|PRAGMA|VACUUM|ATTACH|DETACH|BEGIN|COMMIT|END|ROLLBACK)\b", re.IGNORECASE
)


def prepare(engine: Engine) -> None:
    """Let the transactions of *engine* begin where they should, and foreign keys be checked."""
    event.listen(engine, "connect", _check_foreign_keys)
    event.listen(engine, "before_cursor_execute", _begin_before_writing)
    event.listen(engine, "savepoint", _begin_before_savepoint)


def _check_foreign_keys(dbapi_connection: Any, _record: object) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_before_writing(connection: Connection, cursor: Any, statement: str, *_rest: object) -> None:
    if not _OUTSIDE_TRANSACTIONS.match(statement):
        _begin(connection, cursor)


def _begin_before_savepoint(connection: Connection, _name: str) -> None:
    cursor = connection.connection.cursor()
    _begin(connection, cursor)
    cursor.close()


def _begin(connection: Connection, cursor: Any) -> None:
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
        return
    driver_connection: Any = connection.connection.driver_connection
    if not driver_connection.in_transaction:
        cursor.execute("BEGIN IMMEDIATE")
