# ruff: noqa: PT012 - a block that fails is what is tested
"""Transactions: committed on success, rolled back on an error or an answer of 500 and above; savepoints within."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dbbackends import Backend, checked_out, running, until
from dbmodels import Author, Item
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from tornado import gen
from tornado.web import Finish
from tornado.websocket import websocket_connect

from tornadopy.conf import settings
from tornadopy.db import atomic
from tornadopy.db.connector import Connector
from tornadopy.db.dbalchemy import Model
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import ArgumentError, DatabaseSessionError
from tornadopy.handler import WebHandler
from tornadopy.websocket import WebSocketHandler


def names(conf: Any) -> list[str]:
    """Return what is committed."""
    with Connector.of(conf)["default"].master.engine.connect() as connection:
        return list(connection.scalars(select(Item.name).order_by(Item.id)))


def add(name: str) -> None:
    Item.session.add(Item(name=name))


async def aadd(name: str) -> None:
    async with Item.async_session() as session:
        session.add(Item(name=name))


@async_execute
def add_in_thread(name: str) -> None:
    add(name)
    Item.session.flush()


# Handlers


class Sync(WebHandler):
    @atomic
    def get(self, ending: str) -> None:
        add(ending)
        end(self, ending)


class Native(WebHandler):
    @atomic
    async def get(self, ending: str) -> None:
        await aadd(ending)
        end(self, ending)


class Threads(WebHandler):
    @atomic
    async def get(self, ending: str) -> None:
        await add_in_thread(ending)
        end(self, ending)


class Both(WebHandler):
    @atomic
    async def get(self, ending: str) -> None:
        async with Item.async_session() as session:
            session.add(Item(name=ending))
        if (
            Connector.conn_pool["default"].master.config.url.get_backend_name() != "sqlite"
        ):  # one writer at a time there
            await add_in_thread(ending)
        end(self, ending)


class Coroutine(WebHandler):
    @atomic
    @gen.coroutine
    def get(self, ending: str) -> Any:
        add(ending)
        yield gen.moment
        end(self, ending)


class Block(WebHandler):
    async def get(self, ending: str) -> None:
        async with atomic() as session:
            session.add(Item(name=ending))
            end(self, ending)


@atomic
class Whole(WebHandler):
    def get(self, ending: str) -> None:
        add(ending)
        end(self, ending)

    async def post(self, ending: str) -> None:
        await aadd(ending)
        end(self, ending)


class Function(WebHandler):
    async def get(self, ending: str) -> None:
        await self.work(ending)

    @async_execute
    @atomic
    def work(self, ending: str) -> None:
        add(ending)
        end(self, ending)


def end(handler: WebHandler, ending: str) -> None:
    if ending == "error":
        raise ZeroDivisionError
    if ending == "finish":
        raise Finish("early")
    if ending.isdigit():
        handler.set_status(int(ending))


def quiet(handler: type) -> type:
    return type(handler.__name__, (handler,), {"log_exception": lambda *_: None})


@pytest.mark.parametrize("handler", [Sync, Native, Threads, Both, Coroutine, Block, Whole, Function])
def test_a_handlers_work(handler: type, backend: Backend) -> None:
    conf = backend.conf()

    async def main() -> None:
        async with running(conf, [("/(.*)", quiet(handler))]) as fetch:
            for ending, code in {"fine": 200, "finish": 200, "error": 500, "404": 404, "500": 500, "503": 503}.items():
                assert (await fetch(f"/{ending}")).code == code
            await until(lambda: not checked_out(Connector.of(conf)), "the return of all connections")
            assert set(names(conf)) == {"fine", "finish", "404"}
            assert backend.in_use() == []

    asyncio.run(main())


def test_each_method_of_a_decorated_class(sqlite: Backend) -> None:
    conf = sqlite.conf()

    async def main() -> None:
        async with running(conf, [("/(.*)", quiet(Whole))]) as fetch:
            for ending in ("fine", "error"):
                await fetch(f"/{ending}", method="POST", body="")
            assert names(conf) == ["fine"]

    asyncio.run(main())


def test_a_cancelled_request_is_rolled_back(server: Backend) -> None:
    conf = server.conf()

    class Cancelled(WebHandler):
        @atomic
        async def get(self) -> None:
            await aadd("native")
            await add_in_thread("thread")
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)

    async def main() -> None:
        async with running(conf, [("/", Cancelled)]) as fetch:
            assert (await fetch("/")).code == 500
            await until(lambda: not checked_out(Connector.of(conf)), "the return of all connections")
            assert names(conf) == []

    asyncio.run(main())


def test_in_a_websocket_a_message(sqlite: Backend) -> None:
    """The status of the handshake, 101, is no failure."""
    conf = sqlite.conf()

    class Store(WebSocketHandler):
        @atomic
        async def on_message(self, message: str) -> None:
            await aadd(message)
            self.write_message("stored")

    async def main() -> None:
        async with running(conf, [("/", Store)]) as fetch:
            socket = await websocket_connect(f"ws://127.0.0.1:{fetch.port}/")  # type: ignore[attr-defined]
            await socket.write_message("kept")
            assert await socket.read_message() == "stored"
            socket.close()
            assert await socket.read_message() is None
            await until(lambda: names(conf) == ["kept"], "the row")

    asyncio.run(main())


# Blocks within blocks


@pytest.fixture
def here(backend: Backend) -> Any:
    """The database as the process's default."""
    conf = {"PROJECT_PATH": "/", "DATABASE_CONNECTION": {"default": {"connections": [backend.connection]}}}
    with settings.override(**conf) as overridden:
        yield overridden
        Item.session.remove()
        Connector.dispose()


