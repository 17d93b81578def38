"""Reads go to a replica, writes to the primary; servers go away and come back. Two real PostgreSQL servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from dbbackends import Backend, aside, checked_out, connections_of, running, until
from dbmodels import Item
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, InternalError

from support.postgres_servers import PostgresServer, running_replica
from support.processes import free_port
from tornadopy.conf import Settings, settings
from tornadopy.db.basedb import database
from tornadopy.db.connector import Connector
from tornadopy.decorators.async_execute import async_execute
from tornadopy.handler import WebHandler

ON_REPLICA = select(func.pg_is_in_recovery())


@pytest.fixture
def stale(postgres: Backend, postgres_server: PostgresServer, postgres_replica: PostgresServer) -> Iterator[Settings]:
    """A replica that knows of one row, and a primary with another one that the replica does not get to know."""
    postgres_server.execute("INSERT INTO items (name) VALUES ('old')")
    postgres_server.wait_for_replica(postgres_replica)
    postgres_replica.execute("SELECT pg_wal_replay_pause()")
    postgres_server.execute("INSERT INTO items (name) VALUES ('new')")
    try:
        yield postgres.conf(postgres_replica.settings("slave"))
    finally:
        postgres_replica.execute("SELECT pg_wal_replay_resume()")


def names() -> list[str]:
    return [item.name for item in Item.Q.order_by(Item.id)]


class Sync(WebHandler):
    """Reads, does what the path says, and reads again."""

    def get(self, step: str) -> None:
        session = Item.session
        before = names()
        between = getattr(self, step)(session)
        session.expire_all()
        self.write({"before": before, "between": between, "after": names()})

    def nothing(self, session: Any) -> Any:
        return session.scalar(ON_REPLICA)

    def add(self, session: Any) -> None:
        session.add(Item(name="added"))
        session.flush()

    def change(self, session: Any) -> None:
        session.execute(update(Item).values(name="changed"))

    def remove(self, session: Any) -> None:
        session.execute(delete(Item))

    def core_insert(self, session: Any) -> None:
        session.execute(insert(Item.__table__).values(name="added"))

    def query_delete(self, session: Any) -> None:
        session.query(Item).delete()

    def textual(self, session: Any) -> Any:
        return session.scalar(text("SELECT pg_is_in_recovery()"))

    def textual_objects(self, session: Any) -> Any:
        statement = text("SELECT * FROM items ORDER BY id")
        return [item.name for item in session.scalars(select(Item).from_statement(statement))]

    def for_update(self, session: Any) -> Any:
        return [item.name for item in session.scalars(select(Item).order_by(Item.id).with_for_update())]

    def using_master(self, session: Any) -> Any:
        return session.using_master().scalar(ON_REPLICA)


def ask(conf: Settings, handlers: list[Any], *paths: str) -> list[Any]:
    async def main() -> list[Any]:
        async with running(conf, handlers) as fetch:
            answers = [await fetch(path) for path in paths]
            assert [answer.code for answer in answers] == [200] * len(paths)
            return [json.loads(answer.body) for answer in answers]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("step", "between", "after"),
    [
        ("nothing", True, ["old"]),
        ("add", None, ["old", "new", "added"]),
        ("change", None, ["changed", "changed"]),
        ("remove", None, []),
        ("core_insert", None, ["old", "new", "added"]),
        ("query_delete", None, []),
        ("textual", False, ["old", "new"]),
        ("textual_objects", ["old", "new"], ["old", "new"]),
        ("for_update", ["old", "new"], ["old", "new"]),
        ("using_master", False, ["old", "new"]),
    ],
)
def test_where_a_statement_goes_and_where_reads_go_after_it(
    stale: Settings, step: str, between: Any, after: list[str]
) -> None:
    """After a write a request's reads go to the primary; the next request reads from the replica again."""
    first, second = ask(stale, [("/(.*)", Sync)], f"/{step}", "/nothing")
    assert first == {"before": ["old"], "between": between, "after": after}
    assert second["before"] == ["old"]


def test_models_read_what_has_been_written_by_basedb(stale: Settings) -> None:
    class Mixed(WebHandler):
        def get(self) -> None:
            before = names()
            database().insert("items", name="by hand")
            self.write({"before": before, "after": names()})

    first, second = ask(stale, [("/", Mixed)], "/", "/")
    assert first == {"before": ["old"], "after": ["old", "new", "by hand"]}
    assert second["before"] == ["old"]


