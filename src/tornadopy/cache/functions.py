"""Functions whose results are cached: what the decorator ``cached`` makes of them.

`tornadopy.cache.decorators` calls this.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from inspect import isawaitable
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from tornadopy.cache.access import Access
from tornadopy.cache.arguments import describe_arguments, signature_of
from tornadopy.cache.backends.base import Timeout
from tornadopy.cache.backends.blocking import MISSING
from tornadopy.cache.handler import caches
from tornadopy.cache.singleflight import ABANDONED, Flight, Flights
from tornadopy.exceptions import ArgumentError

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.25
_LONGEST_NAME = 150


class CachedFunction(Protocol[P, R_co]):
    """A function whose results are cached."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the cached result for these arguments, or compute it."""
        ...

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result for these arguments; return whether there was one."""
        ...

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., R_co]: ...


class CachedCoroutine(Protocol[P, R_co]):
    """A coroutine function whose results are cached."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Return the cached result for these arguments, or compute it."""
        ...

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, bool]:
        """Forget the result for these arguments; return whether there was one."""
        ...

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[..., Coroutine[Any, Any, R_co]]: ...


class Recipe(Generic[P]):
    """How the results of one function are computed, named and kept.

    Args:
        function: The function.
        timeout: How long results are kept, in seconds.
        alias: The cache.
        key: Says what the arguments stand for; None: their ``repr``.
        wait: Seconds that other processes wait for the one that computes; 0: they do not.
    """

    def __init__(
        self,
        function: Callable[P, Any],
        *,
        timeout: Timeout,
        alias: str,
        key: Callable[P, object] | None,
        wait: float,
    ) -> None:
        self.function = function
        self.timeout: Timeout = timeout
        self.wait = wait
        self.alias = alias
        self.flights = Flights()
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._key = key
        self._signature = signature_of(function)

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Return the key of the result for these arguments.

        Raises:
            ArgumentError: They have no text that is the same in another process.
        """
        if self._key is None:
            text = describe_arguments(self._name, self._signature, args, kwargs)
        else:
            text = f"{self._key(*args, **kwargs)}"
        digest = hashlib.blake2b(f"{self._name}({text})".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        # The name is for those who look into the store; a key that is too long for Memcached goes without.
        name = self._name if len(self._name) <= _LONGEST_NAME and self._name.isascii() else ""
        return f"cached:{name}:{digest}"

    def check_result(self, value: Any) -> None:
        """Refuse the result of a function that is asynchronous and does not look like it."""
        if isawaitable(value):
            raise ArgumentError(
                f"cached: {self._name} returned something to await, which cannot be cached; decorate an async "
                "function, or put @cached below @async_execute"
            )


def make_synchronous(recipe: Recipe[P]) -> CachedFunction[P, Any]:
    """Return the function of *recipe*, with its results cached."""

    @functools.wraps(recipe.function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        key = recipe.key(args, kwargs)
        access = Access(recipe.alias)
        compute = functools.partial(recipe.function, *args, **kwargs)
        while True:
            value = access.get(key)
            if value is not MISSING:
                return value
            flight = recipe.flights.join((access.cache, key))
            if flight is None:
                return compute()
            if flight.leads:
                return _lead(recipe, flight, access, key, compute)
            value = flight.wait()
            if value is not ABANDONED:
                # What is in the cache is a copy: callers that change their result must not change that of others.
                own = access.get(key)
                return value if own is MISSING else own

    def invalidate(*args: P.args, **kwargs: P.kwargs) -> bool:
        key, cache = recipe.key(args, kwargs), caches[recipe.alias]
        recipe.flights.forget((cache, key))
        return cache.delete(key)

    call.invalidate = invalidate  # type: ignore[attr-defined]  # that is how a function gets one
    made: CachedFunction[P, Any] = call  # type: ignore[assignment]  # functions have what the protocol asks for
    return made


def make_asynchronous(recipe: Recipe[P]) -> CachedCoroutine[P, Any]:
    """Return the coroutine function of *recipe*, with its results cached."""

    @functools.wraps(recipe.function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        key = recipe.key(args, kwargs)
        access = Access(recipe.alias)
        compute = functools.partial(recipe.function, *args, **kwargs)
        while True:
            value = await access.aget(key)
            if value is not MISSING:
                return value
            flight = recipe.flights.join((access.cache, key))
            if flight is None:
                return await compute()
            if flight.leads:
                return await _alead(recipe, flight, access, key, compute)
            value = await flight.await_()
            if value is not ABANDONED:
                own = await access.aget(key)
                return value if own is MISSING else own

    async def invalidate(*args: P.args, **kwargs: P.kwargs) -> bool:
        key, cache = recipe.key(args, kwargs), caches[recipe.alias]
        recipe.flights.forget((cache, key))
        return await cache.adelete(key)

    call.invalidate = invalidate  # type: ignore[attr-defined]  # that is how a function gets one
    made: CachedCoroutine[P, Any] = call  # type: ignore[assignment]  # functions have what the protocol asks for
    return made


def _lead(recipe: Recipe[P], flight: Flight, access: Access, key: str, compute: Callable[[], Any]) -> Any:
    """Compute for all who wait, unless the value has come in the meantime."""
    try:
        value = access.get(key)
        if value is MISSING:
            value = _compute(recipe, flight, access, key, compute)
    except Exception as exc:
        flight.fail(exc)
        raise
    except BaseException:
        flight.abandon()
        raise
    flight.land(value)
    return value


def _compute(recipe: Recipe[P], flight: Flight, access: Access, key: str, compute: Callable[[], Any]) -> Any:
    mark, end = f"{key}:computing", time.monotonic() + recipe.wait
    has_marked = False
    if recipe.wait:
        for pause in _pauses():
            has_marked = access.add(mark, recipe.wait)
            if has_marked or time.monotonic() > end:
                break
            time.sleep(pause)
            value = access.get(key)
            if value is not MISSING:
                return value
    try:
        # Whoever had the mark before may have stored the value since it was looked for.
        value = access.get(key) if has_marked else MISSING
        if value is not MISSING:
            return value
        value = compute()
        recipe.check_result(value)
        if flight.is_wanted:
            access.set(key, value, recipe.timeout)
        return value
    finally:
        if has_marked:
            access.delete(mark)


async def _alead(
    recipe: Recipe[P], flight: Flight, access: Access, key: str, compute: Callable[[], Awaitable[Any]]
) -> Any:
    """Do what `_lead` does for a coroutine function."""
    try:
        value = await access.aget(key)
        if value is MISSING:
            value = await _acompute(recipe, flight, access, key, compute)
    except Exception as exc:
        flight.fail(exc)
        raise
    except BaseException:
        flight.abandon()
        raise
    flight.land(value)
    return value


async def _acompute(
    recipe: Recipe[P], flight: Flight, access: Access, key: str, compute: Callable[[], Awaitable[Any]]
) -> Any:
    mark, end = f"{key}:computing", time.monotonic() + recipe.wait
    has_marked = False
    if recipe.wait:
        for pause in _pauses():
            has_marked = await access.aadd(mark, recipe.wait)
            if has_marked or time.monotonic() > end:
                break
            await asyncio.sleep(pause)
            value = await access.aget(key)
            if value is not MISSING:
                return value
    try:
        value = await access.aget(key) if has_marked else MISSING
        if value is not MISSING:
            return value
        value = await compute()
        recipe.check_result(value)
        if flight.is_wanted:
            await access.aset(key, value, recipe.timeout)
        return value
    finally:
        if has_marked:
            await access.adelete(mark)


def _pauses() -> Iterator[float]:
    """Yield how long to wait before looking again, in seconds: longer and longer, and not in step with others."""
    pause = _FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause = min(pause * 2, _LONGEST_PAUSE)
