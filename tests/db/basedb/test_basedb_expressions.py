"""Names and what stands after SELECT, ORDER BY, GROUP BY: what is not plain is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.db.basedb import SQLQuery, sqlliteral, sqlparam
from tornadopy.db.basedb.expressions import FUNCTIONS, MAX_DEPTH, expressions
from tornadopy.db.basedb.names import column, table, tables
from tornadopy.exceptions import ArgumentError


def shown(kind: Any, text: Any, **values: Any) -> str:
    return str(expressions(kind, text, values))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", "*"),
        ("a", "a"),
        ("a, b", "a, b"),
        ("a,b ", "a, b"),
        (["a", "b AS c"], "a, b AS c"),
        ("t.*, u.a", "t.*, u.a"),
        ("t.a x", "t.a AS x"),
        ("t.a as x", "t.a AS x"),
        ('"Mixed Case".`b`', '"Mixed Case"."b"'),
        ("DISTINCT a, b", "DISTINCT a, b"),
        ("count(*)", "count(*)"),
        ("COUNT( * ) AS total", "count(*) AS total"),
        ("count(distinct a)", "count(DISTINCT a)"),
        ("coalesce(a, 'none', 0) b", "coalesce(a, 'none', 0) AS b"),
        ("a + b * -2", "a + b * - 2"),
        ("(a + b) / 2.5", "(a + b) / 2.5"),
        ("a || ' ' || b name", "a || ' ' || b AS name"),
        ("a % 2", "a % 2"),
        ("größe", "größe"),
        ("a-1", "a - 1"),
        ("a - -1", "a - - 1"),
        ("random()", "random()"),
        (1, "1"),
    ],
)
def test_plain_columns(text: Any, expected: str) -> None:
    assert shown("what", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("a DESC, b asc", "a DESC, b ASC"),
        ("t.a desc nulls last", "t.a DESC NULLS LAST"),
        ("a collate nocase nulls first", "a COLLATE nocase NULLS FIRST"),
        ("lower(a) desc", "lower(a) DESC"),
        ("2 desc", "2 DESC"),
        (["a", "b DESC"], "a, b DESC"),
        ("count(*) DESC", "count(*) DESC"),
    ],
)
def test_plain_orders(text: Any, expected: str) -> None:
    assert shown("order", text) == expected


def test_values_are_bound_and_trusted_text_is_kept() -> None:
    query = expressions("what", "a + $more AS b, ${user.name} c", {"more": 2, "user": {"name": "x'"}})
    assert query.values() == [2, "x'"]
    assert str(query) == "a + 2 AS b, 'x''' AS c"
    assert shown("what", sqlliteral("CASE WHEN a THEN 1 END")) == "CASE WHEN a THEN 1 END"
    assert shown("order", "a = " + sqlparam(1)) == "a = 1"
    assert shown("what", ["a", sqlliteral("now()")]) == "a, now()"


REFUSED = [
    "",
    " ",
    ",",
    "a,",
    "a;",
    "a; DROP TABLE t",
    "a -- b",
    "a /* b */",
    "a # b",
    "a--1",
    "(SELECT password FROM users)",
    "a UNION SELECT b",
    "a FROM users",
    "a b c",
    "a'",
    "'a' 'b'",
    "'a\\' OR 1'",
    "'it''s'",
    "a = 1",
    "a OR 1",
    "a IN (1)",
    "sleep(10)",
    "pg_sleep(10)",
    "load_file('/etc/passwd')",
    "pg_read_file('x')",
    "load_extension('x')",
    "benchmark(9, 1)",
    "x.count(*)",
    '"count"(*)',
    "count(",
    "count(*",
    "count(*))",
    "(a",
    "a)",
    "()",
    "a..b",
    "a.1",
    ".a",
    "1a",
    "@@version",
    "a::int",
    "a[1]",
    "$",
    "a\x00",
    "a\\",
    "`a` `b` `c`",
    '"a""b"',
    "if(a, 1, 2)",
    "CASE WHEN a THEN 1 END",
    "a, (b, c)",
    "{fn now()}",
    "0x41",
    "1e5",
    "a\uff1b",
]


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("kind", ["what", "order", "group"])
def test_anything_else_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=rf"{kind}: |vars has no") as caught:
        expressions(kind, text, {})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("order", "*"),
        ("group", "*"),
        ("order", "a AS b"),
        ("group", "a DESC"),
        ("order", "a desc asc"),
        ("order", "a nulls"),
        ("order", "a sideways"),
        ("what", "a DESC b"),
        ("order", "DISTINCT a"),
        ("what", []),
        ("order", None),
        ("what", {"a": 1}),
        ("what", b"a"),
    ],
)
def test_each_keyword_takes_its_own(kind: Any, text: Any) -> None:
    with pytest.raises(ArgumentError, match=kind):
        expressions(kind, text, {})


def test_nesting_has_an_end() -> None:
    deepest = "(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH
    assert shown("order", deepest) == deepest
    for text in ("(" + deepest + ")", "(" * 100_000, "abs(" * 100_000, "-" * 100_000):
        with pytest.raises(ArgumentError):
            expressions("order", text, {})


_PLAIN = re.compile(
    r"""(?:'[^'\\]*'|"[\w$ .\-]+"|[^\W\d][\w$]*|\d+(?:\.\d+)?|\|\||[-+*/%(),. ])*""",
)


