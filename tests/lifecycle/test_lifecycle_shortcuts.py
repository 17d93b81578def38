"""What the short way of a plain request leaves out is missed by nobody: the close, the method, garbage, wrappers."""

from __future__ import annotations

import asyncio
import gc
import gzip
from collections.abc import Iterator
from typing import Any

import pytest
import tornado.testing
import tornado.web
from tornado.web import HTTPError, RequestHandler

from support.hooks import hook
from support.server import make_application, serving, wait_for
from support.servers import server_class
from tornadopy.context import current_request
from tornadopy.handler import WebHandler

# The client goes away


class Mixin:
    """Makes a class impure."""


class Later(WebHandler):
    """Says that it will finish later."""

    told: list[Any]

    def initialize(self, kind: str = "") -> None:
        self.kind = kind

    def get(self) -> None:
        self._auto_finish = False
        self.context.on_end(lambda: self.told.append("closed"))
        self.told.append("began")

    def on_connection_close(self) -> None:
        self.told.append(current_request.get() is self.context)

    def complete_finish(self) -> None:
        self.told.append("complete_finish")


class Impure(Later, Mixin):
    pass


class Waiting(Later):
    async def get(self) -> None:
        self.context.on_end(lambda: self.told.append("closed"))
        self.told.append("began")
        while not self._aborted:
            await asyncio.sleep(0)


@pytest.mark.parametrize("handler", [Later, Impure, Waiting])
@pytest.mark.parametrize("kwargs", [{}, {"kind": "with arguments of its route"}])
def test_every_handler_hears_that_the_client_is_gone(handler: type[Later], kwargs: dict[str, Any]) -> None:
    """Once, among the request's context variables; what it has opened is closed, and the server can stop."""
    Later.told = []
    with serving(make_application([("/", handler, kwargs)])) as site:
        with site.connect() as client:
            client.request("GET", "/")
            wait_for(lambda: "began" in Later.told, "the handler")
        wait_for(lambda: "closed" in Later.told, "the end of what it has opened")
        site.settle()
    assert Later.told == ["began", True, "complete_finish", "closed"]


class Plain(WebHandler):
    told: list[str]

    async def get(self) -> None:
        self.told.append("began")
        while len(self.told) < 2:
            await asyncio.sleep(0)

    def on_connection_close(self) -> None:
        self.told.append("closed")


def test_in_a_plain_application_of_tornados_it_hears_of_it_too() -> None:
    Plain.told = []

    async def main() -> None:
        server = server_class()(tornado.web.Application([("/", Plain)]))
        sock, port = tornado.testing.bind_unused_port()
        server.add_socket(sock)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        while not Plain.told:
            await asyncio.sleep(0.001)
        writer.close()
        while len(Plain.told) < 2:
            await asyncio.sleep(0.001)
        server.stop()
        await server.close_all_connections()

    asyncio.run(asyncio.wait_for(main(), 30))
    assert Plain.told == ["began", "closed"]


# The method


class Methods(WebHandler):
    def post(self) -> None:
        self.write("posted")

    def put(self) -> None:
        self.write("put")

    async def delete(self) -> None:
        self.write("deleted")


@pytest.mark.parametrize(("method", "body"), [("POST", b"posted"), ("put", b"put"), ("DELETE", b"deleted")])
def test_a_hook_may_change_the_method(method: str, body: bytes) -> None:
    """Plain or not, in whatever case: so do middlewares that let forms say what a browser cannot."""

    def override(handler: WebHandler, clear: Any) -> None:
        handler.request.method = method

    with serving(make_application([("/", Methods)], hook("request", override))) as site:
        assert site.fetch("POST", "/").body == body


class Narrow(WebHandler):
    def initialize(self) -> None:
        self.SUPPORTED_METHODS = ("GET",)  # type: ignore[misc]  # Tornado reads it from the object

    def post(self) -> None:
        self.write("posted")


def test_an_object_may_support_fewer_methods_than_its_class() -> None:
    with serving(make_application([("/", Narrow)])) as site:
        assert site.fetch("POST", "/").status == 405


# Garbage


def refuse(*_args: Any, **_kwargs: Any) -> None:
    raise HTTPError(403)


class Failing(WebHandler):
    def initialize(self) -> None:
        refuse()


@pytest.mark.parametrize("case", ["hook", "initialize"])
def test_a_request_that_fails_before_its_handler_leaves_no_garbage(case: str, caplog: pytest.LogCaptureFixture) -> None:
    handler, hooks = (WebHandler, [hook("call", refuse)]) if case == "hook" else (Failing, [])
    application = make_application([("/", handler)], *hooks)
    with serving(application) as site, site.connect() as client:
        client.get("/")
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                assert client.get("/").status == 403
            site.call(asyncio.sleep(0))
            left = [each for each in gc.get_objects() if isinstance(each, RequestHandler)]
        finally:
            gc.enable()
        assert len(left) < 5


# Wrappers


class Wrapper:
    """What Tornado asks of a connection, and no more."""

    def __init__(self, connection: Any) -> None:
        self.set_close_callback = connection.set_close_callback
        self.write_headers = connection.write_headers
        self.write = connection.write
        self.finish = connection.finish


class Wrapped(WebHandler):
    def initialize(self) -> None:
        self.request.connection = Wrapper(self.request.connection)  # type: ignore[assignment]

    def get(self) -> None:
        self.write("wrapped")


def test_a_connection_may_be_wrapped() -> None:
    with serving(make_application([("/", Wrapped)])) as site:
        response = site.get("/")
        assert (response.status, response.body, response.headers["Content-Length"]) == (200, b"wrapped", "7")


class Traced(WebHandler):
    traced: list[str]

    def post(self) -> None:
        self.set_header("X-A", "1")


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A library that puts functions into a class when the first handler of it is made."""
    made = RequestHandler.__init__
    Traced.traced = []

    def wrap(handler_class: type[Traced], name: str) -> None:
        original = getattr(handler_class, name)

        def wrapper(self: Traced, *args: Any, **kwargs: Any) -> Any:
            self.traced.append(name)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(handler_class, name, wrapper)

    def patched(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        if "flush" not in vars(Traced):
            for name in ("flush", "set_header", "_log"):
                wrap(Traced, name)

    monkeypatch.setattr(RequestHandler, "__init__", patched)
    yield Traced.traced
    monkeypatch.undo()


def test_functions_that_a_library_puts_into_the_class_are_called(tracing: list[str]) -> None:
    with serving(make_application([("/", Traced)])) as site:
        for _ in range(2):
            tracing.clear()
            assert site.fetch("POST", "/").headers["X-A"] == "1"
            assert {"flush", "set_header", "_log"} <= set(tracing)


# Headers that somebody changes on the way


class Form(WebHandler):
    def post(self) -> None:
        self.write({"a": self.get_body_arguments("a")})


def test_a_hook_may_say_that_a_compressed_body_is_a_form() -> None:
    """With every request of a connection; the server has changed the headers itself then."""

    def call_it_a_form(request: Any, clear: Any) -> None:
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"

    application = make_application([("/", Form)], hook("call", call_it_a_form))
    with serving(application, decompress_request=True) as site, site.connect() as client:
        for _ in range(3):
            response = client.fetch("POST", "/", gzip.compress(b"a=1"), Content_Encoding="gzip")
            assert response.body == b'{"a": ["1"]}'
