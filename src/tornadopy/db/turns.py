"""Whose turn it is: a request's session is used by one thread at a time.

Held by the sessions of `tornadopy.db.scope`. A function with ``@async_execute`` keeps the turn until it returns, the
event loop until it goes on to its next callback.
"""

from __future__ import annotations

import asyncio
import threading

from tornadopy.exceptions import DatabaseSessionError
from tornadopy.utils.awaitables import is_on_event_loop
from tornadopy.utils.threadpool import call_of_this_thread

__all__ = ["Turn"]


class Turn:
    """A lock that is given back by itself when the work of the moment is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def try_take(self) -> bool:
        """Take the turn on the event loop's thread, until its next callback; return False if a thread has it."""
        if self._owner == threading.get_ident():
            return True
        if not self._lock.acquire(blocking=False):
            return False
        self._owner = threading.get_ident()
        asyncio.get_running_loop().call_soon(self._give_back)
        return True

    def take(self) -> None:
        """Take the turn; wait for it in a thread.

        Raises:
            DatabaseSessionError: A thread has the turn, and the event loop would have to wait for it; or this is a
                thread whose end nobody tells.
        """
        if self._owner == threading.get_ident():
            return
        call = call_of_this_thread()
        if call is not None:
            self._lock.acquire()
            self._owner = threading.get_ident()
            call.on_end(self._give_back)
        elif not is_on_event_loop():
            raise DatabaseSessionError(
                "the session of a request follows into functions with @async_execute, and into no other thread: "
                "use the decorator, or make a session of your own in this thread"
            )
        elif not self.try_take():
            raise DatabaseSessionError(
                "a function with @async_execute is using the session of this request, and waiting for it here would "
                "stop the event loop: await the function first, or use 'async with Model.async_session()'"
            )

    def _give_back(self) -> None:
        self._owner = None
        self._lock.release()
