"""A prefix and a pattern are joined by exactly one slash, whatever slashes they bring."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.routing import join

segments = st.lists(st.from_regex(r"[a-z0-9_-]{1,4}", fullmatch=True), min_size=0, max_size=3)
leading = st.sampled_from(["", "/", "//", "^", "^/", r"\/"])
trailing = st.sampled_from(["", "/", "$", "/?", r"\/"])
endings = st.sampled_from(["", "/?", "$"])


@given(leading, segments, trailing, leading, segments, endings)
def test_exactly_one_slash(
    before: str, prefix: list[str], between: str, behind: str, pattern: list[str], ending: str
) -> None:
    joined = join(before + "/".join(prefix) + between, behind + "/".join(pattern) + ending)
    expression = re.compile(joined if joined.endswith("$") else joined + "$")
    path = "/" + "/".join([*prefix, *pattern])
    slashes = (path, f"{path}/") if pattern else (path, f"{path.rstrip('/')}/")
    assert any(expression.match(each) for each in slashes), joined
    if pattern:
        assert expression.match(path), joined
    assert not expression.match("/" + path), joined
    assert "//" not in joined.replace(r"\/", "/")
    assert joined.replace(r"\/", "/").startswith("/")


@given(st.lists(segments.filter(bool), min_size=3, max_size=3))
def test_joining_is_associative(parts: list[list[str]]) -> None:
    first, second, third = ("/".join(each) for each in parts)
    assert join(first, join(second, third)) == join(join(first, second), third)


@given(segments.filter(bool), st.lists(segments.filter(bool), min_size=1, max_size=3))
def test_each_alternative_stands_below_the_prefix(prefix: list[str], alternatives: list[list[str]]) -> None:
    expression = re.compile(join("/".join(prefix), "|".join("/".join(each) for each in alternatives)) + "$")
    for each in alternatives:
        assert expression.match("/" + "/".join([*prefix, *each]))
        if each != prefix:
            assert not expression.match("/" + "/".join(each)) or each[: len(prefix)] == prefix


@pytest.mark.parametrize(
    ("prefix", "pattern", "joined"),
    [
        ("/", "photo/upload/?", "/photo/upload/?"),  # as the seed writes it
        ("/", "/?", "/?"),
        ("/blog", "/?", "/blog/?"),
        ("/blog/", "/?", "/blog/?"),
        ("/blog", "", "/blog"),
        ("/blog/", "", "/blog"),
        ("/blog", "$", "/blog$"),
        ("/blog", "/", "/blog/"),
        ("/", "", "/"),
        ("", "", "/"),
        ("", "$", "/$"),
        ("blog", "x", "/blog/x"),
        ("/blog/?", "x", "/blog/x"),
        ("/blog/+", "/x", "/blog/x"),
        ("^/blog$", "^/x$", "/blog/x$"),
        ("/blog", "/*x", "/blog/*x"),
        ("/blog", r"(?:/(\d+))?", r"/blog(?:/(\d+))?"),
        ("/blog", r"(/x)?", "/blog(/x)?"),
        ("/blog", r"(?P<rest>/.*)?", "/blog(?P<rest>/.*)?"),
        ("/blog", r"(?P<id>\d+)", r"/blog/(?P<id>\d+)"),
        (r"/(?P<lang>\w\w)", "/x", r"/(?P<lang>\w\w)/x"),
        ("(?:/de|/en)", "x", "(?:/de|/en)/x"),
        ("/blog", "a|b", "/blog(?:/a|/b)"),
        ("/blog", "/a|b", "/blog(?:/a|/b)"),
        ("/a|/b", "x", "(?:/a|/b)/x"),
        ("/blog", "(a|b)", "/blog/(a|b)"),
        ("/blog", "[|]", "/blog/[|]"),
        ("/blog", "[]|]x", "/blog/[]|]x"),
        ("/blog", "[^]|]x", "/blog/[^]|]x"),
        ("/blog", r"\|", r"/blog/\|"),
        ("/blog", r"\\|x", r"/blog(?:/\\|/x)"),
        ("/blog", r"[\]|]", r"/blog/[\]|]"),
    ],
)
def test_examples(prefix: str, pattern: str, joined: str) -> None:
    assert join(prefix, pattern) == joined
