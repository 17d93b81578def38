"""Random streams of requests, cut at random points, on real sockets.

``SERVER_FUZZ_STREAMS`` sets how many streams there are of each kind, ``SERVER_FUZZ_SEED`` where the seeds begin.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import re
import socket
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import tornado.web

from server.fuzz_streams import Generator, cut, make_application, read_answers
from server.loops import TIMEOUT, loops, run
from server.malformed import MALFORMED, SMUGGLED, TOO_LARGE
from tornadopy.server import HTTPServer
from tornadopy.server.protocol import _BODY, _HEAD, ServerConnection

STREAMS = int(os.environ.get("SERVER_FUZZ_STREAMS", "300"))
FIRST_SEED = int(os.environ.get("SERVER_FUZZ_SEED", "1"))


class Server(HTTPServer):
    """A server that can be asked whether it has anything to do."""

    port = 0
    accepted = 0

    def opened(self, connection: ServerConnection) -> None:
        self.accepted += 1
        super().opened(connection)

    def waits(self) -> bool:
        """Whether every connection has taken in what has come, and waits for more."""
        return all(
            each._next in {_HEAD, _BODY} and not _queued(each.transport.get_extra_info("socket")) for each in self._open
        )


def _queued(sock: Any) -> int:
    """Return how many bytes are on their way through *sock*, in both directions."""
    numbers = (fcntl.ioctl(sock.fileno(), request, bytes(4)) for request in (termios.FIONREAD, termios.TIOCOUTQ))
    return sum(int.from_bytes(each, sys.byteorder) for each in numbers)


@asynccontextmanager
async def serving(application: tornado.web.Application) -> AsyncIterator[Server]:
    server = Server(application, max_body_size=1_000_000)
    listening = socket.create_server(("127.0.0.1", 0))
    server.add_socket(listening)
    try:
        server.port = listening.getsockname()[1]
        yield server
    finally:
        server.stop()
        await server.close_all_connections()


class Talk:
    """A connection whose pieces arrive one by one: the server, in the same loop, has a turn after each."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_closed = False

    async def say(self, server: Server, pieces: list[bytes], *, may_hang: bool = False) -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.setblocking(False)
            before = server.accepted
            await loop.sock_connect(sock, ("127.0.0.1", server.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reading = loop.create_task(self._read(sock))
            with suppress(ConnectionError):
                for piece in pieces:
                    await loop.sock_sendall(sock, piece)
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
            if may_hang:
                while server.accepted == before:
                    await asyncio.sleep(0)
                await self._wait_until_quiet(sock, server, reading)
            else:
                await asyncio.wait_for(reading, TIMEOUT)
        return normalized(bytes(self.received))

    async def _read(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while data := await loop.sock_recv(sock, 1_000_000):
                self.received += data
        self.is_closed = True

    async def _wait_until_quiet(self, sock: socket.socket, server: Server, reading: asyncio.Task[None]) -> None:
        deadline = asyncio.get_running_loop().time() + TIMEOUT
        while not reading.done() and (_queued(sock) or not server.waits()):
            assert asyncio.get_running_loop().time() < deadline, "the server neither waits nor closes"
            await asyncio.sleep(0)
        if not server._open:
            await asyncio.wait_for(reading, TIMEOUT)
        for _ in range(3):
            await asyncio.sleep(0)  # what has been read is noted in the reading task's next turn
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


def normalized(received: bytes) -> bytes:
    return re.sub(rb"Date: [^\r]*", b"Date: -", received)


@loops
def test_cuts_do_not_change_answers(loop: str) -> None:
    """Valid pipelined requests are answered as they should be, wherever the stream is cut."""

    async def main() -> None:
        application = make_application()
        async with serving(application) as server:
            for seed in range(FIRST_SEED, FIRST_SEED + STREAMS):
                stream = Generator(seed).stream()
                whole = await Talk().say(server, [stream.sent])
                assert read_answers(whole, stream.expected) == stream.tail, seed
                for again in range(2):
                    pieces = cut(random.Random(f"{seed} {again}"), stream.sent)
                    assert await Talk().say(server, pieces) == whole, (seed, again)
        assert application.settings["smuggled"] == []

    run(loop, main())


@loops
def test_malformed_requests_end_the_connection(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    """What follows a malformed request is never taken for another, wherever the stream is cut."""

    async def main() -> None:
        application = make_application()
        names = list(MALFORMED)
        async with serving(application) as server:
            for seed in range(FIRST_SEED, FIRST_SEED + STREAMS):
                rng = random.Random(seed)
                generator = Generator(seed)
                name = names[seed % len(names)]
                prefix = Generator(0).stream()
                prefix.sent, prefix.expected, prefix.tail = b"", [], b""
                for _ in range(rng.randrange(3)):
                    rng.choice([generator.get, generator.upload, generator.odd])(prefix)
                talk = Talk()
                pieces = cut(rng, prefix.sent + MALFORMED[name] + SMUGGLED * 2)
                received = await talk.say(server, pieces)
                assert talk.is_closed, (seed, name)
                rest = read_answers(received, prefix.expected)
                assert rest == b"HTTP/1.1 400 Bad Request\r\n\r\n", (seed, name, rest[:300])
        assert application.settings["smuggled"] == []

    run(loop, main())


@pytest.mark.parametrize("name", list(TOO_LARGE))
def test_what_is_too_large_is_refused(name: str) -> None:
    async def main() -> None:
        async with serving(make_application()) as server:
            talk = Talk()
            received = await talk.say(server, [TOO_LARGE[name], SMUGGLED])
            assert received == b"HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n"
            assert talk.is_closed

    run("asyncio", main())


def mutations(rng: random.Random) -> Callable[[bytes], bytes]:
    """Return a way to damage a stream."""

    def flip(sent: bytes) -> bytes:
        place = rng.randrange(len(sent))
        return sent[:place] + bytes([rng.randrange(256)]) + sent[place + 1 :]

    def leave_out(sent: bytes) -> bytes:
        place = rng.randrange(len(sent))
        return sent[:place] + sent[place + rng.randrange(1, 4) :]

    def put_in(sent: bytes) -> bytes:
        place = rng.randrange(len(sent))
        return sent[:place] + rng.choice([b"\r", b"\n", b"\r\n", b" ", b"\0", b":", b"0", b";"]) + sent[place:]

    return rng.choice([flip, leave_out, put_in])


@loops
def test_damaged_streams_are_understood_in_one_way(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever comes, where it is cut plays no part in what is made of it."""

    async def main() -> None:
        async with serving(make_application()) as server:
            for seed in range(FIRST_SEED, FIRST_SEED + STREAMS // 2):
                rng = random.Random(seed)
                stream = Generator(seed).stream()
                if stream.tail or len(stream.sent) > 20_000:
                    continue  # what WebSockets make of it is Tornado's affair
                damaged = mutations(rng)(stream.sent)
                whole = await Talk().say(server, [damaged], may_hang=True)
                assert await Talk().say(server, cut(rng, damaged), may_hang=True) == whole, seed

    run(loop, main())
