"""JSON and JSONP as handlers answer it: safe inside a page, strict, and able to hold dates and the like."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import types
import uuid
from collections import OrderedDict, deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.exceptions import HttpBadRequestError
from tornadopy.response import encode_json, encode_jsonp

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_it_comes_back(value: Any, ensure_ascii: bool) -> None:
    assert json.loads(encode_json(value, ensure_ascii=ensure_ascii)) == value


@given(VALUES, st.booleans())
def test_it_may_stand_inside_a_script_element(value: Any, ensure_ascii: bool) -> None:
    text = encode_json({"</script>": value}, ensure_ascii=ensure_ascii)
    assert "</" not in text
    assert not {"\u2028", "\u2029"} & set(text)
    assert text.isascii() or not ensure_ascii


def test_other_characters_as_they_are() -> None:
    assert encode_json("ä你") == '"\\u00e4\\u4f60"'
    assert encode_json("ä你", ensure_ascii=False) == '"ä你"'
    assert encode_json("a\u2028b", ensure_ascii=False) == '"a\\u2028b"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.datetime(2016, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2016-01-02T03:04:05+00:00"),
        (dt.date(2016, 1, 2), "2016-01-02"),
        (dt.time(3, 4), "03:04:00"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({1}, [1]),
        (frozenset({"a"}), ["a"]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (OrderedDict(a=(1, 2)), {"a": [1, 2]}),
        ({}.keys(), []),
    ],
)
def test_what_json_has_no_form_for(value: Any, text: Any) -> None:
    assert json.loads(encode_json(value)) == text


@pytest.mark.parametrize("value", [object(), b"bytes", deque([1]), {"a": object()}, range(3)])
def test_what_cannot_be_expressed(value: Any) -> None:
    with pytest.raises(TypeError, match="is not JSON serializable"):
        encode_json(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan]])
def test_numbers_that_are_none_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json(value)


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="Circular"):
        encode_json(endless)


@pytest.mark.parametrize("name", ["callback", "a", "_a", "$", "a.b", "jQuery12345_6.cb$", "A" * 128])
def test_callbacks(name: str) -> None:
    assert encode_jsonp(name, {"a": 1}) == f'/**/{name}({{"a": 1}});'


@pytest.mark.parametrize(
    "name",
    ["", " a", "a b", "1a", "a.", ".a", "a..b", "a()", "alert(1)//", "a;b", "a[0]", "ä", "a\n", "</script>", "A" * 129],
)  # fmt: skip
def test_what_is_no_callback(name: str) -> None:
    with pytest.raises(HttpBadRequestError, match=r"400.*is no JavaScript identifier"):
        encode_jsonp(name, 1)


@given(st.text())
def test_whatever_is_taken_as_a_callback_is_harmless(name: str) -> None:
    try:
        script = encode_jsonp(name, None)
    except HttpBadRequestError:
        return
    assert script == f"/**/{name}(null);"
    assert name.isascii()
    assert not set(name) & set("()<>;\"'/\\ \n\t&=+-[]{}")
