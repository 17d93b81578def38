"""Values as JSON: they come back as they were, or are refused."""

from __future__ import annotations

import decimal
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.utils.jsonvalues import decode_value, encode_value

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON_VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(JSON_VALUES)
def test_values_of_json_come_back(value: Any) -> None:
    text = encode_value("x", value)
    assert decode_value(text) == value
    assert encode_value("x", decode_value(text)) == text


def test_a_tuple_comes_back_as_a_list() -> None:
    assert decode_value(encode_value("x", (1, ("a",)))) == [1, ["a"]]


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        {1, 2},
        object(),
        datetime.now(UTC),
        decimal.Decimal(1),
        math.nan,
        -math.inf,
        "\ud800",
        {"a": ["\udfff"]},
        {1: "a"},
        {"a": [{None: 1}]},
        [({"a": {2.5: 1}},)],
        CIRCLE,
        pytest.param(DEEP, id="deep"),
    ],
)
def test_others_are_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^session\['cart'\] cannot be kept: .*; store text, numbers, "):
        encode_value("session['cart']", value)
