"""How handler classes may be put together, and what reaches them from their route."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.web import RedirectHandler, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketHandler as TornadoWebSocketHandler

from support.hooks import hook, recorder
from support.server import make_application, serving
from tornadopy.handler import ApiHandler, ErrorHandler, WebHandler
from tornadopy.mixins.flash_message import FlashMessageMixIn
from tornadopy.routing import Url, include, route
from tornadopy.websocket import WebSocketHandler

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def serve_once(handler: type, path: str = "/", *middlewares: Any, **kwargs: Any) -> Any:
    with serving(make_application([("/.*", handler)], *middlewares, **kwargs)) as site:
        return site.get(path)


class Greeting:
    """A mixin of a user's own, with the methods that handlers have."""

    def initialize(self, **kwargs: Any) -> None:
        super().initialize(**kwargs)  # type: ignore[misc]
        self.steps = ["initialize"]

    def prepare(self) -> Any:
        self.steps.append("prepare")
        return super().prepare()  # type: ignore[misc]

    def on_prepare(self) -> Any:
        self.steps.append("on_prepare")
        return super().on_prepare()  # type: ignore[misc]

    def finish(self, chunk: Any = None) -> Any:
        self.steps.append("finish")
        return super().finish(chunk)  # type: ignore[misc]


class PlainGreeting:
    """A mixin that knows nothing of handlers."""

    def greet(self) -> str:
        return "hello"

    def prepare(self) -> None:
        self.steps = ["plain"]


@pytest.mark.parametrize("bases", [(WebHandler, ApiHandler), (ApiHandler, WebHandler)], ids=["web first", "api first"])
@both_ways
def test_web_and_api_in_one_class(bases: tuple[type, ...], is_async: bool) -> None:
    """Either order has the templates of one and the formats of the other."""
    if bases == (WebHandler, ApiHandler):

        class Both(WebHandler, ApiHandler):
            def get(self) -> None:
                self.write_api({"format": self.get_format()})
    else:

        class Both(ApiHandler, WebHandler):  # type: ignore[no-redef]
            def get(self) -> None:
                self.write_api({"format": self.get_format()})

    seen: list[Any] = []
    middlewares = [recorder("it", seen), hook("response", lambda *args: None, is_async=is_async)]
    response = serve_once(Both, "/", *middlewares)
    assert response.body == b'{"format": "json"}'
    assert [phase for _, phase, _ in seen][:4] == ["call", "request", "response", "endcall"]
    assert serve_once(Both, "/?format=jsonp&callback=x").body.startswith(b"/**/x(")


@pytest.mark.parametrize("base", [WebHandler, ApiHandler, RequestHandler])
def test_a_mixin_on_the_left(base: type) -> None:
    """Its methods come first, and super() goes on to ours; on_prepare is known to our handlers alone."""

    def get(self: Any) -> None:
        self.write(",".join(self.steps))

    mixed = type("Mixed", (Greeting, base), {"get": get})
    assert serve_once(mixed).body == b"initialize,prepare,on_prepare"


@pytest.mark.parametrize("base", [WebHandler, ApiHandler, RequestHandler])
def test_a_mixin_on_the_right(base: type) -> None:
    """What handlers have comes from the handler, the rest from the mixin."""

    def get(self: Any) -> None:
        self.write(f"{self.greet()} {hasattr(self, 'steps')}")

    seen: list[Any] = []
    mixed = type("Mixed", (base, PlainGreeting), {"get": get})
    assert serve_once(mixed, "/", recorder("it", seen)).body == b"hello False"
    assert [phase for _, phase, _ in seen][:4] == ["call", "request", "response", "endcall"]


def test_a_mixin_that_overrides_prepare_without_super() -> None:
    class Page(PlainGreeting, FlashMessageMixIn, WebHandler):
        def get(self) -> None:
            self.write(f"{self.greet()} {self.steps}")

    seen: list[Any] = []
    assert serve_once(Page, "/", recorder("it", seen)).body == b"hello ['plain']"
    assert [phase for _, phase, _ in seen][:4] == ["call", "request", "response", "endcall"]


def test_a_class_that_is_not_ours_is_adapted_once_under_its_own_name() -> None:
    class Plain(RequestHandler):
        """Its own words."""

        def get(self) -> None:
            self.write(type(self).__qualname__)

    application = make_application([("/a", Plain), ("/b", Plain), ("/moved", RedirectHandler, {"url": "/a"})])
    served = application.serve_class(Plain)
    assert served is application.serve_class(Plain)
    assert (served.__name__, served.__module__, served.__doc__) == ("Plain", __name__, "Its own words.")
    assert issubclass(served, Plain)
    assert application.serve_class(WebHandler) is WebHandler
    assert application.serve_class(StaticFileHandler).__name__ == "StaticFileHandler"
    with serving(application) as site:
        assert site.get("/a").body == site.get("/b").body == Plain.__qualname__.encode()
    assert "_pipeline" not in vars(Plain), "the class itself is left alone"
    assert Plain.__bases__ == (RequestHandler,)


def test_super_finds_its_way_in_adapted_classes() -> None:
    """super() of a class that is not ours still ends at Tornado's methods, with ours in between."""

    class Base(RequestHandler):
        def prepare(self) -> None:
            super().prepare()
            self.steps = ["base"]

        def on_finish(self) -> None:
            super().on_finish()

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.finish(f"own {status_code}")

    class Derived(Base):
        def prepare(self) -> None:
            super().prepare()
            self.steps.append("derived")

        def get(self) -> None:
            self.finish(",".join(self.steps))

    assert serve_once(Derived).body == b"base,derived"
    assert serve_once(type("Failing", (Base,), {})).body == b"own 405"


