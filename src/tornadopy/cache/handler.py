"""The caches of a configuration, by their aliases: ``caches``, ``cache``, ``Application.caches``.

An application starts and ends what its caches need; everybody else looks them up here. What a backend is, this module
does not know.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from tornadopy.cache.configuration import CacheSettings
from tornadopy.conf import Settings, settings
from tornadopy.exceptions import MissingExtraError

if TYPE_CHECKING:
    from tornadopy.cache.backends.base import BaseCache
    from tornadopy.cache.outages import Outages
    from tornadopy.cache.pings import Pings

__all__ = ["CacheHandler", "cache", "caches", "handler_of"]

DEFAULT_ALIAS = "default"

_log = logging.getLogger("tornadopy.tracelog")


class CacheHandler:
    """The caches of one configuration, each built when it is first asked for, and only once.

    Args:
        conf: The configuration, of which ``CACHES`` and ``PROJECT_PATH`` are read.

    .. versionadded:: 2.0
    """

    def __init__(self, conf: Settings) -> None:
        # NOTE: the configuration itself is not kept: handlers are found by it as long as somebody else keeps it.
        self._settings = CacheSettings(conf.CACHES, conf.PROJECT_PATH)
        self._lock = threading.RLock()  # a backend may look up another while it is built
        self._built: dict[str, BaseCache] = {}
        self._shared: dict[Hashable, Any] = {}
        self._outages: Outages | None = None
        self._pings: Pings | None = None

    @property
    def outages(self) -> Outages:
        """Which of the caches do not answer."""
        if self._outages is None:
            from tornadopy.cache.outages import Outages  # noqa: PLC0415 - who uses no cache needs to know of none

            with self._lock:
                if self._outages is None:
                    self._outages = Outages()
        return self._outages

    def __getitem__(self, alias: str) -> BaseCache:
        """Return the cache of that alias.

        Raises:
            ConfigError: There is none, or its entry in ``CACHES`` is wrong.
            MissingExtraError: The library of its backend is not installed.
        """
        found = self._built.get(alias)
        if found is not None:
            return found
        with self._lock:
            if alias not in self._built:
                self._built[alias] = self._build(alias)
            return self._built[alias]

    def __contains__(self, alias: object) -> bool:
        return alias in self._settings

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def create(self, alias: str) -> BaseCache:
        """Return a new object for the cache of that alias, with connections of its own; nobody else gets it.

        Raises:
            ConfigError: There is no such alias, or its entry in ``CACHES`` is wrong.
            MissingExtraError: The library of its backend is not installed.
        """
        with self._lock:
            return self._build(alias)

    def all(self, *, initialized_only: bool = False) -> list[BaseCache]:
        """Return all caches; with *initialized_only*, those that have been built so far."""
        return [self[alias] for alias in self if not initialized_only or alias in self._built]

    def build(self) -> None:
        """Build all caches, so that an entry of ``CACHES`` that is wrong shows at the start; nothing is connected.

        A cache whose library is not installed is named in the log; it is an error where it is used. The one of the
        built-in settings, with which nothing can be wrong, is built when it is first asked for.

        Raises:
            ConfigError: An entry is wrong.
        """
        for alias in self._settings.of_the_project():
            try:
                self[alias]
            except MissingExtraError as exc:
                _log.warning("CACHES[%r]: %s", alias, exc)

    def start_pings(self) -> None:
        """Ping each cache built so far that has a ``PING_INTERVAL``, in one task of the running event loop."""
        if not any(cache.ping_interval for cache in self._built.values()):
            return
        from tornadopy.cache.pings import Pings  # noqa: PLC0415 - most sites have nothing to ping

        self._pings = self._pings or Pings(self.outages)
        self._pings.start(dict(self._built))

    async def aclose(self) -> None:
        """End the pings; close the connections of this event loop and of the threads. The next use opens new ones."""
        if self._pings is not None:
            await self._pings.end()
        for alias, cache in list(self._built.items()):
            try:
                await cache.aclose()
            except Exception:
                _log.exception("the cache %r could not be closed", alias)

    def _build(self, alias: str) -> BaseCache:
        """Build the cache of that alias. The lock is held."""
        made = self._settings.build(alias)
        made.join(self._shared)
        return made


_handlers: WeakKeyDictionary[Settings, CacheHandler] = WeakKeyDictionary()
_handlers_lock = threading.Lock()


def handler_of(conf: Settings) -> CacheHandler:
    """Return the caches of *conf*: always the same ones for the same configuration.

    .. versionadded:: 2.0
    """
    found = _handlers.get(conf)
    if found is None:
        with _handlers_lock:
            found = _handlers.setdefault(conf, CacheHandler(conf))
    return found


def _refuse_special(name: str) -> None:
    """Refuse the names for which those ask who look at all objects of a module; there may be no settings to read."""
    if name.startswith("__"):
        raise AttributeError(name)


class CurrentCaches:
    """The caches of the current request's application, else of the settings in force here."""

    def __getitem__(self, alias: str) -> BaseCache:
        return handler_of(settings.current())[alias]

    def __contains__(self, alias: object) -> bool:
        return alias in handler_of(settings.current())

    def __iter__(self) -> Iterator[str]:
        return iter(handler_of(settings.current()))

    def __getattr__(self, name: str) -> Any:
        _refuse_special(name)
        return getattr(handler_of(settings.current()), name)


class DefaultCache:
    """The cache ``default`` of `caches`, whichever that is where it is used."""

    def __getattr__(self, name: str) -> Any:
        _refuse_special(name)
        return getattr(caches[DEFAULT_ALIAS], name)

    def __contains__(self, key: object) -> bool:
        return key in caches[DEFAULT_ALIAS]


caches = cast("CacheHandler", CurrentCaches())
"""The caches of the current request's application, else of the settings in force here."""

cache = cast("BaseCache", DefaultCache())
"""The cache with the alias ``default``."""
