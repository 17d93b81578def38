"""In handlers: connections go back to the pool, whatever becomes of the request; nothing stays open."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from support.server import make_application, serving, wait_for
from support.websocket import receive_frame, send_frame, shake_hands
from tornadopy.context import current_request, current_scope
from tornadopy.db.basedb import Database
from tornadopy.decorators.async_execute import async_execute
from tornadopy.handler import WebHandler
from tornadopy.routing import Url
from tornadopy.websocket import WebSocketHandler

u = Url()


def names(db: Database) -> list[str]:
    return [row.name for row in db.select("users", order="id")]


def make(db: Database, **methods: Any) -> Any:
    """Return an application whose handler at ``/`` has *methods*, and reads from *db*."""
    return make_application([u(r"/", type("Page", (WebHandler,), {"db": db, **methods}))])


class TestOnTheLoop:
    def test_a_result_holds_no_connection(self, db: Database) -> None:
        db.multiple_insert("users", [{"name": "a"}, {"name": "b"}])

        def get(handler: Any) -> None:
            rows = handler.db.select("users", order="id")
            handler.write(f"{rows.first().name} {handler.db.engine.pool.checkedout()}")

        with serving(make(db, get=get)) as site:
            assert site.get("/").body == b"a 0"

    def test_many_requests_at_once(self, db: Database) -> None:
        async def get(handler: Any) -> None:
            with handler.db.transaction():
                new = handler.db.insert("users", name="here")
                await asyncio.sleep(0)
                assert handler.db.update("users", new, name=handler.get_argument("name")) == 1

        def once(handler: Any) -> None:
            handler.db.insert("users", seqname=False, name=handler.get_argument("name"))

        with serving(make(db, get=once if db.dbn == "sqlite" else get)) as site:
            clients = [site.connect() for _ in range(12)]
            for number, client in enumerate(clients):
                client.socket.settimeout(60)  # each makes a connection to the database, one after the other
                client.request("GET", f"/?name=n{number}")
            assert [client.receive().status for client in clients] == [200] * 12
            for client in clients:
                client.close()
        assert sorted(names(db)) == sorted(f"n{number}" for number in range(12))

    def test_a_transaction_that_nobody_ended_is_rolled_back(
        self, db: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        def get(handler: Any) -> None:
            handler.db.transaction()
            handler.db.insert("users", name="forgotten")
            handler.db.transaction()

        with caplog.at_level(logging.WARNING, "tornadopy.tracelog"), serving(make(db, get=get)) as site:
            assert site.get("/").status == 200
            wait_for(lambda: db.engine.pool.checkedout() == 0)
        assert names(db) == []
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["basedb"]
        assert "is rolled back" in caplog.text

    def test_a_transaction_may_span_the_hooks_of_a_handler(self, db: Database) -> None:
        def prepare(handler: Any) -> None:
            handler.transaction = handler.db.transaction()

        def get(handler: Any) -> None:
            handler.db.insert("users", name="kept" if handler.get_argument("keep", "") else "dropped")

        def on_finish(handler: Any) -> None:
            (handler.transaction.commit if handler.get_argument("keep", "") else handler.transaction.rollback)()

        with serving(make(db, prepare=prepare, get=get, on_finish=on_finish)) as site:
            assert [site.get(path).status for path in ("/?keep=1", "/", "/?keep=1")] == [200] * 3
        assert names(db) == ["kept", "kept"]

    def test_an_error_rolls_back(self, db: Database, caplog: pytest.LogCaptureFixture) -> None:
        def get(handler: Any) -> None:
            with handler.db.transaction():
                handler.db.insert("users", name="lost")
                raise RuntimeError("broken off")

        with serving(make(db, get=get)) as site:
            assert site.get("/").status == 500
            wait_for(lambda: db.engine.pool.checkedout() == 0)
        assert names(db) == []

    def test_a_handler_that_is_cancelled(self, db: Database, caplog: pytest.LogCaptureFixture) -> None:
        """The client goes away, and the handler's task with it, in the middle of a transaction."""
        inside = threading.Event()

        async def get(handler: Any) -> None:
            handler.task = asyncio.current_task()
            with handler.db.transaction():
                handler.db.insert("users", name="lost")
                inside.set()
                await asyncio.Event().wait()

        def on_connection_close(handler: Any) -> None:
            handler.task.cancel()

        with serving(make(db, get=get, on_connection_close=on_connection_close)) as site:
            client = site.connect()
            client.request("GET", "/")
            assert inside.wait(10)
            client.reset()
            wait_for(lambda: db.engine.pool.checkedout() == 0)
        assert names(db) == []


