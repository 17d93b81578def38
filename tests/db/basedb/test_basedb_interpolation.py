"""``$name`` in SQL text: looked up, never evaluated, always bound."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy import storage
from tornadopy.db.basedb import SQLLiteral, SQLQuery, reparam, sqlparam, sqlquote
from tornadopy.db.basedb.sql import SQLParam, SQLValues
from tornadopy.exceptions import ArgumentError


class Author:
    name = "Ann"
    _secret = "pw"


VARS: dict[str, Any] = {
    "name": "Bob",
    "user": storage(name="Ann", tags=["a", "b"]),
    "author": Author(),
    "row": {"id": 7, "first name": "Eve", "_private": 1},
    "ids": [1, 2, 3],
    "none": None,
    "_under": 5,
    "größe": 9,
}


@pytest.mark.parametrize(
    ("text", "shown", "values"),
    [
        ("a = $name", "a = 'Bob'", ["Bob"]),
        ("a = ${name}", "a = 'Bob'", ["Bob"]),
        ("a = ${ name }", "a = 'Bob'", ["Bob"]),
        ("a = ${name}b", "a = 'Bob'b", ["Bob"]),
        ("a = $name.", "a = 'Bob'.", ["Bob"]),
        ("a = $user.name", "a = 'Ann'", ["Ann"]),
        ("a = $user.tags[1]", "a = 'b'", ["b"]),
        ("a = $user.tags[-1]", "a = 'b'", ["b"]),
        ("a = $author.name", "a = 'Ann'", ["Ann"]),
        ("a = $row['first name']", "a = 'Eve'", ["Eve"]),
        ('a = $row["id"] AND b', "a = 7 AND b", [7]),
        ("a = $row.id", "a = 7", [7]),
        ("a = $row._private", "a = 1", [1]),
        ("a = $none", "a = NULL", [None]),
        ("a = $_under$größe", "a = 59", [5, 9]),
        ("a = $$name", "a = $name", []),
        ("a = $$$name", "a = $'Bob'", ["Bob"]),
        ("a = $1 AND b = $ c", "a = $1 AND b = $ c", []),
        ("a = 5$", "a = 5$", []),
        ("a IN $ids", "a IN (1, 2, 3)", [1, 2, 3]),
        ("it's $name's", "it's 'Bob''s", ["Bob"]),
        ("", "", []),
    ],
)
def test_a_place_becomes_a_value(text: str, shown: str, values: list[Any]) -> None:
    query = reparam(text, VARS)
    assert str(query) == shown
    assert query.values() == values
    assert repr(query) == f"<sql: {shown!r}>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$nobody", "vars has no 'nobody'"),
        ("$nmae", r"did you mean \$name\?"),
        ("$name.upper()", "nothing is evaluated"),
        ("$name(1)", "nothing is evaluated"),
        ("$ids[0:2]", "nothing is evaluated"),
        ("$ids[name]", "nothing is evaluated"),
        ("${name + 'x'}", "nothing is evaluated"),
        ("${__import__('os').system('true')}", "nothing is evaluated"),
        ("${1}", "nothing is evaluated"),
        ("${}", "nothing is evaluated"),
        ("${[c for c in ids]}", "nothing is evaluated"),
        ("${name!r}", "nothing is evaluated"),
        ("$ids[9]", r"ids has no \[9\]"),
        ("$row.nothing", "row has no nothing"),
        ("$row['nothing']", "has no"),
        ("$name.nothing", "name has no nothing"),
        ("$author._secret", "author has no _secret"),
        ("$name.__class__", "has no __class__"),
        ("$none[0]", "has no"),
        ("a = '$name'", "stands between quotes"),
        ("a LIKE '%$name%'", "stands between quotes"),
        ('a = "${name}"', "stands between quotes"),
    ],
)
def test_what_is_no_lookup_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        reparam(text, VARS)


def test_what_is_sql_already_is_put_in_as_it_is() -> None:
    values = {"now": SQLLiteral("NOW()"), "part": "b = " + sqlparam(2), "param": sqlparam(3)}
    query = reparam("a = $now AND $part AND c = $param", values)
    assert str(query) == "a = NOW() AND b = 2 AND c = 3"
    assert query.values() == [2, 3]


@pytest.mark.parametrize("values", [[1, 2], (1, 2), {1, 2}, frozenset({1, 2})])
def test_collections_are_lists_of_values(values: Any) -> None:
    assert [type(item) for item in sqlquote(values).items] == [SQLValues]
    assert str(sqlquote(values)) == "(1, 2)"


@given(st.text() | st.binary() | st.none() | st.integers() | st.floats(allow_nan=False))
def test_no_value_reaches_the_text(value: Any) -> None:
    query = reparam("SELECT $value, ${value}", {"value": value})
    assert [item for item in query.items if isinstance(item, str)] == ["SELECT ", ", "]
    assert query.values() == [value, value]


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """What is read is the text itself, but for the places and the doubled dollar signs."""
    try:
        query = reparam(text, {"a": 1})
    except ArgumentError:
        assert "$" in text
    else:
        kept = "".join("$a" if isinstance(item, SQLParam) else str(item) for item in query.items)
        assert kept.replace("$", "") == text.replace("${a}", "$a").replace("$", "")


@given(st.lists(st.sampled_from(["$", "{", "}", "a", "[", "0", "]", ".", "(", "'", '"', " ", "$a", "${a}", "$$"])))
def test_any_mixture_of_signs_is_read_or_refused(signs: list[str]) -> None:
    try:
        query = reparam("".join(signs), {"a": 1})
    except ArgumentError:
        return
    assert set(query.values()) <= {1}
    assert all(isinstance(item, str | SQLParam) for item in query.items)


def test_a_long_text_is_read_in_one_go() -> None:
    """No expression of the reader backtracks over and over."""
    for text in ("$a" * 50_000, "${" * 50_000 + "a}", "$a[" + "0" * 100_000, "$a" + ".b" * 50_000 + "("):
        with pytest.raises(ArgumentError):
            reparam(text + "$nobody", {"a": 1})
    assert SQLQuery("x")
