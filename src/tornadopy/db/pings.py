"""Keep pooled connections alive and find out when a server is back: one task for all databases of an application.

`tornadopy.db.connector` owns it. Connections for threads are pinged in a thread, those of the event loop in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from tornadopy.db.nodes import Node
from tornadopy.db.replicas import RETRY
from tornadopy.decorators.async_execute import pool
from tornadopy.utils.awaitables import complete

__all__ = ["Pings"]

_log = logging.getLogger("tornadopy.tracelog")


class Pings:
    """The task that pings, while there is one.

    Args:
        nodes: The servers.
        interval: Seconds between two pings of the idle connections.
        count: How many connections of a pool are pinged at once, and so kept from others for a moment.
    """

    def __init__(self, nodes: Sequence[Node], *, interval: float, count: int) -> None:
        self._nodes = nodes
        self._interval = interval
        self._count = count
        self._task: asyncio.Task[None] | None = None

    @property
    def are_running(self) -> bool:
        """Whether there is a task."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Ping from now on; call it in the event loop."""
        if not self.are_running:
            self._task = asyncio.get_running_loop().create_task(self._ping_forever())

    async def end(self) -> None:
        """Stop pinging."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})

    async def _ping_forever(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        while True:
            await asyncio.sleep(min(RETRY, due - loop.time()))
            is_due = loop.time() >= due
            if is_due:
                due = loop.time() + self._interval
            # NOTE: a server that is away takes its time to say so; the others do not wait for it.
            await asyncio.gather(*(self._ping(node) for node in self._nodes if is_due or node.out_since is not None))

    async def _ping(self, node: Node) -> None:
        await self._try(node, lambda: complete(asyncio.wrap_future(pool.submit_urgently(node.ping, self._count))))
        await self._try(node, lambda: node.aping(self._count))

    async def _try(self, node: Node, ping: Callable[[], Awaitable[None]]) -> None:
        try:
            await ping()
        except (SQLAlchemyError, OSError) as exc:
            _log.debug("the ping of %s failed: %s", node.config.place, exc)  # that it is away has been said
        except Exception:
            _log.exception("the database server %s could not be pinged", node.config.place)