class TestInThreads:
    def test_a_transaction_in_a_thread(self, db: Database) -> None:
        def work(handler: Any) -> list[str]:
            with handler.db.transaction():
                handler.db.insert("users", name="Ann")
            return names(handler.db)

        async def get(handler: Any) -> None:
            handler.write(",".join(await async_execute(work)(handler)))

        with serving(make(db, get=get)) as site:
            assert site.get("/").body == b"Ann"

    def test_a_thread_that_outlives_its_request_keeps_nothing(
        self, db: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A transaction begun by the handler, still used by a thread when the request ends."""
        inside, may_go_on = threading.Event(), threading.Event()

        def work(handler: Any) -> None:
            transaction = handler.transaction
            with transaction.pinned.turn() as connection:
                inside.set()
                may_go_on.wait(10)
                connection.exec_driver_sql("INSERT INTO users (name) VALUES ('lost')")

        def get(handler: Any) -> None:
            handler.transaction = handler.db.transaction()
            async_execute(work)(handler)
            inside.wait(10)

        with serving(make(db, get=get)) as site:
            assert site.get("/").status == 200
            wait_for(lambda: "is rolled back" in caplog.text)
            assert db.engine.pool.checkedout() == 1
            may_go_on.set()
            wait_for(lambda: db.engine.pool.checkedout() == 0)
        assert names(db) == []


def test_a_websocket_collects_no_closers(db: Database) -> None:
    """However many transactions its messages begin."""

    class Socket(WebSocketHandler):
        def on_message(self, message: Any) -> None:
            with db.transaction():
                db.insert("users", seqname=False, name=message)
            context = current_request.get()
            assert context is not None
            self.write_message(str(len(context._closers or ())))

    with serving(make_application([u(r"/", Socket)])) as site, site.connect() as client:
        shake_hands(client, "/")
        counts = []
        for number in range(5):
            send_frame(client, f"m{number}".encode(), 1)
            counts.append(receive_frame(client)[1])
        assert len(set(counts)) == 1
    assert names(db) == [f"m{number}" for number in range(5)]


def test_a_transaction_that_a_message_leaves_open_ends_with_it(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    class Socket(WebSocketHandler):
        def on_message(self, message: Any) -> None:
            db.transaction()
            db.insert("users", seqname=False, name=message)
            self.write_message("done")

    with serving(make_application([u(r"/", Socket)])) as site, site.connect() as client:
        shake_hands(client, "/")
        send_frame(client, b"forgotten", 1)
        assert receive_frame(client)[1] == b"done"
        wait_for(lambda: db.engine.pool.checkedout() == 0)
        assert "is rolled back" in caplog.text
    assert names(db) == []


def test_a_call_of_a_request_that_holds_a_transaction_goes_first(db: Database) -> None:
    """Others may be waiting in all threads for the connection that it would give back."""

    async def get(handler: Any) -> None:
        scope = current_scope()
        assert scope is not None
        before = scope.is_holding
        with handler.db.transaction():
            during = scope.is_holding
        handler.write(f"{before} {during} {scope.is_holding}")

    with serving(make(db, get=get)) as site:
        assert site.get("/").body == b"False True False"
