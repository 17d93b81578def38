"""In debug: name the handler whose synchronous query holds up the event loop for longer than ``SLOW_SYNC_QUERY``.

Given to each engine by `tornadopy.db.connector`. A query in a thread holds up nobody, nor does an asynchronous driver.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

from tornadopy.context import current_request
from tornadopy.utils.awaitables import is_on_event_loop

__all__ = ["watcher"]

_log = logging.getLogger("tornadopy.tracelog")


def watcher(threshold: float) -> Callable[[Engine], None]:
    """Return what watches the queries of an engine.

    Args:
        threshold: From how many milliseconds on a query is slow.
    """

    def watch(engine: Engine) -> None:
        if not engine.dialect.is_async:
            event.listen(engine, "before_cursor_execute", _start)
            event.listen(engine, "after_cursor_execute", stop)

    def stop(
        _connection: Connection, _cursor: object, statement: str, _parameters: object, context: Any, _many: bool
    ) -> None:
        milliseconds = (time.perf_counter() - context.tornadopy_start) * 1000
        if milliseconds > threshold and is_on_event_loop():
            _report(statement, milliseconds)

    return watch


def _start(
    _connection: Connection, _cursor: object, _statement: str, _parameters: object, context: Any, _many: bool
) -> None:
    context.tornadopy_start = time.perf_counter()


def _report(statement: str, milliseconds: float) -> None:
    handler = getattr(current_request.get(), "handler", None)
    _log.warning(
        "%s: a query held up the event loop for %.0f ms; put it into a function with @async_execute, or use "
        "'async with Model.async_session()': %s",
        "no handler" if handler is None else type(handler).__qualname__,
        milliseconds,
        " ".join(statement.split())[:200],
    )
