"""Builds SELECT, INSERT, UPDATE and DELETE from what web.py's methods take.

Called by `tornadopy.db.basedb.database`. Names are checked, values are bound; nothing here knows a connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tornadopy.db.basedb.clauses import sqlwhere
from tornadopy.db.basedb.expressions import expressions
from tornadopy.db.basedb.interpolation import reparam
from tornadopy.db.basedb.names import column, shown, table, tables
from tornadopy.db.basedb.sql import SQLLiteral, SQLParam, SQLQuery
from tornadopy.exceptions import ArgumentError

__all__ = ["delete", "insert", "select", "update"]

Vars = Mapping[str, Any]
MAX_DIGITS = 19
"""How many digits a number of rows may have when it comes as text; it fits every database."""
_NO_LIMIT = {"sqlite": "-1", "mysql": "18446744073709551615", "mariadb": "18446744073709551615"}
"""What a database that knows OFFSET only after LIMIT takes for all rows."""


def select(
    names: Any,
    dictionary: Vars,
    *,
    dialect: str,
    what: Any = "*",
    where: Any = None,
    order: Any = None,
    group: Any = None,
    limit: Any = None,
    offset: Any = None,
) -> SQLQuery:
    """Return ``SELECT what FROM names …``.

    Args:
        names: Tables: a text with commas, or a list.
        dictionary: Values for ``$name`` in the other arguments.
        dialect: The kind of database.
        what: Columns and expressions.
        where: See `condition`.
        order: Expressions, each with its direction.
        group: Expressions.
        limit: How many rows at most.
        offset: How many rows to leave out before.

    Raises:
        ArgumentError: A name, an expression or a number is none.
    """
    query = SQLQuery(["SELECT ", expressions("what", what, dictionary), " FROM ", tables(names)])
    conditions = condition(where, dictionary)
    if conditions:
        query += " WHERE " + conditions
    if group is not None:
        query += " GROUP BY " + expressions("group", group, dictionary)
    if order is not None:
        query += " ORDER BY " + expressions("order", order, dictionary)
    return query + _window(limit, offset, dictionary, no_limit=_NO_LIMIT.get(dialect))


def insert(name: Any, rows: Sequence[Mapping[str, Any]], *, dialect: str) -> SQLQuery:
    """Return ``INSERT INTO name (…) VALUES (…), (…)``; one row without values gets the defaults.

    Raises:
        ArgumentError: A name is none, or the rows have not all the same columns.
    """
    columns = list(rows[0])
    for number, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise ArgumentError(
                f"multiple_insert: row {number} has the columns {sorted(row)}, row 0 has {sorted(columns)}; give every "
                "row the same ones"
            )
    query = "INSERT INTO " + table(name)
    if not columns:
        return query + (" () VALUES ()" if dialect in ("mysql", "mariadb") else " DEFAULT VALUES")
    query += SQLQuery.join([column(each) for each in columns], ", ", prefix=" (", suffix=") VALUES ")
    return query + SQLQuery.join([_row([row[each] for each in columns]) for row in rows], ", ")


def update(names: Any, where: Any, dictionary: Vars, values: Mapping[str, Any]) -> SQLQuery:
    """Return ``UPDATE names SET … WHERE …``.

    Raises:
        ArgumentError: A name is none, there is no value, or no condition.
    """
    if not values:
        raise ArgumentError("update: there is no value to set; name columns, such as update(…, title='x')")
    pairs = [column(name) + " = " + _value(value) for name, value in values.items()]
    conditions = _where("update", where, dictionary)
    return SQLQuery(["UPDATE ", tables(names), " SET ", SQLQuery.join(pairs, ", "), conditions])


def delete(name: Any, where: Any, dictionary: Vars, *, using: Any = None) -> SQLQuery:
    """Return ``DELETE FROM name [USING …] WHERE …``.

    Raises:
        ArgumentError: A name is none, or there is no condition.
    """
    query = SQLQuery(["DELETE FROM ", table(name)])
    if using is not None:
        query += " USING " + tables(using)
    return query + _where("delete", where, dictionary)


def condition(where: Any, dictionary: Vars) -> SQLQuery:
    """Return what *where* says: SQL text with ``$name``, a query, columns with their values, or a number for ``id``.

    Raises:
        ArgumentError: It is nothing of these.
    """
    if where is None:
        return SQLQuery()
    if isinstance(where, str):
        return reparam(where, dictionary)
    if isinstance(where, SQLQuery | SQLLiteral):
        return SQLQuery(where)
    if isinstance(where, Mapping):
        return sqlwhere(where)
    if isinstance(where, int) and not isinstance(where, bool):
        return sqlwhere({"id": where})
    raise ArgumentError(f"where: {shown(where)} is no condition; give SQL text with $name, a dictionary, or an id")


def _where(method: str, where: Any, dictionary: Vars) -> SQLQuery:
    conditions = condition(where, dictionary)
    if not conditions:
        raise ArgumentError(f"{method}: where is empty, which would mean every row; write where='1 = 1' to mean that")
    return " WHERE " + conditions


def _row(values: Sequence[Any]) -> SQLQuery:
    return SQLQuery.join([_value(value) for value in values], ", ", prefix="(", suffix=")")


def _value(value: Any) -> SQLQuery:
    """Return *value* as one value: a list stays one, for the databases that have arrays."""
    return SQLQuery(value if isinstance(value, SQLLiteral | SQLQuery | SQLParam) else SQLParam(value))


def _window(limit: Any, offset: Any, dictionary: Vars, *, no_limit: str | None) -> SQLQuery:
    query = SQLQuery()
    if limit is not None:
        query += " LIMIT " + SQLParam(_count("limit", limit, dictionary))
    elif offset is not None and no_limit:
        query += f" LIMIT {no_limit}"
    if offset is not None:
        query += " OFFSET " + SQLParam(_count("offset", offset, dictionary))
    return query


def _count(name: str, given: Any, dictionary: Vars) -> int:
    """Return the number that *given* is, as an int or its digits, or as the ``$name`` of one."""
    value = given
    if isinstance(given, str) and given.startswith("$"):
        values = reparam(given, dictionary).values()
        value = values[0] if len(values) == 1 else None
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value) if len(value) < MAX_DIGITS else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ArgumentError(f"{name}: {shown(given)} is no number of rows; give an int of 0 or more")
    return value
