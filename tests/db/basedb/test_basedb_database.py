"""web.py's methods on a real database of each kind."""

from __future__ import annotations

import logging
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy.exc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tornadopy.db.basedb import Database, reparam, sqlliteral, sqlparam, sqlquote, sqlwhere
from tornadopy.exceptions import ArgumentError

PEOPLE = [{"name": "Ann", "age": 30}, {"name": "Bob", "age": 20}, {"name": "Eve", "age": 25}]


@pytest.fixture
def people(db: Database) -> Database:
    db.multiple_insert("users", PEOPLE)
    return db


def names(rows: Any) -> list[str]:
    return [row.name for row in rows]


class TestSelect:
    def test_rows_are_read_by_attribute_and_by_key(self, people: Database) -> None:
        row = people.select("users", order="id").first()
        assert (row.name, row["age"], row["order"]) == ("Ann", 30, 7)

    def test_all_clauses(self, people: Database) -> None:
        rows = people.select(
            ["users"],
            {"age": 20},
            what="name, age * 2 AS twice",
            where="age > $age",
            order="age DESC",
            limit=1,
            offset=1,
        )
        assert [dict(row) for row in rows] == [{"name": "Eve", "twice": 50}]

    def test_groups(self, people: Database) -> None:
        people.insert("users", name="Ann", age=50)
        rows = people.select(
            "users", what="name, count(*) AS number, max(age) oldest", group="name", order="name", limit=1
        )
        assert [dict(row) for row in rows] == [{"name": "Ann", "number": 2, "oldest": 50}]

    def test_distinct(self, people: Database) -> None:
        people.insert("users", name="Ann", age=50)
        assert names(people.select("users", what="DISTINCT name", order="name")) == ["Ann", "Bob", "Eve"]

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ("name = $name", ["Bob"]),
            ("name = ${name} OR name = 'Ann'", ["Ann", "Bob"]),
            ("name LIKE $like", ["Bob"]),
            ("name LIKE '%o%'", ["Bob"]),
            ({"name": "Eve", "age": 25}, ["Eve"]),
            ({"name": ["Eve", "Ann"]}, ["Ann", "Eve"]),
            (sqlwhere({"age": 20}), ["Bob"]),
            (reparam("age < $n", {"n": 26}), ["Bob", "Eve"]),
            ("age = " + sqlquote(30), ["Ann"]),
            (sqlliteral("age = 30"), ["Ann"]),
            (2, ["Bob"]),
            (None, ["Ann", "Bob", "Eve"]),
            ("", ["Ann", "Bob", "Eve"]),
            ({}, ["Ann", "Bob", "Eve"]),
        ],
    )
    def test_conditions(self, people: Database, where: Any, found: list[str]) -> None:
        assert names(people.select("users", {"name": "Bob", "like": "B%b"}, where=where, order="id")) == found

    @pytest.mark.parametrize("where", [True, 1.5, ["a", "b"], b"age"])
    def test_what_is_no_condition_is_refused(self, people: Database, where: Any) -> None:
        with pytest.raises(ArgumentError, match=r"where: .* is no condition"):
            people.select("users", where=where)

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ("name IN $some", ["Ann", "Eve"]),
            ("name NOT IN $some", ["Bob"]),
            ("name IN $none", []),
            ("name in $none OR age = 20", ["Bob"]),
            ("name NOT IN $none", ["Ann", "Bob", "Eve"]),
            ("NOT name IN $none AND age = 20", ["Bob"]),
            ("NOT (age IN $none)", ["Ann", "Bob", "Eve"]),
            ("age IN $none", []),
            ("age = 20 AND name NOT  IN  $none", ["Bob"]),
            ("age IN $none OR name IN $one", ["Eve"]),
        ],
    )
    def test_lists(self, people: Database, where: str, found: list[str]) -> None:
        values = {"some": ["Ann", "Eve"], "none": [], "one": ("Eve",)}
        assert names(people.select("users", values, where=where, order="id")) == found

    def test_an_empty_list_elsewhere_is_refused(self, people: Database) -> None:
        with pytest.raises(ArgumentError, match="elsewhere than after IN"):
            people.select("users", {"none": []}, where="name = $none")

    def test_the_window(self, people: Database) -> None:
        assert names(people.select("users", order="id", limit=2)) == ["Ann", "Bob"]
        assert names(people.select("users", order="id", offset=1)) == ["Bob", "Eve"]
        assert names(people.select("users", order="id", limit="1", offset="2")) == ["Eve"]
        assert names(people.select("users", {"n": 1}, order="id", limit="$n", offset=0)) == ["Ann"]
        assert names(people.select("users", order="id", limit=0)) == []

    @pytest.mark.parametrize("number", [-1, "x", "1; DROP TABLE users", "$nobody", "", 1.5, True, "٣", "9" * 30, [1]])
    @pytest.mark.parametrize("name", ["limit", "offset"])
    def test_what_is_no_number_of_rows_is_refused(self, people: Database, name: str, number: Any) -> None:
        with pytest.raises(ArgumentError, match=f"{name}: |vars has no"):
            people.select("users", **{name: number})

    def test_where_takes_columns_as_keywords(self, people: Database) -> None:
        people.insert("users", name=None, age=20)
        assert names(people.where("users", age=20, order="id")) == ["Bob", None]
        assert names(people.where("users", age=20, name=None)) == [None]
        assert names(
            people.where("users", age=[20, 25], what="name", order="name DESC", limit=1, name=["Bob", "Eve"])
        ) == ["Eve"]
        assert len(people.where("users")) == 4

    def test_a_join(self, people: Database) -> None:
        ann = people.where("users", name="Ann").first()
        people.insert("notes", seqname=False, code="n1", user_id=ann.id, body="first")
        rows = people.select(["users u", "notes n"], what="u.name, n.body", where="u.id = n.user_id")
        assert [dict(row) for row in rows] == [{"name": "Ann", "body": "first"}]
        joined = sqlliteral("users JOIN notes ON users.id = notes.user_id")
        assert people.select(joined, what="users.*").first().name == "Ann"

    def test_a_table_or_column_with_a_reserved_name(self, people: Database) -> None:
        assert people.select("users", what="order", order="order, id", where={"order": 7}, limit=1).first().order == 7
        assert people.update("users", {"name": "Ann"}, order=8) == 1
        assert people.select("users", where={"order": 8}).first().name == "Ann"


