"""Blocking functions in threads: called, they return something to await.

The threads are those of `pool`, the one of the process. Handlers use this for what would hold up the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from tornado.gen import is_coroutine_function

from tornadopy.conf import settings
from tornadopy.context import current_scope
from tornadopy.exceptions import ArgumentError, ConfigError
from tornadopy.utils.threadpool import ThreadPool

__all__ = ["async_execute", "end_calls", "pool"]

P = ParamSpec("P")
R = TypeVar("R")

# The logger package lies beside this one; its warnings and errors go to this logger.
_log = logging.getLogger("tornadopy.tracelog")


def _threads_num() -> int:
    number: int | None = settings.THREADS_NUM
    if number is None:
        return os.cpu_count() or 1
    if number < 1:
        raise ConfigError(f"THREADS_NUM: expected at least 1, or None for the number of cores, got {number}")
    return number


pool = ThreadPool(_threads_num)
"""The threads, ``settings.THREADS_NUM`` of them (default: cores); started at the first call.

``pool.queued``, ``pool.active`` and ``pool.size`` tell how busy they are; ``pool.shutdown()`` ends them. The server
ends them by `end_calls`.
"""


def async_execute(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run a blocking function or method in a thread; calling it returns something to await.

    ::

        class Report(WebHandler):
            async def get(self) -> None:
                self.write(await self.collect(2024))

            @async_execute
            def collect(self, year: int) -> dict: ...

    Where an event loop is running, the call is queued at once and an `asyncio.Future` returned, for ``await`` and for
    ``yield`` in a ``gen.coroutine``. Where none is running (a script, a shell, a test), a coroutine is returned, as
    from any ``async def``: ``asyncio.run(report.collect(2024))``. The function itself, without any thread, is
    ``Report.collect.__wrapped__``.

    The keyword ``callback`` names a function that is called with the result, in the thread of the event loop; a
    function that takes an argument of that name gets it itself. Context variables, such as the current request, are
    those of the caller. An error comes out of the ``await`` with its traceback. Cancelling the ``await``
    takes a queued call out of the queue; one that runs goes on, and its result is dropped (an error is logged).

    Raises:
        ArgumentError: When decorating: *function* is asynchronous, a generator, or not callable.

    .. versionadded:: 2.0
    """
    _check(function)
    takes_callback = _takes_callback(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        # ParamSpec cannot express a further keyword.
        callback: Any = None if takes_callback else kwargs.pop("callback", None)
        bound = functools.partial(function, *args, **kwargs)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return _start_later(bound, callback)
        return _start(loop, bound, callback)

    return call


async def end_calls(grace: float) -> None:
    """Give the calls of the pool a last time to end, without holding up the event loop.

    After it, or when the waiting is cancelled, queued calls are cancelled and running ones are left behind, named in
    the log; the process ends without waiting for them.

    Args:
        grace: In seconds; 0 waits for nothing.

    .. versionadded:: 2.0
    """
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(pool.drain()), grace)
    finally:
        running, queued = _names(pool.active_functions), _names(pool.queued_functions)
        if not pool.shutdown(timeout=0):
            _log.error("left behind in threads: %s; never begun: %s", running or "none", queued or "none")


def _names(functions: Iterable[Callable[..., Any]]) -> str:
    """Return where the functions are defined, and how often each is there; their arguments may be secret."""
    names = Counter(map(_name, functions))
    return ", ".join(name if count == 1 else f"{name} ({count} times)" for name, count in names.items())


def _name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    module, name = (getattr(function, each, None) for each in ("__module__", "__qualname__"))
    return f"{module}.{name or type(function).__qualname__}"


async def _start_later(function: Callable[[], R], callback: Callable[[R], object] | None) -> R:
    return await _start(asyncio.get_running_loop(), function, callback)


def _start(
    loop: asyncio.AbstractEventLoop, function: Callable[[], R], callback: Callable[[R], object] | None
) -> asyncio.Future[R]:
    scope = current_scope()
    # NOTE: a call of a request that holds a database connection may be what the calls before it wait for.
    submit = pool.submit_urgently if scope is not None and scope.is_holding else pool.submit
    working = submit(function)
    waiting = asyncio.wrap_future(working, loop=loop)
    working.add_done_callback(functools.partial(_log_lost_error, waiting, function))
    if callback is not None:
        waiting.add_done_callback(functools.partial(_call_back, working, callback))
    return waiting


def _call_back(working: Future[R], callback: Callable[[R], object], waiting: asyncio.Future[R]) -> None:
    # The working future is asked for the error: asking the waiting one would count as having seen it.
    if not waiting.cancelled() and working.exception() is None:
        callback(waiting.result())


def _log_lost_error(waiting: asyncio.Future[R], function: Callable[[], R], working: Future[R]) -> None:
    """Log the error of a call that nobody awaits any more."""
    if waiting.cancelled() and not working.cancelled() and (error := working.exception()) is not None:
        _log.error("%r failed after its await had been cancelled", function, exc_info=error)


def _takes_callback(function: Callable[..., Any]) -> bool:
    try:
        return "callback" in inspect.signature(function).parameters
    except ValueError:
        return False  # Some built-in functions do not tell their parameters.


def _check(function: Callable[..., Any]) -> None:
    if isinstance(function, classmethod):
        raise ArgumentError("async_execute: put it below @classmethod, next to the function")
    if not callable(function):
        raise ArgumentError(f"async_execute decorates functions and methods, not {function!r}")
    plain = function.__func__ if isinstance(function, staticmethod) else function
    name = getattr(plain, "__qualname__", repr(plain))
    if inspect.iscoroutinefunction(plain) or is_coroutine_function(plain):
        raise ArgumentError(f"async_execute: {name} is asynchronous already; await it without the decorator")
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise ArgumentError(f"async_execute: {name} is a generator; let it return a list, or decorate what it calls")
