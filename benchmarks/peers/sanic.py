"""Sanic on its own server."""

# ruff: noqa: ARG001 - handlers and middlewares have the signatures that the framework calls

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from jinja2 import Environment, FileSystemLoader
from sanic import HTTPResponse, Request, Sanic, Websocket
from sanic.response import html, text
from sanic.response import json as to_json

from peers import site
from peers.peer import ADDRESS, BACKLOG, KEEP_ALIVE, Peer, python
from peers.site import TALLY, Site

TEMPLATES = Environment(loader=FileSystemLoader(site.TEMPLATES), autoescape=True)


async def json(request: Request) -> HTTPResponse:
    return to_json(site.ANSWER)


async def plain(request: Request) -> HTTPResponse:
    return text(site.TEXT)


async def headers(request: Request) -> HTTPResponse:
    return text(request.headers["referer"])


async def query(request: Request) -> HTTPResponse:
    return text(f"page {request.args.get('page')}")


async def item(request: Request, name: str) -> HTTPResponse:
    return text(f"item {name}")


async def order(request: Request) -> HTTPResponse:
    return to_json(site.order(request.json))


async def upload(request: Request) -> HTTPResponse:
    return text(site.receipt(request.body))


async def page(request: Request) -> HTTPResponse:
    return html(TEMPLATES.get_template("page.html").render(site.page(request.args.get("number"))))


async def tally(request: Request) -> HTTPResponse:
    return to_json(TALLY.report())


async def socket(request: Request, ws: Websocket) -> None:
    async for message in ws:
        await ws.send(message)


def look(request: Request) -> None:
    request.ctx.wants_json = request.headers.get("accept") == "application/json"


def set_header(request: Request, response: HTTPResponse) -> None:
    name, value = TALLY.header
    response.headers[name] = value


def count_begin(request: Request) -> None:
    TALLY.begun += 1


def count_end(request: Request, response: HTTPResponse) -> None:
    TALLY.ended += 1


def time_begin(request: Request) -> None:
    request.ctx.began = time.perf_counter()


def time_end(request: Request, response: HTTPResponse) -> None:
    TALLY.add_time(request.ctx.began)


def add_routes(app: Sanic, served: Site) -> None:
    """Add the routes of *served*."""
    if served.routes:
        for number, (first, argument) in enumerate(served.fillers()):
            handler: Callable[..., object] = item if argument else plain
            app.add_route(handler, f"/{first}/<name>" if argument else f"/{first}", name=f"filler{number}")
        app.add_route(item, "/last/<name>")
        return
    for path, handler in (
        ("/json", json), ("/text", plain), ("/headers", headers), ("/query", query), ("/item/<name>", item),
        ("/page", page), ("/tally", tally),
    ):  # fmt: skip
        app.add_route(handler, path)
    app.add_route(order, "/order", methods=["POST"])
    app.add_route(upload, "/upload", methods=["POST"])
    app.add_websocket_route(socket, "/socket")
    app.static("/static", served.static, name="static")


def build() -> Sanic:
    """Return the application of the site of the environment."""
    served = Site.from_environment()
    app = Sanic("bench")
    app.config.KEEP_ALIVE_TIMEOUT = KEEP_ALIVE
    add_routes(app, served)
    if served.middlewares:
        for on_request, on_response in ((look, set_header), (count_begin, count_end), (time_begin, time_end)):
            app.register_middleware(on_request, "request")
            app.register_middleware(on_response, "response")
    return app


PEERS = (
    Peer(
        name="sanic",
        title="Sanic",
        server="its own (uvloop, httptools)",
        json="ujson",
        templates="Jinja2",
        distributions=("sanic", "ujson"),
        command=lambda _, port: python("-m", "peers.sanic", str(port)),
        notes="Jinja2 by hand: Sanic Extensions, which bring it, would cost something at every request.",
    ),
)

if __name__ == "__main__":
    build().run(
        ADDRESS,
        int(sys.argv[1]),
        single_process=True,
        motd=False,
        backlog=BACKLOG,
        access_log=Site.from_environment().access_log,
    )
