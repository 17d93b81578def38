"""What one debug page may cost: time and bytes.

The page shows values of other people's classes, whose ``__repr__`` may raise, never return, or return a hundred
megabytes. All of it runs under a `Budget`, which turns whatever goes wrong into a short note.
"""

from __future__ import annotations

import contextvars
import re
import threading
import time
from collections.abc import Callable

from tornado.escape import xhtml_escape

MARKUP_BYTES = 100
CALL_SECONDS = 0.5

# Controls (save line feed and tab) and lone surrogates, which no page can hold; marks that turn the direction of what
# follows, with which a text can look like another one.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return *text* with what cannot be shown written as an escape, such as ``\x00``."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


def shorten(text: str, limit: int) -> str:
    """Return at most *limit* characters of *text*, and say so if there are more."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class Budget:
    """The time and the bytes that are left for one page.

    Args:
        page_bytes: How large all shown texts together may become, escaped and encoded.
        seconds: How long the code of others may run for this page.
        call_seconds: How long each call of it may run.
    """

    def __init__(self, *, page_bytes: int, seconds: float, call_seconds: float = CALL_SECONDS) -> None:
        self._bytes = page_bytes
        self._seconds = seconds
        self._call_seconds = call_seconds

    def spend(self, text: str) -> str:
        """Take what *text* costs on the page; return it printable, or a note if nothing is left."""
        text = printable(text)
        self._bytes -= len(xhtml_escape(text).encode()) + MARKUP_BYTES
        return text if self._bytes >= 0 else "<not shown: the page would become too large>"

    @property
    def exhausted(self) -> bool:
        """Whether no byte is left."""
        return self._bytes <= 0

    def run(self, function: Callable[[], str]) -> str:
        """Return what *function* returns, or a note of how it failed, within the time for one call.

        It runs in a thread of its own, under a copy of the context: a call that takes too long cannot be stopped, only
        be left behind, and its thread does not keep the process alive.
        """
        allowed = min(self._call_seconds, self._seconds)
        if allowed <= 0:
            return "<not shown: the page's time is used up>"
        call = _Call(function)
        started = time.monotonic()
        thread = threading.Thread(target=contextvars.copy_context().run, args=(call,), name="debug-page", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the process has no room for another thread
            return "<not shown: no thread could be started>"
        thread.join(allowed)
        self._seconds -= time.monotonic() - started
        return call.outcome


class _Call:
    """One call of a function, with its outcome: a note of its slowness until there is one."""

    def __init__(self, function: Callable[[], str]) -> None:
        self._function = function
        self.outcome = "<not shown: it takes too long>"

    def __call__(self) -> None:
        self.outcome = noted(self._function)


def noted(function: Callable[[], str]) -> str:
    """Return what *function* returns, or a note of what it raised."""
    try:
        return function()
    except BaseException as exc:  # whatever the code of others raises is shown, even SystemExit
        return f"<it raised {type(exc).__name__}{_message_of(exc)}>"


def _message_of(exc: BaseException) -> str:
    try:
        text = str(exc)
    except Exception:  # an exception may be unable to say what it is; then its name is shown
        return ""
    return f": {text}" if text else ""
