"""A database of each kind, with the table that the tests of basedb use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture(params=["sqlite", "mariadb", "postgres"])
def arguments(request: pytest.FixtureRequest, tmp_path: Path) -> Mapping[str, Any]:
    """Return what `database` takes for an empty database of each kind."""
    if request.param == "sqlite":
        return {"dbn": "sqlite", "db": str(tmp_path / "basedb.sqlite")}
    entry = request.getfixturevalue(f"{request.param}_server").settings()
    query = {"charset": "utf8mb4"} if request.param == "mariadb" else {}
    return {
        "dbn": request.param,
        "db": entry["DATABASE"],
        "user": entry["UID"],
        "pw": entry["PASSWD"],
        "host": entry["HOST"],
        "port": entry["PORT"],
        **query,
    }


@pytest.fixture
def db(arguments: Mapping[str, Any]) -> Iterator[Database]:
    """Return a database with empty tables, of each kind in turn."""
    found = database(**arguments)
    quote = found.engine.dialect.identifier_preparer.quote_identifier
    for statement in TABLES.format(key=KEY[found.dbn]).replace('"order"', quote("order")).strip().splitlines():
        found.query(statement)
    yield found
    assert found.engine.pool.checkedout() == 0, "a connection has not been given back"
    found.close()
