"""Errors in handlers, templates and error pages: one page, one log entry, the same way out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tornado.web import Finish, HTTPError, RequestHandler

from support.hooks import ExceptionRecorder, hook, recorder
from support.server import make_application, serving, wait_for
from tornadopy.exception import Http404
from tornadopy.handler import WebHandler

# For tests whose errors are logged as well; what is logged is the matter of others.
logs = pytest.mark.usefixtures("caplog")

ERRORS: dict[str, Callable[[], BaseException]] = {
    "generic": lambda: ValueError("boom"),
    "HTTPError": lambda: HTTPError(418),
    "Http404": lambda: Http404("nothing"),
    "Finish": Finish,
    "Finish with chunk": lambda: Finish("early"),
}


def make_error(kind: str) -> BaseException:
    return ERRORS[kind]()


STATUS = {"generic": 500, "HTTPError": 418, "Http404": 404, "Finish": 200, "Finish with chunk": 200}
every_error = pytest.mark.parametrize("kind", ERRORS)
# No response hook, a synchronous one, an asynchronous one: three ways out.
ways_out = pytest.mark.parametrize("way", ["bare", "sync", "async"])


def ways(way: str) -> list[type]:
    if way == "bare":
        return []
    return [hook("response", lambda handler, clear, chunk: None, is_async=way == "async")]


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


def failing(where: str, kind: str, *, is_async: bool = False) -> type[WebHandler]:
    """Return a handler whose method *where* fails."""

    def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        raise make_error(kind)

    async def fail_later(self: Any, *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        raise make_error(kind)

    return type("Failing", (Page,), {where: fail_later if is_async else fail})


def tracebacks(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many errors were logged, the lines of the access log aside."""
    return sum(each.levelno >= logging.ERROR and each.name != "tornado.access" for each in caplog.records)


def run(handler: type, way: str, seen: list[Any], *more: type, **kwargs: Any) -> Any:
    """Return the answer of *handler*, having looked that the next request on its connection is well."""
    middlewares = [recorder("outer", seen), *ways(way), *more]
    application = make_application([("/bad", handler), ("/good", Page)], *middlewares, **kwargs)
    with serving(application) as site, site.connect() as client:
        answer = client.get("/bad")
        after = client.get("/good")
        assert (after.status, after.body) == (200, b"page")
        site.settle()
        wait_for(lambda: ("outer", "end", "/bad") in seen, "the end of the request")
    assert seen.count(("outer", "endcall", "/bad")) == 1
    assert seen.count(("outer", "response", "/bad")) == 1
    assert seen.count(("outer", "end", "/bad")) == 1
    return answer


