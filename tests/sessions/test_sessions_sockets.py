"""Sessions over real sockets, on each kind of cache."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from support.server import Site, wait_for
from support.state import COOKIE, SESSION_SECRET, Visitor, serving_site, set_cookies
from tornadopy.handler import WebHandler
from tornadopy.utils.secretids import SecretIds

EVERY_TYPE = {
    "text": "Grüße 你好 \x00 \u2028 </script>",
    "whole": 2**70,
    "negative": -1,
    "real": 1.25e-300,
    "yes": True,
    "no": False,
    "none": None,
    "list": [1, [2, [3, []]], "a"],
    "dictionary": {"": {"ключ": None}, "a b": [{}]},
    "中文 键": "\\\"'",
    "": "empty key",
}


class Values(WebHandler):
    """Show the session, or do what the request's body says."""

    def get(self) -> None:
        self.write({"values": dict(self.session), "new": self.session.is_new})

    def post(self) -> None:
        for key, value in json.loads(self.request.body).items():
            self.session[key] = value

    def delete(self) -> None:
        del self.session[self.get_query_argument("key")]

    def patch(self) -> None:
        for key, value in json.loads(self.request.body).items():
            self.session[key].append(value)


class Cycle(WebHandler):
    def get(self) -> None:
        self.session.cycle_id()


class Flush(WebHandler):
    def get(self) -> None:
        self.session.flush()


class Refresh(WebHandler):
    """A logout and a login in one."""

    def get(self) -> None:
        self.session.flush()
        self.session["fresh"] = True


ROUTES = [("/", Values), ("/cycle", Cycle), ("/flush", Flush), ("/refresh", Refresh)]


@contextmanager
def site_on(cache: dict[str, Any], *more: Any, **options: Any) -> Iterator[Site]:
    with serving_site([*ROUTES, *more], cache=cache, SESSION=options) as site:
        yield site


def values_of(visitor: Visitor) -> dict[str, Any]:
    response = visitor.get("/")
    assert response.status == 200
    found: dict[str, Any] = json.loads(response.body)["values"]
    return found


def store(visitor: Visitor, **values: Any) -> None:
    assert visitor.fetch("POST", "/", json.dumps(values).encode()).status == 200


