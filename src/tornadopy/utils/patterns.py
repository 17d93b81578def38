"""What can be told of a regular expression from its text alone."""

from __future__ import annotations

import re
from typing import NamedTuple

_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)  # an escape, a set of characters, or a character
_CHARACTERS = r"((?:(?:[^\\.^$*+?{}\[\]|()]|\\[^\w\s])(?![?*+{]))*)"
_LITERALS = re.compile(r"\^?" + _CHARACTERS)
_GROUP = re.compile(r"\((?:\?:|\?P<\w+>)?" + _CHARACTERS + r"\)\$")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Literal(NamedTuple):
    """What every text that a regular expression matches from its beginning begins with.

    Attributes:
        prefix: The characters.
        rest: What follows them in the expression.
    """

    prefix: str
    rest: str


def literal_of(pattern: re.Pattern[str]) -> Literal:
    """Return what every text that *pattern* matches from its beginning begins with, as far as its text tells.

    .. versionadded:: 2.0
    """
    text = pattern.pattern
    found = _LITERALS.match(text)
    if found is None or pattern.flags != re.UNICODE or len(alternatives(text)) > 1:
        return Literal("", text)
    return Literal(_ESCAPE.sub(r"\1", found[1]), text[found.end() :])


def literal_group(rest: str) -> str | None:
    """Return what the group matches that *rest*, of a `Literal`, consists of; None unless it is one text.

    .. versionadded:: 2.0
    """
    found = _GROUP.fullmatch(rest)
    return None if found is None else _ESCAPE.sub(r"\1", found[1])


def alternatives(pattern: str) -> list[str]:
    """Return the alternatives of *pattern* that stand in no group.

    .. versionadded:: 2.0
    """
    if "|" not in pattern:
        return [pattern]
    branches, depth = [""], 0
    for piece in _PIECE.findall(pattern):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "|" and depth == 0:
            branches.append("")
        else:
            branches[-1] += piece
    return branches
