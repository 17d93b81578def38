"""The signals that ask a server to end. Called by `tornadopy.webserver`, which knows what to do then."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any


def on_signals(stop: Callable[[], None]) -> Callable[[], None]:
    """Call *stop* in the running event loop at each SIGTERM and SIGINT.

    In another thread than the main one nothing is done: Python gives signals to the main thread alone, and whoever runs
    a server beside it stops the server.

    Returns:
        What takes that back.
    """
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    try:
        for number in numbers:
            loop.add_signal_handler(number, stop)
    except (NotImplementedError, RuntimeError, ValueError):  # on Windows the first, outside the main thread the others
        return _on_signals_without_loop(stop, numbers)

    def restore() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    return restore


def _on_signals_without_loop(stop: Callable[[], None], numbers: Sequence[signal.Signals]) -> Callable[[], None]:
    # NOTE: in the main thread this is the way of Windows, where loops have no signal handlers; the tests have not run
    # there yet. Other threads have no signals at all.
    loop = asyncio.get_running_loop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    previous: dict[signal.Signals, Any] = {}

    def restore() -> None:
        for number, old in previous.items():
            signal.signal(number, old)

    if threading.current_thread() is threading.main_thread():
        previous = {number: signal.signal(number, handle) for number in numbers}
    return restore
