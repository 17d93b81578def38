"""The text of a request's head: the request line, and header fields that are parsed when somebody asks for them.

Called by `tornadopy.server.protocol`, which has llhttp look at the fields before anybody reads them here.
"""

from __future__ import annotations

import re
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine, _normalize_header

HEAD_END = b"\r\n\r\n"

_REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])")
_LINE_FEED_ALONE = re.compile(rb"(?<!\r)\n")


def parse_request_line(line: bytes) -> RequestStartLine:
    """Return method, target and version (RFC 9112 §3).

    Raises:
        HTTPInputError: It is malformed, or of another version than 1.0 and 1.1.
    """
    match = _REQUEST_LINE.fullmatch(line.decode("latin-1"))
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
    """Header fields as they came; they become a dictionary when `get` does not suffice.

    Args:
        fields: The lines of the fields, with the empty line that ends them, approved by llhttp.
    """

    def __init__(self, fields: bytes) -> None:  # no call of the inherited one: it would make the dictionaries
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        # PERF: called for what is not there yet; many requests are answered without a look at most of their headers.
        if name == "_lower":
            self._lower = b"\r\n" + self._fields.lower()
        elif name in {"_as_list", "_combined_cache"}:
            self._as_list = _parse_fields(self._fields)
            self._combined_cache = {}
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.__dict__[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a field; where it stands several times, all of them with commas between."""
        parsed = self.__dict__.get("_as_list")
        if parsed is None:
            found = self._find(name)
            if found is not _MANY:
                return default if found is None else found
            parsed = self._as_list
        values = parsed.get(_normalize_header(name))
        return default if values is None else ",".join(values)

    def _find(self, name: str) -> str | object | None:
        """Look a field up in the text; return its value, None if it is not there, or `_MANY` if it stands twice."""
        try:
            key = b"\r\n%b:" % name.lower().encode("ascii")
        except UnicodeEncodeError:
            return None  # no field has such a name
        lower = self._lower
        start = lower.find(key)
        if start < 0:
            return None
        if lower.find(key, start + 2) >= 0:
            return _MANY
        start += len(key) - 2
        return self._fields[start : self._fields.index(b"\r\n", start)].decode("latin-1").strip(" \t")


_MANY = object()


def _parse_fields(fields: bytes) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    for line in fields[:-4].decode("latin-1").split("\r\n"):
        if line:
            name, _, value = line.partition(":")
            name, value = _normalize_header(name), value.strip(" \t")
            if name in parsed:
                parsed[name].append(value)
            else:
                parsed[name] = [value]
    return parsed
