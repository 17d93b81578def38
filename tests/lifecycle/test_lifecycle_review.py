"""The corners of a request's way: hooks with tasks of their own, a client that is gone, `finish` in a hook, lengths."""

from __future__ import annotations

import asyncio
import json
import logging
from contextvars import ContextVar
from typing import Any

import pytest
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.web import RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler as TornadoWebSocketHandler

from support.hooks import hook
from support.server import Client, Response, make_application, serving, wait_for
from support.websocket import shake_hands
from tornadopy import request_context, settings
from tornadopy.exceptions import HttpForbiddenError
from tornadopy.handler import WebHandler
from tornadopy.middleware.accesslog import AccessLogMiddleware
from tornadopy.server.proxies import TrustedProxies
from tornadopy.websocket import WebSocketHandler

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
GIVEN = "given-by-somebody-0001"


class Index(WebHandler):
    def get(self) -> None:
        self.write("hello")


class Streaming(WebHandler):
    async def get(self) -> None:
        for part in ("one,", "two,", "three"):
            self.write(part)
            await self.flush()


# Asynchronous response hooks and tasks


class Patient:
    """A middleware that gives its work a time limit, which is a task of its own up to Python 3.11."""

    async def save(self, handler: Any) -> None:
        await asyncio.sleep(0)
        handler.set_cookie("session", "saved")
        handler.set_header("X-Saved", "yes")
        handler.set_status(202)
        handler.write(", saved")

    async def process_response(self, handler: Any, clear: Any, chunk: Any) -> None:
        await asyncio.wait_for(self.save(handler), 5)


class Gathering(Patient):
    """The same with `asyncio.gather`, whose tasks are their own everywhere."""

    async def process_response(self, handler: Any, clear: Any, chunk: Any) -> None:
        await asyncio.gather(self.save(handler), asyncio.sleep(0))


@pytest.mark.parametrize("path", ["/", "/stream"])
@pytest.mark.parametrize("middleware", [Patient, Gathering])
def test_a_response_hook_may_work_in_tasks(middleware: type, path: str) -> None:
    """Status, headers, cookies and body that they set arrive as if the hook itself had set them."""
    application = make_application([("/", Index), ("/stream", Streaming)], middleware)
    with serving(application) as site:
        response = site.get(path)
    assert response.status == 202
    assert response.headers["X-Saved"] == "yes"
    assert response.headers["Set-Cookie"].startswith("session=saved;")
    assert response.body == {"/": b"hello, saved", "/stream": b"one,, savedtwo,three"}[path]


def test_tasks_of_the_handler_are_refused_while_those_of_hooks_run() -> None:
    """A sealed response is its hooks' alone: `write` raises elsewhere, and headers change nothing."""
    seen: list[str] = []

    class Busy(WebHandler):
        async def get(self) -> None:
            go_on = asyncio.Event()
            before = asyncio.create_task(self.meddle(go_on))
            await asyncio.sleep(0)
            self.finish("done")
            go_on.set()
            await before
            await asyncio.wait_for(self.meddle(go_on), 5)

        async def meddle(self, go_on: asyncio.Event) -> None:
            await go_on.wait()
            self.set_header("X-Late", "yes")
            try:
                self.write("late")
            except RuntimeError as error:
                seen.append(str(error))

    with serving(make_application([("/", Busy)], Patient)) as site:
        response = site.get("/")
    assert response.body == b"done, saved"
    assert "X-Late" not in response.headers
    assert seen == ["Cannot write() after finish()"] * 2


class Unawaited(WebHandler):
    def get(self) -> None:
        self.write("part")
        self.flush()


