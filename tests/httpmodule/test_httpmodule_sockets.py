"""HTTP modules in an application, over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.testing import bind_unused_port
from tornado.web import RedirectHandler, RequestHandler

from support.servers import server_class
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.exceptions import ConfigError
from tornadopy.handler import WebHandler
from tornadopy.httpmodule import BaseHttpModule
from tornadopy.routing import Url, route

MIDDLEWARE = "tornadopy.httpmodule.httpmodule.HttpModuleMiddleware"
SECRET = "4rZ2x0hJ9kQm7VtPw1LdBn6YsUeGcA8f"


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


class Plain(RequestHandler):
    """Tornado's own kind of handler."""

    def get(self) -> None:
        self.write("plain")


def marking(name: str) -> type[BaseHttpModule]:
    """Return a module class that writes its name into the header X-Met, and into the log of the application."""

    def begin_request(self: object, handler: Any, clear: Any) -> None:
        handler.application.seen.append(f"{name} request")

    def begin_response(self: object, handler: Any, clear: Any, chunk: list[bytes]) -> None:
        handler.add_header("X-Met", name)

    def complete_response(self: object, handler: Any, clear: Any) -> None:
        handler.application.seen.append(f"{name} complete")

    hooks = {"begin_request": begin_request, "begin_response": begin_response, "complete_response": complete_response}
    return type(name, (BaseHttpModule,), {"__module__": __name__, "__qualname__": name, **hooks})


First, Second, Third = marking("First"), marking("Second"), marking("Third")


class Recorder:
    """A middleware that notes where it comes."""

    def process_request(self, handler: Any, clear: Any) -> None:
        handler.application.seen.append("middleware request")

    def process_endcall(self, handler: Any, clear: Any) -> None:
        handler.application.seen.append("middleware endcall")


def make(common: Any = (), routes: Any = None, *, middlewares: Any = (MIDDLEWARE, Recorder)) -> Any:
    u = Url()
    urls = route(
        u(name="page", pattern=r"/page", handler=Page),
        u(name="plain", pattern=r"/user/plain", handler=Plain),
        u(name="moved", pattern=r"/moved", handler=RedirectHandler, kwargs={"url": "/page"}),
    )
    conf = Settings(
        MIDDLEWARE_CLASSES=list(middlewares),
        COMMON_MODULES=list(common),
        ROUTE_MODULES=routes or {},
        TORNADO_CONF={"cookie_secret": SECRET},
    )
    application: Any = Application(urls, conf=conf)
    application.seen = []
    return application


def fetch(application: Any, path: str, **kwargs: Any) -> HTTPResponse:
    """Serve one request, and return its response once the request has ended on the server's side too."""

    async def main() -> HTTPResponse:
        sock, port = bind_unused_port()
        server = server_class()(application)
        server.add_sockets([sock])
        client = AsyncHTTPClient(force_instance=True)
        try:
            response = await client.fetch(
                f"http://127.0.0.1:{port}{path}", raise_error=False, follow_redirects=False, **kwargs
            )
        finally:
            client.close()
            server.stop()
            await server.close_all_connections()
        for _ in range(100):
            if "middleware endcall" in application.seen:
                break
            await asyncio.sleep(0.01)
        return response

    return asyncio.run(main())


def met(response: HTTPResponse) -> list[str]:
    headers: HTTPHeaders = response.headers
    return headers.get_list("X-Met")


def test_common_modules_then_route_modules_in_every_phase() -> None:
    application = make([First], {"page": [Third, Second]})
    response = fetch(application, "/page")
    assert (response.code, response.body) == (200, b"page")
    assert met(response) == ["First", "Third", "Second"]
    assert application.seen == [
        "First request",
        "Third request",
        "Second request",
        "middleware request",
        "middleware endcall",
        "First complete",
        "Third complete",
        "Second complete",
    ]


def test_names_and_expressions_choose_the_routes() -> None:
    routes = {"^/user/": [Second, f"!{__name__}.First"], "moved": ["!all"]}
    assert met(fetch(make([First], routes), "/page")) == ["First"]
    assert met(fetch(make([First], routes), "/user/plain")) == ["Second"]
    assert met(fetch(make([First], routes), "/moved")) == []


def test_requests_that_find_no_handler_meet_them_too() -> None:
    application = make([First], {"^/user/": [Second]})
    response = fetch(application, "/user/nobody")
    assert response.code == 404
    assert met(response) == ["First", "Second"]


def test_requests_refused_before_process_request_meet_the_response_phases() -> None:
    application = make([First])
    response = fetch(application, "/page", method="BREW", allow_nonstandard_methods=True)
    assert response.code == 405
    assert met(response) == ["First"]
    assert application.seen == ["middleware endcall", "First complete"]


def test_a_module_can_answer_in_the_handlers_place() -> None:
    class Door(BaseHttpModule):
        async def begin_request(self, handler: Any, clear: Any) -> bool:
            await asyncio.sleep(0)
            handler.set_status(403)
            handler.finish("closed")
            return True

    application = make([Door, First])
    response = fetch(application, "/page")
    assert (response.code, response.body) == (403, b"closed")
    assert application.seen == ["middleware endcall", "First complete"], "neither modules nor middlewares behind it ran"


def test_clear_drops_modules_and_middlewares() -> None:
    class Clearing(BaseHttpModule):
        def begin_request(self, handler: Any, clear: Any) -> None:
            clear()

    application = make([First, Clearing, Second])
    response = fetch(application, "/page")
    assert (response.body, met(response)) == (b"page", [])
    assert application.seen == ["First request"]


def test_modules_see_templates_and_bodies(tmp_path: Any) -> None:
    class Rendering(WebHandler):
        def get(self) -> None:
            self.render("hello.html", context="world")

    class Watch(BaseHttpModule):
        def begin_render(self, handler: Any, clear: Any, template_name: str, **kwargs: Any) -> None:
            handler.application.seen.append((template_name, kwargs["context"]))

        async def begin_response(self, handler: Any, clear: Any, chunk: list[bytes]) -> None:
            await asyncio.sleep(0)
            chunk.append(b"!")

    (tmp_path / "hello.html").write_text("hello {{ context }}")
    conf = Settings(
        MIDDLEWARE_CLASSES=[MIDDLEWARE],
        COMMON_MODULES=[Watch],
        TORNADO_CONF={"cookie_secret": SECRET, "template_path": str(tmp_path)},
    )
    application: Any = Application([("/", Rendering)], conf=conf)
    application.seen = ["middleware endcall"]
    response = fetch(application, "/")
    assert (response.code, response.body) == (200, b"hello world!")
    assert response.headers["Content-Length"] == "12"
    assert ("hello.html", "world") in application.seen


def test_a_wrong_setting_stops_the_start() -> None:
    with pytest.raises(ConfigError, match=r"^ROUTE_MODULES\['page'\]\[0\]: '!no\.such' names no module"):
        make([First], {"page": ["!no.such"]})
