"""However a request ends, what it has not committed is rolled back, and its connection goes back to the pool."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
from dbbackends import Backend, checked_out, running, until
from dbmodels import Item
from sqlalchemy import select
from tornado.web import HTTPError, stream_request_body

from tornadopy.context import current_request
from tornadopy.db.connector import Connector
from tornadopy.decorators.async_execute import async_execute
from tornadopy.handler import WebHandler

WAYS = ["loop", "thread", "native"]


@async_execute
def insert_in_thread() -> None:
    Item.session.add(Item(name="uncommitted"))
    Item.session.flush()


async def insert(way: str, *, is_kept: bool = True) -> None:
    """Write a row, and leave the transaction open."""
    if way == "thread":
        await insert_in_thread()
    elif way == "loop":
        Item.session.add(Item(name="uncommitted"))
        Item.session.flush()
    else:
        session = Item.async_session()  # outside of any ``async with``: nobody but the request's end closes it
        session.add(Item(name="uncommitted"))
        await session.flush()


class Ending(WebHandler):
    """Writes, and then ends as the path says."""

    reached: asyncio.Event

    async def get(self, ending: str, way: str) -> None:
        await insert(way)
        await getattr(self, ending)()

    async def forgotten(self) -> None:
        self.write("done")

    async def finished_early(self) -> None:
        self.finish("done")
        await asyncio.sleep(0)

    async def exception(self) -> None:
        raise ZeroDivisionError

    async def http_error(self) -> None:
        raise HTTPError(409)

    async def send_an_error(self) -> None:
        self.send_error(503)

    async def cancelled(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)

    async def disconnected(self) -> None:
        Ending.reached.set()
        await asyncio.sleep(30)

    def on_connection_close(self) -> None:
        assert self._task is not None
        self._task.cancel()

    def log_exception(self, *_error: Any) -> None:
        """Say nothing."""


async def everything_is_back(conf: Any, backend: Backend) -> None:
    connections = Connector.of(conf)
    await until(lambda: not checked_out(connections), "the return of all connections")
    await until(lambda: not backend.in_use(), "the end of all transactions")
    with connections["default"].master.engine.connect() as connection:
        assert connection.execute(select(Item.__table__)).all() == []


@pytest.mark.parametrize("way", WAYS)
def test_every_ending(way: str, backend: Backend) -> None:
    """An exception, an HTTP error, send_error, a cancelled task, an early finish, a forgotten commit."""
    conf = backend.conf()
    expected = {"forgotten": 200, "finished_early": 200, "exception": 500, "http_error": 409, "send_an_error": 503,
                "cancelled": 500}  # fmt: skip

    async def main() -> None:
        async with running(conf, [("/(.*)/(.*)", Ending)]) as fetch:
            for ending, status in expected.items():
                answer = await fetch(f"/{ending}/{way}")
                assert (ending, answer.code) == (ending, status)
                await everything_is_back(conf, backend)

    asyncio.run(main())


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_disconnects(way: str, backend: Backend) -> None:
    conf = backend.conf()

    async def main() -> None:
        Ending.reached = asyncio.Event()
        async with running(conf, [("/(.*)/(.*)", Ending)]) as fetch:
            with socket.create_connection(("127.0.0.1", fetch.port)) as client:  # type: ignore[attr-defined]
                client.sendall(f"GET /disconnected/{way} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                await asyncio.wait_for(Ending.reached.wait(), 10)
                assert checked_out(Connector.of(conf)) == 1
            await everything_is_back(conf, backend)

    asyncio.run(main())


def test_a_thread_that_still_works_when_its_request_is_gone(server: Backend) -> None:
    """The end of the request waits for it, without holding up the event loop; nothing is committed behind its back."""
    conf = server.conf()
    inside, outside = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    class Slow(WebHandler):
        async def get(self) -> None:
            await self.work()

        @async_execute
        def work(self) -> None:
            session = Item.session
            session.add(Item(name="uncommitted"))
            session.flush()
            inside.set()
            assert outside.wait(10)
            try:
                assert [item.name for item in session.query(Item)] == ["uncommitted"]
            except BaseException as error:
                errors.append(error)

        def on_connection_close(self) -> None:
            assert self._task is not None
            self._task.cancel()

    async def main() -> None:
        async with running(conf, [("/", Slow)]) as fetch:
            application = fetch.application  # type: ignore[attr-defined]
            with socket.create_connection(("127.0.0.1", fetch.port)) as client:  # type: ignore[attr-defined]
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await until(inside.is_set, "the thread's work")
            await asyncio.sleep(0.05)
            assert checked_out(Connector.of(conf)) == 1
            assert application.active
            outside.set()
            await everything_is_back(conf, server)
            assert not errors

    asyncio.run(main())


@stream_request_body
class Upload(WebHandler):
    seen: list[int]

    def prepare(self) -> None:
        Upload.seen = []

    def data_received(self, chunk: bytes) -> None:
        Upload.seen.append(id(Item.session))

    def put(self) -> None:
        Upload.seen.append(id(Item.session))
        self.write("stored")


def test_data_received_shares_the_session_of_its_request(sqlite: Backend) -> None:
    async def main() -> None:
        async with running(sqlite.conf(), [("/", Upload)]) as fetch:
            answer = await fetch("/", method="PUT", body=b"x" * 200_000)
            assert answer.code == 200
            assert len(Upload.seen) > 2
            assert len(set(Upload.seen)) == 1

    asyncio.run(main())


def test_with_the_middleware_it_is_the_same(sqlite: Backend) -> None:
    conf = sqlite.conf(MIDDLEWARE_CLASSES=["tornadopy.middleware.dbalchemy.DBAlchemyMiddleware"])

    async def main() -> None:
        async with running(conf, [("/(.*)/(.*)", Ending)]) as fetch:
            for way in WAYS:
                assert (await fetch(f"/exception/{way}")).code == 500
                await everything_is_back(conf, sqlite)

    asyncio.run(main())


def test_one_session_per_request_and_connection(sqlite: Backend) -> None:
    seen: list[Any] = []

    class Twice(WebHandler):
        async def get(self) -> None:
            seen.append([id(Item.session), id(Item.session), await self.in_thread(), id(Item.Q.session)])
            self.write(f"{current_request.get() is self.context}")

        @async_execute
        def in_thread(self) -> int:
            return id(Item.session)

    async def main() -> None:
        async with running(sqlite.conf(), [("/", Twice)]) as fetch:
            assert (await fetch("/")).body == b"True"

    asyncio.run(main())
    assert len(set(seen[0])) == 1
