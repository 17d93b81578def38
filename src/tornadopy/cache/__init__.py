"""Caches: Django's interface, synchronous and asynchronous, over memory, files, Redis and Memcached.

The public names are imported when they are first used. Sessions, tokens and the users' own code call this package; it
knows neither handlers nor applications.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tornadopy.cache.decorators import cache_page, cached
    from tornadopy.cache.handler import CacheHandler, cache, caches
    from tornadopy.exceptions import CacheConnectionError, CacheKeyWarning, InvalidCacheKey

_HOMES = {
    "CacheHandler": "tornadopy.cache.handler",
    "cache": "tornadopy.cache.handler",
    "cache_page": "tornadopy.cache.decorators",
    "cached": "tornadopy.cache.decorators",
    "caches": "tornadopy.cache.handler",
    "CacheConnectionError": "tornadopy.exceptions",
    "CacheKeyWarning": "tornadopy.exceptions",
    "InvalidCacheKey": "tornadopy.exceptions",
}

__all__ = [
    "CacheConnectionError",
    "CacheHandler",
    "CacheKeyWarning",
    "InvalidCacheKey",
    "cache",
    "cache_page",
    "cached",
    "caches",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
