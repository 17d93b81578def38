"""A router finds a page from its path alone, or leaves it to the usual way; both find the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import tornado.web
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tornado.httputil import HTTPServerRequest, RequestStartLine
from tornado.routing import HostMatches, PathMatches, Rule

from routing.test_routing_index import PATHS, matchers
from support.server import make_application, serving
from tornadopy.application import Application
from tornadopy.context import RequestContext
from tornadopy.handler import WebHandler
from tornadopy.router import ApplicationRouter

HANDLERS = [type(f"Page{number}", (WebHandler,), {}) for number in range(8)]
paths = st.lists(st.sampled_from([*PATHS, "%C3%A9", "%2F", "%zz", "%", "+", "\xff"]), max_size=5).map("".join)


@pytest.fixture(scope="module")
def application() -> Application:
    made: Application = make_application()
    return made


def request(path: str) -> HTTPServerRequest:
    made = HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.0"))
    made.path = path
    return made


def bytes_of(argument: Any) -> Any:
    return argument.encode() if isinstance(argument, str) else argument


def resolved(router: ApplicationRouter, path: str) -> Any:
    found = router.resolve(path)
    if found is None:
        return None
    (served, handler_kwargs, name), args, kwargs = found
    return (
        served,
        handler_kwargs,
        name,
        [bytes_of(each) for each in args],
        {key: bytes_of(value) for key, value in kwargs.items()},
    )


def found(application: Application, router: ApplicationRouter, path: str) -> Any:
    context = RequestContext(application, request(path))
    delegate: Any = context.run(router.find_handler, context.request)
    if delegate is None:
        return None
    return (
        delegate.handler_class,
        delegate.handler_kwargs,
        context.route_name,
        delegate.path_args,
        delegate.path_kwargs,
    )


def rules_of(made: Sequence[Any]) -> list[Rule]:
    """Return a rule for each matcher; every other with a name, every third with keyword arguments."""
    return [
        Rule(
            matcher,
            HANDLERS[place],
            {"place": place} if place % 3 == 0 else {},
            f"page{place}" if place % 2 else None,
        )
        for place, matcher in enumerate(made)
    ]


@settings(max_examples=300)
@given(st.lists(matchers, max_size=8), st.integers(0, 8), st.lists(paths, min_size=1, max_size=3))
@example([PathMatches(r"/(robots\.txt)"), PathMatches("/(.*)")], 1, ["/robots.txt", "/robotsxtxt", "/robots.txt\n"])
@example([PathMatches("/(?P<x>a)?(?P<y>b)?/?"), PathMatches("/(a)?(b)?")], 2, ["/", "/a", "/b", "/ab"])
@example([PathMatches("/(.*)")], 1, ["/%C3%A9", "/\xc3\xa9", "/%zz", "/a+b", "/"])
def test_it_resolves_what_it_finds(application: Application, made: list[Any], first: int, asked: list[str]) -> None:
    """The same class, keyword arguments, name and arguments; with rules that are added later, too."""
    rules = rules_of(made)
    router = ApplicationRouter(application, rules[:first])
    for _ in range(2):
        for path in asked:
            assert resolved(router, path) == found(application, router, path), path
        router.add_rules(rules[first:])
        first = len(rules)


@tornado.web.stream_request_body
class Streaming(WebHandler):
    def data_received(self, chunk: bytes) -> None:
        raise AssertionError("nothing is sent")


@pytest.mark.parametrize(
    "rule",
    [
        Rule(HostMatches("x"), HANDLERS[0]),
        Rule(PathMatches("/a"), Streaming),
        Rule(PathMatches("/(a)"), Streaming),
        Rule(PathMatches("/a"), [("/a", HANDLERS[0])]),
        Rule(PathMatches("/a"), lambda request: None),
    ],
    ids=["host", "stream", "stream-group", "nested", "callable"],
)
def test_what_takes_more_than_the_path_is_left_to_the_usual_way(application: Application, rule: Rule) -> None:
    """Even if a rule after it could be resolved."""
    router = ApplicationRouter(application, [rule, (PathMatches("/a"), HANDLERS[1])])
    assert router.resolve("/a") is None
    assert ApplicationRouter(application, [(PathMatches("/a"), HANDLERS[1]), rule]).resolve("/a") is not None


class Said(WebHandler):
    """Say the arguments."""

    def get(self, *args: str, **kwargs: str) -> None:
        self.write({"args": args, "kwargs": kwargs})


class Rest(WebHandler):
    def get(self, *_args: str) -> None:
        self.write("the rest")


def test_a_literal_in_a_group_is_an_argument() -> None:
    routes = [(r"/(robots\.txt)", Said), ("/(?P<page>about)", Said), ("/(.*)", Rest)]
    with serving(make_application(routes)) as site:
        for path in ("/robots.txt", "/robots.txt?a=1"):
            assert site.get(path).body == b'{"args": ["robots.txt"], "kwargs": {}}'
        assert site.get("/about").body == b'{"args": [], "kwargs": {"page": "about"}}'
        for path in ("/robotsxtxt", "/robots.txt/", "/robots.tx", "/(robots.txt)"):
            assert site.get(path).body == b"the rest"


def test_routes_that_are_added_while_it_serves_are_found(caplog: pytest.LogCaptureFixture) -> None:
    application = make_application([("/a", Said)])
    with serving(application) as site:
        assert site.get("/a").status == 200
        assert site.get("/b/1").status == 404
        application.wildcard_router.add_rules([("/b/(.)", Said)])
        assert site.get("/b/1").body == b'{"args": ["1"], "kwargs": {}}'
        application.add_handlers("127.0.0.1", [("/a", Rest)])
        assert site.get("/a").body == b"the rest"
        with site.connect() as client:
            client.send(b"GET /a HTTP/1.1\r\nHost: another\r\n\r\n")
            assert client.receive().body == b'{"args": [], "kwargs": {}}'