class Native(WebHandler):
    async def get(self) -> None:
        found: dict[str, Any] = {}
        async with Item.async_session() as session:
            found["read"] = list(await session.scalars(select(Item.name).order_by(Item.id)))
        async with Item.async_session(master=True) as session:
            found["master"] = list(await session.scalars(select(Item.name).order_by(Item.id)))
        async with Item.async_session() as session:
            found["replica again"] = await session.scalar(ON_REPLICA)
            session.add(Item(name="added"))
            await session.flush()
            found["after a write"] = await session.scalar(ON_REPLICA)
        async with Item.async_session() as session:
            found["another session"] = await session.scalar(ON_REPLICA)
        found["in a thread"] = await self.in_thread()
        async with Item.async_session() as session:
            found["asked for"] = await session.using_master().scalar(ON_REPLICA)
        self.write(found)

    @async_execute
    def in_thread(self) -> Any:
        return Item.session.scalar(ON_REPLICA)


def test_asynchronous_sessions_go_the_same_ways(stale: Settings) -> None:
    """They share with the synchronous one of their request where its reads go."""
    (found,) = ask(stale, [("/", Native)], "/")
    assert found == {
        "read": ["old"],
        "master": ["old", "new"],
        "replica again": True,
        "after a write": False,
        "another session": False,
        "in a thread": False,
        "asked for": False,
    }


def test_a_replica_takes_no_writes(postgres: Backend, postgres_replica: PostgresServer) -> None:
    """What is sent to it by mistake is an error of the server, and is not lost silently."""
    conf = postgres.conf(postgres_replica.settings("slave"))
    engine = Connector.of(conf)["default"].engines["slave1"]
    with engine.connect() as connection, pytest.raises(InternalError, match="read-only"):
        connection.execute(insert(Item.__table__).values(name="lost"))
    Connector.of(conf).dispose()


def test_slaves_take_turns(
    postgres: Backend, postgres_server: PostgresServer, postgres_replica: PostgresServer
) -> None:
    """Each request reads from one of them, and always from the same one."""
    slaves = [postgres_replica.settings("slave"), postgres_server.settings("slave")]

    class Where(WebHandler):
        def get(self) -> None:
            self.write({"on replica": [Item.session.scalar(ON_REPLICA) for _ in range(3)]})

    found = ask(postgres.conf(*slaves), [("/", Where)], *["/"] * 6)
    assert sorted(each["on replica"] for each in found) == [[False] * 3] * 3 + [[True] * 3] * 3


# Servers that go away


class Read(WebHandler):
    def get(self) -> None:
        self.write({"on replica": Item.session.scalar(ON_REPLICA)})

    def log_exception(self, typ: Any, value: Any, trace: Any) -> None:
        assert isinstance(value, DBAPIError), value


class ReadNative(Read):
    async def get(self) -> None:
        async with Item.async_session() as session:
            self.write({"on replica": await session.scalar(ON_REPLICA)})


class ReadInThread(Read):
    async def get(self) -> None:
        self.write(await self.read())

    @async_execute
    def read(self) -> Any:
        return {"on replica": Item.session.scalar(ON_REPLICA)}


class Load:
    """Clients who ask again and again, and what they have been told."""

    def __init__(self, fetch: Any, path: str, *, clients: int = 8) -> None:
        self.answers: list[Any] = []
        self.failed = 0
        self._fetch, self._path = fetch, path
        self._tasks = [asyncio.ensure_future(self._ask()) for _ in range(clients)]

    async def _ask(self) -> None:
        while True:
            answer = await self._fetch(self._path)
            if answer.code == 200:
                self.answers.append(json.loads(answer.body)["on replica"])
            else:
                self.failed += 1
                self.answers.append(None)
            await asyncio.sleep(0.002)

    async def more(self, count: int) -> list[Any]:
        """Return the next *count* answers."""
        start = len(self.answers)
        await until(lambda: len(self.answers) >= start + count, f"{count} more answers", timeout=30)
        return self.answers[start:]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.mark.parametrize("handler", [Read, ReadNative, ReadInThread], ids=["loop", "native", "threads"])
