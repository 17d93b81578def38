"""The handler in one process: rotation, names, and trouble with the file."""

from __future__ import annotations

import inspect
import logging
import logging.handlers
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tornadopy.logger import ProcessLogTimedFileHandler, handlers
from tornadopy.utils import filelock as filelock_module

Clock = Callable[[str], None]
Build = Callable[..., ProcessLogTimedFileHandler]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Builds handlers for x.log, and closes them."""
    built: list[ProcessLogTimedFileHandler] = []

    def make(name: str = "x.log", **options: Any) -> ProcessLogTimedFileHandler:
        handler = ProcessLogTimedFileHandler(tmp_path / name, **options)
        built.append(handler)
        return handler

    yield make
    for handler in built:
        handler.close()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A local time with summer time: 23 hours on 29 March 2026, 25 hours on 25 October 2026."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the time that handlers see, as local time in ISO form."""
    moment = [time.time()]
    fake = SimpleNamespace(**{**vars(time), "time": lambda: moment[0]})
    monkeypatch.setattr(handlers, "time", fake)

    def turn(text: str) -> None:
        moment[0] = datetime.fromisoformat(text).timestamp()

    return turn


def log(handler: logging.Handler, message: str) -> None:
    handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, message, None, None))


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.suffix != ".lock"}


# ---- construction


def test_the_constructor_is_the_standard_librarys() -> None:
    own = inspect.signature(ProcessLogTimedFileHandler).parameters
    theirs = inspect.signature(logging.handlers.TimedRotatingFileHandler).parameters
    assert list(own) == [*theirs, "buffered"]
    assert own["buffered"].kind is inspect.Parameter.KEYWORD_ONLY
    assert {name: own[name].default for name in theirs} == {name: each.default for name, each in theirs.items()}
    assert issubclass(ProcessLogTimedFileHandler, logging.handlers.TimedRotatingFileHandler)


@pytest.mark.parametrize("when", ["X", "W", "W7", ""])
def test_an_unknown_period_is_refused(tmp_path: Path, when: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ProcessLogTimedFileHandler(tmp_path / "x.log", when=when)


def test_delay_leaves_the_file_for_the_first_line(build: Build, tmp_path: Path) -> None:
    build("now.log")
    late = build("sub/late.log", delay=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["now.log", "now.log.lock"]
    log(late, "line")
    assert (tmp_path / "sub" / "late.log").read_text() == "line\n"


def test_it_is_used_by_dict_config(tmp_path: Path) -> None:
    import logging.config

    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "file": {
                    "class": "tornadopy.logger.ProcessLogTimedFileHandler",
                    "filename": str(tmp_path / "x.log"),
                    "when": "midnight",
                    "backupCount": 3,
                }
            },
            "loggers": {"test.dictconfig": {"handlers": ["file"], "level": "INFO", "propagate": False}},
        }
    )
    logger = logging.getLogger("test.dictconfig")
    logger.info("line %d", 1)
    (handler,) = logger.handlers
    logger.removeHandler(handler)
    handler.close()
    assert (tmp_path / "x.log").read_text() == "line 1\n"


# ---- lines


def test_the_encoding_loses_nothing(build: Build, tmp_path: Path) -> None:
    log(build(), "ä 中 \ud800")
    log(build("ascii.log", encoding="ascii"), "ä")
    log(build("wide.log", encoding="utf-16"), "ä")
    log(build("wide.log", encoding="utf-16"), "ö")
    log(build("strict.log", encoding="ascii", errors="replace"), "ä")
    assert (tmp_path / "x.log").read_bytes() == "ä 中 \\ud800\n".encode()
    assert (tmp_path / "ascii.log").read_bytes() == b"\\xe4\n"
    assert (tmp_path / "wide.log").read_bytes().decode("utf-16") == "ä\nö\n"
    assert (tmp_path / "strict.log").read_bytes() == b"?\n"


def test_a_record_that_cannot_be_formatted_is_loggings_to_report(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = build()
    handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, "%d", ("text",), None))
    log(handler, "next")
    assert "--- Logging error ---" in capsys.readouterr().err
    assert (tmp_path / "x.log").read_text() == "next\n"


def test_a_closed_handler_opens_again(build: Build, tmp_path: Path) -> None:
    handler = build()
    log(handler, "1")
    handler.close()
    handler.close()
    log(handler, "2")
    handler.flush()
    assert (tmp_path / "x.log").read_text() == "1\n2\n"


def test_a_line_logged_in_the_midst_of_another_waits_for_its_turn(build: Build, tmp_path: Path) -> None:
    """As a signal handler or a finaliser does: here, whoever moves the file away."""
    handler = build()
    log(handler, "1")

    def rotator(source: str, target: str) -> None:
        log(handler, "3")
        shutil.move(source, target)

    handler.rotator = rotator
    handler.namer = lambda name: str(tmp_path / "old.log")
    handler.doRollover()
    log(handler, "4")
    assert contents(tmp_path) == {"old.log": "1\n", "x.log": "3\n4\n"}


