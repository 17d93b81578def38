"""Order, a true return value, clear(): what a middleware can decide for those after it."""

from __future__ import annotations

from typing import Any

import pytest

from support.hooks import ExceptionRecorder, hook, recorder
from support.server import make_application, serving, wait_for
from tornadopy.handler import WebHandler

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
HANDLERS = ["sync", "async"]


class Page(WebHandler):
    def get(self) -> None:
        self.application.ran.append("get")
        if "fail" in self.request.path:
            raise ValueError("boom")
        self.render("page.html")

    def on_finish(self) -> None:
        self.application.ran.append("on_finish")


class AsyncPage(Page):
    async def get(self) -> None:
        super().get()


def site_of(tmp_path: Any, *middlewares: Any, handler: type = Page, **tornado: Any) -> Any:
    (tmp_path / "page.html").write_text("page")
    application = make_application(
        [("/.*", handler)], *middlewares, tornado={"template_path": str(tmp_path), **tornado}
    )
    application.ran = []
    return application


def phases(seen: list[Any], name: str) -> list[str]:
    return [phase for who, phase, _ in seen if who == name]


def test_forwards_in_backwards_out(tmp_path: Any) -> None:
    """call and request come in the order of the declaration; render, response, endcall and exception in reverse."""
    seen: list[Any] = []
    names = ["first", "second", "third"]
    middlewares = [recorder(name, seen, ExceptionRecorder) for name in names]
    with serving(site_of(tmp_path, *middlewares)) as site:
        site.get("/")
        order: dict[str, list[str]] = {}
        for name, phase, _ in seen:
            order.setdefault(phase, []).append(name)
        reverse = names[::-1]
        assert order == {
            "call": names, "request": names, "render": reverse, "response": reverse, "endcall": reverse, "end": reverse,
        }  # fmt: skip
        seen.clear()
        assert site.get("/fail").status == 500
        assert [name for name, phase, _ in seen if phase == "exception ValueError"] == reverse


def test_init_in_the_order_of_the_declaration() -> None:
    order: list[str] = []

    def initializing(name: str) -> type:
        return type(name, (), {"process_init": lambda self, application: order.append(name)})

    make_application([], initializing("first"), initializing("second"))
    assert order == ["first", "second"]


@pytest.mark.parametrize("handler", [Page, AsyncPage])
@pytest.mark.parametrize(
    ("phase", "is_async", "skipped"),
    [
        ("call", False, "inner"),
        ("request", False, "inner"),
        ("request", True, "inner"),
        ("render", False, "outer"),
        ("response", False, "outer"),
        ("response", True, "outer"),
        ("endcall", False, "outer"),
        ("endcall", True, "outer"),
        ("exception", False, "outer"),
        ("exception", True, "outer"),
    ],
)
def test_true_ends_the_phase_and_no_other(
    phase: str, is_async: bool, skipped: str, handler: type, tmp_path: Any
) -> None:
    seen: list[Any] = []
    middlewares = [
        recorder("outer", seen, ExceptionRecorder),
        hook(phase, lambda *args, **kwargs: True, is_async=is_async),
        recorder("inner", seen, ExceptionRecorder),
    ]
    path = "/fail" if phase == "exception" else "/"
    application = site_of(tmp_path, *middlewares, handler=handler)
    with serving(application) as site:
        response = site.get(path)
        wait_for(lambda: ("outer", "end", path) in seen or phase == "call", "the end")
    assert response.status == (500 if phase == "exception" else 200)
    assert application.ran == ["get", "on_finish"]
    met = phase if phase != "exception" else "exception ValueError"
    everything = ["call", "request", "exception ValueError" if path == "/fail" else "render", "response", "endcall"]
    other = {"outer": "inner", "inner": "outer"}[skipped]
    assert [each for each in phases(seen, skipped) if each != "end"] == [each for each in everything if each != met]
    assert [each for each in phases(seen, other) if each != "end"] == everything


