"""The installed apps: what the framework takes from each of them.

An app is a package with ``urls.py`` and, if it wants, ``models``, ``hooks.py``, ``templates/``, ``commands/``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tornadopy.exceptions import ConfigError, TornadopyError, UrlError
from tornadopy.routing import flatten, refuse_doubles
from tornadopy.utils.errors import describe_error
from tornadopy.utils.imports import import_user_module


def load_urls(apps: Iterable[str]) -> list[Any]:
    """Return the routes of *apps*, in the order of ``INSTALLED_APPS``.

    Raises:
        ConfigError: An app is missing, or has no ``urls.urls``.
        UrlError: Something in its ``urls`` is no route, or two routes share a name.
    """
    routes: list[Any] = []
    for index, app in enumerate(apps):
        routes += _app_urls(f"INSTALLED_APPS[{index}]", app)
    refuse_doubles(routes)
    return routes


def load_hooks(apps: Iterable[str], name: str) -> list[Callable[..., Any]]:
    """Return the function *name* of each app's ``hooks.py``, where there is one."""
    modules = (_submodule(app, "hooks") for app in apps)
    return [hook for module in modules if (hook := getattr(module, name, None)) is not None]


def load_models(apps: Iterable[str]) -> list[ModuleType]:
    """Import ``models`` of each app that has it, with the modules in it if it is a package.

    Returns:
        The modules, in the order of ``INSTALLED_APPS``.

    Raises:
        ConfigError: An app or its models cannot be imported.
    """
    from importlib.util import find_spec  # noqa: PLC0415 - only commands ask for models

    modules: list[ModuleType] = []
    for index, app in enumerate(apps):
        import_app(f"INSTALLED_APPS[{index}]", app)
        if find_spec(f"{app}.models") is not None:
            modules += _with_submodules(import_user_module(f"{app}.models"))
    return modules


def template_folders(apps: Iterable[str]) -> list[Path]:
    """Return the ``templates`` folder of each app that has one."""
    folders = []
    for index, app in enumerate(apps):
        package = import_app(f"INSTALLED_APPS[{index}]", app)
        places = getattr(package, "__path__", None) or [Path(str(package.__file__)).parent]
        folders += [folder for place in places if (folder := Path(place, "templates")).is_dir()]
    return folders


def import_app(path: str, app: str) -> ModuleType:
    """Import the package of *app*.

    Args:
        path: Where it is named, for the message.
        app: Its dotted name.

    Raises:
        ConfigError: There is no such app, or it cannot be imported.
    """
    package = _import(app)
    if package is None:
        raise ConfigError(
            f"{path}: there is no app {app!r} on the path; is its folder beside the settings package, and spelled so?"
        )
    return package


def _with_submodules(module: ModuleType) -> Iterator[ModuleType]:
    import pkgutil  # noqa: PLC0415 - only commands ask for models

    yield module
    for each in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}.", onerror=_complain):
        yield import_user_module(each.name)


def _complain(name: str) -> None:
    """Raise what `pkgutil` would pass over: a package that cannot be imported."""
    import_user_module(name)


def _app_urls(path: str, app: str) -> list[Any]:
    package = import_app(path, app)
    module = _submodule(app, "urls")
    if module is None:
        place = getattr(package, "__file__", None) or next(iter(getattr(package, "__path__", ())), app)
        raise ConfigError(
            f"{path}: the app {app!r} has no urls.py (looked beside {place}); write one with urls = route(…)"
        )
    urls = getattr(module, "urls", getattr(module, "URLS", None))
    if urls is None:
        raise ConfigError(f"{path}: {module.__file__} defines neither urls nor URLS; write urls = route(…)")
    if isinstance(urls, str) or not isinstance(urls, Iterable):
        raise UrlError(f"{module.__file__}: urls is no list of routes but {urls!r}")
    try:
        return list(flatten(urls))
    except UrlError as exc:
        raise UrlError(f"{module.__file__}: {exc}") from exc


def _submodule(app: str, name: str) -> ModuleType | None:
    """Import the module *name* of *app*, or return None if the app has none."""
    return _import(f"{app}.{name}")


def _import(name: str) -> ModuleType | None:
    """Import the module *name*, or return None if it, and not something that it imports, does not exist."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            return None
        raise ConfigError(f"cannot import {name}: {describe_error(exc)}") from exc
    except TornadopyError:
        raise
    except Exception as exc:
        raise ConfigError(f"cannot import {name}: {describe_error(exc)}") from exc
