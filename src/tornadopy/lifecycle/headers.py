"""The headers of a response, which become lists of values when more is asked of them than a plain value each.

Made by `tornadopy.lifecycle.lean`; the server puts together what is plain without asking for lists.
"""

from __future__ import annotations

import functools
from typing import Any

import tornado
from tornado.httputil import HTTPHeaders, _normalize_header, format_timestamp

_SERVER = f"TornadoServer/{tornado.version}"
_STAMPED = frozenset({"Server", "Date"})


class ResponseHeaders(HTTPHeaders):
    """Tornado's headers; as long as each has one plain value, they are kept as they go out.

    PERF: saves two thirds of what lists of values cost to make and to encode (benchmarks/handlers.py).

    Args:
        content_type: The value of ``Content-Type``.
        second: When the response begins, in seconds since the epoch.

    Attributes:
        plain: The values but for ``Server`` and ``Date``; None once there are lists.
        stamp: The lines of these two, with the line breaks around them.
    """

    def __init__(self, content_type: str, second: int) -> None:  # no call of the inherited one: it makes the lists
        self.plain: dict[str, str] | None = {"Content-Type": content_type}
        self._second = second
        self.stamp = _stamp(second)

    @property
    def _as_list(self) -> dict[str, list[str]]:  # type: ignore[override]  # made when somebody asks for it
        if self.plain is not None:
            plain, self.plain = self.plain, None
            self._lists = {"Server": [_SERVER], "Date": [format_timestamp(self._second)]}
            self._lists.update((name, [value]) for name, value in plain.items())
            self._combined: dict[str, str] = {}
        return self._lists

    @property
    def _combined_cache(self) -> dict[str, str]:  # type: ignore[override]
        self._as_list  # noqa: B018  # both are made at once
        return self._combined

    def put(self, name: str, value: str) -> None:
        """Set a header.

        Args:
            name: Its name.
            value: Printable ASCII.
        """
        plain = self.plain
        plain_name = _plain_name(name)
        if plain is None or plain_name is None:
            self[name] = value
        else:
            plain[plain_name] = value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a header."""
        if self.plain is not None and name in self.plain:
            return self.plain[name]
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        if self.plain is None or not isinstance(name, str):
            return super().__contains__(name)
        name = _normalize_header(name)
        return name in self.plain or name in _STAMPED


@functools.lru_cache(maxsize=256)
def _plain_name(name: str) -> str | None:
    """Return *name* as `HTTPHeaders` spells it; None if it is one of those that are kept apart, or no name."""
    plain = _normalize_header(name)
    return plain if plain.isascii() and plain.isprintable() and plain not in _STAMPED else None


@functools.lru_cache(maxsize=2)
def _stamp(second: int) -> str:
    return f"\r\nServer: {_SERVER}\r\nDate: {format_timestamp(second)}\r\n"
