"""Litestar on uvicorn, which its own command starts."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Litestar, MediaType, Request, WebSocket, get, post, websocket
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.params import Parameter
from litestar.response import Template
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig

from peers import asgi, site
from peers.peer import MINUTES, Peer, uvicorn
from peers.site import TALLY, Site


class Line(msgspec.Struct):
    """A line of an order."""

    name: str
    price: int


class Order(msgspec.Struct):
    """The body of ``POST /order``."""

    id: int
    note: str
    items: list[Line]


@get("/json")
async def json() -> dict[str, Any]:
    return site.ANSWER


@get("/text", media_type=MediaType.TEXT)
async def plain() -> str:
    return site.TEXT


@get("/headers", media_type=MediaType.TEXT)
async def headers(referer: Annotated[str, Parameter(header="Referer")]) -> str:
    return referer


@get("/query", media_type=MediaType.TEXT)
async def query(page: int) -> str:
    return f"page {page}"


@get("/item/{name:str}", media_type=MediaType.TEXT)
async def item(name: str) -> str:
    return f"item {name}"


@post("/order", status_code=200)
async def order(data: Order) -> dict[str, Any]:
    return {"id": data.id, "count": len(data.items)}


@post("/upload", media_type=MediaType.TEXT, status_code=200)
async def upload(request: Request) -> str:
    return site.receipt(await request.body())


@get("/page")
async def page(number: str) -> Template:
    return Template("page.html", context=site.page(number))


@get("/tally")
async def tally() -> dict[str, Any]:
    return TALLY.report()


@websocket("/socket")
async def socket(socket: WebSocket) -> None:
    await socket.accept()
    async for message in socket.iter_data():
        await socket.send_text(message)


def filler(first: str, *, argument: bool) -> Any:
    """Return a route before the last one of a site of many."""
    if argument:

        async def named(name: str) -> str:
            return name

        return get(f"/{first}/{{name:str}}", media_type=MediaType.TEXT)(named)

    async def unnamed() -> str:
        return site.TEXT

    return get(f"/{first}", media_type=MediaType.TEXT)(unnamed)


def last() -> Any:
    """Return the last route of a site of many."""

    async def named(name: str) -> str:
        return f"item {name}"

    return get("/last/{name:str}", media_type=MediaType.TEXT)(named)


def routes(served: Site) -> list[Any]:
    """Return the routes of *served*."""
    if served.routes:
        return [*(filler(first, argument=argument) for first, argument in served.fillers()), last()]
    static = create_static_files_router(path="/static", directories=[served.static])
    return [json, plain, headers, query, item, order, upload, page, tally, socket, static]


def build() -> Litestar:
    """Return the application of the site of the environment."""
    served = Site.from_environment()
    return Litestar(
        route_handlers=routes(served),
        template_config=TemplateConfig(directory=site.TEMPLATES, engine=JinjaTemplateEngine),
        middleware=list(asgi.MIDDLEWARES) if served.middlewares else [],
        openapi_config=None,
    )


PEERS = (
    Peer(
        name="litestar",
        title="Litestar",
        server="uvicorn[standard] (uvloop, httptools)",
        json="msgspec",
        templates="Jinja2",
        distributions=("litestar", "msgspec", "uvicorn"),
        command=uvicorn("peers.litestar:build"),
        lacks={"routes-10000": MINUTES},
        notes="Arguments and the order are declared by types; no OpenAPI pages; middlewares are plain ASGI.",
    ),
)
