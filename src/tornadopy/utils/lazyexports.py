"""The public names of a package, imported from the modules that define them when they are first used.

Packages call it whose import has to cost nothing: the package itself, and rooms of which most sites need a part.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of *package*, see PEP 562.

    ::

        __getattr__ = lazy_exports(__name__, {"Session": "tornadopy.sessions.session"})

    Args:
        package: The dotted name of the package.
        homes: Its public names, each with the module that defines it.

    .. versionadded:: 2.0
    """

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
