"""How often, and after which pauses, an update is tried that others have got ahead of.

Redis and Memcached replace a value only if nobody has changed it since it was read. The processes that update one key
at the same time get into each other's way like this; within a process the updates take turns before they come here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from tornadopy.exceptions import CacheConnectionError

ATTEMPTS = 1000
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.02


def pauses() -> Iterator[float]:
    """Yield the pause after each attempt, in seconds: longer and longer up to a limit, and random.

    Raises:
        CacheConnectionError: After `ATTEMPTS`, in which somebody else has always been faster.
    """
    longest = FIRST_PAUSE
    for _ in range(ATTEMPTS):
        yield random.uniform(0, longest)  # noqa: S311 - no secret
        longest = min(longest * 2, LONGEST_PAUSE)
    raise CacheConnectionError(
        f"a key of the cache could not be updated: others have changed it in between, {ATTEMPTS} times in a row"
    )
