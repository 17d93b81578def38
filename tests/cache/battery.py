"""The battery of cache semantics, which every backend has to pass; the stores are in `cachestores`.

The cases think through what Django's documentation of its cache promises, and what its own backends agree on.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import decimal
import enum
import pickle
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import pytest
from cachestores import Caller, Store

from tornadopy.exceptions import CacheKeyWarning, ConfigError, InvalidCacheKey, SerializationError

MakeCache = Callable[..., Caller]

MONTH = 30 * 24 * 3600  # seconds; beyond it Memcached takes a timeout for a date
PATIENCE = 15.0


def wait_until_gone(cache: Caller, key: str) -> None:
    """Return when *key* is missing; fail if it stays."""
    deadline = time.monotonic() + PATIENCE
    while cache.has_key(key):
        assert time.monotonic() < deadline, f"{key} does not expire"
        time.sleep(0.005)


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int
    y: int

    @cached_property
    def norm(self) -> int:
        return self.x * self.x + self.y * self.y


def add_two(number: int) -> int:
    return number + 2


def reversed_key(key: Any, key_prefix: str, version: int) -> str:
    return f"custom-{version}-{key_prefix}-{str(key)[::-1]}"


class Storing:
    VALUES = (
        "text",
        "",
        "Iñtërnâtiônàlizætiøn 缓存 \N{SNAKE}",
        b"bytes \x00\xff",
        b"",
        zlib.compress(b"compressed"),
        0,
        1,
        -1,
        2**31,
        2**63 - 1,
        -(2**63),
        2**200,
        3.25,
        float("inf"),
        True,
        False,
        None,
        [1, "two", [3.0, None]],
        (1, 2),
        {"a": {"b": [1]}, 3: "three"},
        {1, 2},
        frozenset({3}),
        dt.datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=dt.UTC),
        dt.timedelta(days=3),
        decimal.Decimal("1.10"),
        uuid.UUID(int=5),
        Colour.RED,
        Point(3, 4),
        add_two,
        Point,
        "12",
        b"12",
        "-7",
        1j,
    )

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{value!r:.20}")
    def test_a_value_comes_back_as_it_was(self, cache: Caller, value: Any) -> None:
        cache.set("key", value)
        got = cache.get("key", "missing")
        assert got == value
        assert type(got) is type(value)
        assert cache.get_many(["key"]) == {"key": value}

    def test_a_megabyte_comes_back(self, cache: Caller) -> None:
        """The default limit of Memcached is 1 MB with key and header, so the value is a little smaller."""
        value = b"\x00\xff" * (1024 * 510)
        cache.set("large", value)
        assert cache.get("large") == value
        text = "é" * (1024 * 500)
        cache.set("large", text)
        assert cache.get("large") == text

    def test_a_missing_key_gives_the_default(self, cache: Caller) -> None:
        assert cache.get("missing") is None
        assert cache.get("missing", "bang") == "bang"
        assert cache.get("missing", default=[]) == []

    def test_a_cached_none_is_no_missing_key(self, cache: Caller) -> None:
        cache.set("key", None)
        assert cache.get("key", "default") is None
        assert cache.has_key("key") is True
        assert cache.add("key", 1) is False
        assert cache.get_many(["key", "missing"]) == {"key": None}
        assert cache.get_or_set("key", 5) is None

    def test_set_returns_nothing_and_replaces(self, cache: Caller) -> None:
        assert cache.set("key", "one") is None
        assert cache.set("key", "two") is None
        assert cache.get("key") == "two"

    def test_add_stores_only_what_is_missing(self, cache: Caller) -> None:
        assert cache.add("key", "first") is True
        assert cache.add("key", "second") is False
        assert cache.get("key") == "first"

    def test_delete_says_whether_there_was_something(self, cache: Caller) -> None:
        cache.set_many({"a": "spam", "b": "eggs"})
        assert cache.delete("a") is True
        assert cache.get("a") is None
        assert cache.get("b") == "eggs"
        assert cache.delete("a") is False
        assert cache.delete("never-there") is False

    def test_has_key_says_whether_it_is_there(self, cache: Caller) -> None:
        cache.set("key", 0)
        assert cache.has_key("key") is True
        assert cache.has_key("other") is False
        cache.set("forever", 1, timeout=None)
        assert cache.has_key("forever") is True

    def test_the_operator_in_asks_for_a_key(self, cache: Caller) -> None:
        cache.set("key", 0)
        assert "key" in cache.backend
        assert "other" not in cache.backend

    def test_get_many_returns_what_is_there(self, cache: Caller) -> None:
        cache.set_many({"a": "a", "b": "b", "c": 3, "d": None})
        assert cache.get_many(["a", "c", "d"]) == {"a": "a", "c": 3, "d": None}
        assert cache.get_many(["a", "x", "y"]) == {"a": "a"}
        assert cache.get_many(iter(["b", "x"])) == {"b": "b"}
        assert cache.get_many([]) == {}

    def test_set_many_returns_what_could_not_be_stored(self, cache: Caller) -> None:
        assert cache.set_many({"a": "spam", "b": [1]}) == []
        assert cache.get("a") == "spam"
        assert cache.get("b") == [1]
        assert cache.set_many({}) == []

    def test_delete_many_deletes_what_is_there(self, cache: Caller) -> None:
        cache.set_many({"a": 1, "b": 2, "c": 3})
        assert cache.delete_many(["a", "c", "missing"]) is None
        assert cache.get_many(["a", "b", "c"]) == {"b": 2}
        assert cache.delete_many(iter(["b"])) is None
        assert cache.get("b") is None
        assert cache.delete_many([]) is None

    def test_clear_deletes_everything(self, cache: Caller, make_cache: MakeCache) -> None:
        other = make_cache(KEY_PREFIX="other", VERSION=3)
        cache.set_many({"a": 1, "b": 2})
        other.set("c", 3)
        assert cache.clear() is None
        assert cache.get_many(["a", "b"]) == {}
        assert other.get("c") is None
        assert cache.clear() is None

    def test_a_closed_cache_goes_on_when_it_is_used(self, cache: Caller) -> None:
        cache.set("key", "value")
        assert cache.close() is None
        assert cache.get("key") == "value"
        cache.close()
        cache.close()

    def test_get_or_set_stores_what_is_missing(self, cache: Caller) -> None:
        assert cache.get_or_set("projector", 42) == 42
        assert cache.get_or_set("projector", 43) == 42
        assert cache.get("projector") == 42
        assert cache.get_or_set("null", None) is None
        assert cache.get("null", "default") is None

    def test_get_or_set_calls_a_function_once_if_the_key_is_missing(self, cache: Caller) -> None:
        calls: list[int] = []

        def compute() -> str:
            calls.append(1)
            return "value"

        assert cache.get_or_set("key", compute) == "value"
        assert cache.get_or_set("key", compute) == "value"
        assert calls == [1]
        assert cache.get_or_set("null", lambda: None) is None
        assert cache.get("null", "default") is None

    def test_get_or_set_needs_a_default(self, cache: Caller) -> None:
        with pytest.raises(TypeError, match="default"):
            cache.get_or_set("key")

    def test_get_or_set_keeps_to_its_timeout(self, cache: Caller) -> None:
        assert cache.get_or_set("key", 1, timeout=0) == 1
        assert cache.get("key") is None

    def test_an_error_of_the_function_stores_nothing(self, cache: Caller) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            cache.get_or_set("key", fail)
        assert cache.has_key("key") is False

    def test_a_cached_object_does_not_change_with_its_original(self, cache: Caller) -> None:
        original = {"list": [1]}
        cache.set("key", original)
        original["list"].append(2)
        assert cache.get("key") == {"list": [1]}
        cache.get("key")["list"].append(3)
        assert cache.get("key") == {"list": [1]}

    def test_an_object_with_a_cached_property_comes_back(self, cache: Caller) -> None:
        point = Point(3, 4)
        assert point.norm == 25
        cache.set("key", point)
        assert cache.get("key").norm == 25

    @pytest.mark.parametrize("method", ["set", "add"])
    def test_what_cannot_be_pickled_is_an_error_and_stores_nothing(self, cache: Caller, method: str) -> None:
        class Unpicklable:
            def __reduce__(self) -> str:
                raise pickle.PicklingError("not this one")

        with pytest.raises(pickle.PicklingError, match="not this one"):
            getattr(cache, method)("key", Unpicklable())
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            getattr(cache, method)("key", threading.Lock())
        assert cache.has_key("key") is False

    @pytest.mark.parametrize("serializer", ["json", "msgpack", "pickle"])
    def test_each_serializer_keeps_the_values_of_json(self, make_cache: MakeCache, serializer: str) -> None:
        cache = make_cache(OPTIONS={"SERIALIZER": serializer})
        for value in (None, True, 0, -5, 2.5, "", "é缓\ud800", [1, [2]], {"a": {"b": None}}, [], {}, 10**15):
            cache.set("key", value)
            assert cache.get("key", "missing") == value

    def test_a_serializer_that_cannot_store_a_value_says_so(self, make_cache: MakeCache) -> None:
        cache = make_cache(OPTIONS={"SERIALIZER": "json"})
        with pytest.raises(SerializationError, match="'json' cannot store this value"):
            cache.set("key", {1, 2})
        assert cache.has_key("key") is False

    def test_a_view_uses_another_serializer_on_the_same_store(self, cache: Caller, cache_backend: Store) -> None:
        view = cache.using("json")
        view.set("key", {"a": [1]})
        assert view.get("key") == {"a": [1]}
        with pytest.raises(SerializationError):
            view.set("key", object())
        with pytest.raises(SerializationError, match="'pickle' cannot read what is stored"):
            cache.get("key")
        assert view.delete("key") is True
        assert cache.has_key("key") is False

    def test_a_view_with_an_unknown_serializer_is_an_error(self, cache: Caller) -> None:
        with pytest.raises(ConfigError, match="'jsn'; did you mean 'json'"):
            cache.using("jsn")

    def test_a_store_that_is_there_answers_a_ping(self, cache: Caller) -> None:
        assert cache.ping() is None

    def test_many_threads_use_one_cache(self, cache: Caller) -> None:
        """Each thread sees what it has stored itself, whatever the others do."""

        def work(number: int) -> bool:
            backend = cache.backend
            for step in range(20):
                backend.set(f"key{number}", [number, step])
                if backend.get(f"key{number}") != [number, step]:
                    return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))

    def test_culling_keeps_the_cache_within_its_bound(self, cache_backend: Store, make_cache: MakeCache) -> None:
        """Thirty entries at most; when they are reached, a third goes: of 49 entries 29 are left."""
        if not cache_backend.culls:
            assert make_cache().backend.max_entries == 300  # the setting is there; the server culls
            return
        cache = make_cache(OPTIONS={"MAX_ENTRIES": 30})
        names = [f"cull{number}" for number in range(1, 50)]
        for name in names:
            cache.set(name, "value", 1000)
        assert sum(cache.has_key(name) for name in names) == 29

    def test_a_cull_frequency_of_zero_clears_the_cache(self, cache_backend: Store, make_cache: MakeCache) -> None:
        if not cache_backend.culls:
            assert make_cache(OPTIONS={"CULL_FREQUENCY": 0}).backend.cull_frequency == 0
            return
        cache = make_cache(OPTIONS={"MAX_ENTRIES": 30, "CULL_FREQUENCY": 0})
        names = [f"cull{number}" for number in range(1, 50)]
        for name in names:
            cache.set(name, "value", 1000)
        assert sum(cache.has_key(name) for name in names) == 19

    def test_replacing_an_entry_culls_nothing(self, cache_backend: Store, make_cache: MakeCache) -> None:
        cache = make_cache(OPTIONS={"MAX_ENTRIES": 3})
        for number in range(3):
            cache.set(f"key{number}", number)
        for number in range(3):
            cache.set(f"key{number}", -number)
        assert cache.get_many(["key0", "key1", "key2"]) == {"key0": 0, "key1": -1, "key2": -2}


class Expiring:
    def test_entries_expire(self, cache: Caller, cache_backend: Store) -> None:
        cache.set_many({"a": 1, "b": 2}, cache_backend.tick)
        cache.set("c", 3, timeout=cache_backend.tick)
        cache.set("stays", 4, timeout=1000)
        for key in "abc":
            wait_until_gone(cache, key)
        assert cache.get_many(["a", "b", "c", "stays"]) == {"stays": 4}
        assert cache.get("a", "default") == "default"
        assert cache.add("a", "new") is True
        assert cache.get("a") == "new"
        assert cache.delete("b") is False
        assert cache.touch("c") is False
        with pytest.raises(ValueError, match="no key 'c'"):
            cache.incr("c")

    @pytest.mark.parametrize("timeout", [0, -1, -100, -0.5, 0.0])
    def test_without_time_nothing_is_kept(self, cache: Caller, timeout: float) -> None:
        cache.set("key", "eggs", timeout)
        assert cache.get("key") is None
        assert cache.add("key", "ham", timeout) is True
        assert cache.get("key") is None
        assert cache.set_many({"a": 1, "b": 2}, timeout) == []
        assert cache.get_many(["a", "b"]) == {}
        cache.set("key", "fries", timeout=1000)
        assert cache.touch("key", timeout) is True
        assert cache.has_key("key") is False
        cache.set("key", "one", 1000)
        cache.set("key", "two", timeout)
        assert cache.get("key") is None

    def test_none_means_for_ever(self, cache: Caller) -> None:
        cache.set("key", "eggs", None)
        assert cache.get("key") == "eggs"
        assert cache.add("other", "ham", None) is True
        assert cache.add("other", "jam", None) is False
        assert cache.get("other") == "ham"
        cache.set_many({"a": 1, "b": 2}, None)
        assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
        assert cache.touch("key", timeout=None) is True
        assert cache.get("key") == "eggs"

    def test_a_timeout_may_be_longer_than_a_month(self, cache: Caller) -> None:
        cache.set("key", "eggs", MONTH + 1)
        assert cache.get("key") == "eggs"
        assert cache.add("other", "ham", MONTH + 1) is True
        assert cache.get("other") == "ham"
        cache.set_many({"a": 1}, MONTH + 1)
        assert cache.get("a") == 1
        assert cache.touch("a", MONTH + 1) is True
        assert cache.get("a") == 1

    def test_a_timeout_may_have_a_fraction(self, cache: Caller) -> None:
        cache.set("key", "spam", 100.2)
        assert cache.get("key") == "spam"
        assert cache.add("other", "spam", 99.9) is True
        assert cache.get("other") == "spam"

    def test_the_default_is_five_minutes(self, cache_backend: Store) -> None:
        assert cache_backend.build({}).default_timeout == 300
        assert cache_backend.build({"TIMEOUT": None}).default_timeout is None
        assert cache_backend.build({"TIMEOUT": 5}).default_timeout == 5

    def test_the_timeout_of_the_cache_is_the_default(self, make_cache: MakeCache, cache_backend: Store) -> None:
        cache = make_cache(TIMEOUT=cache_backend.tick)
        cache.set("a", 1)
        cache.add("b", 2)
        cache.set_many({"c": 3})
        cache.get_or_set("d", 4)
        cache.set("stays", 5, 1000)
        cache.set("stays-too", 6, None)
        for key in "abcd":
            wait_until_gone(cache, key)
        assert cache.get("stays") == 5
        assert cache.get("stays-too") == 6

    def test_a_cache_whose_timeout_is_none_keeps_for_ever(self, make_cache: MakeCache, cache_backend: Store) -> None:
        cache = make_cache(TIMEOUT=None)
        cache.set("key", 1)
        cache.set("short", 2, cache_backend.tick)
        wait_until_gone(cache, "short")
        assert cache.get("key") == 1

    def test_a_cache_whose_timeout_is_zero_keeps_nothing(self, make_cache: MakeCache) -> None:
        cache = make_cache(TIMEOUT=0)
        cache.set("key", 1)
        assert cache.get("key") is None
        cache.set("key", 1, 100)
        assert cache.get("key") == 1

    def test_touch_gives_new_time(self, cache: Caller, cache_backend: Store) -> None:
        cache.set("key", "quickly", timeout=cache_backend.tick * 4)
        assert cache.touch("key", timeout=1000) is True
        cache.set("other", 1, timeout=cache_backend.tick * 5)
        wait_until_gone(cache, "other")
        assert cache.get("key") == "quickly"
        assert cache.touch("key", timeout=cache_backend.tick) is True
        wait_until_gone(cache, "key")

    def test_touch_without_a_timeout_takes_the_default(self, cache: Caller, cache_backend: Store) -> None:
        cache.set("key", "quickly", timeout=cache_backend.tick * 4)
        assert cache.touch("key") is True
        cache.set("other", 1, timeout=cache_backend.tick * 5)
        wait_until_gone(cache, "other")
        assert cache.has_key("key") is True

    def test_touch_says_that_there_is_nothing(self, cache: Caller) -> None:
        assert cache.touch("missing") is False
        assert cache.touch("missing", 100) is False
        assert cache.touch("missing", None) is False
        assert cache.has_key("missing") is False

    def test_incr_keeps_the_time(self, cache: Caller, cache_backend: Store) -> None:
        cache.set("key", 1, cache_backend.tick * 2)
        assert cache.incr("key") == 2
        wait_until_gone(cache, "key")


class Counting:
    def test_incr_adds(self, cache: Caller) -> None:
        cache.set("answer", 41)
        assert cache.incr("answer") == 42
        assert cache.get("answer") == 42
        assert cache.incr("answer", 10) == 52
        assert cache.get("answer") == 52
        assert cache.incr("answer", -10) == 42
        assert cache.incr("answer", delta=0) == 42

    def test_decr_subtracts(self, cache: Caller) -> None:
        cache.set("answer", 43)
        assert cache.decr("answer") == 42
        assert cache.get("answer") == 42
        assert cache.decr("answer", 10) == 32
        assert cache.decr("answer", -10) == 42

    def test_a_sum_is_a_number_like_any_other(self, cache: Caller) -> None:
        cache.set("answer", 1)
        cache.incr("answer")
        assert cache.get_many(["answer"]) == {"answer": 2}
        assert type(cache.get("answer")) is int
        cache.set("answer", 2**40)
        assert cache.incr("answer") == 2**40 + 1

    @pytest.mark.parametrize("method", ["incr", "decr"])
    @pytest.mark.parametrize("delta", [1, -1])
    def test_a_missing_key_is_an_error(self, cache: Caller, method: str, delta: int) -> None:
        with pytest.raises(ValueError, match="no key 'missing'"):
            getattr(cache, method)("missing", delta)
        assert cache.has_key("missing") is False

    def test_what_is_no_number_is_an_error(self, cache: Caller) -> None:
        cache.set("key", "text")
        with pytest.raises((TypeError, ValueError)):
            cache.incr("key")
        with pytest.raises((TypeError, ValueError)):
            cache.decr("key")
        assert cache.get("key") == "text"

    def test_counting_in_threads_loses_nothing(self, cache: Caller) -> None:
        cache.set("key", 0)
        with ThreadPoolExecutor(8) as pool:
            for _ in range(200):
                pool.submit(cache.backend.incr, "key")
        assert cache.get("key") == 200

    def test_adding_in_threads_succeeds_once(self, cache: Caller) -> None:
        with ThreadPoolExecutor(8) as pool:
            added = list(pool.map(lambda number: cache.backend.add("key", number), range(40)))
        assert added.count(True) == 1
        assert cache.get("key") == added.index(True)


class Versions:
    def test_set_and_get_go_by_version(self, cache: Caller, make_cache: MakeCache) -> None:
        second = make_cache(VERSION=2)
        cache.set("answer", 42)
        assert cache.get("answer") == 42
        assert cache.get("answer", version=1) == 42
        assert cache.get("answer", version=2) is None
        assert second.get("answer") is None
        assert second.get("answer", version=1) == 42
        cache.set("answer", 43, version=2)
        assert cache.get("answer") == 42
        assert second.get("answer") == 43
        second.set("answer", 44, version=1)
        assert cache.get("answer") == 44

    def test_add_goes_by_version(self, cache: Caller) -> None:
        assert cache.add("answer", 42, version=2) is True
        assert cache.get("answer", version=1) is None
        assert cache.add("answer", 37, version=2) is False
        assert cache.add("answer", 37, version=1) is True
        assert cache.get("answer", version=1) == 37
        assert cache.get("answer", version=2) == 42

    def test_has_key_and_touch_go_by_version(self, cache: Caller) -> None:
        cache.set("answer", 42)
        assert cache.has_key("answer", version=1) is True
        assert cache.has_key("answer", version=2) is False
        assert cache.touch("answer", 1000, version=2) is False
        assert cache.touch("answer", 1000, version=1) is True

    def test_delete_goes_by_version(self, cache: Caller) -> None:
        cache.set("answer", 37, version=1)
        cache.set("answer", 42, version=2)
        assert cache.delete("answer", version=2) is True
        assert cache.get("answer", version=1) == 37
        assert cache.get("answer", version=2) is None
        assert cache.delete("answer") is True
        assert cache.delete("answer", version=3) is False

    def test_counting_goes_by_version(self, cache: Caller) -> None:
        cache.set("answer", 37, version=1)
        cache.set("answer", 42, version=2)
        assert cache.incr("answer") == 38
        assert cache.decr("answer", version=2) == 41
        assert cache.get("answer", version=1) == 38
        assert cache.get("answer", version=2) == 41

    def test_the_many_go_by_version(self, cache: Caller) -> None:
        cache.set_many({"a": 1, "b": 2})
        cache.set_many({"a": 3, "b": 4}, version=2)
        assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
        assert cache.get_many(["a", "b"], version=2) == {"a": 3, "b": 4}
        cache.delete_many(["a"], version=2)
        assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
        assert cache.get_many(["a", "b"], version=2) == {"b": 4}

    def test_get_or_set_goes_by_version(self, cache: Caller) -> None:
        assert cache.get_or_set("brian", 1979, version=2) == 1979
        assert cache.get("brian", version=1) is None
        assert cache.get_or_set("brian", 42, version=1) == 42
        assert cache.get_or_set("brian", 1, version=2) == 1979
        assert cache.get("brian", version=3) is None

    def test_update_goes_by_version(self, cache: Caller) -> None:
        cache.set("key", 1)
        assert cache.update("key", lambda value: (value or 10) + 1, version=2) == 11
        assert cache.get("key") == 1
        assert cache.get("key", version=2) == 11

    def test_incr_version_moves_a_key_up(self, cache: Caller) -> None:
        cache.set("answer", 42, version=2)
        assert cache.incr_version("answer", version=2) == 3
        assert cache.get("answer", version=2) is None
        assert cache.get("answer", version=3) == 42
        assert cache.incr_version("answer", delta=4, version=3) == 7
        assert cache.get("answer", version=7) == 42

    def test_incr_version_begins_at_the_version_of_the_cache(self, make_cache: MakeCache) -> None:
        second = make_cache(VERSION=2)
        second.set("answer", None)
        assert second.incr_version("answer") == 3
        assert second.has_key("answer") is False
        assert second.get("answer", "missing", version=3) is None

    def test_decr_version_moves_a_key_down(self, cache: Caller) -> None:
        cache.set("answer", 42, version=2)
        assert cache.decr_version("answer", version=2) == 1
        assert cache.get("answer") == 42
        assert cache.get("answer", version=2) is None

    @pytest.mark.parametrize("method", ["incr_version", "decr_version"])
    def test_the_version_of_a_missing_key_is_an_error(self, cache: Caller, method: str) -> None:
        with pytest.raises(ValueError, match="no key 'missing'"):
            getattr(cache, method)("missing")
        with pytest.raises(ValueError, match="no key 'missing'"):
            getattr(cache, method)("missing", version=4)

    def test_prefixes_keep_caches_apart(self, cache: Caller, make_cache: MakeCache) -> None:
        other = make_cache(KEY_PREFIX="other")
        cache.set("key", 1)
        assert other.has_key("key") is False
        other.set("key", 2)
        assert cache.get("key") == 1
        assert other.get("key") == 2
        other.delete("key")
        assert cache.get("key") == 1


CALLS = {
    "get": lambda cache, key: cache.get(key),
    "set": lambda cache, key: cache.set(key, 1),
    "add": lambda cache, key: cache.add(key, 1),
    "touch": lambda cache, key: cache.touch(key, 100),
    "delete": lambda cache, key: cache.delete(key),
    "has_key": lambda cache, key: cache.has_key(key),
    "get_many": lambda cache, key: cache.get_many(["fine", key]),
    "set_many": lambda cache, key: cache.set_many({"fine": 1, key: 1}),
    "delete_many": lambda cache, key: cache.delete_many(["fine", key]),
    "get_or_set": lambda cache, key: cache.get_or_set(key, 1),
    "incr": lambda cache, key: cache.incr(key),
    "decr": lambda cache, key: cache.decr(key),
    "incr_version": lambda cache, key: cache.incr_version(key),
    "decr_version": lambda cache, key: cache.decr_version(key),
    "update": lambda cache, key: cache.update(key, lambda value: 1),
}
MISSING_IS_AN_ERROR = ("incr", "decr", "incr_version", "decr_version")


def call_with_key(cache: Caller, name: str, key: str) -> None:
    """Call a method with *key*, which is missing; an invalid one is passed on, though that is a ValueError, too."""
    try:
        CALLS[name](cache, key)
    except InvalidCacheKey:
        raise
    except ValueError:
        assert name in MISSING_IS_AN_ERROR


class Keys:
    def test_keys_are_those_of_django(self, cache: Caller, make_cache: MakeCache) -> None:
        assert cache.backend.make_key("key") == ":1:key"
        assert make_cache(KEY_PREFIX="site", VERSION=7).backend.make_key("key") == "site:7:key"
        assert cache.backend.make_key("key", version=3) == ":3:key"
        assert cache.backend.make_key(5) == ":1:5"

    @pytest.mark.parametrize("function", [reversed_key, "battery.reversed_key"], ids=["function", "name"])
    def test_a_key_function_makes_the_keys(self, cache: Caller, make_cache: MakeCache, function: Any) -> None:
        custom = make_cache(KEY_FUNCTION=function, KEY_PREFIX="p")
        assert custom.backend.make_key("abc", version=2) == "custom-2-p-cba"
        custom.set("abc", 42)
        assert cache.get("abc") is None
        assert custom.get("abc") == 42
        assert custom.get_many(["abc"]) == {"abc": 42}
        assert custom.incr("abc") == 43
        assert custom.delete("abc") is True

    @pytest.mark.parametrize("function", ["battery.no_such_function", "no_such_module.function", 5, "battery.MONTH"])
    def test_a_key_function_that_is_none_is_an_error(self, cache_backend: Store, function: Any) -> None:
        with pytest.raises(ConfigError, match="KEY_FUNCTION: "):
            cache_backend.build({"KEY_FUNCTION": function})

    def test_keys_may_be_unicode(self, cache: Caller) -> None:
        names = {"ascii": "a", "Iñtërnâtiônàlizætiøn": "b", "缓存": {"x": 1}, "\N{SNAKE}": None}
        assert cache.set_many(names) == []
        assert cache.get_many(names) == names
        for name, value in names.items():
            assert cache.get(name, "missing") == value
            assert cache.touch(name, 1000) is True
            assert cache.delete(name) is True
            assert cache.add(name, value) is True

    def test_keys_may_be_numbers(self, cache: Caller) -> None:
        cache.set(5, "five")
        assert cache.get("5") == "five"
        assert cache.get_many([5]) == {5: "five"}

    @pytest.mark.parametrize(
        "key", ["with space", "with\ttab", "new\nline", "nul\x00", "del\x7f", "a" * 260, "é" * 130]
    )
    @pytest.mark.parametrize("call", CALLS)
    def test_what_memcached_forbids_is_a_warning_or_an_error(
        self, cache: Caller, cache_backend: Store, key: str, call: str
    ) -> None:
        if cache_backend.refuses_keys:
            with pytest.raises(InvalidCacheKey, match="Memcached takes"):
                call_with_key(cache, call, key)
        else:
            with pytest.warns(CacheKeyWarning, match="Memcached takes"):
                call_with_key(cache, call, key)

    def test_the_length_counts_prefix_and_version(self, make_cache: MakeCache, cache_backend: Store) -> None:
        kind = InvalidCacheKey if cache_backend.refuses_keys else CacheKeyWarning
        cache = make_cache(KEY_PREFIX="p" * 40)
        cache.set("k" * (250 - 43), 1)
        with pytest.raises(kind, match="251 bytes; Memcached takes at most 250"):  # warnings are errors in these tests
            cache.set("k" * (250 - 42), 1)

    def test_messages_do_not_repeat_what_could_forge_a_log_line(self, cache: Caller, cache_backend: Store) -> None:
        kind = InvalidCacheKey if cache_backend.refuses_keys else CacheKeyWarning
        with pytest.raises(kind) as caught:
            cache.get("one\ntwo" + "x" * 100_000)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


class Updating:
    def test_a_missing_key_is_none_to_the_function(self, cache: Caller) -> None:
        seen: list[Any] = []

        def start(value: Any) -> list[int]:
            seen.append(value)
            return [1]

        assert cache.update("key", start) == [1]
        assert seen == [None]
        assert cache.get("key") == [1]

    def test_the_new_value_replaces_the_old(self, cache: Caller) -> None:
        cache.set("key", {"a": 1})
        assert cache.update("key", lambda value: {**value, "b": 2}) == {"a": 1, "b": 2}
        assert cache.get("key") == {"a": 1, "b": 2}

    def test_none_deletes_the_key(self, cache: Caller) -> None:
        cache.set("key", 1)
        assert cache.update("key", lambda value: None) is None
        assert cache.has_key("key") is False
        assert cache.update("key", lambda value: None) is None

    @pytest.mark.parametrize("value", [5, "text", b"\x00", True, 2.5, {"a": None}, "7"])
    def test_values_keep_their_type(self, cache: Caller, value: Any) -> None:
        cache.update("key", lambda old: value)
        got = cache.update("key", lambda old: old)
        assert got == value
        assert type(got) is type(value)
        assert type(cache.get("key")) is type(value)

    def test_a_number_can_be_counted_on(self, cache: Caller) -> None:
        cache.set("key", 4)
        assert cache.update("key", lambda value: value * 2) == 8
        assert cache.incr("key") == 9
        assert cache.update("key", lambda value: value + 1) == 10

    def test_the_timeout_is_that_of_the_new_value(self, cache: Caller, cache_backend: Store) -> None:
        cache.set("key", 1, 1000)
        cache.update("key", lambda value: 2, timeout=cache_backend.tick)
        wait_until_gone(cache, "key")
        cache.set("key", 1, cache_backend.tick * 4)
        cache.update("key", lambda value: 2, timeout=None)
        cache.set("other", 1, cache_backend.tick * 5)
        wait_until_gone(cache, "other")
        assert cache.get("key") == 2
        cache.update("key", lambda value: 3, timeout=0)
        assert cache.get("key") is None

    def test_an_expired_value_is_missing(self, cache: Caller, cache_backend: Store) -> None:
        cache.set("key", 1, cache_backend.tick)
        wait_until_gone(cache, "key")
        assert cache.update("key", lambda value: "new" if value is None else "old") == "new"

    def test_an_error_of_the_function_changes_nothing(self, cache: Caller) -> None:
        cache.set("key", 1)
        with pytest.raises(ZeroDivisionError):
            cache.update("key", lambda value: value / 0)
        assert cache.get("key") == 1
        assert cache.update("key", lambda value: value + 1) == 2

    def test_a_value_that_cannot_be_stored_changes_nothing(self, cache: Caller) -> None:
        view = cache.using("json")
        view.set("key", 1)
        with pytest.raises(SerializationError):
            view.update("key", lambda value: object())
        assert view.get("key") == 1

    def test_updates_in_threads_lose_nothing(self, cache: Caller) -> None:
        """Of eight threads, each puts its own twenty keys into one value."""

        def put(number: int) -> None:
            cache.backend.update("key", lambda value: {**(value or {}), number: number})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(160)))
        assert cache.get("key") == {number: number for number in range(160)}
        assert len(cache.backend.turns) == 0

    def test_counting_in_the_middle_of_an_update_is_not_lost(self, cache: Caller) -> None:
        """The function takes its time, so that the others come in between."""

        def add_slowly(value: int) -> int:
            time.sleep(0.001)
            return value + 1

        cache.set("key", 0)
        with ThreadPoolExecutor(4) as pool:
            for _ in range(20):
                pool.submit(cache.backend.update, "key", add_slowly)
                pool.submit(cache.backend.incr, "key")
        assert cache.get("key") == 40

    def test_a_thousand_updates_in_tasks_lose_nothing(self, cache: Caller) -> None:
        async def main() -> None:
            backend = cache.backend

            async def put(number: int) -> None:
                await backend.aupdate("key", lambda value: {**(value or {}), number: number})

            await asyncio.gather(*map(put, range(1000)))
            assert await backend.aget("key") == {number: number for number in range(1000)}
            assert len(backend.turns) == 0
            await backend.aclose()

        if cache.runner is None:
            asyncio.run(main())
        else:
            cache.runner.run(main())

    def test_tasks_and_threads_may_update_the_same_key(self, cache: Caller) -> None:
        async def main() -> None:
            backend = cache.backend
            threads = [asyncio.to_thread(backend.update, "key", lambda value: (value or 0) + 1) for _ in range(50)]
            tasks = [backend.aupdate("key", lambda value: (value or 0) + 1) for _ in range(50)]
            await asyncio.gather(*threads, *tasks)
            assert await backend.aget("key") == 100
            await backend.aclose()

        if cache.runner is None:
            asyncio.run(main())
        else:
            cache.runner.run(main())
