"""Sites with sessions and tokens on each kind of cache, and visitors who keep their cookies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from support.server import Client, Response, Site, make_application, serving

SESSION_SECRET = "Zk3vW9pQx7RfTn2LbY6mHc8JgDs4AeUt"
TOKEN_SECRET = "Hs5uN8kVy2MbXr7PdZ3wKq9TfLc6JgEa"
SESSIONS = "tornadopy.middleware.session.SessionMiddleware"
TOKENS = "tornadopy.middleware.token.TokenMiddleware"
COOKIE = "__TORNADOSSID"
BACKENDS = "tornadopy.cache.backends"

KINDS = ("locmem", "files", "redis", "memcached")
"""The kinds of cache that sessions and tokens may be kept in."""


def cache_entry(kind: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return an entry of ``CACHES`` of that kind; its store is empty."""
    if kind == "redis":
        server = request.getfixturevalue("redis_server")
        return {"BACKEND": f"{BACKENDS}.rediscache.RedisCache", "LOCATION": server.address}
    if kind == "memcached":
        server = request.getfixturevalue("memcached_server")
        return {"BACKEND": f"{BACKENDS}.memcached.MemcachedCache", "LOCATION": server.address}
    if kind == "files":
        folder = request.getfixturevalue("tmp_path") / "cache"
        return {"BACKEND": f"{BACKENDS}.filebased.FileBasedCache", "LOCATION": str(folder), "OPTIONS": ROOMY}
    return {"BACKEND": f"{BACKENDS}.localcache.LocMemCache", "LOCATION": "state", "OPTIONS": ROOMY}


ROOMY = {"MAX_ENTRIES": 100_000}


def make_site(handlers: Any, *middlewares: Any, cache: dict[str, Any] | None = None, **conf: Any) -> Any:
    """Return an application with sessions and tokens in *cache*."""
    entry = cache or {"BACKEND": f"{BACKENDS}.localcache.LocMemCache", "LOCATION": "state"}
    session = {"secret_key": SESSION_SECRET, **conf.pop("SESSION", {})}
    token = {"secret_key": TOKEN_SECRET, "token_cache_alias": "default", **conf.pop("TOKEN", {})}
    return make_application(
        handlers, SESSIONS, TOKENS, *middlewares, CACHES={"default": entry}, SESSION=session, TOKEN=token, **conf
    )


@contextmanager
def serving_site(
    handlers: Any, *middlewares: Any, server: dict[str, Any] | None = None, **options: Any
) -> Iterator[Site]:
    """Serve such an application by Tornado's server with the options *server*; its caches are closed at the end."""
    application = make_site(handlers, *middlewares, **options)
    with serving(application, **(server or {})) as site:
        try:
            yield site
        finally:
            site.call(application.caches.aclose())


class Visitor:
    """A browser at a site: it keeps the cookies that it is given, and shows them."""

    def __init__(self, site: Site, **headers: str) -> None:
        self.site = site
        self.headers = headers
        self.cookies: dict[str, Morsel[str]] = {}

    def get(self, target: str, **headers: str) -> Response:
        """Send a GET request on a connection of its own."""
        return self.fetch("GET", target, **headers)

    def fetch(self, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        """Send a request on a connection of its own."""
        with self.site.connect() as client:
            return self.fetch_over(client, method, target, body, **headers)

    def fetch_over(self, client: Client, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        """Send a request on a connection that is there."""
        response = client.fetch(method, target, body, **{**self.shown(), **self.headers, **headers})
        self.take(response)
        return response

    def shown(self) -> dict[str, str]:
        """Return the header that shows the cookies."""
        shown = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        return {"Cookie": shown} if shown else {}

    def take(self, response: Response) -> None:
        """Keep the cookies that *response* sets, and forget those that it deletes."""
        for name, morsel in set_cookies(response).items():
            if morsel.value:
                self.cookies[name] = morsel
            else:
                self.cookies.pop(name, None)

    @property
    def session_id(self) -> str | None:
        """The id of the session, if there is one."""
        return self.cookies[COOKIE].value if COOKIE in self.cookies else None


def set_cookies(response: Response) -> dict[str, Morsel[str]]:
    """Return the cookies that *response* sets, by name."""
    found: dict[str, Morsel[str]] = {}
    for line in response.headers.get_list("Set-Cookie"):
        found.update(SimpleCookie(line))
    return found
