"""Handlers that take the request's body piece by piece, and clients that go away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest
from tornado.web import HTTPError, RequestHandler, stream_request_body

from support.hooks import hook, recorder
from support.server import ConnectionEnded, make_application, serving, wait_for
from tornadopy.context import current_request
from tornadopy.handler import WebHandler

# For tests whose errors are logged as well; what is logged is the matter of others.
logs = pytest.mark.usefixtures("caplog")

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
ways_out = pytest.mark.parametrize("way", ["bare", "sync", "async"])
BODY = b"x" * 300_000


class SlowResponse:
    """An asynchronous response hook that lets everything else that is ready run first."""

    async def process_response(self, handler: Any, clear: Any, chunk: list[Any]) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def ways(way: str) -> list[type]:
    return {"bare": [], "sync": [hook("response", lambda *args: None)], "async": [SlowResponse]}[way]


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


@stream_request_body
class Upload(WebHandler):
    """Counts what comes; `notes` says in which order."""

    def prepare(self) -> None:
        self.length = 0
        self.application.notes.append("prepare")

    def on_prepare(self) -> None:
        self.application.notes.append("on_prepare")

    def data_received(self, chunk: bytes) -> None:
        assert current_request.get() is self.context
        if self.application.notes[-1] != "data":
            self.application.notes.append("data")
        self.length += len(chunk)

    def put(self) -> None:
        assert current_request.get() is self.context
        self.application.notes.append("put")
        self.write(str(self.length))

    def on_connection_close(self) -> None:
        self.application.notes.append("closed")
        super().on_connection_close()


@stream_request_body
class AsyncUpload(Upload):
    async def prepare(self) -> None:
        await asyncio.sleep(0.01)
        super().prepare()

    async def data_received(self, chunk: bytes) -> None:
        assert current_request.get() is self.context
        await asyncio.sleep(0)
        super().data_received(chunk)

    async def put(self) -> None:
        await asyncio.sleep(0)
        super().put()


uploads = pytest.mark.parametrize("handler", [Upload, AsyncUpload])


def site_of(handler: type, *middlewares: Any) -> Any:
    application = make_application([("/", handler), ("/page", Page)], *middlewares)
    application.notes = []
    return application


@ways_out
@uploads
def test_streamed_body(way: str, handler: type) -> None:
    seen: list[Any] = []
    application = site_of(handler, recorder("it", seen), *ways(way))
    with serving(application) as site, site.connect() as client:
        assert client.fetch("PUT", "/", BODY).body == str(len(BODY)).encode()
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        assert client.fetch("PUT", "/", BODY).body == str(len(BODY)).encode()
        assert client.fetch("PUT", "/").body == b"0"
        assert client.get("/page").body == b"page"
        site.settle()
    assert application.notes[:4] == ["prepare", "on_prepare", "data", "put"]
    assert [phase for _, phase, path in seen if path == "/"][:5] == ["call", "request", "response", "endcall", "end"]


@ways_out
def test_streamed_body_of_a_plain_handler(way: str) -> None:
    """A class that is not ours streams as well."""

    @stream_request_body
    class Plain(RequestHandler):
        def initialize(self) -> None:
            self.length = 0

        def data_received(self, chunk: bytes) -> None:
            self.length += len(chunk)

        def put(self) -> None:
            self.write(str(self.length))

    with serving(site_of(Plain, *ways(way))) as site, site.connect() as client:
        assert client.fetch("PUT", "/", BODY).body == str(len(BODY)).encode()
        assert client.get("/page").body == b"page"


@ways_out
@both_ways
@pytest.mark.parametrize("where", ["request hook", "prepare", "on_prepare", "failing hook", "initialize", "method"])
@uploads
def test_answer_before_the_body(
    way: str, is_async: bool, where: str, handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler is not given a body that it has refused, and nobody waits for ever."""

    def refuse(handler: Any, *args: Any) -> Any:
        handler.set_status(403)
        handler.finish("refused")
        return True

    def fail(self: Any, *args: Any) -> None:
        raise HTTPError(403)

    async def refuse_later(self: Any) -> None:
        await asyncio.sleep(0)
        refuse(self)

    middlewares, methods = ways(way), {}
    if where == "request hook":
        middlewares.append(hook("request", refuse, is_async=is_async))
    elif where == "failing hook":
        middlewares.append(hook("request", fail, is_async=is_async))
    elif where == "initialize":
        methods = {"initialize": fail}
    elif where != "method":
        methods = {where: refuse_later if is_async else lambda self: refuse(self) and None}
    seen: list[Any] = []
    refusing = type("Refusing", (handler,), methods)
    application = site_of(refusing, recorder("it", seen), *middlewares)
    with serving(application) as site, site.connect() as client:
        client.request("BREW" if where == "method" else "PUT", "/", b"x" * 10_000)
        assert client.receive().status == (405 if where == "method" else 403)
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert not {"data", "put"} & set(application.notes)
    assert not any(each.exc_info for each in caplog.records)
    assert [phase for _, phase, _ in seen].count("endcall") == 1


