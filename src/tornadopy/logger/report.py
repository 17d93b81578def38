"""Says on standard error what cannot be said in a log.

The file handler and the configuration of logging call this when a log file cannot be used. It knows neither of them.
"""

from __future__ import annotations

import contextlib
import sys
import time

from tornadopy.utils.escaping import escape_control

REPORT_INTERVAL = 60.0
"""Seconds between two reports of one trouble that lasts."""


def report(text: str) -> None:
    """Write *text* as one line on standard error; never raise.

    .. versionadded:: 2.0
    """
    # Where standard error is gone (None), closed (ValueError) or full (OSError), nobody is left who could be told.
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"tornadopy: {escape_control(text)}\n")
            sys.stderr.flush()


class Trouble:
    """One thing that goes wrong again and again: reported at once, then no more than once an interval.

    Args:
        interval: Seconds of silence after a report.

    .. versionadded:: 2.0
    """

    def __init__(self, interval: float = REPORT_INTERVAL) -> None:
        self._interval = interval
        self._quiet_until = 0.0
        self.is_reported = False
        """Whether the trouble was reported since it was last over."""

    def happened(self, text: str) -> None:
        """Report *text*, unless the last report is younger than the interval."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + self._interval
            self.is_reported = True
            report(text)

    def is_over(self, text: str) -> None:
        """Report *text*, if the trouble itself has been reported."""
        if self.is_reported:
            self.is_reported = False
            report(text)
