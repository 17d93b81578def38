"""The list of a user's tokens: whatever is done to it, it lists those that are there and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.tokens.index import Listing, Striking, read_index

HANDLES = st.sampled_from([f"h{number}" for number in range(6)])
STEPS = st.lists(
    st.tuples(st.just("list"), HANDLES, st.floats(1, 20)) | st.tuples(st.just("strike"), HANDLES, st.just(0.0)),
    max_size=20,
)


@given(STEPS)
def test_it_lists_what_has_been_listed_and_not_struck_off_and_not_expired(steps: list[tuple[str, str, float]]) -> None:
    stored: Any = None
    expected: dict[str, tuple[float, float]] = {}
    for now, (kind, handle, life) in enumerate(steps, 1):
        if kind == "list":
            stored = Listing(handle=handle, created=float(now), expires=now + life)(stored)
            expected[handle] = (float(now), now + life)
        else:
            stored = Striking(handles=frozenset({handle}), now=float(now))(stored)
            expected.pop(handle, None)
        stored = json.loads(json.dumps(stored))  # as a cache keeps it
        expected = {each: times for each, times in expected.items() if times[1] > now}
        found = read_index(stored, now=float(now))
        assert found == expected
        assert list(found.values()) == sorted(found.values())
        assert (stored is None) == (not expected)


@given(st.integers(1, 5), st.integers(1, 9))
def test_the_oldest_are_too_many(limit: int, count: int) -> None:
    stored: Any = None
    for number in range(count):
        listing = Listing(handle=f"h{number}", created=float(number), expires=1000.0)
        stored = listing(stored)
        surplus = listing.surplus(stored, limit)
        stored = Striking(handles=frozenset(surplus), now=float(number))(stored)
    assert list(read_index(stored, now=0)) == [f"h{number}" for number in range(max(count - limit, 0), count)]


@pytest.mark.parametrize("stored", [None, 7, "text", [], [1]])
def test_what_is_no_list_lists_nothing(stored: Any) -> None:
    assert read_index(stored, now=0) == {}