# ---- rotation


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("options", "before", "after", "name"),
    [
        ({"when": "S"}, "2026-05-04T10:00:00", "2026-05-04T10:00:05", "2026-05-04_10-00-00"),
        ({"when": "S", "interval": 30}, "2026-05-04T10:00:07", "2026-05-04T10:00:37", "2026-05-04_10-00-07"),
        ({"when": "M"}, "2026-05-04T10:00:30", "2026-05-04T10:01:30", "2026-05-04_10-00"),
        ({"when": "H"}, "2026-05-04T10:30:00", "2026-05-04T11:30:00", "2026-05-04_10"),
        ({"when": "H", "utc": True}, "2026-05-04T10:30:00", "2026-05-04T11:30:00", "2026-05-04_08"),
        ({"when": "D"}, "2026-05-04T10:30:00", "2026-05-05T10:30:00", "2026-05-04"),
        ({"when": "midnight"}, "2026-05-04T23:59:59", "2026-05-05T00:00:00", "2026-05-04"),
        ({"when": "midnight"}, "2026-03-28T10:00:00", "2026-03-29T00:00:00", "2026-03-28"),
        ({"when": "midnight"}, "2026-03-29T01:00:00", "2026-03-30T00:00:00", "2026-03-29"),
        ({"when": "midnight"}, "2026-10-25T01:00:00", "2026-10-26T00:00:00", "2026-10-25"),
        ({"when": "midnight", "utc": True}, "2026-05-04T10:00:00", "2026-05-05T02:00:00", "2026-05-04"),
        ({"when": "midnight", "atTime": clock_time(4, 30)}, "2026-05-04T10:00:00", "2026-05-05T04:30:00", "2026-05-04"),
        ({"when": "W6"}, "2026-05-04T10:00:00", "2026-05-11T00:00:00", "2026-05-04"),
        ({"when": "W6"}, "2026-03-24T10:00:00", "2026-03-30T00:00:00", "2026-03-23"),
    ],
)
def test_it_rotates_at_the_end_of_the_period_and_names_the_file_by_its_beginning(
    build: Build, clock: Clock, tmp_path: Path, options: dict[str, Any], before: str, after: str, name: str
) -> None:
    clock(before)
    handler = build(**options)
    log(handler, "1")
    # The second before the end still belongs to the period.
    clock((datetime.fromisoformat(after) - timedelta(seconds=1)).isoformat())
    if options["when"] != "S" or "interval" in options:
        log(handler, "2")
    clock(after)
    log(handler, "3")
    log(handler, "4")
    files = contents(tmp_path)
    assert files.pop("x.log") == "3\n4\n"
    assert list(files) == [f"x.log.{name}"]
    assert files[f"x.log.{name}"] in {"1\n", "1\n2\n"}


def test_the_second_handler_finds_the_rotation_done(build: Build, clock: Clock, tmp_path: Path) -> None:
    clock("2026-05-04T10:00:00")
    first, second = build(when="midnight"), build(when="midnight")
    log(first, "1")
    log(second, "2")
    clock("2026-05-05T10:00:00")
    log(first, "3")
    log(second, "4")
    log(first, "5")
    assert contents(tmp_path) == {"x.log": "3\n4\n5\n", "x.log.2026-05-04": "1\n2\n"}


def test_the_moment_of_rotation_outlives_the_process(build: Build, clock: Clock, tmp_path: Path) -> None:
    """Also where the period counts from the file's beginning, and lines go on to the end."""
    clock("2026-05-04T10:00:00")
    log(build(when="H", interval=6), "1")
    clock("2026-05-04T15:59:59")
    os.utime(tmp_path / "x.log", (time.time(), datetime.fromisoformat("2026-05-04T15:59:59").timestamp()))
    log(build(when="H", interval=6), "2")
    clock("2026-05-04T16:00:00")
    log(build(when="H", interval=6), "3")
    assert contents(tmp_path) == {"x.log": "3\n", "x.log.2026-05-04_10": "1\n2\n"}


def test_an_empty_file_is_not_rotated_and_another_process_learns_it(build: Build, clock: Clock, tmp_path: Path) -> None:
    clock("2026-05-04T10:00:00")
    first, second = build(when="midnight"), build(when="midnight")
    clock("2026-05-05T10:00:00")
    log(first, "1")
    log(second, "2")
    assert contents(tmp_path) == {"x.log": "1\n2\n"}


