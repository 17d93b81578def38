"""Functions whose results are cached, synchronous and asynchronous ones."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tornado import gen

from support.server import wait_for
from tornadopy.cache import cached, caches
from tornadopy.cache.backends.localcache import LocMemCache
from tornadopy.cache.singleflight import Flight
from tornadopy.conf import settings
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import ArgumentError, CacheConnectionError, ConfigError

LOCMEM = "tornadopy.cache.backends.localcache.LocMemCache"
FILES = "tornadopy.cache.backends.filebased.FileBasedCache"
DUMMY = "tornadopy.cache.backends.dummy.DummyCache"


class Remote(LocMemCache):
    """A cache that is there as long as somebody listens on its port."""

    has_io: ClassVar[bool] = True
    option_types: ClassVar[Any] = None

    def __init__(self, location: Any, params: Mapping[str, Any]) -> None:
        super().__init__(location, params)
        self.asked = 0

    def validate_key(self, key: str) -> None:
        """Every call comes along here."""
        self.asked += 1
        try:
            socket.create_connection(("127.0.0.1", self.location), timeout=2).close()
        except OSError as exc:
            raise CacheConnectionError(f"nobody listens on port {self.location}") from exc


@pytest.fixture(autouse=True)
def caches_of_the_test(tmp_path: Path) -> Iterator[None]:
    """Give each test caches of its own."""
    with settings.override(
        CACHES={
            "default": {"BACKEND": LOCMEM},
            "files": {"BACKEND": FILES, "LOCATION": tmp_path / "cache"},
            "dummy": {"BACKEND": DUMMY},
        }
    ):
        yield


@pytest.fixture
def port() -> int:
    """A port on which nobody listens, until a test does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number: int = listening.getsockname()[1]
    return number


class Counter:
    """Count calls, so that a test knows which results were computed."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, value: Any) -> Any:
        self.calls.append(value)
        return value


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads that wait for another one's computation."""
    threads: list[int] = []
    wait = Flight.wait

    def note(self: Flight) -> Any:
        threads.append(threading.get_ident())
        return wait(self)

    monkeypatch.setattr(Flight, "wait", note)
    return threads


