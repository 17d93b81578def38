"""Servers that are killed, that hang and that come back, under load; the caches stay the same objects all the time."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from networks import ANSWER, LIMIT, NETWORKS, SLACK, Heartbeat, Load, Network, open_files

from support.server import wait_for
from tornadopy.decorators.async_execute import pool
from tornadopy.exceptions import CacheConnectionError

TESTS = Path(__file__).parents[1]


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    with NETWORKS[request.param]() as found:
        yield found


def test_killed_under_load(network: Network) -> None:
    """Calls fail in time while the server is gone; after its restart all are answered, and no connection is left."""

    async def main() -> None:
        cache = network.build()
        try:
            async with Load(cache) as load:
                await load.all_answered()
                before = network.connections()
                for _ in range(2):
                    network.server.kill()
                    await load.all_failed()
                    assert load.longest < LIMIT + SLACK
                    assert all(network.server.address in message for message in load.errors)
                    network.server.start()
                    await load.all_answered()
                    wait_for(lambda: network.connections() <= max(before, load.count), "the end of the others")
        finally:
            await cache.aclose()

    files = open_files()
    asyncio.run(main())
    pool.shutdown(timeout=5)
    gc.collect()
    wait_for(lambda: network.connections() == 0, "the end of all connections")
    assert open_files() <= files


def test_stopped_under_load(network: Network) -> None:
    """While the server hangs, the event loop does not: it beats on, and calls end within their time."""

    async def main() -> None:
        cache = network.build()
        try:
            async with Load(cache) as load, Heartbeat() as heart:
                await load.all_answered()
                network.server.stop()
                began, beats = time.monotonic(), heart.beats
                await load.all_failed()
                while time.monotonic() < began + 3:
                    await asyncio.sleep(0.05)
                seconds, counted = time.monotonic() - began, heart.beats - beats
                assert load.longest < LIMIT + SLACK
                # A loop that waits for the server itself beats once for each answer that it waits for.
                assert counted > 8 * seconds / ANSWER
                network.server.resume()
                await load.all_answered()
        finally:
            network.server.resume()
            await cache.aclose()

    asyncio.run(main())
    pool.shutdown(timeout=5)
    wait_for(lambda: network.connections() == 0, "the end of all connections")


def test_updates_that_wait_for_each_other_fail_together(network: Network) -> None:
    """A hundred updates of one key wait for one time-out, not for a hundred."""

    async def main() -> None:
        cache = network.build()
        try:
            await cache.aset("key", 0)
            network.server.stop()
            async with asyncio.timeout(LIMIT + SLACK):
                updates = [cache.aupdate("key", lambda value: value + 1) for _ in range(100)]
                results = await asyncio.gather(*updates, return_exceptions=True)
            assert {type(result) for result in results} == {CacheConnectionError}
            network.server.resume()
            await _until_it_answers(cache)
            assert await cache.aupdate("key", lambda value: value + 1) >= 1
        finally:
            network.server.resume()
            await cache.aclose()

    asyncio.run(main())
    pool.shutdown(timeout=5)


async def _until_it_answers(cache: object) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await cache.aget("key")  # type: ignore[attr-defined]
            except CacheConnectionError:
                await asyncio.sleep(0.01)
            else:
                return


def test_threads_meet_the_same(network: Network) -> None:
    """The synchronous calls fail in time, and go on after a restart; updates in threads fail together, too."""
    cache = network.build()
    cache.set("key", 0)
    with ThreadPoolExecutor(8) as threads:
        network.server.stop()
        began = time.monotonic()
        calls = [threads.submit(cache.get, f"key{number}") for number in range(8)]
        calls += [threads.submit(cache.update, "key", lambda value: value + 1) for _ in range(16)]
        errors = [call.exception() for call in calls]
        assert {type(error) for error in errors} == {CacheConnectionError}
        assert time.monotonic() - began < 4 * LIMIT + SLACK
        network.server.resume()
        network.server.restart()
        wait_for(lambda: _answers(cache), "an answer", timeout=30)
        assert (
            list(threads.map(lambda number: cache.update("key", lambda value: (value or 0) + 1), range(40)))[-1] <= 40
        )
        assert cache.get("key") == 40
        wait_for(lambda: network.connections() <= 8, "the end of all but one connection of each thread")
    cache.close()
    wait_for(lambda: network.connections() == 0, "the end of all connections")


def _answers(cache: object) -> bool:
    try:
        cache.get("key")  # type: ignore[attr-defined]
    except CacheConnectionError:
        return False
    return True


def test_a_restart_between_two_calls_goes_unnoticed(network: Network) -> None:
    """A connection that the server has closed meanwhile is not used again."""
    cache = network.build_patient()
    cache.set("key", 1)
    network.server.restart()
    assert cache.get("key") is None
    cache.close()

    async def main() -> None:
        await cache.aset("key", 1)
        await asyncio.to_thread(network.server.restart)
        assert await cache.aget("key") is None
        await cache.aclose()

    asyncio.run(main())
    pool.shutdown(timeout=5)


def test_a_server_that_was_never_there_is_an_error_that_says_where(network: Network) -> None:
    cache = network.build()
    network.server.kill()
    for call in (cache.ping, cache.clear, lambda: cache.get_many(["a", "b"]), lambda: cache.incr("a")):
        with pytest.raises(CacheConnectionError, match=f"at {network.server.address} ") as caught:
            call()
        assert caught.value.__cause__ is not None or "tried again" in str(caught.value)
    with pytest.raises(CacheConnectionError):
        asyncio.run(cache.aping())
    pool.shutdown(timeout=5)
    network.server.start()
    cache.ping()
    assert cache.get("key") is None
    cache.close()


def test_many_event_loops_leave_nothing_behind(network: Network) -> None:
    """Each loop has connections of its own, which end with it, though nobody closes the cache."""
    cache = network.build_patient()

    async def main(number: int) -> None:
        await asyncio.gather(*(cache.aset(f"key{each}", number) for each in range(10)))
        assert await cache.aget("key3") == number
        await cache.aupdate("key3", lambda value: value + 1)

    asyncio.run(main(0))
    files, connections = open_files(), network.connections()
    for number in range(1, 20):
        asyncio.run(main(number))
    gc.collect()
    assert open_files() <= files + 2  # the threads of the pool may have opened their second connection meanwhile
    wait_for(lambda: network.connections() <= connections + 2, "the end of the connections of the loops")
    cache.close()
    pool.shutdown(timeout=5)
    wait_for(lambda: network.connections() == 0, "the end of all connections")


def test_loops_in_threads_have_connections_of_their_own(network: Network) -> None:
    cache = network.build_patient()

    async def main(number: int) -> int:
        for _ in range(20):
            await cache.aset(f"key{number}", number)
            assert await cache.aget(f"key{number}") == number
            await cache.aincr_version(f"key{number}")
            await cache.aupdate("shared", lambda value: (value or 0) + 1)
        return number

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda number: asyncio.run(main(number)), range(8))) == list(range(8))
    assert cache.get("shared") == 160
    cache.close()
    pool.shutdown(timeout=5)
    wait_for(lambda: network.connections() == 0, "the end of all connections")


WRITER = """
import asyncio, sys
from tornadopy.utils.imports import import_string

