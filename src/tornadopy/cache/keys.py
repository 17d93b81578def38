"""Keys: how the key of a user becomes that of the store, and which keys Memcached could not hold.

The backends call this; it knows none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tornadopy.exceptions import ConfigError
from tornadopy.utils.imports import import_setting

KeyFunction = Callable[[Any, str, int], str]
"""Makes the key of the store out of the user's key, ``KEY_PREFIX`` and the version."""

MAX_KEY_LENGTH = 250  # https://github.com/memcached/memcached/blob/master/doc/protocol.txt, "Keys"
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
_SHOWN = 80


def default_key_function(key: Any, key_prefix: str, version: int) -> str:
    """Return ``prefix:version:key``, as Django does.

    .. versionadded:: 2.0
    """
    return f"{key_prefix}:{version}:{key}"


def key_function(found: object) -> KeyFunction:
    """Return the function that ``KEY_FUNCTION`` means: a function, its dotted name, or None for the default one.

    Raises:
        ConfigError: It cannot be imported, or is no function.
    """
    if found is None:
        return default_key_function
    resolved = import_setting("KEY_FUNCTION", found) if isinstance(found, str) else found
    if not callable(resolved):
        raise ConfigError(f"KEY_FUNCTION: expected a function of key, prefix and version, or its name, got {found!r}")
    made: KeyFunction = resolved
    return made


def problems(key: str) -> Iterator[str]:
    """Yield, in words, why Memcached could not hold *key*; nothing if it could."""
    size = len(key) if key.isascii() else len(key.encode("utf-8", "surrogatepass"))
    if size > MAX_KEY_LENGTH:
        yield f"the cache key {_shown(key)} has {size} bytes; Memcached takes at most {MAX_KEY_LENGTH}"
    found = _FORBIDDEN.search(key)
    if found is not None:
        yield (f"the cache key {_shown(key)} holds {found[0]!r}; Memcached takes no space and no control character")


def _shown(key: str) -> str:
    return repr(key) if len(key) <= _SHOWN else f"{key[:_SHOWN]!r}..."
