"""Addresses that lead to the own site, and those that only look so."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.utils.redirects import is_own_address

BASE = "https://shop.example/login"


def is_own(target: str) -> bool:
    return is_own_address(target, protocol="https", host="shop.example")


@pytest.mark.parametrize(
    "target",
    ["/", "/cart", "/cart?page=2&next=//evil.example", "/a//b", "/%0d%0a", "https://shop.example/cart", "https://shop.example"],
)  # fmt: skip
def test_own(target: str) -> None:
    assert is_own(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "cart",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "\x00/cart",
        "/cart\r\nSet-Cookie: a=b",
        "http://shop.example/",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https://evil.example",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example:444/",
        "https://[shop.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "HTTPS://evil.example",
        "?next=/",
    ],
)
def test_elsewhere(target: str) -> None:
    assert not is_own(target)


@given(st.text(st.sampled_from("/\\:@.?#%[]\t\n ahtpsevil.example"), max_size=40))
def test_what_counts_as_own_leads_there(target: str) -> None:
    """As a browser reads it: without tabs and line ends, a backslash for a slash."""
    if is_own(target):
        read = target.replace("\t", "").replace("\n", "").strip().replace("\\", "/")
        assert urlsplit(urljoin(BASE, read)).netloc == "shop.example"
