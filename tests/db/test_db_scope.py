"""Which session is meant where: in threads of a request, messages of a WebSocket, tasks, callbacks, scripts."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
from typing import Any

import pytest
from dbbackends import Backend, checked_out, connections_of, running, until
from dbmodels import Archived, Item
from sqlalchemy import select, text
from tornado.websocket import WebSocketHandler as TornadoWebSocketHandler
from tornado.websocket import websocket_connect

from tornadopy.conf import settings
from tornadopy.db.connector import Connector
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import ConfigError, DatabaseSessionError
from tornadopy.handler import WebHandler
from tornadopy.websocket import WebSocketHandler

# Threads of a request


class Gathered(WebHandler):
    """Calls of one request at the same time, which all use its session."""

    overlaps: list[int]

    async def get(self) -> None:
        self.inside = 0
        await asyncio.gather(*(self.use(number) for number in range(20)))
        self.write({"names": [item.name for item in Item.Q.order_by(Item.id)]})

    @async_execute
    def use(self, number: int) -> None:
        session = Item.session
        self.inside += 1
        Gathered.overlaps.append(self.inside)
        for _ in range(5):
            session.add(Item(name=str(number)))
            session.flush()
        self.inside -= 1


def test_the_threads_of_a_request_take_turns(backend: Backend) -> None:
    Gathered.overlaps = []

    async def main() -> None:
        async with running(backend.conf(THREADS_NUM=4), [("/", Gathered)]) as fetch:
            answer = await fetch("/")
            assert answer.code == 200, answer.body

    asyncio.run(main())
    assert Gathered.overlaps == [1] * 20


def test_the_event_loop_does_not_wait_for_a_thread(sqlite: Backend) -> None:
    """Whoever uses the session while a thread does is told what to do."""
    inside, outside = threading.Event(), threading.Event()
    said: list[str] = []

    class Busy(WebHandler):
        async def get(self) -> None:
            working = self.work()
            await until(inside.is_set, "the thread's work")
            kept = self.kept
            for use in (lambda: Item.session, lambda: Item.Q, lambda: kept.scalar(select(1))):
                with pytest.raises(DatabaseSessionError) as raised:
                    use()
                said.append(str(raised.value))
            async with Item.async_session() as session:
                assert await session.scalar(select(1)) == 1
            outside.set()
            await working
            assert Item.Q.all() == []

        @async_execute
        def work(self) -> None:
            self.kept = Item.session
            inside.set()
            assert outside.wait(10)

    async def main() -> None:
        async with running(sqlite.conf(), [("/", Busy)]) as fetch:
            answer = await fetch("/")
            assert answer.code == 200, answer.body

    asyncio.run(main())
    assert len(said) == 3
    assert all("await the function first" in text and "async_session()" in text for text in said)


def test_other_threads_are_told_to_use_the_decorator(sqlite: Backend) -> None:
    class Foreign(WebHandler):
        async def get(self) -> None:
            with pytest.raises(DatabaseSessionError, match="functions with @async_execute, and into no other thread"):
                await asyncio.to_thread(lambda: Item.session)
            self.write("told")

    async def main() -> None:
        async with running(sqlite.conf(), [("/", Foreign)]) as fetch:
            assert (await fetch("/")).body == b"told"

    asyncio.run(main())


def test_calls_within_a_call_share_its_turn(sqlite: Backend) -> None:
    """async_execute inside a thread of the pool runs there at once; the turn stays with the outer call."""

    class Nested(WebHandler):
        async def get(self) -> None:
            self.write({"ids": await self.outer()})

        @async_execute
        def outer(self) -> list[int]:
            inner = self.inner()
            return [asyncio.run(_result(inner)), id(Item.session), asyncio.run(_result(self.inner()))]

        @async_execute
        def inner(self) -> int:
            return id(Item.session)

    async def _result(work: Any) -> int:
        return int(await work)

    async def main() -> None:
        async with running(sqlite.conf(THREADS_NUM=1), [("/", Nested)]) as fetch:
            answer = await fetch("/")
            assert answer.code == 200
            assert len(set(json.loads(answer.body)["ids"])) == 1

    asyncio.run(main())


def test_a_session_kept_beyond_its_request_is_refused(sqlite: Backend) -> None:
    kept: list[Any] = []

    class Keep(WebHandler):
        def get(self) -> None:
            kept.append(Item.session)

    async def main() -> None:
        async with running(sqlite.conf(), [("/", Keep)]) as fetch:
            await fetch("/")
            await until(lambda: kept[0].sessions.is_ended, "the end of the request")
            with pytest.raises(DatabaseSessionError, match="has ended; take a new one"):
                kept[0].scalar(select(1))

    asyncio.run(main())


def test_a_task_that_outlives_its_request_has_a_session_of_its_own(sqlite: Backend) -> None:
    """It ends with the task."""
    conf = sqlite.conf()
    seen: list[Any] = []
    tasks: list[asyncio.Task[None]] = []

    class Spawn(WebHandler):
        def get(self) -> None:
            seen.append(Item.session)
            tasks.append(asyncio.ensure_future(self.later()))

        async def later(self) -> None:
            await until(lambda: seen[0].sessions.is_ended, "the end of the request")
            seen.append(Item.session)
            Item.session.add(Item(name="late"))
            Item.session.flush()
            await asyncio.sleep(0)
            assert Item.session is seen[1]

    async def main() -> None:
        async with running(conf, [("/", Spawn)]) as fetch:
            await fetch("/")
            await tasks[0]
            await asyncio.sleep(0)
            assert seen[0] is not seen[1]
            assert not checked_out(Connector.of(conf))
            assert sqlite.in_use() == []

    asyncio.run(main())


def test_an_asynchronous_session_of_a_task_that_outlives_its_request_is_left_to_it(server: Backend) -> None:
    """The end of the request does not break into its query; the task closes the session itself."""
    conf = server.conf()
    slow = {"mariadb": "SELECT sleep(0.3)", "postgres": "SELECT pg_sleep(0.3)"}[server.name]
    tasks: list[asyncio.Task[None]] = []
    seen: list[Any] = []

    class Spawn(WebHandler):
        async def get(self) -> None:
            started = asyncio.Event()
            tasks.append(asyncio.create_task(self.later(started)))
            await started.wait()
            self.write("started")

        async def later(self, started: asyncio.Event) -> None:
            async with Item.async_session() as session:
                session.add(Item(name="late"))
                await session.flush()
                started.set()
                await session.execute(text(slow))
                await session.commit()
                seen.append(await session.scalar(select(Item.name)))

    async def main() -> None:
        async with running(conf, [("/", Spawn)]) as fetch:
            assert (await fetch("/")).body == b"started"
            await tasks[0]
            assert seen == ["late"]
            assert not checked_out(Connector.of(conf))
            assert server.in_use() == []

    asyncio.run(main())


# WebSockets


def echo(base: type, seen: list[Any]) -> type:
    class Echo(base):  # type: ignore[misc,valid-type]
        def prepare(self) -> None:
            seen.append(("prepare", Item.session))

        def open(self) -> None:
            seen.append(("open", Item.session))
            Item.session.add(Item(name="open"))
            Item.session.flush()

        async def on_message(self, message: str) -> None:
            seen.append((message, Item.session))
            Item.session.add(Item(name=message))
            Item.session.flush()
            await asyncio.sleep(0)
            assert Item.session is seen[-1][1]
            if message.startswith("commit"):
                Item.session.commit()
            if message.startswith("fail"):
                raise ZeroDivisionError
            self.write_message(",".join(item.name for item in Item.Q.order_by(Item.id)))

        def on_close(self) -> None:
            seen.append(("close", Item.session))
            Item.session.add(Item(name="close"))
            Item.session.flush()

    return Echo


@pytest.mark.parametrize("base", [WebSocketHandler, TornadoWebSocketHandler], ids=["ours", "Tornado's"])
def test_in_a_websocket_the_scope_is_a_message(base: type, backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """What a message does not commit is gone with the next one; nothing is held between messages."""
    conf = backend.conf()
    seen: list[Any] = []

    async def main() -> None:
        async with running(conf, [("/", echo(base, seen))]) as fetch:
            connections = Connector.of(conf)
            socket = await websocket_connect(f"ws://127.0.0.1:{fetch.port}/")  # type: ignore[attr-defined]
            await until(lambda: seen and not checked_out(connections), "the end of the handshake")
            assert backend.in_use() == []
            for message, names in (("one", "one"), ("commit", "commit"), ("two", "commit,two")):
                await socket.write_message(message)
                assert await socket.read_message() == names
                await until(lambda: not checked_out(connections), "the end of the message")
            await socket.write_message("fail")
            assert await socket.read_message() is None
            socket.close()
            await until(lambda: seen[-1][0] == "close", "the end of the connection")
            await until(lambda: not checked_out(connections), "the return of all connections")
            await until(lambda: not backend.in_use(), "the end of all transactions")

    asyncio.run(main())
    names = [name for name, _ in seen]
    assert names == ["prepare", "open", "one", "commit", "two", "fail", "close"]
    sessions = dict(seen)
    assert sessions["prepare"] is sessions["open"]
    assert len(set(map(id, sessions.values()))) == 6
    assert "ZeroDivisionError" in caplog.text


class Plain(WebSocketHandler):
    """Handles messages without a coroutine."""

    def on_message(self, message: str) -> None:
        Item.session.add(Item(name=message))
        Item.session.flush()
        self.write_message(str(Item.Q.count()))


def test_a_synchronous_message_ends_before_the_next_one(sqlite: Backend) -> None:
    conf = sqlite.conf()

    async def main() -> None:
        async with running(conf, [("/", Plain)]) as fetch:
            socket = await websocket_connect(f"ws://127.0.0.1:{fetch.port}/")  # type: ignore[attr-defined]
            for number in range(10):
                await socket.write_message(str(number))
            assert [await socket.read_message() for _ in range(10)] == ["1"] * 10
            socket.close()
            assert await socket.read_message() is None
            await until(lambda: not checked_out(Connector.of(conf)), "the return of all connections")

    asyncio.run(main())


# Outside of requests


def test_a_script_has_a_session_per_thread(sqlite: Backend) -> None:
    with settings.override(**_databases(sqlite)):
        first = Item.session
        assert Item.session is first
        first.add(Item(name="uncommitted"))
        first.flush()
        others: list[Any] = []
        thread = threading.Thread(target=lambda: others.append((Item.session, Item.session.remove())))
        thread.start()
        thread.join()
        assert others[0][0] is not first
        first.remove()
        assert Item.session is not first
        assert Item.Q.all() == []
        Item.session.remove()
        assert sqlite.in_use() == []
        Connector.dispose()


def test_a_task_has_a_session_that_ends_with_it(sqlite: Backend) -> None:
    seen: list[Any] = []

    async def work() -> None:
        Item.session.add(Item(name="uncommitted"))
        Item.session.flush()
        seen.append(Item.session)
        await asyncio.sleep(0)
        assert Item.session is seen[-1]
        Item.session.rollback()

    async def main() -> None:
        await asyncio.gather(work(), asyncio.sleep(0))
        await work()
        asyncio.get_running_loop().call_soon(lambda: seen.append(Item.session))
        await asyncio.sleep(0.01)
        assert seen[2].sessions.is_ended  # that of a callback ends with the callback
        await Connector.aclose()

    with settings.override(**_databases(sqlite)):
        asyncio.run(main())
    assert len(set(map(id, seen))) == 3


def test_a_call_in_a_thread_has_a_session_that_ends_with_it(sqlite: Backend) -> None:
    """Outside of a request nothing connects the call with its caller's session."""
    seen: list[Any] = []

    @async_execute
    def work() -> None:
        Item.session.add(Item(name="uncommitted"))
        Item.session.flush()
        seen.append(Item.session)

    async def main() -> None:
        for _ in range(3):
            await work()
        assert not checked_out(Connector.conn_pool)
        assert Item.Q.all() == []

    with settings.override(**_databases(sqlite)):
        asyncio.run(main())
        assert all(session.sessions.is_ended for session in seen)
        Connector.dispose()


