"""Sets up the process's loggers as the setting ``LOGGING`` wants them.

The server calls `configure` once at start, with what it has found in settings and options; it reads neither itself.
Handlers that this module installs carry a name by which it finds them again: those of the user are left alone.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import Any, Final

from tornado.log import LogFormatter

from tornadopy.exceptions import ArgumentError, ConfigError
from tornadopy.logger.handlers import ProcessLogTimedFileHandler
from tornadopy.logger.report import report
from tornadopy.logger.syslogger import ACCESS_LOGGER
from tornadopy.utils.imports import import_setting
from tornadopy.utils.suggest import nearest

_MARK: Final = "tornadopy.logger.configuration:"
_COLOURED = r"%\((end_)?color\)"


class _Plan:
    """An entry of ``LOGGING``, read and checked; nothing is installed or opened yet.

    Attributes:
        stderr: Used where the entry says so, and where its file cannot be written.
    """

    def __init__(
        self, logger: logging.Logger, level: int, file: TimedRotatingFileHandler | None, stderr: logging.Handler,
        *, to_stderr: bool,
    ) -> None:  # fmt: skip
        self.logger, self.level, self.file, self.stderr, self.to_stderr = logger, level, file, stderr, to_stderr


def configure(
    entries: Iterable[Mapping[str, Any]],
    *,
    directory: Path,
    port: int | None = None,
    port_prefix: bool = False,
    process_safe: bool = True,
    propagate_to_root: bool = False,
) -> None:
    """Set up the loggers that *entries* name, in place of those of an earlier call.

    A file that cannot be written is reported by one line on standard error, which then takes the file's lines.

    Args:
        entries: The setting ``LOGGING``: mappings with ``name`` (an empty one or ``root`` is the root logger),
            ``level``, ``log_to_stderr``, ``when``, ``interval``, ``filename``, ``formatter``, ``backups``,
            ``buffered``.
        directory: Where relative file names start; made when missing.
        port: The port that the process serves.
        port_prefix: Whether the port precedes the files' names: ``8000.access.log``.
        process_safe: Whether several processes may write one file; else the standard library's handler is used.
        propagate_to_root: Whether lines of these loggers also reach the handlers of the root logger.

    Raises:
        ConfigError: An entry's level, formatter, period or interval does not exist; nothing has been changed.
        ArgumentError: *port_prefix* without *port*.

    .. versionadded:: 2.0
    """
    if port_prefix and port is None:
        raise ArgumentError("port_prefix needs a port: configure(..., port=8000, port_prefix=True)")
    prefix = f"{port}." if port_prefix else ""
    plans = [
        _read(entry, f"LOGGING[{index}]", directory=directory, prefix=prefix, process_safe=process_safe)
        for index, entry in enumerate(entries)
    ]
    shutdown()
    unusable: dict[tuple[Path, str], list[str]] = {}
    for index, plan in enumerate(plans):
        handlers = list(_usable_handlers(plan, unusable))
        if handlers and not propagate_to_root:
            plan.logger.propagate = False
        lowest = min(other.level for other in plans if other.logger is plan.logger)
        plan.logger.setLevel(lowest)
        # An entry without output only sets a level; the handler that does nothing marks the logger as ours.
        for number, handler in enumerate(handlers or [logging.NullHandler()]):
            handler.set_name(f"{_MARK}{index}.{number}")
            handler.setLevel(plan.level if plan.level > lowest else logging.NOTSET)
            plan.logger.addHandler(handler)
    for (folder, reason), names in unusable.items():
        report(
            f"cannot write in the log folder {folder}: {', '.join(names)} ({reason}); these lines go to standard error "
            "instead. Make it writable, or name another folder by the setting LOGGING_DIR or the option --logging_dir"
        )


def shutdown() -> None:
    """Remove and close the handlers that `configure` has installed; their loggers are as if never configured.

    .. versionadded:: 2.0
    """
    for logger, own in _installed():
        for handler in own:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(logging.WARNING if logger is logging.root else logging.NOTSET)
        logger.propagate = True


def flush() -> None:
    """Write the lines that wait in the handlers that `configure` has installed.

    The server calls it at its end: not every process runs what `logging` has registered with `atexit`.

    .. versionadded:: 2.0
    """
    for _, own in _installed():
        for handler in own:
            handler.flush()


def _installed() -> Iterator[tuple[logging.Logger, list[logging.Handler]]]:
    """Yield the loggers that `configure` has set up, and the handlers that it has given them."""
    known = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    for logger in (logging.root, *known):
        own = [handler for handler in logger.handlers if (handler.get_name() or "").startswith(_MARK)]
        if own:
            yield logger, own


def _read(entry: Mapping[str, Any], where: str, *, directory: Path, prefix: str, process_safe: bool) -> _Plan:
    name, wanted = entry["name"], entry.get("formatter")
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(_formatter(wanted, where, name=name, colour=True))
    file = _file_handler(entry, where, directory=directory, prefix=prefix, process_safe=process_safe)
    if file is not None:
        file.setFormatter(_formatter(wanted, where, name=name, colour=False))
    return _Plan(
        logger=logging.getLogger(None if name in {"", "root"} else name),
        level=_level(entry.get("level", "INFO"), where),
        file=file,
        stderr=stderr,
        to_stderr=entry.get("log_to_stderr", False),
    )


def _file_handler(
    entry: Mapping[str, Any], where: str, *, directory: Path, prefix: str, process_safe: bool
) -> TimedRotatingFileHandler | None:
    filename = entry.get("filename")
    if not filename:
        return None
    path = directory / filename
    interval = entry.get("interval", 1)
    if interval < 1:
        raise ConfigError(f"{where}.interval is {interval!r}; it counts periods of rotation and must be 1 or more")
    build: Callable[..., TimedRotatingFileHandler] = TimedRotatingFileHandler
    if process_safe:
        # One line a request: to write each alone costs more than to answer.
        buffered = entry.get("buffered", entry["name"] == ACCESS_LOGGER)
        build = partial(ProcessLogTimedFileHandler, buffered=buffered)
    when = entry.get("when", "midnight")
    try:
        return build(
            path.with_name(prefix + path.name),
            when=when,
            interval=interval,
            backupCount=entry.get("backups", 0),
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )
    except ValueError as exc:
        raise ConfigError(f"{where}.when is {when!r}; expected S, M, H, D, midnight, or W0 (Monday) to W6") from exc


def _level(wanted: str | int, where: str) -> int:
    if isinstance(wanted, int):
        return wanted
    known = logging.getLevelNamesMapping()
    level = known.get(wanted.upper())
    if level is None:
        guess = nearest(wanted, known)
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise ConfigError(f"{where}.level is {wanted!r}; expected one of {', '.join(known)}{hint}")
    return level


def _formatter(wanted: str | None, where: str, *, name: str, colour: bool) -> logging.Formatter:
    """Return the formatter that the entry wants; Tornado's formatter looks itself whether there is a terminal."""
    if not wanted:
        # An access line is complete as it comes.
        return logging.Formatter("%(message)s") if name == ACCESS_LOGGER else LogFormatter(color=colour)
    if "%" in wanted:
        if re.search(_COLOURED, wanted):
            return LogFormatter(wanted, color=colour)
        try:
            return logging.Formatter(wanted)
        except ValueError as exc:
            raise ConfigError(f"{where}.formatter is {wanted!r}, no format for log lines: {exc}") from exc
    return _imported_formatter(wanted, where, colour=colour)


