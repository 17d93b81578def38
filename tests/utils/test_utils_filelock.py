"""The lock between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tornadopy.utils.filelock import FileLock

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors and signals of POSIX")

HOLDER = """
import sys, time
from tornadopy.utils.filelock import FileLock
lock = FileLock(sys.argv[1])
print(lock.acquire(), flush=True)
time.sleep(60)
"""


def start_holder(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    return holder


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_two_locks_on_one_file_exclude_each_other_even_in_one_process(tmp_path: Path) -> None:
    first, second = (FileLock(str(tmp_path / "x.lock"), patience=0.01) for _ in range(2))
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    first.close()
    second.close()


def test_a_note_is_kept_and_replaced(tmp_path: Path) -> None:
    lock = FileLock(str(tmp_path / "x.lock"))
    assert lock.read_note() == ""
    lock.write_note("nobody holds the lock")
    assert lock.acquire()
    assert lock.read_note() == ""
    lock.write_note("a long note")
    lock.write_note("short")
    assert lock.read_note() == "short"
    lock.release()
    lock.close()
    lock.release()
    assert (tmp_path / "x.lock").read_bytes() == b"short\n"


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "x.lock")
    lock = FileLock(str(tmp_path / "x.lock"), patience=0.01)
    assert not lock.acquire()
    stop(holder)
    patient = FileLock(str(tmp_path / "x.lock"), patience=10)
    assert patient.acquire()
    patient.close()
    lock.close()


def test_who_waited_in_vain_does_not_wait_again_until_the_lock_was_free(tmp_path: Path) -> None:
    """A stopped process costs the others one wait, not one for each line."""
    holder = start_holder(tmp_path / "x.lock")
    holder.send_signal(signal.SIGSTOP)
    lock = FileLock(str(tmp_path / "x.lock"), patience=0.3)
    try:
        start = time.monotonic()
        assert not lock.acquire()
        assert time.monotonic() - start >= 0.3
        start = time.monotonic()
        assert not any(lock.acquire() for _ in range(100))
        assert time.monotonic() - start < 0.3
    finally:
        stop(holder)
    assert lock.acquire()
    lock.close()


def test_a_lock_that_is_given_back_within_the_patience_is_got(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "x.lock")
    lock = FileLock(str(tmp_path / "x.lock"), patience=30)
    killer = subprocess.Popen([sys.executable, "-c", "import os, sys; os.kill(int(sys.argv[1]), 9)", str(holder.pid)])
    try:
        assert lock.acquire()
    finally:
        killer.wait()
        stop(holder)
        lock.close()


def test_a_deleted_lock_file_is_made_again(tmp_path: Path) -> None:
    """Otherwise a process that starts later would lock another file of the same name."""
    path = tmp_path / "x.lock"
    old = FileLock(str(path), patience=0.01)
    assert old.acquire()
    old.release()
    path.unlink()
    assert old.acquire()
    new = FileLock(str(path), patience=0.01)
    assert not new.acquire()
    old.close()
    new.close()


def test_a_file_that_vanishes_each_time_ends_in_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unlinked:
        st_nlink = 0

    lock = FileLock(str(tmp_path / "x.lock"))
    with monkeypatch.context() as patched:
        patched.setattr("tornadopy.utils.filelock.os.fstat", lambda descriptor: Unlinked)
        assert not lock.acquire()


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileLock(str(tmp_path / "no" / "x.lock")).acquire()


def test_a_forked_child_does_not_share_its_parents_lock(tmp_path: Path) -> None:
    """``flock`` does not exclude a child that goes on with the descriptor it has inherited."""
    script = """
import os, sys
from tornadopy.utils.filelock import FileLock
lock = FileLock(sys.argv[1], patience=0.01)
assert lock.acquire()
if (child := os.fork()) == 0:
    os._exit(3 if lock.acquire() else 0)  # while the parent holds it
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child got the parent's lock"
if (child := os.fork()) == 0:
    lock.close()
    os._exit(0)
os.waitpid(child, 0)
other = FileLock(sys.argv[1], patience=0.01)
assert not other.acquire(), "the child's end has given the parent's lock back"
lock.release()
if (child := os.fork()) == 0:
    os._exit(0 if lock.acquire() else 4)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child cannot lock"
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.lock")], check=True, timeout=60)
