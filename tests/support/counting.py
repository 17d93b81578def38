"""A cache backend that counts how it is called; on the face of it, it waits for a server."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from tornadopy.cache.backends.localcache import LocMemCache

ASKED = ("get", "aget", "set", "aset", "update", "aupdate", "delete", "adelete", "touch", "atouch", "aget_many")


class CountingCache(LocMemCache):
    """A cache in memory that says that it has I/O."""

    has_io: ClassVar[bool] = True
    calls: ClassVar[Counter[str]] = Counter()

    async def _run(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)


class CountingLocalCache(CountingCache):
    """The same, and it says that it is in the process."""

    has_io: ClassVar[bool] = False


def _counting(name: str) -> Any:
    original = getattr(LocMemCache, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        CountingCache.calls[name] += 1
        return original(self, *args, **kwargs)

    return call


for _name in ASKED:
    setattr(CountingCache, _name, _counting(_name))
