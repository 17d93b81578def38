"""Queries are joined from text and values, and shown with the values written out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from tornadopy.db.basedb import (
    SQLQuery,
    sqlify,
    sqllist,
    sqlliteral,
    sqlors,
    sqlparam,
    sqlquery,
    sqlquote,
    sqlwhere,
)
from tornadopy.exceptions import ArgumentError


def test_text_and_values_are_joined() -> None:
    query = "WHERE x = " + sqlquote(True) + " AND y = " + sqlquote(3)
    assert repr(query) == "<sql: 'WHERE x = TRUE AND y = 3'>"
    assert query.values() == [True, 3]
    assert str("a" + sqlparam(1) + "b") == "a1b"
    assert str(sqlparam(1) + " AND " + sqlquote(2)) == "1 AND 2"
    assert str(sqlliteral("NOW()") + " AS now") == "NOW() AS now"
    assert str(sqlquery(["a = ", sqlparam("x")]) + sqlquery(" OR b")) == "a = 'x' OR b"


def test_joining_leaves_the_parts_alone() -> None:
    first = SQLQuery("a")
    both = first + "b"
    both += "c"
    assert (str(first), str(both)) == ("a", "abc")
    first.append(" = ")
    first.append(sqlparam(1))
    assert str(first) == "a = 1"


@pytest.mark.parametrize("other", [1, None, ["a"], object()])
def test_nothing_else_is_joined(other: Any) -> None:
    """A value that somebody forgot to bind does not slip into the text."""
    with pytest.raises(TypeError):
        SQLQuery("a = ") + other
    with pytest.raises(TypeError):
        other + SQLQuery("a = ")
    with pytest.raises(TypeError, match="SQL is joined with text"):
        SQLQuery([1])


def test_join_puts_separators_between() -> None:
    assert str(SQLQuery.join(["a", sqlparam(1)], ", ", prefix="(", suffix=")")) == "(a, 1)"
    assert str(SQLQuery.join([], ", ")) == ""


def test_a_query_of_spaces_is_false() -> None:
    assert not SQLQuery()
    assert not SQLQuery([" ", ""])
    assert SQLQuery("a")
    assert SQLQuery(sqlparam(None))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (False, "FALSE"),
        (3, "3"),
        (1.5, "1.5"),
        (b"x", "b'x'"),
        ("it's", "'it''s'"),
        (date(2024, 2, 3), "'2024-02-03'"),
        (datetime(2024, 2, 3, 4, 5, tzinfo=UTC), "'2024-02-03T04:05:00+00:00'"),
        (time(4, 5), "'04:05:00'"),
        (Decimal("1.50"), "1.50"),
    ],
)
def test_values_are_shown_as_sql(value: Any, shown: str) -> None:
    assert sqlify(value) == shown


def test_pieces_tell_what_they_are() -> None:
    assert repr(sqlparam("x")) == "<param: 'x'>"
    assert repr(sqlliteral("NOW()")) == "<literal: 'NOW()'>"
    assert repr(sqlquote([1]).items[0]) == "<values: (1,)>"
    assert repr(sqlwhere({"a": 1}).items[0]) == "<name: 'a'>"


def test_sqllist() -> None:
    assert sqllist(["a", "b"]) == "a, b"
    assert sqllist("a") == "a"


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], "1 = 0"),
        ([1], "foo = 1"),
        (1, "foo = 1"),
        ("ab", "foo = 'ab'"),
        ([1, 2, "x"], "(foo = 1 OR foo = 2 OR foo = 'x')"),
        ({7}, "foo = 7"),
    ],
)
def test_sqlors(values: Any, shown: str) -> None:
    assert str(sqlors("foo = ", values)) == shown


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"cust_id": 2, "order_id": 3}, "cust_id = 2 AND order_id = 3"),
        ((("cust_id", 2), ("order_id", 3)), "cust_id = 2 AND order_id = 3"),
        ({"a": None}, "a IS NULL"),
        ({"a": [1, 2]}, "a IN (1, 2)"),
        ({"t.a": "x"}, "t.a = 'x'"),
        ({"a": sqlliteral("b + 1")}, "a = b + 1"),
        ({}, ""),
    ],
)
def test_sqlwhere(columns: Any, shown: str) -> None:
    assert str(sqlwhere(columns)) == shown


def test_sqlwhere_joins_as_it_is_told() -> None:
    assert str(sqlwhere({"a": 1, "b": 2}, " OR ")) == "a = 1 OR b = 2"
    assert str(sqlwhere({"a": 1, "b": 2}, grouping=", ")) == "a = 1, b = 2"


@pytest.mark.parametrize("name", ["a b", "a = 1 OR 1", "", "1a", "a;", "a--", 5, None, "a)", 'a"b'])
def test_sqlwhere_checks_names(name: Any) -> None:
    with pytest.raises(ArgumentError, match="no name of a column"):
        sqlwhere({name: 1})
