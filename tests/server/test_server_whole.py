"""Requests that come whole are served in one call; what holds for those that come in pieces holds for them, too."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
import tornado.web
from hypothesis import given, settings
from hypothesis import strategies as st
from tornado.httputil import HTTPServerRequest

from server.loops import CLOSE, TIMEOUT, ask, bodies, get, listening, loops, run
from server.test_server_http import client_tls, server_tls
from support.hooks import hook
from support.server import make_application
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.handler import WebHandler


class Echo(WebHandler):
    def post(self) -> None:
        self.write(self.request.body)

    get = post


@tornado.web.stream_request_body
class Counting(WebHandler):
    def prepare(self) -> None:
        limit = self.get_argument("limit", "")
        if limit:
            self.request.connection.set_max_body_size(int(limit))
        self.pieces: list[bytes] = []

    def data_received(self, chunk: bytes) -> None:
        self.pieces.append(chunk)

    def post(self) -> None:
        self.write(b"".join(self.pieces))


def post(path: str, body: bytes, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def send_pieces(port: int, pieces: list[bytes]) -> bytes:
    """Send *pieces*, each when the server has read what came before it; return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        for _ in range(5):
            await asyncio.sleep(0)  # the server runs in this loop
    received = await asyncio.wait_for(reader.read(), TIMEOUT)
    writer.close()
    return received


# Limits


