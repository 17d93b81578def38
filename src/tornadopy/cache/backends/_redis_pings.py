"""Pings of the idle connections of a Redis client, so that nobody closes them.

`tornadopy.cache.backends._redis_connections` calls this.
"""

from __future__ import annotations

from typing import Any


def ping_all(native: Any) -> None:
    """Ping all idle connections of a blocking client; of a Cluster, one connection to each node."""
    pool = getattr(native, "connection_pool", None)
    if pool is None:
        native.ping(target_nodes="all")
        return
    taken: list[Any] = []
    try:
        for _ in range(max(1, _count_idle(pool))):
            taken.append(pool.get_connection())  # noqa: PERF401 - what has been taken is given back, whatever happens
        for connection in taken:
            connection.send_command("PING")
        for connection in taken:
            connection.read_response()
    finally:
        for connection in taken:
            pool.release(connection)


async def aping_all(native: Any) -> None:
    """Ping all idle connections of an asynchronous client; of a Cluster, one connection to each node."""
    pool = getattr(native, "connection_pool", None)
    if pool is None:
        await native.ping(target_nodes="all")
        return
    taken: list[Any] = []
    try:
        for _ in range(max(1, _count_idle(pool))):
            taken.append(await pool.get_connection())  # noqa: PERF401 - as above
        for connection in taken:
            await connection.send_command("PING")
        for connection in taken:
            await connection.read_response()
    finally:
        for connection in taken:
            await pool.release(connection)


def _count_idle(pool: Any) -> int:
    (idle, _), *_ = pool.get_connection_count()
    return int(idle)
