"""The site of the tests of the graceful stop, run as a process: it prints its port, then what happens.

Arguments: the folder in which a file ``release`` lets waiting handlers go on, the SHUTDOWN_TIMEOUT, Tornado's options.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

from tornado.web import stream_request_body

from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.context import request_context
from tornadopy.handler import WebHandler
from tornadopy.webserver import run
from tornadopy.websocket import WebSocketHandler

FOLDER = Path(sys.argv.pop(1))
TIMEOUT = float(sys.argv.pop(1))
BIG = 30_000_000


def say(*words: Any) -> None:
    print(*words, flush=True)


async def released() -> None:
    while not (FOLDER / "release").exists():
        await asyncio.sleep(0.005)


class Saying:
    """A middleware that says when a request begins and when it is over."""

    def process_call(self, request: Any, clear: Any) -> None:
        request_context.context.on_end(self.close(request.path))
        say("call", request.path)
        if request.path.endswith("/bare"):
            clear()

    def process_request(self, handler: Any, clear: Any) -> None:
        say("request", handler.request.path)

    async def process_response(self, handler: Any, clear: Any, chunk: Any) -> None:
        await asyncio.sleep(0)

    async def process_endcall(self, handler: Any, clear: Any) -> None:
        await asyncio.sleep(0)
        say("endcall", handler.request.path)

    def close(self, path: str) -> Any:
        async def close() -> None:
            await asyncio.sleep(0.1)
            say("closed", path)

        return close


class Hanging:
    """A middleware whose hooks do not end on some paths."""

    async def process_response(self, handler: Any, clear: Any, chunk: Any) -> None:
        if handler.request.path == "/hang/response":
            say("response hangs")
            await asyncio.Event().wait()

    async def process_endcall(self, handler: Any, clear: Any) -> None:
        if handler.request.path == "/hang/endcall":
            say("endcall hangs")
            await asyncio.Event().wait()


class Index(WebHandler):
    def get(self) -> None:
        self.write("index")


class Slow(WebHandler):
    async def get(self) -> None:
        await released()
        self.write("done")


class Streaming(WebHandler):
    async def get(self) -> None:
        self.write("first,")
        await self.flush()
        say("flushed")
        await released()
        self.write("last")


class Big(WebHandler):
    """More than a socket holds, in one piece."""

    def get(self) -> None:
        self.write(b"x" * BIG)


class BigStream(WebHandler):
    """The same in pieces, for the last of which nobody waits."""

    async def get(self) -> None:
        self.write(b"x")
        await self.flush()
        self.write(b"x" * (BIG // 2))
        self.flush()
        self.write(b"x" * (BIG // 2 - 1))


class Form(WebHandler):
    def post(self) -> None:
        self.write(self.request.body)


class Never(WebHandler):
    async def get(self) -> None:
        await asyncio.Event().wait()


class Later(WebHandler):
    """Its method returns, and nobody ever finishes it."""

    def get(self) -> None:
        self._auto_finish = False


class Stubborn(WebHandler):
    """It does not want to be cancelled at first."""

    async def get(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("cancelled")
            raise


@stream_request_body
class Upload(WebHandler):
    def data_received(self, chunk: bytes) -> None:
        say("data")

    def put(self) -> None:
        self.write("whole")


class Echo(WebSocketHandler):
    def open(self) -> None:
        say("open")

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)

    def on_close(self) -> None:
        say("on_close", self.close_code)


async def shut_down(application: Application) -> None:
    await asyncio.sleep(0)
    say("on_shutdown")


def main() -> None:
    handlers = {
        "/": Index, "/slow": Slow, "/stream": Streaming, "/never": Never, "/later": Later, "/stubborn": Stubborn,
        "/upload": Upload, "/echo": Echo, "/big": Big, "/big/stream": BigStream, "/form": Form,
        "/big/bare": Big, "/big/stream/bare": BigStream,
        "/hang/response": Index, "/hang/endcall": Index,
    }  # fmt: skip
    conf = Settings(
        TORNADO_CONF={"cookie_secret": "q8ZrT1xWm4LsYv7NcK2hBd9JfGp3Ae6U"},
        MIDDLEWARE_CLASSES=[Hanging, Saying],
        SHUTDOWN_TIMEOUT=TIMEOUT,
    )
    application = Application(list(handlers.items()), conf=conf)
    application.on_startup.append(lambda _: say("port", listening.getsockname()[1]))
    application.on_shutdown.append(shut_down)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    run(application, sockets=[listening])


if __name__ == "__main__":
    main()