@loops
@pytest.mark.parametrize("path", ["/echo", "/counting"])
@pytest.mark.parametrize("comes_with_head", [True, False])
def test_a_hook_may_lower_the_limit_of_the_body(
    loop: str, path: str, comes_with_head: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def lower(request: HTTPServerRequest, clear: Any) -> None:
        request.connection.set_max_body_size(5)  # type: ignore[union-attr]

    async def main() -> list[bytes]:
        application = make_application([("/echo", Echo), ("/counting", Counting)], hook("call", lower))
        async with listening(application) as (_, port):
            received = []
            for body in (b"12345", b"123456"):
                sent = post(path, body, CLOSE)
                cut = len(sent) if comes_with_head else len(sent) - len(body)
                received.append(await send_pieces(port, [sent[:cut], sent[cut:]] if cut < len(sent) else [sent]))
            return received

    accepted, refused = run(loop, main())
    assert bodies(accepted) == [b"12345"]
    assert refused == b"HTTP/1.1 400 Bad Request\r\n\r\n"


@loops
@pytest.mark.parametrize("comes_with_head", [True, False])
def test_a_handler_that_streams_may_lower_the_limit(
    loop: str, comes_with_head: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> bytes:
        async with listening(make_application([("/counting", Counting)])) as (_, port):
            sent = post("/counting?limit=5", b"123456", CLOSE)
            cut = len(sent) if comes_with_head else len(sent) - 6
            return await send_pieces(port, [sent[:cut], sent[cut:]] if cut < len(sent) else [sent])

    assert run(loop, main()) == b"HTTP/1.1 400 Bad Request\r\n\r\n"


@loops
@pytest.mark.parametrize("comes_with_head", [True, False])
def test_a_hook_may_raise_the_limit_of_the_body(loop: str, comes_with_head: bool) -> None:
    def allow(request: HTTPServerRequest, clear: Any) -> None:
        request.connection.set_max_body_size(10)  # type: ignore[union-attr]

    async def main() -> bytes:
        application = make_application([("/echo", Echo)], hook("call", allow))
        async with listening(application, max_body_size=5) as (_, port):
            sent = post("/echo", b"1234567890", CLOSE)
            return await send_pieces(port, [sent] if comes_with_head else [sent[:-10], sent[-10:]])

    assert bodies(run(loop, main())) == [b"1234567890"]


@loops
@pytest.mark.parametrize("comes_with_head", [True, False])
def test_the_limit_of_a_server_may_change(loop: str, comes_with_head: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[bytes]:
        async with listening(make_application([("/echo", Echo)])) as (server, port):
            received = []
            for limit in (5, 10):
                server.conn_params.max_body_size = limit
                sent = post("/echo", b"12345678", CLOSE)
                received.append(await send_pieces(port, [sent] if comes_with_head else [sent[:-8], sent[-8:]]))
            return received

    refused, accepted = run(loop, main())
    assert refused == b"HTTP/1.1 400 Bad Request\r\n\r\n"
    assert bodies(accepted) == [b"12345678"]


@loops
def test_a_server_may_hand_every_request_to_a_delegate(loop: str) -> None:
    async def main() -> bytes:
        async with listening(make_application([("/echo", Echo)])) as (server, port):
            server.serve = None
            return await send_pieces(port, [post("/echo", b"123") + post("/echo", b"45", CLOSE)])

    assert bodies(run(loop, main())) == [b"123", b"45"]


@loops
def test_a_hook_may_forbid_bodies(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    def forbid(request: HTTPServerRequest, clear: Any) -> None:
        request.connection.set_max_body_size(0)  # type: ignore[union-attr]

    async def main() -> tuple[bytes, bytes]:
        async with listening(make_application([("/echo", Echo)], hook("call", forbid))) as (_, port):
            return await ask(port, post("/echo", b"", CLOSE)), await ask(port, post("/echo", b"1", CLOSE))

    accepted, refused = run(loop, main())
    assert bodies(accepted) == [b""]
    assert refused == b"HTTP/1.1 400 Bad Request\r\n\r\n"


# Applications with a way of their own


@loops
@pytest.mark.parametrize("name", ["find_handler", "get_handler_delegate"])
def test_an_application_may_override_how_requests_are_routed(loop: str, name: str) -> None:
    seen: list[str] = []

    def overriding(self: Any, request: HTTPServerRequest, *args: Any, **kwargs: Any) -> Any:
        seen.append(str(request.path))
        return getattr(Application, name)(self, request, *args, **kwargs)

    async def main() -> bytes:
        application = type("Own", (Application,), {name: overriding})([("/.*", Echo)], conf=Settings())
        async with listening(application) as (_, port):
            return await ask(port, get("/a", CLOSE))

    assert bodies(run(loop, main())) == [b""]
    assert seen == ["/a"]


# The end


@loops
def test_an_error_in_on_connection_close_is_logged_as_tornado_does(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    events: dict[str, asyncio.Event] = {}

    class Leaving(WebHandler):
        async def get(self) -> None:
            events["reached"].set()
            await events["left"].wait()

        def on_connection_close(self) -> None:
            events["left"].set()
            raise RuntimeError("nobody catches this")

    async def main() -> None:
        events.update(reached=asyncio.Event(), left=asyncio.Event())
        application = make_application([("/", Leaving)])
        async with listening(application) as (server, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/"))
            async with asyncio.timeout(TIMEOUT):
                await events["reached"].wait()
                writer.close()
                await events["left"].wait()
                while application.active or server._open:
                    await asyncio.sleep(0.001)

    run(loop, main())
    assert [record.name for record in caplog.records if record.exc_info] == ["tornado.application"]


@loops
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_a_handler_may_take_the_connection_over_at_once(loop: str, is_secure: bool) -> None:
    class Detaching(WebHandler):
        def get(self) -> None:
            connection, stream = self.request.connection, self.detach()

            def speak() -> None:
                connection.close()  # of no effect any more, as with Tornado's
                stream.write(b"another protocol").add_done_callback(lambda _: stream.close())

            asyncio.get_running_loop().call_soon(speak)

    async def main() -> bytes:
        application = make_application([("/", Detaching)])
        options = {"ssl_options": server_tls()} if is_secure else {}
        secure = {"ssl": client_tls()} if is_secure else {}
        async with listening(application, **options) as (server, port):
            received = await ask(port, get("/"), **secure)
            assert not server._open
            return received

    assert run(loop, main()) == b"another protocol"


# Bodies


@loops
def test_a_short_body_arrives_whole_however_the_request_is_cut(loop: str) -> None:
    sent = post("/echo", b"0123456789") + post("/echo", b"abc", CLOSE)

    async def main() -> None:
        async with listening(make_application([("/echo", Echo)])) as (_, port):
            for cut in range(1, len(sent)):
                received = await send_pieces(port, [sent[:cut], sent[cut:]])
                assert bodies(received) == [b"0123456789", b"abc"], cut

    run(loop, main())


@loops
@pytest.mark.parametrize("path", ["/echo", "/counting"])
def test_two_connections_that_post_byte_by_byte_are_kept_apart(loop: str, path: str) -> None:
    """Connections share parsers; one after the other, never at once."""
    requests = [
        b"".join(post(path, letter * number, CLOSE if number == 4 else "") for number in (3, 7, 1, 4))
        for letter in (b"a", b"b")
    ]

    async def main() -> list[bytes]:
        application = make_application([("/echo", Echo), ("/counting", Counting)])
        async with listening(application) as (_, port):
            both = [await asyncio.open_connection("127.0.0.1", port) for _ in requests]
            for bytes_of_both in zip(*requests, strict=True):
                for (_, writer), byte in zip(both, bytes_of_both, strict=True):
                    writer.write(bytes([byte]))
                for _ in range(5):
                    await asyncio.sleep(0)
            received = [await asyncio.wait_for(reader.read(), TIMEOUT) for reader, _ in both]
            for _, writer in both:
                writer.close()
            return received

    for letter, received in zip((b"a", b"b"), run(loop, main()), strict=True):
        assert bodies(received) == [letter * number for number in (3, 7, 1, 4)]


LARGE = bytes(range(256)) * 4096  # 1 MiB


@settings(max_examples=15, deadline=None)
@given(
    path=st.sampled_from(["/echo", "/counting"]),
    cuts=st.lists(st.integers(0, len(LARGE)), max_size=8),
    is_chunked=st.booleans(),
)
def test_a_large_body_in_odd_pieces_arrives_whole(path: str, cuts: list[int], is_chunked: bool) -> None:
    places = [0, *sorted(cuts), len(LARGE)]
    pieces = [LARGE[start:end] for start, end in itertools.pairwise(places) if start < end]
    if is_chunked:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{CLOSE}\r\n".encode()
        pieces = [head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]
    else:
        pieces[0] = post(path, LARGE, CLOSE)[: -len(LARGE)] + pieces[0]

    async def main() -> bytes:
        application = make_application([("/echo", Echo), ("/counting", Counting)])
        async with listening(application) as (_, port):
            return await send_pieces(port, pieces)

    assert bodies(run("uvloop", main())) == [LARGE]
