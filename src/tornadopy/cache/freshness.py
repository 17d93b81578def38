"""The headers of a response that say how long it may be kept, by whom, and what it depends on.

`tornadopy.cache.pages` reads and completes them, as Django does and RFC 9111 says.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from email.utils import formatdate

from tornadopy.types import PageHandler

NOT_SHARED = frozenset({"private", "no-cache", "no-store"})


def parse_cache_control(value: str) -> dict[str, str | None]:
    """Return the directives of a ``Cache-Control`` header by their names in lower case; None: without a value."""
    directives: dict[str, str | None] = {}
    for part in value.split(","):
        name, sign, argument = part.strip().partition("=")
        if name:
            directives[name.strip().lower()] = argument.strip() if sign else None
    return directives


def parse_names(values: Iterable[str]) -> list[str]:
    """Return the names in the values of ``Vary`` headers, each once, as they are spelled there."""
    found: dict[str, str] = {}
    for value in values:
        for name in value.split(","):
            if name.strip():
                found.setdefault(name.strip().lower(), name.strip())
    return list(found.values())


def set_freshness(handler: PageHandler, seconds: float) -> None:
    """Set ``Expires``, unless it is set, and ``max-age`` in ``Cache-Control``, unless it is less already."""
    seconds = int(seconds)
    headers = handler._headers
    if "Expires" not in headers:
        handler.set_header("Expires", formatdate(time.time() + seconds, usegmt=True))
    directives = parse_cache_control(headers.get("Cache-Control", ""))
    age = directives.get("max-age") or ""
    directives["max-age"] = str(min(int(age), seconds) if age.isascii() and age.isdigit() else seconds)
    handler.set_header("Cache-Control", _cache_control(directives))


def set_vary(handler: PageHandler, names: Iterable[str]) -> list[str]:
    """Add *names* to the ``Vary`` header; return all that it has then."""
    present = handler._headers.get_list("Vary")
    found = parse_names([*present, *names])
    if found and found != parse_names(present):
        handler.set_header("Vary", ", ".join(found))
    return found


def _cache_control(directives: Mapping[str, str | None]) -> str:
    return ", ".join(name if value is None else f"{name}={value}" for name, value in directives.items())
