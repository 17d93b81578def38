"""Falcon's ASGI application on uvicorn; `peers.falcon_wsgi` is the other one."""

# ruff: noqa: ARG002 - handlers and middlewares have the signatures that the framework calls

from __future__ import annotations

import time
from typing import Any

import falcon
import falcon.asgi
from jinja2 import Environment, FileSystemLoader

from peers import site
from peers.peer import MINUTES, Peer, uvicorn
from peers.site import TALLY, Site

TEMPLATES = Environment(loader=FileSystemLoader(site.TEMPLATES), autoescape=True)


class Json:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = site.ANSWER


class Plain:
    async def on_get(self, request: Any, response: Any, name: str = "") -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = site.TEXT


class Headers:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = request.get_header("Referer")


class Query:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = f"page {request.get_param('page')}"


class Item:
    async def on_get(self, request: Any, response: Any, name: str) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = f"item {name}"


class Order:
    async def on_post(self, request: Any, response: Any) -> None:
        response.media = site.order(await request.get_media())


class Upload:
    async def on_post(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = site.receipt(await request.stream.read())


class Page:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = TEMPLATES.get_template("page.html").render(site.page(request.get_param("number")))


class Tally:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = TALLY.report()


class Socket:
    async def on_websocket(self, request: Any, websocket: Any) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except falcon.WebSocketDisconnected:
            return


class HeaderMiddleware:
    """Look at a header of the request, and put one into each answer."""

    async def process_request(self, request: Any, response: Any) -> None:
        request.context.wants_json = request.get_header("Accept") == "application/json"

    async def process_response(self, request: Any, response: Any, resource: Any, succeeded: bool) -> None:
        response.set_header(*TALLY.header)


class CountMiddleware:
    """Count requests."""

    async def process_request(self, request: Any, response: Any) -> None:
        TALLY.begun += 1

    async def process_response(self, request: Any, response: Any, resource: Any, succeeded: bool) -> None:
        TALLY.ended += 1


class TimeMiddleware:
    """Time requests."""

    async def process_request(self, request: Any, response: Any) -> None:
        request.context.began = time.perf_counter()

    async def process_response(self, request: Any, response: Any, resource: Any, succeeded: bool) -> None:
        TALLY.add_time(request.context.began)


def add_routes(app: Any, served: Site) -> None:
    """Add the routes of *served*."""
    if served.routes:
        plain = Plain()
        for first, argument in served.fillers():
            app.add_route(f"/{first}/{{name}}" if argument else f"/{first}", plain)
        app.add_route("/last/{name}", Item())
        return
    for path, resource in (
        ("/json", Json()), ("/text", Plain()), ("/headers", Headers()), ("/query", Query()), ("/item/{name}", Item()),
        ("/order", Order()), ("/upload", Upload()), ("/page", Page()), ("/tally", Tally()), ("/socket", Socket()),
    ):  # fmt: skip
        app.add_route(path, resource)
    app.add_static_route("/static", served.static)


def build() -> falcon.asgi.App:
    """Return the application of the site of the environment."""
    served = Site.from_environment()
    middlewares = [HeaderMiddleware(), CountMiddleware(), TimeMiddleware()] if served.middlewares else []
    app = falcon.asgi.App(middleware=middlewares)
    add_routes(app, served)
    return app


PEERS = (
    Peer(
        name="falcon",
        title="Falcon (ASGI)",
        server="uvicorn[standard] (uvloop, httptools)",
        json="standard library",
        templates="Jinja2",
        distributions=("falcon", "uvicorn"),
        command=uvicorn("peers.falcon:build"),
        lacks={"routes-10000": MINUTES},
        notes="Falcon has no template engine; Jinja2 by hand.",
    ),
)