class TestResult:
    def test_it_is_iterable_once(self, people: Database) -> None:
        rows = people.select("users", order="id")
        assert names(rows) == ["Ann", "Bob", "Eve"]
        assert names(rows) == []
        assert len(rows) == 3

    def test_an_index_reaches_forwards(self, people: Database) -> None:
        rows = people.select("users", order="id")
        assert rows[0].name == "Ann"
        assert rows[2].name == "Eve"
        with pytest.raises(IndexError, match="has been passed"):
            rows[1]
        with pytest.raises(IndexError, match="there is no row 3"):
            rows[3]
        with pytest.raises(TypeError, match="counted by int"):
            rows["a"]

    def test_first_and_list(self, people: Database) -> None:
        rows = people.select("users", order="id")
        assert rows.first().name == "Ann"
        assert names(rows.list()) == ["Bob", "Eve"]
        assert rows.first() is None
        assert rows.first("nobody") == "nobody"

    def test_truth_and_repr(self, people: Database) -> None:
        assert people.select("users")
        nothing = people.select("users", what="id", where="1 = 0")
        assert not nothing
        assert len(nothing) == 0
        assert repr(nothing) == "<ResultSet: 0 rows of id>"

    def test_of_two_columns_of_one_name_the_last_counts(self, people: Database) -> None:
        assert dict(people.query("SELECT 1 AS a, 2 AS a").first()) == {"a": 2}


class TestQuery:
    def test_rows_and_numbers(self, people: Database) -> None:
        assert people.query("SELECT COUNT(*) AS total FROM users")[0].total == 3
        assert people.query("SELECT * FROM users WHERE name = $name", vars={"name": "Bob"}).first().age == 20
        assert people.query("UPDATE users SET age = age + $more WHERE age < $old", {"more": 1, "old": 30}) == 2
        assert people.query("DELETE FROM users") == 3

    def test_a_query_is_executed_as_it_is(self, people: Database) -> None:
        assert people.query("SELECT name FROM users WHERE age = " + sqlparam(20)).first().name == "Bob"
        assert people.query("SELECT '$name' AS a", processed=True).first().a == "$name"
        assert people.query("SELECT '$$name' AS a").first().a == "$name"

    @pytest.mark.parametrize(
        "text",
        ["10:30", ":a", "::", "a:b:c", "%", "%%", "%s", "%(a)s", "?", "?1", ":p0", "[:x]", "{}", "--", "/*", ";"],
    )
    def test_text_in_the_statement_stays_as_it_is(self, db: Database, text: str) -> None:
        row = db.query(f"SELECT '{text}' AS a, $b AS b, '{text}' AS c", {"b": text}).first()
        assert (row.a, row.b, row.c) == (text, text, text)

    def test_places_may_touch_words(self, people: Database) -> None:
        assert people.query("SELECT name FROM users WHERE age=$age AND'Bob'=name", {"age": 20}).first().name == "Bob"
        assert people.query("SELECT(${a})AS a", {"a": 5}).first().a == 5

    def test_errors_of_the_database_come_out(self, people: Database) -> None:
        with pytest.raises(sqlalchemy.exc.DatabaseError):
            people.query("SELEKT 1")
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            people.multiple_insert("notes", [{"code": "a"}, {"code": "a"}], seqname=False)
        assert len(people.select("users")) == 3


