"""tornadopy, started as its documentation starts a project: with its own server, and with Tornado's."""

# ruff: noqa: ARG002 - handlers and middlewares have the signatures that the framework calls

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import tornadopy.server
from peers import site
from peers.peer import Peer, python
from peers.site import TALLY, Site
from tornadopy.application import Application
from tornadopy.handler import WebHandler
from tornadopy.webserver import BACKLOG, Server
from tornadopy.websocket import WebSocketHandler

ENCODER = "tornadopy.fastjson.encode"
if os.environ.get("TORNADOPY_JSON_ENCODER") == ENCODER:
    from orjson import loads
else:
    from json import loads


class Text(WebHandler):
    """A base class of handlers that answer with plain text."""

    def set_default_headers(self) -> None:
        """Set the type."""
        self.set_header("Content-Type", "text/plain; charset=UTF-8")


class Json(WebHandler):
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


class Order(WebHandler):
    def post(self) -> None:
        self.write(site.order(loads(self.request.body)))


class Upload(Text):
    def post(self) -> None:
        self.write(site.receipt(self.request.body))


class Page(WebHandler):
    def get(self) -> None:
        self.render("page.tornado.html", **site.page(self.get_argument("number")))


class Tally(WebHandler):
    def get(self) -> None:
        self.write(TALLY.report())


class Socket(WebSocketHandler):
    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class HeaderMiddleware:
    """Look at a header of the request, and put one into each answer."""

    def process_request(self, handler: Any, clear: Callable[[], None]) -> None:
        """Look at a header of the request."""
        handler.wants_json = handler.request.headers.get("Accept") == "application/json"

    def process_response(self, handler: Any, clear: Callable[[], None], chunk: list[bytes]) -> None:
        """Set the header."""
        name, value = TALLY.header
        handler.set_header(name, value)


class CountMiddleware:
    """Count requests."""

    def process_request(self, handler: Any, clear: Callable[[], None]) -> None:
        """Count a request."""
        TALLY.begun += 1

    def process_endcall(self, handler: Any, clear: Callable[[], None]) -> None:
        """Count its end."""
        TALLY.ended += 1


class TimeMiddleware:
    """Time requests."""

    def process_request(self, handler: Any, clear: Callable[[], None]) -> None:
        """Note the time."""
        handler.began = time.perf_counter()

    def process_endcall(self, handler: Any, clear: Callable[[], None]) -> None:
        """Add it up."""
        TALLY.add_time(handler.began)


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
        ("/tally", Tally),
        ("/socket", Socket),
    ]


def serve() -> None:
    """Serve the site of the environment until the process is ended."""
    server = Server()
    server.parse_command()
    server.load_urls()
    server.load_application(Application(routes(Site.from_environment())))
    server.server_start(backlog=BACKLOG)


STOCK = "tornado.httpserver.HTTPServer"
OWN = "tornadopy.server.HTTPServer"


def command(served: Site, port: int) -> list[str]:
    """Return the command line of the server."""
    return python(
        "-m",
        "peers.tornadopy",
        f"--port={port}",
        f"--logging_dir={served.folder}",
        "--settings=peers.tornadopy_settings",
    )


def has_own_server() -> bool:
    """Return whether this version has a server of its own."""
    return hasattr(tornadopy.server, "HTTPServer")


def peer(name: str, title: str, http_server: str, *, encoder: str = "", **fields: Any) -> Peer:
    """Return a row of tornadopy on *http_server*, with the ``JSON_ENCODER`` *encoder*."""
    return Peer(
        name=name,
        title=title,
        json="orjson" if encoder else "standard library",
        templates="Tornado",
        command=command,
        environment={
            "TORNADOPY_HTTP_SERVER": http_server,
            **({"TORNADOPY_JSON_ENCODER": encoder} if encoder else {}),
        },
        **fields,
    )


PEERS = (
    peer(
        "tornadopy",
        "tornadopy",
        OWN,
        server=f"{OWN} (uvloop, httptools)",
        distributions=("tornadopy", "tornado", "uvloop", "httptools"),
        notes="As its documentation starts a project.",
        absent="" if has_own_server() else f"not measured: this version has no {OWN}",
    ),
    peer(
        "tornadopy-orjson",
        "tornadopy with orjson",
        OWN,
        encoder=ENCODER,
        server=f"{OWN} (uvloop, httptools)",
        distributions=("tornadopy", "orjson"),
        notes=f"`JSON_ENCODER = '{ENCODER}'`; its handlers decode with orjson, too.",
        absent="" if has_own_server() else f"not measured: this version has no {OWN}",
    ),
    peer(
        "tornadopy-tornado-server",
        "tornadopy on Tornado's server",
        STOCK,
        server=f"{STOCK} on asyncio",
        distributions=("tornadopy", "tornado"),
        notes=f"`HTTP_SERVER = '{STOCK}'`.",
    ),
)

if __name__ == "__main__":
    serve()
