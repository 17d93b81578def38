"""The cache in memory: its bound, what goes first, its lock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.server import wait_for
from tornadopy.cache.backends.localcache import LocMemCache


def make(**options: int) -> LocMemCache:
    return LocMemCache("here", {"OPTIONS": options})


def size(cache: LocMemCache) -> int:
    return len(cache._store.entries)


def test_it_never_waits() -> None:
    assert LocMemCache.has_io is False


def test_it_stays_within_its_bound_under_a_million_sets() -> None:
    """No moment has more entries than allowed."""
    cache, most = make(MAX_ENTRIES=1000), 0
    for number in range(1_000_000):
        cache.set(number, number)
        most = max(most, size(cache))
    assert most == 1000
    assert cache.get(999_999) == 999_999
    assert cache.get(0) is None


@given(
    st.integers(1, 12),
    st.integers(0, 15),
    st.lists(st.tuples(st.sampled_from(["set", "add", "get", "delete", "incr", "update"]), st.integers(0, 30))),
)
def test_no_setting_and_no_order_of_calls_breaks_the_bound(
    max_entries: int, cull_frequency: int, calls: list[tuple[str, int]]
) -> None:
    cache = make(MAX_ENTRIES=max_entries, CULL_FREQUENCY=cull_frequency)
    for name, key in calls:
        if name in {"set", "add"}:
            getattr(cache, name)(key, 1)
        elif name == "update":
            cache.update(key, lambda value: (value or 0) + 1)
        elif name != "incr" or cache.has_key(key):
            getattr(cache, name)(key)
        assert size(cache) <= max_entries


def test_threads_keep_within_the_bound() -> None:
    cache, sizes = make(MAX_ENTRIES=50), list[int]()

    def work(number: int) -> None:
        for step in range(500):
            cache.set(f"{number}-{step}", step)
            sizes.append(size(cache))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert max(sizes) <= 50


@pytest.mark.parametrize(
    "use",
    [
        lambda cache, key: cache.get(key),
        lambda cache, key: cache.set(key, 1),
        lambda cache, key: cache.incr(key),
        lambda cache, key: cache.touch(key),
        lambda cache, key: cache.has_key(key),
        lambda cache, key: cache.update(key, lambda value: value),
        lambda cache, key: cache.add(key, 5),
    ],
    ids=["get", "set", "incr", "touch", "has_key", "update", "add"],
)
def test_what_has_been_used_last_stays(use: Any) -> None:
    """Of nine entries three go: those that have not been used for the longest time."""
    cache = make(MAX_ENTRIES=9)
    for key in range(9):
        cache.set(key, key)
    for key in (0, 1, 2):
        use(cache, key)
    cache.set(9, 9)
    assert [key for key in range(10) if key in cache] == [0, 1, 2, 6, 7, 8, 9]


def test_what_has_expired_is_deleted_when_it_is_asked_for() -> None:
    cache = make()
    cache.set("key", 1, 0.01)
    wait_for(lambda: "key" not in cache, "its end")
    assert size(cache) == 0


@pytest.mark.parametrize("seconds", [0, -1])
def test_nothing_has_to_go_for_what_is_not_kept(seconds: int) -> None:
    cache = make(MAX_ENTRIES=3)
    for key in range(3):
        cache.set(key, key)
    cache.set("more", 1, seconds)
    assert cache.add("more", 1, seconds)
    cache.set(1, 1, seconds)
    assert cache.touch(2, seconds)
    assert [key for key in (0, 1, 2, "more") if key in cache] == [0]


def test_a_smaller_cache_on_the_same_store_keeps_to_its_own_bound() -> None:
    large, small = make(MAX_ENTRIES=100), make(MAX_ENTRIES=10)
    shared: dict[Any, Any] = {}
    large.join(shared)
    small.join(shared)
    for number in range(100):
        large.set(number, number)
    small.set("new", 1)
    assert size(small) <= 10
    assert "new" in large


def test_only_caches_of_the_same_location_share() -> None:
    shared: dict[Any, Any] = {}
    first, second, third = (LocMemCache(name, {}) for name in ("a", "a", "b"))
    for each in (first, second, third):
        each.join(shared)
    first.set("key", 1)
    assert second.get("key") == 1
    assert third.get("key") is None
    assert LocMemCache("a", {}).get("key") is None


def test_a_key_from_another_thread_is_seen_at_once() -> None:
    cache = make()
    writer = threading.Thread(target=cache.set, args=("key", "value"))
    writer.start()
    writer.join()
    assert cache.get("key") == "value"


def test_an_update_that_reads_the_cache_does_not_hang() -> None:
    cache = make()
    cache.set("other", 2)
    assert cache.update("key", lambda value: cache.get("other")) == 2
