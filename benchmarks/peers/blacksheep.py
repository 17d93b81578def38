"""BlackSheep on uvicorn and on Granian: its documentation names both."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from blacksheep import Application, Request, Response, WebSocket, WebSocketDisconnectError, json, text
from blacksheep.server.rendering.jinja2 import JinjaRenderer
from blacksheep.server.responses import view
from blacksheep.settings.html import html_settings
from jinja2 import FileSystemLoader

from peers import site
from peers.peer import Peer, granian, uvicorn
from peers.site import TALLY, Site

Handler = Callable[[Request], Awaitable[Response]]


async def get_json() -> Response:
    return json(site.ANSWER)


async def plain() -> Response:
    return text(site.TEXT)


async def headers(request: Request) -> Response:
    return text(request.get_first_header(b"referer").decode())


async def query(page: int) -> Response:
    return text(f"page {page}")


async def item(name: str) -> Response:
    return text(f"item {name}")


async def order(request: Request) -> Response:
    return json(site.order(await request.json()))


async def upload(request: Request) -> Response:
    return text(site.receipt(await request.read()))


async def page(number: str) -> Response:
    return view("page", site.page(number))


async def tally() -> Response:
    return json(TALLY.report())


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnectError:
        return


async def header_middleware(request: Request, handler: Handler) -> Response:
    request.wants_json = request.get_first_header(b"accept") == b"application/json"
    response = await handler(request)
    name, value = TALLY.header
    response.add_header(name.encode(), value.encode())
    return response


async def count_middleware(request: Request, handler: Handler) -> Response:
    TALLY.begun += 1
    response = await handler(request)
    TALLY.ended += 1
    return response


async def time_middleware(request: Request, handler: Handler) -> Response:
    began = time.perf_counter()
    response = await handler(request)
    TALLY.add_time(began)
    return response


def add_routes(app: Application, served: Site) -> None:
    """Add the routes of *served*."""
    router = app.router
    if served.routes:
        for first, argument in served.fillers():
            router.add_get(f"/{first}/{{name}}" if argument else f"/{first}", item if argument else plain)
        router.add_get("/last/{name}", item)
        return
    for path, handler in (
        ("/json", get_json), ("/text", plain), ("/headers", headers), ("/query", query), ("/item/{name}", item),
        ("/page", page), ("/tally", tally),
    ):  # fmt: skip
        router.add_get(path, handler)
    router.add_post("/order", order)
    router.add_post("/upload", upload)
    router.add_ws("/socket", socket)
    app.serve_files(served.static, root_path="static")


def build() -> Any:
    """Return the application of the site of the environment."""
    served = Site.from_environment()
    html_settings.use(JinjaRenderer(FileSystemLoader(site.TEMPLATES)))
    app = Application()
    add_routes(app, served)
    if served.middlewares:
        app.middlewares.extend((header_middleware, count_middleware, time_middleware))
    return app


def peer(name: str, title: str, **fields: Any) -> Peer:
    """Return a row of BlackSheep."""
    environment = {"APP_JINJA_EXTENSION": ".html"}
    return Peer(name=name, title=title, json="standard library", templates="Jinja2", environment=environment, **fields)


PEERS = (
    peer(
        "blacksheep",
        "BlackSheep",
        server="uvicorn[standard] (uvloop, httptools)",
        distributions=("blacksheep", "uvicorn"),
        command=uvicorn("peers.blacksheep:build"),
    ),
    peer(
        "blacksheep-granian",
        "BlackSheep on Granian",
        server="Granian (uvloop)",
        distributions=("blacksheep", "granian"),
        command=granian("peers.blacksheep:build"),
        notes="One worker; its process that watches the worker is counted too.",
    ),
)
