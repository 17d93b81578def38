"""What is written down, what is left alone, and what is said where that does not work."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import ops
from dbbackends import Backend
from migrationshop import Shop, authors, books, books_with_pages, renamed_authors
from sqlalchemy import Column, Integer, MetaData, Table

from tornadopy.conf import Settings
from tornadopy.db import metadata
from tornadopy.db.connector import Connector
from tornadopy.db.migrations import making
from tornadopy.db.migrations.changes import describe
from tornadopy.db.migrations.history import Migrations
from tornadopy.exceptions import MigrationError


def plain(name: str) -> Callable[[MetaData], Table]:
    return lambda metadata: Table(name, metadata, Column("id", Integer, primary_key=True))


@pytest.fixture
def begun(sqlite_shop: Shop) -> Shop:
    """Return a shop whose first migration has been applied."""
    sqlite_shop.define(authors, books)
    sqlite_shop.make()
    sqlite_shop.go()
    return sqlite_shop


def test_nothing_is_written_where_nothing_has_changed(begun: Shop) -> None:
    files = sorted(begun.migrations.folder.iterdir())
    made = begun.make()
    assert (made.path, made.changes, made.hints) == (None, (), ())
    assert sorted(begun.migrations.folder.iterdir()) == files


def test_no_folder_is_left_where_there_are_no_models(shop: Shop) -> None:
    assert making.make(shop.migrations).path is None
    assert not shop.migrations.folder.parents[1].exists()
    assert shop.tables() == set(), "the database has not been touched"


def test_looking_writes_and_changes_nothing(shop: Shop) -> None:
    shop.define(authors, books)
    made = making.make(shop.migrations, write=False)
    assert (made.path, made.changes[0]) == (None, "create table authors")
    assert not shop.migrations.folder.exists()
    assert shop.tables() == set()


def test_the_file_is_what_a_person_would_write(begun: Shop) -> None:
    (path,) = begun.migrations.folder.glob("*.py")
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree) == "initial."
    assert {each.name for each in tree.body if isinstance(each, ast.FunctionDef)} == {"upgrade", "downgrade"}
    assert source.count("import sqlalchemy as sa") == source.count("from alembic import op") == 1
    assert path.name.endswith("_initial.py")


def test_an_empty_file_does_nothing_and_imports_nothing(begun: Shop) -> None:
    path = making.make_empty(begun.fresh(), message="Fill in the titles").path
    assert path is not None
    assert path.name.endswith("_fill_in_the_titles.py")
    assert "import sqlalchemy" not in path.read_text("utf-8")
    assert begun.go() == ["Fill in the titles"]
    assert begun.go("-1") == ["Fill in the titles"]


def test_tables_that_no_migration_has_made_are_left_alone(begun: Shop) -> None:
    """Those of basedb, of another program, of another connection in the same database."""
    begun.execute("CREATE TABLE handmade (id INTEGER)")
    assert begun.make().changes == ()


def test_a_model_that_is_gone_takes_its_table_along(begun: Shop) -> None:
    begun.define(authors)
    made = begun.make()
    assert made.changes == ("drop index ix_books_title on books", "drop table books")
    begun.go()
    assert begun.tables() == {"authors", "alembic_version_shop"}


def test_a_table_that_was_renamed_by_a_migration_is_known(begun: Shop) -> None:
    begun.write('op.rename_table("books", "volumes")', 'op.rename_table("volumes", "books")')
    begun.go()
    begun.define(authors)
    assert "drop table volumes" in begun.make().changes


def test_what_may_be_a_new_name_is_pointed_out(begun: Shop) -> None:
    begun.define(renamed_authors, books)
    made = begun.make()
    (hint,) = made.hints
    assert "authors: name is dropped with its data, full_name is added" in hint
    assert "new_column_name" in hint


def test_a_new_name_of_a_table_is_pointed_out(begun: Shop) -> None:
    begun.define(authors, plain("volumes"))
    (hint,) = begun.make().hints
    assert "books is dropped with its rows, volumes is created" in hint
    assert "rename_table" in hint


def test_the_message_names_the_file(begun: Shop) -> None:
    begun.define(authors, books_with_pages)
    made = begun.make("How long they are: 100 % of the pages/leaves")
    assert made.path is not None
    assert made.path.parent == begun.migrations.folder
    assert begun.go() == ["How long they are: 100 % of the pages/leaves"]


def test_a_quote_in_the_message(begun: Shop) -> None:
    making.make_empty(begun.fresh(), message='"""quoted""" \\ and\nbroken')
    assert len(begun.go()) == 1


def test_a_database_that_is_behind(begun: Shop) -> None:
    begun.go("base")
    with pytest.raises(MigrationError, match="run 'tornadopy migrate' first"):
        begun.make()


def test_two_newest_migrations_are_joined(begun: Shop) -> None:
    with pytest.raises(MigrationError, match="no two newest migrations"):
        making.merge(begun.fresh())
    first = making.make_empty(begun.fresh(), message="one").path
    second = making.make_empty(begun.fresh(), message="two").path
    assert first is not None
    assert second is not None
    parent = begun.fresh().scripts()[0].revision
    one = begun.fresh().scripts()[1].revision
    second.write_text(second.read_text("utf-8").replace(f'"{one}"', f'"{parent}"'), "utf-8")
    with pytest.raises(MigrationError, match=r"(?i)multiple heads"):
        making.make_empty(begun.fresh())
    assert making.merge(begun.fresh()).path is not None
    assert sorted(begun.go()) == ["merge", "one", "two"]


def test_a_file_that_is_missing(begun: Shop) -> None:
    (path,) = begun.migrations.folder.glob("*.py")
    path.unlink()
    begun.define(authors)
    making.make_empty(begun.fresh())
    with pytest.raises(
        MigrationError, match=r"connection 'shop': the database has the migration \w+, of which there is no file"
    ):
        begun.fresh().applied()


def test_a_file_that_cannot_be_read(begun: Shop) -> None:
    (path,) = begun.migrations.folder.glob("*.py")
    path.write_text("def upgrade(:", "utf-8")
    with pytest.raises(MigrationError, match=f"SyntaxError.*{path.name}"):
        begun.fresh().scripts()


def test_a_path_with_anything_in_it(sqlite: Backend, tmp_path: Path) -> None:
    conf = Settings(PROJECT_PATH=str(tmp_path), DATABASE_CONNECTION={"shop": {"connections": [sqlite.connection]}})
    shop = Shop(Connector.of(conf)["shop"], tmp_path / "a %(b)s, c:d;é" / "migrations")
    shop.define(authors)
    assert shop.make().path is not None
    assert shop.go() == ["initial"]
    metadata.of("shop").clear()
    Connector.of(conf).dispose()


def test_two_connections_in_one_database(sqlite: Backend, tmp_path: Path) -> None:
    """Each has its own history, and does not touch the other's tables."""
    names = ("one", "two")
    conf = Settings(
        PROJECT_PATH=str(tmp_path),
        DATABASE_CONNECTION={name: {"connections": [sqlite.connection]} for name in names},
    )
    shops = [Shop(Connector.of(conf)[name], tmp_path / "migrations") for name in names]
    for shop, name in zip(shops, names, strict=True):
        shop.define(plain(f"table_of_{name}"))
        assert shop.make().changes == (f"create table table_of_{name}",)
        shop.go()
    for shop in shops:
        assert shop.make().changes == ()
    shops[0].go("base")
    assert "table_of_two" in shops[0].tables()
    for name in names:
        metadata.of(name).clear()
    Connector.of(conf).dispose()


