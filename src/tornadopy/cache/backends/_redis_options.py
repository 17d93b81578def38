"""``OPTIONS`` of the Redis backends, and what redis-py is told because of them.

`tornadopy.cache.backends._redis_clients` builds clients with it; it knows names and values, no connection.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tornadopy.cache.backends.base import CacheOptions
from tornadopy.cache.backends.health import DEFAULT_RETRY_AFTER
from tornadopy.conf.defaults import NotNegative, NotNegativeSeconds, Positive, Seconds
from tornadopy.conf.schema import check
from tornadopy.exceptions import ConfigError
from tornadopy.utils.imports import import_string

SOCKET_TIMEOUT = 2.0
MAX_CONNECTIONS = 50
PROTOCOL = 2  # RESP2 asks for no handshake, and redis-py returns the same as with RESP3

_POOL = {"socket_timeout": Seconds | None, "socket_connect_timeout": Seconds | None, "max_connections": Positive}

# The logger package lies beside this one; `tornadopy check` shows what is said here.
_log = logging.getLogger("tornadopy.tracelog")


class RedisOptions(CacheOptions, total=False):
    """``OPTIONS`` of `RedisCache` and `RedisClient`."""

    DB: NotNegative
    USERNAME: str | None
    PASSWORD: str | None
    PARSER_CLASS: Any  # a class or its dotted name
    POOL_KWARGS: dict[str, Any]  # of a connection of redis-py, and max_connections
    PING_INTERVAL: NotNegativeSeconds | None  # seconds; 0 or None: no pings
    RETRY_AFTER: NotNegativeSeconds  # seconds for which a replica that has failed is not asked


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What clients are built with.

    Attributes:
        keywords: What a connection is told, save for what the location says.
        parser: A parser of the user's own; None: that of redis-py.
        retry_after: Seconds for which a replica that has failed is not asked.
    """

    keywords: Mapping[str, Any] = field(repr=False)
    parser: type | None
    retry_after: float

    def parser_for(self, *, asynchronous: bool) -> type | None:
        """Return the user's own parser, if it is one for asynchronous connections, or for blocking ones."""
        if self.parser is None or _is_asynchronous(self.parser) != asynchronous:
            return None
        return self.parser


def read_options(options: Mapping[str, Any]) -> ClientOptions:
    """Return what ``OPTIONS`` say of the clients.

    Raises:
        ConfigError: ``PARSER_CLASS`` is no parser, or a time or a number in ``POOL_KWARGS`` is none.
    """
    pool: Mapping[str, Any] = options.get("POOL_KWARGS", {})
    for name, expected in _POOL.items():
        check(f"OPTIONS.POOL_KWARGS.{name}", pool.get(name, 1), expected)
    keywords = {"db": options.get("DB"), "username": options.get("USERNAME"), "password": options.get("PASSWORD")}
    return ClientOptions(
        {
            "socket_timeout": SOCKET_TIMEOUT,
            "socket_connect_timeout": SOCKET_TIMEOUT,
            "max_connections": MAX_CONNECTIONS,
            "protocol": PROTOCOL,
            **{name: value for name, value in keywords.items() if value is not None},
            **pool,
        },
        _find_parser(options.get("PARSER_CLASS")),
        options.get("RETRY_AFTER", DEFAULT_RETRY_AFTER),
    )


def _find_parser(value: Any) -> type | None:
    """Return the class that ``PARSER_CLASS`` means; None for the default of redis-py.

    The parsers of redis-py have changed their names more than once, and each of its clients chooses the right one
    itself: a name that it no longer has is left out, with a warning.
    """
    if value is None:
        return None
    found = _import_parser(value) if isinstance(value, str) else value
    if found is None:
        return None
    if not (isinstance(found, type) and callable(getattr(found, "read_response", None))):
        raise ConfigError(f"OPTIONS.PARSER_CLASS: {value!r} is no parser of redis-py; leave the option out")
    return None if found.__module__.partition(".")[0] == "redis" else found


def _import_parser(name: str) -> Any:
    try:
        return import_string(name)
    except ImportError as exc:
        if name.partition(".")[0] in {"redis", "hiredis"}:
            _log.warning("OPTIONS.PARSER_CLASS: redis-py has no %r any more, and uses its own default; remove it", name)
            return None
        raise ConfigError(f"OPTIONS.PARSER_CLASS: cannot import {name!r}: {exc}") from exc


def _is_asynchronous(parser: type) -> bool:
    return inspect.iscoroutinefunction(getattr(parser, "read_response", None))