def test_an_inner_block_is_a_savepoint(here: Any) -> None:
    with atomic() as session:
        add("outer")
        with pytest.raises(ZeroDivisionError), atomic() as inner:
            assert inner is session
            add("lost")
            session.flush()
            raise ZeroDivisionError
        with atomic():
            add("inner")
    assert names(here) == ["outer", "inner"]


def test_an_error_outside_takes_the_inner_block_with_it(here: Any) -> None:
    with pytest.raises(ZeroDivisionError), atomic():
        with atomic():
            add("inner")
        raise ZeroDivisionError
    assert names(here) == []


def test_an_inner_block_survives_the_databases_own_errors(here: Any) -> None:
    with atomic():
        Author.session.add(Author(name="same"))
        with pytest.raises(IntegrityError), atomic():
            Author.session.add(Author(name="same"))
        Author.session.add(Author(name="other"))
    assert [author.name for author in Author.Q.order_by(Author.ID)] == ["same", "other"]


def test_an_asynchronous_inner_block_survives_the_databases_own_errors(here: Any) -> None:
    async def main() -> None:
        async with atomic() as session:
            session.add(Author(name="same"))
            with pytest.raises(IntegrityError):
                async with atomic():
                    session.add(Author(name="same"))
            session.add(Author(name="other"))
        with pytest.raises(IntegrityError):
            async with atomic() as session:
                session.add(Author(name="same"))
        await Connector.aclose()

    asyncio.run(main())
    assert [author.name for author in Author.Q.order_by(Author.ID)] == ["same", "other"]


def test_a_commit_that_fails_is_rolled_back(here: Any) -> None:
    with pytest.raises(IntegrityError), atomic():
        Author.session.add_all([Author(name="same"), Author(name="same")])
    assert not Author.session.in_transaction()
    assert Author.Q.all() == []


def test_commit_and_rollback_inside_a_block_are_refused(here: Any) -> None:
    with atomic() as session:
        add("kept")
        for call in (session.commit, session.rollback):
            with pytest.raises(DatabaseSessionError, match=r"inside atomic\(\): the block itself commits"):
                call()
    assert names(here) == ["kept"]


def test_asynchronous_blocks_within_each_other(here: Any) -> None:
    async def main() -> None:
        async with atomic() as session:
            session.add(Item(name="outer"))
            with pytest.raises(ZeroDivisionError):
                async with atomic() as inner:
                    assert inner is session
                    await aadd("lost")
                    await session.flush()
                    raise ZeroDivisionError
            async with atomic():
                await aadd("inner")
            async with Item.async_session() as same:
                assert same is session
            with pytest.raises(DatabaseSessionError, match="inside atomic"):
                await session.commit()
            assert list(await session.scalars(select(Item.name).order_by(Item.id))) == ["outer", "inner"]
        assert not checked_out(Connector.conn_pool)
        await Connector.aclose()

    asyncio.run(main())
    assert names(here) == ["outer", "inner"]


