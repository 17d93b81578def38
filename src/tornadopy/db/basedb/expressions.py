"""Checks what stands after SELECT, ORDER BY and GROUP BY: names, numbers, plain functions and arithmetic.

These texts often come near to what a client has chosen (a column to sort by), so that no more is let through than
cannot do harm: no subquery, no keyword, no function but the usual ones. `SQLLiteral` marks anything else as trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from tornadopy.db.basedb.interpolation import PATH, reparam
from tornadopy.db.basedb.names import NAME, read_name, shown
from tornadopy.db.basedb.sql import SQLLiteral, SQLQuery
from tornadopy.exceptions import ArgumentError

__all__ = ["expressions"]

Kind = Literal["what", "order", "group"]

FUNCTIONS = frozenset(
    {
        *("count", "sum", "avg", "min", "max", "abs", "round", "floor", "ceil", "ceiling", "mod"),
        *("lower", "upper", "trim", "ltrim", "rtrim", "length", "char_length", "substr", "substring", "concat"),
        *("coalesce", "nullif", "ifnull", "date", "year", "month", "day", "random", "rand"),
    }
)
"""Functions that read nothing but their arguments and end soon."""

MAX_DEPTH = 20
"""How deep parentheses may be nested."""

_WORD_ENDS = r"""(?![\w$"'`])"""
_TOKEN = re.compile(
    rf"""\s*(?:(?P<place>\$\{{[^}}]*\}}|\${PATH}) | (?P<name>{NAME}(?:\.\*)?){_WORD_ENDS}
    | (?P<number>\d+(?:\.\d+)?){_WORD_ENDS} | (?P<text>'[^'\\]*'){_WORD_ENDS}
    | (?P<operator>\|\||[+*/%]|-(?!-)) | (?P<mark>[(),]))\s*""",
    re.VERBOSE,
)
_END = ("end", "")


def expressions(kind: Kind, given: Any, dictionary: Mapping[str, Any]) -> SQLQuery:
    """Return the checked expressions after a keyword.

    Args:
        kind: Which keyword it is, for what may follow an expression: ``what`` an alias, ``order`` a direction.
        given: A text with commas, a list of expressions, or something that is trusted: `SQLLiteral`, `SQLQuery`.
        dictionary: Values for ``$name``.

    Raises:
        ArgumentError: It is more than names, numbers, plain functions and arithmetic.
    """
    if isinstance(given, SQLLiteral | SQLQuery):
        return SQLQuery(given)
    if isinstance(given, list | tuple):
        if not given:
            raise ArgumentError(f"{kind}: an empty list; name at least one column, or leave {kind} out")
        return SQLQuery.join([expressions(kind, each, dictionary) for each in given], ", ")
    return _Reader(kind, str(given) if isinstance(given, int) else given, dictionary).read()


class _Reader:
    """Reads one text from left to right, and writes it anew from the pieces that it knows."""

    def __init__(self, kind: Kind, text: Any, dictionary: Mapping[str, Any]) -> None:
        self._kind, self._text, self._dictionary = kind, text, dictionary
        self._tokens: list[tuple[str, str]] = []
        self._next = 0

    def read(self) -> SQLQuery:
        """Return the whole text, checked."""
        self._tokens = list(self._split())
        query = SQLQuery("DISTINCT " if self._kind == "what" and self._word("distinct") else "")
        query += self._item()
        while self._mark(","):
            query += ", " + self._item()
        if self._peek() != _END:
            raise self._refusal()
        return query

    def _split(self) -> Iterator[tuple[str, str]]:
        place = 0
        while isinstance(self._text, str) and place < len(self._text):
            found = _TOKEN.match(self._text, place)
            if found is None:
                raise self._refusal()
            yield str(found.lastgroup), found[str(found.lastgroup)]
            place = found.end()
        yield _END

    def _item(self) -> SQLQuery:
        if self._kind == "what" and self._peek() == ("operator", "*"):
            self._next += 1
            return SQLQuery("*")
        item = self._expression(0)
        if self._kind == "what":
            return item + self._alias()
        return item + self._direction() if self._kind == "order" else item

    def _alias(self) -> SQLQuery:
        if self._word("as") or self._peek()[0] == "name":
            return SQLQuery(" AS ") + self._name()
        return SQLQuery()

    def _direction(self) -> SQLQuery:
        query = SQLQuery()
        if self._word("collate"):
            query += " COLLATE " + self._name()
        for word in ("asc", "desc"):
            if self._word(word):
                query += f" {word.upper()}"
                break
        if self._word("nulls"):
            query += " NULLS " + self._either("first", "last")
        return query

    def _expression(self, depth: int) -> SQLQuery:
        query = self._operand(depth)
        while self._peek()[0] == "operator":
            # NOTE: the spaces keep two operators from becoming the beginning of a comment.
            query += f" {self._take()[1]} " + self._operand(depth)
        return query

    def _operand(self, depth: int) -> SQLQuery:
        if depth > MAX_DEPTH:
            raise self._refusal()
        sign = "- " if self._peek() == ("operator", "-") and self._take() else ""
        kind, _ = self._peek()
        if kind == "name" and self._tokens[self._next + 1] == ("mark", "("):
            return sign + self._call(depth)
        if kind == "name":
            return sign + self._name()
        if kind in ("number", "text"):
            return SQLQuery(sign + self._take()[1])
        if kind == "place":
            return sign + reparam(self._take()[1], self._dictionary)
        if self._mark("("):
            return self._closed(sign + "(" + self._expression(depth + 1))
        raise self._refusal()

    def _call(self, depth: int) -> SQLQuery:
        name = self._take()[1].lower()
        if name not in FUNCTIONS:
            raise ArgumentError(
                f"{self._kind}: the function {name}() is none of those that are let through; if the text is yours "
                "alone, mark it as trusted by sqlliteral(…)"
            )
        self._mark("(")
        query = SQLQuery(f"{name}(")
        if self._mark(")"):
            return query + ")"
        if self._peek() == ("operator", "*") and self._take():
            return self._closed(query + "*")
        if self._word("distinct"):
            query += "DISTINCT "
        query += self._expression(depth + 1)
        while self._mark(","):
            query += ", " + self._expression(depth + 1)
        return self._closed(query)

    def _closed(self, query: SQLQuery) -> SQLQuery:
        if not self._mark(")"):
            raise self._refusal()
        return query + ")"

    def _name(self) -> SQLQuery:
        kind, text = self._take()
        if kind != "name":
            raise self._refusal()
        if text.endswith(".*"):
            return read_name(text[:-2]) + ".*"
        return SQLQuery(read_name(text))

    def _either(self, *words: str) -> str:
        for word in words:
            if self._word(word):
                return word.upper()
        raise self._refusal()

    def _word(self, word: str) -> bool:
        """Take the keyword *word*, if it is the next token."""
        kind, text = self._peek()
        return self._skip(found=kind == "name" and text.lower() == word)

    def _mark(self, mark: str) -> bool:
        """Take *mark*, if it is the next token."""
        return self._skip(found=self._peek() == ("mark", mark))

    def _skip(self, *, found: bool) -> bool:
        self._next += found
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next]

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._next]
        self._next += token != _END
        return token

    def _refusal(self) -> ArgumentError:
        return ArgumentError(
            f"{self._kind}: {shown(self._text)} is not made of names, numbers, plain functions and arithmetic alone; "
            "correct it, or, if the text is yours alone, mark it as trusted by sqlliteral(…)"
        )
