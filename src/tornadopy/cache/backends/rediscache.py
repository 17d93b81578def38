"""Caches on Redis: `RedisClient` is the client of redis-py as ``CACHES`` name it, `RedisCache` adds Django's interface.

Needs the extra ``tornadopy[redis]``. Connections, event loops and errors are in
`tornadopy.cache.backends._redis_connections`.
"""

# ruff: noqa: ASYNC109 - the timeouts are the life of what is stored, not that of the call

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, ClassVar, TypeVar

from tornadopy.cache.backends import _redis_commands as commands
from tornadopy.cache.backends._redis_commands import Request
from tornadopy.cache.backends._redis_connections import RedisConnections
from tornadopy.cache.backends._redis_options import RedisOptions
from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, Timeout
from tornadopy.cache.backends.optimistic import pauses
from tornadopy.cache.backends.turns import NetworkTurns
from tornadopy.exceptions import ConfigError, SerializationError

__all__ = ["RedisCache", "RedisClient"]

T = TypeVar("T")

LONGEST = 2**53  # milliseconds
_INTEGER = re.compile(rb"-?[0-9]{1,19}")
_INTEGERS = range(-(2**63), 2**63)  # what Redis can count with


class RedisClient:
    """The native client of redis-py, with the pings and the end that caches have.

    ::

        caches["queue"].client.lpush("jobs", "1")
        await caches["queue"].aclient.lpush("jobs", "1")

    Args:
        location: ``LOCATION``: where the server is.
        params: The entry of ``CACHES``; see `tornadopy.cache.backends._redis_options.RedisOptions` for its ``OPTIONS``.

    Raises:
        ConfigError: The location or an option is wrong.

    .. versionadded:: 2.0
    """

    has_io: ClassVar[bool] = True
    location_is_path: ClassVar[bool] = False
    option_types: ClassVar[Any] = RedisOptions

    def __init__(self, location: object, params: Mapping[str, Any]) -> None:
        options: Mapping[str, Any] = params.get("OPTIONS") or {}
        self.ping_interval: float | None = options.get("PING_INTERVAL")
        self._connections = RedisConnections(location, options)

    @property
    def client(self) -> Any:
        """The blocking client, a `redis.Redis` or `redis.RedisCluster`; all threads share it."""
        return self._connections.blocking_clients()[0].native

    @property
    def _client(self) -> Any:
        """The name that `client` had in 1.x."""
        return self.client

    @property
    def aclient(self) -> Any:
        """The asynchronous client of the running event loop, of the same kind as `client`."""
        return self._connections.loop_clients().clients[0].native

    def ping(self) -> None:
        """Ping each idle connection of the threads.

        Raises:
            CacheConnectionError: A server cannot be reached.
        """
        self._connections.ping()

    async def aping(self) -> None:
        """Do what `ping` does, for the connections of this event loop and those of the threads."""
        await self._connections.aping()

    def close(self) -> None:
        """Close the connections of the threads; the next call opens new ones."""
        self._connections.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop, and those of `close`; the next call opens new ones."""
        await self._connections.aclose()

    def join(self, shared: MutableMapping[Any, Any]) -> None:
        """Share nothing with other caches; see `tornadopy.cache.backends.blocking.BlockingCache.join`."""


# ``CACHES`` takes it: it is built, pinged and closed like a cache, though nothing can be got from it.
BaseCache.register(RedisClient)


class RedisCache(RedisClient, BaseCache):
    """A cache on Redis, with the interface of all caches; `client` and `aclient` are there as well.

    Whole numbers are stored as digits, so that Redis can count with them; everything else by the serializer.

    .. versionadded:: 2.0
    """

    has_io: ClassVar[bool] = True
    serializes: ClassVar[bool] = True
    option_types: ClassVar[Any] = RedisOptions

    def __init__(self, location: object, params: Mapping[str, Any]) -> None:
        BaseCache.__init__(self, params)
        RedisClient.__init__(self, location, params)
        self.turns = NetworkTurns()
        if (params.get("OPTIONS") or {}).get("POOL_KWARGS", {}).get("decode_responses"):
            raise ConfigError("OPTIONS.POOL_KWARGS: RedisCache reads bytes; use decode_responses with RedisClient only")

    def get_backend_timeout(self, timeout: Timeout = DEFAULT_TIMEOUT) -> int | None:
        """Return the life of an entry in milliseconds; 0: expired at once; None: for ever."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        if seconds is None:
            return None
        return 0 if seconds <= 0 else min(max(1, int(min(seconds, LONGEST) * 1000)), LONGEST)

    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store *value* unless the key is there; return whether it has been stored."""
        made = self.make_and_validate_key(key, version)
        return self._call(commands.add(made, self._dump(value), self.get_backend_timeout(timeout)))

    async def aadd(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Do what `add` does."""
        made = self.make_and_validate_key(key, version)
        return await self._acall(commands.add(made, self._dump(value), self.get_backend_timeout(timeout)))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value of *key*, or *default* if it is missing or expired."""
        return self._load(self._call(commands.fetch(self.make_and_validate_key(key, version))), default)

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Do what `get` does."""
        return self._load(await self._acall(commands.fetch(self.make_and_validate_key(key, version))), default)

    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store *value* for *timeout* seconds."""
        made = self.make_and_validate_key(key, version)
        self._call(commands.store(made, self._dump(value), self.get_backend_timeout(timeout)))

    async def aset(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Do what `set` does."""
        made = self.make_and_validate_key(key, version)
        await self._acall(commands.store(made, self._dump(value), self.get_backend_timeout(timeout)))

    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let *key* expire in *timeout* seconds from now; return whether it is there."""
        made = self.make_and_validate_key(key, version)
        return self._call(commands.touch(made, self.get_backend_timeout(timeout)))

    async def atouch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Do what `touch` does."""
        made = self.make_and_validate_key(key, version)
        return await self._acall(commands.touch(made, self.get_backend_timeout(timeout)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete *key*; return whether it was there."""
        return self._call(commands.delete(self.make_and_validate_key(key, version)))

    async def adelete(self, key: Any, version: int | None = None) -> bool:
        """Do what `delete` does."""
        return await self._acall(commands.delete(self.make_and_validate_key(key, version)))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether *key* is there and has not expired."""
        return self._call(commands.exists(self.make_and_validate_key(key, version)))

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        """Do what `has_key` does."""
        return await self._acall(commands.exists(self.make_and_validate_key(key, version)))

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values of those *keys* that are there, in one round trip."""
        made = {self.make_and_validate_key(key, version): key for key in keys}
        return self._load_many(made, self._call(commands.fetch_many(made))) if made else {}

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Do what `get_many` does."""
        made = {self.make_and_validate_key(key, version): key for key in keys}
        return self._load_many(made, await self._acall(commands.fetch_many(made))) if made else {}

    def set_many(
        self, values: Mapping[Any, Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Store all *values* in one round trip; return the keys that could not be stored, of which there are none."""
        made = {self.make_and_validate_key(key, version): self._dump(value) for key, value in values.items()}
        if made:
            self._call(commands.store_many(made, self.get_backend_timeout(timeout)))
        return []

    async def aset_many(
        self, values: Mapping[Any, Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Do what `set_many` does."""
        made = {self.make_and_validate_key(key, version): self._dump(value) for key, value in values.items()}
        if made:
            await self._acall(commands.store_many(made, self.get_backend_timeout(timeout)))
        return []

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Delete all *keys* in one round trip."""
        made = [self.make_and_validate_key(key, version) for key in keys]
        if made:
            self._call(commands.delete_many(made))

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Do what `delete_many` does."""
        made = [self.make_and_validate_key(key, version) for key in keys]
        if made:
            await self._acall(commands.delete_many(made))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Add *delta* to the value of *key*, atomically, and return the sum; the key expires when it would have.

        Raises:
            ValueError: The key is missing, or its value is no whole number.
        """
        return self._summed(key, self._call(commands.increment(self.make_and_validate_key(key, version), delta)))

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Do what `incr` does."""
        made = self.make_and_validate_key(key, version)
        return self._summed(key, await self._acall(commands.increment(made, delta)))

    def clear(self) -> None:
        """Delete everything in the database ``DB``, of whatever prefix and version, and whoever has put it there."""
        self._call(commands.flush())

    async def aclear(self) -> None:
        """Do what `clear` does."""
        await self._acall(commands.flush())

    def _update(self, key: Any, function: Callable[[Any], Any], timeout: Timeout, version: int | None) -> Any:
        made = self.make_and_validate_key(key, version)
        waits = pauses()
        while True:
            found = self._call(commands.read_to_replace(made))
            value = function(self._load(found, None))
            if self._call(self._replacing(made, found, value, timeout)):
                return value
            time.sleep(next(waits))

    async def _aupdate(self, key: Any, function: Callable[[Any], Any], timeout: Timeout, version: int | None) -> Any:
        made = self.make_and_validate_key(key, version)
        waits = pauses()
        while True:
            found = await self._acall(commands.read_to_replace(made))
            value = function(self._load(found, None))
            if await self._acall(self._replacing(made, found, value, timeout)):
                return value
            await asyncio.sleep(next(waits))

    def _replacing(self, made: str, found: bytes | None, value: Any, timeout: Timeout) -> Request[bool]:
        if value is None:
            return commands.replace(made, found, b"", 0)
        return commands.replace(made, found, self._dump(value), self.get_backend_timeout(timeout))

    def _call(self, request: Request[T]) -> T:
        return self._connections.call(request)

    async def _acall(self, request: Request[T]) -> T:
        return await self._connections.acall(request)

    def _summed(self, key: Any, total: int | None) -> int:
        if total is None:
            raise self.not_found(key)
        return total

    def _dump(self, value: Any) -> bytes:
        if type(value) is int and value in _INTEGERS:
            return b"%d" % value
        stored = self.serializer.dumps(value)
        if not _INTEGER.fullmatch(stored):
            return stored
        if isinstance(value, int):
            return b"%d" % value
        raise SerializationError(
            f"{type(self.serializer).__name__} writes {type(value).__name__} as digits, which Redis stores for whole "
            "numbers; let it write something before them"
        )

    def _load(self, stored: bytes | None, default: Any) -> Any:
        if stored is None:
            return default
        return int(stored) if _INTEGER.fullmatch(stored) else self.serializer.loads(stored)

    def _load_many(self, made: Mapping[str, Any], stored: list[bytes | None]) -> dict[Any, Any]:
        found = zip(made.values(), stored, strict=True)
        return {key: self._load(each, None) for key, each in found if each is not None}
