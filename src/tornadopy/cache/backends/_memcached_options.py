"""``LOCATION`` and ``OPTIONS`` of `tornadopy.cache.backends.memcached.MemcachedCache`; no client is known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from tornadopy.cache.backends.addresses import Address, parse_address, texts_of
from tornadopy.cache.backends.base import CacheOptions
from tornadopy.cache.backends.health import DEFAULT_RETRY_AFTER
from tornadopy.conf.defaults import NotNegativeSeconds, Seconds
from tornadopy.exceptions import ConfigError

PORT = 11211
SOCKET_TIMEOUT = 2.0
_EXPECTED = "host:port, or unix:/path"


class MemcachedPool(TypedDict, total=False):
    """``OPTIONS.POOL_KWARGS`` of `MemcachedCache`: the times that a Redis cache has there, too."""

    socket_timeout: Seconds
    socket_connect_timeout: Seconds


class MemcachedOptions(CacheOptions, total=False):
    """``OPTIONS`` of `MemcachedCache`."""

    POOL_KWARGS: MemcachedPool
    PING_INTERVAL: NotNegativeSeconds | None  # seconds; 0 or None: no pings
    RETRY_AFTER: NotNegativeSeconds  # seconds for which a server that has failed is not asked


class Times(NamedTuple):
    """How long a server may take, in seconds."""

    connect: float
    answer: float
    retry_after: float


def read_location(location: object) -> list[Address | str]:
    """Return where the servers are: addresses, and paths of Unix sockets.

    Args:
        location: ``LOCATION``: a text, or a list of them; a text may hold several, separated by commas or semicolons.

    Raises:
        ConfigError: It cannot be read, or names a server twice.
    """
    texts = [piece for text in texts_of(location, _EXPECTED) for piece in text.replace(";", ",").split(",")]
    found = [_read_address(text.strip()) for text in texts]
    doubled = next((address for address in found if found.count(address) > 1), None)
    if doubled is not None:
        raise ConfigError(f"LOCATION: {doubled!s} is named twice; name each server once")
    return found


def _read_address(text: str) -> Address | str:
    path = text.removeprefix("unix:").removeprefix("//")
    if path.startswith("/"):
        return path
    address = parse_address(text, PORT)
    if address is None:
        raise ConfigError(f"LOCATION: {text!r}: expected {_EXPECTED}")
    return address


def read_times(options: Mapping[str, Any]) -> Times:
    """Return how long a server may take, as ``OPTIONS`` say."""
    pool: Mapping[str, float] = options.get("POOL_KWARGS", {})
    return Times(
        connect=pool.get("socket_connect_timeout", SOCKET_TIMEOUT),
        answer=pool.get("socket_timeout", SOCKET_TIMEOUT),
        retry_after=options.get("RETRY_AFTER", DEFAULT_RETRY_AFTER),
    )
