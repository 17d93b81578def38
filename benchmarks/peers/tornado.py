"""Stock Tornado on its own server, as its guide starts it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.log import enable_pretty_logging
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from peers import site
from peers.peer import ADDRESS, BACKLOG, Peer, python
from peers.site import Site


class Text(RequestHandler):
    """A base class of handlers that answer with plain text."""

    def set_default_headers(self) -> None:
        """Set the type."""
        self.set_header("Content-Type", "text/plain; charset=UTF-8")


class Json(RequestHandler):
    def get(self) -> None:
        self.write(site.ANSWER)


class Plain(Text):
    def get(self) -> None:
        self.write(site.TEXT)


class Headers(Text):
    def get(self) -> None:
        self.write(self.request.headers["Referer"])


class Query(Text):
    def get(self) -> None:
        self.write(f"page {self.get_argument('page')}")


class Item(Text):
    def get(self, name: str) -> None:
        self.write(f"item {name}")


class Order(RequestHandler):
    def post(self) -> None:
        self.write(site.order(json.loads(self.request.body)))


class Upload(Text):
    def post(self) -> None:
        self.write(site.receipt(self.request.body))


class Page(RequestHandler):
    def get(self) -> None:
        self.render("page.tornado.html", **site.page(self.get_argument("number")))


class Socket(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


def routes(served: Site) -> list[Any]:
    """Return the routes of *served*."""
    if served.routes:
        fillers = [(rf"/{first}/(\w+)" if argument else f"/{first}", Plain) for first, argument in served.fillers()]
        return [*fillers, (r"/last/(\w+)", Item)]
    return [
        ("/json", Json),
        ("/text", Plain),
        ("/headers", Headers),
        ("/query", Query),
        (r"/item/(\w+)", Item),
        ("/order", Order),
        ("/upload", Upload),
        ("/page", Page),
        ("/socket", Socket),
    ]


def no_log(handler: RequestHandler) -> None:
    """Log nothing."""


async def serve(port: int) -> None:
    """Serve the site of the environment until the process is ended."""
    served = Site.from_environment()
    settings: dict[str, Any] = {"template_path": str(site.TEMPLATES), "static_path": str(served.static)}
    if served.access_log:
        enable_pretty_logging()
    else:
        settings["log_function"] = no_log
    HTTPServer(Application(routes(served), **settings)).listen(port, ADDRESS, backlog=BACKLOG)
    await asyncio.Event().wait()


PEERS = (
    Peer(
        name="tornado",
        title="Tornado",
        server="tornado.httpserver on asyncio",
        json="standard library",
        templates="Tornado",
        distributions=("tornado",),
        command=lambda _, port: python("-m", "peers.tornado", str(port)),
        lacks={"middlewares": "Tornado has no middlewares"},
        notes="As its guide starts it; a backlog of 4096, the access log on standard error.",
    ),
)

if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
