"""The decorators: ``cached`` for functions, ``cache_page`` for the methods of handlers.

Users call them. What they do is in `tornadopy.cache.functions` and `tornadopy.cache.pages`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from tornado.gen import is_coroutine_function

from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, Timeout
from tornadopy.cache.functions import CachedCoroutine, CachedFunction, Recipe, make_asynchronous, make_synchronous
from tornadopy.cache.pages import PageCache
from tornadopy.exceptions import ArgumentError

__all__ = ["cache_page", "cached"]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class _Cached(Protocol):
    @overload
    def __call__(  # type: ignore[overload-overlap]  # the first that fits is meant
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> CachedCoroutine[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


def cached(
    timeout: Timeout = DEFAULT_TIMEOUT,
    *,
    key: Callable[..., object] | None = None,
    cache: str = "default",
    wait: float = 0,
) -> _Cached:
    """Keep the results of a function, for each combination of arguments, for *timeout* seconds.

    ::

        @cached(60)
        async def rates(currency: str) -> dict[str, float]: ...


        await rates("EUR")
        await rates.invalidate("EUR")

    The function may be synchronous or asynchronous. While a result is computed, all others in the process that want the
    same one, in whatever thread or task, wait for it. None is a result like any other; an exception goes to those who
    wait, and is not kept. Without the cache the function is called, and the log says so once.

    Args:
        timeout: Seconds; None: for ever; by default the ``TIMEOUT`` of the cache.
        key: Gets the arguments and returns what they stand for. By default that is their ``repr``, however they are
            passed; an argument whose ``repr`` tells nothing, such as the ``self`` of a method, needs this.
        cache: The alias of the cache.
        wait: Seconds that other processes wait for the one that computes, on a cache that they share. 0: each process
            computes for itself. A synchronous function waits in its thread.

    Returns:
        The decorator. What it returns has ``invalidate(*args, **kwargs)``, which forgets the result for these
        arguments and returns whether there was one; for an asynchronous function it is to be awaited.

    Raises:
        ArgumentError: When decorating: what is decorated is no function. When called: an argument has no stable
            ``repr``, or the function returned something to await without being asynchronous.

    .. versionadded:: 2.0
    """
    _check_timeout("cached", timeout)

    def decorate(function: Callable[..., Any]) -> Any:
        _check_function(function)
        recipe = Recipe(function, timeout=timeout, alias=cache, key=key, wait=wait)
        if inspect.iscoroutinefunction(function) or is_coroutine_function(function):
            return make_asynchronous(recipe)
        return make_synchronous(recipe)

    return decorate


def cache_page(
    timeout: float,
    *,
    key_prefix: str = "",
    vary: str | Iterable[str] | None = None,
    cache: str = "default",
) -> Callable[[F], F]:
    """Keep what a handler's ``get`` or ``head`` answers, for each address, for *timeout* seconds.

    ::

        class Front(WebHandler):
            @cache_page(60)
            async def get(self) -> None: ...

    Answers with the status 200 are kept, unless they set cookies, are streamed, say ``private``, ``no-cache`` or
    ``no-store`` in ``Cache-Control``, or ``Vary: *``. They get ``Cache-Control: max-age`` and ``Expires`` as in Django;
    those that come from the cache also ``Age``. While a page is made, other requests for it in the process wait.
    Middlewares see each answer; ETag and 304 work as ever. Without the cache the page is made; the log says so once.

    Args:
        timeout: Seconds; 0: nothing is kept, and clients are told so.
        key_prefix: Keeps pages apart that share a cache and an address.
        vary: Names of request headers that the page depends on, in addition to those in the answer's own ``Vary``; they
            are put there. ``Cookie`` is one of them, if the handler has read cookies, the session or the current user;
            ``()`` says that it is not, and that the page is the same for all. A page with an XSRF token, and one for a
            request with credentials in a header, is never shared.
        cache: The alias of the cache.

    Returns:
        The decorator; the method that it returns is to be awaited.

    Raises:
        ArgumentError: When decorating: *timeout* is no number.

    .. versionadded:: 2.0
    """
    if timeout is None:
        raise ArgumentError(
            "cache_page: expected the seconds to keep a page, got None; clients cannot be told for ever"
        )
    _check_timeout("cache_page", timeout)
    names = (vary,) if isinstance(vary, str) else vary
    pages = PageCache(
        max(0.0, timeout), key_prefix=key_prefix, vary=None if names is None else tuple(names), alias=cache
    )
    decorate: Callable[[F], F] = pages.decorate  # type: ignore[assignment]  # the same arguments, to be awaited
    return decorate


def _check_timeout(name: str, timeout: object) -> None:
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not is_number and timeout is not None and timeout is not DEFAULT_TIMEOUT:
        raise ArgumentError(f"{name}: expected a number of seconds, as in @{name}(60), got {timeout!r}")


def _check_function(function: Any) -> None:
    if isinstance(function, (classmethod, staticmethod)):
        raise ArgumentError(f"cached: put it below @{type(function).__name__}, next to the function")
    name = getattr(function, "__qualname__", None)
    if not callable(function) or name is None or isinstance(function, type):
        raise ArgumentError(f"cached decorates functions and methods, not {function!r}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ArgumentError(f"cached: {name} is a generator, which can be used up only once; let it return a list")
