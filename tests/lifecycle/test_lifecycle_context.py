"""The current request, for everything that runs for it; and that nothing of a request stays."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

import pytest

from support.hooks import hook
from support.server import make_application, serving, wait_for
from support.websocket import receive_frame, send_frame, shake_hands
from tornadopy.context import Scope, current_request, request_context
from tornadopy.decorators.async_execute import async_execute
from tornadopy.handler import WebHandler
from tornadopy.websocket import WebSocketHandler

# For tests whose errors are logged as well; what is logged is the matter of others.
logs = pytest.mark.usefixtures("caplog")

PHASES = ["request", "response", "endcall", "exception"]
both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
ways_out = pytest.mark.parametrize("way", ["bare", "sync", "async"])


def ways(way: str) -> list[type]:
    return [] if way == "bare" else [hook(phase, lambda *args: None, is_async=way == "async") for phase in PHASES]


def current_path() -> str | None:
    context = current_request.get()
    return None if context is None else str(context.request.path)


@both_ways
def test_the_current_request_everywhere(is_async: bool) -> None:  # noqa: C901 - many places, none of them hard
    """Each place sees its own request, with many at a time on several connections."""
    wrong: list[Any] = []
    places: set[str] = set()

    def check(place: str, path: str) -> None:
        places.add(place)
        if current_path() != path or request_context.request.path != path:
            wrong.append((place, path, current_path()))

    def checking(phase: str) -> Any:
        def work(subject: Any, clear: Any, *args: Any, **kwargs: Any) -> None:
            check(phase, getattr(subject, "request", subject).path)

        return hook(phase, work, is_async=is_async and phase in PHASES)

    class Checking(WebHandler):
        def initialize(self) -> None:
            check("initialize", self.request.path)

        async def prepare(self) -> None:
            check("prepare", self.request.path)

        async def get(self) -> None:
            path = self.request.path
            check("get", path)
            await asyncio.sleep(0.001)
            check("after waiting", path)
            await asyncio.to_thread(check, "thread", path)
            await self.work(path)
            async with asyncio.TaskGroup() as group:
                group.create_task(self.part(path))
            done = asyncio.Event()
            asyncio.get_running_loop().call_soon(lambda: (check("callback", path), done.set()))
            await done.wait()
            self.context.on_end(lambda: check("closer", path))
            if path == "/fail":
                raise ValueError("boom")
            self.render_string("page.html")

        async def part(self, path: str) -> None:
            await asyncio.sleep(0)
            check("task", path)

        @async_execute
        def work(self, path: str) -> None:
            check("async_execute", path)

        def on_finish(self) -> None:
            check("on_finish", self.request.path)

        async def complete_finish(self) -> None:
            check("complete_finish", self.request.path)

    template = {"template_path": __file__.rsplit("/", 1)[0]}
    Checking.render_string = lambda self, name: check("handler", self.request.path)  # type: ignore[method-assign,assignment]
    middlewares = [checking(phase) for phase in ["call", *PHASES]]
    with serving(make_application([("/.*", Checking)], *middlewares, tornado=template)) as site:
        clients = [site.connect() for _ in range(4)]
        for round_ in range(3):
            for index, client in enumerate(clients):
                client.request("GET", "/fail" if index == 3 else f"/{round_}/{index}")
            for index, client in enumerate(clients):
                assert client.receive().status == (500 if index == 3 else 200)
        for client in clients:
            client.close()
        site.settle()
        wait_for(lambda: "closer" in places, "the closers")

        async def outside() -> str | None:
            return current_path()

        assert site.call(outside()) is None
    assert wrong == []
    assert places == {
        "call", "request", "response", "endcall", "exception", "initialize", "prepare", "get", "after waiting",
        "thread", "task", "async_execute", "callback", "handler", "on_finish", "complete_finish", "closer",
    }  # fmt: skip
    assert current_path() is None


def test_variables_do_not_leak_into_the_next_request_of_a_connection() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="clean")

    class Setting(WebHandler):
        def get(self) -> None:
            self.write(variable.get())
            variable.set("dirty")

    def set_too(request: Any, clear: Any) -> None:
        if request.path == "/first":
            variable.set("set by a call hook")

    with serving(make_application([("/.*", Setting)], hook("call", set_too))) as site, site.connect() as client:
        assert client.get("/first").body == b"set by a call hook"
        assert [client.get("/").body for _ in range(2)] == [b"clean"] * 2


def test_no_request_here() -> None:
    assert not request_context
    with pytest.raises(RuntimeError, match="no request is being served here"):
        _ = request_context.request


@ways_out
@pytest.mark.parametrize("ending", ["page", "fail", "redirect", "flush", "static", "none", "later", "early"])
def test_a_handler_is_garbage_once_its_request_is_over(
    way: str, ending: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No list, task, cache or context of the connection holds it."""
    references: list[weakref.ref[Any]] = []
    # The handlers of the test run keep the tracebacks of what is logged.
    monkeypatch.setattr(logging.getLogger("tornado.application"), "disabled", True)

    class Watched(WebHandler):
        def prepare(self) -> None:
            if ending == "early":
                self.finish()

        async def get(self) -> None:
            if ending == "fail":
                raise ValueError("boom")
            if ending == "redirect":
                self.redirect("/elsewhere")
            elif ending == "flush":
                self.write("a")
                await self.flush()
            elif ending == "later":
                self._auto_finish = False
                asyncio.get_running_loop().call_soon(self.finish)

    def watch(handler: Any, clear: Any) -> None:
        references.append(weakref.ref(handler))
        references.append(weakref.ref(handler.context.request))

    (tmp_path / "page").write_text("static")
    routes = [("/page", Watched)]
    path = {"static": "/static/page", "none": "/none"}.get(ending, "/page")
    middlewares = [*ways(way), hook("request", watch)]
    application = make_application(routes, *middlewares, tornado={"static_path": str(tmp_path)})
    with serving(application) as site, site.connect() as client:
        for _ in range(3):
            client.get(path)
        site.settle()

        def gone() -> bool:
            gc.collect()
            return sum(each() is not None for each in references) == 0

        wait_for(gone, "the end of the handlers")
    assert len(references) == 6


