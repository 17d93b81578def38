"""Who waits for a turn shares the failure of the one before; who comes later does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.server import wait_for
from tornadopy.cache.backends.health import Health
from tornadopy.cache.backends.optimistic import ATTEMPTS, LONGEST_PAUSE, pauses
from tornadopy.cache.backends.turns import NetworkTurns
from tornadopy.exceptions import CacheConnectionError


def test_those_who_wait_share_the_failure() -> None:
    async def main() -> None:
        turns, tried = NetworkTurns(), []
        may_fail = asyncio.Event()

        async def call(name: str) -> None:
            async with turns.ahold("key"):
                tried.append(name)
                await may_fail.wait()
                raise CacheConnectionError("the server is gone")

        calls = [asyncio.create_task(call(f"call {number}")) for number in range(5)]
        await asyncio.sleep(0)
        may_fail.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [str(result) for result in results] == ["the server is gone"] * 5
        assert len({id(result) for result in results}) == 5
        assert tried == ["call 0"]
        assert len(turns) == 0
        with pytest.raises(CacheConnectionError):
            await call("later")
        assert tried == ["call 0", "later"]

    asyncio.run(main())


def test_threads_share_it_too() -> None:
    turns, tried = NetworkTurns(), []
    may_fail, holds = threading.Event(), threading.Event()

    def call() -> None:
        with turns.hold("key"):
            tried.append(1)
            holds.set()
            may_fail.wait(5)
            raise CacheConnectionError("the server is gone")

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(call)]
        assert holds.wait(5)
        calls += [pool.submit(call) for _ in range(3)]
        wait_for(lambda: turns._queues["key"].users == 4, "the queue")
        may_fail.set()
        assert [str(each.exception()) for each in calls] == ["the server is gone"] * 4
    assert tried == [1]
    assert not turns._queues


def test_other_keys_and_other_errors_are_nobody_elses() -> None:
    async def main() -> None:
        turns = NetworkTurns()

        async def call(key: str, error: Exception | None) -> str:
            async with turns.ahold(key):
                await asyncio.sleep(0)
                if error is not None:
                    raise error
                return key

        results = await asyncio.gather(
            call("a", ZeroDivisionError()),
            call("b", CacheConnectionError("gone")),
            call("a", None),
            call("b", None),
            call("c", None),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [
            ZeroDivisionError,
            CacheConnectionError,
            str,
            CacheConnectionError,
            str,
        ]

    asyncio.run(main())


def test_the_pauses_have_an_end() -> None:
    lengths = []

    def take(waits: Iterator[float]) -> None:
        for pause in waits:
            lengths.append(pause)

    with pytest.raises(CacheConnectionError, match=f"{ATTEMPTS} times in a row"):
        take(pauses())
    assert len(lengths) == ATTEMPTS
    assert all(0 <= pause <= LONGEST_PAUSE for pause in lengths)
    assert len(set(lengths)) > ATTEMPTS / 2


def test_a_server_that_failed_is_tried_by_one_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tornadopy.cache.backends.health.time.monotonic", lambda: now[0])
    health = Health(5)
    assert health.is_up
    assert health.is_worth_asking()
    health.failed()
    assert not health.is_up
    now[0] += 4.9
    assert not health.is_worth_asking()
    now[0] += 0.2
    assert [health.is_worth_asking() for _ in range(3)] == [True, False, False]
    now[0] += 5
    assert health.is_worth_asking()
    assert not health.is_up
    health.answered()
    assert health.is_up
    assert [health.is_worth_asking() for _ in range(3)] == [True, True, True]
