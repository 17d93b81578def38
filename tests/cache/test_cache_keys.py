"""Keys of the store: how they are made, and what Memcached could not hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.cache.keys import MAX_KEY_LENGTH, default_key_function, key_function, problems
from tornadopy.exceptions import ConfigError


def test_the_default_is_that_of_django() -> None:
    assert default_key_function("key", "prefix", 3) == "prefix:3:key"
    assert key_function(None) is default_key_function


def test_a_function_is_taken_as_it_is_or_by_its_name() -> None:
    assert key_function(max) is max
    assert key_function("tornadopy.cache.keys.default_key_function") is default_key_function


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("tornadopy.cache.keys.defualt_key_function", "did you mean 'default_key_function'"),
        ("no_such_module.f", "there is no module 'no_such_module'"),
        ("tornadopy.cache.keys.MAX_KEY_LENGTH", "expected a function of key, prefix and version"),
        (3, "expected a function of key, prefix and version, or its name, got 3"),
    ],
)
def test_what_is_no_function_is_an_error(value: object, message: str) -> None:
    with pytest.raises(ConfigError, match="KEY_FUNCTION: ") as caught:
        key_function(value)
    assert message in str(caught.value)


def test_a_plain_key_is_no_problem() -> None:
    assert not list(problems("a" * MAX_KEY_LENGTH))
    assert not list(problems("schlüssel"))


def test_each_problem_is_named() -> None:
    length, character = problems("a b" + "c" * MAX_KEY_LENGTH)
    assert "has 253 bytes; Memcached takes at most 250" in length
    assert "holds ' '" in character


def test_the_length_is_that_in_bytes() -> None:
    assert not list(problems("é" * 125))
    assert list(problems("é" * 126))


@given(st.text())
def test_a_key_without_a_problem_can_be_sent_to_memcached(key: str) -> None:
    encoded = key.encode("utf-8", "surrogatepass")
    is_fine = len(encoded) <= 250 and not any(byte <= 0x20 or byte == 0x7F for byte in encoded)
    assert is_fine is not bool(list(problems(key)))


@given(st.text(max_size=400))
def test_a_message_is_one_line_and_short(key: str) -> None:
    for message in problems(key):
        assert message.isprintable()
        assert len(message) < 1000