@ways_out
@uploads
def test_answer_while_the_body_comes(way: str, handler: Any) -> None:
    """A handler may have seen enough."""

    class Impatient(handler):  # type: ignore[misc]
        def data_received(self, chunk: bytes) -> None:
            self.set_status(413)
            self.finish("enough")

    with serving(site_of(Impatient, *ways(way))) as site, site.connect() as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        response = client.receive()
        assert (response.status, response.body) == (413, b"enough")
    site.application.notes.clear()


@ways_out
@uploads
@pytest.mark.parametrize("error", [ValueError("boom"), HTTPError(418)])
@logs
def test_error_while_the_body_comes(way: str, handler: Any, error: Exception) -> None:
    """The client gets an answer or an end, and the request ends."""
    seen: list[Any] = []

    class Failing(handler):  # type: ignore[misc]
        def data_received(self, chunk: bytes) -> None:
            raise error

    with serving(site_of(Failing, recorder("it", seen), *ways(way))) as site:
        with site.connect() as client:
            client.request("PUT", "/", b"x" * 1000)
            with contextlib.suppress(ConnectionEnded, ConnectionResetError):
                assert client.receive().status in {500, 418}
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
        assert site.get("/page").body == b"page"
    assert [phase for _, phase, path in seen if path == "/"].count("endcall") == 1


@logs
@ways_out
@uploads
@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Length: 2000000\r\n\r\n" + b"x" * 1000,
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nnonsense\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n200000\r\n" + b"x" * 1_100_000,
    ],
    ids=["too long", "malformed chunk", "too long a chunk"],
)
def test_body_that_the_protocol_refuses(way: str, handler: type, raw: bytes) -> None:
    """The handler is there already; it is told that nothing more comes, and its request ends."""
    seen: list[Any] = []
    application = site_of(handler, recorder("it", seen), *ways(way))
    with serving(application, max_body_size=1_000_000) as site:
        with site.connect() as client:
            client.send(b"PUT / HTTP/1.1\r\nHost: x\r\n" + raw)
            with contextlib.suppress(ConnectionEnded, ConnectionResetError):
                assert client.receive().status == 400
            wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
        assert site.get("/page").body == b"page"
    assert [phase for _, phase, path in seen if path == "/"].count("endcall") == 1
    assert "put" not in application.notes


# Clients that go away


def quiet(caplog: pytest.LogCaptureFixture) -> bool:
    """Whether the log holds neither a traceback nor a warning."""
    records = [each for each in caplog.records if each.name != "tornado.access"]
    return not any(each.exc_info or each.levelno > logging.INFO for each in records)


