"""Falcon's WSGI application on gunicorn."""

# ruff: noqa: ARG002 - handlers and middlewares have the signatures that the framework calls

from __future__ import annotations

import time
from typing import Any

import falcon
from jinja2 import Environment, FileSystemLoader

from peers import site
from peers.peer import MINUTES, NO_SOCKETS, Peer, gunicorn
from peers.site import TALLY, Site

TEMPLATES = Environment(loader=FileSystemLoader(site.TEMPLATES), autoescape=True)


class Json:
    def on_get(self, request: Any, response: Any) -> None:
        response.media = site.ANSWER


class Plain:
    def on_get(self, request: Any, response: Any, name: str = "") -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = site.TEXT


class Headers:
    def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = request.get_header("Referer")


class Query:
    def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = f"page {request.get_param('page')}"


class Item:
    def on_get(self, request: Any, response: Any, name: str) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = f"item {name}"


class Order:
    def on_post(self, request: Any, response: Any) -> None:
        response.media = site.order(request.get_media())


class Upload:
    def on_post(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = site.receipt(request.bounded_stream.read())


class Page:
    def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = TEMPLATES.get_template("page.html").render(site.page(request.get_param("number")))


class Tally:
    def on_get(self, request: Any, response: Any) -> None:
        response.media = TALLY.report()


class HeaderMiddleware:
    """Look at a header of the request, and put one into each answer."""

    def process_request(self, request: Any, response: Any) -> None:
        request.context.wants_json = request.get_header("Accept") == "application/json"

    def process_response(self, request: Any, response: Any, resource: Any, succeeded: bool) -> None:
        response.set_header(*TALLY.header)


class CountMiddleware:
    """Count requests."""

    def process_request(self, request: Any, response: Any) -> None:
        TALLY.begun += 1

    def process_response(self, request: Any, response: Any, resource: Any, succeeded: bool) -> None:
        TALLY.ended += 1


class TimeMiddleware:
    """Time requests."""

    def process_request(self, request: Any, response: Any) -> None:
        request.context.began = time.perf_counter()

    def process_response(self, request: Any, response: Any, resource: Any, succeeded: bool) -> None:
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
        ("/order", Order()), ("/upload", Upload()), ("/page", Page()), ("/tally", Tally()),
    ):  # fmt: skip
        app.add_route(path, resource)
    app.add_static_route("/static", served.static)


def build() -> falcon.App:
    """Return the application of the site of the environment."""
    served = Site.from_environment()
    middlewares = [HeaderMiddleware(), CountMiddleware(), TimeMiddleware()] if served.middlewares else []
    app = falcon.App(middleware=middlewares)
    add_routes(app, served)
    return app


PEERS = (
    Peer(
        name="falcon-wsgi",
        title="Falcon (WSGI)",
        server="gunicorn (gthread, 4 threads)",
        json="standard library",
        templates="Jinja2",
        distributions=("falcon", "gunicorn"),
        command=gunicorn("peers.falcon_wsgi:build()"),
        lacks={"routes-10000": MINUTES, "idle-websocket": NO_SOCKETS},
        notes="Threads, for gunicorn's sync worker closes each connection; Jinja2 by hand, Falcon has no engine.",
    ),
)