@pytest.mark.parametrize(
    "note", [None, b"", b"garbage \xff", b"12", b"99999999999 MIDNIGHT 86400 local 00:00:00\n", b"1 S 1"]
)
def test_without_a_usable_note_the_last_line_tells_the_period(
    build: Build, clock: Clock, tmp_path: Path, note: bytes | None
) -> None:
    """The note is missing, torn, was made while the clock was wrong, or for another period."""
    path = tmp_path / "x.log"
    path.write_text("old\n")
    yesterday = datetime.fromisoformat("2026-05-03T22:00:00").timestamp()
    os.utime(path, (yesterday, yesterday))
    if note is not None:
        (tmp_path / "x.log.lock").write_bytes(note)
    clock("2026-05-04T10:00:00")
    log(build(when="midnight"), "new")
    assert contents(tmp_path) == {"x.log": "new\n", "x.log.2026-05-03": "old\n"}


def test_a_name_that_is_taken_is_never_overwritten(build: Build, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "x.log.2026-05-04").write_text("precious\n")
    (tmp_path / "x.log.2026-05-04.001").symlink_to("nowhere")
    clock("2026-05-04T10:00:00")
    handler = build(when="midnight")
    log(handler, "1")
    handler.doRollover()
    handler.doRollover()
    log(handler, "2")
    handler.doRollover()
    (tmp_path / "x.log.2026-05-04.001").unlink()
    assert contents(tmp_path) == {
        "x.log": "",
        "x.log.2026-05-04": "precious\n",
        "x.log.2026-05-04.002": "1\n",
        "x.log.2026-05-04.003": "2\n",
    }


def test_only_the_newest_backups_are_kept_and_no_other_file_is_touched(
    build: Build, clock: Clock, tmp_path: Path
) -> None:
    for name in ("x.log.2026-05-01", "x.log.2026-05-02", "x.log.2026-05-02.001", "x.log.2026-05-03"):
        (tmp_path / name).write_text(name)
    others = ("x.log.json.2026-05-01", "x.log.old", "x.log.2026-05-01.bak", "y.log.2026-05-01", "x.log.2026-05-01.gz")
    for name in others:
        (tmp_path / name).write_text("")
    clock("2026-05-04T10:00:00")
    handler = build(when="midnight", backupCount=3)
    log(handler, "1")
    handler.doRollover()
    left = set(contents(tmp_path)) - set(others)
    assert left == {"x.log", "x.log.2026-05-04", "x.log.2026-05-03", "x.log.2026-05-02.001"}
    assert set(others) <= set(contents(tmp_path))


def test_a_namer_and_a_rotator_of_the_user_are_called(build: Build, clock: Clock, tmp_path: Path) -> None:
    """As with the standard library's handler: here for compressed files."""
    clock("2026-05-04T10:00:00")
    handler = build(when="midnight", backupCount=1)
    handler.namer = lambda name: name + ".gz"

    def rotator(source: str, target: str) -> None:
        Path(target).write_text("compressed")
        Path(source).unlink()

    handler.rotator = rotator
    for day in (4, 5, 6):
        clock(f"2026-05-0{day}T10:00:00")
        log(handler, str(day))
    assert contents(tmp_path) == {"x.log": "6\n", "x.log.2026-05-05.gz": "compressed"}


