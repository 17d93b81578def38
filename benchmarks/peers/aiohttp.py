"""aiohttp on its own server."""

# ruff: noqa: ARG001 - handlers and middlewares have the signatures that the framework calls

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp_jinja2
import uvloop
from aiohttp import WSMsgType, web
from jinja2 import FileSystemLoader

from peers import site
from peers.peer import ADDRESS, BACKLOG, KEEP_ALIVE, Peer, python
from peers.site import TALLY, Site

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

UPLOAD_LIMIT = 2 * 1024**2


async def json(request: web.Request) -> web.Response:
    return web.json_response(site.ANSWER)


async def plain(request: web.Request) -> web.Response:
    return web.Response(text=site.TEXT)


async def headers(request: web.Request) -> web.Response:
    return web.Response(text=request.headers["Referer"])


async def query(request: web.Request) -> web.Response:
    return web.Response(text=f"page {request.query['page']}")


async def item(request: web.Request) -> web.Response:
    return web.Response(text=f"item {request.match_info['name']}")


async def order(request: web.Request) -> web.Response:
    return web.json_response(site.order(await request.json()))


async def upload(request: web.Request) -> web.Response:
    return web.Response(text=site.receipt(await request.read()))


@aiohttp_jinja2.template("page.html")
async def page(request: web.Request) -> dict[str, object]:
    return site.page(request.query["number"])


async def tally(request: web.Request) -> web.Response:
    return web.json_response(TALLY.report())


async def socket(request: web.Request) -> web.WebSocketResponse:
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    async for message in websocket:
        if message.type is WSMsgType.TEXT:
            await websocket.send_str(message.data)
    return websocket


@web.middleware
async def header_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    request["wants_json"] = request.headers.get("Accept") == "application/json"
    response = await handler(request)
    name, value = TALLY.header
    response.headers[name] = value
    return response


@web.middleware
async def count_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    TALLY.begun += 1
    response = await handler(request)
    TALLY.ended += 1
    return response


@web.middleware
async def time_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    began = time.perf_counter()
    response = await handler(request)
    TALLY.add_time(began)
    return response


def routes(served: Site) -> list[web.AbstractRouteDef]:
    """Return the routes of *served*."""
    if served.routes:
        fillers = [
            web.get(f"/{first}/{{name}}" if argument else f"/{first}", plain) for first, argument in served.fillers()
        ]
        return [*fillers, web.get("/last/{name}", item)]
    return [
        web.get("/json", json),
        web.get("/text", plain),
        web.get("/headers", headers),
        web.get("/query", query),
        web.get("/item/{name}", item),
        web.post("/order", order),
        web.post("/upload", upload),
        web.get("/page", page),
        web.get("/tally", tally),
        web.get("/socket", socket),
        web.static("/static", served.static),
    ]


def build(served: Site) -> web.Application:
    """Return the application of *served*."""
    middlewares = (header_middleware, count_middleware, time_middleware) if served.middlewares else ()
    app = web.Application(client_max_size=UPLOAD_LIMIT, middlewares=middlewares)
    aiohttp_jinja2.setup(app, loader=FileSystemLoader(site.TEMPLATES))
    app.add_routes(routes(served))
    return app


def serve(port: int) -> None:
    """Serve the site of the environment until the process is ended."""
    served = Site.from_environment()
    logged = {}
    if served.access_log:
        logging.basicConfig(level=logging.INFO)
    else:
        logged["access_log"] = None
    web.run_app(
        build(served),
        host=ADDRESS,
        port=port,
        backlog=BACKLOG,
        keepalive_timeout=KEEP_ALIVE,
        loop=uvloop.new_event_loop(),
        print=None,
        **logged,
    )


PEERS = (
    Peer(
        name="aiohttp",
        title="aiohttp",
        server="its own, on uvloop",
        json="standard library",
        templates="Jinja2",
        distributions=("aiohttp", "aiohttp-jinja2", "uvloop"),
        command=lambda _, port: python("-m", "peers.aiohttp", str(port)),
        notes="`web.run_app` on uvloop, as its page on deployment has it under gunicorn; bodies of 2 MiB are allowed.",
    ),
)

if __name__ == "__main__":
    serve(int(sys.argv[1]))
