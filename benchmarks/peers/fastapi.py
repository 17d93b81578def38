"""FastAPI on uvicorn."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Header, Request, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel
from starlette.middleware import Middleware

from peers import asgi, site
from peers.peer import Peer, uvicorn
from peers.site import TALLY, Site

TEMPLATES = Jinja2Templates(directory=site.TEMPLATES)


class Line(BaseModel):
    """A line of an order."""

    name: str
    price: int


class Order(BaseModel):
    """The body of ``POST /order``."""

    id: int
    note: str
    items: list[Line]


async def json() -> dict[str, Any]:
    return site.ANSWER


async def plain() -> str:
    return site.TEXT


async def headers(referer: str = Header()) -> str:
    return referer


async def query(page: int) -> str:
    return f"page {page}"


async def item(name: str) -> str:
    return f"item {name}"


async def order(order: Order) -> dict[str, Any]:
    return {"id": order.id, "count": len(order.items)}


async def upload(request: Request) -> str:
    return site.receipt(await request.body())


async def page(request: Request, number: str) -> Any:
    return TEMPLATES.TemplateResponse(request, "page.html", site.page(number))


async def tally() -> dict[str, Any]:
    return TALLY.report()


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message)


def build() -> FastAPI:
    """Return the application of the site of the environment."""
    served = Site.from_environment()
    app = FastAPI(middleware=[Middleware(each) for each in asgi.MIDDLEWARES] if served.middlewares else [])
    text = {"response_class": PlainTextResponse}
    if served.routes:
        for first, argument in served.fillers():
            app.get(f"/{first}/{{name}}" if argument else f"/{first}", **text)(item if argument else plain)
        app.get("/last/{name}", **text)(item)
        return app
    app.get("/json")(json)
    app.get("/text", **text)(plain)
    app.get("/headers", **text)(headers)
    app.get("/query", **text)(query)
    app.get("/item/{name}", **text)(item)
    app.post("/order")(order)
    app.post("/upload", **text)(upload)
    app.get("/page")(page)
    app.get("/tally")(tally)
    app.websocket("/socket")(socket)
    app.mount("/static", StaticFiles(directory=served.static))
    return app


PEERS = (
    Peer(
        name="fastapi",
        title="FastAPI",
        server="uvicorn[standard] (uvloop, httptools)",
        json="Pydantic",
        templates="Jinja2",
        distributions=("fastapi", "pydantic", "uvicorn"),
        command=uvicorn("peers.fastapi:build"),
        notes="Arguments and the order are declared by types, as its tutorial does; middlewares are plain ASGI.",
    ),
)
