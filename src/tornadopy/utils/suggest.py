"""The nearest known name to one that nobody knows: what error messages offer the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that is most like *name*, or None if none is.

    Upper and lower case count as the same; of equally near names the first in alphabetical order wins.

    Args:
        name: What the user wrote.
        known: The names that exist.

    Returns:
        The name as it is spelled in *known*.

    .. versionadded:: 2.0
    """
    from difflib import get_close_matches  # noqa: PLC0415 - who makes no mistake does not wait for it

    spellings: dict[str, str] = {}
    for each in sorted(known):
        spellings.setdefault(each.casefold(), each)
    matches = get_close_matches(name.casefold(), spellings, n=1)
    return spellings[matches[0]] if matches else None