def test_a_session_reaches_the_tables_of_other_connections(sqlite: Backend, tmp_path: Any) -> None:
    archive = {"ROLE": "master", "DRIVER": "sqlite", "DATABASE": str(tmp_path / "archive.sqlite3")}
    databases = {"default": {"connections": [sqlite.connection]}, "archive": {"connections": [archive]}}
    with settings.override(PROJECT_PATH="/", DATABASE_CONNECTION=databases):
        for database in Connector.conn_pool.values():
            database.create_db()
        Archived.session.add(Archived(name="old"))
        Archived.session.commit()
        assert Archived.session is not Item.session
        assert Item.session.query(Archived).one().name == "old"
        assert Item.session.scalar(select(Archived.name)) == "old"
        Item.session.remove()
        Archived.session.remove()
        Connector.conn_pool["archive"].drop_db()
        Connector.dispose()


def test_an_unknown_connection_names_itself_and_the_known_ones(sqlite: Backend) -> None:
    with settings.override(**_databases(sqlite)):
        with pytest.raises(ConfigError, match="no connection 'archive'; there are 'default'"):
            _ = Archived.session
        with pytest.raises(ConfigError, match="no connection 'defualt'; did you mean 'default'"):
            Connector.conn_pool["defualt"]


def test_two_applications_share_nothing(sqlite: Backend, tmp_path: Any) -> None:
    """Each request's models talk to the databases of its own application; a script's to the process default's."""
    other = {"connections": [{"ROLE": "master", "DRIVER": "sqlite", "DATABASE": str(tmp_path / "other.sqlite3")}]}
    confs = [sqlite.conf(), sqlite.conf(DATABASE_CONNECTION={"default": other})]
    for conf in confs:
        connections_of(conf).dispose()

    class Add(WebHandler):
        def get(self, name: str) -> None:
            Item.session.add(Item(name=name))
            Item.session.commit()
            self.write(",".join(item.name for item in Item.Q.order_by(Item.id)))

    async def main() -> None:
        async with running(confs[0], [("/(.*)", Add)]) as first, running(confs[1], [("/(.*)", Add)]) as second:
            assert [(await first("/a")).body, (await second("/b")).body, (await first("/c")).body] == [
                b"a",
                b"b",
                b"a,c",
            ]
            assert Connector.of(confs[0]) is not Connector.of(confs[1])
            with settings.override(**_databases(sqlite)):
                assert [item.name for item in Item.Q.order_by(Item.id)] == ["a", "c"]
                Item.session.remove()
                Connector.dispose()

    asyncio.run(main())