@both_ways
@pytest.mark.parametrize("path", ["/", "/stream", "/unawaited"])
def test_variables_set_in_a_response_hook_are_the_requests(path: str, is_async: bool) -> None:
    """Hooks and closers that come later see them, whether they are synchronous or not."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    ended: ContextVar[str] = ContextVar("ended", default="unset")
    seen: list[str] = []

    def set_variable(*_: Any) -> None:
        variable.set("set")

    def note(handler: Any, clear: Any) -> None:
        ended.set("ended")
        seen.append(variable.get())
        handler.context.on_end(lambda: seen.extend([variable.get(), ended.get()]))

    middlewares = (hook("endcall", note, is_async=is_async), hook("response", set_variable, is_async=True))
    handlers = [("/", Index), ("/stream", Streaming), ("/unawaited", Unawaited)]
    with serving(make_application(handlers, *middlewares)) as site:
        assert site.get(path).status == 200
        assert seen == ["set", "set", "ended"]
        assert variable.get() == "unset"


# A client that is gone


@pytest.mark.parametrize("kind", ["waiting", "later", "streamed"])
@both_ways
def test_the_end_of_an_aborted_request_belongs_to_the_request(kind: str, is_async: bool) -> None:
    """`on_connection_close`, endcall hooks, `complete_finish` and closers see its context and its settings."""
    seen: list[tuple[str, Any, int]] = []
    begun: list[str] = []

    def note(where: str) -> None:
        path = request_context.request.path if request_context else None
        seen.append((where, path, settings.THREADS_NUM))

    class Ending(WebHandler):
        async def prepare(self) -> None:
            begun.append("")
            self.gone = asyncio.Event()
            self.context.on_end(lambda: note("closer"))

        def on_connection_close(self) -> None:
            note("on_connection_close")
            self.gone.set()

        def complete_finish(self) -> Any:
            note("complete_finish")

    class Waiting(Ending):
        async def get(self) -> None:
            await self.gone.wait()

    class Later(Ending):
        def get(self) -> None:
            self._auto_finish = False

    @stream_request_body
    class Streamed(Ending):
        def data_received(self, chunk: bytes) -> None:
            """Let it come."""

        def get(self) -> None:
            raise AssertionError("the body has not come whole")

    handler = {"waiting": Waiting, "later": Later, "streamed": Streamed}[kind]
    middleware = hook("endcall", lambda *_: note("endcall"), is_async=is_async)
    with serving(make_application([("/", handler)], middleware, THREADS_NUM=77)) as site:
        with site.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (9 if kind == "streamed" else 0))
            wait_for(lambda: begun, "the request")
        site.settle()
    assert seen == [(where, "/", 77) for where in ("on_connection_close", "endcall", "complete_finish", "closer")]


@both_ways
@pytest.mark.parametrize("base", [WebHandler, RequestHandler])
def test_an_upload_ends_with_its_client_whatever_is_overridden(base: type, is_async: bool) -> None:
    """An `on_connection_close` without super() does not leave the handler waiting for the rest of the body."""
    seen: list[str] = []

    @stream_request_body
    class Upload(base):  # type: ignore[misc]  # a variable class
        def prepare(self) -> None:
            self.context.on_end(lambda: seen.append("closer"))

        def data_received(self, chunk: bytes) -> None:
            seen.append("data")

        def on_connection_close(self) -> None:
            seen.append("on_connection_close")

        def put(self) -> None:
            seen.append("put")

    middleware = hook("endcall", lambda *_: seen.append("endcall"), is_async=is_async)
    with serving(make_application([("/", Upload)], middleware)) as site:
        with site.connect() as client:
            client.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome")
            wait_for(lambda: seen, "the first piece")
        site.settle()
    assert seen == ["data", "on_connection_close", "endcall", "closer"]


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_an_answer_that_nobody_reads_ends_with_its_connection(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A request counts as running until its bytes are written, or cannot be written any more."""
    ended: list[str] = []

    class Big(WebHandler):
        async def get(self) -> None:
            self.context.on_end(lambda: ended.append("closer"))
            self.write(b"x" * 30_000_000)
            if self.request.path == "/stream":
                self.flush()

    with serving(make_application([("/", Big), ("/stream", Big)])) as site:
        with site.connect() as client:
            client.request("GET", path)
            assert client.receive_head().status == 200
            wait_for(lambda: ended, "the handler's end")
            assert site.application.active
            assert not site.application.is_idle
        site.settle()
    assert "Traceback" not in caplog.text


