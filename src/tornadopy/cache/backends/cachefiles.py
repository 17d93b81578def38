"""The files of the file cache: their format, their folder, and the locks between the processes that use it.

`tornadopy.cache.backends.filebased` calls this; it knows keys and bytes, neither values nor versions.

A file is written under another name and then renamed, so that whoever reads finds the old entry or the new one,
whatever becomes of the writer; a checksum tells what a crash of the whole machine has left. Whoever writes or deletes
holds the lock of the entry's stripe, so that nobody deletes as expired what another has just renewed. Readers need no
lock.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import secrets
import stat
import struct
import time
from collections.abc import Callable, Iterator
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from tornadopy.exceptions import CacheConnectionError
from tornadopy.utils.filelock import FileLock
from tornadopy.utils.keyedlocks import KeyedLocks

P = ParamSpec("P")
T = TypeVar("T")

SUFFIX = ".tpcache"
TEMPORARY_SUFFIX = ".tpcache.tmp"
LOCK_SUFFIX = ".tpcache.lock"
PATIENCE = 10.0
"""Seconds to wait for a lock."""

STALE = 3600.0
"""Seconds after which a temporary file must be what a killed process has left."""

_MAGIC = b"tornadopy cache 1\n"
_HEADER = struct.Struct(">d16s")
_LATEST_TIME = 4102444800.0  # the year 2100: file systems cannot hold any time
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Entry(NamedTuple):
    """What a file holds."""

    stored: bytes
    expires: float | None  # seconds since the epoch; None: never

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= time.time()


def _reporting(method: Callable[Concatenate[CacheFolder, P], T]) -> Callable[Concatenate[CacheFolder, P], T]:
    """Turn what the file system refuses a method into the error of a cache that cannot be reached."""

    @functools.wraps(method)
    def call(self: CacheFolder, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except OSError as exc:
            raise CacheConnectionError(
                f"the file cache in {self.path!r} cannot be used: {exc.strerror or exc}; may this user write there, "
                "and is there space?"
            ) from exc

    return call


class CacheFolder:
    """A folder of cache files, one for each key.

    Other files in it are left alone. Files and folder are made for their owner alone.

    Args:
        path: The folder, which is made when it is first needed.

    .. versionadded:: 2.0
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._threads = KeyedLocks()
        self._room = 0

    @staticmethod
    def name_of(key: str) -> str:
        """Return the name of the file for *key*."""
        return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest() + SUFFIX

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep all others, threads and processes, from changing the file *name*.

        Raises:
            CacheConnectionError: Somebody has kept the lock for too long.
        """
        stripe = name[0]  # of sixteen
        with self._threads.hold(stripe):
            # A lock file that stays open would be held by every process that is forked meanwhile.
            lock = FileLock(self._path(stripe + LOCK_SUFFIX), patience=PATIENCE, impatience=0, mode=0o600)
            try:
                self._acquire(lock)
                yield
            finally:
                lock.release()
                lock.close()

    @_reporting
    def read(self, name: str, key: str) -> Entry | None:
        """Return the entry of *key*, expired or not; None if there is none that this user has written, whole."""
        try:
            descriptor = os.open(self._path(name), _READ_FLAGS)
        except OSError as exc:
            if exc.errno in {errno.ENOENT, errno.ELOOP, errno.EACCES, errno.ENOTDIR}:
                return None
            raise
        with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
            # SECURITY: what another user has put here must not reach the serializer, which may be pickle.
            return _decode(file.read(), key) if _is_own(os.fstat(descriptor)) else None

    @_reporting
    def write(self, name: str, key: str, entry: Entry) -> None:
        """Store *entry*, in one step for whoever reads. The lock is held."""
        temporary = self._path(f"{name.removesuffix(SUFFIX)}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
        # The time of a file is that of its end, so that culling has to open none.
        end = _LATEST_TIME if entry.expires is None else min(max(entry.expires, 0.0), _LATEST_TIME)
        try:
            with open(os.open(temporary, _WRITE_FLAGS, 0o600), "wb") as file:  # noqa: PTH123 - of a descriptor
                file.writelines(_encode(entry, key))
            os.utime(temporary, (end, end))
            os.replace(temporary, self._path(name))  # noqa: PTH105 - as text, all along
        except BaseException:
            self._unlink(os.path.basename(temporary))  # noqa: PTH119 - as text, all along
            raise

    @_reporting
    def delete(self, name: str) -> None:
        """Delete the file *name*, if it is there. The lock is held."""
        self._unlink(name)

    def delete_expired(self, name: str, key: str) -> None:
        """Delete the file *name* if its time is over."""
        with self.locked(name):
            entry = self.read(name, key)
            if entry is not None and entry.is_expired:
                self._unlink(name)

    @_reporting
    def clear(self) -> None:
        """Delete all entries."""
        for name, _ in self._entries():
            with self.locked(name):
                self._unlink(name)

    @_reporting
    def make_room(self, name: str, *, max_entries: int, cull_frequency: int) -> None:
        """Delete entries if one more, for the file *name*, would be too many: expired ones, then those next to expire.

        Several processes at once may go a little beyond *max_entries*. The lock is not held.
        """
        if os.path.lexists(self._path(name)):
            return
        if self._room > 0:
            # PERF: the folder is not listed for each new entry, but as often as keeps it from overflowing.
            self._room -= 1
            return
        entries = self._entries()
        if len(entries) >= max_entries:
            entries = self._cull(entries, max_entries, cull_frequency)
        self._room = (max_entries - len(entries)) // 8

    def _cull(self, entries: list[tuple[str, int]], max_entries: int, frequency: int) -> list[tuple[str, int]]:
        """Delete the part of *entries* that has to go, and return the others."""
        entries.sort(key=lambda each: each[1])
        if frequency == 0:
            number = len(entries)
        else:
            now = time.time_ns()
            expired = sum(1 for _, end in entries if end <= now)
            number = max(expired or len(entries) // frequency, len(entries) - max_entries + 1)
        for name, end in entries[:number]:
            with self.locked(name), contextlib.suppress(FileNotFoundError):
                if os.stat(self._path(name), follow_symlinks=False).st_mtime_ns == end:  # noqa: PTH116
                    self._unlink(name)
        return entries[number:]

    def _entries(self) -> list[tuple[str, int]]:
        """Return name and end, in nanoseconds, of each entry, and delete what killed processes have left."""
        try:
            with os.scandir(self.path) as found:
                return list(self._look_at(found))
        except FileNotFoundError:
            return []

    def _look_at(self, found: Iterator[os.DirEntry[str]]) -> Iterator[tuple[str, int]]:
        for each in found:
            with contextlib.suppress(FileNotFoundError):  # somebody else has just deleted it
                if each.name.endswith(SUFFIX):
                    yield each.name, each.stat(follow_symlinks=False).st_mtime_ns
                elif each.name.endswith(TEMPORARY_SUFFIX) and _is_stale(each.stat(follow_symlinks=False)):
                    self._unlink(each.name)

    @_reporting
    def _acquire(self, lock: FileLock) -> None:
        try:
            is_held = lock.acquire()
        except FileNotFoundError:
            os.makedirs(self.path, mode=0o700, exist_ok=True)  # noqa: PTH103 - as text, all along
            is_held = lock.acquire()
        if not is_held:
            raise CacheConnectionError(
                f"the file cache in {self.path!r}: another process has kept its lock for {PATIENCE:.0f} seconds; "
                "has one of them been stopped?"
            )

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name)  # noqa: PTH118 - PERF: for every call

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(name))  # noqa: PTH108 - as text, all along


def _encode(entry: Entry, key: str) -> tuple[bytes, bytes, bytes]:
    expires = float("inf") if entry.expires is None else entry.expires
    return _MAGIC, _HEADER.pack(expires, _checksum(expires, key, entry.stored)), entry.stored


def _decode(content: bytes, key: str) -> Entry | None:
    """Return the entry that a file holds; None if it is not one of *key*, whole."""
    start = len(_MAGIC) + _HEADER.size
    if len(content) < start or not content.startswith(_MAGIC):
        return None
    expires, checksum = _HEADER.unpack_from(content, len(_MAGIC))
    stored = content[start:]
    if checksum != _checksum(expires, key, stored):
        return None
    return Entry(stored, None if expires == float("inf") else expires)


def _checksum(expires: float, key: str, stored: bytes) -> bytes:
    digest = hashlib.blake2b(struct.pack(">d", expires), digest_size=16)
    digest.update(hashlib.blake2b(key.encode("utf-8", "surrogatepass")).digest())
    digest.update(stored)
    return digest.digest()


def _is_own(status: os.stat_result) -> bool:
    """Whether it is a plain file of the user that this process runs as."""
    is_users = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return stat.S_ISREG(status.st_mode) and is_users


def _is_stale(status: os.stat_result) -> bool:
    """Whether a temporary file is so old that nobody is writing it any more."""
    return time.time() - status.st_ctime > STALE
