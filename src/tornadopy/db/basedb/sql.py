"""Pieces of SQL that keep text and values apart, as web.py has them.

Everything in this package makes and joins them; `tornadopy.db.basedb.rendering` alone turns them into what a driver
takes. They know no database.

See https://webpy.org/docs/0.3/api#web.db
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

__all__ = ["SQLLiteral", "SQLName", "SQLParam", "SQLQuery", "SQLValues", "sqlify"]


class _Piece:
    """What can be joined to others by ``+``, on either side of a text."""

    __slots__ = ()

    def __add__(self, other: Any) -> SQLQuery:
        return SQLQuery([self, other])

    def __radd__(self, other: Any) -> SQLQuery:
        return SQLQuery([other, self])


class SQLParam(_Piece):
    """A value, bound to its statement and never a part of the text.

    .. versionadded:: 2.0
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __str__(self) -> str:
        return sqlify(self.value)

    def __repr__(self) -> str:
        return f"<param: {self.value!r}>"


class SQLValues(_Piece):
    """The values of a list, bound one by one: ``(1, 2, 3)`` of ``IN``."""

    __slots__ = ("values",)

    def __init__(self, values: Iterable[Any]) -> None:
        self.values = tuple(values)

    def __str__(self) -> str:
        return f"({', '.join(map(sqlify, self.values))})"

    def __repr__(self) -> str:
        return f"<values: {self.values!r}>"


class SQLName(_Piece):
    """A name that has been checked; the database's own quotes are put around it where it needs some.

    Args:
        parts: Schema, table, column: each as it is written.
        quoted: Whether it is to be taken letter by letter, as between quotes.
    """

    __slots__ = ("parts", "quoted")

    def __init__(self, parts: Iterable[str], *, quoted: bool = False) -> None:
        self.parts = tuple(parts)
        self.quoted = quoted

    def __str__(self) -> str:
        return ".".join(f'"{part}"' if self.quoted else part for part in self.parts)

    def __repr__(self) -> str:
        return f"<name: {str(self)!r}>"


class SQLLiteral(_Piece):
    """SQL text that is trusted as it is, where a value or a checked expression would stand: ``SQLLiteral("NOW()")``.

    .. versionadded:: 2.0
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<literal: {self.text!r}>"


Piece = str | SQLParam | SQLValues | SQLName
"""What a query consists of; a `str` is SQL text."""


class SQLQuery:
    """A statement or a part of one: text, and the values that belong into it.

    ``+`` joins it with texts and other pieces. ``str(query)`` shows it with its values written out, to be read by
    people; it is not what is executed.

    Args:
        items: Nothing, a text, a piece, or a list of them.

    .. versionadded:: 2.0
    """

    __slots__ = ("items",)

    def __init__(self, items: Any = ()) -> None:
        self.items: list[Piece] = []
        for item in [items] if isinstance(items, str | SQLQuery | _Piece) else items:
            self.append(item)

    def append(self, item: Any) -> None:
        """Add a text, a piece or another query at the end."""
        if isinstance(item, SQLQuery):
            self.items += item.items
        elif isinstance(item, SQLLiteral):
            self.append(item.text)
        elif item == "":
            return
        elif isinstance(item, str | SQLParam | SQLValues | SQLName):
            self.items.append(item)
        else:
            raise TypeError(f"SQL is joined with text and sqlparam(value), not with {type(item).__name__}")

    def values(self) -> list[Any]:
        """Return the values, in the order of their places."""
        found: list[Any] = []
        for item in self.items:
            if isinstance(item, SQLParam):
                found.append(item.value)
            elif isinstance(item, SQLValues):
                found += item.values
        return found

    @staticmethod
    def join(items: Iterable[Any], sep: str = " ", *, prefix: str = "", suffix: str = "") -> SQLQuery:
        """Return *items* with the text *sep* between them, *prefix* before and *suffix* after."""
        joined = SQLQuery(prefix)
        for number, item in enumerate(items):
            if number:
                joined.append(sep)
            joined.append(item)
        joined.append(suffix)
        return joined

    def __add__(self, other: Any) -> SQLQuery:
        return SQLQuery([self, other]) if isinstance(other, str | SQLQuery | _Piece) else NotImplemented

    def __radd__(self, other: Any) -> SQLQuery:
        return SQLQuery([other, self]) if isinstance(other, str | _Piece) else NotImplemented

    def __bool__(self) -> bool:
        return any(not isinstance(item, str) or item.strip() for item in self.items)

    def __str__(self) -> str:
        return "".join(map(str, self.items))

    def __repr__(self) -> str:
        return f"<sql: {str(self)!r}>"


def sqlify(value: Any) -> str:
    """Return *value* as a person would write it in SQL; for `SQLQuery` to show itself, never for execution.

    .. versionadded:: 2.0
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime | date | time):
        return f"'{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value) if isinstance(value, int | float | bytes) else str(value)
