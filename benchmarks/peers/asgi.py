"""The three middlewares as plain ASGI, which is the cheapest form that Starlette, FastAPI and Litestar know."""

from __future__ import annotations

import time
from typing import Any

from peers.site import TALLY

HEADER = (TALLY.header[0].lower().encode(), TALLY.header[1].encode())


class HeaderMiddleware:
    """Look at a header of the request, and put one into each answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["wants_json"] = (b"accept", b"application/json") in scope["headers"]

        async def send_with_header(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], HEADER]
            await send(message)

        await self.app(scope, receive, send_with_header)


class CountMiddleware:
    """Count requests."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on."""
        TALLY.begun += 1
        await self.app(scope, receive, send)
        TALLY.ended += 1


class TimeMiddleware:
    """Time requests."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on."""
        began = time.perf_counter()
        await self.app(scope, receive, send)
        TALLY.add_time(began)


MIDDLEWARES = (HeaderMiddleware, CountMiddleware, TimeMiddleware)
