"""What can be told of a regular expression from its text alone."""

from __future__ import annotations

import re

_PIECE = r"(?s)\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|."  # an escape, a set of characters, or a character
_CHARACTERS = r"((?:(?:[^\\.^$*+?{}\[\]|()]|\\[^\w\s])(?![?*+{]))*)"
_LITERALS = re.compile(_CHARACTERS)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def literal_of(pattern: re.Pattern[str]) -> tuple[str, str]:
    """Return what every text that *pattern* matches from its beginning begins with, as far as its text tells.

    Returns:
        These characters, and what follows them in the expression.

    .. versionadded:: 2.0
    """
    text = pattern.pattern
    found = _LITERALS.match(text, 1 if text.startswith("^") else 0)
    if found is None or pattern.flags != re.UNICODE or len(alternatives(text)) > 1:
        return "", text
    return _ESCAPE.sub(r"\1", found[1]), text[found.end() :]


def literal_group(rest: str) -> str | None:
    """Return what the group matches that *rest*, of `literal_of`, consists of; None unless it is one text.

    .. versionadded:: 2.0
    """
    if not (rest.startswith("(") and rest.endswith(")$")):
        return None
    inside = rest[1:-2]
    inside = inside.partition(">")[2] if inside.startswith("?P<") else inside.removeprefix("?:")
    found = _LITERALS.fullmatch(inside)
    return None if found is None else _ESCAPE.sub(r"\1", found[1])


def alternatives(pattern: str) -> list[str]:
    """Return the alternatives of *pattern* that stand in no group.

    .. versionadded:: 2.0
    """
    if "|" not in pattern:
        return [pattern]
    branches, depth = [""], 0
    for piece in re.findall(_PIECE, pattern):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "|" and depth == 0:
            branches.append("")
        else:
            branches[-1] += piece
    return branches
