"""Flashed messages are shown once, travel in one signed cookie, and fit into it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from typing import Any
from urllib.parse import quote

import jinja2
import mako.template
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tornado import template
from tornado.httpclient import HTTPResponse
from tornado.testing import ExpectLog
from tornado.web import Application, RequestHandler, create_signed_value

from support.servers import ServerTestCase
from tornadopy.exceptions import FlashMessageTooLarge
from tornadopy.mixins.flash_message import COOKIE_LIMIT, FlashMessageMixIn

SECRET = "a secret for the tests alone"
NAME = FlashMessageMixIn.flash_cookie_name


class Base(FlashMessageMixIn, RequestHandler):
    pass


class Flash(Base):
    def get(self) -> None:
        for message in self.get_arguments("m", strip=False):
            self.flash(message, self.get_argument("category", "message"))
        self.redirect("/show")


class Show(Base):
    def get(self) -> None:
        self.write(json.dumps(self.get_flashed_messages()))


class Silent(Base):
    def get(self) -> None:
        self.write("nothing read")


class Both(Base):
    def get(self) -> None:
        self.flash("one")
        first = self.get_flashed_messages()
        again = self.get_flashed_messages()
        self.flash("two", "error")
        second = self.get_flashed_messages()
        if self.get_argument("third", None):
            self.flash("three")
        self.write(json.dumps([first, again, second]))


class Failing(Base):
    def get(self) -> None:
        self.flash("before the failure")
        self.set_header("X-Dropped", "by the error page")
        raise ValueError("failed")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if self.get_argument("show", None):
            self.finish(json.dumps(self.get_flashed_messages()))
        else:
            self.finish("failed")


class TooLarge(Base):
    def get(self) -> None:
        self.flash("short")
        try:
            self.flash("x" * 4000)
        except FlashMessageTooLarge as exc:
            self.write(str(exc))


class Streaming(Base):
    async def get(self) -> None:
        self.flash("early")
        self.write("head")
        await self.flush()
        self.write(json.dumps(self.get_flashed_messages()))
        try:
            self.flash("late")
        except RuntimeError as exc:
            self.write(str(exc))


class Objects(Base):
    def get(self) -> None:
        self.flash(ValueError("an error"), 5)  # type: ignore[arg-type]
        self.flash(b"bytes")
        self.flash("\ud800 lone")
        self.redirect("/show")


PAGE = "{% for category, msg in handler.get_flashed_messages() %}<i class='{{ category }}'>{{ msg }}</i>{% end %}"
MAKO = "% for category, msg in handler.get_flashed_messages():\n<i class='${category}'>${msg}</i>\\\n% endfor\n"


class Template(Base):
    def get(self, engine: str) -> None:
        if engine == "tornado":
            page = template.Template(PAGE).generate(handler=self)
        elif engine == "jinja2":
            environment = jinja2.Environment(autoescape=True)
            page = environment.from_string(PAGE.replace("{% end %}", "{% endfor %}")).render(handler=self).encode()
        else:
            page = mako.template.Template(MAKO, default_filters=["h"]).render(handler=self).encode()
        self.write(page)


def routes() -> list[Any]:
    handlers = (Flash, Show, Silent, Both, Failing, TooLarge, Streaming, Objects)
    return [(f"/{each.__name__.lower()}", each) for each in handlers] + [(r"/template/(\w+)", Template)]


class TestBrowser(ServerTestCase):
    """A client that carries cookies, over real sockets."""

    def get_app(self) -> Application:
        self.cookies: dict[str, str] = {}
        return Application(routes(), cookie_secret=SECRET)

    def get_httpserver_options(self) -> dict[str, Any]:
        return {"xheaders": True}

    def visit(self, path: str, **headers: str) -> HTTPResponse:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self.fetch(path, headers=headers, follow_redirects=False)
        for morsel in self.set_cookies(response).values():
            expires = morsel["expires"]
            if expires and parsedate_to_datetime(expires) < datetime.now(UTC):
                self.cookies.pop(morsel.key, None)
            else:
                self.cookies[morsel.key] = morsel.coded_value
        if response.code == 302:
            return self.visit(response.headers["Location"])
        return response

    def shown(self, path: str = "/show") -> Any:
        return json.loads(self.visit(path).body)

    @staticmethod
    def set_cookies(response: HTTPResponse) -> dict[str, Morsel[str]]:
        received = response.headers.get_list("Set-Cookie")
        cookies = {key: morsel for header in received for key, morsel in SimpleCookie(header).items()}
        assert len(cookies) == len(received), "each cookie is set by one header"
        return cookies

    def test_over_a_redirect_and_once(self) -> None:
        assert self.shown("/flash?m=Welcome&category=success") == [["success", "Welcome"]]
        assert self.cookies == {}
        assert self.shown() == []

    def test_several_in_one_request_and_over_requests(self) -> None:
        assert self.shown("/flash?m=a&m=b") == [["message", "a"], ["message", "b"]]
        assert self.shown("/flash?m=c&m=d") == [["message", "c"], ["message", "d"]]

    def test_what_is_not_read_waits(self) -> None:
        with ExpectLog("tornado.application", "Uncaught"), ExpectLog("tornado.access", "500"):
            self.visit("/failing")
        for _ in range(2):
            assert self.visit("/silent").headers.get_list("Set-Cookie") == []
        assert self.shown("/flash?m=later") == [["message", "before the failure"], ["message", "later"]]

    def test_flashed_and_read_in_the_same_request(self) -> None:
        expected = [[["message", "one"]], [], [["error", "two"]]]
        assert self.shown("/both") == expected
        assert self.cookies == {}
        assert self.shown("/both?third=1") == expected
        assert self.shown() == [["message", "three"]]

    def test_without_any_message_no_cookie_is_touched(self) -> None:
        for path in ("/show", "/silent"):
            assert self.visit(path).headers.get_list("Set-Cookie") == []

    def test_an_error_page_sets_and_shows_them(self) -> None:
        with ExpectLog("tornado.application", "Uncaught"), ExpectLog("tornado.access", "500"):
            response = self.visit("/failing")
        assert "X-Dropped" not in response.headers
        with ExpectLog("tornado.application", "Uncaught"), ExpectLog("tornado.access", "500"):
            assert self.shown("/failing?show=1") == [["message", "before the failure"]] * 2
        assert self.cookies == {}

    def test_anything_is_made_text(self) -> None:
        assert self.shown("/objects") == [["5", "an error"], ["message", "b'bytes'"], ["message", "? lone"]]

    def test_the_cookie_is_protected(self) -> None:
        response = self.fetch("/flash?m=hello", follow_redirects=False)
        cookie = self.set_cookies(response)[NAME]
        assert cookie["httponly"]
        assert (cookie["samesite"], cookie["path"], cookie["secure"], cookie["expires"]) == ("Lax", "/", "", "")
        over_tls = self.fetch("/flash?m=hello", follow_redirects=False, headers={"X-Scheme": "https"})
        assert self.set_cookies(over_tls)[NAME]["secure"]
        self.cookies[NAME] = cookie.coded_value
        assert self.set_cookies(self.visit("/show", **{"X-Scheme": "https"}))[NAME]["secure"]

    def test_one_that_is_too_large_is_refused_and_the_earlier_are_kept(self) -> None:
        message = self.visit("/toolarge").body.decode()
        assert f"browsers take {COOKIE_LIMIT}" in message
        assert "would have 5" in message
        assert "1 earlier message(s) are kept" in message
        assert self.shown() == [["message", "short"]]

    def test_the_limit_counts_the_whole_cookie(self) -> None:
        """The largest message that is taken makes a header of at most 4096 bytes, one more byte group does not."""
        size = 0
        for length in range(2700, 3100):
            with (
                ExpectLog("tornado.application", "Uncaught", required=False),
                ExpectLog("tornado.access", "500", required=False),
            ):
                response = self.fetch("/flash?m=" + "x" * length, follow_redirects=False)
            if response.code == 500:
                break
            size = len(response.headers["Set-Cookie"])
            assert size <= COOKIE_LIMIT
        assert response.code == 500
        assert size > COOKIE_LIMIT - 4

    def test_after_the_headers_messages_wait_and_none_is_lost(self) -> None:
        assert self.visit("/streaming").body.decode() == (
            "head[]Cannot flash() after the headers have been sent; call it before flush() and finish()"
        )
        assert self.shown() == [["message", "early"]]

    def test_all_three_template_engines_unpack_and_escape(self) -> None:
        for engine in ("tornado", "jinja2", "mako"):
            response = self.fetch("/flash?m=" + quote("<b>&") + "&category=info", follow_redirects=False)
            self.cookies[NAME] = self.set_cookies(response)[NAME].coded_value
            page = self.visit(f"/template/{engine}").body.decode()
            assert page == "<i class='info'>&lt;b&gt;&amp;</i>", engine

    def test_any_texts_travel_unchanged(self) -> None:
        texts = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60), max_size=5)

        @given(texts)
        @example(['quotes " and \\ and ; and ,', "中文消息", "😀", ""])
        @hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
        def check(messages: list[str]) -> None:
            query = "&".join("m=" + quote(message, safe="") for message in messages)
            assert self.shown(f"/flash?{query}") == [["message", message] for message in messages]

        check()

    def test_a_forged_or_garbled_cookie_is_no_messages_and_is_dropped(self) -> None:
        response = self.fetch("/flash?m=hello", follow_redirects=False)
        genuine = self.set_cookies(response)[NAME].value
        other = [["message", "other"]]
        bad = [
            "",
            "garbage",
            genuine[:-1] + ("0" if genuine[-1] != "0" else "1"),
            base64.b64encode(b'[["message","unsigned"]]').decode(),
            create_signed_value("another secret", NAME, json.dumps(other)).decode(),
            create_signed_value(SECRET, "another_name", json.dumps(other)).decode(),
            create_signed_value(SECRET, NAME, json.dumps(other), version=1).decode(),
            create_signed_value(SECRET, NAME, b"\xff no json").decode(),
            create_signed_value(SECRET, NAME, b"").decode(),
            create_signed_value(SECRET, NAME, json.dumps({"message": "text"})).decode(),
            create_signed_value(SECRET, NAME, json.dumps([["message"]])).decode(),
            create_signed_value(SECRET, NAME, json.dumps([["message", 5]])).decode(),
            create_signed_value(SECRET, NAME, json.dumps(["ab"])).decode(),
            create_signed_value(SECRET, NAME, json.dumps([["message", "x" * 4000]])).decode(),
        ]
        for value in bad:
            self.cookies = {NAME: f'"{value}"'}
            assert self.shown() == [], value
            assert self.cookies == {}, value
            self.cookies = {NAME: f'"{value}"'}
            assert self.shown("/flash?m=new") == [["message", "new"]], value


class TestWithoutSecret(ServerTestCase):
    def get_app(self) -> Application:
        return Application(routes())

    def test_reading_nothing_needs_none(self) -> None:
        assert self.fetch("/show").body == b"[]"


def test_the_order_of_the_bases_does_not_matter() -> None:
    class Turned(RequestHandler, FlashMessageMixIn):
        pass

    assert Turned.flash is Base.flash


@pytest.mark.parametrize("name", ["flash", "get_flashed_messages"])
def test_the_seeds_names(name: str) -> None:
    assert callable(getattr(FlashMessageMixIn, name))
