"""The folder in which Mako and Jinja2 keep compiled templates.

What lies there is run as code. Hence the folder is made for its owner alone, and one in which everybody can write is
not used. A folder that cannot be used costs time, not pages: that is a warning in the log.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from tornadopy.exceptions import ConfigError

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
    if not isinstance(configured, str | Path):
        raise ConfigError(f"TEMPLATE_CONFIG['cache_directory']: {configured!r} is not a path")
    directory = Path(os.path.normpath(Path(project_path or ".").absolute() / configured))
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            mode = directory.stat().st_mode
    except OSError as exc:
        warn_without(directory, f"is not writable ({exc.strerror or exc})")
        return None
    # SECURITY: whoever can write a compiled template can run code in the server.
    if os.name == "posix" and mode & stat.S_IWOTH:
        warn_without(directory, "is writable for everybody, and its files are run as code; use chmod o-w")
        return None
    return directory


def warn_without(directory: Path, reason: str) -> None:
    """Say in the log that compiled templates are kept in memory alone."""
    log.warning(
        "TEMPLATE_CONFIG['cache_directory']: %s %s; compiled templates are kept in memory alone", directory, reason
    )
