"""A database of each kind, with the table that the tests of basedb use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tornadopy.conf import settings
from tornadopy.db.basedb import Database, database

KEY = {
    "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "mysql": "INTEGER PRIMARY KEY AUTO_INCREMENT",
    "mariadb": "INTEGER PRIMARY KEY AUTO_INCREMENT",
    "postgresql": "SERIAL PRIMARY KEY",
}
TABLES = """
CREATE TABLE users (id {key}, name VARCHAR(200), age INTEGER, "order" INTEGER DEFAULT 7)
CREATE TABLE notes (code VARCHAR(20) PRIMARY KEY, user_id INTEGER, body TEXT, seen TIMESTAMP NULL)
CREATE TABLE plain (a INTEGER, b INTEGER)
"""


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """Return a database with empty tables, of each kind in turn."""
    with settings.override(PROJECT_PATH=str(tmp_path)):
        found = database(database_url)
        found.engine  # noqa: B018 - made while the settings are those of the test
    quote = found.engine.dialect.identifier_preparer.quote_identifier
    statements = TABLES.format(key=KEY[found.dbn]).replace('"order"', quote("order")).strip().splitlines()
    for statement in statements:
        found.query(statement)
    yield found
    assert found.engine.pool.checkedout() == 0, "a connection has not been given back"
    for name in ("users", "notes", "plain"):
        found.query(f"DROP TABLE {name}")
    found.close()


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'basedb.sqlite'}"
