"""Which of several servers are worth asking: one that has failed is left alone for some seconds.

The backends that talk to servers call this; it knows no server.
"""

from __future__ import annotations

import threading
import time

DEFAULT_RETRY_AFTER = 5.0


class Health:
    """What has been seen of a server.

    After a failure the server counts as down for *retry_after* seconds. Then one call may try it, while for all others
    it stays down, so that a server that hangs holds up one caller at a time and not all of them.

    Args:
        retry_after: Seconds between a failure and the next try.
    """

    def __init__(self, retry_after: float = DEFAULT_RETRY_AFTER) -> None:
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._retry_at: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether the last call to the server has been answered."""
        return self._retry_at is None

    def is_worth_asking(self) -> bool:
        """Whether the caller may ask the server; while it is down, one caller in *retry_after* seconds may."""
        if self._retry_at is None:
            return True
        with self._lock:
            now = time.monotonic()
            if now < (self._retry_at or now):
                return False
            self._retry_at = now + self._retry_after
            return True

    def failed(self) -> None:
        """Note that the server could not be reached, or has not answered in time."""
        with self._lock:
            self._retry_at = time.monotonic() + self._retry_after

    def answered(self) -> None:
        """Note that the server has answered."""
        if self._retry_at is not None:
            with self._lock:
                self._retry_at = None
