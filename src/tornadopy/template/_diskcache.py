"""The folder in which Mako and Jinja2 keep compiled templates.

What lies there is run as code. Hence the folder is made for its owner alone; one that belongs to another user, or in
which everybody can write, is not used, and one in which its group can write is a warning. A folder that cannot be used
costs time, not pages: that is a warning in the log.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from tornadopy.exceptions import ConfigError

_SETTING = "TEMPLATE_CONFIG['cache_directory']"

log = logging.getLogger("tornadopy.tracelog")


def usable_directory(configured: Any, project_path: Path | None) -> Path | None:
    """Return the folder for compiled templates, created when missing.

    Args:
        configured: ``TEMPLATE_CONFIG['cache_directory']``; None or an empty string for no folder.
        project_path: What a relative path is relative to; None for the working directory.

    Returns:
        An absolute path, or None if there is to be no folder or it cannot be used.

    Raises:
        ConfigError: *configured* is not a path.
    """
    if configured is None or configured == "":
        return None
    if not isinstance(configured, str | os.PathLike):
        raise ConfigError(f"{_SETTING}: {configured!r} is not a path")
    directory = Path(os.path.normpath(Path(project_path or ".").absolute() / configured))
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            status = directory.stat()
    except OSError as exc:
        warn_without(directory, f"is not writable ({exc.strerror or exc})")
        return None
    # SECURITY: whoever can write a compiled template can run code in the server.
    reason = _danger(status) if os.name == "posix" else None
    if reason is not None:
        warn_without(directory, reason)
        return None
    if os.name == "posix" and status.st_mode & stat.S_IWGRP:
        log.warning(
            "%s: %s is writable for its group, and its files are run as code; use chmod g-w", _SETTING, directory
        )
    return directory


def _danger(status: os.stat_result) -> str | None:
    """Return why the files of a folder must not be run, if that is so."""
    if status.st_mode & stat.S_IWOTH:
        return "is writable for everybody, and its files are run as code; use chmod o-w"
    if status.st_uid not in {0, os.geteuid()}:
        return "belongs to another user, and its files are run as code; name a folder of the server's own user"
    return None


def warn_without(directory: Path, reason: str) -> None:
    """Say in the log that compiled templates are kept in memory alone."""
    log.warning("%s: %s %s; compiled templates are kept in memory alone", _SETTING, directory, reason)