def test_the_connections_of_settings_that_are_gone_are_closed(sqlite: Backend) -> None:
    conf = sqlite.conf()
    engine = Connector.of(conf)["default"].master.engine
    engine.connect().close()
    assert engine.pool.checkedin() == 1
    del conf
    gc.collect()
    assert engine.pool.checkedin() == 0


FORK = """
import os, sys
from sqlalchemy import text
from tornadopy.conf import Settings
from tornadopy.db.connector import Connector

conf = Settings(PROJECT_PATH="/", DATABASE_CONNECTION={"default": {"connections": [eval(sys.argv[1])]}})
engine = Connector.of(conf)["default"].master.engine
with engine.connect() as connection:
    own = connection.scalar(text(sys.argv[2]))
child = os.fork()
node = Connector.of(conf)["default"].master
with node.engine.connect() as connection:
    found = connection.scalar(text(sys.argv[2]))
if not child:
    os._exit(7 if found != own else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
with node.engine.connect() as connection:
    assert connection.scalar(text(sys.argv[2])) == own
"""


@pytest.mark.parametrize(
    ("name", "own_id"), [("mariadb", "SELECT connection_id()"), ("postgres", "SELECT pg_backend_pid()")]
)
def test_a_forked_process_has_connections_of_its_own(name: str, own_id: str, request: pytest.FixtureRequest) -> None:
    backend: Backend = request.getfixturevalue(name)
    command = [sys.executable, "-W", "error", "-c", FORK, repr(backend.connection), own_id]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


def _databases(backend: Backend) -> dict[str, Any]:
    return {"PROJECT_PATH": "/", "DATABASE_CONNECTION": {"default": {"connections": [backend.connection]}}}
