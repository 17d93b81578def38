"""A log file that several processes write and rotate together.

The configuration of logging builds this handler; it works as well in ``logging.config.dictConfig`` or by hand. It knows
loggers and records as `logging` does, nothing of settings or requests.

How no line is lost, doubled or torn:

- A lock file beside the log (``access.log.lock``) is held around every line, or every block of lines that a buffered
  handler has collected: look whether the open file still is the one under the log's name, rotate when it is time,
  append by one write.
- The lock file notes when the current file ends. All processes read the moment there instead of each computing its
  own, so that the second one to notice midnight finds the rotation done.
- A rotated file gets a name that does not exist yet.
- Who cannot get the lock (its holder was stopped by a debugger, say) appends without rotating: appending is atomic,
  and a file keeps its lines when it is renamed meanwhile.
- A line that finds no room is taken back as a whole; a line that was cut off because its process was killed gets its
  end from whoever writes next.

The lock, the open file and the lines that wait belong to one process; after a ``fork`` the child opens its own, and its
parent's lines are left to the parent.
"""

from __future__ import annotations

import calendar
import os
import time
from collections.abc import Sequence
from datetime import time as clock_time
from logging import LogRecord
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from threading import RLock
from typing import Final

from tornadopy.logger.appendfile import AppendFile, make_folder_of
from tornadopy.logger.linebuffer import LineBuffer
from tornadopy.logger.report import REPORT_INTERVAL, Trouble
from tornadopy.utils.filelock import FileLock

_DAY: Final = 24 * 60 * 60


