"""What all caches have in common, and what a backend of one's own inherits.

`tornadopy.cache.handler` builds the backends; sessions, tokens and users call them. The names and their meaning are
Django's (https://docs.djangoproject.com/en/stable/topics/cache/#the-low-level-cache-api); `update`, `ping` and `using`
are tornadopy's. The synchronous half is in `tornadopy.cache.backends.blocking`.
"""

# ruff: noqa: ASYNC109 - the timeouts are the life of what is stored, not that of the call

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any, ParamSpec, TypeVar

from tornadopy.cache.backends.blocking import DEFAULT_TIMEOUT, MISSING, BlockingCache, CacheOptions, Timeout
from tornadopy.decorators.async_execute import async_execute

__all__ = ["DEFAULT_TIMEOUT", "BaseCache", "CacheOptions", "Timeout"]

P = ParamSpec("P")
T = TypeVar("T")


class BaseCache(BlockingCache):
    """A cache: for each synchronous method a coroutine that never holds up the event loop.

    A backend implements `add`, `get`, `set`, `touch`, `delete` and `clear`, and what it can do better than the
    defaults. The coroutines call the synchronous methods: at once if ``has_io`` is False, else in the threads of
    `tornadopy.decorators.async_execute`. A backend with an asynchronous client overrides them.

    .. versionadded:: 2.0
    """

    async def aadd(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Do what `add` does."""
        return await self._run(self.add, key, value, timeout, version)

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Do what `get` does."""
        return await self._run(self.get, key, default, version)

    async def aset(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Do what `set` does."""
        await self._run(self.set, key, value, timeout, version)

    async def atouch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Do what `touch` does."""
        return await self._run(self.touch, key, timeout, version)

    async def adelete(self, key: Any, version: int | None = None) -> bool:
        """Do what `delete` does."""
        return await self._run(self.delete, key, version)

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Do what `get_many` does."""
        return await self._run(self.get_many, keys, version)

    async def aset_many(
        self, values: Mapping[Any, Any], timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Do what `set_many` does."""
        return await self._run(self.set_many, values, timeout, version)

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        """Do what `delete_many` does."""
        await self._run(self.delete_many, keys, version)

    async def aget_or_set(
        self, key: Any, default: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        """Do what `get_or_set` does; a function given as *default* is called here, and may be asynchronous."""
        value = await self.aget(key, MISSING, version)
        if value is not MISSING:
            return value
        if callable(default):
            default = default()
            if isawaitable(default):
                default = await default
        await self.aadd(key, default, timeout, version)
        return await self.aget(key, default, version)

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        """Do what `has_key` does."""
        return await self._run(self.has_key, key, version)

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Do what `incr` does."""
        return await self._run(self.incr, key, delta, version)

    async def adecr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Do what `decr` does."""
        return await self.aincr(key, -delta, version)

    async def aincr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Do what `incr_version` does."""
        current = self.version if version is None else version
        value = await self.aget(key, MISSING, current)
        if value is MISSING:
            raise self.not_found(key)
        await self.aset(key, value, version=current + delta)
        await self.adelete(key, current)
        return current + delta

    async def adecr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Do what `decr_version` does."""
        return await self.aincr_version(key, -delta, version)

    async def aclear(self) -> None:
        """Do what `clear` does."""
        await self._run(self.clear)

    async def aclose(self) -> None:
        """Close the connections of this event loop, and those of `close`; the next call opens new ones."""
        if type(self).close is not BlockingCache.close:
            await self._run(self.close)

    async def aupdate(
        self,
        key: Any,
        function: Callable[[Any], Any],
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> Any:
        """Do what `update` does. The updates of one key take turns, without holding a thread while they wait."""
        if not self.has_io:
            return self.update(key, function, timeout=timeout, version=version)
        async with self.turns.ahold(self.make_and_validate_key(key, version)):
            return await self._aupdate(key, function, timeout, version)

    async def _aupdate(self, key: Any, function: Callable[[Any], Any], timeout: Timeout, version: int | None) -> Any:
        """Do what `aupdate` promises, when it is this task's turn; what a backend with its own client overrides."""
        return await self._run(self.update, key, function, timeout=timeout, version=version)

    async def aping(self) -> None:
        """Do what `ping` does, for the connections of this event loop and those of the threads."""
        await self._run(self.ping)

    async def _run(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a synchronous method where it holds up nobody."""
        if self.has_io:
            return await _in_thread(method, *args, **kwargs)
        return method(*args, **kwargs)


@async_execute
def _in_thread(method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return method(*args, **kwargs)
