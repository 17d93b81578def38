"""Errors in hooks: what the client gets, what the log gets, and that the next request is none the wiser."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tornado.web import Finish, HTTPError

from support.hooks import ExceptionRecorder, hook, path_of, recorder
from support.server import make_application, serving, wait_for
from tornadopy.exception import Http404
from tornadopy.exceptions import ConfigError
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
BEFORE_THE_ANSWER = [
    ("call", False),
    ("request", False),
    ("request", True),
    ("render", False),
    ("response", False),
    ("response", True),
]
both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
every_error = pytest.mark.parametrize("kind", ERRORS)


class Page(WebHandler):
    """A page from a template; below /raise it fails."""

    def get(self) -> None:
        if self.request.path.startswith("/raise"):
            raise KeyError("original")
        self.render("page.html")


class AsyncPage(Page):
    async def get(self) -> None:
        if self.request.path.startswith("/raise"):
            raise KeyError("original")
        await self.render("page.html")


@pytest.fixture
def templates(tmp_path: Any) -> dict[str, Any]:
    (tmp_path / "page.html").write_text("page")
    return {"template_path": str(tmp_path)}


def sabotage(phase: str, kind: str, *, is_async: bool) -> type:
    """Return a middleware that fails in *phase* of every request whose path holds "bad"."""

    def fail(subject: Any, clear: Any, *args: Any, **kwargs: Any) -> None:
        if "bad" not in path_of(subject):
            return
        if phase != "call":
            subject.set_header("X-Bad", phase)
        raise make_error(kind)

    return hook(phase, fail, is_async=is_async)


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the errors in the log; the lines of the access log are no errors, whatever their level."""
    records = [each for each in caplog.records if each.levelno >= logging.ERROR and each.name != "tornado.access"]
    return [each.getMessage() for each in records]


