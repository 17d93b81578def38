"""What the middlewares of sessions and of tokens have in common: a cache that a setting names, and a secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from tornadopy.conf.security import missing_secret
from tornadopy.exceptions import ConfigError

if TYPE_CHECKING:
    from tornadopy.application import Application
    from tornadopy.cache.backends.base import BaseCache


def find_cache(application: Application, group: str, key: str) -> BaseCache:
    """Return the cache whose alias stands under *key* of *group*, a group of the settings.

    Raises:
        ConfigError: There is none, or its settings are wrong; the message names the key.
    """
    alias = getattr(application.conf, group)[key]
    caches = application.caches
    if alias not in caches:
        known = ", ".join(map(repr, caches)) or "none"
        raise ConfigError(f"{group}.{key}: CACHES has no cache {alias!r}, it has {known}; name one of them, or add it")
    cache = caches[alias]
    if not hasattr(cache, "update"):
        name = type(cache).__name__
        raise ConfigError(f"{group}.{key}: {alias!r} is a {name}, which keeps no values; make it a RedisCache")
    return cache


def refuse_without_secret(group: str) -> Callable[[object], NoReturn]:
    """Return what is called in the place of a function that would need the secret of *group*."""

    def refuse(_handler: object) -> NoReturn:
        raise ConfigError(missing_secret(group))

    return refuse
