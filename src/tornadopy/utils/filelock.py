"""A lock between processes that lasts no longer than they do, and keeps a short note.

The process-safe file handler of the logs and the file cache call this; it knows neither of them.

The kernel owns the lock: it is given back when its holder dies, however it dies. On POSIX it is taken with ``flock``,
which belongs to the open file, not to the process: two handlers in one process exclude each other too, and a child made
by ``fork`` must open the file anew, because the descriptor it inherits *is* its parent's lock.
"""

from __future__ import annotations

import os
import sys
import time
from io import FileIO

# NOTE: the branch for Windows is type-checked alone; the tests have not run there yet.
if sys.platform == "win32":  # pragma: no cover - the other branch is the one that runs where coverage is measured
    import msvcrt

    # Locks on Windows are mandatory: one far behind the note leaves the note readable.
    _LOCKED_BYTE = 1 << 30

    def _try_lock(file: FileIO) -> bool:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(file: FileIO) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: FileIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


_NOTE_LIMIT = 256
_FIRST_PAUSE = 0.0001
_LONGEST_PAUSE = 0.005
_IMPATIENCE = 60.0
_REOPENINGS = 3


class FileLock:
    """An exclusive lock on the file *path*, which is made when missing and never deleted.

    Args:
        path: The lock file; its content is the note.
        patience: Seconds to wait for the lock. A holder that was stopped (by a debugger, a frozen container) must not
            stop everybody else.
        impatience: Seconds for which one who has waited in vain does not wait at all.
        mode: The permissions of the file if it is made here, less the process's umask.

    .. versionadded:: 2.0
    """

    def __init__(self, path: str, *, patience: float = 1.0, impatience: float = _IMPATIENCE, mode: int = 0o666) -> None:
        self.path = path
        self._patience = patience
        self._impatience = impatience
        self._mode = mode
        self._impatient_until = 0.0
        self._file: FileIO | None = None
        self._pid = os.getpid()

    def acquire(self) -> bool:
        """Take the lock; not reentrant.

        Returns:
            Whether the lock is held now; False when another process kept it for too long.

        Raises:
            OSError: The lock file cannot be opened, or its file system knows no locks.
        """
        if self._pid != os.getpid():
            self.close()
            self._pid = os.getpid()
        for _ in range(_REOPENINGS):
            if self._file is None:
                self._file = FileIO(self.path, "r+", opener=self._open_or_create)
            if not self._wait(self._file):
                return False
            if os.fstat(self._file.fileno()).st_nlink > 0:
                return True
            # Somebody has deleted the file: the next process would lock another one of that name.
            self.close()
        return False

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            _unlock(self._file)

    def read_note(self) -> str:
        """Return the note, an empty string where there is none; call it with the lock held."""
        if self._file is None:
            return ""
        self._file.seek(0)
        return (self._file.read(_NOTE_LIMIT) or b"").decode("ascii", "replace").rstrip("\n\x00")

    def write_note(self, note: str) -> None:
        """Replace the note by *note*, a short line of ASCII; call it with the lock held.

        Raises:
            OSError: It cannot be written.
        """
        if self._file is not None:
            line = note.encode("ascii") + b"\n"
            self._file.seek(0)
            self._file.write(line)
            self._file.truncate(len(line))

    def close(self) -> None:
        """Close the lock file; `acquire` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _wait(self, file: FileIO) -> bool:
        if _try_lock(file):
            return True
        start = time.monotonic()
        deadline = start + self._patience if start >= self._impatient_until else start
        pause = _FIRST_PAUSE
        while time.monotonic() < deadline:
            time.sleep(pause)
            if _try_lock(file):
                return True
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._impatient_until = time.monotonic() + self._impatience
        return False

    def _open_or_create(self, path: str, flags: int) -> int:
        return os.open(path, flags | os.O_CREAT, self._mode)