def test_a_rotation_that_fails_is_reported_and_lines_go_on(
    build: Build, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock("2026-05-04T10:00:00")
    handler = build(when="midnight")
    attempts = []

    def rotator(source: str, target: str) -> None:
        attempts.append(target)
        raise RuntimeError("no\nway")

    handler.rotator = rotator
    log(handler, "1")
    clock("2026-05-05T10:00:00")
    for number in (2, 3):
        log(handler, str(number))
    clock("2026-05-05T10:02:00")
    log(handler, "4")
    assert len(attempts) == 2, "tried again after a minute, not with each line"
    handler.rotator = None
    clock("2026-05-05T10:04:00")
    log(handler, "5")
    assert contents(tmp_path) == {"x.log": "5\n", "x.log.2026-05-04": "1\n2\n3\n4\n"}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tornadopy: cannot rotate the log file {tmp_path}/x.log (no\\x0away)")


def test_backups_that_cannot_be_deleted_are_reported(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.log.2020-01-01").mkdir()
    handler = build(when="midnight", backupCount=1)
    log(handler, "1")
    handler.doRollover()
    assert "cannot delete old files of the log" in capsys.readouterr().err


def test_without_keeping_files_open_all_is_the_same(
    build: Build, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where an open file cannot be renamed."""
    monkeypatch.setattr(ProcessLogTimedFileHandler, "keep_open", False)
    clock("2026-05-04T10:00:00")
    first, second = build(when="midnight"), build(when="midnight")
    log(first, "1")
    log(second, "2")
    assert not os.path.exists("/proc/self/fd") or str(tmp_path / "x.log") not in _open_files()
    clock("2026-05-05T10:00:00")
    log(second, "3")
    log(first, "4")
    assert contents(tmp_path) == {"x.log": "3\n4\n", "x.log.2026-05-04": "1\n2\n"}


def _open_files() -> set[str]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(link))
        except FileNotFoundError:
            continue
    return found


# ---- trouble


def test_a_lock_that_is_held_too_long_holds_nobody_up(
    build: Build, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock("2026-05-04T10:00:00")
    handler = build(when="midnight")
    log(handler, "1")
    other = filelock_module.FileLock(str(tmp_path / "x.log.lock"))
    assert other.acquire()
    clock("2026-05-05T10:00:00")
    start = time.monotonic()
    for _ in range(20):
        log(handler, "held")
    assert time.monotonic() - start < 10, "one wait, not twenty"
    assert contents(tmp_path) == {"x.log": "1\n" + "held\n" * 20}
    other.release()
    other.close()
    log(handler, "free")
    assert contents(tmp_path) == {"x.log": "free\n", "x.log.2026-05-04": "1\n" + "held\n" * 20}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tornadopy: cannot lock {tmp_path}/x.log.lock (another process does not give it back)")


def test_without_a_lock_file_lines_are_still_appended(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.log.lock").mkdir()
    handler = build()
    log(handler, "1")
    handler.doRollover()
    log(handler, "2")
    assert (tmp_path / "x.log").read_text() == "1\n2\n"
    (line,) = capsys.readouterr().err.splitlines()
    assert "(Is a directory)" in line


def test_a_note_that_cannot_be_written_is_reported(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(lock: filelock_module.FileLock, note: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(filelock_module.FileLock, "write_note", refuse)
    log(build(), "1")
    assert (tmp_path / "x.log").read_text() == "1\n"
    assert "cannot write" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_reported_once_and_used_when_it_can(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file is in the way")
    handler = build("logs/x.log")
    for number in range(5):
        log(handler, str(number))
    (line,) = capsys.readouterr().err.splitlines()
    path = tmp_path / "logs" / "x.log"
    assert line.startswith(f"tornadopy: cannot write the log file {path} (Not a directory)")
    (tmp_path / "logs").unlink()
    log(handler, "5")
    log(handler, "6")
    assert path.read_text() == "5\n6\n"
    assert capsys.readouterr().err == (
        f"tornadopy: the log file {path} can be written again; lines lost meanwhile: 5\n"
    )


def test_a_folder_that_is_deleted_is_made_again(build: Build, tmp_path: Path) -> None:
    handler = build("logs/x.log")
    log(handler, "1")
    shutil.rmtree(tmp_path / "logs")
    log(handler, "2")
    assert contents(tmp_path / "logs") == {"x.log": "2\n"}
    assert (tmp_path / "logs" / "x.log.lock").exists()


def test_a_file_moved_away_by_somebody_else_is_opened_anew(build: Build, tmp_path: Path) -> None:
    """As logrotate does."""
    handler = build()
    log(handler, "1")
    (tmp_path / "x.log").rename(tmp_path / "x.log.1")
    log(handler, "2")
    assert contents(tmp_path) == {"x.log": "2\n", "x.log.1": "1\n"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_device_is_reported_once_and_gets_no_lock_file(capsys: pytest.CaptureFixture[str]) -> None:
    handler = ProcessLogTimedFileHandler("/dev/full")
    for number in range(3):
        log(handler, str(number))
    handler.close()
    assert not os.path.exists("/dev/full.lock")
    assert capsys.readouterr().err == (
        "tornadopy: cannot write the log file /dev/full (No space left on device); "
        "lines are lost until this is mended\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_takes_whole_lines_or_none_and_recovers(tmp_path: Path) -> None:
    """A limit on the size of files stands for the end of the disk."""
    script = """
import logging, resource, sys
from tornadopy.logger import ProcessLogTimedFileHandler
handler = ProcessLogTimedFileHandler(sys.argv[1])
logger = logging.getLogger("x")
logger.addHandler(handler)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
for number in range(30):
    logger.error("%03d %s", number, "x" * 95)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
logger.error("030 %s", "x" * 95)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x.log")], capture_output=True, text=True, timeout=60, check=True
    )
    lines = (tmp_path / "x.log").read_text().splitlines()
    assert [line[:3] for line in lines] == [f"{number:03}" for number in [*range(10), 30]]
    assert {len(line) for line in lines} == {99}
    assert done.stderr.splitlines() == [
        f"tornadopy: cannot write the log file {tmp_path}/x.log (File too large); lines are lost until this is mended",
        f"tornadopy: the log file {tmp_path}/x.log can be written again; lines lost meanwhile: 20",
    ]
