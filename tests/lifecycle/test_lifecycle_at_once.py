"""Handlers that wait for nothing run without a task of their own, and nobody can tell; those that wait get one."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
import tornado.gen
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Finish

from support.hooks import hook
from support.server import make_application, serving
from tornadopy.context import current_request
from tornadopy.handler import WebHandler

variable: ContextVar[str | None] = ContextVar("variable", default=None)


def current_task() -> asyncio.Task[Any] | None:
    return asyncio.current_task()


class Plain(WebHandler):
    """Nothing in it waits."""

    tasks: list[Any]

    def get(self) -> None:
        self.tasks.append(self._task)
        self.write("at once")


class Waiting(WebHandler):
    """Only its method waits."""

    tasks: list[Any]

    def prepare(self) -> None:
        self.tasks.append(current_task())

    async def get(self) -> None:
        self.tasks.append(current_task())
        await asyncio.sleep(0)
        self.tasks.append(current_task())
        self.write("in a task")


def test_a_handler_that_waits_for_nothing_has_no_task() -> None:
    Plain.tasks = []
    with serving(make_application([("/", Plain)], hook("request", lambda *args: None))) as site:
        assert site.get("/").body == b"at once"
    assert Plain.tasks == [None]


@pytest.mark.parametrize("phase", ["request", "response", "endcall", "exception"])
def test_a_handler_behind_an_asynchronous_hook_has_a_task(phase: str) -> None:
    Plain.tasks = []
    with serving(make_application([("/", Plain)], hook(phase, lambda *args: None, is_async=True))) as site:
        assert site.get("/").body == b"at once"
    assert isinstance(Plain.tasks[0], asyncio.Task)


def test_an_asynchronous_method_and_the_prepare_before_it_have_one_task() -> None:
    """So that what `prepare` arranges for its task, such as a time limit, holds for the method."""
    Waiting.tasks = []
    with serving(make_application([("/", Waiting)])) as site:
        assert site.get("/").body == b"in a task"
    first, *others = Waiting.tasks
    assert isinstance(first, asyncio.Task)
    assert others == [first, first]


def test_a_time_limit_that_prepare_sets_holds_for_the_method() -> None:
    class Limited(WebHandler):
        def prepare(self) -> None:
            task = current_task()
            assert task is not None
            self.limit = asyncio.get_running_loop().call_later(0.01, task.cancel)

        async def get(self) -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                self.write("cut short")

    with serving(make_application([("/", Limited)])) as site:
        assert site.get("/").body == b"cut short"


def _coroutine_function(handler: WebHandler) -> Awaitable[None]:
    return _write_later(handler)


async def _write_later(handler: WebHandler) -> None:
    assert current_task() is handler._task
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
    handler.write(f"{current_request.get().request.path} {variable.get()}")  # type: ignore[union-attr]


def _future(handler: WebHandler) -> Awaitable[None]:
    return asyncio.ensure_future(_write_outside(handler))


async def _write_outside(handler: WebHandler) -> None:
    await asyncio.sleep(0)
    handler.write(f"{current_request.get().request.path} {variable.get()}")  # type: ignore[union-attr]


@tornado.gen.coroutine
def _generator(handler: WebHandler) -> Iterator[Any]:
    yield tornado.gen.sleep(0)
    handler.write(f"{current_request.get().request.path} {variable.get()}")  # type: ignore[union-attr]


@pytest.mark.parametrize("work", [_coroutine_function, _future, _generator])
@pytest.mark.parametrize("place", ["prepare", "on_prepare", "get"])
def test_what_a_plain_function_hands_back_is_waited_for(work: Any, place: str) -> None:
    """It cannot be known before; the request goes on in a task, among its own context variables."""

    class Page(WebHandler):
        def prepare(self) -> Any:
            variable.set("mine")
            return work(self) if place == "prepare" else None

        def on_prepare(self) -> Any:
            return work(self) if place == "on_prepare" else None

        def get(self) -> Any:
            if place == "get":
                return work(self)
            self.write(", then get")
            return None

    with serving(make_application([("/", Page)])) as site:
        assert site.get("/").body == b"/ mine" + (b"" if place == "get" else b", then get")


@pytest.mark.parametrize("phase", ["request", "response", "endcall"])
def test_what_a_plain_hook_hands_back_is_waited_for(phase: str) -> None:
    """As modules and sessions do, which wait only where there is something to wait for."""
    order: list[str] = []

    class Hooked:
        pass

    async def work(handler: Any) -> None:
        await asyncio.sleep(0)
        order.append(phase)

    setattr(Hooked, f"process_{phase}", lambda self, handler, clear, *more: work(handler))

    class Page(WebHandler):
        def get(self) -> None:
            order.append("get")
            self.context.on_end(lambda: order.append("end"))
            self.write("page")

    with serving(make_application([("/", Page)], Hooked)) as site:
        assert site.get("/").body == b"page"
    assert order == (["request", "get", "end"] if phase == "request" else ["get", phase, "end"])


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_context_variables_do_not_pass_from_one_request_of_a_connection_to_the_next(is_async: bool) -> None:
    seen: list[str | None] = []

    class Setting(WebHandler):
        def prepare(self) -> None:
            seen.append(variable.get())
            variable.set(self.request.path)

        def on_finish(self) -> None:
            seen.append(variable.get())

        def work(self) -> None:
            self.write(f"{variable.get()}")

    class At(Setting):
        def get(self) -> None:
            self.work()

    class Later(Setting):
        async def get(self) -> None:
            await asyncio.sleep(0)
            self.work()

    with serving(make_application([("/.*", Later if is_async else At)])) as site, site.connect() as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: here\r\n\r\n" % number for number in range(20)))
        assert [client.receive().body for _ in range(20)] == [b"/%d" % number for number in range(20)]
        assert site.call(_read_variable()) is None
    assert seen == [each for number in range(20) for each in (None, f"/{number}")]


async def _read_variable() -> str | None:
    return variable.get()


def test_what_a_plain_handler_starts_has_its_context() -> None:
    """Tasks and callbacks of a handler that has no task itself."""
    found: list[Any] = []

    class Starting(WebHandler):
        async def later(self) -> None:
            await asyncio.sleep(0)
            found.append(current_request.get() is self.context)

        def get(self) -> None:
            self.started = asyncio.create_task(self.later())
            asyncio.get_running_loop().call_soon(lambda: found.append(current_request.get() is self.context))
            self.write("started")

    with serving(make_application([("/", Starting)])) as site:
        assert site.get("/").body == b"started"
        site.call(asyncio.sleep(0.01))
    assert found == [True, True]


@pytest.mark.usefixtures("caplog")
@pytest.mark.parametrize("place", ["process_request", "prepare", "get"])
@pytest.mark.parametrize(
    ("error", "status", "body"),
    [(ValueError("boom"), 500, None), (asyncio.CancelledError(), 500, None), (Finish("enough"), 200, b"enough")],
)
def test_errors_are_answered_as_in_a_task(place: str, error: BaseException, status: int, body: bytes | None) -> None:
    """One that is no cancellation of the handler's task, which it does not have, is an error of the handler's."""

    def fail(*_args: Any) -> None:
        raise error

    class Page(WebHandler):
        def prepare(self) -> None:
            if place == "prepare":
                fail()

        def get(self) -> None:
            if place == "get":
                fail()

    middlewares = [hook("request", fail)] if place == "process_request" else []
    with serving(make_application([("/", Page)], *middlewares)) as site, site.connect() as client:
        for _ in range(2):
            response = client.get("/")
            assert response.status == status
            assert body is None or response.body == body


def test_a_plain_handler_may_finish_later() -> None:
    class Later(WebHandler):
        def get(self) -> None:
            self._auto_finish = False
            asyncio.get_running_loop().call_later(0.01, self.finish, "later")

    with serving(make_application([("/", Later)])) as site, site.connect() as client:
        assert [client.get("/").body, client.get("/").body] == [b"later", b"later"]


def test_an_execute_of_the_users_own_is_run() -> None:
    class Executing(WebHandler):
        async def _execute(self, *args: Any, **kwargs: Any) -> None:
            self.set_header("X-Executed", str(current_task() is not None))
            await super()._execute(*args, **kwargs)

        def get(self) -> None:
            self.write("done")

    with serving(make_application([("/", Executing)])) as site:
        assert site.get("/").headers["X-Executed"] == "True"


# Nothing stays


class Nowhere:
    """A connection that takes a response and sends it nowhere, for more requests than sockets could bring."""

    context = None

    def __init__(self, statuses: Counter[int]) -> None:
        self._statuses = statuses

    def set_close_callback(self, callback: Any) -> None:
        self.callback = callback

    def write_headers(self, start_line: Any, headers: HTTPHeaders, chunk: bytes = b"") -> asyncio.Future[None]:
        self._statuses[start_line.code] += 1
        done: asyncio.Future[None] = asyncio.Future()
        done.set_result(None)
        return done

    def finish(self) -> None:
        """Take note of nothing."""


class Various(WebHandler):
    """Does a bit of everything that refers to the handler."""

    def get(self, kind: str) -> Any:
        if kind == "ui":
            self.write(str(len(self.ui)))
        elif kind == "error":
            raise ValueError("boom")
        elif kind == "later":
            return self.later()
        else:
            self.set_cookie("a", "b")
            self.context.on_end(lambda: None)
            self.write({"kind": kind, "name": self.get_argument("name", None)})
        return None

    async def later(self) -> None:
        await asyncio.sleep(0)
        self.write("later")

    def log_exception(self, *exc_info: Any) -> None:
        """Leave the log alone."""


async def _answer(application: Any, count: int, kinds: tuple[str, ...]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    for number in range(count):
        kind = kinds[number % len(kinds)]
        start_line = line._replace(path=f"/{kind}?name=ada")
        headers = HTTPHeaders({"Host": "here"})
        request = HTTPServerRequest(connection=Nowhere(statuses), start_line=start_line, headers=headers)  # type: ignore[arg-type]
        delegate = application.find_handler(request)
        delegate.headers_received(start_line, headers)
        delegate.finish()
        if kind == "later":
            while application.active:
                await asyncio.sleep(0)
    return statuses


def _kinds_of_objects() -> Counter[str]:
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


@pytest.mark.parametrize("phase", [None, "request", "response"])
def test_memory_is_flat_over_many_requests(phase: str | None) -> None:
    """As many objects after a hundred thousand requests as after a few."""
    hooks = [] if phase is None else [hook(phase, lambda *args: None)]
    application = make_application([("/(.*)", Various)], *hooks, tornado={"log_function": lambda handler: None})
    count = 100_000 if phase is None else 10_000

    async def main() -> tuple[Counter[str], Counter[str], Counter[int]]:
        await _answer(application, 100, ("dict", "ui", "later"))
        before = _kinds_of_objects()
        statuses = await _answer(application, count, ("dict", "ui", "dict", "later"))
        return before, _kinds_of_objects(), statuses

    before, after, statuses = asyncio.run(main())
    assert statuses == {200: count}
    grown = {kind: number for kind, number in (after - before).items() if number > 50}
    assert not grown


@pytest.mark.parametrize("kind", ["dict", "ui", "later", "error"])
def test_nothing_of_a_request_waits_for_the_garbage_collector(kind: str) -> None:
    """No handler, context, delegate or request is part of a circle when its request is over."""
    application = make_application([("/(.*)", Various)], tornado={"log_function": lambda handler: None})

    async def main() -> list[str]:
        await _answer(application, 10, (kind,))
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            await _answer(application, 10, (kind,))
            await asyncio.sleep(0)
            gc.collect()
            found = [type(each).__qualname__ for each in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        return found

    circles = {"Various", "RequestContext", "HandlerDelegate", "HTTPServerRequest", "Nowhere"}
    assert not circles & set(asyncio.run(main()))
