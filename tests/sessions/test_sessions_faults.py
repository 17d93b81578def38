"""What becomes of sessions and tokens when the Redis behind them is killed, or hangs, under load."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest

from support.redis_servers import RedisServer, running_redis
from support.server import TIMEOUT, Client, Site, wait_for
from support.state import BACKENDS, Visitor, serving_site, set_cookies
from tornadopy.decorators.async_execute import async_execute
from tornadopy.handler import WebHandler

SECONDS = 1.0  # that Redis has to connect, and to answer
PATIENCE = 4 * SECONDS + TIMEOUT  # of a client, for an answer that should have come long before
STOPPED = 10.0


class Values(WebHandler):
    def get(self) -> None:
        self.write({"value": self.session["value"]})

    def post(self) -> None:
        self.session["value"] = json.loads(self.request.body)

    def put(self) -> None:
        self.write("left alone")


class Alone(WebHandler):
    """Leave the session alone, whatever the client shows."""

    session_prefetch = token_prefetch = False

    def get(self) -> None:
        self.write("left alone")


class Flush(WebHandler):
    def get(self) -> None:
        self.session.flush()


class FlushInThread(WebHandler):
    async def get(self) -> None:
        await self.work()

    @async_execute
    def work(self) -> None:
        self.session.flush()


class StopThenFlush(WebHandler):
    """The server hangs between the loading and the logout."""

    async def get(self, way: str) -> None:
        os.kill(int(self.get_query_argument("pid")), signal.SIGSTOP)
        if way == "thread":
            await FlushInThread.work(self)  # type: ignore[arg-type]
        else:
            self.session.flush()


class Token(WebHandler):
    def get(self) -> None:
        self.write({"user": self.token.get_current_user()})

    async def post(self) -> None:
        self.write(await self.token.asave({"userID": "7"}))

    def delete(self) -> None:
        self.write({"ended": self.token.expire()})

    async def put(self) -> None:
        self.write({"ended": await self.token.arevoke_all()})


ROUTES = [("/", Values), ("/alone", Alone), ("/flush", Flush), ("/stop/(.*)", StopThenFlush), ("/token", Token)]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server of the test's own, to be killed and stopped."""
    with running_redis() as server:
        yield server


@contextmanager
def site_on(server: RedisServer, *, fail_closed: bool = False) -> Iterator[Site]:
    cache = {
        "BACKEND": f"{BACKENDS}.rediscache.RedisCache",
        "LOCATION": server.address,
        "OPTIONS": {"POOL_KWARGS": {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}},
    }
    options = {"fail_closed": fail_closed}
    with serving_site(ROUTES, cache=cache, SESSION=options, TOKEN=options) as site:
        yield site


def begin(site: Site, value: Any = 1) -> Visitor:
    visitor = Visitor(site)
    assert visitor.fetch("POST", "/", json.dumps(value).encode()).status == 200
    return visitor


def value_of(visitor: Visitor) -> Any:
    return json.loads(visitor.get("/").body)["value"]


class Load:
    """Threads that send one kind of request each, over and over, each on a connection of its own; four of each kind.

    Attributes:
        answers: How often each kind has been answered with which status.
        failures: What has gone wrong otherwise; a request that hangs is a `TimeoutError`.
    """

    def __init__(self, site: Site, kinds: dict[str, tuple[str, str, bytes]], cookies: dict[str, str]) -> None:
        self.answers: dict[str, Counter[int]] = {name: Counter() for name in kinds}
        self.failures: list[tuple[str, BaseException]] = []
        self._site = site
        self._cookies = cookies
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(name, *kind)) for name, kind in kinds.items() for _ in range(4)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, name: str, method: str, target: str, body: bytes) -> None:
        try:
            with Client(self._site.port, PATIENCE) as client:
                headers = {} if name == "stranger" else self._cookies
                while not self._ended.is_set():
                    status = client.fetch(method, target, body, **headers).status
                    with self._lock:
                        self.answers[name][status] += 1
        except BaseException as error:
            self.failures.append((name, error))

    def wait_for_answers(self, *names: str, more: int = 50) -> None:
        """Wait until each of these kinds has been answered *more* times from now on."""
        before = {name: sum(self.answers[name].values()) for name in names}
        for name in names:
            wait_for(
                lambda name=name: self.failures or sum(self.answers[name].values()) >= before[name] + more,  # type: ignore[misc]
                f"answers to {name}",
                timeout=60,
            )
        assert not self.failures


