"""Logging: the loggers of tornadopy, their configuration, and files shared by several processes."""

from __future__ import annotations

from tornadopy.logger.handlers import ProcessLogTimedFileHandler
from tornadopy.logger.syslogger import SysLogger, syslogger

__all__ = ["ProcessLogTimedFileHandler", "SysLogger", "syslogger"]
