"""The headers of a response: lines that go out as they are, or Tornado's lists of values once more is asked of them.

Used by `tornadopy.lifecycle.lean` and `response`. The server adds who answers, and when.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import Any

from tornado.httputil import HTTPHeaders, _normalize_header, format_timestamp

from tornadopy.utils.headerlines import SERVER, line, value_of

_STAMPED = frozenset({"Server", "Date"})  # the server adds them to the lines


class ListedHeaders:
    """The attribute ``_headers`` of a handler: Tornado's headers, made of its lines when somebody asks for them.

    PERF: as long as each header has one plain value, lines cost a third of what the lists do (benchmarks/handlers.py).
    """

    def __get__(self, handler: Any, _owner: type) -> HTTPHeaders:
        lines: Mapping[str, str] | None = handler._lines
        if lines is not None:
            handler._lines = None
            handler._listed = _listed(lines)
        headers: HTTPHeaders = handler._listed
        return headers

    def __set__(self, handler: Any, headers: HTTPHeaders) -> None:
        handler._lines = None
        handler._listed = headers


def plain_line(name: str, value: str) -> tuple[str, str] | None:
    """Return the header's name as `HTTPHeaders` spells it, and its line.

    Returns:
        None if the server adds this one, or name or value are not made of printable ASCII.
    """
    plain = _normalize_header(name)
    if plain in _STAMPED or not (f"{plain}{value}".isascii() and f"{plain}{value}".isprintable()):
        return None
    return plain, line(plain, value)


known_line = functools.lru_cache(maxsize=512)(plain_line)
"""Do what `plain_line` does, for values that come again. PERF: most are written in the program."""


def header_of(handler: Any, name: str) -> str | None:
    """Return the value of a header of the response, whose name is spelled as `HTTPHeaders` does; None without one."""
    lines: Mapping[str, str] | None = handler._lines
    if lines is None:
        value: str | None = handler._headers.get(name)
        return value
    sent = lines.get(name)
    return None if sent is None else value_of(name, sent)


def _listed(lines: Mapping[str, str]) -> HTTPHeaders:
    headers = HTTPHeaders({"Server": SERVER, "Date": format_timestamp(time.time())})
    for name, sent in lines.items():
        headers[name] = value_of(name, sent)
    return headers
