"""Django as ASGI application on uvicorn, with asynchronous views and middlewares; it is this one's ``ROOT_URLCONF``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import async_only_middleware

from peers import django as synchronous
from peers.peer import Peer, uvicorn
from peers.site import TALLY, Site

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponse]]


def asynchronous(view: Callable[..., HttpResponse]) -> Callable[..., Awaitable[HttpResponse]]:
    """Return *view*, which waits for nothing, as a coroutine function: Django sends others through a thread."""

    async def run(request: HttpRequest, **arguments: str) -> HttpResponse:
        return view(request, **arguments)

    return run


@async_only_middleware
def header_middleware(get_response: GetResponse) -> GetResponse:
    """Look at a header of the request, and put one into each answer."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        request.wants_json = request.headers.get("Accept") == "application/json"
        response = await get_response(request)
        name, value = TALLY.header
        response[name] = value
        return response

    return middleware


@async_only_middleware
def count_middleware(get_response: GetResponse) -> GetResponse:
    """Count requests."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        TALLY.begun += 1
        response = await get_response(request)
        TALLY.ended += 1
        return response

    return middleware


@async_only_middleware
def time_middleware(get_response: GetResponse) -> GetResponse:
    """Time requests."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = await get_response(request)
        TALLY.add_time(began)
        return response

    return middleware


def build() -> ASGIHandler:
    """Return the application of the site of the environment."""
    global urlpatterns  # noqa: PLW0603 - where Django looks for them
    synchronous.configure("peers.django_asgi")
    views = {route: asynchronous(view) for route, view in synchronous.VIEWS.items()}
    urlpatterns = synchronous.routes(Site.from_environment(), views)
    return get_asgi_application()


urlpatterns: list[Any] = []

PEERS = (
    Peer(
        name="django-asgi",
        title="Django (ASGI)",
        server="uvicorn[standard] (uvloop, httptools)",
        json="standard library",
        templates="Django",
        distributions=("django", "uvicorn"),
        command=uvicorn("peers.django_asgi:build"),
        lacks={
            "static": synchronous.NO_STATIC,
            "idle-websocket": "Django has no WebSockets of its own: Channels is another project",
        },
        notes="Views and middlewares are coroutine functions; none of the middlewares of `startproject`.",
    ),
)
