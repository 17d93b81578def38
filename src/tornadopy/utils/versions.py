"""What runs here, for banners and the debug page."""

from __future__ import annotations

import sys

import tornado

from tornadopy.version import __version__


def versions() -> dict[str, str]:
    """Return the names and versions of tornadopy and of what it stands on."""
    return {"tornadopy": __version__, "Tornado": tornado.version, "Python": sys.version.split()[0]}
