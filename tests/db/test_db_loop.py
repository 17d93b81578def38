"""The event loop is not held up: no waiting for a connection, a word about slow queries; SQLite's transactions."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dbbackends import Backend, checked_out, connections_of, running
from dbmodels import Item
from sqlalchemy import select, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tornadopy.db.connector import Connector
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import PoolExhaustedError
from tornadopy.handler import WebHandler

ONE = {"sqlalchemy.pool_size": 1, "sqlalchemy.max_overflow": 0, "sqlalchemy.pool_timeout": 60}

# Waiting for a connection


class Hold(WebHandler):
    """Keeps the only connection until it is told to go."""

    go: asyncio.Event

    async def get(self) -> None:
        Item.session.scalar(select(1))
        Hold.taken.set()
        await Hold.go.wait()

    taken: asyncio.Event


class Want(WebHandler):
    async def get(self, way: str) -> None:
        if way == "loop":
            with pytest.raises(PoolExhaustedError) as raised:
                Item.session.scalar(select(1))
            self.write(str(raised.value))
        elif way == "thread":
            self.write(str(await self.ask()))
        else:
            async with Item.async_session() as session:
                self.write(str(await session.scalar(select(1))))

    @async_execute
    def ask(self) -> Any:
        return Item.session.scalar(select(1))


def test_a_checkout_on_the_event_loop_raises_at_once_and_names_the_ways_out(backend: Backend) -> None:
    """In a thread it waits; the asynchronous session has connections of its own."""
    conf = backend.conf(SQLALCHEMY_CONFIGURATION=ONE)

    async def main() -> None:
        Hold.go, Hold.taken = asyncio.Event(), asyncio.Event()
        async with running(conf, [("/hold", Hold), ("/want/(.*)", Want)]) as fetch:
            holding = asyncio.ensure_future(fetch("/hold"))
            await Hold.taken.wait()
            said = (await fetch("/want/loop")).body.decode()
            for way_out in ("all 1 connections", "@async_execute", "Model.async_session()", "'sqlalchemy.pool_size'"):
                assert way_out in said
            assert (await fetch("/want/native")).body == b"1"
            waiting = asyncio.ensure_future(fetch("/want/thread"))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            Hold.go.set()
            assert (await holding).code == 200
            assert (await waiting).body == b"1"
            assert (await fetch("/want/thread")).body == b"1"

    asyncio.run(main())


def test_the_pool_counts_right_when_loop_and_threads_compete(sqlite: Backend) -> None:
    """A hundred checkouts of each kind for three connections: nobody gets a fourth, nothing is lost."""
    options = {"sqlalchemy.pool_size": 2, "sqlalchemy.max_overflow": 1}
    connections = connections_of(sqlite.conf(SQLALCHEMY_CONFIGURATION=options))
    engine = connections["default"].master.engine
    most, lock = [0], threading.Lock()

    def use() -> None:
        with engine.connect() as connection:
            with lock:
                most[0] = max(most[0], engine.pool.checkedout())
            connection.scalar(text("SELECT 1"))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(6) as threads:
            working = [loop.run_in_executor(threads, use) for _ in range(100)]
            served = tried = 0
            while tried < 100 or not served:  # the threads may have all connections for a while, but not for ever
                tried += 1
                try:
                    use()
                    served += 1
                except PoolExhaustedError:
                    await asyncio.sleep(0)
            await asyncio.gather(*working)

    asyncio.run(main())
    assert most[0] <= 3
    assert engine.pool.checkedout() == 0
    connections.dispose()


def test_a_connection_that_cannot_be_made_on_the_event_loop_leaves_its_place(sqlite: Backend) -> None:
    nowhere = {"connections": [{"ROLE": "master", "DRIVER": "sqlite", "DATABASE": "/nowhere/x.db"}]}
    conf = sqlite.conf(DATABASE_CONNECTION={"default": nowhere}, SQLALCHEMY_CONFIGURATION=ONE)
    engine = Connector.of(conf)["default"].master.engine

    async def main() -> None:
        for _ in range(3):
            with pytest.raises(Exception, match="unable to open database file"):
                engine.connect()

    asyncio.run(main())
    assert engine.pool.checkedout() == 0


def test_a_thread_waits_as_long_as_it_is_told(sqlite: Backend) -> None:
    connections = connections_of(sqlite.conf(SQLALCHEMY_CONFIGURATION={**ONE, "sqlalchemy.pool_timeout": 0}))
    engine = connections["default"].master.engine
    with engine.connect(), pytest.raises(PoolTimeout):
        engine.connect()
    connections.dispose()


# Slow queries

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n",
    "mariadb": "SELECT sleep(0.05)",
    "postgres": "SELECT pg_sleep(0.05)",
}


class Query(WebHandler):
    statement: str

    async def get(self, way: str) -> None:
        statement = text(Query.statement)
        if way == "loop":
            Item.session.execute(statement)
        elif way == "thread":
            await self.query()
        else:
            async with Item.async_session() as session:
                await session.execute(statement)

    @async_execute
    def query(self) -> None:
        Item.session.execute(text(Query.statement))


def test_a_slow_query_on_the_event_loop_is_named_in_debug(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """In threads and on the asynchronous driver it may take its time; so may a quick one anywhere."""
    Query.statement = SLOW[backend.name]
    conf = backend.conf(DEBUG=True, SLOW_SYNC_QUERY=5)

    async def main() -> None:
        async with running(conf, [("/(.*)", Query)], autoreload=False) as fetch:
            for way in ("thread", "native"):
                assert (await fetch(f"/{way}")).code == 200
            assert "held up the event loop" not in caplog.text
            assert (await fetch("/loop")).code == 200

    asyncio.run(main())
    (line,) = [each.getMessage() for each in caplog.records if "held up the event loop" in each.getMessage()]
    assert line.startswith("Query: a query held up the event loop for ")
    assert "@async_execute" in line
    assert "Model.async_session()" in line
    assert Query.statement[:30] in line


def test_outside_debug_and_below_the_limit_nothing_is_said(sqlite: Backend) -> None:
    Query.statement = SLOW["sqlite"]

    async def main() -> None:
        for conf in (sqlite.conf(SLOW_SYNC_QUERY=0), sqlite.conf(DEBUG=True, SLOW_SYNC_QUERY=60_000)):
            async with running(conf, [("/(.*)", Query)], autoreload=False) as fetch:
                assert (await fetch("/loop")).code == 200

    asyncio.run(main())


# SQLite's transactions


def test_with_and_savepoint_begin_a_transaction(sqlite: Backend) -> None:
    """Python's sqlite3 begins none before them, and what they do could not be rolled back."""
    connections = connections_of(sqlite.conf())
    engine = connections["default"].master.engine
    with engine.connect() as connection:
        connection.execute(text("WITH n(a) AS (SELECT 'x') INSERT INTO items (name) SELECT a FROM n"))
        assert sqlite.in_use() == ["locked"]
        connection.rollback()
        with pytest.raises(ZeroDivisionError):
            _fail_in_savepoint(connection)
        connection.execute(text("CREATE TABLE made (a)"))
        connection.rollback()
        assert connection.scalar(text("SELECT count(*) FROM items")) == 0
        assert connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'made'")) == 0
    connections.dispose()


def _fail_in_savepoint(connection: Any) -> None:
    with connection.begin_nested():
        connection.execute(text("INSERT INTO items (name) VALUES ('x')"))
        raise ZeroDivisionError


def test_reading_locks_nobody_out(sqlite: Backend) -> None:
    connections = connections_of(sqlite.conf())
    engine = connections["default"].master.engine
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM items")) == 0
        assert sqlite.in_use() == []
        connection.execute(text("/* a comment */ INSERT INTO items (name) VALUES ('x')"))
        assert sqlite.in_use() == ["locked"]
        connection.commit()
    autocommitting = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    autocommitting.execute(text("INSERT INTO items (name) VALUES ('y')"))
    assert sqlite.in_use() == []
    autocommitting.execute(text("VACUUM"))
    autocommitting.close()
    with engine.connect() as connection:
        connection.execute(text("VACUUM"))
        assert connection.scalar(text("SELECT count(*) FROM items")) == 2
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    assert not checked_out(connections)
    connections.dispose()
