"""Caches: Django's interface, synchronous and asynchronous, over memory, files, Redis and Memcached.

The public names are imported when they are first used. Sessions, tokens and the users' own code call this package; it
knows neither handlers nor applications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornadopy.utils.lazyexports import lazy_exports

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

__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