@pytest.mark.parametrize("handler", [Page, AsyncPage])
@every_error
@pytest.mark.parametrize(("phase", "is_async"), BEFORE_THE_ANSWER)
def test_error_before_the_answer(
    phase: str, is_async: bool, kind: str, handler: type, templates: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """HTTPError keeps its status, Finish its meaning, all else is a logged 500; the next request is untouched."""
    seen: list[Any] = []
    middlewares = [recorder("outer", seen), sabotage(phase, kind, is_async=is_async), recorder("inner", seen)]
    application = make_application([("/.*", handler)], *middlewares, tornado=templates)
    with serving(application) as site, site.connect() as client:
        answer = client.get("/bad")
        after = client.get("/good")
        site.settle()
    assert answer.status == STATUS[kind]
    if kind.startswith("Finish"):
        kept = b"page" if phase == "response" else b""
        assert answer.body == kept + (b"early" if kind == "Finish with chunk" else b"")
    else:
        assert answer.body.count(b"<html") == 1, "one error page"
        assert "X-Bad" not in answer.headers
    assert (after.status, after.body, "X-Bad" in after.headers) == (200, b"page", False)
    for name in ("outer", "inner"):
        for path in ("/bad", "/good"):
            assert seen.count((name, "endcall", path)) == 1
    assert seen.count(("outer", "end", "/bad")) == 1
    assert len(errors_in(caplog)) == (1 if kind == "generic" else 0)


@every_error
@pytest.mark.parametrize(("phase", "is_async"), BEFORE_THE_ANSWER)
def test_error_before_the_answer_meets_the_exception_hooks_once(
    phase: str, is_async: bool, kind: str, templates: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With exception hooks the log stays silent, and each of them is told once; Finish is no exception."""
    seen: list[Any] = []
    base = ExceptionRecorder
    middlewares = [recorder("outer", seen, base), sabotage(phase, kind, is_async=is_async)]
    application = make_application([("/.*", Page)], *middlewares, tornado=templates)
    with serving(application) as site:
        assert site.get("/bad").status == STATUS[kind]
    told = [phase for _, phase, _ in seen if phase.startswith("exception")]
    assert told == ([] if kind.startswith("Finish") else [f"exception {type(make_error(kind)).__name__}"])
    assert errors_in(caplog) == []


@every_error
@both_ways
def test_error_in_endcall(is_async: bool, kind: str, templates: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The answer is out already; the error is logged, and the other endcall hooks still run."""
    seen: list[Any] = []
    middlewares = [recorder("outer", seen), sabotage("endcall", kind, is_async=is_async), recorder("inner", seen)]
    application = make_application([("/.*", Page)], *middlewares, tornado=templates)
    with serving(application) as site, site.connect() as client:
        assert (client.get("/bad").body, client.get("/good").body) == (b"page", b"page")
        site.settle()
    assert seen.count(("inner", "endcall", "/bad")) == 1
    if not kind.startswith("Finish"):
        assert seen.count(("outer", "endcall", "/bad")) == 1
    assert seen.count(("outer", "endcall", "/good")) == 1
    assert seen.count(("outer", "end", "/bad")) == 1
    assert len(errors_in(caplog)) == (1 if kind == "generic" else 0)


@pytest.mark.parametrize("handler", [Page, AsyncPage])
@every_error
@both_ways
def test_error_in_an_exception_hook(
    is_async: bool, kind: str, handler: type, templates: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The error of the hook decides the answer."""
    seen: list[Any] = []
    middlewares = [recorder("outer", seen), sabotage("exception", kind, is_async=is_async), recorder("inner", seen)]
    application = make_application([("/.*", handler)], *middlewares, tornado=templates)
    with serving(application) as site, site.connect() as client:
        answer = client.get("/raise/bad")
        after = client.get("/good")
        site.settle()
    assert answer.status == STATUS[kind]
    if kind == "Finish with chunk":
        assert answer.body == b"early"
    assert (after.status, after.body, "X-Bad" in after.headers) == (200, b"page", False)
    assert seen.count(("outer", "endcall", "/raise/bad")) == 1
    assert seen.count(("outer", "end", "/raise/bad")) == 1
    assert len(errors_in(caplog)) == (1 if kind == "generic" else 0)


@pytest.mark.parametrize("phase", ["request", "response"])
@both_ways
def test_errors_in_a_hook_and_in_the_exception_hook(phase: str, is_async: bool, templates: Any) -> None:
    """Two errors, one answer: that of the later one."""
    seen: list[Any] = []
    middlewares = [
        recorder("outer", seen),
        sabotage("exception", "HTTPError", is_async=is_async),
        sabotage(phase, "generic", is_async=is_async),
    ]
    application = make_application([("/.*", Page)], *middlewares, tornado=templates)
    with serving(application) as site, site.connect() as client:
        assert client.get("/bad").status == 418
        assert client.get("/good").body == b"page"
        site.settle()
    assert seen.count(("outer", "endcall", "/bad")) == 1


@both_ways
@logs
def test_every_response_hook_fails(is_async: bool, templates: Any) -> None:
    """The error page meets the hooks that are left; when each of them fails too, the last error is answered."""
    middlewares = [
        sabotage("response", "generic", is_async=is_async),
        sabotage("response", "HTTPError", is_async=is_async),
        sabotage("response", "Http404", is_async=is_async),
    ]
    application = make_application([("/.*", Page)], *middlewares, tornado=templates)
    with serving(application) as site, site.connect() as client:
        assert client.get("/bad").status == 500
        assert client.get("/good").body == b"page"


def test_error_in_process_init_stops_the_start() -> None:
    """A middleware that cannot be set up is a configuration error that names it."""

    def fail(application: Any) -> None:
        raise ValueError("no such server")

    middleware = type("Broken", (), {"process_init": lambda self, application: fail(application)})
    with pytest.raises(ConfigError, match=r"process_init .*Broken failed: ValueError: no such server"):
        make_application([], middleware)


def test_async_hook_of_a_synchronous_phase_is_refused() -> None:
    """init, call and render cannot wait; an asynchronous hook there is an error at start that says so."""

    async def later(*args: Any, **kwargs: Any) -> None: ...

    for phase in ("init", "call", "render"):
        middleware = type("Waiting", (), {f"process_{phase}": later})
        with pytest.raises(ConfigError, match=rf"process_{phase} of Waiting is asynchronous"):
            make_application([], middleware)


@pytest.mark.parametrize("phase", ["call", "render"])
def test_awaitable_from_a_synchronous_phase_is_an_error_of_the_hook(
    phase: str, templates: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A plain function that hands back an awaitable is not seen at start; the request ends with 500, not in silence."""

    def later(*args: Any, **kwargs: Any) -> Any:
        return asyncio.get_running_loop().create_future()

    application = make_application([("/.*", Page)], hook(phase, later), tornado=templates)
    with serving(application) as site:
        assert site.get("/").status == 500
    assert len(errors_in(caplog)) == 1


@both_ways
def test_error_after_clear_is_logged_and_answered(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """clear() drops the exception hooks as well; the error goes to the log, as without middlewares."""
    seen: list[Any] = []

    def clear_and_fail(handler: Any, clear: Any) -> None:
        clear()
        raise ValueError("boom")

    middlewares = [recorder("outer", seen, ExceptionRecorder), hook("request", clear_and_fail, is_async=is_async)]
    with serving(make_application([("/", Page)], *middlewares)) as site:
        assert site.get("/").status == 500
        wait_for(lambda: ("outer", "end", "/") in seen)
    assert [phase for _, phase, _ in seen] == ["call", "request", "end"]
    assert len(errors_in(caplog)) == 1
