"""Requests that are refused on the way in: which hooks they meet."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, ResponseStartLine
from tornado.routing import PathMatches, Router, Rule, RuleRouter
from tornado.web import HTTPError, RequestHandler

from support.hooks import ExceptionRecorder, hook, recorder
from support.server import ConnectionEnded, make_application, serving, wait_for
from tornadopy.handler import ErrorHandler, WebHandler

ways_out = pytest.mark.parametrize("way", ["bare", "sync", "async"])
MULTIPART = "multipart/form-data; boundary=b"


def ways(way: str) -> list[type]:
    return [] if way == "bare" else [hook("response", lambda *args: None, is_async=way == "async")]


class Form(WebHandler):
    def get(self) -> None:
        self.write("form")

    def post(self) -> None:
        self.write("posted " + self.get_argument("name"))


class PlainForm(RequestHandler):
    def get(self) -> None:
        self.write("form")

    post = get


@ways_out
@pytest.mark.parametrize("path", ["/form", "/plain"])
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unknown method", 405),
        ("unimplemented method", 405),
        ("malformed multipart", 400),
        ("no boundary", 400),
        ("no XSRF token", 403),
        ("foreign origin", 403),
        ("undecodable path", 400),
    ],
)
def test_refused_before_request_hooks(way: str, path: str, kind: str, status: int) -> None:
    """Such a request meets call, exception, response and endcall; the next one is served."""
    seen: list[Any] = []
    requests: dict[str, Any] = {
        "unknown method": ("BREW", path, b"", {}),
        "unimplemented method": ("DELETE", path, b"", {}),
        "malformed multipart": ("POST", path, b"--b\r\nnonsense", {"Content_Type": MULTIPART}),
        "no boundary": ("POST", path, b"x", {"Content_Type": "multipart/form-data"}),
        "no XSRF token": ("POST", path, b"name=x", {"Content_Type": "application/x-www-form-urlencoded"}),
        "foreign origin": ("POST", path, b"name=x", {"Sec_Fetch_Site": "cross-site", "Origin": "http://elsewhere"}),
        "undecodable path": ("GET", f"{path}/%ff", b"", {}),
    }
    method, target, body, headers = requests[kind]
    routes = [("/form(?:/(.*))?", Form), ("/plain(?:/(.*))?", PlainForm)]
    tornado = {"xsrf_cookies": kind == "no XSRF token", "cross_origin_protection": kind == "foreign origin"}
    application = make_application(routes, recorder("it", seen, ExceptionRecorder), *ways(way), tornado=tornado)
    with serving(application) as site, site.connect() as client:
        response = client.fetch(method, target, body, **headers)
        assert response.status == status
        wait_for(lambda: seen[-1][1] == "end", "the end of the request")
        site.settle()
        # A method that is known but not written is the handler's own answer, so it comes after the request hooks.
        late = ["request"] if kind == "unimplemented method" else []
        assert [phase for _, phase, _ in seen] == ["call", *late, "exception HTTPError", "response", "endcall", "end"]
        assert client.get("/none").status == 404


@ways_out
def test_a_form_that_is_well_is_served(way: str) -> None:
    application = make_application([("/form", Form)], *ways(way), tornado={"xsrf_cookies": True})
    with serving(application) as site, site.connect() as client:
        headers = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": "_xsrf=abc"}
        assert client.fetch("POST", "/form", b"name=x&_xsrf=abc", **headers).body == b"posted x"


@ways_out
@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_a_forged_form_is_refused_on_a_connection_that_has_been_used(
    way: str, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    routes = [("/form", Form)]
    application = make_application(routes, *ways(way), tornado={"cross_origin_protection": True})
    values = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    with serving(application) as site, site.connect() as client:
        json = {"Content-Type": "application/json"}
        assert [client.fetch("POST", "/form?name=x", b"{}", **json).status for _ in range(3)] == [200, 200, 200]
        assert client.fetch("POST", "/form?name=x", b"{}", **json, **{header: values[header]}).status == 403
        assert client.fetch("POST", "/form?name=x", b"{}", **json).status == 200


@ways_out
@pytest.mark.parametrize("place", ["class", "object", "later"])
def test_a_protection_of_the_handlers_own_sees_every_request(way: str, place: str) -> None:
    class Guarded(Form):
        def initialize(self) -> None:
            if place == "object":
                self._cross_origin_protection = self.guard  # type: ignore[method-assign]

        def guard(self) -> None:
            if b"forged" in self.request.body:
                raise HTTPError(403)

    if place == "class":
        Guarded._cross_origin_protection = Guarded.guard  # type: ignore[method-assign]
    application = make_application([("/form", Guarded)], *ways(way))
    if place == "later":
        Guarded._cross_origin_protection = Guarded.guard  # type: ignore[method-assign]
    with serving(application) as site, site.connect() as client:
        statuses = [client.fetch("POST", "/form?name=x", body).status for body in (b"1", b"forged", b"2", b"forged")]
        assert statuses == [200, 403, 200, 403]


@ways_out
def test_what_is_put_into_the_headers_on_the_way_counts(way: str, caplog: pytest.LogCaptureFixture) -> None:
    class Told(Form):
        def decode_argument(self, value: bytes, name: str | None = None) -> str:
            self.request.headers["Origin"] = "http://evil.example"
            return super().decode_argument(value, name)

        def post(self, _part: str) -> None:
            self.write("posted")

    application = make_application([("/form/(.*)", Told)], *ways(way), tornado={"cross_origin_protection": True})
    with serving(application) as site, site.connect() as client:
        assert [client.fetch("POST", "/form/a", b"x").status for _ in range(3)] == [403, 403, 403]


@ways_out
def test_a_host_that_is_not_allowed_meets_no_call_hook(way: str) -> None:
    """ALLOWED_HOSTS is checked before process_call; the answer still meets response and endcall."""
    seen: list[Any] = []
    middlewares = [recorder("it", seen, ExceptionRecorder), *ways(way)]
    application = make_application([("/", Form)], *middlewares, ALLOWED_HOSTS=["example.org"])
    with serving(application) as site, site.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert client.receive().status == 400
        site.settle()
        phases = [phase.split()[0] for _, phase, _ in seen]
        assert phases == ["exception", "response", "endcall"]
        client.send(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert client.receive().body == b"form"


@ways_out
def test_paths_that_no_route_matches(way: str) -> None:
    seen: list[Any] = []
    with serving(make_application([("/", Form)], recorder("it", seen, ExceptionRecorder), *ways(way))) as site:
        assert site.get("/none").status == 404
    assert [phase for _, phase, _ in seen if phase != "end"] == [
        "call",
        "request",
        "exception HTTPError",
        "response",
        "endcall",
    ]


@ways_out
@pytest.mark.parametrize("base", [WebHandler, RequestHandler, ErrorHandler])
def test_default_handler_class(way: str, base: type) -> None:
    """The handler of unmatched paths is one like any other."""
    seen: list[Any] = []

    class Nowhere(base):  # type: ignore[misc,valid-type]
        def initialize(self, text: str = "?", **kwargs: Any) -> None:
            self.text = text

        def prepare(self) -> None:
            self.set_status(404)
            self.finish(f"nowhere {self.text}")

    tornado = {"default_handler_class": Nowhere, "default_handler_args": {"text": "!"}}
    application = make_application([("/", Form)], recorder("it", seen), *ways(way), tornado=tornado)
    with serving(application) as site, site.connect() as client:
        response = client.get("/none")
        assert (response.status, response.body) == (404, b"nowhere !")
        assert client.get("/").body == b"form"
        site.settle()
    assert [phase for _, phase, path in seen if path == "/none"][:4] == ["call", "request", "response", "endcall"]


def test_an_error_in_process_call_of_an_unmatched_path() -> None:
    """It comes before routing, so that it decides."""

    def fail(request: Any, clear: Any) -> None:
        raise HTTPError(418)

    with serving(make_application([("/", Form)], hook("call", fail))) as site:
        assert site.get("/none").status == 418


# What is not a handler of ours at all


class Bare(HTTPMessageDelegate):
    """A delegate that answers without a handler."""

    def __init__(self, request: Any) -> None:
        self.connection = request.connection

    def finish(self) -> None:
        start = ResponseStartLine("HTTP/1.1", 200, "OK")
        self.connection.write_headers(start, HTTPHeaders({"Content-Length": "4"}), b"bare")
        self.connection.finish()


class BareRouter(Router):
    def find_handler(self, request: Any, **kwargs: Any) -> HTTPMessageDelegate:
        return Bare(request)


def answer(request: Any) -> None:
    """Answer without anything, as the oldest of Tornado's interfaces has it."""
    start = ResponseStartLine("HTTP/1.1", 200, "OK")
    request.connection.write_headers(start, HTTPHeaders({"Content-Length": "4"}), b"call")
    request.connection.finish()


