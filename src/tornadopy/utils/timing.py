"""Waiting without holding up the event loop."""

from __future__ import annotations

import asyncio

__all__ = ["sleep"]


async def sleep(seconds: float) -> None:
    """Wait while the event loop serves others.

    ::

        await sleep(0.5)

    Args:
        seconds: How long; zero or less lets the others have one turn.

    .. versionadded:: 2.0
    """
    await asyncio.sleep(seconds)
