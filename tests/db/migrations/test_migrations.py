"""Migrations on each database, empty and filled: no row is lost on the way up, nor on the way down."""

from __future__ import annotations

import io

import pytest
from migrationshop import AUTHORS, BOOKS, Shop, authors, books, books_with_pages, renamed_authors
from sqlalchemy import inspect

from tornadopy.exceptions import MigrationError

RENAME_COLUMN = """
with op.batch_alter_table("authors") as batch_op:
    batch_op.alter_column("{0}", new_column_name="{1}", existing_type=sa.String(50))
"""
LENGTHS = """
books = sa.table("books", sa.column("title", sa.String), sa.column("pages", sa.Integer))
op.execute(books.update().values(pages={}))
"""


@pytest.fixture(params=["empty", "filled"])
def filled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "filled")


def build(shop: Shop, *, filled: bool) -> None:
    """Go the whole way up: two tables, a new column, a new name of a column, changed data, a new name of a table."""
    shop.define(authors, books)
    assert shop.make().changes == ("create table authors", "create table books", "create index ix_books_title on books")
    assert shop.go() == ["initial"]
    if filled:
        shop.fill()

    shop.define(authors, books_with_pages)
    assert shop.make().changes == ("add column books.pages",)
    assert shop.go() == ["add column books pages"]

    shop.define(renamed_authors, books_with_pages)
    shop.write(RENAME_COLUMN.format("name", "full_name"), RENAME_COLUMN.format("full_name", "name"), "rename")
    assert shop.go() == ["rename"]

    shop.write(LENGTHS.format("sa.func.length(books.c.title)"), LENGTHS.format("7"), "lengths")
    assert shop.go() == ["lengths"]
    assert shop.make().changes == (), "the models and the database agree"

    shop.write('op.rename_table("books", "volumes")', 'op.rename_table("volumes", "books")', "another table")
    assert shop.go() == ["another table"]


def test_no_row_is_lost(shop: Shop, filled: bool) -> None:
    build(shop, filled=filled)
    people, titles = (AUTHORS, BOOKS) if filled else ([], [])
    assert shop.rows("SELECT id, full_name FROM authors ORDER BY id") == people
    found = shop.rows("SELECT id, title, author_id, pages FROM volumes ORDER BY id")
    assert found == [(*book, len(book[1])) for book in titles]

    assert shop.go("-1") == ["another table"]
    assert shop.go("-1") == ["lengths"]
    assert shop.rows("SELECT id, title, author_id, pages FROM books ORDER BY id") == [(*book, 7) for book in titles]
    assert shop.go("-1") == ["rename"]
    assert shop.rows("SELECT id, name FROM authors ORDER BY id") == people
    assert shop.go("-1") == ["add column books pages"]
    assert shop.columns("books") == {"id", "title", "author_id"}
    assert shop.rows("SELECT id, title, author_id FROM books ORDER BY id") == titles
    assert shop.rows("SELECT id, name FROM authors ORDER BY id") == people

    assert len(shop.go("+2")) == 2
    assert shop.rows("SELECT id, full_name FROM authors ORDER BY id") == people
    assert shop.rows("SELECT id, title, author_id, pages FROM books ORDER BY id") == [(*book, 7) for book in titles]


def test_the_whole_way_down_and_up_again(shop: Shop, filled: bool) -> None:
    build(shop, filled=filled)
    assert shop.go("base") == ["another table", "lengths", "rename", "add column books pages", "initial"]
    assert shop.tables() == {"alembic_version_shop"}
    assert shop.go() == ["initial", "add column books pages", "rename", "lengths", "another table"]
    assert shop.columns("volumes") == {"id", "title", "author_id", "pages"}


def test_constraints_outlive_a_change(shop: Shop) -> None:
    """A table that SQLite has to build anew keeps its index, its unique column and the way its references work."""
    build(shop, filled=True)
    assert ["title"] in [each["column_names"] for each in inspect(shop.engine).get_indexes("volumes")]
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        shop.execute("INSERT INTO authors (id, full_name) VALUES (9, 'Ann')")
    shop.execute("DELETE FROM authors WHERE id = 1")
    assert [row[0] for row in shop.rows("SELECT id FROM volumes ORDER BY id")] == [3, 4]