class TestInsert:
    def test_the_new_id(self, db: Database) -> None:
        first = db.insert("users", name="Ann")
        assert db.insert("users", name="Bob") == first + 1
        assert db.select("users", where=first).first().name == "Ann"

    def test_defaults(self, db: Database) -> None:
        new = db.insert("users")
        assert dict(db.select("users", where=new).first()) == {"id": new, "name": None, "age": None, "order": 7}

    def test_sql_in_the_place_of_a_value(self, db: Database) -> None:
        db.insert("users", name=sqlliteral("upper('ann')"), age="1 + " + sqlparam(2))
        assert dict(db.select("users", what="name, age").first()) == {"name": "ANN", "age": 3}

    def test_no_id_is_asked_for(self, db: Database) -> None:
        assert db.insert("users", seqname=False, name="Ann") is None
        assert db.multiple_insert("users", PEOPLE, seqname=False) is None
        assert len(db.select("users")) == 4

    def test_many(self, db: Database) -> None:
        ids = db.multiple_insert("users", PEOPLE)
        assert [db.select("users", where=each).first().name for each in ids] == ["Ann", "Bob", "Eve"]
        assert db.multiple_insert("users", []) == []

    def test_very_many(self, db: Database) -> None:
        """More values than a statement may carry."""
        rows = [{"a": number, "b": -number} for number in range(12_000)]
        assert db.multiple_insert("plain", rows, seqname=False) is None
        row = db.select("plain", what="count(*) AS number, sum(a) AS a, sum(b) AS b").first()
        assert (row.number, int(row.a), int(row.b)) == (12_000, 71_994_000, -71_994_000)

    def test_all_or_none(self, db: Database) -> None:
        rows = [{"code": "a", "body": "1"}, {"code": "b", "body": "2"}, {"code": "a", "body": "3"}]
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            db.multiple_insert("notes", rows)
        assert len(db.select("notes")) == 0

    def test_rows_with_other_columns_are_refused(self, db: Database) -> None:
        with pytest.raises(ArgumentError, match=r"row 1 has the columns \['age'\], row 0 has \['name'\]"):
            db.multiple_insert("users", [{"name": "a"}, {"age": 1}])

    @pytest.mark.parametrize("name", ["a b", "name) VALUES ('x')--", "", "1"])
    def test_names_are_checked(self, db: Database, name: str) -> None:
        with pytest.raises(ArgumentError, match="no name of a column"):
            db.insert("users", **{name: 1})
        with pytest.raises(ArgumentError, match="no name of a table"):
            db.insert(name + "'", name=1)

    def test_a_table_without_a_number_as_its_key(self, db: Database) -> None:
        db.insert("notes", code="x")
        db.insert("plain", a=1)
        assert (len(db.select("notes")), len(db.select("plain"))) == (1, 1)


class TestUpdateAndDelete:
    def test_they_tell_how_many(self, people: Database) -> None:
        assert people.update("users", "age >= $age", vars={"age": 25}, name="old", age=sqlliteral("age + 1")) == 2
        assert sorted(row.age for row in people.where("users", name="old")) == [26, 31]
        assert people.delete("users", "name = $name", vars={"name": "old"}) == 2
        assert people.delete("users", {"name": "Bob"}) == 1
        assert people.update("users", {"name": "Bob"}, age=1) == 0

    def test_an_id_is_a_condition(self, people: Database) -> None:
        bob = people.where("users", name="Bob").first().id
        assert people.update("users", bob, age=None) == 1
        assert people.delete("users", bob) == 1
        assert names(people.select("users", order="id")) == ["Ann", "Eve"]

    @pytest.mark.parametrize("where", [None, "", " ", {}, sqlwhere({})])
    def test_every_row_is_never_meant_by_an_empty_condition(self, people: Database, where: Any) -> None:
        with pytest.raises(ArgumentError, match="would mean every row"):
            people.update("users", where, age=1)
        with pytest.raises(ArgumentError, match="would mean every row"):
            people.delete("users", where)
        assert people.delete("users", "1 = 1") == 3

    def test_no_value_is_an_error(self, people: Database) -> None:
        with pytest.raises(ArgumentError, match="no value to set"):
            people.update("users", "1 = 1")


