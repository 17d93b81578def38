"""A cache that the program can do without: its decorators compute what a cache does not give.

`tornadopy.cache.functions` and `tornadopy.cache.pages` make one for each call.
"""

from __future__ import annotations

from typing import Any

from tornadopy.cache.backends.base import Timeout
from tornadopy.cache.backends.blocking import MISSING
from tornadopy.cache.handler import caches
from tornadopy.exceptions import CacheConnectionError


class Access:
    """The cache of an alias, for one call: if it does not answer, it is not asked again, and the log says so.

    Args:
        alias: The alias in ``CACHES``.

    Attributes:
        cache: The cache itself.
        is_down: Whether it has not answered.
    """

    __slots__ = ("_alias", "_outages", "cache", "is_down")

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._outages = caches.outages
        self.cache = caches[alias]
        self.is_down = False

    def get(self, key: str) -> Any:
        """Return the value of *key*, or `MISSING`."""
        if self.is_down:
            return MISSING
        try:
            value = self.cache.get(key, MISSING)
        except CacheConnectionError as exc:
            return self._fail(exc)
        self._outages.answered(self._alias)
        return value

    def set(self, key: str, value: Any, timeout: Timeout) -> None:
        """Store *value*."""
        if not self.is_down:
            try:
                self.cache.set(key, value, timeout)
            except CacheConnectionError as exc:
                self._fail(exc)

    def add(self, key: str, timeout: float) -> bool:
        """Store a mark unless it is there; return whether it has been stored. Without a cache all may go on."""
        if self.is_down:
            return True
        try:
            return self.cache.add(key, 1, timeout)
        except CacheConnectionError as exc:
            self._fail(exc)
            return True

    def delete(self, key: str) -> None:
        """Delete *key*."""
        if not self.is_down:
            try:
                self.cache.delete(key)
            except CacheConnectionError as exc:
                self._fail(exc)

    async def aget(self, key: str) -> Any:
        """Do what `get` does."""
        if self.is_down:
            return MISSING
        try:
            value = await self.cache.aget(key, MISSING)
        except CacheConnectionError as exc:
            return self._fail(exc)
        self._outages.answered(self._alias)
        return value

    async def aset(self, key: str, value: Any, timeout: Timeout) -> None:  # noqa: ASYNC109 - the life of the value
        """Do what `set` does."""
        if not self.is_down:
            try:
                await self.cache.aset(key, value, timeout)
            except CacheConnectionError as exc:
                self._fail(exc)

    async def aadd(self, key: str, timeout: float) -> bool:  # noqa: ASYNC109 - the life of the mark
        """Do what `add` does."""
        if self.is_down:
            return True
        try:
            return await self.cache.aadd(key, 1, timeout)
        except CacheConnectionError as exc:
            self._fail(exc)
            return True

    async def adelete(self, key: str) -> None:
        """Do what `delete` does."""
        if not self.is_down:
            try:
                await self.cache.adelete(key)
            except CacheConnectionError as exc:
                self._fail(exc)

    def _fail(self, error: CacheConnectionError) -> Any:
        self.is_down = True
        self._outages.failed(self._alias, error)
        return MISSING
