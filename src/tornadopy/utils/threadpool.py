"""A bounded pool of threads that is started at its first use and tells how busy it is.

`tornadopy.decorators.async_execute` owns the one of the process; this module knows no settings and no event loop. The
threads themselves are in `tornadopy.utils._workers`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

from tornadopy.utils._workers import Call, Workers, current_call

__all__ = ["ThreadPool", "call_of_this_thread"]

P = ParamSpec("P")
R = TypeVar("R")


class ThreadPool:
    """Threads that work through a queue of calls.

    No thread exists before the first call, nor after `shutdown`; the next call starts new ones. So does the first call
    in a forked process, which has none of its parent's threads.

    The end of the process waits for all calls, unless `shutdown` has been called with a time: after that it waits for
    none, for whoever sets a deadline wants the process to be gone by then.

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
        self._workers: Workers | None = None
        self._leaving: list[Workers] = []
        self._is_known_at_exit = False
        self._has_deadline = False

    @property
    def size(self) -> int:
        """The number of threads that there may be."""
        workers = self._workers
        return workers.size if workers is not None else self._size()

    @property
    def queued(self) -> int:
        """The number of calls that wait for a thread."""
        return len(self.queued_functions)

    @property
    def active(self) -> int:
        """The number of calls that are running."""
        return len(self.active_functions)

    @property
    def queued_functions(self) -> list[Callable[..., Any]]:
        """What has been called and waits for a thread.

        .. versionadded:: 2.0
        """
        return [call.function for workers in self._all() for call in workers.queued]

    @property
    def active_functions(self) -> list[Callable[..., Any]]:
        """What is running.

        .. versionadded:: 2.0
        """
        return [call.function for workers in self._all() for call in workers.running]

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call *function* in a thread, with a copy of the caller's context variables.

        In a thread of the pool itself it is called at once: there, waiting for another thread could last for ever.

        Returns:
            The future of its result. It can be cancelled as long as the call is queued.
        """
        return self._put(Call(function, args, kwargs), urgent=False)

    def submit_urgently(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call *function* as `submit` does, but never let it wait behind others: it gets a thread beyond the size.

        This is for what sets free what the others may be waiting for. Behind them it could wait for ever.

        .. versionadded:: 2.0
        """
        return self._put(Call(function, args, kwargs), urgent=True)

    def _put(self, call: Call[R], *, urgent: bool) -> Future[R]:
        if getattr(self._here, "is_worker", False):
            return _run_here(call)
        with self._lock:
            self._forget_parent()
            return self._started().put(call, urgent=urgent)

    def drain(self) -> Future[None]:
        """Let the threads end as soon as no call is left; later calls start new threads.

        Returns:
            A future that is done when they have ended. It may be cancelled, which changes nothing for the calls.

        .. versionadded:: 2.0
        """
        return _ended(self._leave())

    def shutdown(self, wait: bool = True, timeout: float | None = None) -> bool:
        """End the threads; later calls start new ones.

        A call that is running cannot be broken off. After the time it is left behind: it goes on until it returns or
        the process ends, which does not wait for it.

        Args:
            wait: Return when all calls have ended, the queued ones included. Otherwise they are left to themselves.
            timeout: Seconds to wait at most; after that the queued calls are cancelled.

        Returns:
            Whether all calls have ended.
        """
        if timeout is not None:
            self._has_deadline = True
        leaving = self._leave()
        if wait:
            with contextlib.suppress(TimeoutError):
                _ended(leaving).result(timeout)
        is_finished = not any(workers.queued or workers.running for workers in leaving)
        for workers in leaving:
            if is_finished:
                workers.join()
            elif wait:
                workers.cancel_queued()
        return is_finished

    def _leave(self) -> list[Workers]:
        """Part from the threads, and return all that have been parted from and are still there."""
        with self._lock:
            self._forget_parent()
            if self._workers is not None:
                self._leaving.append(self._workers)
                self._workers = None
            self._leaving = [workers for workers in self._leaving if workers.has_threads]
            leaving = list(self._leaving)
        for workers in leaving:
            workers.end()
        return leaving

    def _all(self) -> Iterator[Workers]:
        with self._lock:
            self._forget_parent()
            workers = [*self._leaving, self._workers]
        return (each for each in workers if each is not None)

    def _started(self) -> Workers:
        """Return the threads, started if need be. The lock is held."""
        if self._workers is None:
            self._workers = Workers(self._size(), self._name, self._mark_worker)
            if not self._is_known_at_exit:
                self._is_known_at_exit = True
                atexit.register(self._wait_at_exit)
        return self._workers

    def _wait_at_exit(self) -> None:
        if not self._has_deadline:
            self.shutdown()

    def _forget_parent(self) -> None:
        """In a forked process, forget the threads and calls of the parent. The lock is held."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._workers = None
            self._leaving = []
            self._has_deadline = False

    def _mark_worker(self) -> None:
        self._here.is_worker = True


def call_of_this_thread() -> Call[Any] | None:
    """Return the call of a pool that this thread is running; None elsewhere."""
    call = current_call.get()
    return call if call is not None and call.thread == threading.get_ident() else None


def _run_here(call: Call[R]) -> Future[R]:
    future: Future[R] = Future()
    try:
        future.set_result(call())
    except BaseException as exc:  # as in any other thread
        future.set_exception(exc)
    return future


def _ended(leaving: list[Workers]) -> Future[None]:
    """Return a future that is done when all of them have ended."""
    drained: Future[None] = Future()
    remaining = iter(leaving)

    def wait_for_next(_: object = None) -> None:
        workers = next(remaining, None)
        if workers is not None:
            workers.ended.add_done_callback(wait_for_next)
        elif drained.set_running_or_notify_cancel():
            drained.set_result(None)

    wait_for_next()
    return drained
