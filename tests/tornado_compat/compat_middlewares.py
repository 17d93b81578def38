"""Middlewares that do nothing, in every phase, with which Tornado's own tests are run.

A ``process_exception`` takes the place of `log_exception`, so one of each three calls it.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Second:
    """Every hook, synchronous."""

    def process_init(self, application: Any) -> None:
        """Do nothing."""

    def process_call(self, request: Any, clear: Any) -> None:
        """Do nothing."""

    def process_request(self, handler: Any, clear: Any) -> None:
        """Do nothing."""

    def process_render(self, handler: Any, clear: Any, template_name: str, **kwargs: Any) -> None:
        """Do nothing."""

    def process_response(self, handler: Any, clear: Any, chunk: Any) -> None:
        """Do nothing."""

    def process_endcall(self, handler: Any, clear: Any) -> None:
        """Do nothing."""

    def process_exception(self, handler: Any, clear: Any, typ: Any, value: Any, tb: Any) -> None:
        """Do nothing."""


class First(Second):
    """The one whose exception hook runs last: it logs, as a handler does without such a hook."""

    def process_exception(self, handler: Any, clear: Any, typ: Any, value: Any, tb: Any) -> None:
        """Log the error."""
        handler.log_exception(typ, value, tb)


class Third(Second):
    """One more."""


class AsyncSecond:
    """Every hook that may be asynchronous, asynchronous; each gives the loop a turn."""

    async def process_request(self, handler: Any, clear: Any) -> None:
        """Wait a turn."""
        await asyncio.sleep(0)

    async def process_response(self, handler: Any, clear: Any, chunk: Any) -> None:
        """Wait a turn."""
        await asyncio.sleep(0)

    async def process_endcall(self, handler: Any, clear: Any) -> None:
        """Wait a turn."""
        await asyncio.sleep(0)

    async def process_exception(self, handler: Any, clear: Any, typ: Any, value: Any, tb: Any) -> None:
        """Wait a turn."""
        await asyncio.sleep(0)


class AsyncFirst(AsyncSecond):
    """The one whose exception hook runs last: it logs, as a handler does without such a hook."""

    async def process_exception(self, handler: Any, clear: Any, typ: Any, value: Any, tb: Any) -> None:
        """Wait a turn, then log the error."""
        await asyncio.sleep(0)
        handler.log_exception(typ, value, tb)


class AsyncThird(AsyncSecond):
    """One more."""