backend, address, process = import_string(sys.argv[1]), sys.argv[2], int(sys.argv[3])
cache = backend(address, {"OPTIONS": {}})

async def put(number):
    await cache.aupdate("key", lambda value: {**(value or {}), f"{process}-{number}": number})

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*map(put, range(250)))
    await cache.aclose()

asyncio.run(main())
"""


@contextmanager
def _writer(network: Network, number: int) -> Iterator[subprocess.Popen[bytes]]:
    name = f"{network.backend.__module__}.{network.backend.__name__}"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, name, network.server.address, str(number)],
        env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS / 'cache'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_thousand_updates_from_four_processes_lose_nothing(network: Network) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(network, number)) for number in range(4)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write(b"go\n")
            writer.stdin.flush()
        assert [writer.wait(120) for writer in writers] == [0] * 4
    cache = network.build_patient()
    assert len(cache.get("key")) == 1000
    cache.close()


FORK = """
import asyncio, os, sys
from tornadopy.utils.imports import import_string

backend, address = import_string(sys.argv[1]), sys.argv[2]
cache = backend(address, {"OPTIONS": {}})

def work(name):
    for number in range(300):
        cache.set(name, [name, number])
        assert cache.get(name) == [name, number]

async def awork(name):
    for number in range(100):
        await cache.aset(name, [name, number])
        assert await cache.aget(name) == [name, number]

def child():
    try:
        work("child")
        asyncio.run(awork("child"))
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

work("parent")
is_asynchronous = backend.__name__ == "RedisCache"  # the other one's tasks are threads, and threads do not fork

async def main():
    if is_asynchronous:
        await awork("parent")
    number = os.fork()
    if not number:
        # The loop of the parent is running in this copy of it: the child leaves it as it is and starts anew.
        asyncio._set_running_loop(None)
        child()
    if is_asynchronous:
        await awork("parent")
    work("parent")
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            break
        await asyncio.sleep(0.01)
    assert os.waitstatus_to_exitcode(status) == 0, status
    if is_asynchronous:
        await awork("parent")
    work("parent")
    await cache.aclose()

asyncio.run(main())
"""


def test_a_forked_child_shares_no_connection(network: Network) -> None:
    """Parent and child call at the same time, each gets its own answers, and the parent goes on after the child."""
    name = f"{network.backend.__module__}.{network.backend.__name__}"
    done = subprocess.run(
        [sys.executable, "-c", FORK, name, network.server.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_cancelled_call_spoils_no_connection(network: Network) -> None:
    """What comes late for a cancelled call is not taken for the answer of the next one."""

    async def main() -> None:
        cache = network.build_patient()
        for number in range(20):
            await cache.aset(f"key{number}", number)
        for round_ in range(20):
            calls = [asyncio.create_task(cache.aget(f"key{number}")) for number in range(20)]
            for _ in range(round_ % 4):
                await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(result in {number, None} for number, result in enumerate(results) if number % 2)
            assert results[1::2] == list(range(1, 20, 2))
        await cache.aclose()

    asyncio.run(main())
    pool.shutdown(timeout=5)
    wait_for(lambda: network.connections() == 0, "the end of all connections")


def test_no_thread_belongs_to_a_cache(network: Network) -> None:
    """Building and using caches starts no thread but those of the pool."""
    before = set(threading.enumerate())
    caches = [network.build_patient() for _ in range(5)]
    for cache in caches:
        cache.set("key", 1)
        cache.ping()
    assert set(threading.enumerate()) == before
    for cache in caches:
        cache.close()