@ways_out
def test_a_thousand_requests_leave_nothing(way: str) -> None:
    class Page(WebHandler):
        async def get(self) -> None:
            self.context.on_end(lambda: None)
            self.write("page")

    application = make_application([("/", Page)], *ways(way))
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with serving(application) as site, site.connect() as client:
        for _ in range(20):
            client.send(request * 50)
            for _ in range(50):
                assert client.receive().body == b"page"
        site.settle()
        assert len(application.active) == 0

        async def tasks() -> int:
            return len(asyncio.all_tasks())

        wait_for(lambda: site.call(tasks()) <= 4, "the end of all tasks")


@ways_out
def test_asyncio_is_as_ever_in_handlers(way: str) -> None:
    """timeout, TaskGroup, current_task, shield, wait_for and cancellation mean what they mean elsewhere."""

    class Using(WebHandler):
        async def get(self) -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await asyncio.sleep(10)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.sleep(10), 0.001)
            with pytest.raises(ExceptionGroup):
                await self.run_group()
            assert asyncio.current_task() is not None
            sleeping = asyncio.ensure_future(asyncio.sleep(10))
            sleeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sleeping
            self.write("all well")

        async def run_group(self) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.fail())
                group.create_task(asyncio.sleep(10))

        async def fail(self) -> None:
            raise ValueError("boom")

    with serving(make_application([("/", Using)], *ways(way))) as site:
        assert site.get("/").body == b"all well"


