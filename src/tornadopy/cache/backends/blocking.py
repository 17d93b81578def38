"""The synchronous half of a cache: its parameters, its keys, and the methods that Django's caches have.

`tornadopy.cache.backends.base.BaseCache` inherits it and adds the coroutines.
"""

from __future__ import annotations

import copy
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping
from enum import Enum
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias, TypedDict

from tornadopy.cache import keys as cache_keys
from tornadopy.cache.serializers import make_serializer
from tornadopy.conf.defaults import NotNegative, Positive
from tornadopy.exceptions import CacheKeyWarning
from tornadopy.utils.keyedlocks import KeyedLocks

DEFAULT_SECONDS = 300
DEFAULT_ENTRIES = 300
DEFAULT_CULL_FREQUENCY = 3


class _Mark(Enum):
    DEFAULT_TIMEOUT = "the cache's own TIMEOUT"
    MISSING = "not in the cache"


DEFAULT_TIMEOUT: Final = _Mark.DEFAULT_TIMEOUT
"""The timeout that means the ``TIMEOUT`` of the cache."""

MISSING: Final = _Mark.MISSING
"""What `BlockingCache.get` is given as the default where None is a value like any other."""

Timeout: TypeAlias = float | Literal[_Mark.DEFAULT_TIMEOUT] | None
"""Seconds; zero or less: expired at once; None: for ever."""


class CacheOptions(TypedDict, total=False):
    """``OPTIONS`` that all backends take; one with more of them inherits this."""

    MAX_ENTRIES: Positive
    CULL_FREQUENCY: NotNegative  # one of so many entries goes when there are too many; 0: all of them
    SERIALIZER: Any  # "pickle", "json", "msgpack", a class or its dotted name


