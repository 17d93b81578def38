"""Counts the requests of the routes that ROUTE_MODULES gives it to."""

from itertools import count
from typing import Any

from tornadopy.httpmodule import BaseHttpModule


class VisitCounter(BaseHttpModule):
    """Numbers the visits since the start."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def begin_request(self, handler: Any, clear: Any) -> None:
        """Hand the number to the handler, before its method runs."""
        handler.visit = next(self._numbers)