# finish() in a response hook


def finish_with_chunk(handler: Any, *_: Any) -> None:
    handler.finish(", by hook")


def finish_after_write(handler: Any, *_: Any) -> None:
    handler.write(", by hook")
    handler.finish()


@both_ways
@pytest.mark.parametrize("finish", [finish_with_chunk, finish_after_write])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"hello, by hook"),
        ("/stream", b"one,, by hook"),
        ("/later", b"later, by hook"),
        ("/denied", b", by hook"),
    ],
)
def test_finish_in_a_response_hook_ends_the_response_once(path: str, body: bytes, finish: Any, is_async: bool) -> None:
    """The answer goes out when the hooks are through, with what they append, and nothing is logged."""
    finished: list[str] = []

    class Counting(WebHandler):
        def on_finish(self) -> None:
            finished.append(self.request.path)

    class Plain(Counting, Index):
        """A body in one piece."""

    class FirstPiece(Counting):
        def get(self) -> Any:
            self.write("one,")
            return self.flush()

    class Later(Counting):
        def get(self) -> None:
            self._auto_finish = False
            asyncio.get_running_loop().call_soon(self.finish, "later")

    class Denied(Counting):
        exception_response = b""

        def get(self) -> None:
            raise HttpForbiddenError

    handlers = [("/", Plain), ("/stream", FirstPiece), ("/later", Later), ("/denied", Denied)]
    middleware = hook("response", finish, is_async=is_async)
    with serving(make_application(handlers, middleware)) as site, site.connect() as client:
        for _ in range(2):  # the connection goes on
            response = client.get(path)
            assert response.body == body
            assert response.status == (403 if path == "/denied" else 200)
        site.settle()
    assert finished == [path, path]


@both_ways
def test_finish_twice_in_a_hook_is_refused_once_the_response_is_sent(is_async: bool) -> None:
    """A handler that goes on after the hook has finished the response is told so, as after any `finish`."""
    told: list[str] = []

    class Stubborn(WebHandler):
        async def get(self) -> None:
            await self.finish("hello")
            with pytest.raises(RuntimeError, match="twice") as caught:
                self.finish()
            told.append(str(caught.value))

    with serving(make_application([("/", Stubborn)], hook("response", finish_with_chunk, is_async=is_async))) as site:
        assert site.get("/").body == b"hello, by hook"
    assert told == ["finish() called twice"]


# The length of what was sent


