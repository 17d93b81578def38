"""Which of several Memcached servers has a key: consistent hashing, as ketama does it.

`tornadopy.cache.backends.memcached` calls this. When a server leaves or comes, only the keys move that it had or gets
(https://www.metabrew.com/article/libketama-consistent-hashing-algo-memcached-clients).
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Iterator, Sequence

DIGESTS = 40  # of each server; a digest gives four points on the ring
_POINTS = range(0, 16, 4)


class Ring:
    """A ring of hashes, on which each server has many points; a key belongs to the server of the next point.

    Args:
        names: The names of the servers. The same names give the same ring, in whatever order they come.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._count = len(names)
        points = sorted((point, name, index) for index, name in enumerate(names) for point in _points_of(name))
        self._hashes = [point for point, _, _ in points]
        self._owners = [index for _, _, index in points]

    def order(self, key: bytes) -> Iterator[int]:
        """Yield the servers, by their index: the one that has *key*, then those that take its place, in their order."""
        if self._count == 1:
            yield 0
            return
        start = bisect(self._hashes, _hash(key))
        seen = set()
        for offset in range(len(self._owners)):
            index = self._owners[(start + offset) % len(self._owners)]
            if index not in seen:
                seen.add(index)
                yield index
                if len(seen) == self._count:
                    return


def _points_of(name: str) -> Iterator[int]:
    for number in range(DIGESTS):
        digest = hashlib.md5(f"{name}-{number}".encode(), usedforsecurity=False).digest()
        yield from (int.from_bytes(digest[start : start + 4], "little") for start in _POINTS)


def _hash(key: bytes) -> int:
    return int.from_bytes(hashlib.md5(key, usedforsecurity=False).digest()[:4], "little")
