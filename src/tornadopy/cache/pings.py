"""Keep the connections of caches alive: one task pings all that want it.

`tornadopy.cache.handler` owns it; it knows of a cache only that it can be pinged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from tornadopy.cache.outages import Outages
from tornadopy.exceptions import CacheConnectionError

_log = logging.getLogger("tornadopy.tracelog")


class Pinged(Protocol):
    """What can be pinged."""

    ping_interval: float | None

    async def aping(self) -> None:
        """Raise `CacheConnectionError` if the server cannot be reached."""
        ...


class Pings:
    """The task that pings, while there is one.

    Args:
        outages: Where silence is reported.
    """

    def __init__(self, outages: Outages) -> None:
        self._outages = outages
        self._task: asyncio.Task[None] | None = None

    def start(self, caches: Mapping[str, Pinged]) -> None:
        """Ping each of *caches*, by alias, now and after each of its intervals; call it in the event loop."""
        intervals = {alias: cache.ping_interval for alias, cache in caches.items()}
        wanted = {alias: seconds for alias, seconds in intervals.items() if seconds}
        if wanted and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._ping_forever(caches, wanted))

    async def end(self) -> None:
        """Stop pinging."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})

    async def _ping_forever(self, caches: Mapping[str, Pinged], intervals: Mapping[str, float]) -> None:
        loop = asyncio.get_running_loop()
        due = dict.fromkeys(intervals, loop.time())
        while True:
            alias = min(due, key=due.__getitem__)
            await asyncio.sleep(due[alias] - loop.time())
            await self._ping(alias, caches[alias])
            due[alias] = loop.time() + intervals[alias]

    async def _ping(self, alias: str, cache: Pinged) -> None:
        try:
            await cache.aping()
        except CacheConnectionError as exc:
            self._outages.failed(alias, exc)
        except Exception:
            _log.exception("the cache %r could not be pinged", alias)
        else:
            self._outages.answered(alias)