class TestTest:
    """``_test=True`` shows the statement, and executes nothing."""

    def test_every_method(self, people: Database) -> None:
        shown = {
            "SELECT * FROM users WHERE name = 'Bob'": people.select(
                "users", {"name": "Bob"}, where="name = $name", _test=True
            ),
            "SELECT name FROM users WHERE age = 3 LIMIT 1": people.where(
                "users", what="name", age=3, limit=1, _test=True
            ),
            "SELECT 1": people.query("SELECT 1", _test=True),
            "INSERT INTO users (name, age) VALUES ('Bob', 2)": people.insert("users", name="Bob", age=2, _test=True),
            "INSERT INTO users (name) VALUES ('a'), ('b')": people.multiple_insert(
                "users", [{"name": "a"}, {"name": "b"}], _test=True
            ),
            "UPDATE users SET age = 2, name = NOW() WHERE id = 3": people.update(
                "users", 3, age=2, name=sqlliteral("NOW()"), _test=True
            ),
            "DELETE FROM users WHERE name = 'it''s'": people.delete("users", {"name": "it's"}, _test=True),
            "DELETE FROM users USING notes WHERE 1": people.delete("users", "1", using="notes", _test=True),
        }
        for text, query in shown.items():
            assert repr(query) == f"<sql: {text!r}>"
        assert names(people.select("users", order="id")) == ["Ann", "Bob", "Eve"]


class TestPrinting:
    def test_it_is_off(self, people: Database, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO, "tornadopy"):
            people.select("users")
        assert not people.printing
        assert not [record for record in caplog.records if record.name == "tornadopy.infolog"]

    def test_statements_are_logged_without_their_values(
        self, people: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        people.printing = True
        with caplog.at_level(logging.INFO, "tornadopy.infolog"):
            people.select("users", {"name": "se\ncret"}, where="name =\n$name")
        assert [record.getMessage() for record in caplog.records] == ["SELECT * FROM users WHERE name = :p0"]


VALUES = [
    1,
    -(2**31),
    2**31,
    2**62,
    1.5,
    "",
    "it's",
    "\\",
    "日本語 🎈",
    "%s %% :a $b ? \\:c",
    "line\nline",
    None,
    "x" * 150,
]


@pytest.mark.parametrize("value", VALUES)
def test_values_come_back_as_they_were(db: Database, value: Any) -> None:
    column = "name" if isinstance(value, str | None) else "age"
    if column == "age":
        db.query("DROP TABLE plain")
        db.query(
            "CREATE TABLE plain (age DOUBLE PRECISION)"
            if isinstance(value, float)
            else "CREATE TABLE plain (age BIGINT)"
        )
    table = "users" if column == "name" else "plain"
    db.insert(table, seqname=False, **{column: value})
    assert db.select(table).first()[column] == value


def test_a_table_that_is_made_later(db: Database) -> None:
    """An insertion that came too early leaves nothing behind: the new row's id is told."""
    with pytest.raises(sqlalchemy.exc.DBAPIError):
        db.insert("later", name="a")
    key = {"sqlite": "INTEGER", "postgresql": "SERIAL"}.get(db.dbn, "INTEGER AUTO_INCREMENT")
    db.query(f"CREATE TABLE later (id {key} PRIMARY KEY, name VARCHAR(10))")
    assert db.insert("later", name="a") == 1


def test_values_that_not_every_driver_knows(db: Database) -> None:
    """Dates, decimals and UUIDs; a text is as good as a date where the database says so."""
    db.insert("notes", code="a", seen=datetime(2024, 2, 3, 4, 5, 6))  # noqa: DTZ001 - the column knows no zone
    db.insert("notes", code="b", seen="2024-02-03 04:05:07")
    db.insert("notes", code="c", body=UUID(int=5))
    db.insert("notes", code="d", body=Decimal("1.50"))
    limit = datetime(2024, 2, 3, 4, 5, 6, 500_000)  # noqa: DTZ001 - likewise
    assert [row.code for row in db.select("notes", {"at": limit}, where="seen > $at")] == ["b"]
    assert [row.code for row in db.select("notes", {"at": "2024-02-03 04:05:06.5"}, where="seen < $at")] == ["a"]
    assert [row.code for row in db.select("notes", {"day": date(2024, 2, 3)}, where="seen > $day", order="code")] == [
        "a",
        "b",
    ]
    assert db.query("SELECT 1 + $a AS b", {"a": Decimal("1.5")}).first().b == Decimal("2.5")
    assert UUID(str(db.where("notes", code="c").first().body)) == UUID(int=5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=150))
def test_any_text_is_stored_as_it_is(db: Database, text: str) -> None:
    new = db.insert("users", name=text)
    assert (
        db.select("users", {"text": text}, where="name = $text AND id = $id".replace("$id", str(new))).first().name
        == text
    )
    assert db.delete("users", {"id": new}) == 1
