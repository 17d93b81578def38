"""Sessions in caches that are not the usual ones: a backend of one's own, the dummy, one whose content is not ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from support.server import Site
from support.state import BACKENDS, COOKIE, SESSION_SECRET, Visitor, serving_site
from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, Timeout
from tornadopy.handler import WebHandler
from tornadopy.utils.secretids import SecretIds


class Values(WebHandler):
    def get(self) -> None:
        self.write({"values": dict(self.session)})

    def post(self) -> None:
        self.session.update(json.loads(self.request.body))


class OwnCache(BaseCache):
    """As little as a backend of one's own has to be: it keeps no bytes, and has I/O unless it says otherwise."""

    entries: ClassVar[dict[str, Any]] = {}

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        if key in self.entries:
            return False
        self.set(key, value, timeout, version)
        return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self.entries.get(key, default)

    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self.entries[key] = value

    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return key in self.entries

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self.entries.pop(key, None) is not None

    def clear(self) -> None:
        self.entries.clear()


@contextmanager
def site_on(backend: Any, **entry: Any) -> Iterator[Site]:
    cache = {"BACKEND": backend, "LOCATION": "own", **entry}
    with serving_site([("/", Values)], cache=cache) as site:
        yield site


def values_of(visitor: Visitor) -> Any:
    return json.loads(visitor.get("/").body)["values"]


def test_a_backend_of_one_s_own() -> None:
    """It is given values of JSON alone."""
    OwnCache.entries.clear()
    with site_on(OwnCache) as site:
        visitor = Visitor(site)
        visitor.fetch("POST", "/", b'{"a": [1]}')
        visitor.fetch("POST", "/", b'{"b": 2}')
        assert values_of(visitor) == {"a": [1], "b": 2}
    (kept,) = OwnCache.entries.values()
    assert json.loads(json.dumps(kept)) == kept


def test_the_dummy_keeps_nothing() -> None:
    with site_on(f"{BACKENDS}.dummy.DummyCache") as site:
        visitor = Visitor(site)
        assert visitor.fetch("POST", "/", b'{"a": 1}').status == 200
        assert values_of(visitor) == {}


@pytest.mark.parametrize("serializer", ["pickle", "json", "msgpack"])
def test_it_is_json_whatever_the_cache_keeps_for_others(serializer: str) -> None:
    """What is pickled under the key of a session is not even read."""
    owner = SecretIds(SESSION_SECRET, purpose="tornadopy session ").create()
    with site_on(f"{BACKENDS}.localcache.LocMemCache", OPTIONS={"SERIALIZER": serializer}) as site:
        visitor = Visitor(site)
        visitor.fetch("POST", "/", b'{"a": 1}')
        assert values_of(visitor) == {"a": 1}
        cache = site.application.caches["default"]
        for foreign in ({"values": {"a": "1"}, "address": "127.0.0.1", "life": None, "renewed": 1.0}, "text", [1]):
            cache.using("pickle").set(f"session:{owner.store_key}", foreign)
            assert values_of(Visitor(site, Cookie=f"{COOKIE}={owner.text}")) == {}
        cache.using("json").set(f"session:{owner.store_key}", "text")
        assert values_of(Visitor(site, Cookie=f"{COOKIE}={owner.text}")) == {}
