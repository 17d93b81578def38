"""What a backend inherits: the coroutines, the defaults, the error for one that lacks something."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from tornadopy.cache import cache, cache_page, cached, caches
from tornadopy.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from tornadopy.cache.backends.blocking import BlockingCache
from tornadopy.cache.configuration import SHIPPED
from tornadopy.conf import settings
from tornadopy.decorators.async_execute import pool
from tornadopy.utils.imports import import_string

METHODS = [
    "add", "get", "set", "touch", "delete", "get_many", "set_many", "delete_many", "get_or_set", "incr", "decr",
    "has_key", "clear", "close", "incr_version", "decr_version", "update", "ping",
]  # fmt: skip
BACKENDS = [name for name in SHIPPED if ".memcached." not in name and ".rediscache." not in name]


class Own(BaseCache):
    """The least that a backend can do: a dictionary without times."""

    def __init__(self, location: Any, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.entries: dict[str, Any] = {}
        self.threads: set[threading.Thread] = set()
        self.was_closed = False

    def _key(self, key: Any, version: int | None) -> str:
        self.threads.add(threading.current_thread())
        return self.make_and_validate_key(key, version)

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        made = self._key(key, version)
        return self.entries.setdefault(made, value) is value

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self.entries.get(self._key(key, version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self.entries[self._key(key, version)] = value

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._key(key, version) in self.entries

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self.entries.pop(self._key(key, version), None) is not None

    def clear(self) -> None:
        self.entries.clear()

    def close(self) -> None:
        self.was_closed = True


class InProcess(Own):
    has_io: ClassVar[bool] = False


def test_six_methods_make_a_backend() -> None:
    own = Own("anywhere", {})
    assert own.set_many({"a": 1, "b": 2}) == []
    assert own.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    assert own.incr("a") == 2
    assert own.decr("a", 5) == -3
    assert own.get_or_set("c", lambda: 3) == 3
    assert own.incr_version("c") == 2
    assert own.has_key("c") is False
    assert own.update("b", lambda value: value + 1) == 3
    own.delete_many(["a", "b"])
    assert "a" not in own
    assert own.using("json") is own
    assert own.ping() is None


def test_one_that_lacks_something_cannot_be_made() -> None:
    class Half(BaseCache):
        def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
            return default

    with pytest.raises(TypeError, match="abstract"):
        Half({})  # type: ignore[abstract]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["tornadopy.cache.backends.base.BaseCache", *BACKENDS])
def test_each_method_has_a_coroutine_with_the_same_parameters(name: str, method: str) -> None:
    backend = import_string(name)
    asynchronous = getattr(backend, f"a{method}")
    assert inspect.iscoroutinefunction(asynchronous)
    plain = inspect.signature(getattr(backend, method)).parameters
    twin = inspect.signature(asynchronous).parameters
    assert [(each.name, each.kind, each.default) for each in plain.values()] == [
        (each.name, each.kind, each.default) for each in twin.values()
    ]


def test_the_coroutines_of_one_that_waits_run_in_other_threads() -> None:
    own = Own("anywhere", {})

    async def main() -> None:
        await own.aset("a", 1)
        assert await own.aget("a") == 1
        assert await own.aadd("a", 2) is False
        assert await own.atouch("a") is True
        assert await own.aset_many({"b": 2}) == []
        assert await own.aget_many(["a", "b"]) == {"a": 1, "b": 2}
        assert await own.aincr("a") == 2
        assert await own.adecr("a") == 1
        assert await own.ahas_key("a") is True
        assert await own.aget_or_set("c", 3) == 3
        assert await own.aupdate("c", lambda value: value + 1) == 4
        assert await own.aincr_version("c") == 2
        assert await own.adecr_version("c", version=2) == 1
        assert await own.adelete("a") is True
        assert await own.adelete_many(["b"]) is None
        assert await own.aping() is None
        await own.aclear()
        await own.aclose()

    asyncio.run(main())
    assert own.threads
    assert threading.main_thread() not in own.threads
    assert own.was_closed


def test_those_of_one_that_does_not_wait_run_at_once() -> None:
    own = InProcess("anywhere", {})
    coroutine = own.aset("a", 1)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert own.entries == {":1:a": 1}
    assert own.threads == {threading.current_thread()}


def test_a_default_may_be_computed_asynchronously() -> None:
    async def compute() -> int:
        await asyncio.sleep(0)
        return 5

    async def main() -> None:
        for own in (Own("", {}), InProcess("", {})):
            assert await own.aget_or_set("a", compute) == 5
            assert await own.aget_or_set("a", compute) == 5
            assert own.get("a") == 5

    asyncio.run(main())


def test_the_updates_of_a_key_take_turns_in_the_process() -> None:
    """A backend that knows no atomic update loses none to the threads and tasks of its process."""
    own = Own("anywhere", {})

    async def main() -> None:
        await asyncio.gather(*(own.aupdate("a", lambda value: (value or 0) + 1) for _ in range(300)))

    with ThreadPoolExecutor(4) as threads:
        for _ in range(100):
            threads.submit(own.update, "b", lambda value: (value or 0) + 1)
        asyncio.run(main())
    assert own.get("a") == 300
    assert own.get("b") == 100
    assert len(own.turns) == 0


@pytest.fixture
def two_threads() -> Iterator[None]:
    """A pool of two threads, however many cores there are."""
    pool.shutdown()
    with settings.override(THREADS_NUM=2):
        yield
        pool.shutdown()


@pytest.mark.usefixtures("two_threads")
def test_waiting_updates_hold_no_thread() -> None:
    """Otherwise the waiting ones would keep the pool from whatever they wait for."""
    own = Own("anywhere", {})

    async def main() -> None:
        gate = threading.Event()
        first = asyncio.create_task(own.aupdate("a", lambda value: gate.wait(5) and 1))
        others = [asyncio.create_task(own.aupdate("a", lambda value: value + 1)) for _ in range(50)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(own.aget("b", "free"), 5) == "free"
        gate.set()
        await asyncio.gather(first, *others)

    asyncio.run(main())
    assert own.get("a") == 51


def test_the_public_names_are_there() -> None:
    import tornadopy.cache as room

    assert {cache, caches, cached, cache_page} <= {getattr(room, name) for name in room.__all__}
    assert dir(room) == sorted(room.__all__)
    assert set(room._HOMES) == set(room.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'cachess'"):
        _ = room.cachess


def test_a_blocking_cache_is_half_a_backend() -> None:
    assert issubclass(BaseCache, BlockingCache)
