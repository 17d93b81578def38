"""What a user overrides takes effect, whichever way a request takes: the same answers and calls as on plain Tornado."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tornado.web
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError, RequestHandler

from support.hooks import hook
from support.server import Response, Site, make_application, serving
from tornadopy.handler import WebHandler


class Pages:
    """What the handlers of these tests do, on whichever base."""

    def get(self: Any, kind: str) -> None:
        if kind == "dict":
            self.write({"a": [1, "</", None]})
        elif kind == "text":
            self.set_header("Content-Type", "text/plain")
            self.add_header("X-Many", "1")
            self.add_header("X-Many", "2")
            self.write("one, ")
            self.write(b"two")
        elif kind == "finish":
            self.finish({"b": 2})
        elif kind == "cookie":
            self.set_cookie("first", "1")
            self.set_cookie("second", "2")
            self.write("biscuits")
        elif kind == "status":
            self.set_status(201, "Made")
            self.set_header("X-Number", 7)
            self.write("made")
        elif kind == "nothing":
            self.set_status(204)
        elif kind == "flushed":
            self.write("piece")
            self.flush()
            self.write("rest")
        elif kind == "length":
            self.set_header("Content-Length", "3")
            self.write("abc")
        elif kind == "etag":
            self.set_header("Etag", '"mine"')
            self.write("tagged")
        elif kind == "redirect":
            self.redirect("/text")
        elif kind == "missing":
            raise HTTPError(404)

    head = get

    def post(self: Any, kind: str) -> None:
        self.write(f"{kind} {self.get_argument('name', 'nobody')}")

    def write_error(self: Any, status_code: int, **kwargs: Any) -> None:
        self.finish(f"error {status_code}")

    def log_exception(self: Any, *exc_info: Any) -> None:
        """Leave the log alone."""


class Tornados(Pages, RequestHandler):
    pass


class Ours(Pages, WebHandler):
    pass


REQUESTS: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("GET", "/dict", b"", {}),
    ("HEAD", "/dict", b"", {}),
    ("GET", "/dict", b"", {"If_None_Match": "*"}),
    ("GET", "/dict", b"", {"If_None_Match": '"other", W/"4cb4a98ec1e4b06cf1ae1ac4c2ef5a92a1e24d52"'}),
    ("GET", "/text", b"", {}),
    ("GET", "/finish", b"", {}),
    ("GET", "/cookie", b"", {}),
    ("GET", "/status", b"", {}),
    ("GET", "/nothing", b"", {}),
    ("GET", "/flushed", b"", {}),
    ("GET", "/length", b"", {}),
    ("GET", "/etag", b"", {}),
    ("GET", "/etag", b"", {"If_None_Match": '"mine"'}),
    ("GET", "/redirect", b"", {}),
    ("GET", "/missing", b"", {}),
    ("GET", "/empty", b"", {}),
    ("POST", "/form", b"name=ada", {"Content_Type": "application/x-www-form-urlencoded"}),
    ("POST", "/form", b"name=ada", {"Content_Type": "text/plain"}),
    ("POST", "/form", b"x", {"Content_Type": "multipart/form-data"}),
    ("POST", "/form", b"", {"Content_Type": "multipart/form-data; boundary=x"}),
    ("PUT", "/form", b"", {}),
]


def answers(handler: type, application_class: Any = make_application) -> list[tuple[Any, ...]]:
    """Return what comes of all requests: status line, headers but for the date, body."""
    with serving(application_class([("/(.*)", handler)], log_function=lambda handler: None)) as site:
        return [_fetch(site, *request) for request in REQUESTS]


def _fetch(site: Site, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[Any, ...]:
    with site.connect() as client:
        return _plain(client.fetch(method, path, body, **headers))


def _plain(response: Response) -> tuple[Any, ...]:
    headers = HTTPHeaders(response.headers)
    for name in ("Date", "X-Request-Id"):
        headers.pop(name, None)
    return response.status, response.reason, sorted(headers.get_all()), response.body


def ours(handlers: Any, **settings: Any) -> Any:
    return make_application(handlers, tornado=settings)


def plain(handlers: Any, **settings: Any) -> Any:
    return tornado.web.Application(handlers, **settings, cross_origin_protection=True)


def override(name: str, change: Callable[..., Any]) -> dict[str, Any]:
    """Return the body of a class that overrides *name*: *change* gets the object and the inherited method."""
    return {name: lambda self, *args, **kwargs: change(self, getattr(super(self.level, self), name), *args, **kwargs)}


OVERRIDES: dict[str, dict[str, Callable[..., Any]]] = {
    "nothing": {},
    "no etag": {"compute_etag": lambda self, inherited: None},
    "an etag": {"compute_etag": lambda self, inherited: f'"v{len(self._write_buffer)}"'},
    "set_etag_header": {"set_etag_header": lambda self, inherited: self.set_header("Etag", 'W/"weak"')},
    "check_etag_header": {"check_etag_header": lambda self, inherited: True},
    "set_header": {
        "set_header": lambda self, inherited, name, value: inherited(
            name, value if name == "Content-Length" else f"{value}; mine"
        )
    },
    "add_header": {"add_header": lambda self, inherited, name, value: inherited(name, f"{value}!")},
    "clear_header": {"clear_header": lambda self, inherited, name: None},
    "set_status": {"set_status": lambda self, inherited, code, reason=None: inherited(code, "Mine")},
    "get_status": {"get_status": lambda self, inherited: inherited() + 1},
    "set_default_headers": {
        "set_default_headers": lambda self, inherited: (self.set_header("Server", "mine"), self.set_status(418))
    },
    "clear": {"clear": lambda self, inherited: (inherited(), self.set_header("X-Clear", "1"))},
    "write": {
        "write": lambda self, inherited, chunk: inherited(chunk if isinstance(chunk, dict) else chunk[:3]),
    },
    "flush": {
        "flush": lambda self, inherited, include_footers=False: (
            self._headers_written or self.set_header("X-Flushed", str(include_footers)),
            inherited(include_footers),
        )[1]
    },
    "finish": {"finish": lambda self, inherited, chunk=None: inherited(chunk)},
    "prepare": {"prepare": lambda self, inherited: self.set_header("X-Prepared", "1")},
    "initialize": {"initialize": lambda self, inherited: self.set_header("X-Initialized", "1")},
    "decode_argument": {
        "decode_argument": lambda self, inherited, value, name=None: inherited(value, name=name).lower() + ""
    },
    "_convert_header_value": {
        "_convert_header_value": lambda self, inherited, value: inherited(value).upper(),
    },
    "_should_not_send_content": {
        "_should_not_send_content": lambda self, inherited, status: inherited(status),
    },
    "set_cookie": {"set_cookie": lambda self, inherited, name, value, **more: inherited(name, value * 2, **more)},
    "redirect": {"redirect": lambda self, inherited, url, *args, **more: inherited(url + "?mine", *args, **more)},
    "send_error": {"send_error": lambda self, inherited, status, **more: inherited(status + 1, **more)},
    "check_xsrf_cookie": {"check_xsrf_cookie": lambda self, inherited: None},
}


def overriding(name: str, *bases: type) -> type:
    """Return a class of *bases* with the overrides *name* above them."""
    body: dict[str, Any] = {}
    for method, change in OVERRIDES[name].items():
        body.update(override(method, change))
    made = type("Overriding", bases, body)
    made.level = made  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_override_in_the_class_takes_effect_as_in_tornado(name: str) -> None:
    expected = answers(overriding(name, Tornados), plain)
    assert answers(overriding(name, Ours), ours) == expected
    if name not in {
        "nothing",
        "get_status",
        "finish",
        "_should_not_send_content",
        "check_xsrf_cookie",
        "decode_argument",
    }:
        assert expected != answers(Tornados, plain), "this override changes nothing; it proves nothing"


@pytest.mark.parametrize("name", OVERRIDES)
def test_an_override_in_a_class_that_is_not_ours_takes_effect(name: str) -> None:
    """A handler of plain Tornado is served with its overrides."""
    assert answers(overriding(name, Tornados), ours) == answers(overriding(name, Tornados), plain)


@pytest.mark.parametrize("name", sorted(OVERRIDES.keys() - {"send_error"}))
def test_an_override_in_a_mixin_on_the_right_takes_effect(name: str) -> None:
    """A class that inherits Tornado's handler, and comes after ours, stands between ours and Tornado's methods.

    What ours do without Tornado's is theirs: `send_error`.
    """
    mixin = overriding(name, RequestHandler)
    expected = answers(type("Mixed", (Pages, mixin), {}), plain)
    assert answers(type("Mixed", (Pages, WebHandler, mixin), {}), ours) == expected


@pytest.mark.parametrize("name", ["no etag", "set_header", "flush", "_convert_header_value"])
def test_an_override_that_is_put_into_the_class_before_the_start_takes_effect(name: str) -> None:
    late: Any = type("Late", (Ours,), {})
    late.level = late
    for method, change in OVERRIDES[name].items():
        setattr(late, method, override(method, change)[method])
    assert answers(late, ours) == answers(overriding(name, Tornados), plain)


RECORDED = [
    "initialize",
    "clear",
    "set_default_headers",
    "prepare",
    "decode_argument",
    "set_status",
    "set_header",
    "add_header",
    "set_cookie",
    "write",
    "finish",
    "flush",
    "compute_etag",
    "set_etag_header",
    "check_etag_header",
    "on_finish",
    "send_error",
    "write_error",
    "redirect",
    "_log",
    "_break_cycles",
]


@pytest.mark.parametrize("name", RECORDED)
def test_a_method_is_called_as_often_and_with_the_same_arguments_as_by_tornado(name: str) -> None:
    """Each is recorded alone: what else the class overrides decides about the way."""

    def calls(base: type, application_class: Any) -> list[tuple[Any, ...]]:
        seen: list[tuple[Any, ...]] = []

        def note(self: Any, inherited: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((self.request.path, args, {key: kwargs[key] for key in kwargs if key != "exc_info"}))
            return inherited(*args, **kwargs)

        made: Any = type("Recording", (base,), override(name, note))
        made.level = made
        answers(made, application_class)
        # The id that our error pages carry, and lengths that are no text before they are converted.
        return [
            (path, tuple(str(each) for each in args), kwargs)
            for path, args, kwargs in seen
            if "X-Request-Id" not in args
        ]

    assert calls(Ours, ours) == calls(Tornados, plain)


def test_a_tracer_in_the_place_of_tornados_init_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    original = RequestHandler.__init__

    def traced(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(type(self).__name__)
        original(self, *args, **kwargs)

    monkeypatch.setattr(RequestHandler, "__init__", traced)
    with serving(ours([("/(.*)", Ours)])) as site:
        assert site.get("/dict").status == 200
    assert made == ["Ours"]


def test_what_a_tracer_puts_into_a_class_with_its_first_handler_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    class Traced(WebHandler):
        def get(self) -> None:
            self.write("traced")

    calls: list[str] = []
    original = RequestHandler.__init__

    def trace(name: str) -> None:
        traced = getattr(Traced, name)

        def tracing(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return traced(self, *args, **kwargs)

        setattr(Traced, name, tracing)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if not made:
            for name in ("prepare", "on_finish", "flush"):
                trace(name)
        made.append(self)
        original(self, *args, **kwargs)

    made: list[Any] = []
    monkeypatch.setattr(RequestHandler, "__init__", init)
    with serving(ours([("/", Traced)])) as site:
        for _ in range(2):
            assert site.get("/").body == b"traced"
    assert calls == ["prepare", "flush", "on_finish"] * 2


def test_an_on_finish_that_a_hook_puts_into_a_handler_is_called() -> None:
    calls: list[str] = []

    class Plain(WebHandler):
        def get(self) -> None:
            self.write("plain")

    def wrap(handler: Any, clear: Any) -> None:
        handler.on_finish = lambda: calls.append(handler.request.path)

    with serving(make_application([("/", Plain)], hook("request", wrap))) as site:
        assert site.get("/").body == b"plain"
        site.settle()
    assert calls == ["/"]


@pytest.mark.parametrize("values", [["text"], [b"text"], ["one", "text"], [b" text\n"]])
def test_an_argument_that_somebody_has_put_in_is_found(values: list[Any]) -> None:
    """As text, too, which Tornado takes."""

    class Put(WebHandler):
        def get(self) -> None:
            self.request.arguments["name"] = values
            self.write(self.get_argument("name"))

    with serving(ours([("/", Put)])) as site:
        assert site.get("/").body == b"text"


def test_what_templates_see_is_made_when_it_is_asked_for() -> None:
    """`ui` holds the functions and modules of the application, and nothing once the request is over."""
    seen: list[Any] = []

    class Page(WebHandler):
        def get(self) -> None:
            seen.append(self)
            if self.get_argument("asks", ""):
                self.write(self.ui["shout"]("hello"))
                assert self.ui is self.ui
                assert self.ui["modules"] is self.ui["_tt_modules"]

    def shout(handler: Any, text: str) -> str:
        return f"{type(handler).__name__} {text.upper()}"

    with serving(ours([("/", Page)], ui_methods={"shout": shout})) as site:
        assert site.get("/?asks=1").body == b"Page HELLO"
        assert site.get("/").body == b""
    assert [each.ui for each in seen] == [None, None]


@pytest.mark.usefixtures("caplog")
def test_a_response_header_that_cannot_go_out_ends_the_connection() -> None:
    class Page(WebHandler):
        def get(self) -> None:
            self._headers["X-Broken"] = "a\r\nb"
            self.write("never")

        def log_exception(self, *exc_info: Any) -> None:
            """Leave the log alone."""

    with serving(ours([("/", Page)])) as site, site.connect() as client:
        client.request("GET", "/")
        assert client.read_to_end() == b""


def test_a_handler_that_was_never_routed_gets_its_arguments() -> None:
    class Inner(WebHandler):
        def initialize(self, database: str) -> None:
            self.database = database

    class Outer(WebHandler):
        def get(self) -> None:
            self.write(Inner(self.application, self.request, database="mine", more=1).database)

    with serving(make_application([("/", Outer)])) as site, site.connect() as client:
        assert client.get("/").body == b"mine"
