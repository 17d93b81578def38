"""Threads that take calls from a queue until they are told to end: what `tornadopy.utils.threadpool` starts.

They are daemons, unlike those of `concurrent.futures.ThreadPoolExecutor`, which the interpreter joins before it ends: a
call that does not return must be able to be left behind.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from typing import Any, Generic, TypeVar

R = TypeVar("R")

_LINGER = 1.0  # seconds that a thread beyond the size waits for its next call


class Call(Generic[R]):
    """A function with its arguments and its context variables.

    It does not know the future of its result: an error's traceback holds the call, and the future the error.

    Attributes:
        function: What is called.
        thread: The thread that runs it, once it runs.
    """

    __slots__ = ("_args", "_closers", "_context", "_kwargs", "function", "thread")

    def __init__(self, function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.thread: int | None = None
        self._args = args
        self._kwargs = kwargs
        self._context = copy_context()
        self._closers: list[Callable[[], None]] = []

    def __call__(self) -> R:
        try:
            return self._context.run(self._run)
        except StopIteration as exc:
            # Futures cannot carry it: it would end the coroutine that awaits them.
            raise RuntimeError(f"{self.function!r} raised StopIteration") from exc

    def _run(self) -> R:
        token = current_call.set(self)
        self.thread = threading.get_ident()
        with ExitStack() as stack:
            stack.callback(current_call.reset, token)  # or the call would hold itself
            stack.callback(self._close)
            return self.function(*self._args, **self._kwargs)

    def on_end(self, closer: Callable[[], None]) -> None:
        """Call *closer* in this thread when the function has returned or raised; the last one comes first."""
        self._closers.append(closer)

    def _close(self) -> None:
        with ExitStack() as stack:  # each runs even if another raises
            for closer in self._closers:
                stack.callback(closer)


current_call: ContextVar[Call[Any] | None] = ContextVar("tornadopy.current_call", default=None)
"""The call that is running here, or whose context has been copied to here."""


class Workers:
    """At most *size* threads and their queue, and further threads for the calls that must not wait in it.

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
        self._lock = threading.RLock()
        self._queued = threading.Condition(self._lock)
        self._urged = threading.Condition(self._lock)
        self._queue: OrderedDict[Future[Any], Call[Any]] = OrderedDict()
        self._urgent: OrderedDict[Future[Any], Call[Any]] = OrderedDict()
        self._running: dict[Future[Any], Call[Any]] = {}
        self._threads: set[threading.Thread] = set()
        self._regular = 0
        self._idle = 0
        self._idle_further = 0
        self._is_ending = False

    @property
    def queued(self) -> list[Call[Any]]:
        """The calls that wait for a thread, the first one first."""
        with self._lock:
            return [*self._urgent.values(), *self._queue.values()]

    @property
    def running(self) -> list[Call[Any]]:
        """The calls that are running."""
        with self._lock:
            return list(self._running.values())

    @property
    def has_threads(self) -> bool:
        """Whether one of the threads is still there."""
        with self._lock:
            return any(thread.is_alive() for thread in self._threads)

    def put(self, call: Call[R], *, urgent: bool = False) -> Future[R]:
        """Queue *call*, start a thread for it if none is idle and there may be one more, and return its future.

        Args:
            call: What is to be run.
            urgent: Start a thread beyond the size for it rather than let it wait.
        """
        future: Future[R] = Future()
        with self._lock:
            is_idle = self._idle > len(self._queue) + len(self._urgent)
            if not is_idle and self._regular < self.size:
                self._start_thread(self._work_regularly)
                self._regular += 1
            elif urgent and not is_idle and self._idle_further <= len(self._urgent):
                self._start_thread(self._work_further)
            (self._urgent if urgent else self._queue)[future] = call
            self._queued.notify()
            self._urged.notify()
        future.add_done_callback(self._forget)
        return future

    def end(self) -> None:
        """Let the threads end when the queue is empty; `ended` is done when the last one does."""
        with self._lock:
            self._is_ending = True
            self._queued.notify_all()
            self._urged.notify_all()

    def cancel_queued(self) -> None:
        """Cancel the calls that have not begun."""
        with self._lock:
            futures = [*self._urgent, *self._queue]
        for future in futures:
            future.cancel()

    def join(self) -> None:
        """Wait for the threads, of which none is running a call any more."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _start_thread(self, work: Callable[[], None]) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, args=(work,), name=name, daemon=True)
        thread.start()
        self._threads.add(thread)

    def _work(self, work: Callable[[], None]) -> None:
        self._on_start()
        work()
        with self._lock:
            self._threads.discard(threading.current_thread())
            is_last = self._is_ending and not self._threads
        if is_last:
            self.ended.set_result(None)

    def _work_regularly(self) -> None:
        """Run what is queued, and what is urgent first, until the end."""
        while True:
            with self._lock:
                while not (self._urgent or self._queue):
                    if self._is_ending:
                        return
                    self._idle += 1
                    self._queued.wait()
                    self._idle -= 1
                taken = self._take(self._urgent or self._queue)
            if taken is not None:
                self._run(*taken)
            del taken  # this frame belongs to an error's traceback

    def _work_further(self) -> None:
        """Run what is urgent, as long as there is something every now and then."""
        while True:
            with self._lock:
                if not self._urgent and not self._is_ending:
                    self._idle_further += 1
                    self._urged.wait(_LINGER)
                    self._idle_further -= 1
                if not self._urgent:
                    return
                taken = self._take(self._urgent)
            if taken is not None:
                self._run(*taken)
            del taken  # this frame belongs to an error's traceback

    def _take(self, queue: OrderedDict[Future[Any], Call[Any]]) -> tuple[Future[Any], Call[Any]] | None:
        """Return the first call of *queue*, unless it has been cancelled a moment ago. The lock is held."""
        future, call = queue.popitem(last=False)
        if not future.set_running_or_notify_cancel():
            return None
        self._running[future] = call
        return future, call

    def _run(self, future: Future[Any], call: Call[Any]) -> None:
        try:
            result = call()
        except BaseException as exc:  # whoever awaits the call gets it, as from any future
            self._end_of(future)
            future.set_exception(exc)
        else:
            self._end_of(future)
            future.set_result(result)
        del future  # this frame belongs to the error's traceback

    def _end_of(self, future: Future[Any]) -> None:
        with self._lock:
            del self._running[future]

    def _forget(self, future: Future[Any]) -> None:
        """Take a call that is done, perhaps by being cancelled, out of the queue."""
        with self._lock:
            was_queued = (self._queue.pop(future, None) or self._urgent.pop(future, None)) is not None
        if was_queued:
            future.set_running_or_notify_cancel()  # tells `concurrent.futures.wait` of it
