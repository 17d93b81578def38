"""The HTTP server and what stands between it and the application.

`HTTPServer` is imported when it is first asked for: a process that serves with another pays nothing for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tornadopy.server.http import HTTPServer

__all__ = ["HTTPServer"]


def __getattr__(name: str) -> Any:
    if name != "HTTPServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("tornadopy.server.http").HTTPServer
