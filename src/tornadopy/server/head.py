"""The text of a request's head: the request line, and header fields that are parsed when somebody asks for them.

Called by `tornadopy.server.protocol`, which has llhttp look at the fields before anybody reads them here.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine, _normalize_header

HEAD_END = b"\r\n\r\n"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_VERSIONS = frozenset({"HTTP/1.1", "HTTP/1.0"})
_REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])")
_LINE_FEED_ALONE = re.compile(rb"(?<!\r)\n")


def parse_request_line(line: bytes) -> RequestStartLine:
    """Return method, target and version (RFC 9112 §3).

    Raises:
        HTTPInputError: It is malformed, or of another version than 1.0 and 1.1.
    """
    text = line.decode("latin-1")
    parts = text.split(" ")
    # PERF: the usual line in a third of the time that the expression takes (benchmarks/http_server.py).
    if len(parts) == 3 and parts[0] in _METHODS and parts[2] in _VERSIONS:
        target = parts[1]
        if target and target.isascii() and target.isprintable():
            return tuple.__new__(RequestStartLine, parts)
    match = _REQUEST_LINE.fullmatch(text)
    if match is None:
        raise HTTPInputError("Malformed HTTP request line")
    return RequestStartLine(*match.groups())


def refuse_bare_line_feed(received: bytes, start: int) -> None:
    """Refuse a head that has not come whole, if it has a line feed without a carriage return before it.

    Such a head might never come to an end that counts as one.

    Args:
        received: What has come of it.
        start: Where to begin to look.

    Raises:
        HTTPInputError: It has one.
    """
    if _LINE_FEED_ALONE.search(received, start) is not None:
        raise HTTPInputError("a line ends without a carriage return")


class RequestHeaders(HTTPHeaders):
    """Header fields as they came; they become a dictionary when more is asked than the value of one.

    Args:
        fields: The lines of the fields, approved by llhttp: from the end of the request line to the empty line.
    """

    def __init__(self, fields: bytes) -> None:  # no call of the inherited one: it would make the dictionaries
        self._fields = fields
        self._lower = fields.lower()

    def __getattr__(self, name: str) -> Any:
        # PERF: called for what is not there yet; many requests are answered without a look at most of their headers.
        if name not in {"_as_list", "_combined_cache"}:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._as_list = _parse_fields(self._fields)
        self._combined_cache = {}
        return self.__dict__[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a field; where it stands several times, all of them with commas between."""
        if "_as_list" not in self.__dict__:
            found = self._find(_key(name))
            if found is not _MANY:
                return default if found is None else found
        values = self._as_list.get(_normalize_header(name))
        return default if values is None else ",".join(values)

    def __getitem__(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise KeyError(_normalize_header(name))
        return str(found)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or "_as_list" in self.__dict__:
            return super().__contains__(name)
        return _key(name) in self._lower

    def _find(self, key: bytes) -> str | object | None:
        """Look a field up in the text; return its value, None if it is not there, or `_MANY` if it stands twice."""
        start = self._lower.find(key)
        if start < 0:
            return None
        start += len(key)
        if self._lower.find(key, start - 2) >= 0:
            return _MANY
        return self._fields[start : self._fields.index(b"\r\n", start)].decode("latin-1").strip(" \t")


_MANY = object()


@functools.lru_cache(maxsize=256)
def _key(name: str) -> bytes:
    """Return what a field of that name begins with, after the line before it."""
    # No field has a name with a question mark or a colon, and no head two line feeds in a row.
    return b"\r\n%b:" % name.lower().encode("ascii", "replace") if ":" not in name else b"\n\n"


def _parse_fields(fields: bytes) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    for line in fields[2:-4].decode("latin-1").split("\r\n"):
        if line:
            name, _, value = line.partition(":")
            name, value = _normalize_header(name), value.strip(" \t")
            if name in parsed:
                parsed[name].append(value)
            else:
                parsed[name] = [value]
    return parsed
