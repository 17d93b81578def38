"""Arguments as text: the same ones give the same text, others give another."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import inspect
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.cache.arguments import describe_arguments, signature_of
from tornadopy.exceptions import ArgumentError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
        | st.frozensets(st.integers() | st.text(max_size=5), max_size=4)
    ),
    max_leaves=10,
)


def function(a: Any, b: Any = 2, *rest: Any, c: Any = 3, **others: Any) -> None:
    """Take all kinds of arguments."""


def describe(*args: Any, **kwargs: Any) -> str:
    return describe_arguments("function", inspect.signature(function), args, kwargs)


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: Any


class Plain:
    """A class without a repr of its own."""


def test_the_same_arguments_give_the_same_text_however_they_are_passed() -> None:
    assert describe(1) == describe(a=1) == describe(1, 2) == describe(1, b=2) == describe(b=2, a=1, c=3)
    assert describe(1, x=1, y=2) == describe(1, y=2, x=1)
    assert describe({"a": 1, "b": 2}) == describe({"b": 2, "a": 1})
    assert describe({"b", "a", "c"}) == describe({"c", "b", "a"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 1.0),
        (1, True),
        (1, "1"),
        ("a", b"a"),
        ([1], (1,)),
        ({1}, frozenset({1})),
        ({"a": 1}, [("a", 1)]),
        ("1, b=2", 1),
        (None, "None"),
        (0.0, -0.0),
        (Colour.RED, 1),
        (decimal.Decimal(1), 1),
        ([], ""),
        (Point(1), Point(2)),
    ],
)
def test_different_arguments_give_different_texts(first: object, second: object) -> None:
    assert describe(first) != describe(second)


def test_no_argument_can_be_taken_for_two() -> None:
    assert describe("1, b=3") != describe("1", 3)
    assert describe(1, 2, 3) != describe(1, 2, c=3)
    assert describe(1, 2, 3, 4) != describe(1, 2, (3, 4))


@given(values, values)
def test_texts_are_equal_when_the_values_are(first: Any, second: Any) -> None:
    assert describe(first) == describe(first)
    if describe(first) == describe(second):
        assert first == second


@pytest.mark.parametrize(
    "value",
    [
        dt.date(2024, 1, 2),
        decimal.Decimal("1.5"),
        uuid.UUID(int=1),
        Path("/a"),
        Colour.RED,
        Point(5),
        int,
        range(3),
        [Point((1, 2))],
    ],
)
def test_values_whose_repr_says_what_they_are_will_do(value: object) -> None:
    assert describe(value)


@pytest.mark.parametrize(
    "value", [Plain(), object(), lambda: None, [Plain()], {"a": (1, Plain())}, {Plain(): 1}, Point(Plain()), describe]
)
def test_a_value_whose_repr_says_nothing_is_an_error(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"the argument 'a' of function is a .*key=lambda"):
        describe(value)


def test_a_text_that_looks_like_an_address_is_a_text() -> None:
    assert describe("<object at 0x7f00>") == describe("<object at 0x7f00>")


def test_arguments_that_do_not_fit_are_a_type_error() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        describe()


def test_the_text_does_not_change_with_the_process() -> None:
    """Hashes of strings do, so that the order of a set must not tell."""
    script = (
        "import inspect\nfrom tornadopy.cache.arguments import describe_arguments\n"
        "def f(a): pass\n"
        "print(describe_arguments('f', inspect.signature(f), ({'x', 'y', 'z', 'w'},), {}))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(texts) == 1


def test_a_function_that_does_not_tell_its_parameters_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="does not tell its parameters"):
        signature_of(dict.fromkeys.__self__)  # type: ignore[attr-defined]
