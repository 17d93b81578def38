"""What clients send stays a value in every call: a corpus of attacks, and what hypothesis makes of its pieces."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy.exc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tornadopy.db.basedb import Database, reparam, sqlors, sqlparam, sqlquote, sqlwhere
from tornadopy.exceptions import ArgumentError

CORPUS = [
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1 #",
    "' OR 1=1 /*",
    '" OR ""="',
    "') OR ('1'='1",
    "1 OR 1=1",
    "1; DROP TABLE users",
    "'; DROP TABLE users; --",
    "\\'; DROP TABLE users; --",
    "\\",
    "x\\' OR 1=1 -- ",
    "%' OR '%'='",
    "' UNION SELECT * FROM users --",
    "' || (SELECT name FROM users LIMIT 1) || '",
    "$name",
    "${name}",
    "$$",
    "$$; DROP TABLE users; $$",
    ":p0",
    ":name",
    "\\:p0",
    "%s",
    "%(p0)s",
    "%%",
    "?",
    "{0}",
    "NULL",
    "NOW()",
    "(SELECT 1)",
    "users.name",
    "id; SELECT pg_sleep(10)",
    "0x27204f5220",
    "\u02bc OR 1=1",
    "\uff07 OR 1=1",
    "\u00bf' OR 1=1 --",
    "\xbf\x27 OR 1=1 --",
    "a\nb",
    "\r\n--",
    "/*!50000 OR 1=1 */",
    "'/**/OR/**/1=1",
    "; SHUTDOWN",
    "' AND SLEEP(5) AND '1'='1",
    "1' ORDER BY 10--+",
    "admin'--",
    "' HAVING 1=1 --",
    "E'\\x27'",
    "U&'\\0027'",
    "\u2028",
    "<script>",
    "\x1b[2J",
]
PIECES = st.sampled_from(
    ["'", '"', "`", "\\", "--", "/*", "*/", "#", ";", "(", ")", " OR 1=1 ", " UNION ", "SELECT", "%", "%s", "?", ":p0",
     "$", "$a", "${a}", "$$", ",", "\n", "\u00bf", "0x27", "NULL", "a", " "]
)  # fmt: skip
ATTACKS = st.lists(PIECES, max_size=12).map("".join)

CALLS: dict[str, Callable[[Database, str], Any]] = {
    "query": lambda db, text: db.query("SELECT * FROM users WHERE name = $text", {"text": text}),
    "query, in braces": lambda db, text: db.query("SELECT * FROM users WHERE name = ${a.b[0]}", {"a": {"b": [text]}}),
    "query, a parameter": lambda db, text: db.query("SELECT * FROM users WHERE name = " + sqlparam(text)),
    "query, quoted": lambda db, text: db.query("SELECT * FROM users WHERE name = " + sqlquote(text)),
    "query, a list": lambda db, text: db.query("SELECT * FROM users WHERE name IN $all", {"all": [text, text]}),
    "select": lambda db, text: db.select("users", {"text": text}, where="name = $text"),
    "select, columns": lambda db, text: db.select("users", where={"name": text}),
    "select, a query": lambda db, text: db.select("users", where=reparam("name = $text", {"text": text})),
    "select, sqlwhere": lambda db, text: db.select("users", where=sqlwhere({"name": text})),
    "select, sqlors": lambda db, text: db.select("users", where=sqlors("name = ", [text, text])),
    "select, a list": lambda db, text: db.select("users", where={"name": [text]}),
    "select, what": lambda db, text: [
        row for row in db.select("users", {"text": text}, what="$text AS given, name") if row.given == row.name == text
    ],
    "where": lambda db, text: db.where("users", name=text),
}


@pytest.fixture
def guarded(db: Database) -> Database:
    """Return a database whose rows an attack would show or change."""
    db.multiple_insert("users", [{"name": "secret one", "age": 1}, {"name": "secret two", "age": 2}], seqname=False)
    return db


def untouched(db: Database) -> bool:
    rows = db.query("SELECT name, age FROM users WHERE name LIKE 'secret %' ORDER BY age")
    return [(row.name, row.age) for row in rows] == [("secret one", 1), ("secret two", 2)]


def check_calls(db: Database, text: str) -> None:
    """Store *text*, find it and nothing else by each call, change and delete it."""
    new = db.insert("users", name=text)
    for call in CALLS.values():
        assert [row.name for row in call(db, text)] == [text]
    assert db.update("users", "name = $text", vars={"text": text}, name=text + "!") == 1
    assert db.update("users", {"name": text + "!"}, name=text) == 1
    assert db.delete("users", "name = $text AND id = $id", vars={"text": text, "id": new}) == 1
    ids = db.multiple_insert("users", [{"name": text}, {"name": text + "x"}])
    assert [db.select("users", where=each).first().name for each in ids] == [text, text + "x"]
    assert db.delete("users", {"id": ids}) == 2
    assert untouched(db)


@pytest.mark.parametrize("text", CORPUS)
def test_the_corpus_stays_values(guarded: Database, text: str) -> None:
    check_calls(guarded, text)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=ATTACKS.filter(lambda text: text.strip() == text))
def test_mixtures_stay_values(guarded: Database, text: str) -> None:
    check_calls(guarded, text)


@pytest.mark.parametrize("text", CORPUS)
def test_as_a_name_the_corpus_is_refused(guarded: Database, text: str) -> None:
    """Or it is a plain expression: a column that is missing, a number, a text in quotes."""
    tries: list[Callable[[], Any]] = [
        lambda: guarded.insert(text, name="x", _test=True),
        lambda: guarded.insert("users", **{text: "x"}, _test=True),
        lambda: guarded.multiple_insert("users", [{text: "x"}], _test=True),
        lambda: guarded.update("users", {text: 1}, name="x", _test=True),
        lambda: guarded.update("users", {"id": 1}, **{text: "x"}, _test=True),
        lambda: guarded.delete(text, {"id": 1}, _test=True),
        lambda: guarded.where("users", **{text: 1}, _test=True),
        lambda: guarded.select(text, _test=True),
        lambda: guarded.select(["users", text], _test=True),
    ]
    if text not in ("NULL", "users.name", "a\nb"):
        for attempt in tries:
            with pytest.raises(ArgumentError):
                attempt()
    for clause in ("limit", "offset"):
        with pytest.raises(ArgumentError):
            guarded.select("users", **{clause: text}, _test=True)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=ATTACKS | st.sampled_from(CORPUS), clause=st.sampled_from(["what", "order", "group"]))
def test_no_clause_lets_an_attack_through(guarded: Database, text: str, clause: str) -> None:
    """What is accepted is one plain statement: it runs, or the database knows no such column."""
    try:
        statement = guarded.select("users", {"a": 1}, **{clause: text}, _test=True)
    except ArgumentError:
        return
    outside_quotes = re.sub(r"""'[^']*'|"[^"]*\"""", "''", str(statement))
    assert not re.search(r";|--|/\*|#|\(\s*SELECT|\bUNION\s+(?!FROM|,|$)", outside_quotes, re.IGNORECASE)
    with suppress(sqlalchemy.exc.DatabaseError):
        guarded.query(statement)
    assert untouched(guarded)
