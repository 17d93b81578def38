"""Somebody else's code that may have to be waited for, and where waiting is not allowed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any, TypeVar

from tornado.gen import is_coroutine_function

from tornadopy.exceptions import CancelledWorkError

T = TypeVar("T")


async def settle(work: Awaitable[T]) -> T:
    """Return the result of *work*.

    Raises:
        CancelledWorkError: *work* waited for something that was cancelled. `asyncio.CancelledError`, which no ``except
            Exception`` sees, is for the running task alone: it comes out if that is being cancelled.
    """
    try:
        return await work
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CancelledWorkError("something that was waited for has been cancelled") from exc


async def complete(work: Awaitable[T]) -> T:
    """Return the result of *work*, which goes on to its end even if the running task is cancelled meanwhile.

    Raises:
        asyncio.CancelledError: The running task has been cancelled; *work* is done all the same.
    """
    working = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        if not working.cancelled():
            working.exception()  # the cancellation says more
        raise cancellation
    return working.result()


def is_on_event_loop() -> bool:
    """Whether an event loop is running in this thread, so that whatever waits here holds up everybody."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def is_asynchronous(function: Any) -> bool:
    """Whether *function*, or one that it wraps, is a coroutine function of Python's or of Tornado's.

    A plain function may hand back an awaitable all the same.
    """
    while function is not None:
        if inspect.iscoroutinefunction(function) or is_coroutine_function(function):
            return True
        function = getattr(function, "__wrapped__", None)
    return False
