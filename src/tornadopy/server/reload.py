"""Start again when a file of the project changes, and outlive a change that does not run.

Tornado's reloader replaces the process. If the new one fails to start, it waits for the next change in place of ending.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback

from tornado import autoreload

_MARK = "_TORNADOPY_RELOADED"


def start() -> None:
    """Watch the project's files from the running event loop."""
    autoreload.add_reload_hook(_mark)
    # The new program takes the process's place; what atexit has registered is not called.
    autoreload.add_reload_hook(logging.shutdown)
    autoreload.start()


def is_reloaded() -> bool:
    """Whether this process has replaced one that was running."""
    return _MARK in os.environ


def wait_for_mend(error: BaseException) -> None:
    """Wait until a file changes that has been imported or that *error* is about, then start again."""
    sys.stderr.write("waiting for a change …\n")
    for each in _chain(error):
        if isinstance(each, SyntaxError) and each.filename:
            autoreload.watch(each.filename)
        for frame in traceback.extract_tb(each.__traceback__):
            autoreload.watch(frame.filename)
    autoreload.wait()


def _mark() -> None:
    os.environ[_MARK] = "1"


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
