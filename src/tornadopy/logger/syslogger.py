"""The logger that applications call: it sends each line to the logger of its kind.

Handlers, middlewares and users' code call this; it knows no file and no configuration. The attribute
``tornadopy.logger.syslogger`` is the instance, as in tornadopy 1.0; from this module of the same name, import by
``from tornadopy.logger.syslogger import SysLogger``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack

INFO_LOGGER = "tornadopy.infolog"
TRACE_LOGGER = "tornadopy.tracelog"
ACCESS_LOGGER = "tornadopy.accesslog"

_infolog = logging.getLogger(INFO_LOGGER)
_tracelog = logging.getLogger(TRACE_LOGGER)
_accesslog = logging.getLogger(ACCESS_LOGGER)

if TYPE_CHECKING:
    ExcInfo: TypeAlias = (
        bool
        | BaseException
        | tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None]
        | None
    )

    class LogOptions(TypedDict, total=False):
        """The keyword arguments of the methods of `logging.Logger`."""

        exc_info: ExcInfo
        stack_info: bool
        stacklevel: int
        extra: Mapping[str, object] | None


class SysLogger:
    """Sends lines to three loggers by their kind; its methods are called like those of `logging.Logger`.

    ========================================================= =======================
    ``debug``, ``info``                                       ``tornadopy.infolog``
    ``warning``, ``error``, ``exception``, ``critical``       ``tornadopy.tracelog``
    ``access``                                                ``tornadopy.accesslog``
    ========================================================= =======================

    .. versionadded:: 2.0
    """

    __slots__ = ()

    def debug(self, msg: object, *args: object, **options: Unpack[LogOptions]) -> None:
        """Log *msg* with the level DEBUG to ``tornadopy.infolog``."""
        _infolog.debug(msg, *args, **_seen_from_caller(options))

    def info(self, msg: object, *args: object, **options: Unpack[LogOptions]) -> None:
        """Log *msg* with the level INFO to ``tornadopy.infolog``."""
        _infolog.info(msg, *args, **_seen_from_caller(options))

    def warning(self, msg: object, *args: object, **options: Unpack[LogOptions]) -> None:
        """Log *msg* with the level WARNING to ``tornadopy.tracelog``."""
        _tracelog.warning(msg, *args, **_seen_from_caller(options))

    def error(self, msg: object, *args: object, **options: Unpack[LogOptions]) -> None:
        """Log *msg* with the level ERROR to ``tornadopy.tracelog``."""
        _tracelog.error(msg, *args, **_seen_from_caller(options))

    def exception(self, msg: object, *args: object, **options: Unpack[LogOptions]) -> None:
        """Log *msg* and the exception being handled with the level ERROR to ``tornadopy.tracelog``."""
        options.setdefault("exc_info", True)
        _tracelog.error(msg, *args, **_seen_from_caller(options))

    def critical(self, msg: object, *args: object, **options: Unpack[LogOptions]) -> None:
        """Log *msg* with the level CRITICAL to ``tornadopy.tracelog``."""
        _tracelog.critical(msg, *args, **_seen_from_caller(options))

    def access(self, msg: object, *args: object, **options: Unpack[LogOptions]) -> None:
        """Log *msg* with the level INFO to ``tornadopy.accesslog``."""
        _accesslog.info(msg, *args, **_seen_from_caller(options))


def _seen_from_caller(options: LogOptions) -> LogOptions:
    """Count one frame more, so that the line names the file of whoever called the `SysLogger`."""
    options["stacklevel"] = options.get("stacklevel", 1) + 1
    return options


syslogger = SysLogger()
"""The instance for everybody; it has no state."""
