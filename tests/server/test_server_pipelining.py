"""Requests in a row on one connection: one is served at a time, and answers keep the order of their requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import tornado.web

from server.loops import CLOSE, TIMEOUT, ask, bodies, get, listening, loops, run
from support.server import make_application
from tornadopy.handler import WebHandler
from tornadopy.server import clock

MANY = 200
LARGE = 8 << 20  # bytes; more than the system takes at once


class Plain(WebHandler):
    def get(self) -> None:
        self.write(self.request.uri)


class Waiting(WebHandler):
    async def get(self) -> None:
        await asyncio.sleep(0.01)
        self.write(self.request.uri)


class Large(WebHandler):
    served = 0

    def get(self) -> None:
        Large.served += 1
        self.write(b"x" * LARGE)


def application() -> Any:
    return make_application([("/plain.*", Plain), ("/waiting.*", Waiting), ("/large", Large)])


@pytest.fixture(autouse=True)
def nothing_served() -> None:
    Large.served = 0


def answers(loop: str, sent: bytes) -> list[bytes]:
    async def main() -> bytes:
        async with listening(application()) as (_, port):
            return await ask(port, sent)

    return bodies(run(loop, main()))


@loops
@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_empty_lines_before_a_request_are_ignored(loop: str, count: int) -> None:
    """RFC 9112 §2.2; however many come with it, and between two of them."""
    lines = b"\r\n" * count
    sent = lines + get("/plain/1") + lines + get("/plain/2", CLOSE)
    assert answers(loop, sent) == [b"/plain/1", b"/plain/2"]


@loops
def test_empty_lines_alone_are_no_request(loop: str) -> None:
    async def main() -> bytes:
        async with listening(application()) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"\r\n\r\n" + get("/plain/1"))
                await reader.readuntil(b"/plain/1")
                for empty in (b"\r\n\r\n", b"\r\n"):
                    writer.write(empty)
                    await asyncio.sleep(0)
                writer.write(get("/plain/2", CLOSE))
                return await asyncio.wait_for(reader.read(), TIMEOUT)
            finally:
                writer.close()

    assert bodies(run(loop, main())) == [b"/plain/2"]


@loops
@pytest.mark.parametrize("period", [1, 7, 16, 17, 18, 33, MANY + 1])
def test_answers_come_in_the_order_of_their_requests(loop: str, period: int) -> None:
    """Whether handlers wait or not, and however many requests come at once; every *period*-th waits."""
    paths = [f"/{'plain' if number % period else 'waiting'}/{number}" for number in range(1, MANY + 1)]
    sent = b"".join(map(get, paths[:-1])) + get(paths[-1], CLOSE)
    assert answers(loop, sent) == [path.encode() for path in paths]


@loops
def test_others_are_served_between_the_requests_of_one_connection(loop: str) -> None:
    order: list[str] = []

    class Noting(WebHandler):
        def get(self) -> None:
            order.append(self.request.path)
            self.write("noted")

    async def main() -> bytes:
        async with listening(make_application([("/.*", Noting)])) as (_, port):
            both = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            (reader, many), (other_reader, other) = both
            many.write(get("/many") * (MANY - 1) + get("/many", CLOSE))
            other.write(get("/other", CLOSE))
            received = await asyncio.wait_for(reader.read(), TIMEOUT)
            assert bodies(await asyncio.wait_for(other_reader.read(), TIMEOUT)) == [b"noted"]
            many.close()
            other.close()
            return received

    assert len(bodies(run(loop, main()))) == MANY
    assert order.index("/other") < MANY // 2, "the other connection had to wait for all requests of the first"


@loops
def test_what_follows_the_last_request_is_not_served(loop: str) -> None:
    """After ``Connection: close`` there is no request (RFC 9112 §9.6)."""
    assert answers(loop, get("/plain/1", CLOSE) + get("/plain/2")) == [b"/plain/1"]


@loops
def test_a_request_waits_until_the_answer_before_it_has_been_taken(loop: str) -> None:
    """A client that asks for much and reads nothing does not fill the memory."""

    async def main() -> None:
        async with listening(application()) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/large") * 10)
            async with asyncio.timeout(TIMEOUT):
                await reader.readuntil(b"\r\n\r\n")
            for _ in range(10):
                assert bodies(await ask(port, get("/plain/1", CLOSE))) == [b"/plain/1"]
            assert Large.served == 1
            writer.write(get("/large"))
            assert bodies(await ask(port, get("/plain/2", CLOSE))) == [b"/plain/2"]
            assert Large.served == 1
            writer.close()

    run(loop, main())


@loops
def test_a_waiting_request_outlives_the_answer_before_it(loop: str) -> None:
    """What ends when an answer has been taken is that answer's request, not the next."""
    paths = ["/waiting/1", "/plain/2", "/waiting/3", "/plain/4"]

    async def main() -> bytes:
        async with listening(application()) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/large") + b"".join(map(get, paths[:-1])) + get(paths[-1], CLOSE))
            received = await asyncio.wait_for(reader.read(), TIMEOUT)
            writer.close()
            return received

    first, *others = bodies(run(loop, main()))
    assert len(first) == LARGE
    assert others == [path.encode() for path in paths]


@loops
def test_a_slow_reader_of_a_large_answer_is_not_idle(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of idle connections does not run while an answer is on its way."""
    monkeypatch.setattr(clock, "IDLE_SECONDS", 0.05)

    async def main() -> bytes:
        async with listening(application()) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/large", CLOSE))
            async with asyncio.timeout(TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(0.05 * 4)  # what would end an idle connection
                received = head + await reader.read()
            writer.close()
            return received

    (body,) = bodies(run(loop, main()))
    assert len(body) == LARGE


@loops
@pytest.mark.parametrize("base", [tornado.web.RequestHandler, WebHandler], ids=["tornados", "own"])
def test_a_client_that_leaves_is_told_to_the_request_that_waits(loop: str, base: type[Any]) -> None:
    """Behind other requests in the same segment, too."""
    gone: list[str] = []

    class Leaving(base):  # type: ignore[misc]
        async def get(self) -> None:
            if self.request.path == "/wait":
                reached.set()
                await left.wait()
            self.write("x")

        def on_connection_close(self) -> None:
            gone.append(self.request.path)
            left.set()

    async def main() -> None:
        nonlocal reached, left
        reached, left = asyncio.Event(), asyncio.Event()
        async with listening(make_application([("/.*", Leaving)])) as (_, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/before") * 20 + get("/wait") + get("/after"))
            async with asyncio.timeout(TIMEOUT):
                await reached.wait()
                writer.close()
                await left.wait()

    reached = left = asyncio.Event()
    run(loop, main())
    assert gone == ["/wait"]