def test_a_replica_that_stops_under_load(
    handler: type,
    postgres: Backend,
    postgres_server: PostgresServer,
    caplog: pytest.LogCaptureFixture,
    record_property: Any,
) -> None:
    """Once it is marked out no read fails: others take its share. When it is back it serves again."""

    async def main() -> None:
        with running_replica(postgres_server) as replica:
            conf = postgres.conf(replica.settings("slave"))
            async with running(conf, [("/", handler)], clients=8) as fetch:
                node = Connector.of(conf)["default"].slaves[0]
                load = Load(fetch, "/")
                assert all(await load.more(50))
                await aside(replica.kill)
                await until(lambda: node.out_since is not None, "the replica's mark")
                await load.more(20)  # those that were under way
                failed = load.failed
                record_property("failed before the mark", failed)
                print(f"failed reads before the replica was marked out ({handler.__name__}): {failed}")
                assert failed <= 8  # at most what was under way: one for each client
                assert set(await load.more(200)) == {False}
                await aside(replica.start)
                await until(lambda: node.out_since is None, "the replica's return")
                await load.more(20)
                assert set(await load.more(100)) == {True}
                assert load.failed == failed
                await load.stop()

    caplog.set_level("INFO")
    asyncio.run(main())
    said = [record.getMessage() for record in caplog.records if record.name.startswith("tornadopy.")]
    assert len([line for line in said if "does not answer; reads go to others" in line]) == 1, said
    assert len([line for line in said if "answers again" in line]) == 1, said


class Ask(WebHandler):
    def get(self) -> None:
        self.write({"on replica": Item.session.scalar(select(1))})

    def log_exception(self, typ: Any, value: Any, trace: Any) -> None:
        assert isinstance(value, DBAPIError), value


class AskNative(Ask):
    async def get(self) -> None:
        async with Item.async_session(master=True) as session:
            self.write({"on replica": await session.scalar(select(1))})


