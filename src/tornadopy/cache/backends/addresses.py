"""Addresses of servers in ``LOCATION``: ``host:port``, alone and in lists.

The backends that talk to servers call this; what else a location may be is their affair.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from tornadopy.exceptions import ConfigError

HIGHEST_PORT = 65535
_HOST = re.compile(r"[^\s:/?#@\[\],;]+")
_PORT = re.compile(r"[0-9]{1,5}")


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, default_port: int) -> Address | None:
    """Return what ``host``, ``host:port``, ``[::1]:port`` or a bare IPv6 address means; None for anything else."""
    if _is_ipv6(text):
        return Address(text, default_port)
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not (closed and _is_ipv6(host)):
            return None
    else:
        host, colon, port = text.partition(":")
        rest = colon + port
        if not _HOST.fullmatch(host):
            return None
    if not rest:
        return Address(host, default_port)
    number = rest[1:]
    if rest[0] != ":" or not _PORT.fullmatch(number) or not 0 < int(number) <= HIGHEST_PORT:
        return None
    return Address(host, int(number))


def texts_of(location: object, expected: str) -> Sequence[str]:
    """Return the texts that ``LOCATION`` consists of: one, or those of a list.

    Args:
        location: What the settings say.
        expected: What they should say, for the message.

    Raises:
        ConfigError: It is no text and no list of texts, or it is empty.
    """
    texts = [location] if isinstance(location, str) else location
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"LOCATION: expected {expected}, or a list of them, got {type(location).__name__}")
    stripped = [text.strip() for text in texts]
    if not all(stripped) or not stripped:
        raise ConfigError(f"LOCATION: it is empty; name {expected}")
    return stripped


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
