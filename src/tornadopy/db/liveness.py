"""Whether a connection that has lain in the pool is still there: the system is asked where that knows, else the server.

Put on each engine of a server by `tornadopy.db.nodes`. It does what SQLAlchemy's ``pool_pre_ping`` does, without its
round trip for each request.
"""

from __future__ import annotations

import select
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["RESTED", "watch"]

RESTED = 1.0
"""Seconds after which a connection is asked in any case: a network that is cut tells the system nothing."""

_SINCE = "tornadopy.idle_since"


def watch(engine: Engine) -> None:
    """Let *engine* replace connections that broke while they lay in its pool, before anybody gets them.

    The way is SQLAlchemy's own for a ping that is not its ``pool_pre_ping``:
    https://docs.sqlalchemy.org/en/21/core/pooling.html#custom-legacy-pessimistic-ping
    """
    dialect = engine.dialect

    def checkout(connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
        since = entry.info.get(_SINCE)
        if since is None or (time.monotonic() - since < RESTED and _is_silent(entry.driver_connection)):
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as exc:
            raise InvalidatePoolError from exc

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", _note_time)


def _note_time(_connection: object, entry: ConnectionPoolEntry) -> None:
    entry.info[_SINCE] = time.monotonic()


def _is_silent(connection: Any) -> bool:
    """Whether the system has nothing to say of the connection: no end, no error, no word of the server.

    psycopg 3 and psycopg2 tell their socket's number; with other drivers nothing is known.
    """
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
    except Exception:  # it is closed, or the driver or the system lacks the means; each has another error for it
        return False
    return not poll.poll(0)