def test_the_default_connection_has_alembics_own_table(sqlite: Backend, tmp_path: Path) -> None:
    conf = Settings(PROJECT_PATH=str(tmp_path), DATABASE_CONNECTION={"default": {"connections": [sqlite.connection]}})
    assert Migrations(Connector.of(conf)["default"], tmp_path).version_table == "alembic_version"


@pytest.mark.parametrize("method", ["applied", "make", "go"])
def test_a_server_that_does_not_answer(tmp_path: Path, method: str, caplog: pytest.LogCaptureFixture) -> None:
    entry = {"ROLE": "master", "DRIVER": "mysql+pymysql", "UID": "ann", "PASSWD": "s3cret", "HOST": "127.0.0.1",
             "PORT": 1, "DATABASE": "x"}  # fmt: skip
    conf = Settings(PROJECT_PATH=str(tmp_path), DATABASE_CONNECTION={"shop": {"connections": [entry]}})
    shop = Shop(Connector.of(conf)["shop"], tmp_path / "migrations")
    calls: dict[str, Callable[[], Any]] = {"applied": shop.fresh().applied, "make": shop.make, "go": shop.go}
    with pytest.raises(MigrationError, match=r"connection 'shop': mysql\+pymysql://ann:") as caught:
        calls[method]()
    assert "s3cret" not in str(caught.value) + caplog.text


def test_operations_that_have_no_words_of_their_own() -> None:
    assert describe(ops.ExecuteSQLOp("SELECT 1")) == "execute sql"
    assert describe(ops.RenameTableOp("a", "b")) == "rename table a"
    assert describe(ops.CreateUniqueConstraintOp("u", "t", ["c"])) == "create unique constraint u on t"
    assert describe(ops.CreateForeignKeyOp("f", "s", "t", ["c"], ["d"])) == "create foreign key f on s"
