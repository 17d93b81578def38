"""A pool that never lets the event loop wait for a connection.

Made by `tornadopy.db.options` where SQLAlchemy would take its `QueuePool`; knows threads and the event loop alone.
"""

from __future__ import annotations

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import queue

from tornadopy.exceptions import PoolExhaustedError
from tornadopy.utils.awaitables import is_on_event_loop

__all__ = ["NeverOnTheLoopPool"]


class NeverOnTheLoopPool(QueuePool):
    """A `QueuePool` in which a checkout on the event loop's own thread gets a connection at once or raises.

    All connections are out: those who would give one back could not do so while the loop waits. Threads wait, for
    ``pool_timeout`` seconds.

    .. versionadded:: 2.0
    """

    def _do_get(self) -> ConnectionPoolEntry:
        # NOTE: there is no public place between "none is free" and "wait for one"; tests/db/test_db_loop.py holds this.
        if not is_on_event_loop():
            return super()._do_get()
        try:
            return self._pool.get(block=False)
        except queue.Empty:
            pass
        if not self._inc_overflow():
            raise PoolExhaustedError(
                f"all {self.checkedout()} connections of the pool are in use, and waiting for one here would stop "
                "the event loop, and with it those who use them: put the query into a function with @async_execute, "
                "or use 'async with Model.async_session()'; or allow more connections "
                "('sqlalchemy.pool_size', 'sqlalchemy.max_overflow' in SQLALCHEMY_CONFIGURATION)"
            )
        try:
            return self._create_connection()
        except BaseException:
            self._dec_overflow()
            raise