@ways_out
@uploads
@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_gone_in_the_middle_of_its_body(
    way: str, handler: Any, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    seen: list[Any] = []
    application = site_of(handler, recorder("it", seen), *ways(way))
    with serving(application) as site:
        client = site.connect()
        client.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        wait_for(lambda: "data" in application.notes, "the first piece")
        getattr(client, how)()
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert application.notes == ["prepare", "on_prepare", "data", "closed"], "told once"
    assert [phase for _, phase, _ in seen if phase in {"endcall", "end"}] == ["endcall", "end"]
    assert quiet(caplog)


@both_ways
def test_client_gone_before_a_buffered_body_is_complete(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """There is no handler yet: what process_call has opened is closed."""
    seen: list[Any] = []
    with serving(site_of(Page, recorder("it", seen))) as site:
        with site.connect() as client:
            client.send(b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)
            wait_for(lambda: ("it", "call", "/page") in seen, "the call")
        wait_for(lambda: ("it", "end", "/page") in seen, "the end")
    assert quiet(caplog)


@ways_out
@pytest.mark.parametrize("how", ["close", "reset"])
def test_client_gone_before_the_answer(way: str, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """The handler goes on to its end; then endcall and closers run, once, and no traceback is written."""
    caplog.set_level(logging.INFO)
    seen: list[Any] = []
    notes: list[str] = []

    class Slow(Page):
        gate: asyncio.Event

        async def get(self) -> None:
            type(self).gate = asyncio.Event()
            notes.append("get")
            await self.gate.wait()
            self.write("too late")
            await self.finish()

        def on_connection_close(self) -> None:
            notes.append("closed")
            self.gate.set()

        def on_finish(self) -> None:
            notes.append("on_finish")

    with serving(site_of(Slow, recorder("it", seen), *ways(way))) as site:
        client = site.connect()
        client.request("GET", "/")
        wait_for(lambda: notes, "the handler")
        getattr(client, how)()
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert notes == ["get", "closed", "on_finish"]
    assert [phase for _, phase, _ in seen if phase in {"endcall", "end"}] == ["endcall", "end"]
    assert quiet(caplog)
    assert sum("Client disconnected" in each.getMessage() for each in caplog.records) == 1


@ways_out
def test_client_gone_in_the_middle_of_the_answer(way: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    seen: list[Any] = []

    class Endless(Page):
        async def get(self) -> None:
            while True:
                self.write(b"x" * 100_000)
                await self.flush()

    with serving(site_of(Endless, recorder("it", seen), *ways(way))) as site:
        with site.connect() as client:
            client.request("GET", "/")
            client.receive_head()
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert [phase for _, phase, _ in seen if phase in {"endcall", "end"}] == ["endcall", "end"]
    assert quiet(caplog)
    assert sum("Client disconnected" in each.getMessage() for each in caplog.records) == 1


@ways_out
def test_client_gone_while_a_handler_that_finishes_later_has_returned(way: str) -> None:
    """Nobody may ever call finish(): the request ends with its connection."""
    seen: list[Any] = []

    class Never(Page):
        def get(self) -> None:
            self._auto_finish = False

    with serving(site_of(Never, recorder("it", seen), *ways(way))) as site:
        with site.connect() as client:
            client.request("GET", "/")
            wait_for(lambda: ("it", "request", "/") in seen, "the request")
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert [phase for _, phase, _ in seen if phase in {"endcall", "end"}] == ["endcall", "end"]


@both_ways
@pytest.mark.parametrize("phase", ["request", "response", "endcall"])
def test_client_gone_while_a_hook_waits(phase: str, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The hook comes to its end, and so does the request."""
    caplog.set_level(logging.INFO)
    seen: list[Any] = []

    class Waiting:
        def __init__(self) -> None:
            self.gate = asyncio.Event()

    async def wait(self: Any, handler: Any, *args: Any) -> None:
        seen.append("waiting")
        await self.gate.wait()

    middleware = type("Waiting", (Waiting,), {f"process_{phase}": wait})
    application = site_of(Page, recorder("it", seen), middleware)
    gate = application.pipeline.middlewares[1].gate
    with serving(application) as site:
        with site.connect() as client:
            client.request("GET", "/page")
            wait_for(lambda: "waiting" in seen, "the hook")
        site.loop.call_soon_threadsafe(gate.set)
        wait_for(lambda: ("it", "end", "/page") in seen, "the end of the request")
        site.settle()
    assert [each[1] for each in seen if each[1] in {"endcall", "end"}] == ["endcall", "end"]
    assert quiet(caplog)
