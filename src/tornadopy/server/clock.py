"""How long a client may take, and the clock of one connection.

`tornadopy.server.protocol` sets the clock; it knows nothing of requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context

IDLE_SECONDS = 75.0  # between two requests, and before the first
HEAD_SECONDS = 30.0  # from the first byte of a head to its last
BODY_SECONDS = 30.0  # without a byte of a body; and the credit of one that comes slowly
BODY_RATE = 500  # bytes a second that a body must bring, on average
LINGER_SECONDS = 2.0  # that what still comes is thrown away after the last answer
FLUSH_SECONDS = 30.0  # for what is still to be sent when the connection closes

_NEVER = float("inf")


class Clock:
    """A deadline that moves often and passes seldom.

    PERF: a request moves the deadline and touches no timer of the loop; one that fires too early is set anew.

    Args:
        loop: The event loop.
        context: The context variables in which *expire* is called.
        expire: Called when the deadline has passed.

    Attributes:
        deadline: As the loop's time. Who sets it himself must set one after *fires*.
        fires: When the timer looks at it.
    """

    __slots__ = ("_context", "_expire", "_loop", "_timer", "deadline", "fires")

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context, expire: Callable[[], None]) -> None:
        self._loop = loop
        self._context = context
        self._expire: Callable[[], None] | None = expire
        self.deadline = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self.fires = _NEVER

    def set(self, seconds: float) -> None:
        """Let the deadline pass *seconds* from now."""
        self.deadline = deadline = self._loop.time() + seconds
        if self.fires > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._start(deadline)

    def extend(self, seconds: float, limit: float) -> None:
        """Let the deadline pass *seconds* later, but at most *limit* from now."""
        self.deadline = min(self.deadline + seconds, self._loop.time() + limit)

    def rest(self) -> None:
        """Let no deadline pass until one is set."""
        self.deadline = _NEVER

    def stop(self) -> None:
        """Stop for good."""
        self._expire = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self.fires = None, _NEVER

    def _start(self, deadline: float) -> None:
        self.fires = deadline
        self._timer = self._loop.call_at(deadline, self._look, context=self._context)

    def _look(self) -> None:
        self._timer, self.fires = None, _NEVER
        if self.deadline == _NEVER or self._expire is None:
            return
        if self._loop.time() < self.deadline:
            self._start(self.deadline)
        else:
            self.deadline = _NEVER
            self._expire()