@every_error
@ways_out
@pytest.mark.parametrize(
    ("where", "is_async"),
    [
        ("initialize", False),
        ("prepare", False),
        ("prepare", True),
        ("on_prepare", False),
        ("on_prepare", True),
        ("get", False),
        ("get", True),
    ],
)
def test_error_on_the_way_to_the_answer(
    where: str, is_async: bool, way: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = run(failing(where, kind, is_async=is_async), way, [])
    assert answer.status == STATUS[kind]
    if kind.startswith("Finish"):
        assert answer.body == (b"early" if kind == "Finish with chunk" else b"")
    else:
        assert answer.body.count(b"<html") == 1
    assert tracebacks(caplog) == (1 if kind == "generic" else 0)


@every_error
@ways_out
@pytest.mark.parametrize(
    ("where", "is_async"), [("on_finish", False), ("complete_finish", False), ("complete_finish", True)]
)
def test_error_after_the_answer(
    where: str, is_async: bool, way: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client has its answer; an error is logged, endcall runs, scopes end."""
    answer = run(failing(where, kind, is_async=is_async), way, [])
    assert (answer.status, answer.body) == (200, b"page")
    assert tracebacks(caplog) == (1 if kind == "generic" else 0)


@every_error
@ways_out
@pytest.mark.parametrize("where", ["on_finish", "complete_finish"])
def test_error_after_an_answer_that_a_callback_gave(
    where: str, way: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that finishes after its method has returned is concluded all the same."""

    class Later(failing(where, kind)):  # type: ignore[misc]
        def get(self) -> None:
            self._auto_finish = False
            asyncio.get_running_loop().create_task(self.answer())

        async def answer(self) -> None:
            try:
                await self.finish("later")
            except BaseException as error:
                self.application.raised = type(error)

    answer = run(Later, way, [])
    assert (answer.status, answer.body) == (200, b"later")


@ways_out
@pytest.mark.parametrize("error", [ValueError("in the page"), HTTPError(418), Http404()])
def test_error_in_write_error(way: str, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a plain page with the first status; both errors are in the log."""

    class Broken(Page):
        def get(self) -> None:
            raise KeyError("original")

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.write("half a page")
            raise error

    answer = run(Broken, way, [])
    assert answer.status == 500
    assert b"half a page" not in answer.body
    assert b"500" in answer.body
    assert tracebacks(caplog) == 2


@ways_out
@logs
def test_error_in_write_error_after_it_has_finished(way: str) -> None:
    """What has been sent counts."""

    class Broken(Page):
        def get(self) -> None:
            raise KeyError("original")

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.finish("sorry")
            raise ValueError("in the page")

    answer = run(Broken, way, [])
    assert (answer.status, answer.body) == (500, b"sorry")


@ways_out
@pytest.mark.parametrize("is_async", [False, True])
def test_error_in_log_exception(way: str, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The page is sent although the error cannot be logged."""

    class Broken(failing("get", "generic", is_async=is_async)):  # type: ignore[misc]
        def log_exception(self, *args: Any) -> None:
            raise RuntimeError("no paper")

    assert run(Broken, way, []).status == 500
    assert [each.getMessage() for each in caplog.records if each.exc_info] == ["Error in exception logger"]


@ways_out
def test_error_in_a_template(way: str, tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(WebHandler):
        def get(self) -> None:
            self.render(self.get_argument("page", "broken.html"))

    (tmp_path / "broken.html").write_text("half a page {{ 1 / 0 }}")
    answer = run(Broken, way, [], tornado={"template_path": str(tmp_path)})
    assert answer.status == 500
    assert b"half a page" not in answer.body
    assert tracebacks(caplog) == 1


@ways_out
@logs
def test_missing_and_unreadable_templates(way: str, tmp_path: Any) -> None:
    (tmp_path / "broken.html").write_text("{% if %}")
    for name in ("broken.html", "missing.html"):
        handler = type("Broken", (WebHandler,), {"get": lambda self, name=name: self.render(name)})
        assert run(handler, way, [], tornado={"template_path": str(tmp_path)}).status == 500


@ways_out
def test_error_template_that_fails(way: str, tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A project's 500.html with an error of its own leaves the plain page."""
    (tmp_path / "500.html").write_text("half a page {{ 1 / 0 }}")
    answer = run(failing("get", "generic"), way, [], tornado={"template_path": str(tmp_path)})
    assert answer.status == 500
    assert b"half a page" not in answer.body
    assert tracebacks(caplog) == 2


@ways_out
@pytest.mark.parametrize("is_async", [False, True], ids=["sync get", "async get"])
@pytest.mark.parametrize("kind", ["generic", "HTTPError", "Finish", "Finish with chunk"])
def test_error_after_finish(way: str, is_async: bool, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """finish() has decided the answer, even while asynchronous hooks still run; what follows is only logged."""

    class Late(Page):
        def get(self) -> None:
            self.finish("done")
            raise make_error(kind)

    class AsyncLate(Page):
        async def get(self) -> None:
            self.finish("done")
            raise make_error(kind)

    answer = run(AsyncLate if is_async else Late, way, [])
    assert (answer.status, answer.body) == (200, b"done")
    assert tracebacks(caplog) == (1 if kind == "generic" else 0)


@ways_out
@pytest.mark.parametrize("is_async", [False, True], ids=["sync get", "async get"])
def test_error_after_flush(way: str, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Headers are out: the answer ends where it is, the error is logged once, the connection lives on."""

    class Streaming(Page):
        async def get(self) -> None:
            self.write("first,")
            await self.flush()
            self.write("second")
            raise ValueError("boom")

    answer = run(Streaming, way, [])
    assert (answer.status, answer.body.startswith(b"first,")) == (200, True)
    assert sum(each.exc_info is not None for each in caplog.records) == 1


@ways_out
@logs
def test_error_after_a_flush_nobody_waited_for(way: str) -> None:
    """Whether the flush or the error comes first, there is one whole answer, and nothing of it in the next one."""

    class Streaming(Page):
        def get(self) -> None:
            self.write("first,")
            self.flush()
            raise ValueError("boom")

    answer = run(Streaming, way, [])
    assert (answer.status, answer.body.startswith(b"first,")) == (200, True) or answer.status == 500


@ways_out
def test_exception_hook_that_answers(way: str, caplog: pytest.LogCaptureFixture) -> None:
    """What an exception hook finishes is the answer, whatever the way out."""

    def answer_it(handler: Any, clear: Any, typ: Any, value: Any, tb: Any) -> None:
        handler.set_status(503)
        handler.finish("try again")

    for is_async in (False, True):
        handler = failing("get", "generic", is_async=is_async)
        answer = run(handler, way, [], hook("exception", answer_it, is_async=is_async))
        assert (answer.status, answer.body) == (503, b"try again")
    assert tracebacks(caplog) == 0


@ways_out
def test_exception_hooks_in_reverse_until_one_returns_true(way: str) -> None:
    seen: list[Any] = []
    middlewares = [
        recorder("first", seen, ExceptionRecorder),
        hook("exception", lambda *args: True),
        recorder("last", seen, ExceptionRecorder),
    ]
    assert run(failing("get", "generic"), way, seen, *middlewares).status == 500
    assert [name for name, phase, _ in seen if phase.startswith("exception")] == ["last"]


@ways_out
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_send_error_for_every_method(way: str, method: str) -> None:
    class Sending(WebHandler):
        def get(self) -> None:
            self.send_error(409, reason="Occupied")

        head = post = delete = get

    application = make_application([("/", Sending)], *ways(way))
    with serving(application) as site, site.connect() as client:
        for _ in range(2):
            answer = client.fetch(method, "/")
            assert (answer.status, answer.reason) == (409, "Occupied")
            assert (answer.body == b"") == (method == "HEAD")


@ways_out
@logs
def test_failing_log_function_ends_in_a_closed_connection_or_an_answer(way: str) -> None:
    """Even then the client does not hang, and the request ends."""
    seen: list[Any] = []

    def log_function(handler: Any) -> None:
        raise ValueError("no paper")

    application = make_application(
        [("/", Page)], recorder("outer", seen), *ways(way), tornado={"log_function": log_function}
    )
    with serving(application) as site, site.connect() as client:
        assert client.get("/").body == b"page"
        wait_for(lambda: ("outer", "end", "/") in seen, "the end of the request")
        site.settle()
    assert seen.count(("outer", "endcall", "/")) == 1


@ways_out
@pytest.mark.parametrize("where", ["send_error", "finish"])
@pytest.mark.parametrize("kind", ["error", "cancellation"])
def test_when_no_answer_is_possible_the_connection_is_closed(
    way: str, where: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that breaks the way out itself leaves a closed connection, a log entry, and a request that ends."""
    seen: list[Any] = []

    def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no way out")

    class Broken(Page):
        async def get(self) -> None:
            if kind == "error":
                raise ValueError("boom")
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(5)

    handler = type("Broken", (Broken,), {where: fail})
    application = make_application([("/bad", handler), ("/good", Page)], recorder("outer", seen), *ways(way))
    with serving(application) as site:
        with site.connect() as client:
            client.request("GET", "/bad")
            assert client.is_closed()
        wait_for(lambda: ("outer", "end", "/bad") in seen, "the end of the request")
        site.settle()
        assert site.get("/good").body == b"page"
    assert seen.count(("outer", "endcall", "/bad")) == 1
    assert "no way out" in caplog.text


@ways_out
def test_error_in_write_error_of_a_plain_handler(way: str, caplog: pytest.LogCaptureFixture) -> None:
    """A class that is not ours gets a plain page, too."""

    class Broken(RequestHandler):
        def get(self) -> None:
            raise HTTPError(409, reason="Occupied")

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            raise ValueError("in the page")

    answer = run(Broken, way, [])
    assert (answer.status, answer.reason) == (409, "Occupied")
    assert b"<title>409: Occupied</title>" in answer.body
    assert tracebacks(caplog) == 1
