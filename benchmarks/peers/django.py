"""Django as WSGI application on gunicorn, which its documentation names first; `peers.django_asgi` is the other one.

This module is the settings' ``ROOT_URLCONF``, too.
"""

# ruff: noqa: ARG001 - handlers and middlewares have the signatures that the framework calls

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path

from peers import site
from peers.peer import NO_SOCKETS, Peer, gunicorn
from peers.site import TALLY, Site

GetResponse = Callable[[HttpRequest], HttpResponse]

NO_STATIC = "Django leaves static files to another server, and says so in its documentation"


def text(content: str) -> HttpResponse:
    """Return an answer of plain text."""
    return HttpResponse(content, content_type="text/plain; charset=utf-8")


def get_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse(site.ANSWER)


def plain(request: HttpRequest, name: str = "") -> HttpResponse:
    return text(site.TEXT)


def headers(request: HttpRequest) -> HttpResponse:
    return text(request.headers["Referer"])


def query(request: HttpRequest) -> HttpResponse:
    return text(f"page {request.GET['page']}")


def item(request: HttpRequest, name: str) -> HttpResponse:
    return text(f"item {name}")


def order(request: HttpRequest) -> HttpResponse:
    return JsonResponse(site.order(json.loads(request.body)))


def upload(request: HttpRequest) -> HttpResponse:
    return text(site.receipt(request.body))


def page(request: HttpRequest) -> HttpResponse:
    return render(request, "page.html", site.page(request.GET["number"]))


def tally(request: HttpRequest) -> HttpResponse:
    return JsonResponse(TALLY.report())


def header_middleware(get_response: GetResponse) -> GetResponse:
    """Look at a header of the request, and put one into each answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.wants_json = request.headers.get("Accept") == "application/json"
        response = get_response(request)
        name, value = TALLY.header
        response[name] = value
        return response

    return middleware


def count_middleware(get_response: GetResponse) -> GetResponse:
    """Count requests."""

    def middleware(request: HttpRequest) -> HttpResponse:
        TALLY.begun += 1
        response = get_response(request)
        TALLY.ended += 1
        return response

    return middleware


def time_middleware(get_response: GetResponse) -> GetResponse:
    """Time requests."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = get_response(request)
        TALLY.add_time(began)
        return response

    return middleware


VIEWS = {
    "json": get_json, "text": plain, "headers": headers, "query": query, "item/<str:name>": item, "order": order,
    "upload": upload, "page": page, "tally": tally,
}  # fmt: skip


def routes(served: Site, views: dict[str, Any]) -> list[Any]:
    """Return the routes of *served*, answered by *views*."""
    if not served.routes:
        return [path(route, view) for route, view in views.items()]
    fillers = [
        path(f"{first}/<str:name>" if argument else first, views["text"]) for first, argument in served.fillers()
    ]
    return [*fillers, path("last/<str:name>", views["item/<str:name>"])]


def configure(module: str) -> None:
    """Set Django up for the site of the environment.

    Args:
        module: Whose ``urlpatterns`` and middlewares are taken.
    """
    served = Site.from_environment()
    middlewares = [f"{module}.{name}_middleware" for name in ("header", "count", "time")] if served.middlewares else []
    settings.configure(
        DEBUG=False,
        SECRET_KEY="not a secret: nothing is signed here",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=module,
        MIDDLEWARE=middlewares,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [site.TEMPLATES]}],
        USE_I18N=False,
    )
    django.setup()


def build() -> WSGIHandler:
    """Return the application of the site of the environment."""
    global urlpatterns  # noqa: PLW0603 - where Django looks for them
    configure("peers.django")
    urlpatterns = routes(Site.from_environment(), VIEWS)
    return get_wsgi_application()


urlpatterns: list[Any] = []

PEERS = (
    Peer(
        name="django",
        title="Django (WSGI)",
        server="gunicorn (gthread, 4 threads)",
        json="standard library",
        templates="Django",
        distributions=("django", "gunicorn"),
        command=gunicorn("peers.django:build()"),
        lacks={"static": NO_STATIC, "idle-websocket": NO_SOCKETS},
        notes="None of the middlewares that `startproject` turns on, and no translations: both would cost it more.",
    ),
)
