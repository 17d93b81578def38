"""What two regular expressions say about each other: one of ROUTE_MODULES, one of a route."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.management.patterns import matches, paths_of


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/", ("/",)),
        ("/login", ("/login",)),
        ("^/login$", ("/login",)),
        ("/login/?", ("/login", "/login/")),
        ("/?", ("/", "/")),
        (r"/(robots\.txt)", ("/robots.txt",)),
        (r"/(?P<file>favicon\.ico)", ("/favicon.ico",)),
        (r"/article/(\d+)", ()),
        ("/a|/b", ()),
        ("/ab?", ()),
        ("/(ab)?", ()),
    ],
)
def test_paths_of_a_pattern(pattern: str, paths: tuple[str, ...]) -> None:
    assert paths_of(pattern) == paths


@pytest.mark.parametrize(
    ("expression", "pattern", "verdict"),
    [
        ("^/user/.*$", r"/user/(\d+)", True),
        ("^/user/", r"/user/(\d+)", True),
        ("^/user/.*$", r"/users/(\d+)", False),
        ("^/user/7$", r"/user/(\d+)", None),
        ("^/user/$", r"/user/(\d+)", None),
        ("^/user/me/", r"/user/(\w+)/?", None),
        ("^/login", "/login/?", True),
        ("^/login/", "/login/?", None),
        ("^/logout", "/login/?", False),
        ("secret", r"/a/(\d+)", None),
        ("secret", "/top-secret", True),
        ("^/users?/", r"/user/(\d+)", None),
        ("^(/a|/b)", r"/a/(\d+)", None),
        ("^/a", r"(/a|/b)/(\d+)", None),
        (r"^/v1\.0/", r"/v1\.0/(\w+)", True),
    ],
)
def test_whether_an_expression_matches(expression: str, pattern: str, verdict: bool | None) -> None:
    assert matches(expression, pattern) is verdict


SEGMENT = st.sampled_from(["a", "ab", "user", r"\d", r"\.", "/", "/?", ".*", "(x|y)", "u?"])


@given(
    expression=st.lists(SEGMENT, max_size=4).map("".join),
    pattern=st.lists(SEGMENT, min_size=1, max_size=4).map("".join),
    path=st.text("abuser/.1xy", max_size=8),
    anchored=st.booleans(),
)
def test_a_verdict_holds_for_every_path(expression: str, pattern: str, path: str, anchored: bool) -> None:
    expression, pattern, path = ("^/" if anchored else "") + expression, f"/{pattern}", f"/{path}"
    try:
        verdict = matches(expression, pattern)
        matched = re.fullmatch(pattern, path)
    except re.error:
        return
    if matched and verdict is not None:
        assert (re.search(expression, path) is not None) is verdict
