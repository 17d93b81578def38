"""A connection that broke in the pool is replaced before anybody gets it, and one that is there costs no round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from support.mariadb_servers import MariaDBServer
from support.postgres_servers import PostgresServer
from tornadopy.conf import Settings
from tornadopy.db import liveness
from tornadopy.db.connector import Connections, Connector

PID = text("SELECT pg_backend_pid()")


def connect(server: PostgresServer | MariaDBServer, **options: Any) -> Connections:
    conf = Settings(
        DATABASE_CONNECTION={"default": {"connections": [server.settings()]}}, SQLALCHEMY_CONFIGURATION=options
    )
    return Connector.of(conf)


@pytest.fixture
def connections(postgres_server: PostgresServer) -> Iterator[Connections]:
    found = connect(postgres_server)
    yield found
    found.dispose()


def pings(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets an item for each question to the server whether it is there."""
    asked: list[object] = []
    ask = engine.dialect.do_ping
    monkeypatch.setattr(engine.dialect, "do_ping", lambda connection: (asked.append(connection), ask(connection))[1])
    return asked


def use(engine: Any) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(PID))


def test_a_connection_in_use_is_not_asked(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "RESTED", 1000.0)
    engine = connections["default"].master.engine
    asked = pings(engine, monkeypatch)
    assert len({use(engine) for _ in range(5)}) == 1
    assert asked == []


def test_a_connection_that_has_rested_is_asked(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "RESTED", 0.0)
    engine = connections["default"].master.engine
    asked = pings(engine, monkeypatch)
    assert len({use(engine) for _ in range(3)}) == 1
    assert len(asked) == 2  # a new one need not be asked


@pytest.mark.parametrize("rested", [0.0, 1000.0], ids=["rested", "just used"])
def test_one_that_the_server_has_ended_is_replaced(
    connections: Connections, postgres_server: PostgresServer, rested: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "RESTED", rested)
    engine = connections["default"].master.engine
    first = use(engine)
    # The server waits until the connection has ended, so the system knows of it.
    assert postgres_server.execute("SELECT pg_terminate_backend(%s, 20000)", first) == [(True,)]
    assert use(engine) != first
    assert connections["default"].master.out_since is None


@pytest.mark.parametrize("rested", [0.0, 1000.0], ids=["rested", "just used"])
def test_so_it_is_on_the_event_loop(
    connections: Connections, postgres_server: PostgresServer, rested: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "RESTED", rested)

    async def main() -> list[int | None]:
        engine = connections["default"].master.async_engine
        found = []
        for _ in range(3):
            async with engine.connect() as connection:
                found.append(await connection.scalar(PID))
            if len(found) == 2:
                postgres_server.execute("SELECT pg_terminate_backend(%s, 20000)", found[-1])
        await connections.aclose()
        return found

    first, second, third = asyncio.run(main())
    assert first == second != third


def test_a_driver_that_does_not_tell_its_socket_asks_the_server(
    mariadb_server: MariaDBServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = connect(mariadb_server, **{"sqlalchemy.pool_size": 1})
    engine = connections["default"].master.engine
    asked = pings(engine, monkeypatch)
    for _ in range(3):
        engine.connect().close()
    assert len(asked) == 2
    connections.dispose()


@pytest.mark.parametrize("pre_ping", [True, False])
def test_pool_pre_ping_leaves_it_to_sqlalchemy(postgres_server: PostgresServer, pre_ping: bool) -> None:
    connections = connect(postgres_server, **{"sqlalchemy.pool_pre_ping": pre_ping})
    engine = connections["default"].master.engine
    assert engine.pool._pre_ping is pre_ping
    assert not engine.pool.dispatch.checkout
    connections.dispose()


def test_a_file_does_not_go_away() -> None:
    conf = Settings(DATABASE_CONNECTION={"default": {"connections": [{"ROLE": "master", "URL": "sqlite://"}]}})
    connections = Connector.of(conf)
    assert not connections["default"].master.engine.pool.dispatch.checkout
    connections.dispose()