class TestSynchronous:
    def test_a_result_is_computed_once(self, counter: Counter) -> None:
        @cached(60)
        def double(number: int) -> int:
            return counter(number) * 2

        assert [double(2), double(2), double(number=2), double(3)] == [4, 4, 4, 6]
        assert counter.calls == [2, 3]

    def test_none_and_false_are_results(self, counter: Counter) -> None:
        @cached(60)
        def same(value: Any) -> Any:
            return counter(value)

        for value in (None, False, 0, "", []):
            assert same(value) == value
            assert same(value) == value
        assert counter.calls == [None, False, 0, "", []]

    def test_an_exception_is_not_kept(self, counter: Counter) -> None:
        @cached(60)
        def fail(number: int) -> int:
            return 1 // counter(number)

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                fail(0)
        assert counter.calls == [0, 0]

    def test_a_result_lasts_for_its_time(self, counter: Counter) -> None:
        @cached(0.02)
        def short(number: int) -> int:
            return counter(number)

        short(1)
        wait_for(lambda: (short(1), len(counter.calls) >= 2)[1], "a new computation")

    def test_without_a_time_it_is_that_of_the_cache(self, counter: Counter) -> None:
        with settings.override(CACHES={"default": {"BACKEND": LOCMEM, "TIMEOUT": 0}}):

            @cached()
            def never(number: int) -> int:
                return counter(number)

            never(1)
            never(1)
        assert counter.calls == [1, 1]

    def test_results_are_copies(self) -> None:
        @cached(60)
        def numbers() -> list[int]:
            return [1]

        numbers()
        numbers().append(2)
        assert numbers() == [1]

    def test_functions_do_not_share_results(self) -> None:
        @cached(60)
        def first(number: int) -> str:
            return "first"

        @cached(60)
        def second(number: int) -> str:
            return "second"

        assert [first(1), second(1), first(1)] == ["first", "second", "first"]

    def test_a_result_can_be_forgotten(self, counter: Counter) -> None:
        @cached(60)
        def same(a: int, b: int = 1) -> int:
            return counter(a)

        same(1)
        same(2)
        assert same.invalidate(1, b=1) is True
        assert same.invalidate(1) is False
        same(1)
        same(2)
        assert counter.calls == [1, 2, 1]

    def test_what_is_forgotten_while_it_is_computed_is_not_kept(self) -> None:
        entered, leave = threading.Event(), threading.Event()
        answers = iter(["old", "new"])

        @cached(60)
        def slow() -> str:
            answer = next(answers)
            if answer == "old":
                entered.set()
                assert leave.wait(5)
            return answer

        with ThreadPoolExecutor(1) as pool:
            computing = pool.submit(slow)
            assert entered.wait(5)
            slow.invalidate()
            assert slow() == "new"
            leave.set()
            assert computing.result(5) == "old"
        assert slow() == "new"

    def test_a_key_function_says_what_the_arguments_stand_for(self, counter: Counter) -> None:
        class Article:
            def __init__(self, number: int) -> None:
                self.number = number

            @cached(60, key=lambda self, form: f"{self.number} {form}")
            def text(self, form: str) -> str:
                return f"{counter(self.number)} as {form}"

        assert Article(1).text("html") == Article(1).text("html") == "1 as html"
        assert Article(2).text("html") == "2 as html"
        assert counter.calls == [1, 2]
        assert Article.text.invalidate(Article(1), "html") is True

    def test_a_method_without_one_is_told_so(self) -> None:
        class Article:
            @cached(60)
            def text(self) -> str:
                return "text"

        with pytest.raises(ArgumentError, match=r"the argument 'self' of .*Article\.text is a .*key=lambda"):
            Article().text()

    def test_class_and_static_methods(self, counter: Counter) -> None:
        class Shop:
            @classmethod
            @cached(60)
            def offers(cls, number: int) -> int:
                return counter(number)

            @staticmethod
            @cached(60)
            def prices(number: int) -> int:
                return counter(number)

        assert [Shop.offers(1), Shop.offers(1), Shop.prices(2), Shop().prices(2)] == [1, 1, 2, 2]
        assert counter.calls == [1, 2]

    def test_the_function_stays_what_it_is(self) -> None:
        @cached(60)
        def documented(number: int) -> int:
            """Say something."""
            return number

        assert documented.__name__ == "documented"
        assert documented.__doc__ == "Say something."
        assert documented.__wrapped__(3) == 3

    def test_another_cache_may_be_named(self, counter: Counter) -> None:
        @cached(60, cache="files")
        def same(number: int) -> int:
            return counter(number)

        same(1)
        caches["default"].clear()
        same(1)
        caches["files"].clear()
        same(1)
        assert counter.calls == [1, 1]

    def test_an_unknown_cache_is_an_error_when_it_is_called(self) -> None:
        @cached(60, cache="flies")
        def same(number: int) -> int:
            return number

        with pytest.raises(ConfigError, match="did you mean 'files'"):
            same(1)

    @pytest.mark.parametrize("alias", ["default", "files", "dummy"])
    def test_threads_wait_for_the_one_that_computes(self, counter: Counter, waiting: list[int], alias: str) -> None:
        """Also if nothing is kept."""

        @cached(60, cache=alias)
        def slow(number: int) -> list[int]:
            counter(number)
            wait_for(lambda: len(waiting) == 7, "the other threads")
            return [number]

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(slow, [1] * 8))
        assert results == [[1]] * 8
        assert counter.calls == [1]
        if alias != "dummy":
            assert len({id(each) for each in results}) == 8, "each has its own"

    def test_those_who_wait_get_the_exception_too(self, counter: Counter, waiting: list[int]) -> None:
        @cached(60)
        def fail(number: int) -> None:
            counter(number)
            wait_for(lambda: len(waiting) == 3, "the other threads")
            raise ZeroDivisionError("once for all")

        with ThreadPoolExecutor(4) as pool:
            failing = [pool.submit(fail, 1) for _ in range(4)]
            assert [str(each.exception(5)) for each in failing] == ["once for all"] * 4
        assert counter.calls == [1]

    def test_a_function_may_call_itself(self) -> None:
        @cached(60)
        def factorial(number: int) -> int:
            return 1 if number == 0 else number * factorial(number - 1)

        assert factorial(20) == 2432902008176640000

    def test_a_function_may_call_itself_with_the_same_arguments(self) -> None:
        depth = [0]

        @cached(60)
        def strange() -> int:
            depth[0] += 1
            return depth[0] if depth[0] == 3 else strange()

        assert strange() == 3

    def test_what_cannot_be_stored_is_an_error_for_the_caller(self) -> None:
        @cached(60)
        def lock() -> Any:
            return threading.Lock()

        with pytest.raises(TypeError, match="pickle"):
            lock()

    def test_it_works_in_the_threads_of_async_execute(self, counter: Counter) -> None:
        @async_execute
        @cached(60)
        def slow(number: int) -> int:
            return counter(number)

        async def main() -> list[int]:
            return await asyncio.gather(*(slow(1) for _ in range(10)))

        assert asyncio.run(main()) == [1] * 10
        assert counter.calls == [1]

    def test_above_async_execute_it_says_so(self) -> None:
        @cached(60)
        @async_execute
        def slow() -> int:
            return 1

        async def main() -> None:
            with pytest.raises(ArgumentError, match="put @cached below @async_execute"):
                slow()

        asyncio.run(main())


