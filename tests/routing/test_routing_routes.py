"""Routes as users write them: `Url`, `route`, `include`, and all that is accepted in their place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tornado.routing import AnyMatches, HostMatches, PathMatches, Rule, URLSpec
from tornado.web import RedirectHandler, RequestHandler, StaticFileHandler

from routing import routing_targets as targets
from tornadopy import Url, include, route
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.exceptions import UrlError
from tornadopy.routing import Route

HERE = "routing.routing_targets"


def make(*routes: Any) -> Application:
    return Application(list(routes), conf=Settings(), middlewares=())


def refusal(*routes: Any) -> str:
    with pytest.raises(UrlError) as caught:
        make(*route(*routes))
    return str(caught.value)


class TestUrl:
    def test_a_prefix_stands_before_names_alone(self) -> None:
        u = Url("app.handlers")
        assert u(r"/", "main.Main").handler == "app.handlers.main.Main"
        assert u(r"/", targets.Main).handler is targets.Main
        assert Url()(r"/", "app.Main").handler == "app.Main"
        assert Url(prefix="app")(r"/", "Main") == Route(r"/", "app.Main")

    def test_by_position_and_by_name(self) -> None:
        u = Url("app", a=1)
        expected = Route("/x", "app.H", {"a": 1, "b": 2}, "name")
        assert u("/x", "H", {"b": 2}, "name") == expected
        assert u(name="name", pattern="/x", handler="H", kwargs={"b": 2}) == expected

    def test_a_routes_own_kwargs_win_for_it_alone(self) -> None:
        u = Url(abc="abc", other=1)
        own = {"abc": "other"}
        routes = route(u("/a", targets.Main, own), u("/b", targets.Main))
        assert [each.kwargs for each in routes] == [{"abc": "other", "other": 1}, {"abc": "abc", "other": 1}]
        own["abc"] = "later"
        assert routes[0].kwargs["abc"] == "other"
        assert u.overall_kwargs == {"abc": "abc", "other": 1}


class TestAccepted:
    def test_everything_that_is_a_route_in_any_nesting(self) -> None:
        spec = URLSpec("/spec", targets.Main, name="spec")
        rule = Rule(PathMatches("/rule"), targets.Main, name="rule")
        found = route(
            Url()("/a", targets.Main),
            [("/b", targets.Main), [("/c", f"{HERE}.Main", {"x": 1}, "c")]],
            (spec, rule),
            include("/below", [("/d", targets.Main), [spec]], prefix_name="p"),
            (),
        )
        assert [getattr(each, "name", None) for each in found] == [None, None, "c", "spec", "rule", None, "p-spec"]
        assert found[2] == Route("/c", f"{HERE}.Main", {"x": 1}, "c")
        application = make(*found)
        assert [pattern for pattern, _, _ in application.describe_routes()] == [
            "/a", "/b", "/c", "/spec", "/rule", "/below/d", "/below/spec",
        ]  # fmt: skip

    def test_matchers_with_targets_and_nested_lists(self) -> None:
        found = route((HostMatches("a.example"), [("/x", targets.Main)]), ("/sub/.*", [("/sub/y", targets.Main)]))
        assert [each[:1] for each in make(*found).describe_routes()] == [("/x",), ("/sub/y",)]

    def test_whatever_tornado_takes_as_a_target(self) -> None:
        application = make(
            *route(
                ("/old", RedirectHandler, {"url": "/new"}),
                (r"/files/(.*)", StaticFileHandler, {"path": "."}),
                ("/function", lambda request: None),
                ("/router", make(("/router", targets.Main)).default_router),
                (re.compile("/compiled"), targets.Main),
            )
        )
        assert len(application.describe_routes()) == 5

    def test_dotted_names_without_route(self) -> None:
        """A plain list for `Application`, as in Tornado."""
        application = make(("/x", f"{HERE}.Main", {"a": 1}, "x"), Url(HERE)("/y", "Main"))
        assert application.describe_routes()[0] == ("/x", "x", f"{HERE}.Main")
        assert len(make(["/x", targets.Main], [("/y", targets.Main)]).describe_routes()) == 2
        with pytest.raises(UrlError, match=r"route '/x' \(name 'x'\): cannot import the handler 'no\.such': "):
            make(("/x", "no.such", None, "x"))


class TestInclude:
    def test_a_list_by_its_dotted_name(self) -> None:
        assert [(each.pattern, each.name) for each in include("/a", f"{HERE}.urls")] == [
            ("/a/list/?", "list"),
            (r"/a/(\d+)", "show"),
        ]

    def test_prefixes_names_and_kwargs_at_any_depth(self) -> None:
        inner: Any = [Url(depth=0)("x/?", targets.Main, {"own": 1}, "leaf")]
        for depth in range(50):
            inner = include(f"/{depth}/", inner, prefix_name=str(depth))
        (leaf,) = route(inner)
        assert leaf.pattern == "/" + "/".join(str(each) for each in reversed(range(50))) + "/x/?"
        assert leaf.name == "-".join(str(each) for each in reversed(range(50))) + "-leaf"
        assert leaf.kwargs == {"depth": 0, "own": 1}

    def test_the_list_itself_stays_as_it_is(self) -> None:
        before = list(targets.urls)
        include("/a", targets.urls, "a")
        include("/b", targets.urls, "b")
        assert targets.urls == before

    def test_without_a_name_there_is_nothing_to_prefix(self) -> None:
        (each,) = include("/a", [("/x", targets.Main)], prefix_name="p")
        assert each.name is None

    def test_one_list_twice_needs_names(self) -> None:
        twice = route(include("/a", targets.urls, "a"), include("/b", targets.urls, "b"))
        assert make(*twice).route_names == {"a-list", "a-show", "b-list", "b-show"}
        with pytest.raises(UrlError, match=r"two routes are named 'list': '/a/list/\?' and '/b/list/\?'; "):
            make(*route(include("/a", targets.urls), include("/b", targets.urls)))

    @pytest.mark.parametrize(
        ("handlers", "message"),
        [
            ("no_such_app.urls", r"^include\('/a', 'no_such_app\.urls'\): there is no module 'no_such_app'"),
            (f"{HERE}.url", r"has no attribute 'url' .*did you mean"),
            (f"{HERE}.not_a_class", r"^5 is no route; write u\(pattern, handler\)"),
            ([5], r"^5 is no route"),
            (targets.matcher_only, r"^include\('/a', …\): Rule\(.* has no path to put the prefix before"),
        ],
    )
    def test_what_cannot_be_included(self, handlers: Any, message: str) -> None:
        with pytest.raises(UrlError, match=message):
            include("/a", handlers)


class TestErrors:
    @pytest.mark.parametrize("thing", [5, None, "x", object(), {"a": 1}, ("/x", 5), ("/x",), ("/x", None)])
    def test_what_is_no_route(self, thing: Any) -> None:
        with pytest.raises(UrlError, match="is no route"):
            route(thing)
        with pytest.raises(UrlError, match="is no route"):
            make(thing)

    @pytest.mark.parametrize(
        ("each", "message"),
        [
            (("/x", "no_such_app.H"), "route '/x': cannot import the handler 'no_such_app.H': there is no module"),
            (("/x", f"{HERE}.Maim"), "did you mean 'Main'?"),
            (("/x", "Main"), "'Main' is not a dotted name"),
            (Url(HERE)("/x", "not_a_class", name="n"), "route '/x' (name 'n'): 5 is no handler class"),
            (Url()("/x", Url()("/y", targets.Main)), "route '/x': Route(pattern='/y', "),
            (("/x", targets.NoHandler), "route '/x': NoHandler is no handler; it does not inherit RequestHandler"),
            (("/x(", targets.Main), "route '/x(': the pattern does not compile: "),
            (("/x/(a)(?P<b>c)", targets.Main), "must either be all named or all positional"),
            (Url()(5, targets.Main), "route 5: the pattern is no regular expression"),  # type: ignore[arg-type]
            (include("/blog", [("/x(", targets.Main)])[0], "route '/blog/x(': the pattern does not compile: "),
        ],
    )
    def test_a_route_that_cannot_be_used_is_named(self, each: Any, message: str) -> None:
        assert message in refusal(each)

    def test_a_handlers_module_that_fails_says_where(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "failing_handlers.py").write_text("import os\n1 / 0\n")
        (tmp_path / "importing_handlers.py").write_text("import no_such_library\n")
        assert re.search(r"ZeroDivisionError: .*failing_handlers\.py, line 2", refusal(("/x", "failing_handlers.Main")))
        assert "No module named 'no_such_library'" in refusal(("/x", "importing_handlers.Main"))

    def test_duplicate_names(self) -> None:
        first, second = Url()("/a", targets.Main, name="n"), Url()("/b", targets.Main, name="n")
        assert refusal(first, second).startswith("two routes are named 'n': '/a' and '/b'")


class TestDescribe:
    def test_routes_come_in_the_order_in_which_they_are_tried(self) -> None:
        class Local(RequestHandler):
            pass

        application = make(Url()("/a/?", targets.Main, name="a"), ("/b", Local), ("/c", [("/c", targets.Main)]))
        application.add_handlers(r"admin\.example", [Url()("/d", targets.Main, name="d")])
        local = f"{__name__}.{Local.__qualname__}"
        application.wildcard_router.add_rules([(HostMatches("x.example"), Local), (AnyMatches(), Local)])
        assert application.describe_routes() == [
            ("/d", "d", f"{HERE}.Main"),
            ("/a/?", "a", f"{HERE}.Main"),
            ("/b", "", local),
            ("/c", "", f"{HERE}.Main"),
            ("host x.example", "", local),
            ("AnyMatches", "", local),
        ]
        assert application.route_names == {"a", "d"}

    def test_the_form_of_a_route_names_it(self) -> None:
        assert str(Route("/x", targets.Main)) == "route '/x'"
        assert str(Route("/x", targets.Main, name="n")) == "route '/x' (name 'n')"
