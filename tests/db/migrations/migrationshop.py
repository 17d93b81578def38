"""A database whose tables change: authors and books, in the states that the tests of migrations go through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from sqlalchemy import Column, Engine, ForeignKey, Integer, String, Table, UniqueConstraint, inspect, text

from tornadopy.db.connector import Database
from tornadopy.db.migrations import making
from tornadopy.db.migrations.history import Migrations, title

AUTHORS = [(1, "Ann"), (2, "Bob"), (3, "Eve")]
BOOKS = [(1, "Tea", 1), (2, "Coffee", 1), (3, "Water", 2), (4, "It's; -- milk", 3)]


class Shop:
    """A connection with its migrations."""

    def __init__(self, database: Database, root: Path) -> None:
        self.database = database
        self.migrations = Migrations(database, root)

    @property
    def engine(self) -> Engine:
        return self.database.master.engine

    def define(self, *define: Callable[[Any], Table]) -> None:
        """Let these be all the tables of the models."""
        self.database.metadata.clear()
        for each in define:
            each(self.database.metadata)

    def make(self, message: str | None = None) -> making.Made:
        return making.make(self.fresh(), message=message)

    def write(self, upgrade: str, downgrade: str, message: str = "by hand") -> Path:
        """Make an empty migration, and fill it."""
        path = making.make_empty(self.fresh(), message=message).path
        assert path is not None
        source = path.read_text("utf-8")
        head, _, _ = source.partition("def upgrade()")
        imports = "import sqlalchemy as sa\nfrom alembic import op\n\nrevision ="
        functions = [
            f"def {name}() -> None:\n{indent(dedent(body).strip(), '    ')}\n"
            for name, body in (("upgrade", upgrade), ("downgrade", downgrade))
        ]
        path.write_text(head.replace("revision =", imports, 1) + "\n\n".join(functions), "utf-8")
        return path

    def go(self, target: str = "head") -> list[str]:
        """Run migrations, and return what they are about."""
        migrations, seen = self.fresh(), []
        migrations.run(migrations.plan(target), notify=lambda script: seen.append(title(script)))
        return seen

    def fresh(self) -> Migrations:
        """Return the history as the files are now."""
        return Migrations(self.database, self.migrations.folder.parents[1])

    def execute(self, statement: str, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), list(rows) or None)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def tables(self) -> set[str]:
        return set(inspect(self.engine).get_table_names())

    def columns(self, table: str) -> set[str]:
        return {each["name"] for each in inspect(self.engine).get_columns(table)}

    def fill(self) -> None:
        self.execute(
            "INSERT INTO authors (id, name) VALUES (:id, :name)", *({"id": key, "name": name} for key, name in AUTHORS)
        )
        self.execute(
            "INSERT INTO books (id, title, author_id) VALUES (:id, :title, :author)",
            *({"id": key, "title": title, "author": author} for key, title, author in BOOKS),
        )


def authors(metadata: Any) -> Table:
    return _authors(metadata, "name")


def renamed_authors(metadata: Any) -> Table:
    return _authors(metadata, "full_name")


def _authors(metadata: Any, name: str) -> Table:
    return Table(
        "authors",
        metadata,
        Column("id", Integer, primary_key=True),
        Column(name, String(50)),
        UniqueConstraint(name, name="uq_authors"),
    )


def books(metadata: Any) -> Table:
    return Table(
        "books",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("title", String(100), nullable=False, index=True),
        Column("author_id", ForeignKey("authors.id", ondelete="CASCADE"), nullable=False),
    )


def books_with_pages(metadata: Any) -> Table:
    table = books(metadata)
    table.append_column(Column("pages", Integer, nullable=False, server_default="7"))
    return table
