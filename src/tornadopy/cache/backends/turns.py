"""Turns of the updates of one key, for caches behind a network.

Without this, a hundred updates that wait for each other would wait a hundred time-outs when the server hangs.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager

from tornadopy.exceptions import CacheConnectionError
from tornadopy.utils.keyedlocks import KeyedLocks


class _Queue:
    """Those who hold the lock of a key or wait for it, and the error that one of them met."""

    __slots__ = ("error", "users")

    def __init__(self) -> None:
        self.users = 0
        self.error: CacheConnectionError | None = None


class NetworkTurns(KeyedLocks):
    """Locks of keys; if one who holds a lock cannot reach the server, those who wait for it share the error at once.

    So an update that waits for its turn fails no later than the one before it. Who comes after the error tries anew.
    """

    def __init__(self) -> None:
        super().__init__()
        self._queue_lock = threading.Lock()
        self._queues: dict[Hashable, _Queue] = {}

    @contextmanager
    def hold(self, key: Hashable) -> Iterator[None]:
        """Hold the lock of *key*; the thread waits for it.

        Raises:
            CacheConnectionError: The one before could not reach the server.
        """
        with self._queueing(key) as queue, super().hold(key), self._sharing(key, queue):
            yield

    @asynccontextmanager
    async def ahold(self, key: Hashable) -> AsyncIterator[None]:
        """Hold the lock that *key* has in the running event loop; the task waits for it; raises as `hold` does."""
        with self._queueing(key) as queue:
            async with super().ahold(key):
                with self._sharing(key, queue):
                    yield

    @contextmanager
    def _queueing(self, key: Hashable) -> Iterator[_Queue]:
        with self._queue_lock:
            queue = self._queues.setdefault(key, _Queue())
            queue.users += 1
        try:
            yield queue
        finally:
            with self._queue_lock:
                queue.users -= 1
                if not queue.users and self._queues.get(key) is queue:
                    del self._queues[key]

    @contextmanager
    def _sharing(self, key: Hashable, queue: _Queue) -> Iterator[None]:
        if queue.error is not None:
            raise CacheConnectionError(str(queue.error)) from queue.error
        try:
            yield
        except CacheConnectionError as exc:
            queue.error = exc
            with self._queue_lock:
                if self._queues.get(key) is queue:
                    del self._queues[key]
            raise
