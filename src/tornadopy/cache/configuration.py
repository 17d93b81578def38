"""``CACHES``: what an entry means, and what is wrong with it.

`tornadopy.cache.handler` calls this. The shape of an entry is checked by the settings; what a backend makes of its
``OPTIONS`` is checked here, against what the backend says it takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornadopy.conf.defaults import Defaults
from tornadopy.conf.schema import check
from tornadopy.conf.values import thaw
from tornadopy.exceptions import ConfigError
from tornadopy.utils.imports import import_setting
from tornadopy.utils.suggest import nearest

if TYPE_CHECKING:
    from tornadopy.cache.backends.base import BaseCache

_BACKENDS = "tornadopy.cache.backends"
SHIPPED = (
    f"{_BACKENDS}.localcache.LocMemCache",
    f"{_BACKENDS}.filebased.FileBasedCache",
    f"{_BACKENDS}.memcached.MemcachedCache",
    f"{_BACKENDS}.rediscache.RedisCache",
    f"{_BACKENDS}.rediscache.RedisClient",
    f"{_BACKENDS}.dummy.DummyCache",
)
"""The backends that come with tornadopy."""


class CacheSettings:
    """The entries of ``CACHES``, by alias.

    Args:
        entries: ``CACHES``.
        project_path: Where relative paths start.
    """

    def __init__(self, entries: Mapping[str, Mapping[str, Any]], project_path: str) -> None:
        self._entries = entries
        self._project_path = project_path

    def __contains__(self, alias: object) -> bool:
        return alias in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def of_the_project(self) -> Iterator[str]:
        """Yield the aliases of the entries that are not the built-in ones."""
        yield from (alias for alias, entry in self._entries.items() if entry != Defaults.CACHES.get(alias))

    def read(self, alias: str) -> tuple[type[BaseCache], Any, dict[str, Any]]:
        """Return what the cache of that alias is built from: its class, its location, its parameters.

        Raises:
            ConfigError: There is no such alias, or its entry is wrong.
            MissingExtraError: The library of its backend is not installed.
        """
        path = f"CACHES[{alias!r}]"
        if alias not in self:
            raise ConfigError(self._unknown(alias))
        entry = self._entries[alias]
        backend = _find_backend(f"{path}.BACKEND", entry["BACKEND"])
        if backend.option_types is not None:
            check(f"{path}.OPTIONS", entry.get("OPTIONS", {}), backend.option_types)
        location = thaw(entry.get("LOCATION", ""))
        if backend.location_is_path:
            location = str(Path(self._project_path, _folder(f"{path}.LOCATION", location)))
        params = {key: value for key, value in thaw(entry).items() if key not in {"BACKEND", "LOCATION"}}
        return backend, location, params

    def build(self, alias: str) -> BaseCache:
        """Return a new cache for that alias; raises what `read` raises."""
        backend, location, params = self.read(alias)
        try:
            return backend(location, params)  # type: ignore[call-arg]  # a backend's own constructor
        except ConfigError as exc:
            raise ConfigError(f"CACHES[{alias!r}].{exc}") from exc

    def _unknown(self, alias: object) -> str:
        hint = nearest(str(alias), self)
        advice = f"did you mean {hint!r}?" if hint else f"CACHES has {', '.join(map(repr, self)) or 'none'}"
        return f"there is no cache {alias!r}; {advice}"


def _folder(path: str, location: Any) -> str:
    folder = os.fspath(location) if isinstance(location, os.PathLike) else location
    if not (isinstance(folder, str) and folder):
        raise ConfigError(f"{path}: expected the path of a folder, got {location!r}")
    return folder


def _find_backend(path: str, value: str | type) -> type[BaseCache]:
    from tornadopy.cache.backends.base import BaseCache  # noqa: PLC0415 - a site that uses no cache starts without

    found = _import_backend(path, value) if isinstance(value, str) else value
    if not (isinstance(found, type) and issubclass(found, BaseCache)):
        raise ConfigError(
            f"{path}: {value!r} is no cache backend; name a class that inherits {_BACKENDS}.base.BaseCache"
        )
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise ConfigError(f"{path}: {value!r} does not implement {', '.join(missing)}; a cache backend has to")
    return found


def _import_backend(path: str, name: str) -> object:
    try:
        return import_setting(path, name)
    except ConfigError as exc:
        hint = nearest(name, SHIPPED)
        if hint is None or hint in str(exc):
            raise
        raise ConfigError(f"{exc}; did you mean {hint!r}?") from exc
