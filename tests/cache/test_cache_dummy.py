"""The cache that keeps nothing, called synchronously and asynchronously."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from cachestores import Caller

from tornadopy.cache.backends.dummy import DummyCache
from tornadopy.exceptions import CacheKeyWarning


@pytest.fixture(params=["sync", "async"])
def dummy(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with asyncio.Runner() if request.param == "async" else contextlib.nullcontext() as runner:
        yield Caller(DummyCache("anything", {}), runner)


def test_nothing_is_ever_there(dummy: Caller) -> None:
    assert dummy.set("key", "value") is None
    assert dummy.get("key") is None
    assert dummy.get("key", "default") == "default"
    assert dummy.has_key("key") is False
    assert "key" not in dummy.backend
    assert dummy.set_many({"a": 1, "b": 2}) == []
    assert dummy.get_many(["a", "b"]) == {}
    assert dummy.delete("key") is False
    assert dummy.touch("key") is False
    assert dummy.delete_many(["a", "b"]) is None
    assert dummy.clear() is None
    assert dummy.close() is None
    assert dummy.ping() is None


def test_adding_succeeds_each_time(dummy: Caller) -> None:
    assert dummy.add("key", "value") is True
    assert dummy.add("key", "value") is True
    assert dummy.get("key") is None


def test_get_or_set_returns_the_default(dummy: Caller) -> None:
    assert dummy.get_or_set("key", 42) == 42
    assert dummy.get_or_set("key", lambda: "called") == "called"
    assert dummy.get_or_set("key", None) is None


@pytest.mark.parametrize("method", ["incr", "decr", "incr_version", "decr_version"])
def test_there_is_nothing_to_count(dummy: Caller, method: str) -> None:
    with pytest.raises(ValueError, match="no key 'key'"):
        getattr(dummy, method)("key")


def test_an_update_gets_none_and_returns_the_new_value(dummy: Caller) -> None:
    assert dummy.update("key", lambda value: [value]) == [None]
    assert dummy.get("key") is None


def test_there_is_no_other_view(dummy: Caller) -> None:
    assert dummy.backend.using("json") is dummy.backend


@pytest.mark.parametrize("method", ["get", "delete", "touch", "has_key"])
def test_keys_are_looked_at_all_the_same(dummy: Caller, method: str) -> None:
    with pytest.warns(CacheKeyWarning):
        getattr(dummy, method)("with space")