@pytest.mark.parametrize("handler", [Page, AsyncPage])
@pytest.mark.parametrize(
    ("phase", "is_async"),
    [
        ("call", False),
        ("request", False),
        ("request", True),
        ("render", False),
        ("response", False),
        ("response", True),
        ("endcall", False),
        ("endcall", True),
        ("exception", False),
        ("exception", True),
    ],
)
@pytest.mark.parametrize("returns", [None, True])
def test_clear_drops_all_remaining_hooks(
    phase: str, is_async: bool, returns: Any, handler: type, tmp_path: Any
) -> None:
    """Nothing of any phase runs after it, for this request; the handler does, and what was opened is closed."""
    seen: list[Any] = []

    def clearing(subject: Any, clear: Any, *args: Any, **kwargs: Any) -> Any:
        if "kept" not in getattr(subject, "request", subject).path:
            clear()
        return returns

    middlewares = [
        recorder("outer", seen, ExceptionRecorder),
        hook(phase, clearing, is_async=is_async),
        recorder("inner", seen, ExceptionRecorder),
    ]
    path = "/fail" if phase == "exception" else "/"
    application = site_of(tmp_path, *middlewares, handler=handler)
    with serving(application) as site, site.connect() as client:
        response = client.get(path)
        wait_for(lambda: ("outer", "end", path) in seen, "the end of what was opened")
        site.settle()
        assert application.ran == ["get", "on_finish"]
        everything = ["call", "request", "exception ValueError" if path == "/fail" else "render", "response", "endcall"]
        met = phase if phase != "exception" else "exception ValueError"
        until = everything.index(met)
        first, last = ("outer", "inner") if phase in {"call", "request"} else ("inner", "outer")
        assert [each for each in phases(seen, first) if each != "end"] == everything[: until + 1]
        assert [each for each in phases(seen, last) if each != "end"] == everything[:until]
        assert response.status == (500 if phase == "exception" else 200)
        seen.clear()
        assert client.get("/kept").status == 200
        wait_for(lambda: ("outer", "end", "/kept") in seen or returns, "the end of the next request")
    assert "endcall" in phases(seen, "inner"), "the next request meets its hooks again"


@both_ways
@pytest.mark.parametrize("returns", [None, True], ids=["goes on", "ends the phase"])
@pytest.mark.parametrize("way", ["bare", "sync", "async"])
def test_finish_in_a_request_hook(is_async: bool, returns: Any, way: str, tmp_path: Any) -> None:
    """The handler's methods do not run; whether the other request hooks do is up to the return value."""
    seen: list[Any] = []

    def answer(handler: Any, clear: Any) -> Any:
        handler.set_status(403)
        handler.finish("closed")
        return returns

    class Watched(Page):
        def prepare(self) -> None:
            self.application.ran.append("prepare")

        def on_prepare(self) -> None:
            self.application.ran.append("on_prepare")

    sending = [] if way == "bare" else [hook("response", lambda *args: None, is_async=way == "async")]
    middlewares = [*sending, hook("request", answer, is_async=is_async), recorder("inner", seen)]
    application = site_of(tmp_path, *middlewares, handler=Watched)
    with serving(application) as site:
        response = site.get("/")
    assert (response.status, response.body) == (403, b"closed")
    assert application.ran == ["on_finish"]
    assert phases(seen, "inner").count("endcall") == 1
    assert phases(seen, "inner").count("response") == 1
    assert ("request" in phases(seen, "inner")) == (returns is None)


@both_ways
def test_true_without_finish_leaves_the_handler_running(is_async: bool, tmp_path: Any) -> None:
    application = site_of(tmp_path, hook("request", lambda *args: True, is_async=is_async))
    with serving(application) as site:
        assert site.get("/").body == b"page"
    assert application.ran == ["get", "on_finish"]


@both_ways
@pytest.mark.parametrize("where", ["prepare", "on_prepare"])
def test_finish_on_the_way_in(where: str, is_async: bool, tmp_path: Any) -> None:
    """A handler that answers in prepare or on_prepare is not asked again, whatever the hooks are."""

    def answer(self: Any) -> None:
        self.finish(where)

    handler = type("Early", (Page,), {where: answer})
    application = site_of(tmp_path, hook("response", lambda *args: None, is_async=is_async), handler=handler)
    with serving(application) as site, site.connect() as client:
        assert [client.get("/").body for _ in range(2)] == [where.encode()] * 2
    assert application.ran == ["on_finish"] * 2


def test_prepare_overridden_without_super_loses_no_middleware(tmp_path: Any) -> None:
    seen: list[Any] = []

    class Own(Page):
        def initialize(self) -> None: ...

        async def prepare(self) -> None:
            self.application.ran.append("prepare")

        async def on_prepare(self) -> None:
            self.application.ran.append("on_prepare")

        def finish(self, chunk: Any = None) -> Any:
            self.application.ran.append("finish")
            return super().finish(chunk)

        async def complete_finish(self) -> None:
            self.application.ran.append("complete_finish")

    application = site_of(tmp_path, recorder("it", seen), handler=Own)
    with serving(application) as site:
        assert site.get("/").body == b"page"
        wait_for(lambda: ("it", "end", "/") in seen, "the end")
    assert application.ran == ["prepare", "on_prepare", "get", "finish", "on_finish", "complete_finish"]
    assert phases(seen, "it") == ["call", "request", "render", "response", "endcall", "end"]


def test_what_nobody_implements_is_not_there() -> None:
    """Each phase's hooks are put together once, at start, from the middlewares that have them."""
    application = make_application([], recorder("it", []), hook("endcall", lambda *args: None, name="Last"))
    assert application.pipeline.describe() == {
        "call": ["it"],
        "request": ["it"],
        "render": ["it"],
        "response": ["it"],
        "endcall": ["Last", "it"],
        "exception": [],
    }