@pytest.mark.parametrize("handler", [Ask, AskNative], ids=["loop", "native"])
def test_a_master_that_is_restarted_under_load(
    handler: type, server: Backend, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests fail as long as it is away, and no longer; the application goes on."""
    process = request.getfixturevalue(f"{server.name}_server")
    conf = server.conf()

    async def main() -> None:
        async with running(conf, [("/", handler)], clients=8) as fetch:
            load = Load(fetch, "/")
            assert set(await load.more(50)) == {1}
            await aside(process.kill)
            await until(lambda: load.failed, "a failure")
            await aside(process.start)
            await load.more(20)  # those that were under way
            failed = load.failed
            assert set(await load.more(100)) == {1}
            assert load.failed == failed
            await load.stop()
            await until(lambda: not checked_out(Connector.of(conf)), "the return of all connections")

    asyncio.run(main())
    assert "does not answer" in caplog.text


def test_broken_connections_are_never_handed_out(server: Backend, request: pytest.FixtureRequest) -> None:
    """The server was restarted while nobody asked: not one request notices."""
    process = request.getfixturevalue(f"{server.name}_server")
    conf = server.conf()

    async def main() -> None:
        async with running(conf, [("/sync", Ask), ("/native", AskNative)], clients=8) as fetch:
            for path in ("/sync", "/native"):
                assert [each.code for each in await asyncio.gather(*(fetch(path) for _ in range(8)))] == [200] * 8
            await aside(process.restart)
            for path in ("/sync", "/native"):
                assert [each.code for each in await asyncio.gather(*(fetch(path) for _ in range(8)))] == [200] * 8

    asyncio.run(main())


def test_without_an_application_a_read_brings_a_replica_back(
    postgres: Backend,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A script has no pings: after a while the next read tries again."""
    with running_replica(postgres_server) as replica:
        databases = {"default": {"connections": [postgres.connection, replica.settings("slave")]}}
        with settings.override(PROJECT_PATH="/", DATABASE_CONNECTION=databases):
            assert Item.session.scalar(ON_REPLICA)
            Item.session.remove()
            replica.kill()
            assert not Item.session.scalar(ON_REPLICA)
            Item.session.remove()
            replica.start()
            assert not Item.session.scalar(ON_REPLICA)  # not yet: it was away a moment ago
            Item.session.remove()
            monkeypatch.setattr("tornadopy.db.replicas.RETRY", 0.0)
            assert Item.session.scalar(ON_REPLICA)
            Item.session.remove()
            Connector.dispose()
    assert "does not answer" in caplog.text


def test_slaves_that_take_long_to_fail_are_asked_once_each(
    postgres: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without pings: when the last one has failed, the first one's time to be asked again has come."""
    monkeypatch.setattr("tornadopy.db.replicas.RETRY", 0.0)
    away = {**postgres.connection, "ROLE": "slave", "PORT": free_port()}
    conf = postgres.conf(away, away)
    with settings.override(PROJECT_PATH="/", DATABASE_CONNECTION=conf.DATABASE_CONNECTION):
        assert not Item.session.scalar(ON_REPLICA)
        Item.session.remove()
        Connector.dispose()
    assert caplog.text.count("does not answer") == 2


def test_a_cancelled_query_says_nothing_of_the_server(server: Backend) -> None:
    """Its connection is given up; the server stays in, and nothing is logged."""
    conf = server.conf()

    async def main() -> None:
        node = Connector.conn_pool["default"].master
        sleep = {"mariadb": "SELECT SLEEP(30)", "postgres": "SELECT pg_sleep(30)"}[server.name]

        async def work() -> None:
            async with Item.async_session() as session:
                session.add(Item(name="never"))
                await session.flush()
                await session.execute(text(sleep))

        task = asyncio.create_task(work())
        await until(lambda: bool(server.in_use()), "the query's arrival")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert node.out_since is None
        assert not checked_out(Connector.conn_pool)
        await Connector.aclose()

    with settings.override(PROJECT_PATH="/", DATABASE_CONNECTION=conf.DATABASE_CONNECTION):
        asyncio.run(main())


# Pings


TIMEOUTS = {
    "mariadb": ("SET GLOBAL wait_timeout = 5", "SET GLOBAL wait_timeout = 28800"),
    "postgres": ("ALTER ROLE owner SET idle_session_timeout = '5s'", "ALTER ROLE owner RESET idle_session_timeout"),
}
IDS = {"mariadb": "SELECT id FROM information_schema.processlist", "postgres": "SELECT pid FROM pg_stat_activity"}
OWN_ID = {"mariadb": "SELECT connection_id()", "postgres": "SELECT pg_backend_pid()"}


def test_pings_keep_idle_connections_alive(server: Backend, request: pytest.FixtureRequest) -> None:
    """They outlive the server's time-out, more of them than are pinged at once; without pings they do not."""
    process = request.getfixturevalue(f"{server.name}_server")
    short, usual = TIMEOUTS[server.name]
    process.execute(short)
    options = {"sqlalchemy.pool_size": 3}
    pinged = server.conf(PING_DB=1, PING_CONN_COUNT=2, SQLALCHEMY_CONFIGURATION=options)
    forgotten = server.conf(SQLALCHEMY_CONFIGURATION=options)

    async def open_connections(conf: Settings) -> set[int]:
        """Open three connections for threads and three for the event loop, and leave them to themselves."""
        node = Connector.of(conf)["default"].master
        own_id = text(OWN_ID[server.name])
        connections = [node.engine.connect() for _ in range(3)]
        found = {connection.scalar(own_id) for connection in connections}
        for connection in connections:
            connection.close()
        async_connections = [await node.async_engine.connect() for _ in range(3)]
        found |= {await connection.scalar(own_id) for connection in async_connections}
        for async_connection in async_connections:
            await async_connection.close()
        return found

    def alive() -> set[int]:
        return {number for (number,) in process.execute(IDS[server.name])}

    async def main() -> None:
        async with running(pinged, []), running(forgotten, []):
            kept, lost = await open_connections(pinged), await open_connections(forgotten)
            assert len(kept) == len(lost) == 6
            assert kept | lost <= alive()
            await until(lambda: not lost & alive(), "the server's time-out", timeout=60)
            assert kept <= alive()
        await until(lambda: not kept & alive(), "the end of the connections with their application")

    try:
        asyncio.run(main())
    finally:
        process.execute(usual)


def test_pings_end_with_the_application(sqlite: Backend) -> None:
    conf = sqlite.conf()
    connections_of(conf)

    async def main() -> None:
        async with running(conf, []):
            connections = Connector.of(conf)
            assert connections["default"].replicas.is_watched
            assert any("ping_forever" in repr(task) for task in asyncio.all_tasks())
        assert not any("ping_forever" in repr(task) for task in asyncio.all_tasks())
        assert not connections["default"].replicas.is_watched

    asyncio.run(main())