@ways_out
@logs
def test_something_awaited_that_was_cancelled_is_an_error_of_the_handler(way: str) -> None:
    """It is not the handler's own task that was cancelled: the client gets a 500, and the connection lives on."""

    class Awaiting(WebHandler):
        async def get(self) -> None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

    with serving(make_application([("/", Awaiting)], *ways(way))) as site, site.connect() as client:
        assert client.get("/").status == 500
        assert client.get("/").status == 500


@ways_out
def test_a_cancelled_handler_is_answered_and_ended(way: str) -> None:
    """Who cancels the handler's own task gets a 500 out, and endcall; the connection lives on or is closed."""
    ended: list[str] = []

    class Cancelled(WebHandler):
        async def get(self) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(10)

    middlewares = [hook("endcall", lambda handler, clear: ended.append(handler.request.path)), *ways(way)]
    with serving(make_application([("/", Cancelled)], *middlewares)) as site, site.connect() as client:
        assert client.get("/").status == 500
        site.settle()
    assert ended == ["/"]


@both_ways
def test_closers_run_in_reverse_each_of_them(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Also when one fails; after the response, the handler's method and the endcall hooks."""
    order: list[str] = []

    def closer(name: str) -> Any:
        def close() -> None:
            order.append(name)
            if name == "second":
                raise ValueError("boom")

        async def close_later() -> None:
            await asyncio.sleep(0)
            close()

        return close_later if is_async else close

    class Page(WebHandler):
        async def get(self) -> None:
            for name in ("first", "second", "third"):
                self.context.on_end(closer(name))
            self.finish("page")
            await asyncio.sleep(0.01)
            order.append("returned")

    with serving(make_application([("/", Page)], hook("endcall", lambda *a: order.append("endcall")))) as site:
        assert site.get("/").body == b"page"
        wait_for(lambda: "first" in order, "the closers")
    assert order == ["endcall", "returned", "third", "second", "first"]
    assert sum(each.exc_info is not None for each in caplog.records) == 1


class Threads(list[Any]):
    """The closers of a scope, with what another thread does to them in between."""

    def __init__(self, scope: Scope, *, is_taken: bool) -> None:
        super().__init__()
        self._scope, self._is_taken = scope, is_taken

    def append(self, closer: Any) -> None:
        super().append(closer)
        self._scope.is_ended = True

    def remove(self, closer: Any) -> None:
        if self._is_taken:
            super().pop()()
        super().remove(closer)

    def pop(self, *_index: Any) -> Any:
        found = super().pop()
        found()
        raise IndexError  # somebody else has been quicker


def test_a_closer_that_comes_while_its_scope_ends_is_called_or_refused() -> None:
    """Never neither, and nothing else comes of it, whichever of the two threads is the quicker one."""
    called: list[str] = []
    for is_taken in (True, False):
        scope = Scope()
        scope._closers = Threads(scope, is_taken=is_taken)
        with nullcontext() if is_taken else pytest.raises(RuntimeError, match="the request has ended"):
            scope.on_end(lambda: called.append("called"))
        assert called == ["called"]
        assert not scope.has_opened
    scope = Scope()
    scope._closers = Threads(scope, is_taken=False)
    list.append(scope._closers, lambda: called.append("again"))
    asyncio.run(scope.end())
    assert (called, scope.is_ended) == (["called", "again"], True)


def test_what_a_thread_opens_at_the_end_of_a_message_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Late(Scope):
        """A message, for which a thread opens something when it has been found to have opened nothing."""

        is_asked = False

        @property
        def has_opened(self) -> bool:
            found = super().has_opened
            if not self.is_asked:
                self.is_asked = True
                self.on_end(lambda: closed.append("closed"))
            return found

    class Socket(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    with serving(make_application([("/", Socket)])) as site, site.connect() as client:
        shake_hands(client, "/")
        monkeypatch.setattr("tornadopy.websocket.Scope", Late)
        send_frame(client, b"hello", 1)
        assert receive_frame(client)[1] == b"hello"
        wait_for(lambda: closed == ["closed"], "the closer")
        monkeypatch.undo()
