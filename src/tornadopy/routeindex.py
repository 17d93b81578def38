"""The index of a router: which of its rules may match a path.

`tornadopy.router` asks it for each request. It leaves out rules that certainly do not match, never changes their
order, and knows nothing of what they lead to.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tornado.routing import PathMatches, Rule

from tornadopy.utils.patterns import literal_group, literal_of

__all__ = ["Candidate", "RouteIndex"]


Candidate = tuple[Rule, bool, re.Pattern[str] | None]
"""A rule that may match; whether it certainly does, and takes nothing out of the path; the expression that alone
decides about it, None if there is more to it."""


class RouteIndex:
    """The rules of a router, by the literal beginning of their patterns.

    A path that a rule spells out costs one look into a dictionary, however many rules there are; any other costs one
    for each different length of the literal beginnings. Rules whose pattern begins with something else, and rules that
    do not look at the path alone, are candidates for every path.

    Args:
        rules: In the order in which they are tried.
        matchers: The classes of matchers that are known to look at the path by their expression alone.

    .. versionadded:: 2.0
    """

    def __init__(self, rules: Sequence[Rule], matchers: frozenset[type] = frozenset({PathMatches})) -> None:
        self._matchers = matchers
        self._possible: list[Candidate] = [(rule, False, self._regex_of(rule)) for rule in rules]
        self._by_prefix: dict[str, list[int]] = defaultdict(list)
        paths: dict[str, list[int]] = defaultdict(list)
        for place, rule in enumerate(rules):
            literals, prefix = self._literals(rule)
            for path in literals:
                paths[path].append(place)
            if not literals:
                self._by_prefix[prefix].append(place)
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix})
        self._below = {
            prefix: tuple(self._possible[place] for place in places) for prefix, places in self._by_prefix.items()
        }
        self._by_path = {path: self._with_prefixes(path, places) for path, places in paths.items()}

    def find(self, path: str) -> Sequence[Candidate]:
        """Return the rules that may match *path*, in their order."""
        if "\n" in path:  # the "$" of an expression matches before a last line feed, too
            return self._possible
        known = self._by_path.get(path)
        if known is not None:
            return known
        found: Sequence[Candidate] | None = None
        for length in self._lengths:
            below = self._below.get(path[:length])
            if below is not None:
                if found is not None:  # of two beginnings; the order of declaration decides
                    return [self._possible[place] for place in self._prefixed(path)]
                found = below
        return found or ()

    def spelled_out(self) -> Iterator[tuple[str, Rule]]:
        """Yield the paths that one rule takes before all others, and that rule."""
        for path, ((rule, is_certain, _), *_others) in self._by_path.items():
            if is_certain and "\n" not in path:
                yield path, rule

    def _prefixed(self, path: str) -> list[int]:
        found: list[int] = []
        lists = 0
        for length in self._lengths:
            if length > len(path):
                break
            places = self._by_prefix.get(path[:length])
            if places is not None:
                found += places
                lists += 1
        if lists > 1:
            found.sort()
        return found

    def _with_prefixes(self, path: str, literal: list[int]) -> tuple[Candidate, ...]:
        places = sorted([*literal, *(place for place in self._prefixed(path) if self._may_match(place, path))])
        candidates = [(place, *self._possible[place]) for place in places]
        return tuple(
            (rule, place in literal and regex is not None and not regex.groups, regex)
            for place, rule, _, regex in candidates
        )

    def _may_match(self, place: int, path: str) -> bool:
        _, _, regex = self._possible[place]
        return regex is None or regex.match(path) is not None

    def _regex_of(self, rule: Rule) -> re.Pattern[str] | None:
        matcher = rule.matcher
        return matcher.regex if isinstance(matcher, PathMatches) and type(matcher) in self._matchers else None

    def _literals(self, rule: Rule) -> tuple[tuple[str, ...], str]:
        """Return the only paths that *rule* matches, if it spells them out, and what all that it matches begin with."""
        regex = self._regex_of(rule)
        if regex is None:
            return (), ""
        prefix, rest = literal_of(regex)
        if rest == "$":
            return (prefix,), prefix
        if rest == "/?$":
            return (prefix, f"{prefix}/"), prefix
        group = literal_group(rest)
        return () if group is None else (prefix + group,), prefix
