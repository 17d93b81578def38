"""A bounded pool of threads that is started at its first use and tells how busy it is.

`tornadopy.decorators.async_execute` owns the one of the process; this module knows no settings and no event loop.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import Context, copy_context
from typing import Any, Generic, ParamSpec, TypeVar

__all__ = ["ThreadPool"]

P = ParamSpec("P")
R = TypeVar("R")


class ThreadPool:
    """Threads that work through a queue of calls.

    No thread exists before the first call, nor after `shutdown`; the next call starts new ones. So does the first call
    in a forked process, which has none of its parent's threads.

    Args:
        size: Tells how many threads there may be; asked when the threads are started.
        name: What the names of the threads begin with.

    .. versionadded:: 2.0
    """

    def __init__(self, size: Callable[[], int], *, name: str = "tornadopy") -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._here = threading.local()
        self._process = os.getpid()
        self._executor: ThreadPoolExecutor | None = None
        self._started_size = 0
        self._pending: set[Future[Any]] = set()
        self._queued = 0
        self._active = 0

    @property
    def size(self) -> int:
        """The number of threads that there may be."""
        return self._started_size if self._executor is not None else self._size()

    @property
    def queued(self) -> int:
        """The number of calls that wait for a thread."""
        return self._queued

    @property
    def active(self) -> int:
        """The number of calls that are running."""
        return self._active

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call *function* in a thread, with a copy of the caller's context variables.

        In a thread of the pool itself it is called at once: there, waiting for another thread could last for ever.

        Returns:
            The future of its result. It can be cancelled as long as the call is queued.
        """
        call = _Call(function, args, kwargs)
        if getattr(self._here, "is_worker", False):
            return call.run_here()
        with self._lock:
            self._forget_parent()
            future: Future[R] = self._started().submit(self._work, call)
            self._queued += 1
            self._pending.add(future)
        future.add_done_callback(self._finish)
        return future

    def shutdown(self, wait: bool = True, timeout: float | None = None) -> bool:
        """End the threads; later calls start new ones.

        A call that is running cannot be broken off: its thread ends with it, and so does the process at the latest.

        Args:
            wait: Return when all calls have ended, the queued ones included. Otherwise they are left to themselves.
            timeout: Seconds to wait at most; after that the queued calls are cancelled.

        Returns:
            Whether all calls have ended.
        """
        with self._lock:
            self._forget_parent()
            executor, self._executor = self._executor, None
            pending = set(self._pending)
        finished = not _unfinished(pending, timeout if wait else 0)
        if executor is not None:
            executor.shutdown(wait=finished, cancel_futures=wait and not finished)
        return finished

    def _started(self) -> ThreadPoolExecutor:
        """Return the threads, started if need be. The lock is held."""
        if self._executor is None:
            self._started_size = self._size()
            self._executor = ThreadPoolExecutor(self._started_size, self._name, initializer=self._mark_worker)
        return self._executor

    def _forget_parent(self) -> None:
        """In a forked process, forget the threads and calls of the parent. The lock is held."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._executor = None
            self._pending = set()
            self._queued = self._active = 0

    def _mark_worker(self) -> None:
        self._here.is_worker = True

    def _work(self, call: _Call[R]) -> R:
        with self._lock:
            self._queued -= 1
            self._active += 1
        try:
            return call()
        finally:
            with self._lock:
                self._active -= 1

    def _finish(self, future: Future[Any]) -> None:
        with self._lock:
            self._pending.discard(future)
            if future.cancelled():
                # It never ran.
                self._queued -= 1


class _Call(Generic[R]):
    """A function with its arguments and its context."""

    __slots__ = ("_args", "_context", "_function", "_kwargs")

    def __init__(self, function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._context: Context = copy_context()

    def __call__(self) -> R:
        try:
            return self._context.run(self._function, *self._args, **self._kwargs)
        except StopIteration as exc:
            # Futures cannot carry it: it would end the coroutine that awaits them.
            raise RuntimeError(f"{self._function!r} raised StopIteration") from exc

    def run_here(self) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(self())
        except BaseException as exc:
            future.set_exception(exc)
        return future


def _unfinished(pending: set[Future[Any]], timeout: float | None) -> set[Future[Any]]:
    return wait(pending, timeout).not_done
