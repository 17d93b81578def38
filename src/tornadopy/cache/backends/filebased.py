"""A cache in the files of a folder.

Built by `tornadopy.cache.handler`. What a file looks like, and how processes keep out of each other's way, is the
business of `tornadopy.cache.backends.cachefiles`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, CacheOptions, Timeout
from tornadopy.cache.backends.cachefiles import CacheFolder, Entry

__all__ = ["FileBasedCache"]


class FileBasedCache(BaseCache):
    """A cache in a folder, which any number of processes of one user may share.

    Before there are more than ``MAX_ENTRIES`` entries, those that have expired go; if none has, one of
    ``CULL_FREQUENCY``, beginning with those that expire next. The files of other users are not read.

    Args:
        location: The folder; it is made when it is first needed. A relative one starts at ``PROJECT_PATH``.
        params: See `BaseCache`.

    .. versionadded:: 2.0
    """

    serializes: ClassVar[bool] = True
    location_is_path: ClassVar[bool] = True
    option_types: ClassVar[Any] = CacheOptions

    def __init__(self, location: str | os.PathLike[str], params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self._folder = CacheFolder(os.path.abspath(location))  # noqa: PTH100 - the folder need not exist

    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store *value* unless the key is there, and return whether it has been stored; atomic."""
        made = self.make_and_validate_key(key, version)
        stored = self.serializer.dumps(value)
        with self._adding(made, timeout) as name:
            if self._find(name, made) is not None:
                return False
            self._put(name, made, stored, timeout)
            return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value of *key*, or *default* if it is missing or expired."""
        entry = self._get(self.make_and_validate_key(key, version))
        return default if entry is None else self.serializer.loads(entry.stored)

    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store *value* for *timeout* seconds."""
        made = self.make_and_validate_key(key, version)
        stored = self.serializer.dumps(value)
        with self._adding(made, timeout) as name:
            self._put(name, made, stored, timeout)

    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let *key* expire in *timeout* seconds from now; return whether it is there."""
        made = self.make_and_validate_key(key, version)
        with self._changing(made) as name:
            entry = self._find(name, made)
            if entry is None:
                return False
            self._put(name, made, entry.stored, timeout)
            return True

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete *key*; return whether it was there."""
        made = self.make_and_validate_key(key, version)
        with self._changing(made) as name:
            entry = self._find(name, made)
            self._folder.delete(name)
            return entry is not None

    def clear(self) -> None:
        """Delete every entry in the folder, of whatever prefix and version; other files stay."""
        self._folder.clear()

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether *key* is there and has not expired."""
        return self._get(self.make_and_validate_key(key, version)) is not None

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        """Add *delta* to the value of *key* and return the sum; atomic, and the entry keeps its time.

        Raises:
            ValueError: The key is missing.
        """
        made = self.make_and_validate_key(key, version)
        with self._changing(made) as name:
            entry = self._find(name, made)
            if entry is None:
                raise self.not_found(key)
            value = self.serializer.loads(entry.stored) + delta
            self._folder.write(name, made, Entry(self.serializer.dumps(value), entry.expires))
            return value

    def _update(self, key: Any, function: Callable[[Any], Any], timeout: Timeout, version: int | None) -> Any:
        made = self.make_key(key, version)
        with self._adding(made, timeout) as name:
            entry = self._find(name, made)
            value = function(None if entry is None else self.serializer.loads(entry.stored))
            if value is None:
                self._folder.delete(name)
            else:
                self._put(name, made, self.serializer.dumps(value), timeout)
            return value

    def _get(self, made: str) -> Entry | None:
        """Return the entry of the store's key *made*; one that has expired is deleted."""
        name = self._folder.name_of(made)
        entry = self._folder.read(name, made)
        if entry is None or not entry.is_expired:
            return entry
        self._folder.delete_expired(name, made)
        return None

    def _find(self, name: str, made: str) -> Entry | None:
        """Return the entry unless it has expired. The lock is held."""
        entry = self._folder.read(name, made)
        return None if entry is None or entry.is_expired else entry

    def _put(self, name: str, made: str, stored: bytes, timeout: Timeout) -> None:
        """Store an entry, or delete what is there if the new one has no time. The lock is held."""
        entry = Entry(stored, self.get_backend_timeout(timeout))
        if entry.is_expired:
            self._folder.delete(name)
        else:
            self._folder.write(name, made, entry)

    @contextlib.contextmanager
    def _changing(self, made: str) -> Iterator[str]:
        """Hold the lock of the store's key *made*; give the name of its file."""
        name = self._folder.name_of(made)
        with self._folder.locked(name):
            yield name

    @contextlib.contextmanager
    def _adding(self, made: str, timeout: Timeout) -> Iterator[str]:
        """Make room for the store's key *made*, if it is to stay, and hold its lock; give the name of its file."""
        name = self._folder.name_of(made)
        if not Entry(b"", self.get_backend_timeout(timeout)).is_expired:
            self._folder.make_room(name, max_entries=self.max_entries, cull_frequency=self.cull_frequency)
        with self._folder.locked(name):
            yield name