def test_going_to_a_migration(shop: Shop) -> None:
    build(shop, filled=True)
    scripts = shop.fresh().scripts()
    second = scripts[1].revision
    assert shop.go(second[:6]) == ["another table", "lengths", "rename"]
    assert shop.fresh().applied() == {scripts[0].revision, second}
    assert shop.go(second) == []
    assert shop.go(scripts[3].revision) == ["rename", "lengths"]
    assert shop.go("head") == ["another table"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("+1", r"\+1: there is no migration to apply"),
        ("-6", "-6: there are only 5 to undo"),
        ("+0", "no number of migrations"),
        ("-x", "no number of migrations"),
        ("", "an empty text is no migration"),
        ("nonsense", "Can't locate revision identified by 'nonsense'"),
    ],
)
def test_what_is_no_target(sqlite_shop: Shop, target: str, message: str) -> None:
    build(sqlite_shop, filled=False)
    with pytest.raises(MigrationError, match=message):
        sqlite_shop.fresh().plan(target)


def test_a_migration_that_fails_halfway(shop: Shop) -> None:
    """Nothing of it stays where the database can undo a change of a table; those before it stay."""
    shop.define(authors, books)
    shop.make()
    shop.go()
    shop.fill()
    good = shop.write('op.add_column("books", sa.Column("good", sa.Integer))', 'op.drop_column("books", "good")')
    bad = shop.write(
        """
        op.execute("DELETE FROM books")
        op.add_column("books", sa.Column("bad", sa.Integer))
        raise RuntimeError("halfway")
        """,
        'op.drop_column("books", "bad")',
        "halfway there",
    )
    with pytest.raises(MigrationError, match=rf"(?s)connection 'shop': RuntimeError: halfway .*{bad.name}"):
        shop.go()
    assert good.exists()
    assert len(shop.fresh().applied()) == 2
    assert "good" in shop.columns("books")
    if shop.engine.dialect.name != "mysql":  # which commits with each change of a table
        assert "bad" not in shop.columns("books")
        assert len(shop.rows("SELECT id FROM books")) == len(BOOKS)


def test_rows_without_what_they_refer_to(sqlite_shop: Shop) -> None:
    """SQLite checks no reference while tables are rebuilt; the migration is rolled back that would break one."""
    shop = sqlite_shop
    shop.define(authors, books)
    shop.make()
    shop.go()
    shop.fill()
    shop.write('op.execute("DELETE FROM authors WHERE id = 1")', "pass")
    with pytest.raises(MigrationError, match="2 rows, the first in books, would refer to rows of authors"):
        shop.go()
    assert shop.rows("SELECT id, name FROM authors ORDER BY id") == AUTHORS
    assert shop.rows("PRAGMA foreign_keys") == [(1,)]


def test_what_was_broken_before_stops_nothing(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    shop.define(authors, books)
    shop.make()
    shop.go()
    with shop.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("INSERT INTO books (id, title, author_id) VALUES (1, 'orphan', 99)")
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    shop.define(authors, books_with_pages)
    shop.make()
    shop.go()
    assert shop.rows("SELECT title, pages FROM books") == [("orphan", 7)]


def test_sql_is_written_and_not_executed(shop: Shop) -> None:
    shop.define(authors, books)
    shop.make()
    output = io.StringIO()
    migrations = shop.fresh()
    migrations.run(migrations.plan("head"), sql=output)
    assert "CREATE TABLE authors" in output.getvalue()
    assert "INSERT INTO alembic_version_shop" in output.getvalue()
    assert "authors" not in shop.tables()
    shop.go()
    output = io.StringIO()
    migrations = shop.fresh()
    migrations.run(migrations.plan("base"), sql=output)
    assert "DROP TABLE authors" in output.getvalue()
    assert "CREATE" not in output.getvalue()
    assert "authors" in shop.tables()


def test_the_sql_that_was_written_does_the_same(shop: Shop) -> None:
    shop.define(authors, books)
    shop.make()
    output = io.StringIO()
    migrations = shop.fresh()
    migrations.run(migrations.plan("head"), sql=output)
    for statement in output.getvalue().split(";"):
        lines = [line for line in statement.splitlines() if not line.startswith("--")]
        words = "\n".join(lines).strip()
        if words not in ("", "BEGIN", "COMMIT"):
            shop.execute(words)
    assert shop.fresh().plan("head").scripts == ()
    assert shop.make().changes == ()


def test_marking_runs_nothing(shop: Shop) -> None:
    shop.define(authors, books)
    shop.make()
    shop.database.create_db()
    migrations = shop.fresh()
    migrations.mark(migrations.plan("head"))
    assert shop.go() == []
    migrations.mark(migrations.plan("base"))
    assert len(shop.fresh().plan("head").scripts) == 1