def test_values_of_each_type_come_back(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        visitor = Visitor(site)
        store(visitor, **EVERY_TYPE)
        assert values_of(visitor) == EVERY_TYPE
        assert values_of(Visitor(site)) == {}


def test_a_large_value_comes_back(cache: dict[str, Any]) -> None:
    """A megabyte, or what an item of Memcached has room for."""
    size = 900_000 if "memcached" in cache["BACKEND"] else 1024 * 1024
    with site_on(cache) as site:
        visitor = Visitor(site)
        store(visitor, large="x" * size)
        assert len(values_of(visitor)["large"]) == size


def test_what_is_changed_in_place_is_kept(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        visitor = Visitor(site)
        store(visitor, cart=["apple"], other=[])
        assert visitor.fetch("PATCH", "/", b'{"cart": "pear"}').status == 200
        assert values_of(visitor) == {"cart": ["apple", "pear"], "other": []}


def test_deleting_leaves_the_rest(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        visitor = Visitor(site)
        store(visitor, a=1, b=2)
        for key in ("a", "a", "missing"):
            assert visitor.fetch("DELETE", f"/?key={key}").status == 200
        assert values_of(visitor) == {"b": 2}


def test_a_new_id_keeps_the_values_and_kills_the_old_one(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        visitor, thief = Visitor(site), Visitor(site)
        store(visitor, a=[1])
        thief.cookies = dict(visitor.cookies)
        visitor.get("/cycle")
        assert visitor.session_id != thief.session_id
        assert values_of(visitor) == {"a": [1]}
        assert values_of(thief) == {}


def test_flushing_kills_the_session(cache: dict[str, Any]) -> None:
    """A replayed id is nobody's, and writing under it begins a new session."""
    with site_on(cache) as site:
        visitor, thief = Visitor(site), Visitor(site)
        store(visitor, a=1)
        thief.cookies = dict(visitor.cookies)
        killed = visitor.session_id
        visitor.get("/flush")
        assert visitor.cookies == {}
        assert values_of(thief) == {}
        store(thief, b=2)
        assert thief.session_id != killed
        assert values_of(thief) == {"b": 2}


def test_a_session_may_begin_anew_at_once(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        visitor = Visitor(site)
        store(visitor, a=1)
        before = visitor.session_id
        visitor.get("/refresh")
        assert visitor.session_id not in {before, None}
        assert values_of(visitor) == {"fresh": True}


def test_an_id_that_the_store_does_not_know_is_not_adopted(cache: dict[str, Any]) -> None:
    """Not even one of the right form, as after its expiry."""
    forged = SecretIds(SESSION_SECRET, purpose="tornadopy session ").create().text
    with site_on(cache) as site:
        visitor = Visitor(site, Cookie=f"{COOKIE}={forged}")
        assert json.loads(visitor.get("/").body) == {"values": {}, "new": True}
        store(visitor, a=1)
        assert visitor.session_id != forged
        assert values_of(Visitor(site, Cookie=f"{COOKIE}={forged}")) == {}


@pytest.mark.parametrize("kind", ["kill", "cycle"])
def test_a_killed_session_is_not_resurrected(cache: dict[str, Any], kind: str) -> None:
    """Not by a request that was running when it was killed, and knew it alive."""
    going_on: list[asyncio.Event] = []

    class Slow(WebHandler):
        async def get(self) -> None:
            self.session["late"] = 1
            going_on.append(asyncio.Event())
            await going_on[0].wait()

    with site_on(cache, ("/slow", Slow)) as site, ThreadPoolExecutor(1) as pool:
        visitor, slow = Visitor(site), Visitor(site)
        store(visitor, a=1)
        slow.cookies = dict(visitor.cookies)
        response = pool.submit(slow.get, "/slow")
        wait_for(lambda: going_on, "the slow request")
        visitor.get("/flush" if kind == "kill" else "/cycle")
        site.loop.call_soon_threadsafe(going_on[0].set)
        answer = response.result(10)
        assert answer.status == 200
        assert set_cookies(answer) == {}  # it does not take away what the other request has set
        assert values_of(slow) == {}
        assert values_of(visitor) == ({} if kind == "kill" else {"a": 1})


def test_the_old_id_is_dead_while_the_request_still_runs(cache: dict[str, Any]) -> None:
    """`cycle_id` and `flush` kill at once, not when the response goes out."""
    going_on: list[asyncio.Event] = []

    class Slow(WebHandler):
        async def get(self, what: str) -> None:
            getattr(self.session, what)()
            going_on.append(asyncio.Event())
            await going_on[-1].wait()

    with site_on(cache, ("/slow/(.*)", Slow)) as site, ThreadPoolExecutor(1) as pool:
        for count, what in enumerate(["flush", "cycle_id"], 1):
            visitor, other = Visitor(site), Visitor(site)
            store(visitor, a=1)
            other.cookies = dict(visitor.cookies)
            response = pool.submit(visitor.get, f"/slow/{what}")
            wait_for(lambda count=count: len(going_on) == count, "the slow request")  # type: ignore[misc]
            wait_for(lambda other=other: values_of(other) == {}, "the end of the old id")  # type: ignore[misc]
            site.loop.call_soon_threadsafe(going_on[-1].set)
            assert response.result(10).status == 200


def test_many_requests_at_once_keep_each_others_keys(cache: dict[str, Any]) -> None:
    """A thousand requests on one session, all of them running at the same time, each with a key of its own."""
    count, waiting, all_here = 1000, 0, asyncio.Event()

    class Own(WebHandler):
        async def get(self, number: str) -> None:
            nonlocal waiting
            assert len(self.session) == 1
            waiting += 1
            if waiting == count:
                all_here.set()
            await all_here.wait()
            self.session[f"key {number}"] = int(number)
            self.session["shared"][0] = int(number)

    def send(some: range) -> list[int]:
        clients = [(site.connect(), number) for number in some]
        for client, number in clients:
            client.socket.settimeout(60)
            client.request("GET", f"/own/{number}", **visitor.shown())
        statuses = [client.receive().status for client, _ in clients]
        for client, _ in clients:
            client.close()
        return statuses

    with site_on(cache, ("/own/(.*)", Own)) as site, ThreadPoolExecutor(4) as pool:
        visitor = Visitor(site)
        store(visitor, shared=[None])
        parts = [range(start, start + count // 4) for start in range(0, count, count // 4)]
        statuses = [status for part in pool.map(send, parts) for status in part]
        assert statuses == [200] * count
        values = values_of(visitor)
    assert values.pop("shared")[0] in range(count)
    assert values == {f"key {number}": number for number in range(count)}


def test_requests_at_once_may_set_the_life_too(cache: dict[str, Any]) -> None:
    """A life that one request sets is not taken back by another that began before."""
    going_on: list[asyncio.Event] = []

    class Slow(WebHandler):
        async def get(self) -> None:
            self.session["slow"] = 1
            going_on.append(asyncio.Event())
            await going_on[0].wait()

    class Long(WebHandler):
        def get(self) -> None:
            self.set_expire(5000)

    with site_on(cache, ("/slow", Slow), ("/long", Long), expires=100) as site, ThreadPoolExecutor(1) as pool:
        visitor, slow = Visitor(site), Visitor(site)
        store(visitor, a=1)
        slow.cookies = dict(visitor.cookies)
        response = pool.submit(slow.get, "/slow")
        wait_for(lambda: going_on, "the slow request")
        assert set_cookies(visitor.get("/long"))[COOKIE]["max-age"] == "5000"
        site.loop.call_soon_threadsafe(going_on[0].set)
        assert set_cookies(response.result(10))[COOKIE]["max-age"] == "5000"
        assert values_of(visitor) == {"a": 1, "slow": 1}


def test_the_store_never_has_the_id(cache: dict[str, Any]) -> None:
    """Neither in its keys nor in its values; and what it has is JSON, never a pickle."""
    with site_on(cache) as site:
        visitor = Visitor(site)
        store(visitor, a="a value")
        shown = visitor.session_id
        assert shown is not None
        known = SecretIds(SESSION_SECRET, purpose="tornadopy session ").parse(shown)
        assert known is not None
        store_of_site = site.application.caches["default"].using("json")
        kept = site.call(store_of_site.aget(f"session:{known.store_key}"))
    assert kept["values"] == {"a": '"a value"'}
    assert shown not in json.dumps(kept)
    assert shown not in known.store_key


def test_without_a_session_nothing_is_stored_or_set(cache: dict[str, Any]) -> None:
    with site_on(cache) as site:
        visitor = Visitor(site)
        visitor.get("/")
        visitor.get("/flush")
        visitor.get("/cycle")
        visitor.fetch("DELETE", "/?key=a")
        assert visitor.cookies == {}
        visitor.fetch("POST", "/", b"{}")
        assert visitor.cookies == {}


@pytest.mark.parametrize("kind", ["written", "killed"])
def test_a_new_id_inherits_what_the_old_one_was_to_the_last(cache: dict[str, Any], kind: str) -> None:
    """What others have written meanwhile is kept; what others have killed meanwhile is not, save for one's own."""
    going_on: list[asyncio.Event] = []

    class Login(WebHandler):
        async def get(self) -> None:
            assert self.session["a"] == 1
            self.session["b"] = 2
            going_on.append(asyncio.Event())
            await going_on[0].wait()
            self.session.cycle_id()
            self.session["userid"] = 7
            assert dict(self.session) == {"a": 1, "b": 2, "userid": 7}

    with site_on(cache, ("/login", Login)) as site, ThreadPoolExecutor(1) as pool:
        visitor, other = Visitor(site), Visitor(site)
        store(visitor, a=1)
        other.cookies = dict(visitor.cookies)
        response = pool.submit(visitor.get, "/login")
        wait_for(lambda: going_on, "the login")
        if kind == "written":
            store(other, a="new", c=3)
        else:
            other.get("/flush")
        site.loop.call_soon_threadsafe(going_on[0].set)
        assert response.result(10).status == 200
        own = {"b": 2, "userid": 7}
        assert values_of(visitor) == ({"a": "new", "c": 3, **own} if kind == "written" else own)


def test_a_flush_after_a_new_id_forgets_all(cache: dict[str, Any]) -> None:
    class Both(WebHandler):
        def get(self) -> None:
            self.session["b"] = 2
            self.session.cycle_id()
            self.session["c"] = 3
            self.session.flush()
            self.session["d"] = 4

    with site_on(cache, ("/both", Both)) as site:
        visitor, thief = Visitor(site), Visitor(site)
        store(visitor, a=1)
        thief.cookies = dict(visitor.cookies)
        visitor.get("/both")
        assert values_of(visitor) == {"d": 4}
        assert values_of(thief) == {}