@ways_out
def test_nested_routers_and_callables_meet_process_call_at_most(way: str) -> None:
    """A nested router's handlers are served as themselves; a callable's request ends where it ends."""
    seen: list[Any] = []
    routes = [
        Rule(PathMatches("/router"), BareRouter()),
        Rule(PathMatches("/empty"), RuleRouter([])),
        Rule(PathMatches("/callable"), answer),
        ("/", Form),
    ]
    with serving(make_application(routes, recorder("it", seen), *ways(way))) as site, site.connect() as client:
        assert client.get("/router").body == b"bare"
        assert client.get("/callable").body == b"call"
        assert client.get("/empty").status == 404
        assert client.get("/").body == b"form"
        site.settle()
    for path in ("/router", "/callable"):
        assert {phase for _, phase, where in seen if where == path} <= {"call", "end"}
    assert [phase for _, phase, path in seen if path == "/"][:4] == ["call", "request", "response", "endcall"]


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_messages_that_the_protocol_refuses_meet_process_call_at_most(raw: bytes) -> None:
    """They end with 400 and a closed connection, or the latter alone; what process_call has opened is closed."""
    seen: list[Any] = []
    with serving(make_application([("/", Form)], recorder("it", seen))) as site:
        with site.connect() as client:
            client.send(raw)
            with contextlib.suppress(ConnectionEnded, ConnectionResetError):
                assert client.receive().status == 400
        site.settle()
        wait_for(lambda: seen == [] or seen[-1][1] == "end", "the end")
        assert [phase for _, phase, _ in seen] in ([], ["call", "end"])
        assert site.get("/").body == b"form"
