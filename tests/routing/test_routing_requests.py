"""Routes over real sockets: which one a request finds, and what it brings to the handler."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tornado.routing import HostMatches, Rule
from tornado.web import RequestHandler, StaticFileHandler

from routing import routing_targets as targets
from serving import SECRET, fetch, serving
from tornadopy import Url, include, route
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.exceptions import ConfigError
from tornadopy.handler import WebHandler

u = Url("routing.routing_targets", theme="overall")


def make(*routes: Any, **kwargs: Any) -> Application:
    return Application(route(*routes), conf=Settings(TORNADO_CONF={"cookie_secret": SECRET}), **kwargs)


def ask(application: Application, *paths: str, **options: Any) -> list[Any]:
    """Return what the handler has said for each path, or the status."""

    async def main() -> list[Any]:
        async with serving(application) as get:
            answers = [await get(path, **options) for path in paths]
        return [json.loads(each.body) if each.code == 200 else each.code for each in answers]

    return asyncio.run(main())


class Named(WebHandler):
    """Say the name that the route gave."""

    def get(self) -> None:
        self.write({"who": self._url_kwargs["who"]})


def named(pattern: str, who: str, **more: Any) -> Any:
    return Url()(pattern, Named, {"who": who}, **more)


def who(answers: list[Any]) -> list[Any]:
    return [each if isinstance(each, int) else each["who"] for each in answers]


class TestKwargs:
    def test_those_of_url_and_route_reach_the_handler(self) -> None:
        application = make(u("/a", "Main", {"theme": "own", "x": 1}), u("/b", "Main"), ("/c", targets.Main))
        found = [each["url_kwargs"] for each in ask(application, "/a", "/b", "/c")]
        assert found == [{"theme": "own", "x": 1}, {"theme": "overall"}, {}]

    def test_what_a_handler_changes_does_not_reach_the_next_request(self) -> None:
        application = make(u("/a", "Changing", {"x": 1}), u("/b", "Main"))
        found = [each["url_kwargs"] for each in ask(application, "/a", "/a", "/b")]
        assert found == [{"theme": "overall", "x": 1}] * 2 + [{"theme": "overall"}]
        assert u.overall_kwargs == {"theme": "overall"}

    def test_initialize_gets_those_that_it_takes(self) -> None:
        application = make(u("/a", "Initialized", {"x": 1}), ("/b", targets.Initialized))
        assert fetch(application, "/a").body == b"overall ['theme', 'x']"
        assert fetch(application, "/b").body == b"none []"

    def test_groups_of_the_pattern_are_the_methods_arguments(self) -> None:
        application = make(
            u(r"/show/(\d+)/(\w+)?/?", "Main"), include(r"/(?P<lang>\w\w)", [u(r"/(?P<slug>[^/]+)", "Main")])
        )
        first, second, third = ask(application, "/show/5/x", "/show/5/", "/de/%E4%BD%A0%20%C3%A4%2Fb")
        assert first["args"] == ["5", "x"]
        assert second["args"] == ["5", None]
        assert third["kwargs"] == {"lang": "de", "slug": "你 ä/b"}

    def test_bytes_that_are_no_text_are_a_bad_request(self, caplog: pytest.LogCaptureFixture) -> None:
        assert ask(make(u(r"/(.*)", "Main")), "/%ff") == [400]
        assert "Invalid unicode" in caplog.text


class TestOrder:
    def test_the_first_match_wins(self) -> None:
        application = make(
            named("/a.*", "first"), named("/ab", "second"), include("/", [named("b", "third"), named("/b", "fourth")])
        )
        assert who(ask(application, "/ab", "/b", "/c")) == ["first", "third", 404]

    def test_the_whole_path_must_match(self) -> None:
        assert who(ask(make(named("/a", "a")), "/a", "/a?x=/b", "/ab", "/b/a", "/a/")) == ["a", "a", 404, 404, 404]

    def test_among_thousands(self) -> None:
        application = make(*(named(f"/r{number}/(?:x|y)", f"r{number}") for number in range(3000)))
        assert who(ask(application, "/r2999/x", "/r0/y", "/r3000/x")) == ["r2999", "r0", 404]

    def test_optional_slashes_as_the_seed_writes_them(self) -> None:
        application = make(
            named(r"/?", "index"), named(r"/login/?", "login"), include("/", [named("photo/?", "photo")])
        )
        paths = ["/", "/login", "/login/", "/photo", "/photo/", "/login//"]
        assert who(ask(application, *paths)) == ["index", "login", "login", "photo", "photo", 404]

    def test_the_name_of_the_route_that_matched_is_known(self) -> None:
        application = make(
            u("/a", "Main", name="a"), u("/b", "Main"), ("/in/.*", [include("/in", [u("/c", "Main", name="c")])])
        )
        assert [each["route"] for each in ask(application, "/a", "/b", "/in/c")] == ["a", None, "c"]


class TestNesting:
    def test_lists_below_a_path_or_a_host_fall_through_to_the_next_rule(self) -> None:
        application = make(
            ("/x/.*", [named("/x/1", "nested"), [("/x/.*", [named("/x/2", "deeper")])]]),
            Rule(HostMatches("other.example"), [named("/x/3", "host")]),
            named("/x/.*", "last"),
        )
        assert who(ask(application, "/x/1", "/x/2", "/x/3")) == ["nested", "deeper", "last"]
        assert who(ask(application, "/x/3", headers={"Host": "other.example"})) == ["host"]


class TestHosts:
    def test_add_handlers_takes_our_routes(self) -> None:
        application = make(named("/", "any"), named("/only", "any"))
        application.add_handlers(r"admin\.example", [named("/", "admin", name="admin")])
        application.add_handlers(r".*\.example", route(include("/", [named("/", "below")])))
        hosts = ["admin.example", "www.example", "elsewhere"]
        assert [who(ask(application, "/", headers={"Host": host}))[0] for host in hosts] == ["admin", "below", "any"]
        assert who(ask(application, "/only", headers={"Host": "admin.example"})) == ["any"]
        assert application.reverse_url("admin") == "/"

    def test_the_default_host_stands_in_for_addresses(self) -> None:
        """As in Tornado: for a request to a host that is unknown and not forwarded by a proxy."""
        application = make(named("/", "any"), default_host="admin.example")
        application.add_handlers(r"admin\.example", [named("/admin", "admin")])
        assert who(ask(application, "/admin")) == ["admin"]
        assert who(ask(application, "/admin", headers={"X-Real-Ip": "10.0.0.1"})) == [404]


class TestReverse:
    def test_urls_of_names(self) -> None:
        application = make(
            named(r"/?", "", name="index"),
            named(r"/login/?", "", name="login"),
            named(r"^/user/(\d+)/([^/]+)/?$", "", name="user"),
            include("/api/", [named(r"/(?P<id>\d+)", "", name="item")], "api"),
            ("/x/.*", [named("/x/deep", "", name="deep")]),
            named(r"/(?:a|b)", "", name="complicated"),
        )
        reverse = application.reverse_url
        assert [reverse("index"), reverse("login"), reverse("deep")] == ["/", "/login", "/x/deep"]
        assert reverse("user", 5, "ä b") == "/user/5/%C3%A4%20b"
        assert reverse("api-item", 7) == "/api/7"
        with pytest.raises(KeyError, match="item not found"):
            reverse("item", 7)
        with pytest.raises(ValueError, match="Cannot reverse"):
            reverse("complicated")
        with pytest.raises(AssertionError, match="required number of arguments"):
            reverse("user", 5)

    def test_what_is_reversed_is_found(self) -> None:
        application = make(
            named(r"/?", "index", name="index"),
            named(r"/login/?", "login", name="login"),
            include("/blog", [named(r"/?", "blog", name="list")], "blog"),
        )
        names = ["index", "login", "blog-list"]
        assert who(ask(application, *map(application.reverse_url, names))) == ["index", "login", "blog"]


class Unmatched(RequestHandler):
    """The project's own handler of paths that no route matches."""

    def initialize(self, text: str = "nobody") -> None:
        self.text = text

    def prepare(self) -> None:
        self.set_status(404)
        self.finish(self.text)


