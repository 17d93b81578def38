"""A connection of each kind of database, for tables that a test changes as it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dbbackends import Backend
from migrationshop import Shop

from tornadopy.conf import Settings
from tornadopy.db import metadata
from tornadopy.db.connector import Connector

NAME = "shop"


@pytest.fixture
def shop(backend: Backend, tmp_path: Path) -> Iterator[Shop]:
    yield from make_shop(backend, tmp_path)


@pytest.fixture
def sqlite_shop(sqlite: Backend, tmp_path: Path) -> Iterator[Shop]:
    yield from make_shop(sqlite, tmp_path)


def make_shop(backend: Backend, folder: Path) -> Iterator[Shop]:
    # NOTE: the settings keep the connections alive.
    conf = Settings(PROJECT_PATH=str(folder), DATABASE_CONNECTION={NAME: {"connections": [backend.connection]}})
    connections = Connector.of(conf)
    found = Shop(connections[NAME], folder / "migrations")
    metadata.of("default").drop_all(found.engine)  # of the other tests' models
    yield found
    metadata.of(NAME).clear()
    connections.dispose()
