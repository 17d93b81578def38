"""What handlers may rely on: tasks, timeouts and context variables as asyncio documents them, and Tornado's word when
the client goes away."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import Any

import pytest
import tornado.web

from server.loops import CLOSE, ask, bodies, get, listening, loops, run
from support.server import make_application
from tornadopy.handler import WebHandler

variable: ContextVar[str] = ContextVar("variable", default="unset")

bases = pytest.mark.parametrize("base", [tornado.web.RequestHandler, WebHandler], ids=["tornados", "own"])


def serve(loop: str, handler: type[tornado.web.RequestHandler], sent: bytes) -> bytes:
    async def main() -> bytes:
        make = make_application if issubclass(handler, WebHandler) else tornado.web.Application
        application = make([("/.*", handler)])
        async with listening(application) as (_, port):
            return await ask(port, sent)

    result: bytes = run(loop, main())
    return result


@loops
@bases
def test_timeouts_task_groups_and_the_current_task(loop: str, base: type[tornado.web.RequestHandler]) -> None:
    """Whatever a handler begins with, and however often it waits; nothing of it reaches the next request."""

    class Handler(base):  # type: ignore[misc, valid-type]
        async def get(self) -> None:
            if self.request.path == "/task":
                await self.current_task()
            elif self.request.path == "/timeout":
                await self.timeout()
            else:
                await self.group()
            self.write("done")

        async def current_task(self) -> None:
            task = asyncio.current_task()
            assert task is not None
            await asyncio.sleep(0)
            assert asyncio.current_task() is task
            assert task in asyncio.all_tasks()
            assert await asyncio.create_task(self.whose()) is not task

        async def whose(self) -> asyncio.Task[Any] | None:
            return asyncio.current_task()

        async def timeout(self) -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(60)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)
            async with asyncio.timeout(60) as unused:
                await asyncio.sleep(0)
            assert not unused.expired()

        async def group(self) -> None:
            async with asyncio.TaskGroup() as group:
                one, two = group.create_task(asyncio.sleep(0, 1)), group.create_task(asyncio.sleep(0, 2))
            assert one.result() + two.result() == 3
            hanging: list[asyncio.Task[Any]] = []
            with pytest.raises(ExceptionGroup) as caught:
                await self.failing_group(hanging)
            assert [str(each) for each in caught.value.exceptions] == ["on purpose"]
            assert hanging[0].cancelled()

        async def failing_group(self, hanging: list[asyncio.Task[Any]]) -> None:
            async with asyncio.TaskGroup() as group:
                hanging.append(group.create_task(asyncio.Event().wait()))
                group.create_task(self.fail())
                await asyncio.Event().wait()

        async def fail(self) -> None:
            raise ValueError("on purpose")

    paths = ["/task", "/timeout", "/group"]
    sent = b"".join(get(path) for path in paths * 2) + get("/task", CLOSE)
    assert bodies(serve(loop, Handler, sent)) == [b"done"] * 7


@loops
@bases
def test_context_variables_end_with_their_request(loop: str, base: type[tornado.web.RequestHandler]) -> None:
    """Wherever a request sets one, the next request of the connection does not see it."""

    class Handler(base):  # type: ignore[misc, valid-type]
        def initialize(self) -> None:
            self.found = [variable.get()]
            variable.set("initialize")

        def prepare(self) -> None:
            self.found.append(variable.get())
            variable.set("prepare")

        async def get(self) -> None:
            await asyncio.sleep(0)
            self.found.append(variable.get())
            variable.set("get")
            task = asyncio.create_task(self.ask())
            await task
            self.finish(" ".join(self.found))

        async def ask(self) -> None:
            self.found.append(variable.get())

    received = serve(loop, Handler, get("/") + get("/") + get("/", CLOSE))
    assert bodies(received) == [b"unset initialize prepare get"] * 3


@loops
@bases
def test_context_variables_of_a_streamed_request(loop: str, base: type[tornado.web.RequestHandler]) -> None:
    @tornado.web.stream_request_body
    class Handler(base):  # type: ignore[misc, valid-type]
        def initialize(self) -> None:
            self.found = [variable.get()]
            variable.set("initialize")

        async def data_received(self, chunk: bytes) -> None:
            self.found.append(variable.get())

        def post(self) -> None:
            self.write(" ".join(self.found))

    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n%b\r\n1"
    received = serve(loop, Handler, post % b"" + post % CLOSE.encode())
    assert bodies(received) == [b"unset initialize"] * 2


@loops
@pytest.mark.parametrize("is_debugging", [False, True])
@pytest.mark.parametrize("streams", [False, True])
def test_a_request_that_has_come_whole_has_one_context(loop: str, streams: bool, is_debugging: bool) -> None:
    """Also where it needs a delegate, because the handler streams its body or files are read anew (debug)."""

    class Handler(WebHandler):
        def prepare(self) -> None:
            self.length = 0
            variable.set("prepare")

        async def data_received(self, chunk: bytes) -> None:
            self.length += len(chunk)

        async def get(self) -> None:
            await asyncio.sleep(0)
            self.write(f"{variable.get()} {self.length or len(self.request.body)}")

        post = get

    handler = tornado.web.stream_request_body(Handler) if streams else Handler
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n%b\r\nabc"

    async def main() -> bytes:
        async with listening(make_application([("/", handler)], DEBUG=is_debugging)) as (_, port):
            return await ask(port, get("/") + post % b"" + get("/") + post % CLOSE.encode())

    assert bodies(run(loop, main())) == [b"prepare 0", b"prepare 3"] * 2


@loops
def test_what_surrounds_the_start_is_seen_by_every_request(loop: str) -> None:
    class Handler(tornado.web.RequestHandler):
        def get(self) -> None:
            self.write(variable.get())

    async def main() -> bytes:
        variable.set("at the start")
        async with listening(tornado.web.Application([("/", Handler)], log_function=print)) as (_, port):
            variable.set("later")
            return await ask(port, get("/") + get("/", CLOSE))

    assert bodies(run(loop, main())) == [b"at the start"] * 2


@loops
@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
def test_a_client_that_goes_away(loop: str, how: str) -> None:
    """`on_connection_close` is called, once; nothing is cancelled."""
    told: list[str] = []

    class Handler(tornado.web.RequestHandler):
        async def get(self) -> None:
            told.append("running")
            try:
                await gate.wait()
            except asyncio.CancelledError:
                told.append("cancelled")
                raise
            told.append("end")
            self.finish("nobody reads this")

        def on_connection_close(self) -> None:
            told.append("gone")

    async def main() -> None:
        nonlocal gate
        gate = asyncio.Event()
        application = tornado.web.Application([("/", Handler)], log_function=lambda handler: None)
        async with listening(application) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/"))
            while not told:
                await asyncio.sleep(0)
            if how == "half-close":
                writer.write_eof()
            elif how == "reset":
                writer.transport.abort()
            else:
                writer.close()
            while "gone" not in told:
                await asyncio.sleep(0)
            gate.set()
            while "end" not in told or server._open:
                await asyncio.sleep(0)
            writer.close()
            del reader

    gate: Any = None
    run(loop, main())
    assert told == ["running", "gone", "end"]


@loops
def test_close_all_connections_tells_running_handlers(loop: str) -> None:
    told: list[str] = []

    class Handler(tornado.web.RequestHandler):
        async def get(self) -> None:
            told.append("running")
            await gate.wait()

        def on_connection_close(self) -> None:
            told.append("gone")
            gate.set()

    async def main() -> None:
        nonlocal gate
        gate = asyncio.Event()
        async with listening(tornado.web.Application([("/", Handler)])) as (server, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/"))
            while not told:
                await asyncio.sleep(0)
            server.stop()
            await server.close_all_connections()
            assert told == ["running", "gone"]
            writer.close()
            while asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.sleep(0)

    gate: Any = None
    run(loop, main())


@loops
def test_requests_leave_no_garbage(loop: str) -> None:
    """What belongs to a request goes with it, without the garbage collector; memory stays as it is."""
    handlers: list[weakref.ref[tornado.web.RequestHandler]] = []

    class Handler(tornado.web.RequestHandler):
        def initialize(self) -> None:
            handlers.append(weakref.ref(self))

        async def get(self) -> None:
            await asyncio.sleep(0)
            self.write("hello")

        post = get

    async def main() -> None:
        application = tornado.web.Application([("/", Handler)], log_function=lambda handler: None)
        post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        chunks = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        async with listening(application) as (_, port):
            gc.collect()
            gc.disable()
            try:
                await ask(port, (get("/") + post + chunks) * 50 + get("/", CLOSE))
                for _ in range(5):
                    await asyncio.sleep(0)
                assert [each for each in handlers if each() is not None] == []
            finally:
                gc.enable()

    run(loop, main())
    assert len(handlers) == 151
