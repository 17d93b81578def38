"""The handler in several real processes: no line lost, doubled or torn."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

# Writes lines from a common moment on for some seconds; prints for each thread how many.
WRITER = """
import logging, sys, threading, time
from tornadopy.logger import ProcessLogTimedFileHandler

# Waiting lines cost next to nothing: without a pause there would be millions.
ProcessLogTimedFileHandler.buffer_size, ProcessLogTimedFileHandler.buffer_delay = 5000, 0.05
buffered = sys.argv.pop() == "True"
pause = 0.0002 if buffered else 0

def write(handler, who, start, seconds, counts):
    logger = logging.getLogger(who)
    logger.propagate = False
    logger.addHandler(handler)
    time.sleep(max(0, start - time.time()))
    number = 0
    while time.time() < start + seconds:
        logger.error("<%s %d %s>", who, number, "x" * (number % 400))
        number += 1
        if pause:
            time.sleep(pause)
    counts[who] = number

def run(handler, who, start, seconds, threads=1):
    counts = {}
    names = [f"{who}.{each}" for each in range(threads)]
    workers = [threading.Thread(target=write, args=(handler, name, start, seconds, counts)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return counts
"""

SPAWNED = f"""{WRITER}
path, who, start, seconds, threads, keep_open = sys.argv[1:]
ProcessLogTimedFileHandler.keep_open = keep_open == "True"
handler = ProcessLogTimedFileHandler(path, when="S", interval=1, buffered=buffered)
for each, count in run(handler, who, float(start), float(seconds), int(threads)).items():
    print(each, count)
"""

# Parent and children go on with one handler that has been used before; a thread of the parent logs while it forks.
FORKED = f"""{WRITER}
import os
path, start, seconds = sys.argv[1:]
handler = ProcessLogTimedFileHandler(path, when="S", interval=1, buffered=buffered)
busy = {{}}
noise = threading.Thread(target=write, args=(handler, "noise", time.time(), 1.0, busy))
noise.start()
children = []
for child in range(8):
    time.sleep(0.05)
    pid = os.fork()
    if pid == 0:
        counts = run(handler, f"child{{child}}", float(start), float(seconds))
        report = "".join(f"{{each}} {{count}}\\n" for each, count in counts.items())
        os.write(1, report.encode())
        logging.shutdown()
        os._exit(0)
    children.append(pid)
noise.join()
counts = run(handler, "parent", float(start), float(seconds)) | busy
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
for each, count in counts.items():
    print(each, count)
"""

LINE = re.compile(r"<(\S+) (\d+) (x*)>")


def spawn(
    path: Path,
    who: str,
    start: float,
    *,
    seconds: float,
    threads: int = 1,
    keep_open: bool = True,
    buffered: bool = False,
) -> subprocess.Popen[str]:
    arguments = [str(each) for each in (path, who, start, seconds, threads, keep_open, buffered)]
    return subprocess.Popen([sys.executable, "-c", SPAWNED, *arguments], stdout=subprocess.PIPE, text=True)


def log_files(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if each.name.startswith(path.name) and each.suffix != ".lock"]


def assert_complete(path: Path, reports: str) -> None:
    """Every line that was logged stands in one of the files, once and whole, and nothing else does."""
    found: Counter[tuple[str, int]] = Counter()
    for file in log_files(path):
        for line in file.read_text().splitlines():
            match = LINE.fullmatch(line)
            assert match, f"torn in {file.name}: {line!r}"
            assert len(match[3]) == int(match[2]) % 400
            found[match[1], int(match[2])] += 1
    expected = {
        (who, number) for who, count in (each.split() for each in reports.splitlines()) for number in range(int(count))
    }
    assert expected
    assert set(found) == expected
    assert max(found.values()) == 1


@pytest.mark.parametrize(
    ("threads", "keep_open", "buffered"), [(1, True, False), (2, False, False), (1, True, True), (2, False, True)]
)
def test_eight_processes_that_rotate_every_second_lose_nothing(
    tmp_path: Path, threads: int, keep_open: bool, buffered: bool
) -> None:
    path = tmp_path / "x.log"
    start = time.time() + 2
    options = {"threads": threads, "keep_open": keep_open, "buffered": buffered}
    writers = [spawn(path, f"writer{each}", start, seconds=4, **options) for each in range(8)]
    reports = [writer.communicate(timeout=120)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8
    assert_complete(path, "".join(reports))
    assert len(log_files(path)) >= 4
    assert path.with_name("x.log.lock").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs fork")
@pytest.mark.parametrize("buffered", [False, True])
def test_forked_processes_that_share_a_used_handler_lose_nothing(tmp_path: Path, buffered: bool) -> None:
    path = tmp_path / "x.log"
    arguments = [str(path), str(time.time() + 3), "3", str(buffered)]
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert_complete(path, done.stdout)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_processes_that_are_killed_neither_block_the_others_nor_tear_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    start = time.time() + 2
    survivors = [spawn(path, f"survivor{each}", start, seconds=3) for each in range(2)]
    victims = [spawn(path, f"victim{each}", start, seconds=60) for each in range(6)]
    for number, victim in enumerate(victims):
        time.sleep(max(0, start + 0.4 * (number + 1) - time.time()))
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
    reports = "".join(survivor.communicate(timeout=120)[0] for survivor in survivors)
    assert [survivor.returncode for survivor in survivors] == [0, 0]
    lines = [line for file in log_files(path) for line in file.read_text().splitlines()]
    own = Counter(line for line in lines if line.startswith("<survivor") and LINE.fullmatch(line))
    assert max(own.values()) == 1
    assert len(own) == sum(int(report.split()[1]) for report in reports.splitlines())
    # What was cut off by a death stands alone in its line.
    assert all(LINE.fullmatch(line) or line.count("<") <= 1 for line in lines)