def _imported_formatter(dotted: str, where: str, *, colour: bool) -> logging.Formatter:
    if "." not in dotted:
        raise ConfigError(
            f"{where}.formatter is {dotted!r}; "
            "expected a format with %(message)s, or the dotted name of a logging.Formatter"
        )
    found = import_setting(f"{where}.formatter", dotted)
    if not (isinstance(found, type) and issubclass(found, logging.Formatter)):
        raise ConfigError(f"{where}.formatter: {dotted!r} is no subclass of logging.Formatter")
    try:
        return found(color=colour) if issubclass(found, LogFormatter) else found()
    except TypeError as exc:
        raise ConfigError(f"{where}.formatter: {dotted!r} cannot be made without arguments ({exc})") from exc


def _usable_handlers(plan: _Plan, unusable: dict[tuple[Path, str], list[str]]) -> Iterator[logging.Handler]:
    """Yield the handlers of *plan*; a file that cannot be used is added to *unusable*, by folder and reason."""
    to_stderr = plan.to_stderr
    if plan.file is not None:
        path = Path(plan.file.baseFilename)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError as exc:
            plan.file.close()
            unusable.setdefault((path.parent, exc.strerror or str(exc)), []).append(path.name)
            to_stderr = True
        else:
            yield plan.file
    if to_stderr:
        yield plan.stderr
