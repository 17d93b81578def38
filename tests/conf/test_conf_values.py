"""Settings hand out frozen dictionaries that read by key and by attribute."""

from __future__ import annotations

import copy
import json
import pickle
from collections import namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.conf.values import SettingsDict, freeze, thaw
from tornadopy.exceptions import ConfigError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
Point = namedtuple("Point", "x y")  # noqa: PYI024 - a tuple with names as a library may hand out


@given(PLAIN)
def test_thawing_gives_back_what_was_frozen(value: Any) -> None:
    assert thaw(freeze(value)) == value


@given(PLAIN)
def test_freezing_twice_changes_nothing(value: Any) -> None:
    assert freeze(freeze(value)) == freeze(value)


@given(PLAIN)
def test_nothing_frozen_can_be_changed(value: Any) -> None:
    def visit(each: Any) -> None:
        assert not isinstance(each, list)
        if isinstance(each, dict):
            assert isinstance(each, SettingsDict)
            with pytest.raises(TypeError, match="frozen"):
                each["new"] = 1
            for inner in each.values():
                visit(inner)
        elif isinstance(each, tuple):
            for inner in each:
                visit(inner)

    visit(freeze(value))


@given(st.dictionaries(st.text(), PLAIN))
def test_a_frozen_dictionary_is_still_json(value: Any) -> None:
    assert json.loads(json.dumps(freeze(value))) == value


def test_a_key_reads_as_an_attribute() -> None:
    frozen = freeze({"a": {"b": [1, {"c": 2}]}})
    assert frozen.a.b[1].c == frozen["a"]["b"][1]["c"] == 2


def test_a_missing_key_is_an_attribute_error_that_names_the_known() -> None:
    frozen = freeze({"a": 1, "b": 2})
    with pytest.raises(ConfigError, match=r"no key 'c' in this group of settings; known keys: a, b"):
        _ = frozen.c
    assert not hasattr(frozen, "c")
    assert getattr(frozen, "c", 3) == 3
    with pytest.raises(KeyError):
        frozen["c"]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(a=2),
        lambda d: d.pop("a"),
        lambda d: d.popitem(),
        lambda d: d.clear(),
        lambda d: d.setdefault("b", 1),
        lambda d: d.__delitem__("a"),
        lambda d: setattr(d, "a", 2),
        lambda d: delattr(d, "a"),
        lambda d: d.__ior__({"a": 2}),
    ],
)
def test_every_way_to_change_one_is_refused(change: Any) -> None:
    frozen = freeze({"a": 1})
    with pytest.raises(TypeError, match=r"settings are frozen; use settings\.override"):
        change(frozen)
    assert frozen == {"a": 1}


def test_copies_can_be_changed() -> None:
    frozen = freeze({"a": [1], "b": {"c": 1}})
    shallow, deep = copy.copy(frozen), copy.deepcopy(frozen)
    assert type(shallow) is type(deep) is type(frozen | {}) is dict
    deep["b"]["c"] = 2
    deep["a"].append(2)
    assert frozen == {"a": (1,), "b": {"c": 1}}


def test_it_survives_pickling() -> None:
    frozen = freeze({"a": [1, {"b": 2}]})
    again = pickle.loads(pickle.dumps(frozen))
    assert again == frozen
    assert type(again) is SettingsDict


def test_named_tuples_and_other_objects_are_left_alone() -> None:
    point, names = Point(1, [2]), {"a", "b"}
    assert freeze({"p": point})["p"] is point
    assert thaw(freeze({"p": point, "s": names})) == {"p": point, "s": names}
    assert freeze(names) is names
