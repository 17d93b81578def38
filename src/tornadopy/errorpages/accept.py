"""Which form of an error page a client wants, by its ``Accept`` header."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Format = Literal["html", "json", "text"]

# An item of the list ends at a comma that is not inside a quoted string; a lone quote is an ordinary character.
_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.)*+"|[^,])++')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')
_QUALITY = re.compile(r";\s*+q\s*+=\s*+([^;\s]++)", re.IGNORECASE)
_QVALUE = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?")
_MEDIA_RANGE = re.compile(r"\s*+([!#$%&'*+\-.^_`|~\w]++/[!#$%&'*+\-.^_`|~\w]++)\s*+(?:;|$)", re.ASCII)
_REMEMBERED_LENGTH = 512

_KINDS: dict[Format, tuple[str, ...]] = {
    "html": ("text/html", "application/xhtml+xml"),
    "json": ("application/json",),
    "text": ("text/plain",),
}
_WILDCARDS: dict[Format, tuple[str, str]] = {
    "html": ("text/*", "*/*"),
    "json": ("application/*", "*/*"),
    "text": ("text/*", "*/*"),
}


class _Range(NamedTuple):
    """One media range of the header."""

    name: str
    quality: float
    place: int


class _Match(NamedTuple):
    """How well a format fits; the greater the better."""

    quality: float
    precision: int
    earliness: int


def negotiate(accept: str) -> Format:
    """Return the form that a client prefers.

    HTML for browsers, for clients that take anything (``*/*``), that say nothing, or that take none of the three. JSON
    where ``application/json`` or a ``+json`` type is preferred, plain text where ``text/plain`` is. The greatest ``q``
    wins; among equals the type that the client names wins over a wildcard, the earlier over the later.

    Args:
        accept: The header's value; anything that is no media range in it is passed over.

    See RFC 9110, section 12.5.1.

    .. versionadded:: 2.0
    """
    ranges = list(_parse(accept))
    matches: dict[Format, _Match] = {each: _match(each, ranges) for each in _KINDS}
    best = max(matches, key=matches.__getitem__)
    return best if matches[best].quality > 0 else "html"


def accepted_types(accept: str) -> list[str]:
    """Return the media types that a client takes, the one that it likes best first.

    Args:
        accept: The value of its ``Accept`` header; anything that is no media range in it is passed over.

    .. versionadded:: 2.0
    """
    return list(_preferred(accept) if len(accept) <= _REMEMBERED_LENGTH else _preferred.__wrapped__(accept))


# PERF: a client sends the same header again and again (benchmarks/handlers.py, write_api).
@functools.lru_cache(maxsize=128)
def _preferred(accept: str) -> tuple[str, ...]:
    taken = [each for each in _parse(accept) if each.quality > 0]
    return tuple(each.name for each in sorted(taken, key=lambda each: -each.quality))


def _parse(accept: str) -> Iterator[_Range]:
    for place, item in enumerate(_ITEM.findall(accept)):
        name = _MEDIA_RANGE.match(item)
        quality = _QUALITY.search(_QUOTED.sub("", item))
        if name is None or (quality is not None and not _QVALUE.fullmatch(quality[1])):
            continue
        yield _Range(name[1].lower(), float(quality[1]) if quality else 1.0, place)


def _match(kind: Format, ranges: list[_Range]) -> _Match:
    """Return how well a format fits: the most precise range that covers it decides."""
    exact = [each for each in ranges if each.name in _KINDS[kind] or (kind == "json" and each.name.endswith("+json"))]
    if exact:
        best = max(exact, key=lambda each: (each.quality, -each.place))
        return _Match(best.quality, 2, -best.place)
    for wildcard in _WILDCARDS[kind]:
        found = next((each for each in ranges if each.name == wildcard), None)
        if found is not None:
            return _Match(found.quality, 1, -found.place)
    return _Match(0, 0, 0)
