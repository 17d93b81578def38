"""Whether an expression of ``ROUTE_MODULES`` matches the paths of a route: both are regular expressions.

Used by the commands ``routes`` and ``check``. Only the plain text with which both begin is compared: where that
decides nothing, nothing is said.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"(?:[\w/~@:%,;=!\"'#<> -]|\\[^\w])*")
_PLAIN_GROUP = re.compile(r"\((?:\?:|\?P<\w+>)?((?:[\w/~@:%,;=!\"'#<> -]|\\[^\w])*)\)(?![?*+{])")
_REST = re.compile(r"(?:\.\*\$?)?")
_QUANTIFIERS = ("?", "*", "{")


def paths_of(pattern: str) -> tuple[str, ...]:
    """Return the paths that a route's *pattern* matches, if they are one or two; else nothing."""
    text = _PLAIN_GROUP.sub(r"\1", pattern.removeprefix("^").removesuffix("$"))
    optional_slash = text.endswith("/?")
    text = text.removesuffix("/?")
    if not _PLAIN.fullmatch(text):
        return ()
    path = _unescape(text)
    return (path or "/", f"{path}/") if optional_slash else (path,)


def matches(expression: str, pattern: str) -> bool | None:
    """Whether *expression*, sought in the paths that a route's *pattern* matches, is found.

    Returns:
        True for all of these paths, False for none of them, None for some or if it cannot be told.
    """
    found = {re.search(expression, path) is not None for path in paths_of(pattern)}
    if found:
        return found.pop() if len(found) == 1 else None
    if not expression.startswith("^"):
        return None
    wanted, rest = _beginning(expression)
    offered, _ = _beginning(pattern)
    if offered.startswith(wanted):
        return True if _REST.fullmatch(rest) else None
    return None if wanted.startswith(offered) else False


def _beginning(expression: str) -> tuple[str, str]:
    """Return the text with which every match begins, and the rest of the expression."""
    text = _PLAIN_GROUP.sub(r"\1", expression.removeprefix("^"))
    if "|" in text:
        return "", text
    found = _PLAIN.match(text)
    plain = found[0] if found else ""
    if text[len(plain) :].startswith(_QUANTIFIERS):  # they belong to the last character
        plain = re.sub(r"\\?.\Z", "", plain)
    return _unescape(plain), text[len(plain) :]


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
