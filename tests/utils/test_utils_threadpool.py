"""The pool of threads: bounded, lazy, countable, and it ends."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from tornadopy.utils.threadpool import ThreadPool, call_of_this_thread

WAIT = 10
variable: ContextVar[str] = ContextVar("variable", default="unset")


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool(lambda: 2, name="pooltest")
    yield pool
    assert pool.shutdown(timeout=WAIT)


class Gate:
    """Calls that run until they are let go."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self) -> str:
        self.entered.release()
        assert self.opened.wait(WAIT)
        return "through"

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self.entered.acquire(timeout=WAIT)


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("pooltest")]


def test_no_thread_before_the_first_call(pool: ThreadPool) -> None:
    assert threads() == []
    assert pool.size == 2
    assert pool.submit(lambda a, b: a + b, 1, b=2).result(WAIT) == 3
    assert len(threads()) == 1


def test_the_size_is_asked_when_the_threads_are_started() -> None:
    sizes = [1]
    pool = ThreadPool(lambda: sizes[0])
    pool.submit(lambda: None).result(WAIT)
    sizes[0] = 3
    assert pool.size == 1
    assert pool.shutdown()
    assert pool.size == 3


def test_calls_are_counted_and_never_more_run_than_there_are_threads(pool: ThreadPool) -> None:
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(5)]
    gate.wait_for(2)
    assert (pool.active, pool.queued) == (2, 3)
    assert futures[-1].cancel()
    assert wait(futures[-1:], 0).done
    assert (pool.active, pool.queued) == (2, 2)
    gate.opened.set()
    assert [future.result(WAIT) for future in futures[:4]] == ["through"] * 4
    assert (pool.active, pool.queued) == (0, 0)


def test_context_variables_come_along_and_changes_stay_in_the_thread(pool: ThreadPool) -> None:
    def work() -> str:
        seen = variable.get()
        variable.set("changed")
        return seen

    token = variable.set("mine")
    try:
        assert pool.submit(work).result(WAIT) == "mine"
        assert variable.get() == "mine"
    finally:
        variable.reset(token)
    assert pool.submit(work).result(WAIT) == "unset"


def test_errors_keep_their_traceback(pool: ThreadPool) -> None:
    def fail() -> None:
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside") as error:
        pool.submit(fail).result(WAIT)
    assert error.traceback[-1].name == "fail"
    assert pool.active == 0


def test_stop_iteration_becomes_a_runtime_error(pool: ThreadPool) -> None:
    with pytest.raises(RuntimeError, match="raised StopIteration") as error:
        pool.submit(next, iter(())).result(WAIT)
    assert isinstance(error.value.__cause__, StopIteration)


def test_a_call_from_a_thread_of_the_pool_runs_at_once() -> None:
    """With a single thread, waiting for a second one would never end."""
    pool = ThreadPool(lambda: 1)

    def outer() -> tuple[int, int]:
        return threading.get_ident(), pool.submit(threading.get_ident).result(WAIT)

    def failing() -> Any:
        return pool.submit(next, iter(())).exception(WAIT)

    first, second = pool.submit(outer).result(WAIT)
    assert first == second
    assert isinstance(pool.submit(failing).result(WAIT), RuntimeError)
    assert pool.shutdown()


def test_shutdown_waits_for_what_is_queued_and_a_new_call_starts_anew(pool: ThreadPool) -> None:
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(4)]
    gate.wait_for(2)
    threading.Timer(0.05, gate.opened.set).start()
    assert pool.shutdown(timeout=WAIT)
    assert all(future.done() for future in futures)
    assert threads() == []
    assert pool.submit(lambda: "again").result(WAIT) == "again"


def test_shutdown_after_its_time_cancels_what_is_queued(pool: ThreadPool) -> None:
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(3)]
    gate.wait_for(2)
    assert pool.shutdown(timeout=0) is False
    with pytest.raises(CancelledError):
        futures[2].result(WAIT)
    assert (pool.active, pool.queued) == (2, 0)
    gate.opened.set()
    assert [future.result(WAIT) for future in futures[:2]] == ["through"] * 2
    assert pool.shutdown(timeout=WAIT) is True


def test_shutdown_without_waiting_leaves_the_calls_to_themselves(pool: ThreadPool) -> None:
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(3)]
    gate.wait_for(2)
    assert pool.shutdown(wait=False) is False
    gate.opened.set()
    assert [future.result(WAIT) for future in futures] == ["through"] * 3


def test_a_shutdown_that_leaves_calls_behind_makes_room_for_new_ones(pool: ThreadPool) -> None:
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(2)]
    gate.wait_for(2)
    assert pool.shutdown(timeout=0) is False
    assert pool.submit(lambda: "new").result(WAIT) == "new"
    assert pool.active_functions == [gate, gate]
    gate.opened.set()
    assert [future.result(WAIT) for future in futures] == ["through"] * 2


def test_the_functions_are_known(pool: ThreadPool) -> None:
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(2)]
    gate.wait_for(2)
    futures.append(pool.submit(print, end=""))
    assert (pool.active_functions, pool.queued_functions) == ([gate, gate], [print])
    gate.opened.set()
    assert [future.result(WAIT) for future in futures] == ["through", "through", None]
    assert (pool.active_functions, pool.queued_functions) == ([], [])


def test_a_drained_pool_ends_when_nothing_is_left_and_can_be_drained_again(pool: ThreadPool) -> None:
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(3)]
    gate.wait_for(2)
    drained, dropped = pool.drain(), pool.drain()
    assert dropped.cancel()
    other = pool.submit(lambda: "in threads of its own")
    assert other.result(WAIT) == "in threads of its own"
    both = pool.drain()
    assert not drained.done()
    gate.opened.set()
    assert (drained.result(WAIT), both.result(WAIT)) == (None, None)
    assert all(future.done() for future in futures)
    assert pool.drain().done()


