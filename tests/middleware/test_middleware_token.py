"""The token middleware: where a token is looked for, and when; over real sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.counting import CountingCache, CountingLocalCache
from support.hooks import hook
from support.server import Site, make_application, serving
from support.state import TOKEN_SECRET, TOKENS, serving_site
from tornadopy.exceptions import ArgumentError, ConfigError
from tornadopy.handler import ApiHandler
from tornadopy.utils.secretids import SecretIds

both_kinds = pytest.mark.parametrize("backend", [CountingLocalCache, CountingCache], ids=["in process", "with I/O"])


@pytest.fixture(autouse=True)
def no_calls_yet() -> None:
    CountingCache.calls.clear()


class Who(ApiHandler):
    def get(self) -> None:
        self.write({"user": self.token.get_current_user()})

    def post(self) -> None:
        self.write(self.token.save({"userID": "7"}))

    def put(self) -> None:
        self.write("no token")


class Own(Who):
    """Look the token up oneself."""

    token_prefetch = False

    async def get(self) -> None:
        await self.token.load()
        super().get()

    def delete(self) -> None:
        super().get()


GIVEN: list[str] = []
ROUTES = [("/", Who), ("/own", Own)]


@contextmanager
def site_on(backend: Any = CountingCache, *more: Any, hooks: Any = (), **options: Any) -> Iterator[Site]:
    cache = {"BACKEND": backend, "LOCATION": "state"}
    with serving_site([*ROUTES, *more], *hooks, cache=cache, TOKEN=options) as site:
        yield site


def calls() -> dict[str, int]:
    found = dict(CountingCache.calls)
    CountingCache.calls.clear()
    return found


def log_in(site: Site) -> str:
    token = site.fetch("POST", "/").body.decode()
    calls()
    return token


class TestSettings:
    def test_a_handler_without_the_middleware_says_what_is_missing(self, caplog: pytest.LogCaptureFixture) -> None:
        with serving(make_application(ROUTES)) as site:
            assert site.get("/").status == 500
        assert "add 'tornadopy.middleware.token.TokenMiddleware' to MIDDLEWARE_CLASSES" in caplog.text

    def test_the_alias_has_to_be_there(self) -> None:
        with pytest.raises(ConfigError, match=r"^TOKEN.token_cache_alias: CACHES has no cache 'default_redis', it has"):
            make_application(ROUTES, TOKENS, TOKEN={"secret_key": TOKEN_SECRET})

    def test_without_a_secret_nothing_works(self, caplog: pytest.LogCaptureFixture) -> None:
        application = make_application(ROUTES, TOKENS, TOKEN={"token_cache_alias": "default"})
        with pytest.raises(ConfigError, match=r"TOKEN.secret_key is missing, and its middleware is on"):
            application.check_secrets()
        with serving(application) as site:
            assert site.get("/").status == 500
        assert "TOKEN.secret_key is missing" in caplog.text

    def test_in_debug_a_secret_is_made_up(self, caplog: pytest.LogCaptureFixture) -> None:
        application = make_application(ROUTES, TOKENS, DEBUG=True, TOKEN={"token_cache_alias": "default"})
        assert "TOKEN.secret_key is not set: a random one is used" in caplog.text
        with serving(application) as site:
            token = site.fetch("POST", "/").body.decode()
            assert json.loads(site.get("/", X_Token=token).body) == {"user": "7"}

    def test_with_the_same_secret_a_session_is_no_token(self) -> None:
        """Their ids have different purposes."""
        session_id = SecretIds(TOKEN_SECRET, purpose="tornadopy session ").create().text
        with site_on() as site:
            assert json.loads(site.get("/", X_Token=session_id).body) == {"user": None}
        assert calls() == {}


class TestLooking:
    @both_kinds
    @pytest.mark.parametrize("token", [None, "", "short", "A" * 64, "A" * 5000])
    def test_what_is_no_token_is_not_looked_up(self, backend: Any, token: str | None) -> None:
        headers = {} if token is None else {"X_Token": token}
        with site_on(backend) as site:
            for method, target in (("GET", "/"), ("PUT", "/"), ("GET", "/own"), ("GET", "/nowhere")):
                site.fetch(method, target, **headers)
        assert calls() == {}

    def test_with_io_it_is_looked_up_once_and_not_on_the_way(self) -> None:
        with site_on() as site:
            token = log_in(site)
            assert json.loads(site.get("/", X_Token=token).body) == {"user": "7"}
            assert calls() == {"aget": 1, "get": 1}

    def test_in_the_process_it_is_looked_up_when_it_is_needed(self) -> None:
        with site_on(CountingLocalCache) as site:
            token = log_in(site)
            site.fetch("PUT", "/", X_Token=token)
            assert calls() == {}
            assert json.loads(site.get("/", X_Token=token).body) == {"user": "7"}
            assert calls() == {"get": 1}

    def test_a_handler_may_look_it_up_itself(self, caplog: pytest.LogCaptureFixture) -> None:
        with site_on() as site:
            token = log_in(site)
            site.fetch("PUT", "/own", X_Token=token)
            assert calls() == {}
            assert json.loads(site.get("/own", X_Token=token).body) == {"user": "7"}
            assert site.fetch("DELETE", "/own", X_Token=token).status == 500
        assert "the token is not loaded" in caplog.text
        assert "await self.token.load()" in caplog.text

    @both_kinds
    def test_other_middlewares_have_it_after_this_one(self, backend: Any) -> None:
        seen = []
        later = hook("request", lambda handler, clear: seen.append(handler.token.get_current_user()))
        with site_on(backend, hooks=[later]) as site:
            token = log_in(site)
            site.get("/nowhere", X_Token=token)
        assert seen == [None, "7"]

    @pytest.mark.parametrize("body", [b"tokenID=%s", b"tokenID=no&tokenID=%s"])
    def test_it_may_come_in_a_form(self, body: bytes) -> None:
        class Form(ApiHandler):
            def post(self) -> None:
                self.write({"user": self.token.get_current_user()})

        with site_on(CountingCache, ("/form", Form)) as site:
            token = log_in(site).encode()
            form = {"Content_Type": "application/x-www-form-urlencoded"}
            assert json.loads(site.fetch("POST", "/form", body % token, **form).body) == {"user": "7"}


class TestSaving:
    @both_kinds
    def test_data_of_no_json_are_named(self, backend: Any) -> None:
        class Wrong(ApiHandler):
            async def get(self) -> None:
                for wrong in ({"userID": "7", "when": object()}, {"userID": {1: 2}}):
                    with pytest.raises(TypeError, match=r"token\['(when|userID)'\] cannot be kept"):
                        self.token.save(wrong)
                    with pytest.raises(TypeError, match="cannot be kept"):
                        await self.token.asave(wrong)
                with pytest.raises(TypeError, match=r"token\[1\] cannot be kept"):
                    self.token.save({1: 2})  # type: ignore[dict-item]
                with pytest.raises(ArgumentError, match=r"TOKEN.max_size allows 100"):
                    self.token.save({"a": "x" * 100})
                self.write("refused")

        with site_on(backend, ("/wrong", Wrong), max_size=100) as site:
            assert site.get("/wrong").body == b"refused"
        assert calls() == {}

    @both_kinds
    def test_it_is_not_the_token_of_this_request(self, backend: Any) -> None:
        """It is the one of the requests that show it."""

        class Both(ApiHandler):
            async def get(self) -> None:
                await self.token.asave({"userID": "7"})
                self.write({"user": self.token.get_current_user()})

        with site_on(backend, ("/both", Both)) as site:
            assert json.loads(site.get("/both").body) == {"user": None}


class TestSecrecy:
    @both_kinds
    def test_no_log_and_no_page_shows_a_token(self, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
        class Fails(ApiHandler):
            async def get(self) -> None:
                found = self.token
                new = await found.asave({"userID": "8"})
                GIVEN.append(str(new))
                listed = await found.alist()
                self.write(new)
                raise RuntimeError(f"failed with {found!r}, {listed!r} and {new!r}")

        GIVEN.clear()
        caplog.set_level(logging.DEBUG)
        cache = {"BACKEND": backend, "LOCATION": "state"}
        middleware = "tornadopy.middleware.accesslog.AccessLogMiddleware"
        with serving_site([*ROUTES, ("/fails", Fails)], middleware, cache=cache, DEBUG=True) as site:
            token = log_in(site)
            pages = [
                site.get("/fails", Authorization=f"Bearer {token}", Accept="text/html"),
                site.get("/fails", X_Token=token, Accept="application/json"),
                site.get(f"/fails?tokenID={token}", Accept="text/html", Referer=f"http://a/?tokenID={token}"),
            ]
        assert [page.status for page in pages] == [500] * 3
        formatter = logging.Formatter()
        logged = "\n".join(formatter.format(record) + repr(record.args) for record in caplog.records)
        assert logged
        for each in [token, *GIVEN]:
            assert each not in logged
            assert not any(each in page.body.decode() for page in pages)