# Keyword arguments of routes


def test_url_kwargs() -> None:
    """The route's win over those of Url, for that route alone."""

    class Show(WebHandler):
        def get(self, *args: str, **kwargs: str) -> None:
            self.write({"url": self._url_kwargs, "path": kwargs})
            self._url_kwargs["leak"] = "yes"

    u = Url(theme="dark", size=1)
    urls = route(
        u("/plain", Show),
        u("/own", Show, {"theme": "light", "more": [1]}),
        include("/below", [u("/(?P<slug>[a-z]+)", Show, {"size": 2})]),
        ("/tuple", Show, {"x": 1}),
        ("/none", Show),
    )
    with serving(make_application(urls)) as site, site.connect() as client:
        for _ in range(2):
            assert client.get("/plain").body == b'{"url": {"theme": "dark", "size": 1}, "path": {}}'
            assert client.get("/own").body == b'{"url": {"theme": "light", "size": 1, "more": [1]}, "path": {}}'
            expected = b'{"url": {"theme": "dark", "size": 2}, "path": {"slug": "abc"}}'
            assert client.get("/below/abc").body == expected
            assert client.get("/tuple").body == b'{"url": {"x": 1}, "path": {}}'
            assert client.get("/none").body == b'{"url": {}, "path": {}}'


def test_url_kwargs_reach_initialize_where_it_takes_them() -> None:
    """By name, or all of them by ``**``; otherwise it is called without."""

    class Named(WebHandler):
        def initialize(self, theme: str = "none") -> None:
            self.got = {"theme": theme}

        def get(self) -> None:
            self.write({"got": self.got, "all": self._url_kwargs})

    class All(Named):
        def initialize(self, **kwargs: Any) -> None:  # type: ignore[override]
            self.got = kwargs

    class Nothing(Named):
        def initialize(self) -> None:  # type: ignore[override]
            self.got = {}

    class NoInitialize(WebHandler):
        def get(self) -> None:
            self.write({"got": {}, "all": self._url_kwargs})

    class Plain(RequestHandler):
        def initialize(self, theme: str) -> None:
            self.got = {"theme": theme}

        def get(self) -> None:
            self.write({"got": self.got, "all": self._url_kwargs})  # type: ignore[attr-defined]

    u = Url(theme="dark", size=1)
    urls = [u(f"/{each.__name__}", each) for each in (Named, All, Nothing, NoInitialize, Plain)]
    with serving(make_application(urls)) as site:
        everything = b'"all": {"theme": "dark", "size": 1}}'
        assert site.get("/Named").body == b'{"got": {"theme": "dark"}, ' + everything
        assert site.get("/All").body == b'{"got": {"theme": "dark", "size": 1}, ' + everything
        for name in ("Nothing", "NoInitialize"):
            assert site.get(f"/{name}").body == b'{"got": {}, ' + everything
        assert site.get("/Plain").body == b'{"got": {"theme": "dark"}, ' + everything


@pytest.mark.parametrize("base", [WebHandler, RequestHandler, WebSocketHandler, TornadoWebSocketHandler])
def test_a_route_may_name_its_arguments_like_those_of_init(base: type) -> None:
    """``application`` and ``request`` are names like others, for all that `initialize` may take."""

    def get(self: Any) -> None:
        assert self.request is not self._url_kwargs["request"]
        self.finish({"got": getattr(self, "got", {}), "all": self._url_kwargs})

    def named(self: Any, request: int) -> None:
        self.got = {"request": request}

    def everything(self: Any, **kwargs: Any) -> None:
        self.got = kwargs

    classes = {
        "none": type("Without", (base,), {"get": get, "initialize": lambda self: None}),
        "named": type("Named", (base,), {"get": get, "initialize": named}),
        "all": type("All", (base,), {"get": get, "initialize": everything}),
    }
    u = Url(request=1, size=2)
    urls = [u(f"/{name}", each, {"application": 3}) for name, each in classes.items()]
    given = {"request": 1, "size": 2, "application": 3}
    with serving(make_application(urls)) as site:
        for name, got in (("none", {}), ("named", {"request": 1}), ("all", given)):
            response = site.get(f"/{name}")
            assert response.status == 200
            assert json.loads(response.body) == {"got": got, "all": given}


def test_an_error_handler_takes_such_arguments_too() -> None:
    with serving(make_application([("/gone", ErrorHandler, {"status_code": 410, "request": 1})])) as site:
        assert site.get("/gone").status == 410


@pytest.mark.usefixtures("caplog")
def test_a_required_argument_that_the_route_lacks_is_an_error_of_that_request() -> None:
    class Demanding(WebHandler):
        def initialize(self, theme: str) -> None: ...

        def get(self) -> None: ...

    with serving(make_application([("/", Demanding), ("/well", Demanding, {"theme": "x"})])) as site:
        assert site.get("/").status == 500
        assert site.get("/well").status == 200


def test_error_handler_may_be_routed() -> None:
    with serving(make_application([("/gone", ErrorHandler, {"status_code": 410})])) as site:
        assert site.get("/gone").status == 410
        assert site.fetch("POST", "/gone", b"x").status == 410


def test_a_group_of_a_pattern_may_have_any_name() -> None:
    class Show(WebHandler):
        def get(self, **kwargs: str) -> None:
            self.write(kwargs)

    assert serve_once(Show, "/").status == 200
    with serving(make_application([("/(?P<transforms>[a-z]+)", Show)])) as site:
        assert site.get("/abc").body == b'{"transforms": "abc"}'