KINDS = {
    "stranger": ("PUT", "/", b""),
    "alone": ("GET", "/alone", b""),
    "reads": ("GET", "/", b""),
    "writes": ("POST", "/", b"[1, 2]"),
}


def test_a_server_that_is_killed_under_load(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Who leaves the session alone never notices; all others are answered; after a restart all is as before.

    The application is not restarted. No connection is left behind.
    """
    with site_on(redis) as site:
        visitor = begin(site)
        with Load(site, KINDS, visitor.shown()) as load:
            for _ in range(2):
                load.wait_for_answers(*KINDS)
                redis.kill()
                load.wait_for_answers(*KINDS)
                redis.start()
                load.wait_for_answers(*KINDS)
        assert load.failures == []
        assert {name: set(statuses) for name, statuses in load.answers.items()} == {name: {200} for name in KINDS}
        newcomer = begin(site, "after the restart")
        assert value_of(newcomer) == "after the restart"
        assert visitor.session_id is not None
        assert value_of(visitor) is None  # this Redis has nothing on disk
        assert 1 <= len(redis.clients()) <= 50
    wait_for(lambda: redis.clients() == [], "the end of all connections")
    assert errors_of(caplog)


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what has been logged as an error, and see that it is of one kind."""
    records = [each for each in caplog.records if each.levelno >= logging.ERROR and each.name != "tornado.access"]
    errors = [each.getMessage() for each in records]
    known = ("the session goes on empty", "the token counts as nobody's", "Uncaught exception POST /token")
    assert all(each.startswith(known) for each in errors), errors
    return errors


@pytest.mark.parametrize(
    ("method", "target", "shows_cookie"),
    [("GET", "/", True), ("POST", "/", True), ("POST", "/", False), ("GET", "/flush", True)],
)
def test_each_request_logs_one_error_and_destroys_nothing(
    redis: RedisServer, method: str, target: str, shows_cookie: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with site_on(redis) as site:
        visitor = begin(site)
        shown = visitor.shown() if shows_cookie else {}
        redis.stop()
        with Client(site.port, PATIENCE) as client:
            response = client.fetch(method, target, b"2" if method == "POST" else b"", **shown)
        site.settle()
        assert response.status == 200
        assert set_cookies(response) == {}
        errors = errors_of(caplog)
        assert len(errors) == 1
        assert redis.address in errors[0]
        redis.resume()
        wait_for(lambda: value_of(visitor) == 1, "the session as it was")


@pytest.mark.parametrize("what", ["kill", "stop"])
def test_what_fails_closed_answers_503(redis: RedisServer, what: str, caplog: pytest.LogCaptureFixture) -> None:
    """Who does not need the session is answered all the same, though the middleware has asked for it."""
    with site_on(redis, fail_closed=True) as site:
        visitor = begin(site)
        token = site.fetch("POST", "/token").body.decode()
        getattr(redis, what)()
        with Client(site.port, PATIENCE) as client:
            statuses = [
                client.fetch(method, target, body, **headers).status
                for method, target, body, headers in [
                    ("GET", "/", b"", visitor.shown()),
                    ("POST", "/", b"2", visitor.shown()),
                    ("POST", "/", b"2", {}),
                    ("GET", "/flush", b"", visitor.shown()),
                    ("GET", "/token", b"", {"X_Token": token}),
                    ("PUT", "/", b"", visitor.shown()),
                    ("GET", "/alone", b"", visitor.shown()),
                    ("GET", "/token", b"", {}),
                ]
            ]
        assert statuses == [503] * 5 + [200] * 3
        if what == "stop":
            redis.resume()
            wait_for(lambda: value_of(visitor) == 1, "the session as it was")
        else:
            redis.start()
            wait_for(lambda: Visitor(site).fetch("POST", "/", b"3").status == 200, "the session after a restart")
    errors_of(caplog)


def test_a_write_that_comes_too_late_is_no_success(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """The server hangs after the session has been loaded: 503 if it fails closed."""

    class Hanging(WebHandler):
        def get(self) -> None:
            self.session["value"] = "changed"
            redis.stop()

    cache = {
        "BACKEND": f"{BACKENDS}.rediscache.RedisCache",
        "LOCATION": redis.address,
        "OPTIONS": {"POOL_KWARGS": {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}},
    }
    for fail_closed, status in ((True, 503), (False, 200)):
        routes = [*ROUTES, ("/hanging", Hanging)]
        with serving_site(routes, cache=cache, SESSION={"fail_closed": fail_closed}) as site:
            visitor = begin(site)
            with Client(site.port, PATIENCE) as client:
                assert client.fetch("GET", "/hanging", **visitor.shown()).status == status
            site.settle()
            redis.resume()
    assert len(errors_of(caplog)) == 2


@pytest.mark.parametrize("way", ["loop", "thread"])
@pytest.mark.parametrize(("fail_closed", "status"), [(True, 503), (False, 200)])
def test_a_logout_that_fails_is_none(
    redis: RedisServer, way: str, fail_closed: bool, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The client is not told that it has ended."""
    with site_on(redis, fail_closed=fail_closed) as site:
        visitor = begin(site)
        with Client(site.port, PATIENCE) as client:
            response = client.fetch("GET", f"/stop/{way}?pid={redis.pid}", **visitor.shown())
        site.settle()
        assert response.status == status
        assert set_cookies(response) == {}
        assert len(errors_of(caplog)) == 1
        redis.resume()


def test_tokens_are_nobody_s_meanwhile(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """One error a request; giving out and expiring say that they have failed."""
    with site_on(redis) as site:
        token = {"X_Token": site.fetch("POST", "/token").body.decode()}
        redis.stop()
        with Client(site.port, PATIENCE) as client:
            response = client.fetch("GET", "/token", **token)
            assert (response.status, json.loads(response.body)) == (200, {"user": None})
            assert len(errors_of(caplog)) == 1
            assert client.fetch("POST", "/token").status == 500
            assert client.fetch("PUT", "/token", **token).status == 500
        redis.resume()
        wait_for(lambda: json.loads(site.get("/token", **token).body) == {"user": "7"}, "the token as it was")
        assert json.loads(site.fetch("PUT", "/token", **token).body) == {"ended": 1}
    assert "CacheConnectionError" in caplog.text


class Heartbeat:
    """Beats in the event loop of a site, and notes the longest pause."""

    def __init__(self, site: Site) -> None:
        self.longest = 0.0
        self.beats = 0
        self._ended = False
        self._site = site
        site.loop.call_soon_threadsafe(self._beat, time.monotonic())

    def _beat(self, before: float) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - before)
        self.beats += 1
        if not self._ended:
            self._site.loop.call_later(0.01, self._beat, now)

    def end(self) -> None:
        self._ended = True


def test_a_server_that_hangs_under_load_holds_up_nobody(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """While it is stopped for ten seconds, the event loop goes on, and so do those who leave the session alone."""
    sockets = len(os.listdir("/proc/self/fd"))
    with site_on(redis) as site:
        visitor = begin(site)
        heartbeat = Heartbeat(site)
        with Load(site, KINDS, visitor.shown()) as load:
            load.wait_for_answers(*KINDS)
            redis.stop()
            ends = time.monotonic() + STOPPED
            while time.monotonic() < ends:
                load.wait_for_answers("stranger", "alone", more=50)
            load.wait_for_answers(*KINDS, more=4)
            redis.resume()
            load.wait_for_answers(*KINDS)
        heartbeat.end()
        assert load.failures == []
        assert {name: set(statuses) for name, statuses in load.answers.items()} == {name: {200} for name in KINDS}
        # Whoever waited for Redis on the thread of the event loop would have held it up for the whole time-out.
        assert heartbeat.longest < SECONDS
        assert heartbeat.beats > STOPPED
        assert value_of(visitor) == [1, 2]
        assert 1 <= len(redis.clients()) <= 50
        site.call(asyncio.sleep(0))
    wait_for(lambda: redis.clients() == [], "the end of all connections")
    assert len(os.listdir("/proc/self/fd")) <= sockets + 5
    assert errors_of(caplog)
