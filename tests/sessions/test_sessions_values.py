"""The values of a session, as a dictionary would have them, and what has changed of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tornadopy.sessions.values import SessionValues, apply_changes

KEYS = st.sampled_from(["a", "b", "ключ", "", "d\n"])
LISTS = st.lists(st.integers(0, 3), max_size=3)
VALUES = st.none() | st.integers(-2, 2) | st.booleans() | st.text(max_size=3) | LISTS


def encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Comparison(RuleBasedStateMachine):
    """Do the same to a dictionary and to the values; what they save is the difference."""

    handed_out = Bundle("handed_out")

    @initialize(stored=st.dictionaries(KEYS, VALUES))
    def load(self, stored: dict[str, Any]) -> None:
        self.store = {key: encode(value) for key, value in stored.items()}
        self.values = SessionValues(self.store)
        self.model = json.loads(json.dumps(stored))

    @rule(key=KEYS, value=VALUES)
    def set(self, key: str, value: Any) -> None:
        self.values.set(key, value)
        self.model[key] = value

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.values.delete(key)
        self.model.pop(key, None)

    @rule()
    def clear(self) -> None:
        self.values.clear()
        self.model.clear()

    @rule(key=KEYS, number=st.integers(0, 3))
    def append(self, key: str, number: int) -> None:
        """Change a value in place, as one gets it."""
        found, expected = self.values.get(key), self.model.get(key)
        assert found == expected
        if isinstance(found, list):
            found.append(number)
            if expected is not found:
                expected.append(number)

    @rule()
    def save(self) -> None:
        changes = self.values.changes()
        self.store = apply_changes(self.store, changes)
        self.values.saved(changes)
        assert self.values.changes() == {}

    @invariant()
    def it_is_the_same(self) -> None:
        assert len(self.values) == len(self.model)
        assert sorted(self.values) == sorted(self.model)
        assert all((key in self.values) == (key in self.model) for key in ["a", "b", "c"])
        changes = self.values.changes()
        expected = {key: encode(value) for key, value in self.model.items()}
        assert apply_changes(self.store, changes) == expected
        assert all(self.store.get(key) != text for key, text in changes.items())


TestComparison = Comparison.TestCase


def test_reading_changes_nothing() -> None:
    values = SessionValues({"a": "[1,2]", "b": '{"c":1.5}', "d": "1e3"})
    assert [values.get(key) for key in ("a", "b")] == [[1, 2], {"c": 1.5}]
    assert values.changes() == {}


def test_what_nobody_asks_for_is_not_decoded() -> None:
    values = SessionValues({"a": "this is no JSON", "b": "1"})
    assert values.get("b") == 1
    assert len(values) == 2
    assert values.changes() == {}


def test_setting_what_is_there_is_no_change() -> None:
    values = SessionValues({"a": "[1,2]"})
    values.set("a", [1, 2])
    assert values.changes() == {}


def test_a_default_is_not_kept() -> None:
    values = SessionValues({})
    default: list[int] = []
    assert values.get("a", default) is default
    assert "a" not in values


def test_a_value_that_is_spoilt_later_is_named() -> None:
    values = SessionValues({"cart": "[]"})
    values.get("cart").append({1, 2})
    with pytest.raises(TypeError, match=r"session\['cart'\]"):
        values.changes()


@pytest.mark.parametrize("key", [1, None, b"a", ("a",)])
def test_keys_are_text(key: Any) -> None:
    with pytest.raises(TypeError, match="the keys of a session are text"):
        SessionValues({}).set(key, 1)


def test_a_key_that_no_store_could_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        SessionValues({}).set("\ud800", 1)


def test_its_repr_shows_no_values() -> None:
    assert repr(SessionValues({"a": '"private"'})) == "<SessionValues, 1 keys>"
