"""The handler that lets lines wait and writes many at once: when it writes, and that nothing is lost."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from serving import Project
from support.server import wait_for
from tornadopy.logger import ProcessLogTimedFileHandler, handlers, linebuffer

NEVER = 3600.0  # seconds: no test of what else writes waits for the time
Build = Callable[..., ProcessLogTimedFileHandler]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Builds buffered handlers for x.log, and closes them."""
    built: list[ProcessLogTimedFileHandler] = []

    def make(*, delay: float = NEVER, size: int = 64 * 1024, opens_late: bool = False, **options: Any) -> Any:
        kind = type("Handler", (ProcessLogTimedFileHandler,), {"buffer_delay": delay, "buffer_size": size})
        built.append(kind(tmp_path / "x.log", buffered=True, delay=opens_late, **options))
        return built[-1]

    yield make
    for handler in built:
        handler.close()
    wait_for(lambda: not timers(), "the end of the threads")


def log(handler: logging.Handler, message: str) -> None:
    handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, message, None, None))


def timers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "tornadopy-log"]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.suffix != ".lock"}


# ---- when lines are written


def test_they_are_written_when_they_are_many(build: Build, tmp_path: Path) -> None:
    handler = build(size=30)
    log(handler, "a" * 9)
    log(handler, "b" * 9)
    assert contents(tmp_path) == {"x.log": ""}
    log(handler, "c" * 9)
    assert contents(tmp_path) == {"x.log": f"{'a' * 9}\n{'b' * 9}\n{'c' * 9}\n"}
    log(handler, "d" * 100)
    assert (tmp_path / "x.log").read_text().endswith("d\n")


def test_they_are_written_when_it_is_time_without_a_further_line(build: Build, tmp_path: Path) -> None:
    handler = build(delay=0.02)
    for number in range(3):
        log(handler, f"line {number}")
        wait_for(lambda last=f"line {number}\n": (tmp_path / "x.log").read_text().endswith(last), "the line")


def test_the_thread_ends_when_no_line_comes_and_a_line_starts_another(build: Build, tmp_path: Path) -> None:
    handler = build(delay=0.01)
    assert not timers()
    log(handler, "1")
    wait_for(lambda: (tmp_path / "x.log").read_text() == "1\n" and not timers(), "the line, and the end of the thread")
    log(handler, "2")
    wait_for(lambda: (tmp_path / "x.log").read_text() == "1\n2\n", "the second line")


