"""Reads ``$name`` in SQL text: each becomes a bound value.

`reparam` is called for every text that users hand to a query. What may follow ``$`` is a name with attributes and
indexes; it is looked up, never evaluated.

See https://webpy.org/cookbook/query
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tornadopy.db.basedb.sql import SQLLiteral, SQLName, SQLParam, SQLQuery, SQLValues
from tornadopy.exceptions import ArgumentError
from tornadopy.utils.suggest import nearest

__all__ = ["lookup", "reparam", "sqlquote"]

_STEP = r"""\.[^\W\d]\w*|\[\s*(?:-?\d{1,9}|'[^']*'|"[^"]*")\s*\]"""
PATH = rf"[^\W\d]\w*(?:{_STEP})*"
"""A name, and the attributes and indexes that lead from it to the value."""

_PLACE = re.compile(rf"\$(?:(?P<dollar>\$)|\{{(?P<braced>[^}}]*)\}}|(?P<path>{PATH})(?P<more>[\[(]?))")
_WHOLE = re.compile(rf"\s*(?P<path>{PATH})\s*")
_STEPS = re.compile(
    r"""\.(?P<attribute>[^\W\d]\w*)|\[\s*(?:(?P<index>-?\d+)|'(?P<single>[^']*)'|"(?P<double>[^"]*)")\s*\]"""
)
_NAME = re.compile(r"[^\W\d]\w*")
_OPENED, _CLOSED = re.compile(r"""['"]%?\Z"""), re.compile(r"""%?['"]""")


def reparam(string_: str, dictionary: Mapping[str, Any]) -> SQLQuery:
    """Put the values of *dictionary* into the SQL text *string_*.

    ``$name``, ``$name.attribute``, ``$name[0]``, ``$name['key']`` and the same between ``${`` and ``}`` are places;
    ``$$`` is a dollar sign. A list stands for its values in parentheses, as ``IN`` takes them. A `SQLLiteral` or a
    `SQLQuery` is put in as it is, everything else is bound.

    Raises:
        ArgumentError: A place is something else than a look-up, its name is unknown, or it stands between quotes.

    .. versionadded:: 2.0
    """
    query, done = SQLQuery(), 0
    for place in _PLACE.finditer(string_):
        query.append(string_[done : place.start()])
        query.append("$" if place["dollar"] else _value(place, dictionary))
        done = place.end()
    query.append(string_[done:])
    return query


def sqlquote(value: Any) -> SQLQuery:
    """Return *value* as a query, to be joined with text by ``+``.

    .. versionadded:: 2.0
    """
    if isinstance(value, SQLLiteral | SQLQuery | SQLParam | SQLName | SQLValues):
        return SQLQuery(value)
    return SQLQuery(SQLValues(value) if isinstance(value, list | tuple | set | frozenset) else SQLParam(value))


def lookup(path: str, dictionary: Mapping[str, Any]) -> Any:
    """Return what *path*, such as ``user.tags[0]``, leads to in *dictionary*.

    Raises:
        ArgumentError: There is no such name, attribute or index.
    """
    name = _NAME.match(path)
    if name is None or name[0] not in dictionary:
        raise ArgumentError(_unknown(path if name is None else name[0], dictionary))
    value = dictionary[name[0]]
    for step in _STEPS.finditer(path, name.end()):
        try:
            value = _follow(value, step)
        except (LookupError, AttributeError, TypeError) as exc:
            raise ArgumentError(f"${path}: {path[: step.start()]} has no {step[0].strip('.')}") from exc
    return value


def _value(place: re.Match[str], dictionary: Mapping[str, Any]) -> SQLQuery:
    text = place.string
    if _OPENED.search(text, max(0, place.start() - 2), place.start()) and _CLOSED.match(text, place.end()):
        raise ArgumentError(
            f"{place[0]} stands between quotes; a value is bound, not written into the text: leave the quotes out, and "
            "put a % of LIKE into the value"
        )
    whole = _WHOLE.fullmatch(place["braced"]) if place["braced"] is not None else place
    if whole is None or place["more"]:
        shown = place[0] if whole is None else f"{place[0]}…"
        raise ArgumentError(
            f"{shown}: only a name with attributes and indexes (numbers, quoted keys) may follow $, since nothing is "
            "evaluated; compute the value, and hand it over in vars"
        )
    return sqlquote(lookup(whole["path"], dictionary))


def _follow(value: Any, step: re.Match[str]) -> Any:
    name: str | None = step["attribute"]
    if name is None:
        key = int(step["index"]) if step["index"] else step["single"] if step["double"] is None else step["double"]
        return value[key]
    if isinstance(value, Mapping):
        return value[name]
    if name.startswith("_"):
        raise AttributeError(name)  # SECURITY: what Python keeps behind underscores is nobody's parameter
    return getattr(value, name)


def _unknown(name: str, dictionary: Mapping[str, Any]) -> str:
    guess = nearest(name, map(str, dictionary))
    hint = f"; did you mean ${guess}?" if guess else "; a dollar sign itself is written $$"
    return f"${name}: vars has no {name!r}{hint}"
