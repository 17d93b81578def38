"""The text of a request's head: the request line, and header fields that are parsed when somebody asks for them.

Called by `tornadopy.server.protocol`, which has llhttp look at the fields before anybody else reads them here.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine, _normalize_header

HEAD_END = b"\r\n\r\n"

HOST = "\r\nhost:"
_FORM = "form-"  # the types of both kinds of forms have it
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_VERSIONS = frozenset({"HTTP/1.0", "HTTP/1.1"})
_REQUEST_LINE = r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])"
_LENGTH = re.compile(r"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n")


def parse_request_line(line: bytes) -> RequestStartLine:
    """Return method, target and version (RFC 9112 §3).

    Raises:
        HTTPInputError: It is malformed, or of another version than 1.0 and 1.1.
    """
    text = line.decode("latin-1")
    # PERF: the usual line in a third of the time that the expression takes (benchmarks/http_server.py).
    parts = text.split(" ")
    if len(parts) == 3:
        method, target, version = parts
        if version in _VERSIONS and method in _METHODS and target and text.isascii() and text.isprintable():
            return tuple.__new__(RequestStartLine, parts)
    match = re.fullmatch(_REQUEST_LINE, text)
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
    before = max(0, start - 1)  # a carriage return there belongs to a line feed that has just come
    if received.count(b"\n", start) != received.count(b"\r\n", before):
        raise HTTPInputError("a line ends without a carriage return")


class RequestHeaders(HTTPHeaders):
    """Header fields as they came; they become a dictionary when more is asked than the value of one.

    Args:
        fields: The lines of the fields, from the end of the request line to the empty line; llhttp approves them
            before they are handed on.

    Attributes:
        is_plain: Whether it is known that there is no form, and no condition that an ETag could meet, and that nobody
            can have changed anything; if not, nothing is said.
    """

    def __init__(self, fields: bytes) -> None:  # no call of the inherited one: it would make the dictionaries
        self._fields = text = fields.decode("latin-1")
        self._lower = text.lower()
        self._parsed: dict[str, list[str]] | None = None
        self.is_plain = False

    @functools.cached_property
    def _combined_cache(self) -> dict[str, str]:  # type: ignore[override]  # made when it is first asked for
        return {}

    @property
    def _as_list(self) -> dict[str, list[str]]:  # type: ignore[override]  # made when it is first asked for
        if self._parsed is None:
            self._parsed = _parse_fields(self._fields)
            self.is_plain = False  # whoever has the lists may change them
        return self._parsed

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a field; where it stands several times, all of them with commas between."""
        if self._parsed is None:
            key = _key(name)
            before, found, rest = self._lower.partition(key)
            if not found:
                return default
            if key not in rest:  # it stands there once
                start = len(before) + len(key)
                fields = self._fields
                return fields[start : fields.index("\r\n", start)].strip(" \t")
        values = self._as_list.get(_normalize_header(name))
        return default if values is None else ",".join(values)

    def __getitem__(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise KeyError(_normalize_header(name))
        return str(found)

    def __contains__(self, name: object) -> bool:
        return _key(name) in self._lower if self._parsed is None else super().__contains__(name)

    def have(self, key: str) -> bool:
        """Return whether there is a field that begins with *key*: its name in lower case, between line break and colon.

        PERF: for who reads the head itself; "in" takes three times as long. Nobody may have changed it yet.
        """
        return key in self._lower

    def plain_content_length(self) -> int:
        """Return the first ``Content-Length`` that is a plain number of at most nine digits; 0 without one.

        NOTE: llhttp refuses a second one, and whatever else is not a number.
        """
        found = _LENGTH.search(self._lower)
        return 0 if found is None else int(found[1])

    def repeat_host(self, host_line: str) -> bool:
        """Return whether *host_line* comes first, and no other ``Host``; set `is_plain` if so."""
        if not self._fields.startswith(host_line):
            return False
        lower = self._lower
        self.is_plain = self._parsed is None and _FORM not in lower and "\r\nif-none-match:" not in lower
        return HOST not in lower[len(host_line) - 2 :]

    def host_line(self) -> str:
        """Return the field ``Host`` with the line breaks before and after it, if it is the first; else nothing."""
        fields = self._fields
        return fields[: fields.index("\r\n", 2) + 2] if self._lower.startswith(HOST) else ""


@functools.lru_cache(maxsize=256)
def _key(name: object) -> str:
    """Return what a field of that name begins with, after the line before it."""
    # No field has a name with a colon or a letter beyond ASCII, and no head two line feeds in a row.
    if not isinstance(name, str) or ":" in name or not name.isascii():
        return "\n\n"
    return f"\r\n{name.lower()}:"


def _parse_fields(fields: str) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    for line in fields[2:-4].split("\r\n"):
        if line:
            name, _, value = line.partition(":")
            name, value = _normalize_header(name), value.strip(" \t")
            if name in parsed:
                parsed[name].append(value)
            else:
                parsed[name] = [value]
    return parsed