class TestAsynchronous:
    @pytest.mark.parametrize("alias", ["default", "files"])
    def test_a_result_is_computed_once(self, counter: Counter, alias: str) -> None:
        @cached(60, cache=alias)
        async def double(number: int) -> int:
            await asyncio.sleep(0)
            return counter(number) * 2

        async def main() -> None:
            assert [await double(2), await double(number=2), await double(3)] == [4, 4, 6]
            assert await asyncio.gather(*(double(4) for _ in range(100))) == [8] * 100
            assert await double.invalidate(4) is True
            assert await double.invalidate(4) is False
            await double(4)

        asyncio.run(main())
        assert counter.calls == [2, 3, 4, 4]

    def test_none_is_a_result_and_an_exception_is_not(self, counter: Counter) -> None:
        @cached(60)
        async def reciprocal(number: int) -> float | None:
            return None if counter(number) == 1 else 1 / number

        async def main() -> None:
            assert [await reciprocal(1), await reciprocal(1)] == [None, None]
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    await reciprocal(0)
            failed = await asyncio.gather(*(reciprocal(0) for _ in range(5)), return_exceptions=True)
            assert {type(each) for each in failed} == {ZeroDivisionError}

        asyncio.run(main())
        assert counter.calls[:3] == [1, 0, 0]

    def test_a_coroutine_of_tornado_is_asynchronous_too(self, counter: Counter) -> None:
        @cached(60)
        @gen.coroutine
        def double(number: int) -> Any:
            yield gen.sleep(0)
            return counter(number) * 2

        async def main() -> None:
            assert [await double(2), await double(2)] == [4, 4]

        asyncio.run(main())
        assert counter.calls == [2]

    def test_when_the_one_that_computes_is_cancelled_another_one_does(self, counter: Counter) -> None:
        async def main() -> None:
            entered, leave = asyncio.Event(), asyncio.Event()

            @cached(60)
            async def slow() -> str:
                counter("begun")
                entered.set()
                await leave.wait()
                return "value"

            first = asyncio.create_task(slow())
            await entered.wait()
            others = [asyncio.create_task(slow()) for _ in range(3)]
            await asyncio.sleep(0)
            first.cancel()
            leave.set()
            assert await asyncio.gather(*others) == ["value"] * 3
            assert first.cancelled()

        asyncio.run(main())
        assert counter.calls == ["begun", "begun"]

    def test_a_caller_that_stops_waiting_disturbs_nobody(self, counter: Counter) -> None:
        async def main() -> None:
            entered, leave = asyncio.Event(), asyncio.Event()

            @cached(60)
            async def slow() -> str:
                counter("begun")
                entered.set()
                await leave.wait()
                return "value"

            first = asyncio.create_task(slow())
            await entered.wait()
            impatient, patient = asyncio.create_task(slow()), asyncio.create_task(slow())
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.wait([impatient])
            leave.set()
            assert [await first, await patient] == ["value", "value"]

        asyncio.run(main())
        assert counter.calls == ["begun"]

    def test_what_is_forgotten_while_it_is_computed_is_not_kept(self) -> None:
        async def main() -> None:
            entered, leave = asyncio.Event(), asyncio.Event()
            answers = iter(["old", "new"])

            @cached(60)
            async def slow() -> str:
                answer = next(answers)
                if answer == "old":
                    entered.set()
                    await leave.wait()
                return answer

            computing = asyncio.create_task(slow())
            await entered.wait()
            await slow.invalidate()
            assert await slow() == "new"
            leave.set()
            assert await computing == "old"
            assert await slow() == "new"

        asyncio.run(main())

    def test_a_function_may_call_itself(self) -> None:
        @cached(60)
        async def factorial(number: int) -> int:
            return 1 if number == 0 else number * await factorial(number - 1)

        assert asyncio.run(factorial(20)) == 2432902008176640000

    def test_a_function_may_call_itself_with_the_same_arguments(self) -> None:
        depth = [0]

        @cached(60)
        async def strange() -> int:
            depth[0] += 1
            return depth[0] if depth[0] == 3 else await strange()

        assert asyncio.run(strange()) == 3

    def test_event_loops_wait_for_each_other(self, counter: Counter) -> None:
        entered, leave = threading.Event(), threading.Event()

        @cached(60)
        async def slow() -> str:
            counter("begun")
            entered.set()
            await asyncio.to_thread(leave.wait, 5)
            return "value"

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(asyncio.run, slow())
            assert entered.wait(5)
            second = pool.submit(asyncio.run, slow())
            leave.set()
            assert [first.result(5), second.result(5)] == ["value", "value"]
        assert counter.calls == ["begun"]


