"""tornadopy: a Django-like, batteries-included web framework on Tornado.

The public names live in their own modules and are imported when they are first used, so that
``import tornadopy`` costs nothing. Nothing inside the package imports from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornadopy.utils.lazyexports import lazy_exports
from tornadopy.version import __version__

if TYPE_CHECKING:
    from tornadopy.application import Application
    from tornadopy.conf import Settings, settings
    from tornadopy.context import request_context
    from tornadopy.routing import Url, include, route
    from tornadopy.utils.functional import cached_property, lazyimport
    from tornadopy.utils.storage import storage
    from tornadopy.utils.text import safestr, safeunicode
    from tornadopy.utils.timing import sleep
    from tornadopy.webserver import Server, run

_HOMES = {
    "Application": "tornadopy.application",
    "Settings": "tornadopy.conf",
    "settings": "tornadopy.conf",
    "request_context": "tornadopy.context",
    "Url": "tornadopy.routing",
    "include": "tornadopy.routing",
    "route": "tornadopy.routing",
    "cached_property": "tornadopy.utils.functional",
    "lazyimport": "tornadopy.utils.functional",
    "storage": "tornadopy.utils.storage",
    "safestr": "tornadopy.utils.text",
    "safeunicode": "tornadopy.utils.text",
    "sleep": "tornadopy.utils.timing",
    "Server": "tornadopy.webserver",
    "run": "tornadopy.webserver",
}

__all__ = [
    "Application",
    "Server",
    "Settings",
    "Url",
    "__version__",
    "cached_property",
    "include",
    "lazyimport",
    "request_context",
    "route",
    "run",
    "safestr",
    "safeunicode",
    "settings",
    "sleep",
    "storage",
]

__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
