"""Whether an expression of ``ROUTE_MODULES`` may match the paths of a route: both are regular expressions.

Used by the commands ``routes`` and ``check``. The answer looks at the literal beginning of both; where that decides
nothing, it is yes.
"""

from __future__ import annotations

import re

_LITERAL = re.compile(r"(?:[\w/~@:%,;=!\"'#<> -]|\\[^\w])*")
_QUANTIFIERS = ("?", "*", "{")


def literal_path(pattern: str) -> str | None:
    """Return the one path that a route's *pattern* matches, or None if it matches several."""
    text = pattern.removeprefix("^").removesuffix("$")
    return re.sub(r"\\(.)", r"\1", text) if _LITERAL.fullmatch(text) else None


def literal_prefix(pattern: str) -> str:
    """Return the text with which every match of *pattern* begins."""
    text = pattern.removeprefix("^")
    if "|" in text:
        return ""
    found = _LITERAL.match(text)
    prefix = found[0] if found else ""
    if text[len(prefix) :].startswith(_QUANTIFIERS):
        prefix = re.sub(r"\\?.\Z", "", prefix)
    return re.sub(r"\\(.)", r"\1", prefix)


def may_match(expression: str, pattern: str) -> bool:
    """Whether *expression*, sought in a path, may be found in one that the route's *pattern* matches."""
    path = literal_path(pattern)
    if path is not None:
        return re.search(expression, path) is not None
    if not expression.startswith("^"):
        return True
    wanted, offered = literal_prefix(expression), literal_prefix(pattern)
    return wanted.startswith(offered) or offered.startswith(wanted)
