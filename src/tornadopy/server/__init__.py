"""The HTTP server and what stands between it and the application.

`HTTPServer` is imported when it is first asked for: its parser, httptools, is optional.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tornadopy.exceptions import MissingExtraError

if TYPE_CHECKING:
    from tornadopy.server.http import HTTPServer

__all__ = ["HTTPServer"]


def __getattr__(name: str) -> Any:
    if name != "HTTPServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return importlib.import_module("tornadopy.server.http").HTTPServer
    except ModuleNotFoundError as exc:
        if exc.name != "httptools":
            raise
        raise MissingExtraError(
            "tornadopy.server.HTTPServer needs httptools; install tornadopy[fast], or set HTTP_SERVER to "
            "'tornado.httpserver.HTTPServer'"
        ) from exc