class ProcessLogTimedFileHandler(TimedRotatingFileHandler):
    """A `logging.handlers.TimedRotatingFileHandler` for a file that several processes write.

    It rotates at the moments of the standard library's handler and names rotated files as that does; where the name is
    taken, ``.001`` and so on follow it. It differs in that the default encoding is UTF-8, that what the encoding cannot
    express is escaped, and that trouble with the file never raises: it is reported on standard error, at once and then
    no more than once a minute.

    Args:
        filename: The log file; its folder is made when missing.
        when: ``S M H D``, ``midnight`` or ``W0`` (Monday) to ``W6``.
        interval: So many of these units make a period.
        backupCount: How many rotated files are kept; 0 keeps all.
        encoding: The file's encoding.
        delay: Open the file with the first line, not now.
        utc: Whether moments and names are in UTC instead of local time.
        atTime: The time of day for ``midnight`` and weekdays.
        errors: What becomes of characters that the encoding lacks.
        buffered: Let lines wait and write many at once: when they are `buffer_size` bytes, when the oldest is
            `buffer_delay` seconds old, by `flush`, `doRollover`, `close`, and so at the end of the process. When a
            process is killed, the lines that wait are lost. A file that is a pipe or a device is never buffered.

    Raises:
        ValueError: *when* is none of the above.

    .. versionadded:: 2.0
    """

    keep_open = os.name == "posix"
    """Whether the file stays open between lines. Windows cannot rename a file that somebody has open."""

    buffer_size = 64 * 1024
    """How many bytes of lines a buffered handler writes at once."""

    buffer_delay = 0.5
    """How many seconds a line waits at the most in a buffered handler."""

    def __init__(
        self,
        filename: str | os.PathLike[str],
        when: str = "h",
        interval: int = 1,
        backupCount: int = 0,  # noqa: N803 - the standard library's name
        encoding: str | None = None,
        delay: bool = False,
        utc: bool = False,
        atTime: clock_time | None = None,  # noqa: N803 - the standard library's name
        errors: str | None = None,
        *,
        buffered: bool = False,
    ) -> None:
        self._codec, self._codec_errors = encoding or "utf-8", errors or "backslashreplace"
        super().__init__(
            filename,
            when,
            interval,
            backupCount,
            self._codec,
            delay=True,
            utc=utc,
            atTime=atTime,
            errors=self._codec_errors,
        )
        self.delay = delay
        self._schedule = f"{self.when} {self.interval} {'utc' if utc else 'local'} {atTime or clock_time()}"
        self._file = AppendFile(
            self.baseFilename, terminator=self._encoded(self.terminator), byte_order_mark=self._encoded("")
        )
        self._lock = FileLock(self.baseFilename + ".lock")
        self._rotation_forced = False
        self._no_rotation_before = 0
        self._opening_of_period = -1
        # A pipe takes no more than 4 KiB as a whole.
        limit = self.buffer_size if buffered and not self._file.is_special else 0
        lock = self.lock or RLock()
        self._buffer = LineBuffer(self._write_waiting, lock=lock, limit=limit, delay=self.buffer_delay)
        self._touched = self._busy = False
        self._pid = os.getpid()
        self._lost = 0
        self._write_trouble, self._lock_trouble, self._rotate_trouble = Trouble(), Trouble(), Trouble()
        if not delay:
            self._touch()

    def emit(self, record: LogRecord) -> None:
        """Append *record* to the file, after rotating it if it is time, or let it wait for that; never raise."""
        try:
            self._append(self._encoded(self.format(record) + self.terminator))
        except Exception:
            # As all handlers of logging do it: what a message raises while it is formatted must not reach the caller.
            self.handleError(record)

    def doRollover(self) -> None:  # noqa: N802 - the standard library's name
        """Rotate the file now, whatever the time; an empty one stays."""
        self.acquire()
        try:
            self.flush()
            self._rotation_forced = True
            self._touch()
        finally:
            self.release()

    def flush(self) -> None:
        """Write the lines that wait."""
        self.acquire()
        try:
            self._forget_parent()
            self._write_waiting()
        finally:
            self.release()

    def getFilesToDelete(self) -> list[str]:  # noqa: N802 - the standard library's name
        """Return the rotated files that exceed the backup count, oldest first."""
        if self.namer is not None:
            return super().getFilesToDelete()
        prefix = Path(self.baseFilename).name + "."
        dated = sorted(
            (age, str(path))
            for path in Path(self.baseFilename).parent.iterdir()
            if path.name.startswith(prefix) and (age := _age(path.name.removeprefix(prefix), self.suffix))
        )
        return [path for _, path in dated[: max(0, len(dated) - self.backupCount)]]

    def close(self) -> None:
        """Write the lines that wait and close the files; a later record opens them again, and does not wait."""
        self.acquire()
        try:
            self.flush()
            self._buffer.end()
            self._file.close()
            self._lock.close()
            super().close()
        finally:
            self.release()

    # A line's way: buffer, lock, right file, write.

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._codec, self._codec_errors)

    def _append(self, line: bytes) -> None:
        self._forget_parent()
        if self._buffer.add(line):
            self._write_waiting()

    def _touch(self) -> None:
        """Open or rotate the file without a line."""
        self._forget_parent()
        self._touched = True
        self._write_waiting()

    def _forget_parent(self) -> None:
        """After a fork, drop the parent's open file, and the lines that the parent will write itself."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._file.close()
        self._buffer.forget()
        self._touched = self._busy = False
        self._lost = 0

    def _write_waiting(self) -> None:
        # A signal handler or a finaliser may log in the midst of this very method: its line waits for its turn.
        while (self._buffer or self._touched) and not self._busy:
            self._busy, self._touched = True, False
            try:
                lines = self._buffer.waiting()
                self._deliver(lines)
                self._buffer.drop(len(lines))
            finally:
                self._busy = False

    def _deliver(self, lines: Sequence[bytes]) -> None:
        try:
            alone, hindrance = self._lock_others_out()
            try:
                status = self._file.refresh()
                if alone:
                    status = self._rotate_if_due(status)
                if lines:
                    self._file.append(lines, size=status.st_size, alone=alone)
            finally:
                if not self.keep_open:
                    self._file.close()
                if alone:
                    self._lock.release()
        except Exception as exc:
            # Not OSError alone: nobody may be there whom anything else could reach, and the next lines have to go on.
            self._lost += len(lines)
            self._write_trouble.happened(
                f"cannot write the log file {self.baseFilename} ({_reason(exc)}); lines are lost until this is mended"
            )
        else:
            if self._write_trouble.is_reported:
                self._write_trouble.is_over(
                    f"the log file {self.baseFilename} can be written again; lines lost meanwhile: {self._lost}"
                )
            self._lost = 0
            if hindrance:
                self._lock_trouble.happened(
                    f"cannot lock {self._lock.path} ({hindrance}); "
                    "lines are still appended to the log, but it is not rotated"
                )

    def _lock_others_out(self) -> tuple[bool, str | None]:
        """Take the lock; return whether it was to be had, and what is worth a report if not."""
        if self._file.is_special:
            return False, None
        try:
            try:
                alone = self._lock.acquire()
            except FileNotFoundError:
                make_folder_of(self.baseFilename)
                alone = self._lock.acquire()
        except OSError as exc:
            return False, _reason(exc)
        return alone, None if alone else "another process does not give it back"

    # Rotation; all of it with the lock held.

    def _rotate_if_due(self, status: os.stat_result) -> os.stat_result:
        """Rotate the file if its time is over; return the status of the file to write."""
        now = int(time.time())
        force, self._rotation_forced = self._rotation_forced, False
        if self._opening_of_period == self._file.openings and now < self.rolloverAt and not force:
            return status
        # What this process remembers may be old: another one may have prolonged the period of an empty file.
        self.rolloverAt = self._noted_end(now) or self._estimated_end(status, now)
        if force or now >= max(self.rolloverAt, self._no_rotation_before):
            status = self._rotate(status, now)
        self._opening_of_period = self._file.openings
        return status

    def _rotate(self, status: os.stat_result, now: int) -> os.stat_result:
        if status.st_size:
            self._file.close()
            try:
                self.rotate(self.baseFilename, self._free_name())
            except Exception as exc:
                # The rotator may be the user's: the log goes on, whatever it raises.
                self._rotate_trouble.happened(
                    f"cannot rotate the log file {self.baseFilename} ({_reason(exc)}); it goes on as it is for a minute"
                )
                self._no_rotation_before = now + int(REPORT_INTERVAL)
                return self._file.refresh()
            self._delete_old()
        self.rolloverAt = self._end_of_period(now)
        self._note_end()
        return self._file.refresh()

    def _noted_end(self, now: int) -> int | None:
        """Return the end of the current file as noted in the lock file, None where the note is of no use."""
        end, _, schedule = self._lock.read_note().partition(" ")
        if schedule != self._schedule or not end.isdecimal():
            return None
        # An end more than a period ahead was noted while the clock was wrong.
        return int(end) if int(end) <= self._end_of_period(now) else None

    def _estimated_end(self, status: os.stat_result, now: int) -> int:
        """Return the end of a file that has no note, judged by its last line; note it."""
        last_line = min(int(status.st_mtime), now) if status.st_size else now
        self.rolloverAt = self._end_of_period(last_line)
        self._note_end()
        return self.rolloverAt

    def _note_end(self) -> None:
        try:
            self._lock.write_note(f"{self.rolloverAt} {self._schedule}")
        except OSError as exc:
            self._rotate_trouble.happened(
                f"cannot write {self._lock.path} ({_reason(exc)}); the log may be rotated too late"
            )

    def _end_of_period(self, moment: int) -> int:
        """Return the first moment of rotation after *moment*."""
        end = int(self.computeRollover(moment))
        end += self._drift(end)
        while end <= moment:
            end += self.interval
        return end

    def _drift(self, end: int) -> int:
        """Return the seconds that a change of summer time puts between *end* and the wanted time of day."""
        if self.utc or not self._is_daily:
            return 0
        wanted, local = self.atTime or clock_time(), time.localtime(end)
        seconds = (
            (wanted.hour - local.tm_hour) * 3600 + (wanted.minute - local.tm_min) * 60 + wanted.second - local.tm_sec
        )
        return (seconds + _DAY // 2) % _DAY - _DAY // 2

    @property
    def _is_daily(self) -> bool:
        return self.when == "MIDNIGHT" or self.when.startswith("W")

    def _free_name(self) -> str:
        """Return a name for the file to be rotated that no file has."""
        if self._is_daily and not self.utc:
            # Days of 23 and 25 hours: count back on the calendar, not in seconds.
            period = time.gmtime(calendar.timegm(time.localtime(self.rolloverAt)) - self.interval)
        else:
            period = (time.gmtime if self.utc else time.localtime)(self.rolloverAt - self.interval)
        name = free = self.rotation_filename(f"{self.baseFilename}.{time.strftime(self.suffix, period)}")
        number = 0
        while os.path.lexists(free):
            number += 1
            free = f"{name}.{number:03d}"
        return free

    def _delete_old(self) -> None:
        if self.backupCount <= 0:
            return
        try:
            for path in self.getFilesToDelete():
                Path(path).unlink(missing_ok=True)
        except Exception as exc:
            # The namer that is asked which files they are may be the user's, as the rotator may.
            self._rotate_trouble.happened(f"cannot delete old files of the log {self.baseFilename} ({_reason(exc)})")


def _age(ending: str, suffix: str) -> tuple[time.struct_time, str] | None:
    """Return what sorts a rotated file among its like, None for other files."""
    date, dot, number = ending.rpartition(".")
    if not (dot and len(number) == 3 and number.isdecimal()):
        date, number = ending, ""
    try:
        return time.strptime(date, suffix), number
    except ValueError:
        return None


def _reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc) or type(exc).__name__