class TestWithoutTheCache:
    """The function works as if it were not decorated, and the log says once what is the matter."""

    def test_it_is_computed_and_said_once(self, port: int, counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
        with settings.override(CACHES={"default": {"BACKEND": Remote, "LOCATION": port}}):

            @cached(60)
            def plain(number: int) -> int:
                return counter(number)

            @cached(60)
            async def asynchronous(number: int) -> int:
                return counter(number)

            assert [plain(1), plain(1)] == [1, 1]
            assert [asyncio.run(asynchronous(2)), asyncio.run(asynchronous(2))] == [2, 2]
            assert counter.calls == [1, 1, 2, 2]
            assert caches["default"].asked == 4, "once for each call: it does not wait twice for nothing"
            assert [record.getMessage() for record in caplog.records] == [
                f"the cache 'default' does not answer; this is said once: nobody listens on port {port}"
            ]
            caplog.clear()
            with socket.create_server(("127.0.0.1", port)):
                assert [plain(3), plain(3)] == [3, 3]
            assert counter.calls == [1, 1, 2, 2, 3]
            assert [record.getMessage() for record in caplog.records] == ["the cache 'default' answers again"]

    def test_waiting_for_other_processes_is_left_out(
        self, port: int, counter: Counter, caplog: pytest.LogCaptureFixture
    ) -> None:
        with settings.override(CACHES={"default": {"BACKEND": Remote, "LOCATION": port}}):

            @cached(60, wait=100)
            def plain(number: int) -> int:
                return counter(number)

            @cached(60, wait=100)
            async def asynchronous(number: int) -> int:
                return counter(number)

            assert [plain(1), asyncio.run(asynchronous(2))] == [1, 2]
        assert len(caplog.records) == 1

    def test_a_cache_that_goes_away_in_between_costs_the_result_nothing(
        self, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        with (
            settings.override(CACHES={"default": {"BACKEND": Remote, "LOCATION": port}}),
            socket.create_server(("127.0.0.1", port)) as listening,
        ):

            @cached(60)
            def plain() -> str:
                listening.close()
                return "value"

            assert plain() == "value"
        assert len(caplog.records) == 1

    def test_forgetting_needs_the_cache(self, port: int) -> None:
        """Nobody is to believe that an old result has gone."""
        with settings.override(CACHES={"default": {"BACKEND": Remote, "LOCATION": port}}):

            @cached(60)
            def plain() -> str:
                return "value"

            with pytest.raises(CacheConnectionError):
                plain.invalidate()


class TestMistakes:
    @pytest.mark.parametrize("timeout", ["60", True, [], len, lambda: None])
    def test_a_time_that_is_none_is_an_error_at_once(self, timeout: Any) -> None:
        """Such as in @cached without parentheses."""
        with pytest.raises(ArgumentError, match=r"cached: expected a number of seconds, as in @cached\(60\)"):
            cached(timeout)

    def test_what_is_no_function_is_refused(self) -> None:
        def generate() -> Iterator[int]:
            yield 1

        async def generate_later() -> Any:
            yield 1

        for wrong, message in (
            (classmethod(len), "put it below @classmethod"),
            (staticmethod(len), "put it below @staticmethod"),
            (int, "cached decorates functions and methods, not <class 'int'>"),
            (5, "cached decorates functions and methods, not 5"),
            (generate, "is a generator, which can be used up only once"),
            (generate_later, "is a generator, which can be used up only once"),
        ):
            with pytest.raises(ArgumentError, match=message):
                cached(60)(wrong)  # type: ignore[call-overload]


PROCESS = """
import asyncio, sys, time
from pathlib import Path
from tornadopy.cache import cached
from tornadopy.cache.singleflight import Flight
from tornadopy.conf import settings

settings.configure(CACHES={"default": {"BACKEND": sys.argv[1], "LOCATION": sys.argv[2]}})
log = Path(sys.argv[3])

@cached(600, wait=60, key=lambda: "shared")
def plain():
    with log.open("a") as file:
        file.write("computed\\n")
    time.sleep(0.3)
    return "value"

@cached(600, wait=60, key=lambda: "shared")
async def asynchronous():
    with log.open("a") as file:
        file.write("computed\\n")
    await asyncio.sleep(0.3)
    return "value"

print("ready", flush=True)
sys.stdin.readline()
print(plain() if sys.argv[4] == "plain" else asyncio.run(asynchronous()))
"""


class TestSeveralProcesses:
    @pytest.mark.parametrize("kind", ["plain", "asynchronous"])
    def test_they_wait_for_the_one_that_computes(self, tmp_path: Path, kind: str) -> None:
        arguments = [FILES, str(tmp_path / "shared"), str(tmp_path / "log"), kind]
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", PROCESS, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        try:
            for process in processes:
                assert process.stdout.readline() == "ready\n"
            for process in processes:
                process.stdin.write("\n")
                process.stdin.flush()
            answers = [process.communicate(timeout=60)[0] for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
        assert answers == ["value\n"] * 4
        assert (tmp_path / "log").read_text() == "computed\n"

    @pytest.mark.parametrize("caller", ["plain", "asynchronous"])
    def test_the_mark_of_a_dead_process_holds_nobody_up_for_longer_than_said(
        self, counter: Counter, caller: str
    ) -> None:
        if caller == "plain":

            @cached(60, wait=0.05)
            def compute() -> str:
                return counter("computed")
        else:

            @cached(60, wait=0.05)
            async def compute() -> str:
                return counter("computed")

        mark(compute, counter)
        result = compute() if caller == "plain" else asyncio.run(compute())
        assert result == "computed"
        assert counter.calls == ["computed"]

    def test_an_exception_takes_the_mark_away(self, counter: Counter) -> None:
        @cached(60, wait=1000)
        def fail() -> None:
            counter("computed")
            raise ZeroDivisionError

        @cached(60, wait=1000)
        async def fail_later() -> None:
            counter("computed")
            raise ZeroDivisionError

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                fail()
            with pytest.raises(ZeroDivisionError):
                asyncio.run(fail_later())
        assert len(counter.calls) == 4

    @pytest.mark.parametrize("caller", ["plain", "asynchronous"])
    def test_the_value_that_another_process_has_stored_meanwhile_is_taken(self, counter: Counter, caller: str) -> None:
        if caller == "plain":

            @cached(60, wait=1000)
            def compute() -> str:
                return counter("computed here")
        else:

            @cached(60, wait=1000)
            async def compute() -> str:
                return counter("computed here")

        key = mark(compute, counter)
        other = threading.Timer(0.05, lambda stored=caches["default"]: stored.set(key, "from elsewhere"))
        other.start()
        result = compute() if caller == "plain" else asyncio.run(compute())
        other.join()
        assert result == "from elsewhere"
        assert counter.calls == []

    @pytest.mark.parametrize("caller", ["plain", "asynchronous"])
    def test_the_value_that_was_stored_just_before_the_mark_was_free_is_taken(
        self, counter: Counter, caller: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if caller == "plain":

            @cached(60, wait=1000)
            def compute() -> str:
                return counter("computed here")
        else:

            @cached(60, wait=1000)
            async def compute() -> str:
                return counter("computed here")

        key, cache = mark(compute, counter), caches["default"]
        cache.delete(f"{key}:computing")
        add = cache.add

        def add_after_the_other(name: str, *args: Any, **kwargs: Any) -> bool:
            if name.endswith(":computing"):
                cache.set(key, "from elsewhere")
            return add(name, *args, **kwargs)

        monkeypatch.setattr(cache, "add", add_after_the_other)
        assert (compute() if caller == "plain" else asyncio.run(compute())) == "from elsewhere"
        assert counter.calls == []
        assert f"{key}:computing" not in cache


def mark(function: Any, counter: Counter) -> str:
    """Leave the mark of a process that computes *function*, without arguments; return the key of the result."""
    asyncio.run(function()) if asyncio.iscoroutinefunction(function) else function()
    counter.calls.clear()
    (made,) = caches["default"]._store.entries
    key = made.removeprefix(":1:")
    caches["default"].delete(key)
    caches["default"].set(f"{key}:computing", 1, None)
    return key
