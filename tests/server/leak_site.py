"""The site of the tests of leaks, run as a process on the loop that its argument names; it prints its port.

What it holds it tells at ``/held``: the objects that the garbage collector knows, and the blocks of Python's allocator.
Every small object has one of these, such as a string, that the collector does not know.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
from typing import Any

from support.server import make_application
from tornadopy.handler import WebHandler
from tornadopy.server import HTTPServer
from tornadopy.websocket import WebSocketHandler

kept: list[Any] = []


class Plain(WebHandler):
    def get(self) -> None:
        self.write("plain")


class Waiting(WebHandler):
    async def get(self) -> None:
        await asyncio.sleep(0)
        self.write(self.get_argument("word"))


class Form(WebHandler):
    def post(self) -> None:
        self.write(self.get_body_argument("word"))


class Failing(WebHandler):
    def get(self) -> None:
        raise ValueError("an error page")


class Leaking(WebHandler):
    """It keeps one small object, for the proof that this would be seen."""

    def get(self, what: str) -> None:
        kept.append([] if what == "list" else object())


class Talk(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Held(WebHandler):
    def get(self) -> None:
        gc.collect()
        self.write({"objects": len(gc.get_objects()), "blocks": sys.getallocatedblocks()})


ROUTES = [
    ("/plain", Plain),
    ("/waiting", Waiting),
    ("/form", Form),
    ("/failing", Failing),
    ("/leaking/(.*)", Leaking),
    ("/talk", Talk),
    ("/held", Held),
]


def new_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that the argument names."""
    return HTTPServer.new_event_loop() if sys.argv[1] == "uvloop" else asyncio.new_event_loop()


async def main() -> None:
    """Serve until the process is killed."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(logging.ERROR)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    HTTPServer(make_application(ROUTES)).add_socket(listening)
    print(listening.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
