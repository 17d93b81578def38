"""Caches behind a network, for the tests of what happens when it fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from support.memcached_servers import MemcachedServer, running_memcached
from support.redis_servers import RedisServer, running_redis
from tornadopy.cache.backends.base import BaseCache
from tornadopy.cache.backends.memcached import MemcachedCache
from tornadopy.cache.backends.rediscache import RedisCache
from tornadopy.exceptions import CacheConnectionError

ANSWER = 0.5  # seconds that a server may take to answer in these tests
LIMIT = 2 * ANSWER  # to connect and to answer
SLACK = 4.0  # that a busy machine may need on top, where something must not take ten times as long
RETRY_AFTER = 0.3
TIMES = {"socket_timeout": ANSWER, "socket_connect_timeout": ANSWER}
OPTIONS = {"POOL_KWARGS": TIMES, "RETRY_AFTER": RETRY_AFTER}


@dataclass
class Network:
    """A server, the caches on it, and how many connections it knows of."""

    server: RedisServer | MemcachedServer
    backend: type[BaseCache]
    connections: Callable[[], int]

    def build(self, **options: Any) -> Any:
        """Return a cache that waits no longer than `ANSWER`."""
        return self.backend(self.server.address, {"OPTIONS": {**OPTIONS, **options}})  # type: ignore[call-arg]

    def build_patient(self) -> Any:
        """Return a cache with the times of every cache, for what has to succeed on a busy machine, too."""
        return self.backend(self.server.address, {})  # type: ignore[call-arg]


@contextmanager
def redis_network(**config: Any) -> Iterator[Network]:
    with running_redis(config=config) as server:
        yield Network(server, RedisCache, lambda: len(server.clients()))


@contextmanager
def memcached_network(*arguments: str) -> Iterator[Network]:
    with running_memcached(arguments=arguments) as server:
        yield Network(server, MemcachedCache, server.connections)


NETWORKS = {"redis": redis_network, "memcached": memcached_network}


def open_files() -> int:
    """Return how many files and sockets this process has open."""
    return len(os.listdir("/proc/self/fd"))


@dataclass
class Load:
    """Workers that call a cache over and over, and what has become of the calls.

    Attributes:
        answered: How many calls have been answered, by worker.
        failed: How many have failed with a `CacheConnectionError`, by worker.
        longest: The seconds that the longest call took.
    """

    cache: Any
    count: int = 20
    answered: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    longest: float = 0.0
    errors: set[str] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self.reset()
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(self.count)]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            try:
                await task
            except asyncio.CancelledError:
                continue

    def reset(self) -> None:
        self.answered, self.failed, self.longest = [0] * self.count, [0] * self.count, 0.0

    async def _work(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._call(number)
            except CacheConnectionError as exc:
                self.failed[number] += 1
                self.errors.add(str(exc))
                self.longest = max(self.longest, loop.time() - began)
                await asyncio.sleep(0.01)
            else:
                self.answered[number] += 1
                self.longest = max(self.longest, loop.time() - began)

    async def _call(self, number: int) -> None:
        key = f"key{number}"
        await self.cache.aset(key, number)
        assert await self.cache.aget(key) in {number, None}  # None: after a restart the server is empty
        await self.cache.aupdate("shared", lambda value: (value or 0) + 1)

    async def until(self, condition: Callable[[Load], bool], seconds: float = 30) -> None:
        """Wait for a condition; fail if a worker has met another error, or if it takes too long."""
        async with asyncio.timeout(seconds):
            while not condition(self):
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)

    async def all_answered(self, times: int = 3) -> None:
        """Start counting anew, and wait until each worker has been answered."""
        self.reset()
        await self.until(lambda load: min(load.answered) >= times)

    async def all_failed(self, times: int = 3) -> None:
        """Start counting anew, and wait until each worker has met an error."""
        self.reset()
        await self.until(lambda load: min(load.failed) >= times)


class Heartbeat:
    """Counts its beats in the event loop, a hundred in a second if nothing holds the loop up."""

    def __init__(self) -> None:
        self.beats = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.beats += 1
