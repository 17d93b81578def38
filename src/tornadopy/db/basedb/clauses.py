"""web.py's small makers of conditions and lists: `sqllist`, `sqlors`, `sqlwhere`.

Users call them, and so do the builders of statements.

See https://webpy.org/cookbook/where_dict
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tornadopy.db.basedb.interpolation import sqlquote
from tornadopy.db.basedb.names import column
from tornadopy.db.basedb.sql import SQLQuery

__all__ = ["sqllist", "sqlors", "sqlwhere"]

FALSE = "1 = 0"


def sqllist(names: str | Iterable[str]) -> str:
    """Return *names* with commas between them: ``sqllist(["a", "b"])`` is ``"a, b"``; a text stays as it is.

    .. versionadded:: 2.0
    """
    return names if isinstance(names, str) else ", ".join(names)


def sqlors(left: str, values: Any) -> SQLQuery:
    """Return the condition that *left* fits one of *values*.

    ``sqlors("name = ", ["a", "b"])`` is ``(name = 'a' OR name = 'b')``, one value needs no list, and an empty list is
    a condition that nothing fulfils.

    Args:
        left: SQL text that ends where a value belongs.
        values: A value, or a list of them.

    .. versionadded:: 2.0
    """
    if not isinstance(values, list | tuple | set | frozenset):
        return left + sqlquote(values)
    if not values:
        return SQLQuery(FALSE)
    if len(values) == 1:
        return left + sqlquote(next(iter(values)))
    return SQLQuery.join([left + sqlquote(value) for value in values], " OR ", prefix="(", suffix=")")


def sqlwhere(data: Mapping[str, Any] | Iterable[tuple[str, Any]], grouping: str = " AND ") -> SQLQuery:
    """Return the condition that each column has its value.

    ``None`` is compared by ``IS NULL``, a list by ``IN``. Without any column the query is empty, and false.

    Args:
        data: Columns and their values.
        grouping: The text between two comparisons.

    Raises:
        ArgumentError: A key is no name of a column.

    .. versionadded:: 2.0
    """
    pairs = data.items() if isinstance(data, Mapping) else data
    return SQLQuery.join([_compare(name, value) for name, value in pairs], grouping)


def _compare(name: str, value: Any) -> SQLQuery:
    if value is None:
        return column(name) + " IS NULL"
    if isinstance(value, list | tuple | set | frozenset):
        return column(name) + " IN " + sqlquote(value)
    return column(name) + " = " + sqlquote(value)
