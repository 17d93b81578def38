"""The session middleware: cookie, time of loading, time of saving; over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tornado.web import Finish, HTTPError, StaticFileHandler

from support.counting import CountingCache, CountingLocalCache
from support.hooks import hook
from support.server import Client, Response, Site, make_application, serving, wait_for
from support.state import COOKIE, SESSION_SECRET, SESSIONS, Visitor, serving_site, set_cookies
from support.websocket import receive_frame, send_frame, shake_hands
from tornadopy.application import Application
from tornadopy.cache import cache_page
from tornadopy.cache.handler import handler_of
from tornadopy.conf import Settings
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import ConfigError, Http404, SessionError
from tornadopy.handler import ApiHandler, WebHandler
from tornadopy.utils.secretids import SecretIds
from tornadopy.websocket import WebSocketHandler

both_kinds = pytest.mark.parametrize("backend", [CountingLocalCache, CountingCache], ids=["in process", "with I/O"])


class UnhurriedCache(CountingCache):
    """Let others go on before it answers, and the later it is asked, the longer."""

    asked = 0

    async def _run(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        for _ in range(10 * self.asked):
            await asyncio.sleep(0)
        return method(*args, **kwargs)


@pytest.fixture(autouse=True)
def no_calls_yet() -> None:
    CountingCache.calls.clear()


class Values(WebHandler):
    """Show a key, set it, or do without the session."""

    def get(self) -> None:
        self.write({"value": self.session["value"]})

    def post(self) -> None:
        self.session["value"] = json.loads(self.request.body)

    def put(self) -> None:
        self.write("no session")


class Flush(WebHandler):
    def get(self) -> None:
        self.session.flush()


class Own(Values):
    """Fetch the session oneself."""

    session_prefetch = False

    async def get(self) -> None:
        await self.session.load()
        super().get()


class Expire(WebHandler):
    def get(self, seconds: str) -> None:
        self.session["value"] = 1
        self.set_expire(int(seconds))


ROUTES = [("/", Values), ("/own", Own), ("/flush", Flush), ("/expire/(.*)", Expire)]


@contextmanager
def site_on(
    backend: Any = CountingCache, *more: Any, hooks: Any = (), server: Any = None, **options: Any
) -> Iterator[Site]:
    cache = {"BACKEND": backend, "LOCATION": "state"}
    with serving_site([*ROUTES, *more], *hooks, cache=cache, server=server, SESSION=options) as site:
        yield site


def calls() -> dict[str, int]:
    """Return how the cache has been called since this was last asked."""
    found = dict(CountingCache.calls)
    CountingCache.calls.clear()
    return found


def begin(site: Site, value: Any = 1) -> Visitor:
    """Return a visitor with a session."""
    visitor = Visitor(site)
    assert visitor.fetch("POST", "/", json.dumps(value).encode()).status == 200
    calls()
    return visitor


def value_of(visitor: Visitor) -> Any:
    return json.loads(visitor.get("/").body)["value"]


def an_id(secret: str = SESSION_SECRET, version: str = "") -> str:
    return SecretIds(secret, purpose=f"tornadopy session {version}").create().text


class TestSettings:
    def test_a_handler_without_the_middleware_says_what_is_missing(self, caplog: pytest.LogCaptureFixture) -> None:
        with serving(make_application(ROUTES)) as site:
            assert site.get("/").status == 500
        assert "add 'tornadopy.middleware.session.SessionMiddleware' to MIDDLEWARE_CLASSES" in caplog.text

    def test_there_is_then_no_session_for_who_asks(self) -> None:
        class Asks(WebHandler):
            def get(self) -> None:
                self.write({"has": hasattr(self, "session")})

        with serving(make_application([("/", Asks)])) as site:
            assert json.loads(site.get("/").body) == {"has": False}

    @pytest.mark.parametrize("name", ["session", "token"])
    def test_a_site_may_keep_something_else_under_the_name(self, name: str) -> None:
        class Keeps(WebHandler):
            def get(self) -> None:
                setattr(self, name, "mine")
                self.write(getattr(self, name))

        with serving_site([("/", Keeps)]) as site:
            assert site.get("/").body == b"mine"

    def test_an_alias_that_does_not_exist(self) -> None:
        with pytest.raises(
            ConfigError, match=r"^SESSION.session_cache_alias: CACHES has no cache 'x', it has 'default'"
        ):
            make_application([], SESSIONS, SESSION={"session_cache_alias": "x"})

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("session_name", ""),
            ("session_name", "a b"),
            ("session_name", "sid;"),
            ("session_name", "a=b"),
            ("session_name", "é"),
            ("cookie_domain", "a; Secure"),
            ("cookie_path", "/a b"),
            ("cookie_path", "/\r\nX: y"),
            ("expires", 10**12),
        ],
    )
    def test_what_no_cookie_can_be_is_refused_at_the_start(self, key: str, value: Any) -> None:
        with pytest.raises(ConfigError, match=f"^SESSION.{key}: "):
            make_application([], SESSIONS, SESSION={key: value})

    def test_a_client_that_is_no_cache(self) -> None:
        caches = {"default": {"BACKEND": "tornadopy.cache.backends.rediscache.RedisClient", "LOCATION": "127.0.0.1:1"}}
        with pytest.raises(ConfigError, match=r"'default' is a RedisClient, which keeps no values"):
            make_application([], SESSIONS, CACHES=caches)

    def test_without_a_secret_nothing_starts_and_nothing_works(self, caplog: pytest.LogCaptureFixture) -> None:
        application = make_application(ROUTES, SESSIONS)
        with pytest.raises(ConfigError, match=r"SESSION.secret_key is missing, and its middleware is on"):
            application.check_secrets()
        with serving(application) as site:
            assert site.get("/").status == 500
            assert site.fetch("PUT", "/", Cookie=f"{COOKIE}={an_id()}").status == 200
        assert "SESSION.secret_key is missing" in caplog.text

    def test_in_debug_a_secret_is_made_up(self, caplog: pytest.LogCaptureFixture) -> None:
        application = make_application(ROUTES, SESSIONS, DEBUG=True)
        assert "SESSION.secret_key is not set: a random one is used" in caplog.text
        with serving(application) as site:
            visitor = begin(site)
            assert value_of(visitor) == 1

    def test_two_applications_share_nothing(self) -> None:
        with site_on(CountingLocalCache) as first, site_on(CountingLocalCache) as second:
            visitor = begin(first)
            visitor.site = second
            assert value_of(visitor) is None

    def test_a_script_finds_the_same_store(self) -> None:
        """Whoever has the settings has the caches, and so the sessions."""
        conf = Settings(SESSION={"secret_key": SESSION_SECRET}, TORNADO_CONF={"cookie_secret": SESSION_SECRET})
        application = Application([("/", Values)], middlewares=[SESSIONS], conf=conf)
        with serving(application) as site:
            shown = begin(site).session_id
        kept = SecretIds(SESSION_SECRET, purpose="tornadopy session ").parse(shown)
        assert kept is not None
        assert f"session:{kept.store_key}" in handler_of(conf)["default"]


class TestCookie:
    def attributes(self, response: Response) -> dict[str, Any]:
        morsel = set_cookies(response)[COOKIE]
        return {name: value for name, value in morsel.items() if value}

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, {"path": "/", "httponly": True, "samesite": "Lax"}),
            ({"cookie_domain": "", "secure": False}, {"path": "/", "httponly": True, "samesite": "Lax"}),
            ({"secure": True}, {"path": "/", "httponly": True, "samesite": "Lax", "secure": True}),
            (
                {"cookie_domain": ".example.com", "cookie_path": "/shop", "httponly": False, "samesite": "Strict"},
                {"domain": ".example.com", "path": "/shop", "samesite": "Strict"},
            ),
            (
                {"samesite": "None", "secure": True},
                {"path": "/", "httponly": True, "samesite": "None", "secure": True},
            ),
        ],
    )
    def test_its_attributes(self, options: dict[str, Any], expected: dict[str, Any]) -> None:
        """Set and deleted alike, or browsers would not delete it."""
        with site_on(**options) as site:
            visitor = Visitor(site)
            assert self.attributes(visitor.fetch("POST", "/", b"1")) == expected
            deleted = self.attributes(visitor.get("/flush"))
            assert deleted.pop("expires") is not None
            assert deleted == expected

    @pytest.mark.parametrize(("secure", "expected"), [(None, True), (True, True), (False, False)])
    def test_under_https_it_is_secure_unless_told_otherwise(self, secure: bool | None, expected: bool) -> None:
        with site_on(server={"xheaders": True}, secure=secure) as site:
            response = Visitor(site, X_Scheme="https").fetch("POST", "/", b"1")
        assert bool(set_cookies(response)[COOKIE]["secure"]) is expected

    def test_its_name(self) -> None:
        with site_on(session_name="sid") as site:
            visitor = begin(site)
            assert list(visitor.cookies) == ["sid"]
            assert value_of(visitor) == 1

    def test_others_beside_it_do_not_matter(self) -> None:
        with site_on() as site:
            shown = begin(site).session_id
            for cookie in (
                f'a=1; x{COOKIE}=no; {COOKIE}={shown}; b="q;"',
                f"{COOKIE}={shown}",
                f"{COOKIE}={shown};",
                f"a;b=;=c;{COOKIE}={shown}",
                f"{COOKIE}=another; {COOKIE} = {shown} ",
            ):
                assert value_of(Visitor(site, Cookie=cookie)) == 1
            for cookie in (f"{COOKIE}={shown}; {COOKIE}=another", f"{COOKIE}{shown}", f"a={COOKIE}={shown}"):
                assert value_of(Visitor(site, Cookie=cookie)) is None


class TestNothing:
    """What costs and touches nothing."""

    @both_kinds
    @pytest.mark.parametrize(
        "cookie",
        [
            "",
            "other=1",
            f"{COOKIE}=",
            f"{COOKIE}=short",
            f"{COOKIE}={'A' * 64}",
            f"{COOKIE}={an_id()[:-1]}",
            f"{COOKIE}={an_id()}A",
            f"{COOKIE}={an_id() * 100}",
            f"{COOKIE}={an_id(version='2')}",
            f"{COOKIE}={an_id(secret='another-secret-of-16-characters')}",
            f'{COOKIE}="{an_id()}\\012"',
            f"x{COOKIE}={an_id()}",
        ],
    )
    def test_a_request_whose_cookie_is_none(self, backend: Any, cookie: str) -> None:
        """The store is not even asked, whatever the handler reads."""
        headers = {"Cookie": cookie} if cookie else {}
        with site_on(backend) as site:
            for method, target in (("GET", "/"), ("PUT", "/"), ("GET", "/flush"), ("GET", "/nowhere"), ("GET", "/own")):
                response = site.fetch(method, target, **headers)
                assert "Set-Cookie" not in response.headers
        assert calls() == {}

    @both_kinds
    def test_a_session_that_nobody_changes_is_not_written(self, backend: Any) -> None:
        with site_on(backend) as site:
            visitor = begin(site, [1])
            response = visitor.get("/")
            assert "Set-Cookie" not in response.headers
            assert visitor.fetch("POST", "/", b"[1]").status == 200  # as it was
        assert set(calls()) <= {"get", "aget"}

    def test_a_session_that_nobody_reads_is_not_asked_for_in_the_process(self) -> None:
        with site_on(CountingLocalCache) as site:
            visitor = begin(site)
            visitor.fetch("PUT", "/")
        assert calls() == {}

    def test_the_pipeline_has_no_hook_for_sessions_in_the_process(self) -> None:
        with site_on(CountingLocalCache) as site:
            assert site.application.pipeline.request == ()
            assert site.application.pipeline.response == ()
        with site_on(CountingCache) as site:
            assert len(site.application.pipeline.request) == 2  # that of tokens is the other
            assert site.application.pipeline.response == ()


class TestLoading:
    def test_with_io_it_is_fetched_once_and_not_on_the_way(self) -> None:
        with site_on() as site:
            visitor = begin(site)
            assert value_of(visitor) == 1
            assert calls() == {"aget": 1, "get": 1}  # the one calls the other
            visitor.fetch("PUT", "/")
            assert calls() == {"aget": 1, "get": 1}

    def test_a_handler_may_fetch_it_itself(self) -> None:
        with site_on() as site:
            visitor = begin(site)
            visitor.fetch("PUT", "/own")
            assert calls() == {}
            assert json.loads(visitor.get("/own").body) == {"value": 1}
            assert calls() == {"aget": 1, "get": 1}

    def test_a_session_that_is_not_loaded_is_an_error(self, caplog: pytest.LogCaptureFixture) -> None:
        with site_on() as site:
            assert begin(site).fetch("POST", "/own", b"2").status == 500
        assert "the session is not loaded" in caplog.text
        assert "await self.session.load()" in caplog.text

    def test_without_a_cookie_there_is_nothing_to_be_loaded(self) -> None:
        with site_on() as site:
            visitor = Visitor(site)
            assert visitor.fetch("POST", "/own", b"2").status == 200
            assert value_of(visitor) == 2

    def test_other_middlewares_have_it_after_this_one(self) -> None:
        """For handlers of Tornado, too."""
        seen = []
        later = hook("request", lambda handler, clear: seen.append(handler.session["value"]))
        files = (r"/files/(.*)", StaticFileHandler, {"path": "."})
        with site_on(CountingCache, files, hooks=[later]) as site:
            visitor = begin(site)
            visitor.get("/files/pyproject.toml")
            visitor.get("/nowhere")
        assert seen == [None, 1, 1]

    def test_it_can_be_fetched_anew(self) -> None:
        class Twice(WebHandler):
            async def get(self) -> None:
                self.session["value"] = "unsaved"
                await self.session.load()
                assert self.session["value"] == "unsaved"
                await self.session.load(fresh=True)
                self.write({"value": self.session["value"]})

        with site_on(CountingCache, ("/twice", Twice)) as site:
            assert json.loads(begin(site).get("/twice").body) == {"value": 1}

    def test_two_who_fetch_it_at_once_do_not_drop_each_other_s_changes(self) -> None:
        class Both(WebHandler):
            session_prefetch = False

            async def get(self) -> None:
                second = asyncio.ensure_future(self.load_and_change("second"))
                await self.load_and_change("first")
                await second

            async def load_and_change(self, key: str) -> None:
                await self.session.load()
                self.session[key] = key

            async def post(self) -> None:
                await self.session.load()
                self.write(dict(self.session))

        with site_on(UnhurriedCache, ("/both", Both)) as site:
            visitor = begin(site)
            assert visitor.get("/both").status == 200
            expected = {"value": 1, "first": "first", "second": "second"}
            assert json.loads(visitor.fetch("POST", "/both").body) == expected


class TestSaving:
    @both_kinds
    def test_a_changed_one_is_written_once(self, backend: Any) -> None:
        with site_on(backend) as site:
            visitor = Visitor(site)
            visitor.fetch("POST", "/", b"1")
            found = calls()
            assert found["set"] == 1
            assert "update" not in found
            visitor.fetch("POST", "/", b"2")
            found = calls()
            assert found["update"] == 1
            assert value_of(visitor) == 2

    @both_kinds
    def test_an_answer_of_any_kind_is_preceded_by_it(self, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
        """Whatever ended it: the next request finds the value."""

        class Various(WebHandler):
            async def get(self, kind: str) -> None:
                self.session["value"] = kind
                if kind == "redirect":
                    self.redirect("/")
                elif kind == "404":
                    raise Http404
                elif kind == "500":
                    raise ZeroDivisionError
                elif kind == "401":
                    raise HTTPError(401)
                elif kind == "finish":
                    raise Finish
                elif kind == "304":
                    self.set_status(304)
                elif kind == "finished":
                    await self.finish("done")
                elif kind == "sent":
                    self.send_error(403)

        kinds = ("redirect", "404", "500", "401", "finish", "304", "finished", "sent", "plain")
        with site_on(backend, ("/any/(.*)", Various)) as site:
            for kind in kinds:
                visitor = Visitor(site)
                visitor.get(f"/any/{kind}")
                assert value_of(visitor) == kind
                visitor.get(f"/any/{kind}")

    @both_kinds
    def test_no_hook_can_keep_it_from_being_saved(self, backend: Any) -> None:
        """Neither `clear`, nor a true value, nor `Finish`, of whichever middleware."""

        def finish(*_: Any) -> None:
            raise Finish

        hooks: list[type] = [
            hook("request", lambda handler, clear: clear()),
            hook("response", lambda handler, clear, chunk: clear()),
            hook("response", lambda handler, clear, chunk: True),
            hook("response", lambda handler, clear, chunk: True, is_async=True),
            hook("response", finish),
            hook("response", finish, is_async=True),
        ]
        for each in hooks:
            with site_on(backend, hooks=[each]) as site:
                visitor = begin(site)
                assert value_of(visitor) == 1

    @both_kinds
    def test_what_a_response_hook_changes_is_saved(self, backend: Any) -> None:
        def change(handler: Any, clear: Any, chunk: Any) -> None:
            handler.session["value"] = "from a hook"

        with site_on(backend, hooks=[hook("response", change)]) as site:
            visitor = Visitor(site)
            visitor.fetch("PUT", "/")
            assert value_of(visitor) == "from a hook"

    @both_kinds
    def test_a_streamed_answer_is_preceded_by_it_and_followed(self, backend: Any) -> None:
        """Before the first byte; what is changed later is saved at the end."""
        going_on: list[asyncio.Event] = []

        class Stream(WebHandler):
            async def get(self) -> None:
                self.session["value"] = "begun"
                self.write("one")
                await self.flush()
                going_on.append(asyncio.Event())
                await going_on[-1].wait()
                self.session["value"] = "ended"

        with site_on(backend, ("/stream", Stream)) as site, site.connect() as client:
            visitor = Visitor(site)
            client.request("GET", "/stream")
            visitor.take(client.receive_head())
            assert value_of(visitor) == "begun"
            wait_for(lambda: going_on, "the handler")
            site.loop.call_soon_threadsafe(going_on[0].set)
            wait_for(lambda: value_of(visitor) == "ended", "the end of the request")

    @both_kinds
    def test_a_session_cannot_begin_after_the_headers(self, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
        class Late(WebHandler):
            async def get(self, kind: str) -> None:
                if kind == "used":
                    assert self.session["value"] is None
                self.write("one")
                await self.flush()
                for use in (
                    lambda: self.session.update(value=1),
                    self.session.cycle_id,
                    lambda: self.set_expire(5),
                ):
                    with pytest.raises(SessionError, match="the headers have been sent"):
                        use()
                assert self.session["value"] is None
                self.session.flush()
                del self.session["value"]
                self.write("two")

        with site_on(backend, ("/late/(.*)", Late)) as site:
            for kind in ("used", "unused"):
                response = site.get(f"/late/{kind}")
                assert response.body == b"onetwo"
                assert "Set-Cookie" not in response.headers
        assert "set" not in calls()

    @both_kinds
    def test_what_has_changed_is_saved_although_the_client_has_gone(self, backend: Any) -> None:
        going_on: list[asyncio.Event] = []

        class Waiting(WebHandler):
            async def get(self) -> None:
                self.session["value"] = "changed"
                going_on.append(asyncio.Event())
                await going_on[-1].wait()

            def on_connection_close(self) -> None:
                going_on[-1].set()

        with site_on(backend, ("/waiting", Waiting)) as site:
            visitor = begin(site)
            with site.connect() as client:
                client.request("GET", "/waiting", **visitor.shown())
                wait_for(lambda: going_on, "the handler")
            site.settle()
            assert value_of(visitor) == "changed"

    def test_a_save_that_is_broken_off_is_done_before_the_answer(self) -> None:
        """The old id is dead, and the new one has all that there was."""

        class BrokenOff(WebHandler):
            async def get(self) -> None:
                self.session.cycle_id()
                self.session["more"] = 2
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0):
                        await self.session.save()

        with site_on(UnhurriedCache, ("/broken", BrokenOff)) as site:
            visitor = begin(site)
            before = visitor.shown()
            assert visitor.get("/broken").status == 200
            assert json.loads(site.get("/", **before).body) == {"value": None}
            assert value_of(visitor) == 1

    @both_kinds
    def test_a_value_of_no_json_is_named(self, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
        """When it is set, or when it has become one; what was there before stays."""

        class Wrong(WebHandler):
            def get(self, kind: str) -> None:
                if kind == "set":
                    self.session["value"] = {1, 2}
                else:
                    self.session["value"].append(object())

        with site_on(backend, ("/wrong/(.*)", Wrong)) as site:
            visitor = begin(site, [1])
            for kind in ("set", "changed"):
                assert visitor.get(f"/wrong/{kind}").status == 500
                assert value_of(visitor) == [1]
        errors = [each for each in caplog.records if each.levelno >= logging.ERROR and each.exc_info]
        assert ["session['value'] cannot be kept" in str(each.exc_info[1]) for each in errors if each.exc_info] == [
            True,
            True,
        ]

    @both_kinds
    def test_a_session_has_its_limit(self, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
        with site_on(backend, max_size=1000) as site:
            visitor = begin(site, "x" * 900)
            assert visitor.fetch("POST", "/", json.dumps("y" * 1000).encode()).status == 500
            assert Visitor(site).fetch("POST", "/", json.dumps("y" * 1000).encode()).status == 500
            assert value_of(visitor) == "x" * 900
        assert "SESSION.max_size allows 1,000; the largest value is that of 'value'" in caplog.text

    @both_kinds
    def test_threads_may_use_it(self, backend: Any) -> None:
        class Threaded(WebHandler):
            async def get(self, kind: str) -> None:
                await self.work(kind)

            @async_execute
            def work(self, kind: str) -> None:
                if kind == "flush":
                    self.session.flush()
                else:
                    self.session["value"] += 1

        with site_on(backend, ("/threaded/(.*)", Threaded)) as site:
            visitor = begin(site)
            visitor.get("/threaded/add")
            assert value_of(visitor) == 2
            shown = visitor.session_id
            visitor.get("/threaded/flush")
            assert visitor.session_id is None
            assert value_of(Visitor(site, Cookie=f"{COOKIE}={shown}")) is None


class TestLife:
    def store_of(self, site: Site, visitor: Visitor) -> tuple[Any, str]:
        kept = SecretIds(SESSION_SECRET, purpose="tornadopy session ").parse(visitor.session_id)
        assert kept is not None
        return site.application.caches["default"].using("json"), f"session:{kept.store_key}"

    def age(self, site: Site, visitor: Visitor, seconds: float) -> None:
        """Let the visitor's session be so much older."""
        cache, key = self.store_of(site, visitor)
        record = cache.get(key)
        cache.set(key, {**record, "renewed": record["renewed"] - seconds}, 1000)
        calls()

    @both_kinds
    @pytest.mark.parametrize(("seconds", "is_renewed"), [(49, False), (51, True)])
    def test_reading_renews_it_once_half_its_life_is_over(self, backend: Any, seconds: int, is_renewed: bool) -> None:
        with site_on(backend, expires=100) as site:
            visitor = begin(site)
            self.age(site, visitor, seconds)
            shown = visitor.session_id
            response = visitor.get("/")
            assert (COOKIE in set_cookies(response)) == is_renewed
            assert calls().get("update", 0) == is_renewed
            assert visitor.session_id == shown
            if is_renewed:
                assert set_cookies(response)[COOKIE]["max-age"] == "100"
            assert COOKIE not in set_cookies(visitor.get("/"))

    @both_kinds
    def test_who_does_not_read_it_does_not_renew_it(self, backend: Any) -> None:
        with site_on(backend, expires=100) as site:
            visitor = begin(site)
            self.age(site, visitor, 90)
            assert COOKIE not in set_cookies(visitor.fetch("PUT", "/"))
            assert "update" not in calls()

    @both_kinds
    def test_save_every_request_renews_it_always(self, backend: Any) -> None:
        """Read or not; a client without a session is not given one."""
        with site_on(backend, expires=100, save_every_request=True) as site:
            visitor = begin(site)
            assert COOKIE in set_cookies(visitor.get("/"))
            assert calls()["update"] == 1
            assert COOKIE in set_cookies(visitor.fetch("PUT", "/"))
            assert calls()["update"] == 1
            stranger = Visitor(site)
            stranger.fetch("PUT", "/")
            stranger.get("/")
            assert stranger.cookies == {}
            assert calls() == {}

    def test_a_session_of_the_browser_stays_a_day_in_the_store(self) -> None:
        with site_on(expires=0) as site:
            visitor = begin(site)
            assert visitor.cookies[COOKIE]["max-age"] == visitor.cookies[COOKIE]["expires"] == ""
            self.age(site, visitor, 12 * 3600 - 60)
            visitor.get("/")
            assert "update" not in calls()
            self.age(site, visitor, 120)
            assert "Set-Cookie" not in visitor.get("/").headers  # a browser keeps it as long as it is open
            assert calls()["update"] == 1

    @both_kinds
    def test_a_session_may_have_its_own_life(self, backend: Any) -> None:
        with site_on(backend, expires=100) as site:
            visitor = Visitor(site)
            visitor.get("/expire/2592000")
            assert visitor.cookies[COOKIE]["max-age"] == "2592000"
            visitor.fetch("POST", "/", b"2")
            assert visitor.cookies[COOKIE]["max-age"] == "2592000"
            self.age(site, visitor, 2592000 // 2 - 60)
            assert COOKIE not in set_cookies(visitor.get("/"))
            visitor.get("/expire/0")
            assert visitor.cookies[COOKIE]["max-age"] == ""
            visitor.fetch("POST", "/", b"3")
            assert value_of(visitor) == 3

    @pytest.mark.parametrize("seconds", [-1, 10**12, True, 1.5, "60", None])
    def test_a_life_is_a_number_of_seconds(self, seconds: Any, caplog: pytest.LogCaptureFixture) -> None:
        class Wrong(WebHandler):
            def get(self) -> None:
                self.session["value"] = 1
                self.set_expire(seconds)

        with site_on(CountingCache, ("/wrong", Wrong)) as site:
            assert site.get("/wrong").status == 500
        assert "expected whole seconds, from 0" in caplog.text

    def test_a_life_alone_begins_no_session(self) -> None:
        class Life(WebHandler):
            def get(self) -> None:
                self.set_expire(60)

        with site_on(CountingCache, ("/life", Life)) as site:
            assert "Set-Cookie" not in site.get("/life").headers


class TestAddress:
    def elsewhere(self, visitor: Visitor) -> Visitor:
        other = Visitor(visitor.site, X_Real_Ip="192.0.2.7")
        other.cookies = dict(visitor.cookies)
        return other

    @both_kinds
    def test_another_address_gets_an_empty_session_and_destroys_nothing(self, backend: Any) -> None:
        with site_on(backend, server={"xheaders": True}) as site:
            visitor = begin(site)
            other = self.elsewhere(visitor)
            assert value_of(other) is None
            other.get("/flush")
            assert value_of(visitor) == 1
            other.fetch("POST", "/", b"2")
            assert other.session_id != visitor.session_id
            assert (value_of(visitor), value_of(other)) == (1, 2)

    @both_kinds
    def test_the_address_may_be_left_out_of_it(self, backend: Any) -> None:
        with site_on(backend, server={"xheaders": True}, ignore_change_ip=True) as site:
            visitor = begin(site)
            other = self.elsewhere(visitor)
            assert value_of(other) == 1
            other.get("/flush")
            assert value_of(visitor) is None


class TestHeaders:
    def test_who_looks_at_it_says_that_the_answer_depends_on_the_cookie(self) -> None:
        """RFC 9110, section 12.5.5: a shared cache must not hand it to others."""
        with site_on() as site:
            visitor = begin(site)
            assert "Cookie" in visitor.get("/").headers["Vary"]
            assert "Cookie" in Visitor(site).get("/").headers["Vary"]
            assert "Vary" not in visitor.fetch("PUT", "/").headers

    def test_a_vary_of_the_handlers_stays(self) -> None:
        class Both(ApiHandler):
            def get(self) -> None:
                self.write_api(self.session["value"])

        with site_on(CountingCache, ("/both", Both)) as site:
            assert set(site.get("/both").headers["Vary"].replace(" ", "").split(",")) == {"Accept", "Cookie"}

    def test_a_header_that_is_only_called_like_it_does_not_count(self) -> None:
        class Consent(WebHandler):
            def get(self) -> None:
                self.set_header("Vary", "X-Cookie-Consent")
                self.write(str(self.session["value"]))

        with site_on(CountingCache, ("/consent", Consent)) as site:
            assert site.get("/consent").headers["Vary"] == "X-Cookie-Consent, Cookie"


class TestCachedPages:
    """A page that is kept by `cache_page`, together with the session it was made from."""

    @both_kinds
    def test_each_client_gets_its_own(self, backend: Any) -> None:
        made = []

        class Greeting(WebHandler):
            @cache_page(60)
            def get(self) -> None:
                made.append(self.session["value"])
                self.write({"value": self.session["value"]})

        with site_on(backend, ("/greeting", Greeting)) as site:
            ann, bob, nobody = begin(site, "ann"), begin(site, "bob"), Visitor(site)
            for _ in range(2):
                for visitor, expected in ((ann, "ann"), (bob, "bob"), (nobody, None)):
                    response = visitor.get("/greeting")
                    assert json.loads(response.body) == {"value": expected}
                    assert response.headers.get_list("Vary") == ["Cookie"]
            assert made == ["ann", "bob", None]

    @both_kinds
    def test_one_that_leaves_the_session_alone_is_for_all(self, backend: Any) -> None:
        made = []

        class Public(WebHandler):
            @cache_page(60)
            def get(self) -> None:
                made.append(1)
                self.write("for all")

        with site_on(backend, ("/public", Public)) as site:
            for visitor in (begin(site), begin(site), Visitor(site)):
                assert visitor.get("/public").body == b"for all"
            assert made == [1]


class TestWebSocket:
    class Socket(WebSocketHandler):
        def prepare(self) -> None:
            if self.get_query_argument("begin", ""):
                self.session["value"] = "shaken"

        async def on_message(self, message: str | bytes) -> None:
            if message == "read":
                await self.session.load(fresh=True)
                self.write_message(json.dumps(self.session["value"]))
                return
            try:
                self.session["value"] = message
                if message == "save":
                    await self.session.save()
            except SessionError:
                self.write_message("too late")
            else:
                self.write_message("done")

    def say(self, client: Client, word: str) -> str:
        send_frame(client, word.encode())
        return receive_frame(client)[1].decode()

    @both_kinds
    def test_the_handshake_brings_the_cookie(self, backend: Any) -> None:
        with site_on(backend, ("/socket", self.Socket)) as site, site.connect() as client:
            visitor = Visitor(site)
            visitor.take(shake_hands(client, "/socket?begin=1"))
            assert value_of(visitor) == "shaken"
            assert self.say(client, "save") == "done"
            assert value_of(visitor) == "save"
            visitor.fetch("POST", "/", b"5")
            assert self.say(client, "read") == "5"
            assert self.say(client, "at the end") == "done"
            assert value_of(visitor) == 5
            client.close()
            wait_for(lambda: value_of(visitor) == "at the end", "the end of the connection")

    @both_kinds
    def test_after_it_no_session_can_begin(self, backend: Any) -> None:
        with site_on(backend, ("/socket", self.Socket)) as site, site.connect() as client:
            response = shake_hands(client, "/socket")
            assert "Set-Cookie" not in response.headers
            assert self.say(client, "value") == "too late"

    @both_kinds
    def test_it_has_the_session_of_the_visitor(self, backend: Any) -> None:
        with site_on(backend, ("/socket", self.Socket)) as site, site.connect() as client:
            visitor = begin(site, "known")
            shake_hands(client, "/socket", **visitor.shown())
            assert self.say(client, "read") == '"known"'


class TestSecrecy:
    @both_kinds
    def test_no_log_and_no_page_shows_an_id(self, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
        """In debug mode, with everything that fails, at the lowest level of logging."""

        class Fails(WebHandler):
            def get(self, kind: str) -> None:
                session = self.session
                values = dict(session)
                session["value"] = "changed"
                if kind == "cycle":
                    session.cycle_id()
                elif kind == "flush":
                    session.flush()
                raise RuntimeError(f"failed with {session!r} and {self.request.path} and {values}")

        caplog.set_level(logging.DEBUG)
        shown: set[str] = set()
        bodies = []
        cache = {"BACKEND": backend, "LOCATION": "state"}
        middleware = "tornadopy.middleware.accesslog.AccessLogMiddleware"
        routes = [*ROUTES, ("/fails/(.*)", Fails)]
        with serving_site(routes, middleware, cache=cache, DEBUG=True) as site:
            visitor = begin(site)
            for kind in ("plain", "cycle", "flush", "plain", "cycle"):
                shown.add(str(visitor.session_id))
                response = visitor.get(f"/fails/{kind}", Accept="text/html")
                assert response.status == 500
                bodies.append(response.body.decode())
            shown.add(str(visitor.session_id))
        shown.discard("None")
        assert len(shown) >= 3
        assert caplog.records
        formatter = logging.Formatter()
        logged = "\n".join(formatter.format(record) + repr(record.args) for record in caplog.records)
        for each in shown:
            assert each not in logged
            assert not any(each in body for body in bodies)
