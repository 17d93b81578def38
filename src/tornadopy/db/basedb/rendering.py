"""Turns a query into what SQLAlchemy executes: text of one database, with its values bound.

Called by `tornadopy.db.basedb.database` for each statement.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Date, DateTime, Time, Uuid, bindparam, text
from sqlalchemy.types import NullType

from tornadopy.db.basedb.sql import SQLName, SQLParam, SQLQuery, SQLValues
from tornadopy.exceptions import ArgumentError

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Dialect, TextClause
    from sqlalchemy.types import TypeEngine

__all__ = ["render"]

_IN = re.compile(r"\b(?P<negated>NOT\s+)?IN\s*\Z", re.IGNORECASE)
_NOTHING = {
    "sqlite": "()",
    "mysql": "(SELECT NULL FROM (SELECT 1) AS nothing WHERE 1 = 0)",
    "mariadb": "(SELECT NULL FROM (SELECT 1) AS nothing WHERE 1 = 0)",
}
# NOTE: PostgreSQL gives '{}' the type of the left side; a subquery would need to know it.
_POSTGRES_NONE, _POSTGRES_ALL = "= ANY('{}')", "<> ALL('{}')"

# What the driver does not take, or not in the form in which SQLAlchemy's own columns store it. A driver decides of all
# else: a text bound without a type can be compared with a date or inserted as one, as in web.py.
_TYPES: dict[str, dict[type, TypeEngine[Any]]] = {
    "sqlite": {datetime: DateTime(), date: Date(), time: Time(), UUID: Uuid()},
    "mysql": {UUID: Uuid()},
    "mariadb": {UUID: Uuid()},
}
_UNTYPED: TypeEngine[Any] = NullType()


def render(query: SQLQuery, dialect: Dialect) -> TextClause:
    """Return *query* for *dialect*.

    Raises:
        ArgumentError: A list without values stands elsewhere than after ``IN``.
    """
    renderer = _Renderer(dialect)
    for item in query.items:
        renderer.add(item)
    return text(renderer.text).bindparams(*renderer.parameters)


class _Renderer:
    """The text of one statement in the making."""

    def __init__(self, dialect: Dialect) -> None:
        self.text = ""
        self.parameters: list[BindParameter[Any]] = []
        self._dialect = dialect
        self._types = _TYPES.get(dialect.name, {})

    def add(self, item: Any) -> None:
        if isinstance(item, SQLParam):
            self._add_place(item.value)
        elif isinstance(item, SQLName):
            self._add_text(".".join(self._quote(part, quoted=item.quoted) for part in item.parts))
        elif not isinstance(item, SQLValues):
            self._add_text(item)
        elif item.values:
            self._add_values(item.values)
        else:
            self._add_no_values()

    def _add_text(self, words: str) -> None:
        # SQLAlchemy would take a colon for the beginning of a parameter's name, and takes a backslash off before one.
        self.text += words.replace(":", "\\:")

    def _add_place(self, value: Any) -> None:
        name = f"p{len(self.parameters)}"
        self.text += f" :{name} "
        self.parameters.append(self._bind(name, value))

    def _add_values(self, values: tuple[Any, ...]) -> None:
        for number, value in enumerate(values):
            self.text += "," if number else "("
            self._add_place(value)
        self.text += ")"

    def _add_no_values(self) -> None:
        found = _IN.search(self.text)
        if found is None:
            raise ArgumentError("a list without values stands elsewhere than after IN; it needs at least one there")
        nothing = _NOTHING.get(self._dialect.name)
        if nothing is None:
            self.text = self.text[: found.start()] + (_POSTGRES_ALL if found["negated"] else _POSTGRES_NONE)
        else:
            self.text += nothing

    def _bind(self, name: str, value: Any) -> BindParameter[Any]:
        if isinstance(value, Decimal) and self._dialect.name == "sqlite":
            value = str(value)
        return bindparam(name, value, type_=self._types.get(type(value), _UNTYPED))

    def _quote(self, name: str, *, quoted: bool) -> str:
        """Return *name* between quotes if it needs some, and otherwise as the database would store it without them."""
        preparer = self._dialect.identifier_preparer
        if quoted or name.lower() not in preparer.reserved_words:
            return preparer.quote_identifier(name) if quoted else name
        return preparer.quote_identifier(name.lower() if self._dialect.name == "postgresql" else name)
