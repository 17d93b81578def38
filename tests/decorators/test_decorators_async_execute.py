"""async_execute turns blocking functions into awaitable ones."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from tornado import gen
from tornado.web import Application, RequestHandler

from support.servers import ServerTestCase
from tornadopy.conf import settings
from tornadopy.decorators.async_execute import async_execute, end_calls, pool
from tornadopy.exceptions import ArgumentError, ConfigError

WAIT = 10
variable: ContextVar[str] = ContextVar("variable", default="unset")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    assert pool.shutdown(timeout=WAIT)
    with settings.override(THREADS_NUM=2):
        yield
        assert pool.shutdown(timeout=WAIT)


class Work:
    """Some work."""

    @async_execute
    def add(self, a: int, b: int = 1) -> int:
        """Add *a* and *b*."""
        return a + b

    @staticmethod
    @async_execute
    def static(a: int) -> int:
        return a

    @async_execute
    @staticmethod
    def static_below(a: int) -> int:
        return a

    @classmethod
    @async_execute
    def of_class(cls) -> type:
        return cls


@async_execute
def thread_and_variable() -> tuple[int, str]:
    return threading.get_ident(), variable.get()


@async_execute
def fail(error: Exception) -> None:
    raise error


@async_execute
def block(entered: threading.Event, leave: threading.Event) -> str:
    entered.set()
    assert leave.wait(WAIT)
    return "left"


async def until(event: threading.Event) -> None:
    await asyncio.wait_for(asyncio.to_thread(event.wait, WAIT), WAIT)


class TestAwaiting:
    def test_methods_and_functions(self) -> None:
        async def main() -> None:
            work = Work()
            assert await work.add(1, b=2) == 3
            assert await Work.static(4) == await Work.static_below(4) == 4
            assert await Work.of_class() is Work
            ident, _ = await thread_and_variable()
            assert ident != threading.get_ident()

        asyncio.run(main())

    def test_in_a_tornado_coroutine_it_is_yielded(self) -> None:
        @gen.coroutine
        def get() -> Any:
            result = yield Work().add(1, 2)
            several = yield [Work().add(1), Work().add(2)]
            return result, several

        async def main() -> Any:
            return await get()

        assert asyncio.run(main()) == (3, [2, 3])

    def test_a_running_loop_gets_a_future_that_works_already(self) -> None:
        async def main() -> None:
            entered, leave = threading.Event(), threading.Event()
            future = block(entered, leave)
            assert isinstance(future, asyncio.Future)
            await until(entered)
            leave.set()
            assert await future == "left"

        asyncio.run(main())

    def test_without_a_loop_it_is_a_coroutine(self) -> None:
        assert asyncio.run(Work().add(1, 2)) == 3  # type: ignore[arg-type]
        assert Work.add.__wrapped__(Work(), 1) == 2  # type: ignore[attr-defined]

    def test_name_documentation_and_signature_are_kept(self) -> None:
        assert Work.add.__name__ == "add"
        assert Work.add.__doc__ == "Add *a* and *b*."
        assert list(inspect.signature(Work.add).parameters) == ["self", "a", "b"]

    def test_context_variables_are_the_callers(self) -> None:
        async def main() -> None:
            variable.set("mine")
            assert (await thread_and_variable())[1] == "mine"

        asyncio.run(main())

    def test_errors_keep_their_traceback(self) -> None:
        async def main() -> None:
            await fail(LookupError("inside"))

        with pytest.raises(LookupError, match="inside") as error:
            asyncio.run(main())
        assert error.traceback[-1].name == "fail"

    def test_stop_iteration_becomes_a_runtime_error(self) -> None:
        async def main() -> None:
            with pytest.raises(RuntimeError, match="raised StopIteration"):
                await fail(StopIteration("early"))

        asyncio.run(main())

    def test_a_call_inside_a_thread_of_the_pool_does_not_wait_for_another(self) -> None:
        """Each thread of the pool runs a loop of its own that uses the pool again: none is left, and none is needed."""

        @async_execute
        def outer(barrier: threading.Barrier) -> int:
            barrier.wait(WAIT)
            return asyncio.run(Work().add(1, 2))  # type: ignore[arg-type]

        async def main() -> list[int]:
            barrier = threading.Barrier(2)
            return list(await asyncio.wait_for(asyncio.gather(outer(barrier), outer(barrier)), WAIT))

        assert asyncio.run(main()) == [3, 3]

    def test_a_builtin_function(self) -> None:
        assert asyncio.run(async_execute(max)(1, 2)) == 2  # type: ignore[arg-type]


class TestCallback:
    def test_it_gets_the_result_on_the_loops_thread(self) -> None:
        async def main() -> None:
            called: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
            Work().add(1, 2, callback=lambda result: called.set_result((result, threading.get_ident())))  # type: ignore[call-arg]
            assert await asyncio.wait_for(called, WAIT) == (3, threading.get_ident())

        asyncio.run(main())

    def test_after_an_error_it_is_not_called_and_the_error_is_not_lost(self) -> None:
        called: list[object] = []
        seen: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context))
            with pytest.raises(LookupError):
                await fail(LookupError("awaited"), callback=called.append)  # type: ignore[call-arg]
            assert seen == []
            future: Any = fail(LookupError("not awaited"), callback=called.append)  # type: ignore[call-arg]
            await asyncio.wait([future])
            del future
            gc.collect()

        asyncio.run(main())
        assert called == []
        assert [str(context["exception"]) for context in seen] == ["not awaited"]

    def test_a_function_with_such_an_argument_gets_it_itself(self) -> None:
        @async_execute
        def own(callback: str) -> str:
            return callback

        assert asyncio.run(own(callback="mine")) == "mine"  # type: ignore[arg-type]

    def test_without_a_loop_it_is_called_too(self) -> None:
        called: list[int] = []
        asyncio.run(Work().add(1, 2, callback=called.append))  # type: ignore[arg-type, call-arg]
        assert called == [3]


class TestCancelling:
    def test_a_running_call_goes_on_and_a_queued_one_never_runs(self) -> None:
        async def main() -> None:
            entered, leave, never = [threading.Event() for _ in range(2)], threading.Event(), threading.Event()
            running = [asyncio.ensure_future(block(each, leave)) for each in entered]
            for each in entered:
                await until(each)
            queued = asyncio.ensure_future(block(never, leave))
            assert (pool.active, pool.queued, pool.size) == (2, 1, 2)
            queued.cancel()
            running[0].cancel()
            await asyncio.wait([queued, running[0]])
            assert (pool.active, pool.queued) == (2, 0)
            leave.set()
            assert await running[1] == "left"
            assert not never.is_set()

        asyncio.run(main())

    def test_an_error_that_nobody_awaits_any_more_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        entered, leave = threading.Event(), threading.Event()

        @async_execute
        def late() -> None:
            entered.set()
            assert leave.wait(WAIT)
            raise LookupError("too late")

        async def main() -> None:
            future = asyncio.ensure_future(late(callback=print))  # type: ignore[call-arg]
            await until(entered)
            future.cancel()
            await asyncio.wait([future])

        asyncio.run(main())
        leave.set()
        assert pool.shutdown(timeout=WAIT)
        [record] = caplog.records
        assert (record.name, record.levelno) == ("tornadopy.tracelog", logging.ERROR)
        assert "failed after its await had been cancelled" in record.getMessage()
        assert record.exc_info is not None
        assert str(record.exc_info[1]) == "too late"


class TestEndCalls:
    def test_without_calls_there_is_nothing_to_wait_for_or_to_log(self, caplog: pytest.LogCaptureFixture) -> None:
        for grace in (0, WAIT):
            asyncio.run(end_calls(grace))
        assert caplog.records == []

    def test_the_loop_goes_on_while_calls_have_their_time(self, caplog: pytest.LogCaptureFixture) -> None:
        leave = threading.Event()

        async def main() -> None:
            waiting = async_execute(leave.wait)(WAIT)
            asyncio.get_running_loop().call_later(0.05, leave.set)
            await end_calls(WAIT)
            assert await waiting

        asyncio.run(main())
        assert caplog.records == []

    @pytest.mark.parametrize("cancelled", [True, False])
    def test_what_is_left_behind_is_named(self, cancelled: bool, caplog: pytest.LogCaptureFixture) -> None:
        leave = threading.Event()
        entered = threading.Barrier(3)

        def block(secret: str) -> None:
            entered.wait(WAIT)
            assert leave.wait(WAIT)

        async def main() -> None:
            calls = [async_execute(block)("hunter2") for _ in range(2)]
            await asyncio.to_thread(entered.wait, WAIT)
            calls += [async_execute(function)() for function in (time.time, functools.partial(print, "hunter2"))]
            ending = asyncio.ensure_future(end_calls(WAIT if cancelled else 0.01))
            await asyncio.sleep(0)
            if cancelled:
                ending.cancel()
            await asyncio.wait([ending])
            assert ending.cancelled() is cancelled
            leave.set()
            await asyncio.wait(calls)
            assert [each.cancelled() for each in calls] == [False, False, True, True]

        asyncio.run(main())
        [record] = caplog.records
        assert (record.name, record.levelno) == ("tornadopy.tracelog", logging.ERROR)
        name = f"{__name__}.{type(self).__name__}.test_what_is_left_behind_is_named.<locals>.block"
        assert record.getMessage() == (
            f"left behind in threads: {name} (2 times); never begun: time.time, builtins.print"
        )


class TestDecorating:
    def test_what_is_asynchronous_is_refused(self) -> None:
        async def coroutine() -> None: ...

        @gen.coroutine
        def tornados() -> Any: ...

        for each in (coroutine, tornados, functools.partial(coroutine)):
            with pytest.raises(ArgumentError, match="is asynchronous already"):
                async_execute(each)

    def test_generators_are_refused(self) -> None:
        def generator() -> Iterator[int]:
            yield 1

        async def asynchronous() -> Any:
            yield 1

        for each in (generator, asynchronous, staticmethod(generator)):
            with pytest.raises(ArgumentError, match="is a generator"):
                async_execute(each)

    def test_class_methods_and_what_is_no_function_are_refused(self) -> None:
        with pytest.raises(ArgumentError, match="below @classmethod"):
            async_execute(classmethod(lambda cls: None))  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="decorates functions and methods, not 5"):
            async_execute(5)  # type: ignore[arg-type]


class TestPool:
    def test_the_number_of_threads_is_the_settings_or_the_cores(self) -> None:
        assert pool.size == 2
        with settings.override(THREADS_NUM=None):
            assert pool.size == os.cpu_count()

    @pytest.mark.parametrize("number", [0, -1])
    def test_less_than_one_is_a_config_error(self, number: int) -> None:
        with pytest.raises(ConfigError, match="THREADS_NUM"), settings.override(THREADS_NUM=number):
            _ = pool.size

    def test_importing_starts_no_thread_and_reads_no_settings(self) -> None:
        code = (
            "import threading, tornadopy.decorators.async_execute as module;"
            "assert threading.active_count() == 1;"
            "from tornadopy.conf import settings;"
            "print(settings)"
        )
        environment = {**os.environ, "TORNADOPY_APP_SETTINGS": "surely.not.there"}
        shown = subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
        )
        assert "not loaded" in shown.stdout

    def test_the_loop_serves_others_while_a_thread_works(self) -> None:
        async def main() -> None:
            entered, leave = threading.Event(), threading.Event()
            future = block(entered, leave)
            deadline = time.monotonic() + WAIT
            while not entered.is_set() and time.monotonic() < deadline:
                await asyncio.sleep(0)
            leave.set()
            assert await future == "left"

        asyncio.run(main())


class Working(RequestHandler):
    @async_execute
    def work(self, a: str, b: str) -> str:
        return a + b


class OldStyle(Working):
    @gen.coroutine
    def get(self) -> Any:
        result = yield self.work("a", "b")
        self.finish(result)


class NewStyle(Working):
    async def get(self) -> None:
        self.finish(await self.work("c", "d"))


class TestInHandlers(ServerTestCase):
    def get_app(self) -> Application:
        return Application([("/old", OldStyle), ("/new", NewStyle)])

    def test_both_styles(self) -> None:
        assert self.fetch("/old").body == b"ab"
        assert self.fetch("/new").body == b"cd"
