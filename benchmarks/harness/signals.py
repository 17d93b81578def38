"""Ctrl+C and SIGTERM end the run by an exception, but not where it would lose a process that has just been started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

NUMBERS = (signal.SIGINT, signal.SIGTERM)


def end(number: int, _frame: FrameType | None) -> NoReturn:
    """End the process as a shell says it: 128 and the signal's number; on the way out the servers are ended."""
    raise SystemExit(128 + number)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold signals back until the end of the block; what the block starts is known by then to who ends it."""
    came: list[int] = []
    handlers: dict[int, Any] = {each: signal.signal(each, lambda number, _: came.append(number)) for each in NUMBERS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came[:1]:
            signal.raise_signal(number)