@pytest.mark.parametrize("form", ["line", "json"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
@pytest.mark.parametrize("path", ["/stream", "/whole"])
def test_the_access_log_has_the_length_after_compression(
    path: str, encoding: str, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    """LENGTH is that of the body on the wire."""

    class Text(WebHandler):
        async def get(self) -> None:
            self.set_header("Content-Type", "text/plain")
            for _ in range(3):
                self.write("x" * 5000)
                if self.request.path == "/stream":
                    await self.flush()

    application = make_application(
        [("/stream", Text), ("/whole", Text)],
        AccessLogMiddleware,
        tornado={"compress_response": True},
        ACCESS_LOG_FORMAT=form,
    )
    with caplog.at_level(logging.INFO, "tornadopy.accesslog"), serving(application) as site:
        response = site.get(path, Accept_Encoding=encoding)
    assert (len(response.body) < 1000) == (encoding == "gzip")
    lines = [record.getMessage() for record in caplog.records if record.name == "tornadopy.accesslog"]
    assert len(lines) == 1
    if form == "json":
        assert json.loads(lines[0])["length"] == len(response.body)
    else:
        assert f'" 200 {len(response.body)} "' in lines[0]


# Who gives a request its id


class ShowId(WebHandler):
    def get(self) -> None:
        self.write(self.request_id)


def ids_of(delegate: HTTPServerConnectionDelegate, application: Any) -> set[str]:
    """Return the ids that page and header show, asked with one of the client's."""
    with serving(delegate) as site:
        site.application = application
        response = site.get("/", X_Request_Id=GIVEN)
    return {response.body.decode(), response.headers["X-Request-Id"]}


@pytest.mark.parametrize("xheaders", [False, True])
def test_a_request_id_is_believed_behind_trusted_proxies_alone(xheaders: bool) -> None:
    """The setting XHEADERS is no proxy: without `TrustedProxies` in between the client's word counts for nothing."""

    def application() -> Any:
        return make_application([("/", ShowId)], XHEADERS=xheaders)

    bare, trusting, other = application(), application(), application()
    assert GIVEN not in ids_of(bare, bare)
    assert ids_of(TrustedProxies(trusting, []), trusting) == {GIVEN}
    assert GIVEN not in ids_of(TrustedProxies(other, ["192.0.2.1"]), other)


def test_listen_believes_no_request_id() -> None:
    """`Application.listen` puts no trusted proxies before the application."""
    application = make_application([("/", ShowId)], XHEADERS=True)
    with serving(application) as site:
        port = site.call(_listen(application))
        with Client(port) as client:
            response = client.get("/", X_Request_Id=GIVEN, X_Real_Ip="203.0.113.7")
        site.settle()
        site.call(_stop_listening(application))
    assert response.headers["X-Request-Id"] == response.body.decode() != GIVEN


async def _listen(application: Any) -> int:
    application.test_server = application.listen(0, "127.0.0.1")
    (listening,) = application.test_server._sockets.values()
    return int(listening.getsockname()[1])


async def _stop_listening(application: Any) -> None:
    application.test_server.stop()
    await application.test_server.close_all_connections()


# Error pages of handlers that are Tornado's


class PlainHandler(RequestHandler):
    def get(self) -> None:
        inside = "hunter2"
        raise ValueError(f"cannot use {inside}")


class PlainSocket(TornadoWebSocketHandler):
    def prepare(self) -> None:
        inside = "hunter2"
        raise ValueError(f"cannot use {inside}")


class OwnSocket(WebSocketHandler):
    def prepare(self) -> None:
        inside = "hunter2"
        raise ValueError(f"cannot use {inside}")


class OwnHandler(PlainHandler, WebHandler):
    """Ours, for comparison."""


failing_handlers = pytest.mark.parametrize("handler", [PlainHandler, PlainSocket, OwnSocket, OwnHandler])


def failure(handler: type, **conf: Any) -> Response:
    """Return the answer of *handler*, as plain text."""
    application = make_application([("/", handler)], tornado={"autoreload": False}, **conf)
    with serving(application) as site, site.connect() as client:
        if issubclass(handler, TornadoWebSocketHandler):
            response = shake_hands(client, "/", Accept="text/plain")
        else:
            response = client.get("/", Accept="text/plain")
        site.settle()
    assert response.status == 500
    return response


@failing_handlers
@pytest.mark.parametrize(
    ("internal", "sees"), [(["10.0.0.1"], False), (["127.0.0.1"], True), ([], True)], ids=["other", "client", "all"]
)
def test_internal_ips_hide_the_debug_page_of_any_handler(
    handler: type, internal: list[str], sees: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that is not internal sees no traceback, whichever class the handler inherits from."""
    page = failure(handler, DEBUG=True, INTERNAL_IPS=internal).body
    assert (b"Traceback" in page) is sees
    assert (b"cannot use" in page) is sees
    assert "ValueError" in caplog.text


@failing_handlers
def test_the_page_of_any_handler_shows_the_request_id(handler: type, caplog: pytest.LogCaptureFixture) -> None:
    """It is the one in the header and in the log."""
    response = failure(handler)
    request_id = response.headers["X-Request-Id"]
    assert response.body.decode() == f"500 Internal Server Error\nRequest id: {request_id}\n"
    assert f"[{request_id}]" in caplog.text
    assert "cannot use hunter2" in caplog.text
