"""Threads that take calls from a queue until they are told to end: what `tornadopy.utils.threadpool` starts.

They are daemons, unlike those of `concurrent.futures.ThreadPoolExecutor`, which the interpreter joins before it ends: a
call that does not return must be able to be left behind.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class Call(Generic[R]):
    """A function with its arguments and its context variables.

    It does not know the future of its result: an error's traceback holds the call, and the future the error.
    """

    __slots__ = ("_args", "_context", "_kwargs", "function")

    def __init__(self, function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self._args = args
        self._kwargs = kwargs
        self._context = copy_context()

    def __call__(self) -> R:
        try:
            return self._context.run(self.function, *self._args, **self._kwargs)
        except StopIteration as exc:
            # Futures cannot carry it: it would end the coroutine that awaits them.
            raise RuntimeError(f"{self.function!r} raised StopIteration") from exc


class Workers:
    """At most *size* threads and their queue.

    Args:
        size: How many threads there may be.
        name: What their names begin with.
        on_start: Called in each of them before its first call.
    """

    def __init__(self, size: int, name: str, on_start: Callable[[], None]) -> None:
        self.size = size
        self.ended: Future[None] = Future()
        self._name = name
        self._on_start = on_start
        self._changed = threading.Condition()
        self._queue: OrderedDict[Future[Any], Call[Any]] = OrderedDict()
        self._running: dict[Future[Any], Call[Any]] = {}
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._left = 0
        self._is_ending = False

    @property
    def queued(self) -> list[Call[Any]]:
        """The calls that wait for a thread, the first one first."""
        with self._changed:
            return list(self._queue.values())

    @property
    def running(self) -> list[Call[Any]]:
        """The calls that are running."""
        with self._changed:
            return list(self._running.values())

    @property
    def has_threads(self) -> bool:
        """Whether one of the threads is still there."""
        return any(thread.is_alive() for thread in self._threads)

    def put(self, call: Call[R]) -> Future[R]:
        """Queue *call*, start a thread for it if none is idle, and return the future of its result."""
        future: Future[R] = Future()
        with self._changed:
            if self._idle <= len(self._queue) and len(self._threads) < self.size:
                self._start_thread()
            self._queue[future] = call
            self._changed.notify()
        future.add_done_callback(self._forget)
        return future

    def end(self) -> None:
        """Let the threads end when the queue is empty; `ended` is done when the last one does."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def cancel_queued(self) -> None:
        """Cancel the calls that have not begun."""
        with self._changed:
            futures = list(self._queue)
        for future in futures:
            future.cancel()

    def join(self) -> None:
        """Wait for the threads, of which none is running a call any more."""
        for thread in self._threads:
            thread.join()

    def _start_thread(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _work(self) -> None:
        self._on_start()
        while self._work_once():
            pass
        with self._changed:
            self._left += 1
            is_last = self._left == len(self._threads)
        if is_last:
            self.ended.set_result(None)

    def _work_once(self) -> bool:
        """Take the next call and run it; return False if none is left."""
        with self._changed:
            while not self._queue:
                if self._is_ending:
                    return False
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            future, call = self._queue.popitem(last=False)
            if not future.set_running_or_notify_cancel():
                return True  # cancelled a moment ago
            self._running[future] = call
        try:
            result = call()
        except BaseException as exc:  # whoever awaits the call gets it, as from any future
            self._end_of(future)
            future.set_exception(exc)
        else:
            self._end_of(future)
            future.set_result(result)
        del future  # this frame belongs to the error's traceback
        return True

    def _end_of(self, future: Future[Any]) -> None:
        with self._changed:
            del self._running[future]

    def _forget(self, future: Future[Any]) -> None:
        """Take a call that is done, perhaps by being cancelled, out of the queue."""
        with self._changed:
            was_queued = self._queue.pop(future, None) is not None
        if was_queued:
            future.set_running_or_notify_cancel()  # tells `concurrent.futures.wait` of it
