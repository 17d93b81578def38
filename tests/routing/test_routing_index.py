"""The route index: it leaves rules out, and never changes which one answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPServerRequest, RequestStartLine
from tornado.routing import AnyMatches, Matcher, PathMatches, Rule

from tornadopy.routeindex import RouteIndex
from tornadopy.utils.patterns import literal_of

PIECES = [
    "/", "a", "b", "ab", "-", r"\.", r"\-", ".", r"\d", r"\w+", "(a)", "(?:a|b)", "(?P<x>b+)", "a?", "a*", "b+", "/?",
    "a{2}", "a{,1}", "[ab]", "[^/]", "|", "^", "$", r"\/", r"\Z", r"\b", "é", "(?=a)", "(?!a)", "(?#x)", "{", "}",
    " ", "#",
]  # fmt: skip
PATHS = ["/", "a", "b", "ab", "-", ".", "a?", "a{2}", "|", "1", "é", "\n", " ", "#", "{", "^", "$", "//"]


def request(path: str) -> HTTPServerRequest:
    made = HTTPServerRequest(start_line=RequestStartLine("GET", "/", "HTTP/1.0"))
    made.path = path
    return made


def compiled(pattern: str, flags: int) -> PathMatches | None:
    """Return the matcher of *pattern*, or None for what is no regular expression that Tornado takes."""
    try:
        return PathMatches(re.compile(pattern, flags) if flags else pattern)
    except (re.error, AssertionError):
        return None


matchers = st.builds(
    compiled,
    st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
    st.sampled_from([0, 0, 0, re.IGNORECASE, re.VERBOSE, re.ASCII, re.MULTILINE]),
).filter(lambda matcher: matcher is not None)
paths = st.lists(st.sampled_from(PATHS), max_size=5).map("".join)


def answers(rules: list[Rule], path: str) -> list[int]:
    """Return the places of the rules that match, as Tornado finds them: one after the other."""
    return [place for place, rule in enumerate(rules) if rule.matcher.match(request(path)) is not None]


def answers_of_index(rules: list[Rule], path: str) -> list[int]:
    found = []
    for rule, is_certain, _regex in RouteIndex(rules).find(path):
        parameters = rule.matcher.match(request(path))
        if is_certain:
            assert parameters == {}, f"{rule.matcher.regex.pattern!r} does not match {path!r}"
        if parameters is not None:
            found.append(rules.index(rule))
    return found


@given(st.lists(matchers, max_size=8), paths)
@example([PathMatches("/ab"), PathMatches("/a(b)"), PathMatches("/ab.*")], "/ab")
@example([PathMatches("/(ab)"), PathMatches("/(?P<page>a/)"), PathMatches("/(?:a)/"), PathMatches("/(a)b")], "/ab")
@example([PathMatches("/login/?")], "/login\n")
@example([PathMatches(r"/a\$")], "/a$b")
def test_it_finds_what_a_walk_through_all_rules_finds(found: list[Any], path: str) -> None:
    rules = [Rule(matcher, object) for matcher in found]
    assert answers_of_index(rules, path) == answers(rules, path)


@given(matchers, paths, paths)
def test_the_literal_beginning_is_one(matcher: Any, path: str, more: str) -> None:
    prefix, _rest = literal_of(matcher.regex)
    for text in (path, prefix + path, prefix[: len(prefix) // 2] + more):
        if matcher.match(request(text)) is not None:
            assert text.startswith(prefix)


def test_a_path_that_is_spelled_out_meets_no_other_rule() -> None:
    rules = [Rule(PathMatches(f"/page{number}"), object) for number in range(1000)]
    assert [rules.index(rule) for rule, _certain, _regex in RouteIndex(rules).find("/page700")] == [700]


def test_a_path_below_a_literal_beginning_meets_the_rules_of_that_beginning_alone() -> None:
    rules = [Rule(PathMatches(rf"/shop{number:04}/(\d+)"), object) for number in range(1000)]
    assert [rules.index(rule) for rule, _certain, _regex in RouteIndex(rules).find("/shop0700/5")] == [700]


def test_a_matcher_with_a_mind_of_its_own_is_asked_for_every_path() -> None:
    class Odd(PathMatches):
        def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
            return {} if len(request.path or "") % 2 else None

    class Other(Matcher):
        def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
            return {}

    rules = [
        Rule(Odd("/a"), object),
        Rule(PathMatches("/a"), object),
        Rule(Other(), object),
        Rule(AnyMatches(), object),
    ]
    assert answers_of_index(rules, "/other") == answers(rules, "/other") == [2, 3]
    assert answers_of_index(rules, "/an") == [0, 2, 3]


@pytest.mark.parametrize(
    ("pattern", "prefix", "rest"),
    [
        ("/user/?$", "/user", "/?$"),
        (r"/v1\.0/(\d+)$", "/v1.0/", r"(\d+)$"),
        ("/ab?", "/a", "b?"),
        ("/a|/b", "", "/a|/b"),
        ("/a[|]b", "/a", "[|]b"),
        ("(?i)/a", "", "(?i)/a"),
        ("^/a$", "/a", "$"),
        ("/a{2}", "/", "a{2}"),
    ],
)
def test_literal_beginnings(pattern: str, prefix: str, rest: str) -> None:
    assert literal_of(re.compile(pattern)) == (prefix, rest)