class BlockingCache(ABC):
    """What a backend is built from, and its synchronous methods.

    Args:
        params: An entry of ``CACHES``: ``TIMEOUT``, ``OPTIONS``, ``KEY_PREFIX``, ``VERSION``, ``KEY_FUNCTION``. A
            backend's own constructor is called with the location and these.

    Attributes:
        has_io: Whether a call may wait for a disk or a network. In-process backends say False.
        serializes: Whether the backend keeps bytes, so that `using` makes sense.
        location_is_path: Whether ``LOCATION`` is a folder, relative to ``PROJECT_PATH``.
        option_types: The ``TypedDict`` that ``OPTIONS`` are checked against; None: they are the backend's own affair.
        default_timeout: ``TIMEOUT``, in seconds; None: for ever.
        version: ``VERSION``, which keys belong to unless a call names another.
        key_prefix: ``KEY_PREFIX``.
        key_function: Makes the key of the store.
        max_entries: ``OPTIONS['MAX_ENTRIES']``.
        cull_frequency: ``OPTIONS['CULL_FREQUENCY']``.
        serializer: Turns values into bytes.
        ping_interval: ``OPTIONS['PING_INTERVAL']``, in seconds; None: nobody pings.
        turns: Lets the updates of one key take turns within the process.

    Raises:
        ConfigError: A parameter is wrong; the message begins with its name.

    .. versionadded:: 2.0
    """

    has_io: ClassVar[bool] = True
    serializes: ClassVar[bool] = False
    location_is_path: ClassVar[bool] = False
    option_types: ClassVar[Any] = None

    def __init__(self, params: Mapping[str, Any]) -> None:
        options: Mapping[str, Any] = params.get("OPTIONS") or {}
        self.default_timeout: float | None = params.get("TIMEOUT", DEFAULT_SECONDS)
        self.version: int = params.get("VERSION", 1)
        self.key_prefix: str = params.get("KEY_PREFIX", "")
        self.key_function = cache_keys.key_function(params.get("KEY_FUNCTION"))
        self.max_entries: int = options.get("MAX_ENTRIES", DEFAULT_ENTRIES)
        self.cull_frequency: int = options.get("CULL_FREQUENCY", DEFAULT_CULL_FREQUENCY)
        self.serializer = make_serializer(options.get("SERIALIZER", "pickle"))
        self.ping_interval: float | None = options.get("PING_INTERVAL")
        self.turns = KeyedLocks()

    def join(self, shared: MutableMapping[Hashable, Any]) -> None:  # noqa: B027 - most caches have nothing to do
        """Share with the other caches of one handler what is to be shared; *shared* is theirs to keep it in."""

    def using(self, serializer: Any) -> Self:
        """Return a view of the same store, over the same connections, with another serializer.

        Args:
            serializer: As ``OPTIONS['SERIALIZER']``.

        Returns:
            The view; the cache itself, if it keeps no bytes.

        Raises:
            ConfigError: There is no such serializer.
        """
        if not self.serializes:
            return self
        view = copy.copy(self)
        view.serializer = make_serializer(serializer)
        return view

    # Keys and times

    def make_key(self, key: Any, version: int | None = None) -> str:
        """Return the key of the store: by default ``KEY_PREFIX:version:key``."""
        return self.key_function(key, self.key_prefix, self.version if version is None else version)

    def validate_key(self, key: str) -> None:
        """Warn of a key of the store that Memcached could not hold.

        Raises:
            InvalidCacheKey: On Memcached, in the place of the `CacheKeyWarning`.
        """
        for problem in cache_keys.problems(key):
            warnings.warn(problem, CacheKeyWarning, stacklevel=4)

    def make_and_validate_key(self, key: Any, version: int | None = None) -> str:
        """Return the key of the store, after `validate_key` has seen it."""
        made = self.make_key(key, version)
        self.validate_key(made)
        return made

    def get_backend_timeout(self, timeout: Timeout = DEFAULT_TIMEOUT) -> float | None:
        """Return when an entry of *timeout* seconds, made now, expires: seconds since the epoch; None: never."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else time.time() + seconds

    # What a backend implements

    @abstractmethod
    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store *value* unless the key is there; return whether it has been stored."""

    @abstractmethod
    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value of *key*, or *default* if it is missing or expired."""

    @abstractmethod
    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store *value* for *timeout* seconds."""

    @abstractmethod
    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let *key* expire in *timeout* seconds from now; return whether it is there."""

    @abstractmethod
    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete *key*; return whether it was there."""

    @abstractmethod
    def clear(self) -> None:
        """Delete everything in the store, of whatever prefix and version."""

    # What follows from that

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return the values of those *keys* that are there."""
        found = ((key, self.get(key, MISSING, version)) for key in keys)
        return {key: value for key, value in found if value is not MISSING}

    def set_many(
        self, values: Mapping[Any, Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Store all *values*; return the keys that could not be stored."""
        for key, value in values.items():
            self.set(key, value, timeout, version)
        return []

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Delete all *keys*."""
        for key in keys:
            self.delete(key, version)

    def get_or_set(self, key: Any, default: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        """Return the value of *key*; if it is missing, store *default*, or what it returns if it is a function."""
        value = self.get(key, MISSING, version)
        if value is not MISSING:
            return value
        if callable(default):
            default = default()
        self.add(key, default, timeout, version)
        # Somebody else may have added a value in the meantime: all shall get the same.
        return self.get(key, default, version)

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether *key* is there and has not expired."""
        return self.get(key, MISSING, version) is not MISSING

    def __contains__(self, key: Any) -> bool:
        return self.has_key(key)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Add *delta* to the value of *key* and return the sum.

        This default is not atomic, and gives the sum the cache's own ``TIMEOUT``.

        Raises:
            ValueError: The key is missing.
        """
        value = self.get(key, MISSING, version)
        if value is MISSING:
            raise self.not_found(key)
        self.set(key, value + delta, version=version)
        return value + delta

    def decr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Subtract *delta* from the value of *key* and return the difference; see `incr`."""
        return self.incr(key, -delta, version)

    def incr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Move *key* from its version to one that is *delta* higher, and return that.

        Raises:
            ValueError: The key is missing.
        """
        current = self.version if version is None else version
        value = self.get(key, MISSING, current)
        if value is MISSING:
            raise self.not_found(key)
        self.set(key, value, version=current + delta)
        self.delete(key, current)
        return current + delta

    def decr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Move *key* from its version to one that is *delta* lower, and return that; see `incr_version`."""
        return self.incr_version(key, -delta, version)

    def update(
        self,
        key: Any,
        function: Callable[[Any], Any],
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> Any:
        """Replace the value of *key* by what *function* makes of it, atomically.

        The default of a backend that does not override `_update` is atomic among the threads of the process only.

        Args:
            key: The key.
            function: Gets the value, or None if the key is missing, and returns the new one; None deletes the key. It
                must be pure: it may be called more than once. It must not use the cache itself.
            timeout: Of the new value, in seconds.
            version: The version of the key.

        Returns:
            The new value.
        """
        with self.turns.hold(self.make_and_validate_key(key, version)):
            return self._update(key, function, timeout, version)

    def _update(self, key: Any, function: Callable[[Any], Any], timeout: Timeout, version: int | None) -> Any:
        """Do what `update` promises, when it is this thread's turn."""
        value = function(self.get(key, None, version))
        if value is None:
            self.delete(key, version)
        else:
            self.set(key, value, timeout, version)
        return value

    def ping(self) -> None:  # noqa: B027 - most caches have nothing to do
        """Ask the server behind the cache whether it is there; there is nothing to ask a local one.

        Raises:
            CacheConnectionError: It cannot be reached.
        """

    def close(self) -> None:  # noqa: B027 - most caches have nothing to do
        """Close the connections of the synchronous methods; the next call opens new ones."""

    @staticmethod
    def not_found(key: Any) -> ValueError:
        """Return the error for a key that has to be there and is not."""
        return ValueError(f"there is no key {key!r} in the cache")
