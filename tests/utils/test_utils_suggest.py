"""The nearest known name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tornadopy.utils.suggest import nearest


def test_a_typing_error_finds_its_name() -> None:
    assert nearest("MIDLEWARE_CLASSES", ["DEBUG", "MIDDLEWARE_CLASSES", "CACHES"]) == "MIDDLEWARE_CLASSES"


def test_case_does_not_matter_and_the_known_spelling_is_returned() -> None:
    assert nearest("debug", ["DEBUG", "CACHES"]) == "DEBUG"


def test_nothing_alike_is_none() -> None:
    assert nearest("zzz", ["DEBUG", "CACHES"]) is None
    assert nearest("zzz", []) is None


def test_any_iterable_will_do() -> None:
    assert nearest("caches", iter({"CACHES": 1})) == "CACHES"


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=8))
def test_the_answer_is_one_of_the_known_names_whatever_their_order(name: str, known: list[str]) -> None:
    found = nearest(name, known)
    assert found is None or found in known
    assert nearest(name, reversed(known)) == found
