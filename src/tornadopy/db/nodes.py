"""One database server: its engines, made when they are first used, and whether it answers.

Owned by `tornadopy.db.connector`. An engine for the event loop belongs to the loop it was made in.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from tornadopy.db import liveness, sqlite
from tornadopy.db.configuration import SLAVE, NodeConfig
from tornadopy.db.drivers import missing_async_driver, missing_driver
from tornadopy.exceptions import ConfigError

__all__ = ["Node"]

_PING = select(1)
_log = logging.getLogger("tornadopy.tracelog")
_infolog = logging.getLogger("tornadopy.infolog")


class Node:
    """A database server, master or slave.

    Args:
        config: How it is reached.
        prepare: Called with each new engine.

    Attributes:
        config: How it is reached.
        out_since: When it was found not to answer, in seconds of `time.monotonic`; None while it serves.

    .. versionadded:: 2.0
    """

    def __init__(self, config: NodeConfig, prepare: Callable[[Engine], None] | None = None) -> None:
        self.config = config
        self.out_since: float | None = None
        self._is_quiet = False
        self._prepare = prepare
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._async_engines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncEngine] = (
            weakref.WeakKeyDictionary()
        )
        self._anchor: sqlite3.Connection | None = None

    @property
    def engine(self) -> Engine:
        """The engine for threads and scripts.

        Raises:
            ConfigError: An option has a value that SQLAlchemy refuses.
            MissingExtraError: The driver is not installed.
        """
        engine = self._engine  # asked for with each statement
        if engine is not None:
            return engine
        with self._lock:
            if self._engine is None:
                self._engine = self._make_engine()
                self._open_memory()
            return self._engine

    @property
    def async_engine(self) -> AsyncEngine:
        """The engine of the running event loop.

        Raises:
            ConfigError: An option has a value that SQLAlchemy refuses.
            MissingExtraError: No asynchronous driver is installed.
        """
        loop = asyncio.get_running_loop()
        engine = self._async_engines.get(loop)
        if engine is not None:
            return engine
        with self._lock:
            engine = self._async_engines.get(loop)
            if engine is None:
                engine = self._async_engines[loop] = self._make_async_engine()
                self._open_memory()
            return engine

    @property
    def engines(self) -> Iterator[Engine]:
        """The engines that have been made; those of event loops in their synchronous form."""
        with self._lock:
            made = [*([self._engine] if self._engine is not None else [])]
            made += [each.sync_engine for each in self._async_engines.values()]
        return iter(made)

    def check(self) -> None:
        """Connect once.

        Raises:
            sqlalchemy.exc.DBAPIError: The server cannot be reached, or refuses the connection.
        """
        self._is_quiet = True  # whoever checks says what is wrong
        try:
            self.engine.connect().close()
        finally:
            self._is_quiet = False
        self.mark_in()

    def ping(self, count: int) -> None:
        """Use each idle connection of threads once, *count* at a time; if the server is away, look whether it is back.

        Raises:
            sqlalchemy.exc.DBAPIError: It does not answer.
        """
        engine = self._engine
        if engine is None:
            return
        for batch in _batches(self._idle(engine), count):
            with ExitStack() as stack:
                for connection in [stack.enter_context(engine.connect()) for _ in range(batch)]:
                    connection.scalar(_PING)
                self.mark_in()

    async def aping(self, count: int) -> None:
        """Use each idle connection of the running event loop once, as `ping` does."""
        engine = self._async_engines.get(asyncio.get_running_loop())
        if engine is None:
            return
        for batch in _batches(self._idle(engine.sync_engine), count):
            async with AsyncExitStack() as stack:
                for connection in [await stack.enter_async_context(engine.connect()) for _ in range(batch)]:
                    await connection.scalar(_PING)
                self.mark_in()

    def _idle(self, engine: Engine) -> int:
        """Return how many connections wait in the pool; at least one is tried if the server is away."""
        idle: int = engine.pool.checkedin() if isinstance(engine.pool, QueuePool) else 0
        return idle if self.out_since is None else max(idle, 1)

    def dispose(self) -> None:
        """Close the connections for threads and scripts that nobody uses; the next use opens new ones."""
        with self._lock:
            engine, self._engine = self._engine, None
            self._close_memory()
        if engine is not None:
            engine.dispose()

    async def aclose(self) -> None:
        """Close the connections of the running event loop that nobody uses, and those for threads."""
        with self._lock:
            engine = self._async_engines.pop(asyncio.get_running_loop(), None)
        if engine is not None:
            await engine.dispose()
        self.dispose()

    def forget_parent(self) -> None:
        """In a forked process, let the parent keep its connections."""
        self._lock = threading.Lock()
        for engine in self.engines:
            engine.dispose(close=False)
        self._engine = None
        self._async_engines.clear()

    def mark_out(self) -> None:
        """Take note that the server does not answer."""
        if self._set_out_since(time.monotonic()) is None:
            instead = "reads go to others until it does" if self.config.role == SLAVE else "it is asked again and again"
            _log.warning("the database server %s does not answer; %s", self.config.place, instead)

    def mark_in(self) -> None:
        """Take note that the server answers."""
        if self.out_since is not None and self._set_out_since(None) is not None:
            _infolog.info("the database server %s answers again", self.config.place)

    def _set_out_since(self, moment: float | None) -> float | None:
        """Set `out_since`, and return what it was; of several threads that find the same, one alone says so."""
        with self._lock:
            before, self.out_since = self.out_since, moment
        return before

    def _make_engine(self) -> Engine:
        config = self.config
        try:
            engine = create_engine(config.url, **config.options)
        except (ArgumentError, TypeError, ValueError) as exc:
            raise ConfigError(f"{config.path}: SQLAlchemy makes no engine of it: {exc}") from exc
        except ImportError as exc:
            raise missing_driver(config.path, config.url.drivername) from exc
        self._equip(engine)
        return engine

    def _make_async_engine(self) -> AsyncEngine:
        config = self.config
        if config.async_url is None:
            raise missing_async_driver(config.path, config.url.drivername)
        try:
            engine = create_async_engine(config.async_url, **config.async_options)
        except (ArgumentError, TypeError, ValueError) as exc:
            raise ConfigError(f"{config.path}: SQLAlchemy makes no asynchronous engine of it: {exc}") from exc
        except ImportError as exc:
            raise missing_async_driver(config.path, config.url.drivername) from exc
        self._equip(engine.sync_engine)
        return engine

    def _equip(self, engine: Engine) -> None:
        if engine.dialect.name == "sqlite":
            sqlite.prepare(engine)
        else:
            event.listen(engine, "handle_error", self._notice)
            if "pool_pre_ping" not in self.config.options:
                liveness.watch(engine)
        if self._prepare is not None:
            self._prepare(engine)

    def _notice(self, context: ExceptionContext) -> None:
        # A connection that breaks or cannot be made says that the server is away. One that went stale does not, nor one
        # that is given up since the task that waited for it has been cancelled.
        is_broken = context.is_disconnect or context.connection is None
        is_of_the_server = isinstance(context.original_exception, Exception) and not context.is_pre_ping
        if is_broken and is_of_the_server and not self._is_quiet:
            self.mark_out()

    def _open_memory(self) -> None:
        """Hold a database in memory open, which would end with its last connection."""
        if self.config.is_in_memory and self._anchor is None:
            self._anchor = sqlite3.connect(
                f"{self.config.url.database}?mode=memory&cache=shared", uri=True, check_same_thread=False
            )

    def _close_memory(self) -> None:
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None


def _batches(total: int, size: int) -> Iterator[int]:
    """Yield how many of *total* things each batch of at most *size* holds."""
    for done in range(0, total, size):
        yield min(size, total - done)
