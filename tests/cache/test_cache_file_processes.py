"""The file cache under several processes: nothing lost, nothing torn, whoever is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tornadopy.cache.backends.filebased import FileBasedCache

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

PROCESSES = 8
PATIENCE = 120.0

COMMON = """
import sys, threading
from tornadopy.cache.backends.filebased import FileBasedCache

threading.Timer(100, lambda: __import__("os")._exit(9)).start()  # never left running
cache = FileBasedCache(sys.argv[1], {"OPTIONS": {"MAX_ENTRIES": int(sys.argv[3])}})
me = int(sys.argv[2])
"""

COUNT = (
    COMMON
    + """
for step in range(60):
    cache.update("together", lambda value: {**(value or {}), f"{me}-{step}": step}, timeout=None)
    cache.incr("count")
    cache.set(f"own-{me}", [me, step])
    assert cache.get(f"own-{me}") == [me, step]
    assert isinstance(cache.get("together"), dict)
    if cache.add(f"race-{step}", me):
        cache.incr("won")
import os
os._exit(0)
"""
)

CHURN = (
    COMMON
    + """
import os, random, time
end = time.monotonic() + 3
while time.monotonic() < end:
    key = f"key{random.randrange(300)}"
    action = random.randrange(6)
    if action == 0:
        cache.delete(key)
    elif action == 1:
        cache.set(key, (key, me, "x" * random.randrange(5000)), random.choice([0, 0.01, 100, None]))
    elif action == 2:
        cache.add(key, (key, me, ""))
    elif action == 3:
        cache.touch(key, random.choice([0, 100]))
    elif action == 4 and random.random() < 0.02:
        cache.clear()
    else:
        value = cache.get(key)
        assert value is None or value[0] == key, value
os._exit(0)
"""
)

WRITE_UNTIL_KILLED = (
    COMMON
    + """
while True:
    for letter in "abcdef":
        cache.set("victim", letter * 300_000)
        cache.update("together", lambda value: letter * 200_000)
        print(letter, flush=True)
"""
)


@contextlib.contextmanager
def running(script: str, folder: Path, *, number: int = PROCESSES, max_entries: int = 1000) -> Iterator[list]:
    """Run *script* in processes of their own; whatever happens, none is left."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder), str(each), str(max_entries)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for each in range(number)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def finish(processes: list) -> None:
    for process in processes:
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors


def test_eight_processes_lose_no_update(tmp_path: Path) -> None:
    cache = FileBasedCache(tmp_path, {"OPTIONS": {"MAX_ENTRIES": 1000}})
    cache.set("count", 0, None)
    cache.set("won", 0, None)
    with running(COUNT, tmp_path) as processes:
        finish(processes)
    assert cache.get("together") == {f"{me}-{step}": step for me in range(PROCESSES) for step in range(60)}
    assert cache.get("count") == PROCESSES * 60
    assert cache.get("won") == 60, "each race of add() is won once"
    assert not list(tmp_path.glob("*.tmp"))


def test_eight_processes_do_everything_at_once(tmp_path: Path) -> None:
    """Setting, deleting, clearing, expiring and culling: nobody sees an error or the value of another key."""
    with running(CHURN, tmp_path, max_entries=40) as processes:
        finish(processes)
    assert not list(tmp_path.glob("*.tmp"))
    # Between two looks at the folder each process may add an eighth of what there was room for.
    assert len(list(tmp_path.glob("*.tpcache"))) <= 40 + PROCESSES * 6


def test_a_kill_in_mid_write_leaves_the_old_value_or_the_new(tmp_path: Path) -> None:
    """Writers are killed one after the other, at any moment; whoever reads meanwhile sees whole values alone."""
    cache, kills = FileBasedCache(tmp_path, {}), 0
    for _ in range(6):
        with running(WRITE_UNTIL_KILLED, tmp_path, number=3) as processes:
            for process in processes:
                process.stdout.readline()  # it writes
            end = time.monotonic() + random.uniform(0.0, 0.05)
            while time.monotonic() < end:
                check_whole(cache)
            for process in processes:
                process.send_signal(signal.SIGKILL)
                kills += 1
        check_whole(cache)
        cache.set("after", "works")
        assert cache.get("after") == "works"
        assert cache.update("together", lambda value: value) is not None, "a lock is not held by the dead"
    assert kills == 18


def check_whole(cache: FileBasedCache) -> None:
    for key, length in (("victim", 300_000), ("together", 200_000)):
        value = cache.get(key)
        assert value is not None
        assert len(value) == length
        assert len(set(value)) == 1