class TestUnmatched:
    @pytest.mark.parametrize("handler", [Unmatched, f"{__name__}.Unmatched"])
    def test_the_default_handler_class(self, handler: Any) -> None:
        application = make(named("/a", "a"), default_handler_class=handler, default_handler_args={"text": "own"})
        response = fetch(application, "/b")
        assert (response.code, response.body) == (404, b"own")

    def test_it_can_be_named_in_the_settings(self) -> None:
        conf = Settings(TORNADO_CONF={"default_handler_class": f"{__name__}.Unmatched"})
        assert fetch(Application([], conf=conf), "/b").body == b"nobody"
        with pytest.raises(ConfigError, match=r"TORNADO_CONF\['default_handler_class'\]: cannot import 'no\.such'"):
            Application([], conf=Settings(TORNADO_CONF={"default_handler_class": "no.such"}))

    def test_without_one_it_is_a_plain_404(self) -> None:
        assert ask(make(), "/", "/x") == [404, 404]


class TestStatic:
    def test_static_path_is_served_before_all_routes(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "statics").mkdir()
        (tmp_path / "statics" / "a.txt").write_text("static")
        (tmp_path / "statics" / "robots.txt").write_text("robots")
        conf = Settings(PROJECT_PATH=str(tmp_path), TORNADO_CONF={"static_path": "statics"})
        application = Application(route(named("/static/a.txt", "route"), named("/(?:.*)", "rest")), conf=conf)
        assert fetch(application, "/static/a.txt").body == b"static"
        assert fetch(application, "/robots.txt").body == b"robots"
        assert fetch(application, "/static/%2e%2e/setting.py").code == 403
        assert "is not in root static directory" in caplog.text
        assert fetch(application, "/static/none.txt").code == 404
        assert who(ask(application, "/other")) == ["rest"]

    def test_a_prefix_and_a_class_of_ones_own_by_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("static")
        conf = Settings(
            PROJECT_PATH=str(tmp_path),
            TORNADO_CONF={
                "static_path": str(tmp_path),
                "static_url_prefix": "/files/",
                "static_handler_class": f"{__name__}.Marked",
            },
        )
        response = fetch(Application([], conf=conf), "/files/a.txt")
        assert (response.body, response.headers["X-Marked"]) == (b"static", "yes")


class Marked(StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Marked", "yes")