@given(
    st.text()
    | st.lists(st.sampled_from([*"aA1'\"`()-*/%,. ;#\\$:", "--", "/*", "count", " as ", "select"])).map("".join)
)
def test_what_comes_out_is_made_of_known_pieces(text: str) -> None:
    """Whatever is let through has no comment, no second statement, no keyword of a subquery, no open quote."""
    try:
        written = shown("what", text)
    except ArgumentError:
        return
    assert _PLAIN.fullmatch(written), written
    outside = re.sub(r"""'[^']*'|"[^"]*\"""", "''", written)
    assert "--" not in outside
    assert "/*" not in outside
    assert all(name.lower() in FUNCTIONS for name in re.findall(r"([^\W\d]\w*)\(", outside))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("users", "users"),
        ("public.users", "public.users"),
        ("users u", "users AS u"),
        ("users AS u", "users AS u"),
        ('"Users"', '"Users"'),
        ("`a b`.c", '"a b".c'),
        ("用户", "用户"),
    ],
)
def test_tables(text: str, expected: str) -> None:
    assert str(table(text)) == expected


def test_several_tables() -> None:
    assert str(tables("a, b AS c")) == "a, b AS c"
    assert str(tables(["a", "b"])) == "a, b"
    assert str(tables(sqlliteral("a JOIN b USING (id)"))) == "a JOIN b USING (id)"
    assert str(tables(["a", sqlliteral("LATERAL f(a)")])) == "a, LATERAL f(a)"
    assert str(tables(SQLQuery("x"))) == "x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a;",
        "a b c",
        "a JOIN b",
        "a--",
        "(SELECT 1)",
        "1",
        "a'",
        'a"',
        "a`b",
        None,
        5,
        "a,",
        "a.",
        "a\n;",
        "a/**/b",
    ],
)
def test_what_is_no_table_is_refused(text: Any) -> None:
    with pytest.raises(ArgumentError, match="no name of a table"):
        tables([text] if not isinstance(text, str) else text)
    with pytest.raises(ArgumentError, match="no name of a table"):
        table(text)


def test_no_table_at_all_is_refused() -> None:
    with pytest.raises(ArgumentError, match="at least one"):
        tables([])


@given(st.text())
def test_a_column_is_a_name_or_refused(text: str) -> None:
    try:
        name = str(column(text))
    except ArgumentError:
        return
    assert re.fullmatch(r"""(?:[^\W\d][\w$]*|"[\w$ .\-]+")(?:\.(?:[^\W\d][\w$]*|"[\w$ .\-]+"))*""", name)
