"""Serializers: what they keep, and what they say of what they cannot keep."""

from __future__ import annotations

import builtins
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadopy.cache.serializers import JsonSerializer, MsgpackSerializer, PickleSerializer, Serializer, make_serializer
from tornadopy.exceptions import ConfigError, MissingExtraError, SerializationError, TornadopyError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=12,
)
msgpack_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None))
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9) | st.integers(0, 99), inner, max_size=5)
    ),
    max_leaves=12,
)


class Reversed:
    """A serializer of one's own."""

    def dumps(self, value: str) -> bytes:
        return value[::-1].encode()

    def loads(self, stored: bytes) -> str:
        return stored.decode()[::-1]


class Halved:
    def dumps(self, value: str) -> bytes:
        return b""


@given(json_values)
def test_json_keeps_all_that_json_knows(value: Any) -> None:
    serializer = JsonSerializer()
    assert serializer.loads(serializer.dumps(value)) == value


@given(msgpack_values)
def test_msgpack_keeps_all_that_it_knows(value: Any) -> None:
    serializer = MsgpackSerializer()
    assert serializer.loads(serializer.dumps(value)) == value


@given(msgpack_values | st.sets(st.integers()) | st.tuples(st.integers()) | st.complex_numbers(allow_nan=False))
def test_pickle_keeps_anything(value: Any) -> None:
    serializer = PickleSerializer()
    assert serializer.loads(serializer.dumps(value)) == value


@given(st.binary(max_size=200))
@pytest.mark.parametrize("serializer", [JsonSerializer(), MsgpackSerializer()], ids=["json", "msgpack"])
def test_what_cannot_be_read_is_one_error(serializer: Serializer, stored: bytes) -> None:
    try:
        value = serializer.loads(stored)
    except SerializationError as error:
        value = error
    assert not isinstance(value, Exception) or "cannot read what is stored" in str(value)


@pytest.mark.parametrize("serializer", [JsonSerializer(), MsgpackSerializer(), PickleSerializer()])
def test_bytes_of_another_are_an_error_that_repeats_none_of_them(serializer: Serializer) -> None:
    with pytest.raises(SerializationError, match="clear the cache or raise its VERSION") as caught:
        serializer.loads(b"\xc1 secret-word")
    assert "secret-word" not in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("serializer", "value"),
    [
        (JsonSerializer(), {1, 2}),
        (JsonSerializer(), b"bytes"),
        (JsonSerializer(), object()),
        (JsonSerializer(), {("a", 1): 2}),
        (MsgpackSerializer(), {1, 2}),
        (MsgpackSerializer(), 2**64),
        (MsgpackSerializer(), object()),
    ],
)
def test_what_a_serializer_does_not_know_is_an_error(serializer: Serializer, value: object) -> None:
    with pytest.raises(SerializationError, match=r"cannot store this value: .*choose another with OPTIONS\.SERIALIZER"):
        serializer.dumps(value)


def test_a_value_that_contains_itself_is_an_error() -> None:
    value: list[Any] = []
    value.append(value)
    for serializer in (JsonSerializer(), MsgpackSerializer()):
        with pytest.raises(SerializationError):
            serializer.dumps(value)


def test_the_error_is_a_value_error_and_one_of_ours() -> None:
    assert issubclass(SerializationError, ValueError)
    assert issubclass(SerializationError, TornadopyError)


def test_a_class_that_has_gone_is_an_error() -> None:
    stored = PickleSerializer().dumps(Halved()).replace(b"Halved", b"Vanish")
    with pytest.raises(SerializationError, match=r"AttributeError"):
        PickleSerializer().loads(stored)


def test_pickle_says_what_pickle_says() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        PickleSerializer().dumps(lambda: None)


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ("pickle", PickleSerializer),
        ("json", JsonSerializer),
        ("msgpack", MsgpackSerializer),
        ("test_cache_serializers.Reversed", Reversed),
        (Reversed, Reversed),
        (Reversed(), Reversed),
    ],
)
def test_a_serializer_is_named_in_several_ways(wanted: object, kind: type) -> None:
    made = make_serializer(wanted)
    assert type(made).__name__ == kind.__name__
    assert made.loads(made.dumps("text")) == "text"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("jason", "there is no serializer 'jason'; did you mean 'json'?"),
        ("xml", "known: pickle, json, msgpack, or the dotted name of a class"),
        ("test_cache_serializers.Revresed", "did you mean 'Reversed'?"),
        ("no.such.Class", "there is no module 'no'"),
        (Halved, "or a class with dumps and loads"),
        (5, "or a class with dumps and loads, got 5"),
        (None, "got None"),
    ],
)
def test_what_is_none_is_an_error(wanted: object, message: str) -> None:
    with pytest.raises(ConfigError, match=r"OPTIONS\.SERIALIZER: ") as caught:
        make_serializer(wanted)
    assert message in str(caught.value)


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module = builtins.__import__

    def without_msgpack(name: str, *args: Any) -> Any:
        if name == "msgpack":
            raise ModuleNotFoundError("No module named 'msgpack'", name="msgpack")
        return import_module(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_msgpack)
    with pytest.raises(MissingExtraError, match=r"install the extra tornadopy\[msgpack\]"):
        make_serializer("msgpack")