def test_a_thread_that_cannot_be_started_is_the_callers_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ThreadPool(lambda: 1)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.submit(print)
    assert (pool.active, pool.queued) == (0, 0)
    assert pool.submit(lambda: "later").result(WAIT) == "later"
    assert pool.shutdown(timeout=WAIT)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.submit(print)
    assert pool.shutdown(timeout=WAIT)


def test_a_call_that_ended_leaves_nothing_behind(pool: ThreadPool) -> None:
    """Neither its arguments, in a thread that waits for the next call, nor its error, in a cycle of references."""

    class Argument:
        pass

    def fail(argument: Argument) -> None:
        raise LookupError

    for function in (type, fail):
        argument = Argument()
        there = weakref.ref(argument)
        future = pool.submit(function, argument)
        wait([future], WAIT)
        del argument, future
        until = time.monotonic() + WAIT
        gc.disable()
        try:
            while there() is not None and time.monotonic() < until:
                time.sleep(0.001)
            assert there() is None
        finally:
            gc.enable()


SCRIPT = """
import sys, time
from tornadopy.utils.threadpool import ThreadPool, call_of_this_thread

pool = ThreadPool(lambda: 1)
pool.submit(lambda: (print("begun", flush=True), time.sleep({sleep}), print("ended", flush=True)))
while not pool.active:
    time.sleep(0.001)
{end}
"""


@pytest.mark.parametrize(
    ("sleep", "end", "said"),
    [(0.3, "", ["begun", "ended"]), (0.3, "pool.shutdown(wait=False)", ["begun", "ended"]),
     (60, "time.sleep(0.1); pool.shutdown(timeout=0)", ["begun"])],
)  # fmt: skip
def test_the_end_of_the_process_waits_for_calls_unless_they_had_their_time(
    sleep: float, end: str, said: list[str]
) -> None:
    script = SCRIPT.format(sleep=sleep, end=end)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, said, "")


def test_shutdown_of_what_never_started() -> None:
    assert ThreadPool(lambda: 1).shutdown() is True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own(pool: ThreadPool) -> None:
    gate = Gate()
    held: list[Future[str]] = [pool.submit(gate) for _ in range(3)]
    gate.wait_for(2)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            result = pool.submit(lambda: "child").result(WAIT)
            counters = (pool.active, pool.queued)
            status = 0 if result == "child" and counters == (0, 0) and pool.shutdown(timeout=WAIT) else 2
        finally:
            os._exit(status)
    _, code = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(code) == 0
    gate.opened.set()
    assert [future.result(WAIT) for future in held] == ["through"] * 3


# Calls that must not wait


def test_an_urgent_call_does_not_wait_behind_others() -> None:
    """Each gets a thread beyond the size, if none is idle; the others keep to the size."""
    pool = ThreadPool(lambda: 2)
    go, begun = threading.Event(), threading.Semaphore(0)

    def wait_here() -> bool:
        begun.release()
        return go.wait(WAIT)

    busy = [pool.submit(wait_here) for _ in range(5)]
    assert begun.acquire(timeout=WAIT)
    assert begun.acquire(timeout=WAIT)
    urgent = [pool.submit_urgently(threading.get_ident) for _ in range(3)]
    assert len({each.result(WAIT) for each in urgent}) <= 3
    assert pool.active == 2
    assert pool.queued == 3
    go.set()
    assert all(each.result(WAIT) for each in busy)
    assert pool.submit_urgently(lambda: 7).result(WAIT) == 7
    assert pool.shutdown(timeout=WAIT)


def test_urgent_calls_that_wait_for_each_other_all_have_a_thread() -> None:
    pool = ThreadPool(lambda: 1, name="pooltest")
    barrier = threading.Barrier(6)
    waiting = [pool.submit_urgently(barrier.wait, WAIT) for _ in range(6)]
    assert sorted(each.result(WAIT) for each in waiting) == list(range(6))
    assert pool.shutdown(timeout=WAIT)
    assert threads() == []


def test_an_urgent_call_can_be_cancelled_and_its_error_comes_out() -> None:
    pool = ThreadPool(lambda: 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit_urgently(lambda: 1 / 0).result(WAIT)
    assert pool.shutdown(timeout=WAIT)


def test_what_a_call_asks_for_happens_in_its_thread_when_it_ends() -> None:
    """The last one comes first, whatever becomes of the call or of the others."""
    pool = ThreadPool(lambda: 1)
    seen: list[object] = []

    def work() -> None:
        call = call_of_this_thread()
        assert call is not None
        call.on_end(lambda: seen.append(("first", threading.get_ident())))
        call.on_end(lambda: 1 / 0)
        call.on_end(lambda: seen.append(("last", threading.get_ident())))
        seen.append(threading.get_ident())

    with pytest.raises(ZeroDivisionError):
        pool.submit(work).result(WAIT)
    assert seen[1:] == [("last", seen[0]), ("first", seen[0])]
    assert call_of_this_thread() is None
    assert pool.submit(lambda: call_of_this_thread() is not None).result(WAIT)
    assert pool.shutdown(timeout=WAIT)


def test_a_thread_that_only_shares_the_variables_of_a_call_is_not_in_it() -> None:
    pool = ThreadPool(lambda: 1)

    def work() -> object:
        found: list[object] = []
        thread = threading.Thread(target=copy_context().run, args=(lambda: found.append(call_of_this_thread()),))
        thread.start()
        thread.join()
        return found[0]

    assert pool.submit(work).result(WAIT) is None
    assert pool.shutdown(timeout=WAIT)
