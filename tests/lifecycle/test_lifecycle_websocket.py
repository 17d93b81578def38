"""A WebSocket's handshake is a request like any other; what follows is the handler's own."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tornado.web import Finish, HTTPError
from tornado.websocket import WebSocketHandler as TornadoWebSocketHandler

from support.hooks import ExceptionRecorder, hook, recorder
from support.server import ConnectionEnded, make_application, serving, wait_for
from support.websocket import ACCEPT, CLOSE, TEXT, close_code, receive_frame, send_frame, shake_hands
from tornadopy.context import current_request
from tornadopy.handler import WebHandler
from tornadopy.websocket import WebSocketHandler

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
bases = pytest.mark.parametrize("base", [WebSocketHandler, TornadoWebSocketHandler], ids=["ours", "Tornado's"])


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


def echo(base: type, notes: list[str]) -> type:
    class Echo(base):  # type: ignore[misc,valid-type]
        def open(self, *args: str) -> None:
            notes.append("open")

        def on_message(self, message: str) -> None:
            context = current_request.get()
            assert context is not None
            assert context.handler is self
            notes.append("message")
            self.write_message(message)

        def on_close(self) -> None:
            notes.append("close")

        def on_finish(self) -> None:
            notes.append("finish")

    return Echo


@bases
@both_ways
def test_accepted(base: type, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """call, request, response; then the handshake, endcall; what was opened ends with the connection."""
    seen: list[Any] = []
    notes: list[str] = []

    def mark(handler: Any, clear: Any, chunk: list[Any]) -> None:
        assert "open" not in notes, "before the handshake"
        handler.set_header("X-Hooked", "yes")
        chunk.append(b"a handshake has no body")

    middlewares = [recorder("it", seen), hook("response", mark, is_async=is_async)]
    with serving(make_application([("/", echo(base, notes))], *middlewares)) as site:
        with site.connect() as client:
            answer = shake_hands(client, "/")
            assert (answer.status, answer.headers["Sec-WebSocket-Accept"]) == (101, ACCEPT)
            assert answer.headers["X-Hooked"] == "yes"
            for _ in range(2):
                send_frame(client, b"hello")
                assert receive_frame(client) == (TEXT, b"hello")
            assert [phase for _, phase, _ in seen] == ["call", "request", "response", "endcall"]
            send_frame(client, b"\x03\xe8", CLOSE)
            opcode, payload = receive_frame(client)
            assert (opcode, close_code(payload)) == (CLOSE, 1000)
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert [phase for _, phase, _ in seen] == ["call", "request", "response", "endcall", "end"]
    assert notes == ["finish", "open", "message", "message", "close"]
    assert not any(each.exc_info for each in caplog.records)


@bases
@both_ways
@pytest.mark.parametrize("how", ["close", "reset"])
def test_connection_broken_off(base: type, is_async: bool, how: str, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []
    notes: list[str] = []
    middlewares = [recorder("it", seen), hook("response", lambda *args: None, is_async=is_async)]
    with serving(make_application([("/", echo(base, notes))], *middlewares)) as site:
        client = site.connect()
        assert shake_hands(client, "/").status == 101
        wait_for(lambda: notes, "the opening")
        getattr(client, how)()
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert [phase for _, phase, _ in seen] == ["call", "request", "response", "endcall", "end"]
    assert notes.count("close") == 1
    assert not any(each.exc_info for each in caplog.records)


@bases
@both_ways
@pytest.mark.parametrize("phase", ["request", "response"])
@pytest.mark.parametrize("kind", ["HTTPError", "finish", "generic", "Finish"])
def test_refused_by_a_hook(base: type, is_async: bool, phase: str, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []
    notes: list[str] = []

    def refuse(handler: Any, clear: Any, *args: Any) -> Any:
        if handler.request.path != "/":
            return None
        if kind == "HTTPError":
            raise HTTPError(403)
        if kind == "generic":
            raise ValueError("boom")
        handler.set_status(403)
        if kind == "Finish":
            raise Finish("no")
        handler.finish("no")
        return True

    middlewares = [recorder("outer", seen), hook(phase, refuse, is_async=is_async), recorder("inner", seen)]
    routes = [("/", echo(base, notes)), ("/page", Page)]
    with serving(make_application(routes, *middlewares)) as site, site.connect() as client:
        answer = shake_hands(client, "/")
        assert answer.status == (500 if kind == "generic" else 403)
        assert "Upgrade" not in answer.headers
        if "inish" in kind:
            assert answer.body == b"no"
        assert client.get("/page").body == b"page"
        wait_for(lambda: ("outer", "end", "/") in seen, "the end")
        site.settle()
    for name in ("outer", "inner"):
        phases = [each for who, each, path in seen if (who, path) == (name, "/")]
        assert phases.count("endcall") == 1
        if kind == "finish" and phase == "response":  # its true value ends the phase for those behind it
            assert phases.count("response") == (name == "inner")
        elif kind != "Finish":  # in a response hook it says: as it is, without the others
            assert phases.count("response") == 1
    assert not {"open", "close"} & set(notes)
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR and each.name != "tornado.access"]
    assert len(errors) == (kind == "generic")


@bases
@both_ways
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": "nonsense"}, 400),
        ({"Connection": "close"}, 400),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Origin": "http://elsewhere.example"}, 403),
    ],
)
def test_refused_by_the_protocol(base: type, is_async: bool, headers: dict[str, str], status: int) -> None:
    """The answer meets the hooks once, like any other."""
    seen: list[Any] = []
    middlewares = [recorder("it", seen), hook("response", lambda *args: None, is_async=is_async)]
    with serving(make_application([("/", echo(base, []))], *middlewares)) as site, site.connect() as client:
        assert shake_hands(client, "/", **headers).status == status
        wait_for(lambda: ("it", "end", "/") in seen, "the end")
        site.settle()
    assert [phase for _, phase, _ in seen] == ["call", "request", "response", "endcall", "end"]


@bases
@pytest.mark.parametrize("where", ["initialize", "prepare", "open", "on_message", "on_close"])
@both_ways
def test_errors_in_the_handler(base: type, where: str, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """An error page before the handshake, a closed connection after it; the request ends."""
    seen: list[Any] = []

    def fail(self: Any, *args: Any) -> None:
        raise ValueError("boom")

    handler = type("Failing", (echo(base, []),), {where: fail})
    middlewares = [
        recorder("it", seen, ExceptionRecorder),
        hook("response", lambda *args: None, is_async=is_async),
    ]
    with serving(make_application([("/", handler)], *middlewares)) as site:
        with site.connect() as client:
            answer = shake_hands(client, "/")
            if where in {"initialize", "prepare"}:
                assert answer.status == 500
            else:
                assert answer.status == 101
                try:
                    send_frame(client, b"hello")
                    while receive_frame(client)[0] != CLOSE and where != "on_close":
                        pass
                except (ConnectionEnded, ConnectionError):
                    pass
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert [phase for _, phase, _ in seen].count("endcall") == 1


@both_ways
def test_a_streaming_answer_of_a_websocket_route_is_not_needed(is_async: bool) -> None:
    """A plain GET of a WebSocket's route is told what is wrong."""
    with serving(make_application([("/", echo(WebSocketHandler, []))])) as site:
        response = site.get("/")
    assert (response.status, response.body) == (400, b'Can "Upgrade" only to "WebSocket".')
