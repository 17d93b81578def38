"""A cache that keeps nothing, for development.

Built by `tornadopy.cache.handler`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, CacheOptions, Timeout

__all__ = ["DummyCache"]


class DummyCache(BaseCache):
    """A cache in which nothing is ever found; it looks at keys as the others do.

    Args:
        location: Whatever the settings say.
        params: See `BaseCache`.

    .. versionadded:: 2.0
    """

    has_io: ClassVar[bool] = False
    option_types: ClassVar[Any] = CacheOptions

    def __init__(self, location: object, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.location = location

    def add(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:  # noqa: ARG002
        """Return True: the key was not there."""
        self.make_and_validate_key(key, version)
        return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return *default*."""
        self.make_and_validate_key(key, version)
        return default

    def set(self, key: Any, value: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> None:  # noqa: ARG002
        """Forget *value*."""
        self.make_and_validate_key(key, version)

    def touch(self, key: Any, timeout: Timeout = DEFAULT_TIMEOUT, version: int | None = None) -> bool:  # noqa: ARG002
        """Return False: the key is not there."""
        self.make_and_validate_key(key, version)
        return False

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Return False: the key was not there."""
        self.make_and_validate_key(key, version)
        return False

    def clear(self) -> None:
        """Find nothing to delete."""
