"""Handlers for users who have logged in: by a session, a token, or the handler's own word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tornado.web import RequestHandler

from support.counting import CountingCache, CountingLocalCache
from support.server import Response, Site, make_application, serving
from support.state import Visitor, serving_site
from support.websocket import shake_hands
from tornadopy.decorators import login_required
from tornadopy.decorators.login_required import login_required as same
from tornadopy.decorators.login_required import safe_next
from tornadopy.exceptions import ArgumentError
from tornadopy.handler import ApiHandler, WebHandler
from tornadopy.websocket import WebSocketHandler

both_kinds = pytest.mark.parametrize("backend", [CountingLocalCache, CountingCache], ids=["in process", "with I/O"])


class Login(WebHandler):
    """Log in by both; tell where to go then."""

    def get(self) -> None:
        self.session.cycle_id()
        self.session["userid"] = "7"
        self.write({"token": self.token.save({"userID": "7"}), "next": safe_next(self, "/home")})


class Either(WebHandler):
    @login_required
    def get(self) -> None:
        self.write("either")

    @login_required
    async def post(self) -> None:
        self.write("either")


class BySession(WebHandler):
    @login_required.session
    def get(self) -> None:
        self.write("session")

    @login_required.session
    async def post(self) -> None:
        self.write("session")

    head = get


class ByToken(WebHandler):
    @login_required.token
    def get(self) -> None:
        self.write("token")

    @login_required.token
    async def post(self) -> None:
        self.write("token")


class Other(WebHandler):
    @login_required.session(key="admin")
    def get(self) -> None:
        self.write("admin")


@login_required.session
class Whole(ApiHandler):
    """All of its methods are guarded."""

    def get(self) -> None:
        self.write_api("whole")

    async def delete(self) -> None:
        self.write_api("whole")


class Lazy(WebHandler):
    """Fetch nothing until it is needed."""

    session_prefetch = token_prefetch = False

    @login_required
    async def get(self) -> None:
        self.write("lazy")

    @login_required.token
    async def post(self) -> None:
        self.write("lazy")


class Custom(WebHandler):
    """Decide oneself: a user who is blocked is none, whatever the session says."""

    def get_current_user(self) -> Any:
        return None if self.get_argument("blocked", "") else self.session["userid"]

    @login_required
    def get(self) -> None:
        self.write(f"custom {self.current_user}")


class Prepared(WebHandler):
    async def prepare(self) -> None:
        self.current_user = self.get_argument("user", None)

    @login_required
    def get(self) -> None:
        self.write("prepared")


@login_required
class Socket(WebSocketHandler):
    pass


class Plain(RequestHandler):
    @login_required
    def get(self) -> None:
        self.write("plain")


ROUTES = [
    ("/login", Login),
    ("/either", Either),
    ("/session", BySession),
    ("/token", ByToken),
    ("/other", Other),
    ("/whole", Whole),
    ("/lazy", Lazy),
    ("/custom", Custom),
    ("/prepared", Prepared),
    ("/socket", Socket),
    ("/plain", Plain),
]


@contextmanager
def site_on(backend: Any = CountingCache, login_url: str = "/login") -> Iterator[Site]:
    cache = {"BACKEND": backend, "LOCATION": "state"}
    with serving_site(ROUTES, cache=cache, tornado={"login_url": login_url}) as site:
        yield site


def is_redirect(response: Response) -> bool:
    return response.status == 302 and response.headers["Location"].startswith("/login?next=")


def is_challenge(response: Response, challenge: str = "Bearer") -> bool:
    return response.status == 401 and response.headers["WWW-Authenticate"] == challenge


class TestBySession:
    @both_kinds
    def test_who_is_logged_in_is_let_in(self, backend: Any) -> None:
        with site_on(backend) as site:
            visitor = Visitor(site)
            visitor.get("/login")
            for target in ("/either", "/session", "/whole", "/lazy", "/plain"):
                assert visitor.get(target).status == 200, target
            assert visitor.fetch("POST", "/session").status == 200
            assert visitor.fetch("HEAD", "/session").status == 200
            assert visitor.fetch("DELETE", "/whole").status == 200
            assert visitor.get("/custom").body == b"custom 7"

    @both_kinds
    def test_a_reader_is_sent_to_the_login_page_and_back(self, backend: Any) -> None:
        with site_on(backend) as site:
            for target in ("/either", "/session", "/lazy", "/custom", "/plain"):
                assert is_redirect(site.get(target)), target
            assert is_redirect(site.fetch("HEAD", "/session"))
            location = site.get("/session?page=2&sort=a%20b").headers["Location"]
            assert location == "/login?next=%2Fsession%3Fpage%3D2%26sort%3Da%2520b"
            assert json.loads(Visitor(site).get(location).body)["next"] == "/session?page=2&sort=a%20b"

    @both_kinds
    def test_a_form_without_login_is_refused(self, backend: Any) -> None:
        """As in Tornado: a redirect would lose what it holds."""
        with site_on(backend) as site:
            for target in ("/either", "/session"):
                response = site.fetch("POST", target)
                assert response.status == 403
                assert "Location" not in response.headers

    @both_kinds
    def test_programs_are_told_to_show_a_token(self, backend: Any) -> None:
        with site_on(backend) as site:
            assert is_challenge(site.get("/whole"))
            assert is_challenge(site.get("/whole", Accept="text/html,*/*;q=0.8"))
            assert is_challenge(site.fetch("DELETE", "/whole"))
            assert is_challenge(site.get("/session", Accept="application/json"))
            assert is_challenge(site.fetch("POST", "/session", Accept="application/json"))

    @both_kinds
    def test_another_key_may_tell(self, backend: Any) -> None:
        with site_on(backend) as site:
            visitor = Visitor(site)
            visitor.get("/login")
            assert is_redirect(visitor.get("/other"))

    def test_a_token_is_not_enough_for_it(self) -> None:
        with site_on() as site:
            token = json.loads(site.get("/login").body)["token"]
            assert is_redirect(site.get("/session", X_Token=token))


class TestByToken:
    @both_kinds
    def test_who_shows_a_token_is_let_in(self, backend: Any) -> None:
        with site_on(backend) as site:
            token = json.loads(site.get("/login").body)["token"]
            for target in ("/either", "/token", "/lazy", "/plain"):
                assert site.get(target, Authorization=f"Bearer {token}").status == 200, target
            for target in ("/either", "/token", "/lazy"):
                assert site.fetch("POST", target, X_Token=token).status == 200, target

    @both_kinds
    def test_others_are_challenged(self, backend: Any) -> None:
        """RFC 6750, section 3: a wrong token is called so, where there is none no error is named."""
        with site_on(backend) as site:
            for method in ("GET", "POST"):
                assert is_challenge(site.fetch(method, "/token"))
                assert is_challenge(site.fetch(method, "/token", Accept="text/html"))
                wrong = site.fetch(method, "/token", Authorization="Bearer wrong")
                assert is_challenge(wrong, 'Bearer error="invalid_token"')

    def test_a_session_is_not_enough_for_it(self) -> None:
        with site_on() as site:
            visitor = Visitor(site)
            visitor.get("/login")
            assert is_challenge(visitor.get("/token"))


class TestByTheHandler:
    @both_kinds
    def test_its_own_word_decides_alone(self, backend: Any) -> None:
        with site_on(backend) as site:
            visitor = Visitor(site)
            visitor.get("/login")
            assert is_redirect(visitor.get("/custom?blocked=1"))

    def test_a_user_may_be_set_in_prepare(self) -> None:
        with site_on() as site:
            assert site.get("/prepared?user=7").status == 200
            assert is_redirect(site.get("/prepared"))

    def test_without_any_middleware_nobody_is_logged_in(self) -> None:
        application = make_application(ROUTES, tornado={"login_url": "/login"})
        with serving(application) as site:
            assert is_redirect(site.get("/either"))
            assert site.get("/prepared?user=7").status == 200


class TestWebSocket:
    def test_a_handshake_is_refused_or_let_through(self) -> None:
        with site_on() as site:
            visitor = Visitor(site)
            with site.connect() as client:
                assert is_challenge(shake_hands(client, "/socket"))
            visitor.get("/login")
            with site.connect() as client:
                assert shake_hands(client, "/socket", **visitor.shown()).status == 101


class TestLoginPage:
    @pytest.mark.parametrize(
        ("login_url", "expected"),
        [
            ("/login", "/login?next=%2Feither%3Fa%3D1"),
            ("/login?lang=de", "/login?lang=de&next=%2Feither%3Fa%3D1"),
            ("/login?next=/fixed", "/login?next=/fixed"),
            ("http://127.0.0.1/login", "http://127.0.0.1/login?next=%2Feither%3Fa%3D1"),
            (
                "https://login.example/?a=b",
                "https://login.example/?a=b&next=http%3A%2F%2F127.0.0.1%2Feither%3Fa%3D1",
            ),
        ],
    )
    def test_where_it_is(self, login_url: str, expected: str) -> None:
        """An absolute address elsewhere is given an absolute way back, as in Tornado."""
        with site_on(login_url=login_url) as site:
            assert site.get("/either?a=1").headers["Location"] == expected

    def test_a_handler_may_say_so_itself(self) -> None:
        class Own(Either):
            def get_login_url(self) -> str:
                return "/own"

        with serving(make_application([("/", Own)])) as site:
            assert site.get("/").headers["Location"] == "/own?next=%2F"

    def test_without_one_the_setting_is_named(self, caplog: pytest.LogCaptureFixture) -> None:
        with serving(make_application([("/", Either)])) as site:
            assert site.get("/").status == 500
        assert "set TORNADO_CONF['login_url']" in caplog.text

    @pytest.mark.parametrize("target", ["//evil.example/either", "http://evil.example/either"])
    def test_what_leads_elsewhere_is_not_handed_on(self, target: str) -> None:
        """A request line may hold such an address, and a route may match it."""
        application = make_application([(r".*", Either)], tornado={"login_url": "/login"})
        with serving(application) as site:
            assert site.get(target).headers["Location"] == "/login?next=%2F"

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ("", "/home"),
            ("?next=", "/home"),
            ("?next=/cart%3Fa=1", "/cart?a=1"),
            ("?next=//evil.example", "/home"),
            ("?next=https://evil.example/", "/home"),
            ("?next=/%5Cevil.example", "/home"),
            ("?next=/%09/evil.example", "/home"),
            ("?next=javascript:alert(1)", "/home"),
            ("?next=http://127.0.0.1/cart", "http://127.0.0.1/cart"),
        ],
    )
    def test_the_way_back_leads_to_the_own_site(self, asked: str, expected: str) -> None:
        with site_on() as site:
            assert json.loads(site.get(f"/login{asked}").body)["next"] == expected


class TestDecorating:
    def test_it_is_found_in_both_ways(self) -> None:
        """The module can be called, and holds the decorator of its name."""
        assert login_required.session == same.session
        assert login_required.token == same.token

        def method(self: Any) -> None: ...

        assert login_required(method).__wrapped__ is method  # type: ignore[attr-defined]
        assert same(method).__name__ == "method"

    def test_a_class_has_to_be_a_handler(self) -> None:
        with pytest.raises(ArgumentError, match=r"login_required.token decorates handlers and their methods; X is no"):
            login_required.token(type("X", (), {}))
