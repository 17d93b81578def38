"""A cache in the memory of the process.

Built by `tornadopy.cache.handler`; the default of ``CACHES``. What it holds is gone with the process, and other
processes have their own.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, MutableMapping
from typing import Any, ClassVar, NamedTuple

from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, CacheOptions, Timeout

__all__ = ["LocMemCache"]


class _Entry(NamedTuple):
    stored: bytes
    expires: float | None  # seconds since the epoch; None: never


class _Store:
    """The entries, the one used last at the end, and their lock."""

    def __init__(self) -> None:
        # Reentrant, so that a function given to `update` that reads the cache against the rules is no deadlock.
        self.lock = threading.RLock()
        self.entries: OrderedDict[str, _Entry] = OrderedDict()

    def find(self, key: str) -> _Entry | None:
        """Return the entry of *key*, unless it has expired. The lock is held."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        if entry.expires is not None and entry.expires <= time.time():
            del self.entries[key]
            return None
        self.entries.move_to_end(key)
        return entry


class LocMemCache(BaseCache):
    """A bounded cache in the memory of the process, safe for threads.

    With more than ``MAX_ENTRIES`` entries, those that have not been used for the longest time go: one of
    ``CULL_FREQUENCY``. Values are kept as bytes, so that nobody changes a cached object by changing his own.

    Args:
        location: Caches of one handler with the same location share what they hold.
        params: See `BaseCache`.

    .. versionadded:: 2.0
    """

    has_io: ClassVar[bool] = False
    serializes: ClassVar[bool] = True
    option_types: ClassVar[Any] = CacheOptions

    def __init__(self, location: Hashable, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.location = location
        self._store = _Store()

    def join(self, shared: MutableMapping[Hashable, Any]) -> None:
        """Share the store of the caches with the same location."""
        self._store = shared.setdefault((LocMemCache, self.location), self._store)

    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store *value* unless the key is there; return whether it has been stored."""
        made = self.make_and_validate_key(key, version)
        stored = self.serializer.dumps(value)
        with self._store.lock:
            if self._store.find(made) is not None:
                return False
            self._put(made, stored, self.get_backend_timeout(timeout))
            return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value of *key*, or *default* if it is missing or expired."""
        made = self.make_and_validate_key(key, version)
        with self._store.lock:
            entry = self._store.find(made)
        return default if entry is None else self.serializer.loads(entry.stored)

    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store *value* for *timeout* seconds."""
        made = self.make_and_validate_key(key, version)
        stored = self.serializer.dumps(value)
        with self._store.lock:
            self._put(made, stored, self.get_backend_timeout(timeout))

    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let *key* expire in *timeout* seconds from now; return whether it is there."""
        made = self.make_and_validate_key(key, version)
        with self._store.lock:
            entry = self._store.find(made)
            if entry is None:
                return False
            self._put(made, entry.stored, self.get_backend_timeout(timeout))
            return True

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete *key*; return whether it was there."""
        made = self.make_and_validate_key(key, version)
        with self._store.lock:
            return self._store.find(made) is not None and self._store.entries.pop(made) is not None

    def clear(self) -> None:
        """Delete everything in the store, of whatever prefix and version."""
        with self._store.lock:
            self._store.entries.clear()

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether *key* is there and has not expired."""
        made = self.make_and_validate_key(key, version)
        with self._store.lock:
            return self._store.find(made) is not None

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Add *delta* to the value of *key* and return the sum; atomic, and the entry keeps its time.

        Raises:
            ValueError: The key is missing.
        """
        made = self.make_and_validate_key(key, version)
        with self._store.lock:
            entry = self._store.find(made)
            if entry is None:
                raise self.not_found(key)
            value = self.serializer.loads(entry.stored) + delta
            self._put(made, self.serializer.dumps(value), entry.expires)
            return value

    def _update(self, key: Any, function: Callable[[Any], Any], timeout: Timeout, version: int | None) -> Any:
        with self._store.lock:
            return super()._update(key, function, timeout, version)

    def _put(self, key: str, stored: bytes, expires: float | None) -> None:
        """Store an entry, and make room for it. The lock is held."""
        entries = self._store.entries
        if expires is not None and expires <= time.time():
            entries.pop(key, None)  # nothing that lives has to go for it
            return
        if key not in entries and len(entries) >= self.max_entries:
            self._cull()
        entries[key] = _Entry(stored, expires)
        entries.move_to_end(key)

    def _cull(self) -> None:
        """Delete what has not been used for the longest time, until there is room. The lock is held."""
        entries = self._store.entries
        if self.cull_frequency == 0:
            entries.clear()
            return
        # Another cache on the same store may allow for more than this one.
        excess = len(entries) - self.max_entries + 1
        for _ in range(max(len(entries) // self.cull_frequency, excess)):
            entries.popitem(last=False)