def test_threads_called_in_an_asynchronous_block_take_part_in_it(here: Any) -> None:
    """Also outside of any request; a block in the thread is a savepoint of the outer one."""

    @async_execute
    @atomic
    def fail() -> None:
        add("lost")
        Item.session.flush()
        raise ZeroDivisionError

    async def main() -> None:
        async with atomic():
            await add_in_thread("first")
            with pytest.raises(ZeroDivisionError):
                await fail()
            with pytest.raises(ZeroDivisionError):
                async with atomic():
                    await add_in_thread("lost, too")
                    raise ZeroDivisionError
            await add_in_thread("second")
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                await add_in_thread("lost as well")
                raise ZeroDivisionError
        await Connector.aclose()

    asyncio.run(main())
    assert names(here) == ["first", "second"]


def test_blocks_side_by_side_have_transactions_of_their_own(server: Backend) -> None:
    conf = server.conf()

    class Beside(WebHandler):
        async def get(self) -> None:
            results = await asyncio.gather(*(self.store(number) for number in range(6)), return_exceptions=True)
            self.write({"failed": sum(isinstance(each, ZeroDivisionError) for each in results)})

        async def store(self, number: int) -> None:
            async with atomic() as session:
                session.add(Item(name=str(number)))
                await session.flush()
                await asyncio.sleep(0.01)
                if number % 2:
                    raise ZeroDivisionError

    async def main() -> None:
        async with running(conf, [("/", Beside)]) as fetch:
            assert (await fetch("/")).body == b'{"failed": 3}'
            assert sorted(names(conf)) == ["0", "2", "4"]

    asyncio.run(main())


def test_blocks_side_by_side_that_share_a_synchronous_session_fail_loudly(server: Backend) -> None:
    """There is one such session in a request: a block that fails takes the others with it, and they say so."""
    conf = server.conf()
    seen: list[Any] = []

    class Beside(WebHandler):
        async def get(self) -> None:
            seen.extend(await asyncio.gather(self.store(), self.fail(), return_exceptions=True))

        async def store(self) -> None:
            async with atomic():
                await add_in_thread("lost")
                await asyncio.sleep(0.2)

        async def fail(self) -> None:
            async with atomic():
                await asyncio.sleep(0.1)
                raise ZeroDivisionError

    async def main() -> None:
        async with running(conf, [("/", Beside)]) as fetch:
            await fetch("/")

    asyncio.run(main())
    assert [type(each) for each in seen] == [DatabaseSessionError, ZeroDivisionError]
    assert "another atomic() block of this request" in str(seen[0])
    assert names(conf) == []


# How it is written


def test_using_names_a_connection_or_a_model(here: Any) -> None:
    for block in (atomic("default"), atomic(using="default"), atomic(using=Item), atomic()):
        with block:
            add("kept")

    @atomic(using="default")
    def work(name: str) -> str:
        """Say something."""
        add(name)
        return name

    assert work("function") == "function"
    assert (work.__name__, work.__doc__) == ("work", "Say something.")
    assert names(here) == ["kept"] * 4 + ["function"]


@pytest.mark.parametrize("wrong", [3, int, Model, lambda: (yield)])
def test_what_cannot_be_decorated(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="atomic: "):
        atomic(wrong)


def test_a_function_whose_work_is_done_later_is_refused(here: Any) -> None:
    """The block would end before the work does."""

    @atomic
    @async_execute
    def work() -> None:
        add("lost")

    with pytest.raises(ArgumentError, match="put @atomic below @async_execute"):
        work()
    assert names(here) == []


def test_everything_in_a_block_goes_to_the_master(postgres: Backend, postgres_replica: Any) -> None:
    conf = postgres.conf(postgres_replica.settings("slave"))

    class Where(WebHandler):
        async def get(self) -> None:
            in_recovery = select(func.pg_is_in_recovery())
            found = [Item.session.scalar(in_recovery)]
            with atomic() as session:
                found.append(session.scalar(in_recovery))
            async with atomic() as async_session:
                await async_session.execute(insert(Item).values(name="kept"))
                found.append(await async_session.scalar(in_recovery))
            self.write({"found": found})

    async def main() -> None:
        async with running(conf, [("/", Where)]) as fetch:
            assert (await fetch("/")).body == b'{"found": [true, false, false]}'

    asyncio.run(main())
