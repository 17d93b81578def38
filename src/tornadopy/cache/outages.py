"""Which caches do not answer: the log says so when one falls silent and when it answers again, and not in between.

Pings and decorators, which go on without a cache, report here.
"""

from __future__ import annotations

import logging
import threading

from tornadopy.exceptions import CacheConnectionError

_log = logging.getLogger("tornadopy.tracelog")


class Outages:
    """The caches, by alias, that have not answered when they were last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silent: set[str] = set()

    def failed(self, alias: str, error: CacheConnectionError) -> None:
        """Take note that a cache has not answered."""
        with self._lock:
            is_new = alias not in self._silent
            self._silent.add(alias)
        if is_new:
            _log.error("the cache %r does not answer; this is said once: %s", alias, error)

    def answered(self, alias: str) -> None:
        """Take note that a cache has answered."""
        # PERF: this is called for every answer, and hardly ever has something to do.
        if alias not in self._silent:
            return
        with self._lock:
            was_silent = alias in self._silent
            self._silent.discard(alias)
        if was_silent:
            _log.warning("the cache %r answers again", alias)
