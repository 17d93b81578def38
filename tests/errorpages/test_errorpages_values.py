"""How values are laid out on the debug page, and what they may cost."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, UserDict, deque, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from tornadopy.errorpages.budget import Budget, noted, printable, shorten
from tornadopy.errorpages.values import MAX_DEPTH, MAX_ITEMS, MAX_TEXT, describe
from tornadopy.utils.masking import MASK


def ample() -> Budget:
    return Budget(page_bytes=10_000_000, seconds=60)


def shown(value: object, name: str = "value") -> str:
    return describe(name, value, ample())


class TestLayout:
    @pytest.mark.parametrize(
        "value",
        [1, 1.5, None, True, "text", b"bytes", [], (), {}, set(), [1, "a"], (1,), (1, 2), {1}, {"a": [1, {"b": ()}]}],
    )
    def test_small_values_look_as_in_python(self, value: object) -> None:
        assert shown(value) == repr(value)

    def test_other_containers_show_their_kind(self) -> None:
        assert shown(frozenset({1})) == "frozenset({1})"
        assert shown(deque([1])) == "deque([1])"
        assert shown(OrderedDict(a=1)) == "OrderedDict({'a': 1})"
        assert shown(UserDict(a=1)) == "UserDict({'a': 1})"

    def test_wide_containers_take_a_line_for_each_item(self) -> None:
        assert shown({"names": ["x" * 50, "y" * 50], "n": 1}) == (
            "{\n    'names': [\n        '" + "x" * 50 + "',\n        '" + "y" * 50 + "',\n    ],\n    'n': 1,\n}"
        )
        assert shown(("x" * 100,)) == "(\n    '" + "x" * 100 + "',\n)"

    def test_long_values_are_cut_and_say_how_long_they_are(self) -> None:
        assert shown("x" * 10_000).endswith("'… (10,000 in all)")
        assert shown(b"x" * 10_000).endswith("'… (10,000 in all)")
        assert f"… {1000 - MAX_ITEMS} more" in shown(list(range(1000)))
        assert len(shown(["x" * 500] * 1000)) < MAX_TEXT + 50

    def test_deep_and_cyclic_values_end(self) -> None:
        deep: list[object] = []
        for _ in range(MAX_DEPTH * 2):
            deep = [deep]
        assert shown(deep) == "[" * MAX_DEPTH + "..." + "]" * MAX_DEPTH
        cycle: dict[str, object] = {}
        cycle["self"] = cycle
        assert shown(cycle) == "{'self': ...}"

    def test_an_object_shows_its_own_repr(self) -> None:
        class Text(str):
            __slots__ = ()

            def __repr__(self) -> str:
                return "a text of its own"

        class Pair(tuple[int, int]):
            __slots__ = ()

            def __repr__(self) -> str:
                return "a pair of its own"

        assert shown(Text("x")) == "a text of its own"
        assert shown(Pair((1, 2))) == "a pair of its own"
        assert shown(ValueError("x")) == "ValueError('x')"

    def test_an_integer_too_large_to_print_is_shown_as_such(self) -> None:
        assert shown(10**5000).startswith("<it raised ValueError: ")


class TestSecrets:
    @pytest.mark.parametrize("value", ["pw", {"a": 1}, object(), None])
    def test_a_secret_name_hides_its_value(self, value: object) -> None:
        assert shown(value, "api_key") == MASK

    def test_secrets_inside_are_masked(self) -> None:
        account = namedtuple("account", "user password")  # noqa: PYI024 - the untyped kind is what is tested
        headers = HTTPHeaders({"Authorization": "Bearer pw", "Accept": "*/*"})
        assert shown({"a": {"password": "pw", b"token": "pw"}}) == f"{{'a': {{'password': {MASK}, b'token': {MASK}}}}}"
        assert shown(account("me", "pw")) == f"account(user='me', password={MASK})"
        assert shown(headers) == f"HTTPHeaders({{'Authorization': {MASK}, 'Accept': '*/*'}})"
        assert shown([("Cookie", "pw"), ("a", "b")]) == f"[('Cookie', {MASK}), ('a', 'b')]"

    def test_secrets_in_texts_are_masked(self) -> None:
        class Account:
            def __repr__(self) -> str:
                return "Account(password='pw', url=redis://:pw@host)"

        assert shown("redis://:pw@host") == f"'redis://:{MASK}@host'"
        assert shown(b"user=me&password=pw") == f"b'user=me&password={MASK}'"
        assert shown(Account()) == f"Account(password='{MASK}', url=redis://:{MASK}@host)"

    @given(st.integers(0, 700), st.integers(0, 700))
    def test_no_part_of_a_password_survives_where_a_text_is_cut(self, before: int, after: int) -> None:
        text = "x" * before + " pg://u:" + "S3cr3t" * 20 + "@host/" + "y" * after
        assert "S3cr3t" not in shown(text)


class TestBudget:
    def test_a_repr_that_raises_is_shown_as_such(self) -> None:
        class Broken:
            def __init__(self, exc: BaseException) -> None:
                self.exc = exc

            def __repr__(self) -> str:
                raise self.exc

        class Unspeakable(Exception):
            def __str__(self) -> str:
                raise ValueError

        assert shown(Broken(RuntimeError("no"))) == "<it raised RuntimeError: no>"
        assert shown(Broken(SystemExit())) == "<it raised SystemExit>"
        assert shown(Broken(Unspeakable())) == "<it raised Unspeakable>"

    def test_a_repr_that_never_returns_is_left_behind(self) -> None:
        never = threading.Event()

        class Slow:
            def __repr__(self) -> str:
                never.wait(30)
                return "late"

        budget = Budget(page_bytes=10_000, seconds=0.05)
        started = time.monotonic()
        try:
            assert describe("a", [Slow()], budget) == "<not shown: it takes too long>"
            assert describe("b", Slow(), budget) == "<not shown: the page's time is used up>"
            assert describe("c", 1, budget) == "1"
        finally:
            never.set()
        assert time.monotonic() - started < 5

    def test_where_no_thread_can_be_started_the_value_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        assert shown(object()) == "<not shown: no thread could be started>"

    def test_once_the_bytes_are_spent_nothing_more_is_shown(self) -> None:
        budget = Budget(page_bytes=500, seconds=1)
        assert budget.spend("a") == "a"
        assert not budget.exhausted
        assert budget.spend("<" * 200) == "<not shown: the page would become too large>"
        assert budget.exhausted

    def test_what_is_escaped_or_encoded_costs_more(self) -> None:
        for text in ("<" * 100, "漢" * 120):
            assert Budget(page_bytes=400, seconds=1).spend(text).startswith("<not shown")
        assert Budget(page_bytes=400, seconds=1).spend("a" * 200) == "a" * 200

    def test_a_note_takes_the_place_of_a_failure(self) -> None:
        assert noted(lambda: "fine") == "fine"
        assert noted(lambda: {}["x"]) == "<it raised KeyError: 'x'>"

    def test_texts_are_shortened(self) -> None:
        assert shorten("abc", 3) == "abc"
        assert shorten("abcd", 3) == "abc… (4 characters)"


@given(st.text(st.characters()))
def test_printable_texts_can_be_encoded_and_turn_no_direction(text: str) -> None:
    made = printable(text)
    made.encode()
    assert not set(made) & set("\x00\r\x1b\u202e\u2066\ud800")


def test_printable_keeps_lines_and_tabs() -> None:
    assert printable("a\r\n\tb\x00\u202ec") == "a\n\tb\\x00\\u202ec"
