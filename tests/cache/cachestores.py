"""The stores that the battery runs on, and the two ways of calling a cache.

A store is a context manager of `pytest`'s request that gives a `Store`; add it to `STORES`, and the whole battery runs
on it, synchronously and asynchronously.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tornadopy.cache.backends.base import BaseCache
from tornadopy.cache.backends.filebased import FileBasedCache
from tornadopy.cache.backends.localcache import LocMemCache
from tornadopy.cache.backends.memcached import MemcachedCache
from tornadopy.cache.backends.rediscache import RedisCache


@dataclass
class Store:
    """A place that caches keep their entries in, empty at the start of a test.

    Attributes:
        build: Makes a cache on the store from the params of its entry in ``CACHES``.
        tick: The shortest time, in seconds, that the store tells from none.
        refuses_keys: Whether keys that Memcached forbids are an error, not a warning.
        culls: Whether ``MAX_ENTRIES`` and ``CULL_FREQUENCY`` are the backend's business, not the server's.
        serializes: Whether ``SERIALIZER`` decides what can be stored.
    """

    build: Callable[[dict[str, Any]], BaseCache]
    tick: float = 0.05
    refuses_keys: bool = False
    culls: bool = True
    serializes: bool = True


@contextlib.contextmanager
def locmem(request: pytest.FixtureRequest) -> Iterator[Store]:
    shared: dict[Any, Any] = {}

    def build(params: dict[str, Any]) -> BaseCache:
        cache = LocMemCache("battery", params)
        cache.join(shared)
        return cache

    yield Store(build)


@contextlib.contextmanager
def filebased(request: pytest.FixtureRequest) -> Iterator[Store]:
    folder = request.getfixturevalue("tmp_path") / "cache"
    yield Store(lambda params: FileBasedCache(folder, params))


@contextlib.contextmanager
def redis(request: pytest.FixtureRequest) -> Iterator[Store]:
    server = request.getfixturevalue("redis_server")
    yield Store(lambda params: RedisCache(server.address, params), tick=0.05, culls=False)


@contextlib.contextmanager
def redis_cluster(request: pytest.FixtureRequest) -> Iterator[Store]:
    servers = request.getfixturevalue("redis_cluster")
    yield Store(lambda params: RedisCache(f"redis+cluster://{servers[0].address}", params), tick=0.05, culls=False)


@contextlib.contextmanager
def memcached(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Memcached counts time in whole seconds."""
    server = request.getfixturevalue("memcached_server")
    yield Store(lambda params: MemcachedCache(server.address, params), tick=1, refuses_keys=True, culls=False)


STORES: dict[str, Callable[[pytest.FixtureRequest], contextlib.AbstractContextManager[Store]]] = {
    "locmem": locmem,
    "filebased": filebased,
    "redis": redis,
    "redis_cluster": redis_cluster,
    "memcached": memcached,
}


class Caller:
    """A cache called in one of its two ways, under the names of the synchronous methods.

    Args:
        backend: The cache.
        runner: Where the coroutines run; None: the synchronous methods are called.
    """

    def __init__(self, backend: BaseCache, runner: asyncio.Runner | None) -> None:
        self.backend = backend
        self.runner = runner

    def __getattr__(self, name: str) -> Any:
        if self.runner is None:
            return getattr(self.backend, name)
        runner, method = self.runner, getattr(self.backend, f"a{name}")

        def call(*args: Any, **kwargs: Any) -> Any:
            return runner.run(method(*args, **kwargs))

        return call

    def using(self, serializer: Any) -> Caller:
        return Caller(self.backend.using(serializer), self.runner)
