"""The list of a user's tokens: pure functions from one list to the next, for a cache to apply atomically.

A list is ``{handle: [created, expires]}``, in seconds since the epoch. What has expired is left out by whatever is
done next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TokenTimes = tuple[float, float]
"""When a token was made, and when it expires."""


def read_index(stored: Any, *, now: float) -> dict[str, TokenTimes]:
    """Return what is listed and has not expired, the oldest first; nothing if *stored* is no list."""
    if not isinstance(stored, dict):
        return {}
    listed = {handle: (times[0], times[1]) for handle, times in stored.items()}
    alive = {handle: times for handle, times in listed.items() if times[1] > now}
    return dict(sorted(alive.items(), key=lambda item: item[1]))


def write_index(index: Mapping[str, TokenTimes]) -> dict[str, list[float]] | None:
    """Return what the cache keeps; None, which deletes it, if nothing is listed."""
    return {handle: list(times) for handle, times in index.items()} or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Put a token on the list.

    Args:
        handle: What the store calls it.
        created: When it was made, in seconds since the epoch.
        expires: When it expires.
    """

    handle: str
    created: float
    expires: float

    def __call__(self, stored: Any) -> Any:
        """Return the list with the token on it."""
        return write_index({**read_index(stored, now=self.created), self.handle: (self.created, self.expires)})

    def surplus(self, stored: Any, limit: int) -> list[str]:
        """Return the oldest tokens of the list that *stored* is, so many that *limit* are left with this one."""
        others = [handle for handle in read_index(stored, now=self.created) if handle != self.handle]
        return others[: max(len(others) + 1 - limit, 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Striking:
    """Take tokens off the list.

    Args:
        handles: What the store calls them.
        now: The time, in seconds since the epoch.
    """

    handles: frozenset[str]
    now: float

    def __call__(self, stored: Any) -> Any:
        """Return the list without them."""
        index = read_index(stored, now=self.now)
        return write_index({handle: times for handle, times in index.items() if handle not in self.handles})
