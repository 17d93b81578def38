"""One computation of a value at a time: whoever wants the same meanwhile waits for it, in whatever thread or task.

The decorators guard against a stampede with it. It knows no cache.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Hashable
from concurrent.futures import Future
from contextvars import ContextVar
from enum import Enum
from typing import Any, Final


class _Mark(Enum):
    ABANDONED = "its computation has been broken off"


ABANDONED: Final = _Mark.ABANDONED
"""What those who wait get when the computation has been broken off: one of them has to begin anew."""

_leading: ContextVar[frozenset[Hashable]] = ContextVar("tornadopy.cache.leading", default=frozenset())
"""What is being computed by the code that runs here: to wait for that would last for ever."""


class Flight:
    """A computation that is under way; made by `Flights.join`.

    Attributes:
        leads: Whether it is the caller who has to compute, and then to call `land`, `fail` or `abandon`.
    """

    __slots__ = ("_flights", "_future", "_key", "_token", "leads")

    def __init__(self, flights: Flights, key: Hashable, future: Future[Any] | None) -> None:
        self.leads = future is None
        self._flights = flights
        self._key = key
        self._future: Future[Any] = future or Future()
        if future is None:
            # Whoever stops waiting cancels his wait, not the computation.
            self._future.set_running_or_notify_cancel()
            self._token = _leading.set(_leading.get() | {(flights, key)})

    def wait(self) -> Any:
        """Return the value when it is there, or `ABANDONED`; an error of the computation is raised here too."""
        return self._future.result()

    async def await_(self) -> Any:
        """Do what `wait` does, without holding up the event loop."""
        return await asyncio.wrap_future(self._future)

    def announce(self, value: Any) -> None:
        """Hand *value* to those who wait, though the leader is not through; what it lands with is for nobody then."""
        if not self._future.done():
            self._flights._end(self._key, self._future)
            self._future.set_result(value)

    def land(self, value: Any) -> None:
        """Hand *value* to those who wait."""
        self.announce(value)
        _leading.reset(self._token)

    def fail(self, error: Exception) -> None:
        """Hand *error* to those who wait."""
        self._flights._end(self._key, self._future)
        self._future.set_exception(error)
        _leading.reset(self._token)

    def abandon(self) -> None:
        """Let those who wait begin anew."""
        self.land(ABANDONED)

    @property
    def is_wanted(self) -> bool:
        """Whether the value may be kept: nobody has told to forget it while it was computed."""
        return self._flights._futures.get(self._key) is self._future


class Flights:
    """The computations that are under way, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[Hashable, Future[Any]] = {}

    def __len__(self) -> int:
        """Return the number of computations under way."""
        return len(self._futures)

    def join(self, key: Hashable) -> Flight | None:
        """Return the computation of *key*, which the caller leads if there has been none.

        Returns:
            None if the caller is part of that very computation, and so must not wait for it.
        """
        with self._lock:
            future = self._futures.get(key)
            if future is not None and (self, key) in _leading.get():
                return None
            flight = Flight(self, key, future)
            if flight.leads:
                self._futures[key] = flight._future
            return flight

    def forget(self, key: Hashable) -> None:
        """Let whoever asks from now on compute *key* anew; what is under way is not to be kept."""
        with self._lock:
            self._futures.pop(key, None)

    def _end(self, key: Hashable, future: Future[Any]) -> None:
        with self._lock:
            if self._futures.get(key) is future:
                del self._futures[key]
