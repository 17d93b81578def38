"""A cache on Memcached, on one server or on several among which the keys are spread.

Needs the extra ``tornadopy[memcached]``. The connections are in `tornadopy.cache.backends._memcached_server`. The
coroutines run in the threads of `tornadopy.decorators.async_execute`; docs/decisions/0005-memcached-client.md says why.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, TypeVar

from tornadopy.cache import keys as cache_keys
from tornadopy.cache.backends._memcached_options import MemcachedOptions, read_location, read_times
from tornadopy.cache.backends._memcached_ring import Ring
from tornadopy.cache.backends._memcached_server import Item, MemcachedServer, refusal_in
from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, Timeout
from tornadopy.cache.backends.optimistic import pauses
from tornadopy.cache.backends.turns import NetworkTurns
from tornadopy.exceptions import ArgumentError, CacheConnectionError, InvalidCacheKey

__all__ = ["MemcachedCache"]

K = TypeVar("K")
V = TypeVar("V")

BATCH = 1000  # keys in one request
GONE = -1  # the expiry of what is gone at once
RELATIVE = 30 * 24 * 3600  # seconds; a longer time means a date to Memcached (doc/protocol.txt, "Expiration times")
LAST_DATE = 2**31 - 1  # the dates of Memcached have 32 bits
SERIALIZED, NUMBER = 1, 2  # flags
_DIGITS = re.compile(rb"-?[0-9]{1,20} *")  # counted down to fewer digits, a number keeps its length
_COUNTABLE = range(-(2**63), 2**64)


class MemcachedCache(BaseCache):
    """A cache on Memcached.

    Whole numbers are stored as digits, so that Memcached can count with them; everything else by the serializer.

    Args:
        location: ``LOCATION``: a server, or a list of servers.
        params: The entry of ``CACHES``; see `MemcachedOptions` for its ``OPTIONS``.

    Raises:
        ConfigError: The location or an option is wrong.

    .. versionadded:: 2.0
    """

    has_io: ClassVar[bool] = True
    serializes: ClassVar[bool] = True
    option_types: ClassVar[Any] = MemcachedOptions

    def __init__(self, location: object, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.turns = NetworkTurns()
        times = read_times(params.get("OPTIONS") or {})
        self._servers = [MemcachedServer(address, times) for address in read_location(location)]
        self._ring = Ring([server.name for server in self._servers])

    def validate_key(self, key: str) -> None:
        """Refuse a key that Memcached cannot hold.

        Raises:
            InvalidCacheKey: It is too long, or holds a space or a control character.
        """
        for problem in cache_keys.problems(key):
            raise InvalidCacheKey(problem)

    def get_backend_timeout(self, timeout: Timeout = DEFAULT_TIMEOUT) -> int:
        """Return the expiry that Memcached takes: seconds from now, a date if that is far, 0: never, -1: at once."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        if seconds is None:
            return 0
        if seconds <= 0:
            return GONE
        now = time.time()
        if seconds + now >= LAST_DATE:
            return 0
        return math.ceil(seconds) if seconds <= RELATIVE else int(now + seconds)

    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store *value* unless the key is there; return whether it has been stored.

        Raises:
            ArgumentError: The value is larger than the server takes.
        """
        made = self._key(key, version)
        return self._store("add", made, self._dump(value), self.get_backend_timeout(timeout))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value of *key*, or *default* if it is missing or expired."""
        made = self._key(key, version)
        with self._server_of(made).connection() as client:
            item = client.get(made)
        return default if item is None else self._load(item)

    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store *value* for *timeout* seconds.

        Raises:
            ArgumentError: The value is larger than the server takes; what has been there is deleted.
        """
        made = self._key(key, version)
        self._store("set", made, self._dump(value), self.get_backend_timeout(timeout))

    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let *key* expire in *timeout* seconds from now; return whether it is there."""
        made = self._key(key, version)
        with self._server_of(made).connection() as client:
            return bool(client.touch(made, self.get_backend_timeout(timeout)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete *key*; return whether it was there."""
        made = self._key(key, version)
        with self._server_of(made).connection() as client:
            return bool(client.delete(made))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether *key* is there and has not expired."""
        made = self._key(key, version)
        with self._server_of(made).connection() as client:
            return client.get(made) is not None

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values of those *keys* that are there, in one round trip to each server."""
        made = {self._key(key, version): key for key in keys}
        found: dict[bytes, Item] = {}
        for server, part in self._spread(made):
            with server.connection() as client:
                found.update(client.get_many(list(part)))
        return {key: self._load(found[each]) for each, key in made.items() if each in found}

    def set_many(
        self, values: Mapping[Any, Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Store all *values*, in one round trip to each server; return the keys whose values are too large for it."""
        names = {self._key(key, version): key for key in values}
        items = {made: self._dump(values[key]) for made, key in names.items()}
        expiry = self.get_backend_timeout(timeout)
        return [names[made] for server, part in self._spread(items) for made in _set_all(server, part, expiry)]

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Delete all *keys*, in one round trip to each server."""
        for server, part in self._spread({self._key(key, version): None for key in keys}):
            with server.connection() as client:
                client.delete_many(list(part))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add *delta* to the value of *key*, atomically, and return the sum; the key expires when it would have.

        As Memcached counts: there is nothing below 0, and 2 ** 64 is 0 again.

        Raises:
            ValueError: The key is missing, or its value is no whole number from 0.
        """
        made = self._key(key, version)
        try:
            with self._server_of(made).connection() as client:
                total = client.incr(made, delta) if delta >= 0 else client.decr(made, -delta)
        except CacheConnectionError as exc:
            if refusal_in(exc) is None:
                raise
            raise ArgumentError(
                "Memcached counts with whole numbers from 0 to 2 ** 64 - 1, and either the value or the step is none"
            ) from exc
        if total is None:
            raise self.not_found(key)
        return int(total)

    def clear(self) -> None:
        """Delete everything on all servers, of whatever prefix and version, and whoever has put it there."""
        self._at_all_servers(_flush)

    def ping(self) -> None:
        """Ask all servers for an answer on each idle connection; one that answers is no longer left alone.

        Raises:
            CacheConnectionError: One cannot be reached; all have been asked.
        """
        self._at_all_servers(MemcachedServer.ping)

    def close(self) -> None:
        """Close the idle connections; the next call opens new ones."""
        for server in self._servers:
            server.close()

    def _update(self, key: Any, function: Callable[[Any], Any], timeout: Timeout, version: int | None) -> Any:
        made = self._key(key, version)
        expiry = self.get_backend_timeout(timeout)
        waits = pauses()
        while True:
            with self._server_of(made).connection() as client:
                item, token = client.gets(made)
            value = function(None if item is None else self._load(item))
            if self._replace(made, None if value is None else self._dump(value), expiry, token):
                return value
            time.sleep(next(waits))

    def _replace(self, made: bytes, item: Item | None, expiry: int, token: bytes | None) -> bool:
        """Store an item, or delete it, if nobody has changed it since *token*; return whether nobody has."""
        if token is not None:
            # An item that is gone at once is the one way of deleting on a condition.
            return self._store("cas", made, item or Item(b"", SERIALIZED), expiry if item else GONE, token)
        return item is None or self._store("add", made, item, expiry)

    def _store(self, command: str, made: bytes, item: Item, expiry: int, *arguments: bytes) -> bool:
        server = self._server_of(made)
        try:
            with server.connection() as client:
                return bool(getattr(client, command)(made, item, *arguments, expire=expiry))
        except CacheConnectionError as exc:
            refusal = refusal_in(exc)
            if refusal is not None and command == "set":
                _delete(server, made)
            if refusal is None or "too large" not in refusal:
                raise
            raise ArgumentError(
                f"Memcached at {server.name} takes no value of {len(item.stored)} bytes; store less, or raise its "
                "limit (its option -I, 1 MB by default)"
            ) from exc

    def _key(self, key: Any, version: int | None) -> bytes:
        return self.make_and_validate_key(key, version).encode("utf-8", "surrogatepass")

    def _server_of(self, made: bytes) -> MemcachedServer:
        """Return the server that has a key: of those that answer, the first on the ring.

        Raises:
            CacheConnectionError: None answers.
        """
        for index in self._ring.order(made):
            server = self._servers[index]
            if server.health.is_worth_asking():
                return server
        raise self._none_answers()

    def _spread(self, values: Mapping[bytes, V]) -> Iterator[tuple[MemcachedServer, dict[bytes, V]]]:
        """Share values among the servers that have their keys, in batches; raises as `_server_of` does."""
        usable: dict[int, bool] = {}
        parts: dict[int, dict[bytes, V]] = {}
        for made, value in values.items():
            for index in self._ring.order(made):
                if index not in usable:
                    usable[index] = self._servers[index].health.is_worth_asking()
                if usable[index]:
                    parts.setdefault(index, {})[made] = value
                    break
            else:
                raise self._none_answers()
        for index, part in parts.items():
            for batch in _batches(part):
                yield self._servers[index], batch

    def _at_all_servers(self, work: Callable[[MemcachedServer], None]) -> None:
        errors = []
        for server in self._servers:
            try:
                work(server)
            except CacheConnectionError as exc:
                errors.append(exc)
        if errors:
            raise errors[0]

    def _none_answers(self) -> CacheConnectionError:
        names = ", ".join(server.name for server in self._servers)
        return CacheConnectionError(f"Memcached at {names} has just not answered, and is tried again in a few seconds")

    def _dump(self, value: Any) -> Item:
        if type(value) is int and value in _COUNTABLE:
            return Item(b"%d" % value, NUMBER)
        return Item(self.serializer.dumps(value), SERIALIZED)

    def _load(self, item: Item) -> Any:
        if item.flags == NUMBER and _DIGITS.fullmatch(item.stored):
            return int(item.stored)
        return self.serializer.loads(item.stored)


def _batches(values: Mapping[K, V]) -> Iterator[dict[K, V]]:
    items = iter(values.items())
    while batch := dict(islice(items, BATCH)):
        yield batch


def _set_all(server: MemcachedServer, items: Mapping[bytes, Item], expiry: int) -> list[bytes]:
    """Store all items; return the keys of those that the server has refused, and deletes."""
    try:
        with server.connection() as client:
            return list(client.set_many(items, expire=expiry))
    except CacheConnectionError as exc:
        if refusal_in(exc) is None:
            raise
        # Which one has been refused, and what became of the others, the server says to one at a time.
        return [key for key, item in items.items() if not _set_one(server, key, item, expiry)]


def _set_one(server: MemcachedServer, key: bytes, item: Item, expiry: int) -> bool:
    try:
        with server.connection() as client:
            return bool(client.set(key, item, expire=expiry))
    except CacheConnectionError as exc:
        if refusal_in(exc) is None:
            raise
        _delete(server, key)
        return False


def _delete(server: MemcachedServer, key: bytes) -> None:
    with server.connection() as client:
        client.delete(key)


def _flush(server: MemcachedServer) -> None:
    with server.connection() as client:
        client.flush_all()
