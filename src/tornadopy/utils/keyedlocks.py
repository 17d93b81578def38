"""A lock for each key that is in use, for threads and for tasks.

Caches let the updates of one key take turns with it. It knows nothing of what the keys stand for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

LockT = TypeVar("LockT", threading.Lock, asyncio.Lock)


class _Entry(Generic[LockT]):
    """A lock and the number of those who hold it or wait for it."""

    __slots__ = ("lock", "users")

    def __init__(self, lock: LockT) -> None:
        self.lock: LockT = lock
        self.users = 0


class KeyedLocks:
    """Locks that exist as long as somebody holds them or waits for them; none is reentrant.

    Threads exclude threads, and the tasks of an event loop exclude each other. A task does not exclude a thread: it
    must not be waited for in one, nor wait for one.

    .. versionadded:: 2.0
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._of_threads: dict[Hashable, _Entry[threading.Lock]] = {}
        self._of_tasks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Entry[asyncio.Lock]]]
        self._of_tasks = WeakKeyDictionary()

    def __len__(self) -> int:
        """Return the number of keys in use."""
        return len(self._of_threads) + sum(map(len, self._of_tasks.values()))

    @contextmanager
    def hold(self, key: Hashable) -> Iterator[None]:
        """Hold the lock of *key*; the thread waits for it."""
        with self._guard:
            entry = self._of_threads.get(key)
            if entry is None:
                entry = self._of_threads[key] = _Entry(threading.Lock())
            entry.users += 1
        try:
            with entry.lock:
                yield
        finally:
            with self._guard:
                entry.users -= 1
                if not entry.users:
                    del self._of_threads[key]

    @asynccontextmanager
    async def ahold(self, key: Hashable) -> AsyncIterator[None]:
        """Hold the lock that *key* has in the running event loop; the task waits for it, in the order of coming."""
        entries = self._here()
        entry = entries.get(key)
        if entry is None:
            entry = entries[key] = _Entry(asyncio.Lock())
        entry.users += 1
        try:
            async with entry.lock:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del entries[key]

    def _here(self) -> dict[Hashable, _Entry[asyncio.Lock]]:
        loop = asyncio.get_running_loop()
        with self._guard:  # another loop may be running in another thread
            return self._of_tasks.setdefault(loop, {})
