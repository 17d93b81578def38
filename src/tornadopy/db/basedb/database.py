"""web.py's database object: each call is one statement, outside `transaction` committed at once.

Made by `tornadopy.db.basedb.database`. It knows an engine of SQLAlchemy, and no models. A connection is taken from the
pool for a call and goes back before the call returns; rows are fetched at once.

See https://webpy.org/docs/0.3/api#web.db
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tornadopy.db.basedb import statements
from tornadopy.db.basedb.interpolation import reparam
from tornadopy.db.basedb.keys import KeyColumns
from tornadopy.db.basedb.rendering import render
from tornadopy.db.basedb.result import ResultSet
from tornadopy.db.basedb.sql import SQLQuery
from tornadopy.db.basedb.transactions import Transaction, begin, innermost

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

    from tornadopy.db.nodes import Node

__all__ = ["Database"]

_log = logging.getLogger("tornadopy.infolog")

Vars = Mapping[str, Any] | None
MAX_PARAMETERS = 10_000
"""How many values one statement carries at most; databases refuse more than 32766 (SQLite) or 65535 (PostgreSQL)."""


class Database:
    """A database, with web.py's methods.

    It may be used by many threads and requests at once. ``_test=True`` makes a method return its statement, to be
    looked at, in place of executing it. Names of tables and columns are checked, values are always bound.

    Args:
        find_node: Returns the server to use now.

    Attributes:
        printing: Whether each statement is logged, with places for its values, to ``tornadopy.infolog``.

    .. versionadded:: 2.0
    """

    def __init__(self, find_node: Callable[[], Node]) -> None:
        self.printing = False
        self._find_node = find_node
        self._keys = KeyColumns()

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine."""
        return self._find_node().engine

    @property
    def dbn(self) -> str:
        """The kind of database: ``sqlite``, ``mysql``, ``mariadb`` or ``postgresql``."""
        return self.engine.dialect.name

    def query(self, sql_query: Any, vars: Vars = None, *, processed: bool = False, _test: bool = False) -> Any:  # noqa: A002 - web.py's name
        """Execute SQL, and return its rows, or the number of rows that it has changed.

        Args:
            sql_query: SQL text with ``$name``, or a query.
            vars: The values.
            processed: Take a dollar sign in the text for what it is.
            _test: Return the statement.

        Raises:
            ArgumentError: A value is missing, or the text asks for more than a look-up.
        """
        text = isinstance(sql_query, str) and not processed
        return self._execute(reparam(sql_query, vars or {}) if text else SQLQuery(sql_query), test=_test)

    def select(
        self,
        tables: Any,
        vars: Vars = None,  # noqa: A002 - web.py's name
        *,
        what: Any = "*",
        where: Any = None,
        order: Any = None,
        group: Any = None,
        limit: Any = None,
        offset: Any = None,
        _test: bool = False,
    ) -> Any:
        """Return rows of *tables*.

        ::

            database.select("users", {"name": "Bob"}, where="name = $name", order="id DESC", limit=10)

        Args:
            tables: A name, names with commas, or a list.
            vars: Values for ``$name`` in the other arguments.
            what: Columns and plain expressions, each with an alias if it wants one; a text or a list.
            where: SQL text with ``$name``, a dictionary of columns, a number for ``id``, or a query.
            order: Columns and plain expressions, each with a direction if it wants one.
            group: Columns and plain expressions.
            limit: How many rows at most.
            offset: How many rows to leave out before.
            _test: Return the statement.

        Raises:
            ArgumentError: A name, an expression or a number is none.
        """
        statement = statements.select(
            tables, vars or {}, dialect=self.dbn, what=what, where=where, order=order, group=group, limit=limit,
            offset=offset,
        )  # fmt: skip
        return self._execute(statement, test=_test)

    def where(
        self,
        table: Any,
        *,
        what: Any = "*",
        order: Any = None,
        group: Any = None,
        limit: Any = None,
        offset: Any = None,
        _test: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return the rows of *table* whose columns have the values of *kwargs*.

        ``None`` means ``IS NULL``, a list ``IN``. The other arguments are those of `select`.
        """
        return self.select(
            table, what=what, where=kwargs or None, order=order, group=group, limit=limit, offset=offset, _test=_test
        )

    def insert(self, tablename: Any, seqname: Any = None, *, _test: bool = False, **values: Any) -> Any:
        """Insert a row, and return its id.

        Args:
            tablename: The table.
            seqname: PostgreSQL: the sequence that the id comes from; None asks for the primary key, False for nothing.
            _test: Return the statement.
            **values: The columns; none of them means their defaults.

        Returns:
            The new id; None where the table gives none.

        Raises:
            ArgumentError: A name is none.
        """
        statement = statements.insert(tablename, [values], dialect=self.dbn)
        if _test:
            return statement
        with self._connection() as connection:
            return self._insert(connection, tablename, statement, seqname)

    def multiple_insert(
        self, tablename: Any, values: Sequence[Mapping[str, Any]], seqname: Any = None, *, _test: bool = False
    ) -> Any:
        """Insert rows, all of them or none, and return their ids.

        Args:
            tablename: The table.
            values: The rows, each with the same columns.
            seqname: False: ids are not wanted, which saves time where they have to be asked for.
            _test: Return the statement.

        Returns:
            The ids in the order of the rows; None if they are not wanted.

        Raises:
            ArgumentError: A name is none, or the rows have not all the same columns.
        """
        if not values:
            return []
        statement = statements.insert(tablename, values, dialect=self.dbn)
        if _test:
            return statement
        with self.transaction(), self._connection() as connection:
            if seqname is not False and not self._keys.can_return_many(connection):
                each = (statements.insert(tablename, [row], dialect=self.dbn) for row in values)
                return [self._insert(connection, tablename, statement, seqname) for statement in each]
            ids: list[Any] = []
            for chunk in _chunks(values):
                statement = statements.insert(tablename, chunk, dialect=self.dbn)
                ids += self._insert_many(connection, tablename, statement, seqname)
            return None if seqname is False else ids

    def update(self, tables: Any, where: Any, vars: Vars = None, *, _test: bool = False, **values: Any) -> Any:  # noqa: A002 - web.py's name
        """Set columns of the rows that *where* is true of, and return how many they are.

        Args:
            tables: A table, or several where the database can.
            where: As in `select`; it must not be empty.
            vars: Values for ``$name`` in *where*.
            _test: Return the statement.
            **values: The columns.

        Raises:
            ArgumentError: A name is none, no value is given, or no condition.
        """
        return self._execute(statements.update(tables, where, vars or {}, values), test=_test)

    def delete(
        self,
        table: Any,
        where: Any,
        using: Any = None,
        vars: Vars = None,  # noqa: A002 - web.py's name
        *,
        _test: bool = False,
    ) -> Any:
        """Delete the rows that *where* is true of, and return how many they are.

        Args:
            table: The table.
            where: As in `select`; it must not be empty.
            using: PostgreSQL: further tables for the condition.
            vars: Values for ``$name`` in *where*.
            _test: Return the statement.

        Raises:
            ArgumentError: A name is none, or no condition is given.
        """
        return self._execute(statements.delete(table, where, vars or {}, using=using), test=_test)

    def transaction(self) -> Transaction:
        """Begin a transaction, or set a savepoint in the one that is open.

        ::

            with database.transaction():
                database.insert("orders", article=1)
                database.update("stock", {"article": 1}, number=sqlliteral("number - 1"))

        It is that of the request, the task or the thread; what these start takes part in it.
        """
        return begin(self.engine)

    def close(self) -> None:
        """Close the connections that nobody uses; the next use opens new ones."""
        self._find_node().dispose()

    def _execute(self, statement: SQLQuery, *, test: bool) -> Any:
        if test:
            return statement
        with self._connection() as connection:
            result = self._run(connection, statement)
            return ResultSet(list(result.keys()), result.all()) if result.returns_rows else result.rowcount

    def _run(self, connection: Connection, statement: SQLQuery) -> CursorResult[Any]:
        clause = render(statement, connection.dialect)
        if self.printing:
            _log.info("%s", " ".join(clause.text.split()))
        return connection.execute(clause)

    def _insert(self, connection: Connection, table: Any, statement: SQLQuery, seqname: Any) -> Any:
        if self.dbn != "postgresql":
            result = self._run(connection, statement)
            return None if seqname is False else result.lastrowid or None
        if isinstance(seqname, str):
            self._run(connection, statement)
            return self._run(connection, reparam("SELECT currval($name)", {"name": seqname})).scalar()
        ids = self._insert_many(connection, table, statement, seqname)
        return ids[0] if ids else None

    def _insert_many(self, connection: Connection, table: Any, statement: SQLQuery, seqname: Any) -> list[Any]:
        key = None if seqname is False else self._keys.find(connection, table)
        result = self._run(connection, statement if key is None else statement + " RETURNING " + key)
        return [] if key is None else list(result.scalars())

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Give out the connection of the transaction that is open here, or one whose work is committed at the end."""
        engine = self.engine
        transaction = innermost(engine)
        if transaction is not None:
            with transaction.pinned.turn() as connection:
                yield connection
            return
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                # PERF: psycopg then sends neither BEGIN nor COMMIT; elsewhere it would cost more than it saves.
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection
            connection.commit()


def _chunks(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    size = max(1, MAX_PARAMETERS // max(1, len(rows[0])))
    return (rows[start : start + size] for start in range(0, len(rows), size))
