"""A file that grows by whole lines while other processes write, rename or delete it.

The process-safe file handler writes through this. It knows neither locks nor rotation; it is told whether the others
are locked out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path


class AppendFile:
    """The file that has the name *path* at the moment of each line.

    Args:
        path: The file; it and its folder are made when missing.
        terminator: What ends a line.
        byte_order_mark: What the encoding puts before its text; kept at the start of the file, left out elsewhere.

    .. versionadded:: 2.0
    """

    def __init__(self, path: str, *, terminator: bytes, byte_order_mark: bytes = b"") -> None:
        self.path = path
        self.openings = 0
        """How many times the file has been opened: another number, another file."""
        target = Path(path)
        self.is_special = target.exists() and not target.is_file()
        """Whether it is a device, a pipe or a folder."""
        self._terminator = terminator.removeprefix(byte_order_mark)
        self._byte_order_mark = byte_order_mark
        self._file: FileIO | None = None
        self._identity = (0, 0)
        self._own_end = -1

    def refresh(self) -> os.stat_result:
        """Open the file unless the open one still has its name.

        Returns:
            The status of the open file.

        Raises:
            OSError: It cannot be opened.
        """
        try:
            status = os.stat(self.path)  # noqa: PTH116 - PERF: once a line, and a Path costs as much as the call itself
        except FileNotFoundError:
            make_folder_of(self.path)
        else:
            if self._file is not None and (status.st_dev, status.st_ino) == self._identity:
                return status
        self.close()
        # Readable too, to see how the last line ends. Unbuffered: a line is one call of the system.
        self._file = FileIO(self.path, "a+")
        self.openings += 1
        status = os.fstat(self._file.fileno())
        # As long as the file is open here, no other file can get its number.
        self._identity = (status.st_dev, status.st_ino)
        self._own_end = -1
        return status

    def append(self, lines: Sequence[bytes], *, size: int, alone: bool) -> None:
        """Append *lines* as a whole or not at all.

        Args:
            lines: The lines with their terminators.
            size: The size of the file, from `refresh`.
            alone: Whether other processes are locked out. Only then a line cut off by the death of its process gets its
                end, and a part that was written before the disk was full is taken back.

        Raises:
            OSError: It cannot be written.
        """
        if self._file is None:
            raise FileNotFoundError(f"{self.path} is not open")
        block = self._joined(lines, is_start=not size)
        if alone and size and size != self._own_end and not (self.is_special or self._ends_whole(self._file, size)):
            block = self._terminator + block
        self._write(self._file, block, undo=alone)
        self._own_end = size + len(block)

    def close(self) -> None:
        """Close the file; `refresh` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _joined(self, lines: Sequence[bytes], *, is_start: bool) -> bytes:
        mark = self._byte_order_mark
        if not mark or self.is_special:
            return b"".join(lines)
        return (mark if is_start else b"") + b"".join(line.removeprefix(mark) for line in lines)

    def _ends_whole(self, file: FileIO, size: int) -> bool:
        file.seek(max(0, size - len(self._terminator)))
        return file.read(len(self._terminator)) == self._terminator

    def _write(self, file: FileIO, block: bytes, *, undo: bool) -> None:
        written = 0
        try:
            while written < len(block):
                count = file.write(block[written:] if written else block)
                if not count:
                    raise BlockingIOError("it takes no more at the moment")
                written += count
        except OSError:
            if written and undo:
                file.truncate(os.fstat(file.fileno()).st_size - written)
            raise


def make_folder_of(path: str) -> None:
    """Create the folder of *path* and those above it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
