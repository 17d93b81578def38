"""Which column holds the id of a new row, for the databases that have to be asked.

Asked by `tornadopy.db.basedb.database` when it inserts into PostgreSQL, or many rows into MariaDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.exc import NoSuchTableError

from tornadopy.db.basedb.names import table as read_table
from tornadopy.db.basedb.sql import SQLLiteral, SQLName, SQLQuery

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["KeyColumns"]


class KeyColumns:
    """The primary keys of the tables that rows have been inserted into, each looked up once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], SQLName | None] = {}

    def can_return_many(self, connection: Connection) -> bool:
        """Whether the database tells the ids of all rows of one INSERT, in their order."""
        dialect = connection.dialect
        return dialect.name == "postgresql" or (dialect.name != "sqlite" and dialect.insert_returning)

    def find(self, connection: Connection, table: Any) -> SQLName | None:
        """Return the primary key of *table*, if it is one column."""
        if isinstance(table, SQLLiteral | SQLQuery):
            return None
        known = (str(connection.engine.url), str(table))
        if known not in self._found:
            try:
                self._found[known] = self._look_up(connection, table)
            except NoSuchTableError:
                return None  # the insertion itself says so; the table may be made later
        return self._found[known]

    def _look_up(self, connection: Connection, table: Any) -> SQLName | None:
        names = [item for item in read_table(table).items if isinstance(item, SQLName)]
        path = [part for name in names for part in _stored(connection, name)]
        key = inspect(connection).get_pk_constraint(path[-1], path[-2] if len(path) > 1 else None)
        columns = key["constrained_columns"]
        return SQLName(columns, quoted=True) if len(columns) == 1 else None


def _stored(connection: Connection, name: SQLName) -> tuple[str, ...]:
    """Return the parts of *name* as the database stores them."""
    folds = connection.dialect.name == "postgresql" and not name.quoted
    return tuple(part.lower() for part in name.parts) if folds else name.parts
