"""The three databases, each of them empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dbmodels  # noqa: F401 - the tables
import pytest
from dbbackends import Backend, SQLiteFile, connections_of
from sqlalchemy.orm import close_all_sessions

from support.mariadb_servers import MariaDBServer
from support.postgres_servers import PostgresServer


@pytest.fixture
def sqlite(tmp_path: Path) -> Backend:
    file = SQLiteFile(tmp_path / "db.sqlite3")
    return _with_tables(Backend("sqlite", file.connection, file.in_use))


@pytest.fixture
def mariadb(mariadb_server: MariaDBServer) -> Backend:
    return _with_tables(Backend("mariadb", mariadb_server.settings(), mariadb_server.in_use))


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Backend:
    return _with_tables(Backend("postgres", postgres_server.settings(), postgres_server.in_use))


@pytest.fixture(params=["sqlite", "mariadb", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each of the three databases."""
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["mariadb", "postgres"])
def server(request: pytest.FixtureRequest) -> Backend:
    """Each of the databases that are servers."""
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def no_session_is_left() -> Iterator[None]:
    yield
    close_all_sessions()


def _with_tables(backend: Backend) -> Backend:
    conf = backend.conf()
    connections_of(conf).dispose()
    return backend
