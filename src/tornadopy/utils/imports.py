"""Import an object by its dotted name, and say precisely why that failed.

Settings name middlewares, handlers, template engines and the like by such names; whoever reads them adds to the
error which setting it was.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from tornadopy.exceptions import ConfigError, TornadopyError
from tornadopy.utils.errors import describe_error
from tornadopy.utils.suggest import nearest


def import_string(dotted: str) -> Any:
    """Import the object that *dotted* names.

    As many leading parts as possible are imported as modules, the others are attributes; the last part may be
    either, the attribute winning.

    Args:
        dotted: ``package.module.attribute``; the attribute may be nested, as in ``package.module.Class.method``.

    Raises:
        ImportError: A module or an attribute does not exist; the message says which. An error that an existing
            module raises while it is imported comes out unchanged, whatever its type.

    .. versionadded:: 2.0
    """
    parts = dotted.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ImportError(f"{dotted!r} is not a dotted name of the form 'package.module.attribute'")
    found, depth = _import_modules(parts, dotted)
    for index in range(depth, len(parts)):
        found = _get(found, parts[index], ".".join(parts[:index]), dotted)
    return found


def import_setting(path: str, dotted: str) -> Any:
    """Import the object that the setting at *path* names.

    Args:
        path: The setting with its keys, such as ``TORNADO_CONF['default_handler_class']``.
        dotted: The dotted name.

    Raises:
        ConfigError: It cannot be imported; the message names the setting and the cause.

    .. versionadded:: 2.0
    """
    try:
        return import_string(dotted)
    except TornadopyError:
        raise
    except ImportError as exc:
        raise ConfigError(f"{path}: cannot import {dotted!r}: {exc}") from exc
    except Exception as exc:
        raise ConfigError(f"{path}: cannot import {dotted!r}: {describe_error(exc)}") from exc


def import_user_module(name: str, kind: str = "") -> ModuleType:
    """Import a module of the user's project.

    Args:
        name: Its dotted name.
        kind: What it is, for the message.

    Raises:
        ConfigError: It cannot be imported; the message gives the cause and its place.

    .. versionadded:: 2.0
    """
    try:
        return importlib.import_module(name)
    except TornadopyError:
        raise
    except Exception as exc:
        raise ConfigError(f"cannot import {kind}{' ' if kind else ''}{name}: {describe_error(exc)}") from exc


def _import_modules(parts: list[str], dotted: str) -> tuple[Any, int]:
    """Import the leading modules; return the innermost and the number of parts it takes."""
    module = _import_module(parts[0])
    if module is None:
        raise ImportError(f"there is no module {parts[0]!r} (for {dotted!r}); is its folder on the path?")
    for depth in range(2, len(parts)):
        inner = _import_module(".".join(parts[:depth]))
        if inner is None:
            return module, depth - 1
        module = inner
    return module, len(parts) - 1


def _import_module(name: str) -> ModuleType | None:
    """Import the module *name*; None if it, and not something that it imports, does not exist."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name != name:
            raise
        return None


def _get(owner: Any, name: str, owner_name: str, dotted: str) -> Any:
    """Return the attribute or the submodule *name* of *owner*."""
    try:
        return getattr(owner, name)
    except AttributeError:
        is_module = isinstance(owner, ModuleType)
        submodule = _import_module(f"{owner_name}.{name}") if is_module else None
        if submodule is not None:
            return submodule
        kind = "module" if is_module else "object"
        guess = nearest(name, dir(owner))
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise ImportError(f"{kind} {owner_name!r} has no attribute {name!r} (for {dotted!r}){hint}") from None