def test_one_thread_serves_all_threads_that_log(build: Build, tmp_path: Path) -> None:
    handler = build()
    workers = [threading.Thread(target=log, args=(handler, str(number))) for number in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(timers()) == 1
    handler.flush()
    assert sorted((tmp_path / "x.log").read_text().split(), key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize("act", ["flush", "close"])
def test_flush_and_close_write_them(build: Build, tmp_path: Path, act: str) -> None:
    handler = build()
    log(handler, "1")
    log(handler, "2")
    assert contents(tmp_path) == {"x.log": ""}
    getattr(handler, act)()
    assert contents(tmp_path) == {"x.log": "1\n2\n"}


def test_after_close_no_line_waits(build: Build, tmp_path: Path) -> None:
    """Nobody may be left who would write it: logging closes its handlers at the end of the process."""
    handler = build()
    log(handler, "1")
    handler.close()
    log(handler, "2")
    assert contents(tmp_path) == {"x.log": "1\n2\n"}
    wait_for(lambda: not timers(), "the end of the thread")


def test_a_rotation_by_hand_leaves_them_in_the_old_file(build: Build, tmp_path: Path) -> None:
    handler = build()
    handler.namer = lambda name: str(tmp_path / "old.log")
    log(handler, "1")
    handler.doRollover()
    log(handler, "2")
    handler.flush()
    assert contents(tmp_path) == {"old.log": "1\n", "x.log": "2\n"}


def test_a_block_is_not_torn_by_a_rotation(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits when the period ends goes to the next file, together."""
    moment = [datetime.fromisoformat("2026-05-04T23:59:58").timestamp()]
    monkeypatch.setattr(handlers, "time", SimpleNamespace(**{**vars(time), "time": lambda: moment[0]}))
    handler = build(when="midnight")
    log(handler, "1")
    handler.flush()
    log(handler, "2")
    moment[0] += 3
    log(handler, "3")
    handler.flush()
    assert contents(tmp_path) == {"x.log": "2\n3\n", "x.log.2026-05-04": "1\n"}


def test_without_threads_no_line_waits(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread cannot be had at the end of the interpreter, or where the system gives no more."""

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(linebuffer.Thread, "start", start)
    handler = build()
    log(handler, "1")
    log(handler, "2")
    assert contents(tmp_path) == {"x.log": "1\n2\n"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_gets_each_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    handler = ProcessLogTimedFileHandler("/dev/full", buffered=True)
    log(handler, "1")
    assert "cannot write the log file /dev/full (No space left on device)" in capsys.readouterr().err
    handler.close()


def test_a_block_has_no_byte_order_mark_within(build: Build, tmp_path: Path) -> None:
    handler = build(encoding="utf-16")
    for number in range(4):
        log(handler, f"ä{number}")
        if number % 2:
            handler.flush()
    assert (tmp_path / "x.log").read_bytes() == "ä0\nä1\nä2\nä3\n".encode("utf-16")


# ---- lines in the midst of others, and trouble


def test_a_line_logged_while_others_are_written_is_kept(build: Build, tmp_path: Path) -> None:
    """As a signal handler or a finaliser does: here, whoever moves the file away."""
    handler = build()
    log(handler, "1")
    handler.flush()

    def rotator(source: str, target: str) -> None:
        log(handler, "3")
        handler.flush()
        shutil.move(source, target)

    handler.rotator = rotator
    handler.namer = lambda name: str(tmp_path / "old.log")
    log(handler, "2")
    handler.doRollover()
    assert contents(tmp_path) == {"old.log": "1\n2\n", "x.log": "3\n"}


def test_an_exception_of_a_signal_handler_costs_no_line(build: Build, tmp_path: Path) -> None:
    """KeyboardInterrupt may come while lines are being written."""
    handler = build()
    log(handler, "1")
    handler.flush()
    log(handler, "2")

    def rotator(source: str, target: str) -> None:
        raise KeyboardInterrupt

    handler.rotator = rotator
    handler._rotation_forced = True
    with pytest.raises(KeyboardInterrupt):
        handler.flush()
    log(handler, "3")
    handler.flush()
    assert contents(tmp_path) == {"x.log": "1\n2\n3\n"}


def test_old_files_that_cannot_be_found_are_reported_and_cost_no_line(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A namer of the user may raise anything."""
    handler = build(backupCount=1)

    def find() -> list[str]:
        raise LookupError("no names")

    monkeypatch.setattr(handler, "getFilesToDelete", find)
    log(handler, "1")
    handler.doRollover()
    log(handler, "2")
    handler.flush()
    assert (tmp_path / "x.log").read_text() == "2\n"
    assert capsys.readouterr().err == f"tornadopy: cannot delete old files of the log {tmp_path}/x.log (no names)\n"


def test_whatever_happens_in_the_thread_is_reported_and_it_goes_on(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = build(delay=0.02, opens_late=True)
    failed = threading.Event()

    def compute(moment: int) -> int:
        failed.set()
        raise ZeroDivisionError("no period")

    with monkeypatch.context() as patch:
        patch.setattr(handler, "computeRollover", compute)
        log(handler, "1")
        wait_for(failed.is_set, "the failure")
        wait_for(lambda: not handler._buffer, "the loss of the line")
    log(handler, "2")
    wait_for(lambda: "2" in (tmp_path / "x.log").read_text(), "the next line")
    wait_for(lambda: not timers(), "the end of the thread")
    assert (tmp_path / "x.log").read_text() == "2\n"
    assert capsys.readouterr().err.splitlines() == [
        f"tornadopy: cannot write the log file {tmp_path}/x.log (no period); lines are lost until this is mended",
        f"tornadopy: the log file {tmp_path}/x.log can be written again; lines lost meanwhile: 1",
    ]


LIMITED = """
import logging, resource, sys
from tornadopy.logger import ProcessLogTimedFileHandler
ProcessLogTimedFileHandler.buffer_delay = 3600
handler = ProcessLogTimedFileHandler(sys.argv[1], buffered=True)
logger = logging.getLogger("x")
logger.addHandler(handler)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
for number in range(30):
    logger.error("%03d %s", number, "x" * 95)
    if number % 6 == 5:
        handler.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
logger.error("030 %s", "x" * 95)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_takes_whole_blocks_or_none_and_lost_lines_are_counted(tmp_path: Path) -> None:
    done = run(LIMITED, tmp_path / "x.log")
    lines = (tmp_path / "x.log").read_text().splitlines()
    assert [line[:3] for line in lines] == [f"{number:03}" for number in [*range(6), 30]]
    assert done.stderr.splitlines() == [
        f"tornadopy: cannot write the log file {tmp_path}/x.log (File too large); lines are lost until this is mended",
        f"tornadopy: the log file {tmp_path}/x.log can be written again; lines lost meanwhile: 24",
    ]


# ---- the end of processes, forks, signals


START = """
import itertools, logging, os, signal, sys, time
from tornadopy.logger import ProcessLogTimedFileHandler
ProcessLogTimedFileHandler.buffer_delay = 3600
logger = logging.getLogger("x")
logger.propagate = False
handler = ProcessLogTimedFileHandler(sys.argv[1], buffered=True)
logger.addHandler(handler)
logger.error("first")
"""
LATE = """
class Late:
    def __del__(self, error=logger.error):
        error("late")
late = Late()
"""
ENDS = {
    "the last line": "",
    "sys.exit": "sys.exit()",
    "a signal handler": "signal.signal(signal.SIGALRM, lambda *_: sys.exit()); signal.alarm(1); signal.pause()",
    "a line after logging has closed": LATE,
}


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_process_writes_them(tmp_path: Path, end: str) -> None:
    done = run(START + ENDS[end], tmp_path / "x.log")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path) == {"x.log": "first\nlate\n" if ENDS[end] is LATE else "first\n"}


FORK = """
if os.fork() == 0:
    if "log" in sys.argv[2]:
        logger.error("child")
    logging.shutdown()
    os._exit(0)
os.wait()
assert "first" not in open(sys.argv[1]).read()
logger.error("last")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("act", ["log", "end"])
def test_a_forked_child_leaves_its_parents_lines_to_the_parent(tmp_path: Path, act: str) -> None:
    done = run(f"import sys; sys.argv.append({act!r})\n{START}{FORK}", tmp_path / "x.log")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path) == {"x.log": ("child\n" if act == "log" else "") + "first\nlast\n"}


FORK_AND_WAIT = """
ProcessLogTimedFileHandler.buffer_delay = 0.05
handler = ProcessLogTimedFileHandler(sys.argv[1] + ".timed", buffered=True)
logger.addHandler(handler)
logger.error("parent")
if os.fork() == 0:
    logger.error("child")
    deadline = time.monotonic() + 30
    while "child" not in open(sys.argv[1] + ".timed").read() and time.monotonic() < deadline:
        time.sleep(0.01)
    os._exit(0 if time.monotonic() < deadline else 1)
assert os.wait()[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_thread_of_its_own(tmp_path: Path) -> None:
    """Its line is written in time, though the thread of the parent does not run there."""
    done = run(START + FORK_AND_WAIT, tmp_path / "x.log")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted((tmp_path / "x.log.timed").read_text().split()) == ["child", "parent"]


SIGNALS = """
handler = ProcessLogTimedFileHandler(sys.argv[1] + ".busy", buffered=True)
logger.addHandler(handler)
ProcessLogTimedFileHandler.buffer_size = 300
busy = ProcessLogTimedFileHandler(sys.argv[1] + ".small", buffered=True)
logger.addHandler(busy)
numbers, seen = itertools.count(), 0
def on_alarm(*_):  # another one may come in its midst
    global seen
    number = next(numbers)
    logger.error("signal %d", number)
    seen = max(seen, number)
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
number = 0
while seen < 300:
    logger.error("main %d", number)
    number += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(number, next(numbers))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals of POSIX")
def test_lines_of_a_signal_handler_in_the_midst_of_others_are_kept(tmp_path: Path) -> None:
    done = run(START + SIGNALS, tmp_path / "x.log")
    assert (done.returncode, done.stderr) == (0, "")
    count, seen = map(int, done.stdout.split())
    expected = sorted([*(f"main {each}" for each in range(count)), *(f"signal {each}" for each in range(seen))])
    for name in ("x.log.busy", "x.log.small"):
        assert sorted((tmp_path / name).read_text().splitlines()) == expected


# ---- a server

FILES = {
    "settings/__init__.py": "",
    "settings/setting.py": """
        DEBUG = False
        INSTALLED_APPS = ["shop"]
        MIDDLEWARE_CLASSES = ["tornadopy.middleware.accesslog.AccessLogMiddleware"]
        TORNADO_CONF = {"cookie_secret": "zFp1Lk7Wm3Xc9Vb5Nq2Rt8Yh4Jd6Gs0A"}
    """,
    "shop/__init__.py": "",
    "shop/urls.py": """
        from tornadopy import Url, route
        from tornadopy.handler import WebHandler


        class Page(WebHandler):
            def get(self):
                self.write("page")


        u = Url()
        urls = route(u("/.*", Page))
    """,
    "runserver.py": """
        import os

        os.environ.setdefault("tornadopy_APP_SETTINGS", "settings.setting")

        from tornadopy.logger import ProcessLogTimedFileHandler
        from tornadopy.webserver import run

        ProcessLogTimedFileHandler.buffer_delay = 3600
        try:
            run()
        finally:
            os._exit(0)  # as a process of multiprocessing ends: atexit is not run
    """,
}


def requests_in(folder: Path) -> list[str]:
    return [line.split('"')[1] for line in (folder / "logs" / "access.log").read_text().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_stops_gracefully_writes_them(tmp_path: Path, number: signal.Signals) -> None:
    with Project(tmp_path, FILES).running() as running:
        for each in range(20):
            assert running.fetch(f"/{each}").text == "page"
        assert requests_in(tmp_path) == []
        assert running.stop(number) == 0
    assert requests_in(tmp_path) == [f"GET /{each} HTTP/1.1" for each in range(20)]


def test_a_server_that_starts_again_for_a_change_writes_them(tmp_path: Path) -> None:
    files = {**FILES, "settings/setting.py": FILES["settings/setting.py"].replace("False", "True")}
    with Project(tmp_path, files).running() as running:
        assert running.fetch("/before").text == "page"
        page = tmp_path / "shop" / "urls.py"

        def is_written() -> bool:
            # A change before Tornado's first look at the files is none to it: change until it takes notice.
            os.utime(page, (page.stat().st_mtime + 1,) * 2)
            return requests_in(tmp_path) == ["GET /before HTTP/1.1"]

        wait_for(is_written, "the line of before", timeout=30)
