"""Lines that wait a moment, so that many of them are written at once.

The process-safe file handler keeps its lines here. It owns the file, and the lock under which every method is called;
this knows neither files nor records. Nobody may have to wait for a next line before the last one is written: a thread
keeps the time. It is started by a line and ends by itself when none has come for a while.

A signal handler or a finaliser may add a line in the midst of any method: the lines are in one deque whose operations
are whole, and what else is kept may only err towards writing sooner.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event, Thread
from typing import Any, Final

_IDLE_ROUNDS: Final = 4
"""For how many delays without a line the thread stays."""


class LineBuffer:
    """Encoded lines in their order, and the thread that has them written in time.

    Args:
        write: Writes the lines; called with *lock* held, by the thread. It must not raise.
        lock: The reentrant lock of the owner.
        limit: So many bytes are written at once; 0 lets no line wait, and needs no thread.
        delay: Seconds that a line may wait.

    .. versionadded:: 2.0
    """

    def __init__(
        self, write: Callable[[], None], *, lock: AbstractContextManager[Any], limit: int, delay: float
    ) -> None:
        self._write, self._lock, self._limit, self._delay = write, lock, limit, delay
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._oldest: float | None = None
        self._timer: Thread | None = None
        self._end = Event()

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._lines)

    def add(self, line: bytes) -> bool:
        """Append *line*.

        Returns:
            Whether the lines are to be written now, because they are many, or because nobody would do it later.
        """
        self._lines.append(line)
        self._size += len(line)
        if self._size >= self._limit:
            return True
        if self._oldest is None:
            self._oldest = time.monotonic()
        return self._timer is None and not self._start_timer()

    def waiting(self) -> list[bytes]:
        """Return the lines, which stay; `drop` them when they are written."""
        # Before the lines are read: one that comes in the midst must not be left without its time.
        self._oldest, self._size = None, 0
        return list(self._lines)

    def drop(self, count: int) -> None:
        """Take the first *count* lines away."""
        for _ in range(count):
            self._lines.popleft()

    def forget(self) -> None:
        """Drop what a fork has copied: the parent's lines, and its thread, which does not run here."""
        self._lines.clear()
        self._oldest, self._size = None, 0
        self._timer, self._end = None, Event()

    def end(self) -> None:
        """Let no line wait from now on, and the thread end."""
        self._limit = 0
        self._timer = None
        self._end.set()

    def _start_timer(self) -> bool:
        """Start the thread; return whether that was possible."""
        # Set first, so that a line added in the midst does not start a second one.
        self._timer = timer = Thread(target=self._keep_time, name="tornadopy-log", daemon=True)
        try:
            timer.start()
        except RuntimeError:
            # The interpreter is ending, or the system gives no more threads.
            self._timer = None
        except BaseException:
            self._timer = None
            raise
        return self._timer is not None

    def _keep_time(self) -> None:
        end, pause, idle_rounds = self._end, self._delay, 0
        while not end.wait(pause):
            with self._lock:
                if end.is_set():
                    return
                idle_rounds = 0 if self._lines else idle_rounds + 1
                if idle_rounds > _IDLE_ROUNDS:
                    self._timer = None
                    return
                pause = self._write_when_due()

    def _write_when_due(self) -> float:
        """Write the lines if the oldest is old enough; return the seconds until the next look."""
        if not self._lines:
            return self._delay
        left = 0.0 if self._oldest is None else self._oldest + self._delay - time.monotonic()
        if left > 0:
            return left
        self._write()
        return self._delay
