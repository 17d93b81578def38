"""Which form of an error page `negotiate` gives to which client."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tornadopy.errorpages import negotiate


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        # Browsers, and clients that say nothing or take anything.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "html"),
        ("application/xhtml+xml", "html"),
        ("", "html"),
        ("   ", "html"),
        ("*/*", "html"),
        ("text/*", "html"),
        ("*/*;q=0.1", "html"),
        # Clients of an API.
        ("application/json", "json"),
        ("APPLICATION/JSON", "json"),
        ("application/json, text/plain, */*", "json"),
        ("application/json, */*", "json"),
        ("*/*, application/json", "json"),
        ("application/problem+json", "json"),
        ("application/vnd.api+json;charset=utf-8", "json"),
        ("application/*", "json"),
        # Terminals.
        ("text/plain", "text"),
        ("text/plain, */*;q=0.5", "text"),
        ("text/plain;format=flowed", "text"),
        # Weights.
        ("application/json;q=0.5, text/html;q=0.9", "html"),
        ("text/html;q=0.5, application/json;q=0.9", "json"),
        ("text/html;q=0.5, application/json; Q = 0.501", "json"),
        ("text/html;level=1;q=0.3, text/plain;q=0.4", "text"),
        ("text/html;q=0, */*", "json"),
        ("application/json;q=0, */*", "html"),
        ("application/*;q=0.9, application/json;q=0.1, text/html;q=0.5", "html"),
        ("text/plain, text/html", "text"),
        ("text/html, text/plain", "html"),
        # Nothing that could be given.
        ("image/png", "html"),
        ("*/*;q=0", "html"),
        ("application/json;q=0", "html"),
    ],
)
def test_the_preferred_form_is_given(accept: str, expected: str) -> None:
    assert negotiate(accept) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("nonsense, application/json", "json"),
        ("application/json;q=2, text/plain;q=0.1", "text"),
        ("application/json;q=-1, text/plain", "text"),
        ("application/json;q=nan, text/plain;q=0.1", "text"),
        ("application/json;q=1.0001, text/plain;q=0.1", "text"),
        ("application/json;q=\u0660, text/plain;q=0.1", "text"),
        ('text/html;x="a,application/json;q=1", text/plain', "html"),
        ('text/html;x="unclosed, application/json', "html"),
        (", ,,text/plain,", "text"),
        ("text/ plain, application/json", "json"),
    ],
)
def test_what_is_no_media_range_is_passed_over(accept: str, expected: str) -> None:
    assert negotiate(accept) == expected


names = st.sampled_from(
    ["text/html", "application/json", "text/plain", "*/*", "text/*", "application/*", "a/b+json", "image/png", "x", '"']
)
weights = st.sampled_from(["", ";q=1", ";q=0.5", ";q=0", "; q=0.123", ";q=", ";q=x", ';a="b,c"', ";level=1;q=0.9"])


@given(st.text() | st.lists(st.builds(str.__add__, names, weights)).map(",".join))
@example('"' * 1000)
@example("," * 1000)
def test_anything_gives_one_of_the_three_forms(accept: str) -> None:
    assert negotiate(accept) in {"html", "json", "text"}


@given(
    kind=st.sampled_from(["text/html", "application/json", "text/plain"]), others=st.lists(names).map(";q=0.4,".join)
)
def test_the_only_type_of_the_greatest_weight_wins(kind: str, others: str) -> None:
    expected = {"text/html": "html", "application/json": "json", "text/plain": "text"}[kind]
    assert negotiate(f"{kind};q=0.9,{others};q=0.4") == expected
