"""Locks by key, for threads and for tasks."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tornadopy.utils.keyedlocks import KeyedLocks


def test_threads_take_turns_on_one_key() -> None:
    locks, inside, most = KeyedLocks(), 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        with locks.hold("key"):
            inside += 1
            most = max(most, inside)
            inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert most == 1
    assert len(locks) == 0


def test_threads_do_not_wait_for_another_key() -> None:
    locks = KeyedLocks()
    with locks.hold("a"), ThreadPoolExecutor(1) as pool:

        def work() -> str:
            with locks.hold("b"):
                return "done"

        assert pool.submit(work).result(5) == "done"


def test_tasks_take_turns_on_one_key_in_the_order_of_coming() -> None:
    async def main() -> list[int]:
        locks, order = KeyedLocks(), list[int]()

        async def work(number: int) -> None:
            async with locks.ahold("key"):
                await asyncio.sleep(0)
                order.append(number)

        await asyncio.gather(*map(work, range(50)))
        assert len(locks) == 0
        return order

    assert asyncio.run(main()) == list(range(50))


def test_a_task_that_is_cancelled_while_it_waits_leaves_nothing_behind() -> None:
    async def main() -> None:
        locks = KeyedLocks()

        async def work() -> None:
            async with locks.ahold("key"):
                raise AssertionError("it never got the lock")

        async with locks.ahold("key"):
            waiting = asyncio.create_task(work())
            await asyncio.sleep(0)
            assert len(locks) == 1
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert len(locks) == 0

    asyncio.run(main())


def test_an_error_gives_the_lock_back() -> None:
    locks = KeyedLocks()
    with pytest.raises(ZeroDivisionError), locks.hold("key"):
        raise ZeroDivisionError
    with locks.hold("key"):
        assert len(locks) == 1
    assert len(locks) == 0


def test_event_loops_do_not_share_locks() -> None:
    """An asyncio lock belongs to one loop; a second loop, in another thread, has its own."""
    locks = KeyedLocks()
    entered, leave = threading.Event(), threading.Event()

    async def hold() -> None:
        async with locks.ahold("key"):
            entered.set()
            await asyncio.to_thread(leave.wait, 5)

    other = threading.Thread(target=lambda: asyncio.run(hold()))
    other.start()
    assert entered.wait(5)

    async def main() -> None:
        async with locks.ahold("key"):
            assert len(locks) == 2

    asyncio.run(main())
    leave.set()
    other.join()
    gc.collect()
    assert len(locks) == 0
