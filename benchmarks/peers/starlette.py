"""Starlette on uvicorn."""

# ruff: noqa: ARG001 - handlers and middlewares have the signatures that the framework calls

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.websockets import WebSocket

from peers import asgi, site
from peers.peer import Peer, uvicorn
from peers.site import TALLY, Site

TEMPLATES = Jinja2Templates(directory=site.TEMPLATES)


async def json(request: Request) -> Response:
    return JSONResponse(site.ANSWER)


async def plain(request: Request) -> Response:
    return PlainTextResponse(site.TEXT)


async def headers(request: Request) -> Response:
    return PlainTextResponse(request.headers["referer"])


async def query(request: Request) -> Response:
    return PlainTextResponse(f"page {request.query_params['page']}")


async def item(request: Request) -> Response:
    return PlainTextResponse(f"item {request.path_params['name']}")


async def order(request: Request) -> Response:
    return JSONResponse(site.order(await request.json()))


async def upload(request: Request) -> Response:
    return PlainTextResponse(site.receipt(await request.body()))


async def page(request: Request) -> Response:
    return TEMPLATES.TemplateResponse(request, "page.html", site.page(request.query_params["number"]))


async def tally(request: Request) -> Response:
    return JSONResponse(TALLY.report())


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message)


def routes(served: Site) -> list[BaseRoute]:
    """Return the routes of *served*."""
    if served.routes:
        fillers = [
            Route(f"/{first}/{{name}}" if argument else f"/{first}", plain) for first, argument in served.fillers()
        ]
        return [*fillers, Route("/last/{name}", item)]
    return [
        Route("/json", json),
        Route("/text", plain),
        Route("/headers", headers),
        Route("/query", query),
        Route("/item/{name}", item),
        Route("/order", order, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/page", page),
        Route("/tally", tally),
        WebSocketRoute("/socket", socket),
        Mount("/static", StaticFiles(directory=served.static)),
    ]


def build() -> Starlette:
    """Return the application of the site of the environment."""
    served = Site.from_environment()
    return Starlette(
        routes=routes(served),
        middleware=[Middleware(each) for each in asgi.MIDDLEWARES] if served.middlewares else [],
    )


PEERS = (
    Peer(
        name="starlette",
        title="Starlette",
        server="uvicorn[standard] (uvloop, httptools)",
        json="standard library",
        templates="Jinja2",
        distributions=("starlette", "uvicorn"),
        command=uvicorn("peers.starlette:build"),
        notes="Middlewares are plain ASGI, its cheapest form.",
    ),
)
