"""Checks names of tables and columns, which cannot be bound as values are.

The statements' builders call this for every name that they are given. A name that somebody has put between quotes is
taken letter by letter; others follow the database's rules for upper and lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tornadopy.db.basedb.sql import SQLLiteral, SQLName, SQLQuery
from tornadopy.exceptions import ArgumentError

__all__ = ["NAME", "column", "read_name", "table", "tables"]

_PLAIN = r"[^\W\d][\w$]*"
_QUOTED = r'"[\w$ .\-]+"|`[\w$ .\-]+`'
NAME = rf"(?:{_PLAIN}|{_QUOTED})(?:\.(?:{_PLAIN}|{_QUOTED}))*"
"""One name, or several with dots between them, each between quotes or not."""

_PART = re.compile(rf"{_QUOTED}|{_PLAIN}")
_WHOLE = re.compile(NAME)
_TABLE = re.compile(rf"(?P<name>{NAME})(?:\s+(?:as\s+)?(?P<alias>{_PLAIN}|{_QUOTED}))?", re.IGNORECASE)
_SHOWN = 60  # characters of a refused name


def column(name: Any) -> SQLName | SQLQuery:
    """Return the checked name of a column.

    Raises:
        ArgumentError: It is no name.
    """
    if not isinstance(name, str) or _WHOLE.fullmatch(name) is None:
        raise ArgumentError(f"{shown(name)} is no name of a column; a name has letters, digits and underscores")
    return read_name(name)


def table(name: Any) -> SQLQuery:
    """Return the checked name of a table, with its alias if it has one; a `SQLLiteral` or `SQLQuery` is trusted.

    Raises:
        ArgumentError: It is no name.
    """
    if isinstance(name, SQLLiteral | SQLQuery):
        return SQLQuery(name)
    found = _TABLE.fullmatch(name.strip()) if isinstance(name, str) else None
    if found is None:
        raise ArgumentError(
            f"{shown(name)} is no name of a table; a name has letters, digits and underscores, and other SQL, such as "
            "a join, is marked as trusted by sqlliteral(…)"
        )
    query = SQLQuery(read_name(found["name"]))
    return query if found["alias"] is None else query + " AS " + read_name(found["alias"])


def tables(names: Any) -> SQLQuery:
    """Return the checked names of tables: a text with commas, or a list.

    Raises:
        ArgumentError: One of them is no name, or there is none.
    """
    if isinstance(names, SQLLiteral | SQLQuery):
        return SQLQuery(names)
    each: Iterable[Any] = names.split(",") if isinstance(names, str) else names
    checked = [table(name) for name in each]
    if not checked:
        raise ArgumentError("there is no table in an empty list; name at least one")
    return SQLQuery.join(checked, ", ")


def read_name(text: str) -> SQLName | SQLQuery:
    """Return the name in *text*, which matches `NAME`."""
    parts = _PART.findall(text)
    if not any(part[0] in '"`' for part in parts):
        return SQLName(parts)
    pieces = [SQLName([part[1:-1]], quoted=True) if part[0] in '"`' else SQLName([part]) for part in parts]
    return pieces[0] if len(pieces) == 1 else SQLQuery.join(pieces, ".")


def shown(text: Any) -> str:
    """Return *text* for a message: one line, not too long."""
    written = repr(text)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
