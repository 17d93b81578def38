"""docs/lifecycle.md says in which order a request meets what; here a recording site proves it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import HTTPError, OutputTransform, stream_request_body

from support.server import make_application, serving, wait_for
from support.websocket import CLOSE, receive_frame, send_frame, shake_hands
from tornadopy import signal
from tornadopy.handler import WebHandler
from tornadopy.httpmodule import BaseHttpModule
from tornadopy.websocket import WebSocketHandler

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"
SIGNALS = ("call_started", "handler_started", "handler_render", "handler_response", "call_finished")
MIDDLEWARE_HOOKS = ("call", "request", "render", "response", "endcall")
MODULE_HOOKS = ("begin_request", "begin_render", "begin_response", "complete_response")
RECORDED = (
    *("process_init", "on_startup", "process_call", "match", "initialize", "check_xsrf_cookie", "process_request"),
    *("prepare", "on_prepare", "data_received", "get", "post", "process_render", "get_template_namespace", "finish"),
    *("process_response", "compute_etag", "transform_first_chunk", "log_function", "on_finish", "process_endcall"),
    *("complete_finish", "return", "on_end", "on_shutdown", *SIGNALS, *MODULE_HOOKS),
)
HTTP_MODULES = "tornadopy.httpmodule.httpmodule.HttpModuleMiddleware"
SIGNAL_MIDDLEWARE = "tornadopy.middleware.signal.SignalMiddleware"

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


# Reading the page


def numbered_steps() -> dict[str, int]:
    """Return the number of each name in the page's table: of the steps, and of what runs inside them."""
    numbers: dict[str, int] = {}
    for row in re.findall(r"^\| (\d+) \| (.*?) \|(.*?)\|$", PAGE.read_text(), re.MULTILINE):
        number, step, inside = int(row[0]), row[1], row[2]
        for name in [*re.findall(r"`(\w+)`", step), *re.findall(r"`(\w+)`", inside)]:
            numbers.setdefault(name, number)
    return numbers


def order_of(section: str) -> list[str]:
    """Return the names of the line ``Order: …`` in the section of that title."""
    text = PAGE.read_text().split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(r"^Order: (.*?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, section
    return re.findall(r"`(\w+)`", found[1])


# The recording site


class Recording:
    """What has run, as ``(name, who)``."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def __call__(self, name: str, who: str = "") -> None:
        self.events.append((name, who))

    def names(self, only: Iterable[str] | None = None) -> list[str]:
        """Return the names in order, one that comes several times in a row once."""
        names = [name for name, _ in self.events if only is None or name in only]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    def who(self, name: str) -> list[str]:
        return [who for event, who in self.events if event == name]


def recording_hook(note: Recording, name: str, who: str, *, is_async: bool) -> Any:
    def plain(self: object, *args: Any, **kwargs: Any) -> None:
        note(name, who)

    async def waiting(self: object, *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        note(name, who)

    return waiting if is_async else plain


def middleware(note: Recording, name: str, *, is_async: bool, exceptions: bool = False) -> type:
    phases = [*MIDDLEWARE_HOOKS, *(["exception"] if exceptions else [])]
    hooks = {
        f"process_{phase}": recording_hook(
            note, f"process_{phase}", name, is_async=is_async and phase not in {"call", "render"}
        )
        for phase in phases
    }
    hooks["process_init"] = recording_hook(note, "process_init", name, is_async=False)
    return type(name, (), hooks)


def module(note: Recording, name: str, *, is_async: bool) -> type:
    hooks = {
        each: recording_hook(note, each, name, is_async=is_async and each != "begin_render") for each in MODULE_HOOKS
    }
    return type(name, (BaseHttpModule,), hooks)


def recording_handler(note: Recording, base: type = WebHandler) -> type:  # noqa: C901 - a method for each step
    """Return a handler that overrides all that can be, and notes it."""

    class Recorded(base):  # type: ignore[misc,valid-type]
        def initialize(self) -> None:
            note("initialize")

        def check_xsrf_cookie(self) -> None:
            note("check_xsrf_cookie")

        async def prepare(self) -> None:
            await asyncio.sleep(0)
            note("prepare")
            self.context.on_end(lambda: note("on_end"))

        async def on_prepare(self) -> None:
            await asyncio.sleep(0)
            note("on_prepare")

        def get_template_namespace(self) -> Any:
            note("get_template_namespace")
            return super().get_template_namespace()

        def flush(self, include_footers: bool = False) -> Any:
            if not include_footers and "flush" not in note.names():
                note("flush")
            return super().flush(include_footers)

        def finish(self, chunk: Any = None) -> Any:
            note("finish")
            return super().finish(chunk)

        def compute_etag(self) -> Any:
            note("compute_etag")
            return super().compute_etag()

        def log_exception(self, *args: Any) -> None:
            note("log_exception")

        def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
            note("send_error")
            super().send_error(status_code, **kwargs)

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            note("write_error")
            super().write_error(status_code, **kwargs)

        def on_finish(self) -> None:
            note("on_finish")

        async def complete_finish(self) -> None:
            await asyncio.sleep(0)
            note("complete_finish")

    return Recorded


class RecordingMatcher(Matcher):
    def __init__(self, note: Recording, path: str) -> None:
        self._note = note
        self._matcher = PathMatches(path)

    def match(self, request: Any) -> Any:
        found = self._matcher.match(request)
        if found is not None:
            self._note("match")
        return found

    def reverse(self, *args: Any) -> str | None:
        return self._matcher.reverse(*args)


def site_of(note: Recording, handler: type, *, is_async: bool, exceptions: bool = False, **tornado: Any) -> Any:
    class Transform(OutputTransform):
        def transform_first_chunk(self, *args: Any) -> Any:
            note("transform_first_chunk")
            return super().transform_first_chunk(*args)

    application = make_application(
        [Rule(RecordingMatcher(note, "/.*"), handler, name="page")],
        middleware(note, "First", is_async=is_async, exceptions=exceptions),
        SIGNAL_MIDDLEWARE,
        HTTP_MODULES,
        middleware(note, "Last", is_async=is_async, exceptions=exceptions),
        COMMON_MODULES=[module(note, "Common", is_async=is_async)],
        ROUTE_MODULES={"page": [module(note, "Routed", is_async=is_async)]},
        tornado={"xsrf_cookies": True, "log_function": lambda handler: note("log_function"), **tornado},
    )
    application.transforms.append(Transform)
    application.on_startup.append(lambda _: note("on_startup"))
    application.on_shutdown.append(lambda _: note("on_shutdown"))
    return application


@pytest.fixture
def note() -> Iterator[Recording]:
    """A recording that hears the five signals as well."""
    recording = Recording()
    with ExitStack() as stack:
        for name in SIGNALS:
            each = getattr(signal, name)

            def receiver(*, name: str = name, **kwargs: Any) -> None:
                recording(name, "signal")

            each.connect(receiver, weak=False)
            stack.callback(each.disconnect, receiver)
        yield recording


# What is proven


@both_ways
def test_the_order_is_that_of_the_table(note: Recording, is_async: bool, tmp_path: Path) -> None:
    """Start, one POST that renders a template, stop: each name in the table is met, in the order of its number."""
    (tmp_path / "page.html").write_text("page")

    class Page(recording_handler(note)):  # type: ignore[misc]
        complete_finish = recording_hook(note, "complete_finish", "", is_async=is_async)

        async def post(self) -> None:
            note("post")
            await self.render("page.html")
            note("return")

    application = site_of(note, Page, is_async=is_async, template_path=str(tmp_path))
    with serving(application) as site:
        site.call(application.startup())
        response = site.fetch("POST", "/")
        assert (response.status, response.body) == (200, b"page")
        wait_for(lambda: "on_end" in note.names(), "the end of the request")
        site.call(application.shutdown())
    numbers = numbered_steps()
    met = note.names(numbers)
    if is_async:
        met = [name for name in met if name != "return"]
    assert [numbers[name] for name in met] == sorted(numbers[name] for name in met), met
    elsewhere = {"data_received", "get", "compute_etag"} | ({"return"} if is_async else set())
    assert set(RECORDED) - set(met) == elsewhere


def test_the_table_names_all_that_is_recorded() -> None:
    """The numbers run from 1 without a gap, and nothing that the site records is missing."""
    numbers = [int(each) for each in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(numbered_steps()) >= set(RECORDED)


@both_ways
def test_a_get_has_its_etag_where_the_table_says(note: Recording, is_async: bool) -> None:
    class Page(recording_handler(note)):  # type: ignore[misc]
        def get(self) -> None:
            note("get")
            self.write("page")

    with serving(site_of(note, Page, is_async=is_async)) as site:
        assert "Etag" in site.get("/").headers
    numbers = numbered_steps()
    met = [name for name in note.names(numbers) if name != "return"]
    assert [numbers[name] for name in met] == sorted(numbers[name] for name in met), met
    assert {"get", "compute_etag"} <= set(met)


@both_ways
def test_order_inside_the_steps(note: Recording, is_async: bool, tmp_path: Path) -> None:
    """Forwards on the way in, backwards on the way out; modules in their own order, common before the route's."""
    (tmp_path / "page.html").write_text("page")

    class Page(recording_handler(note)):  # type: ignore[misc]
        def get(self) -> None:
            self.render("page.html")

    with serving(site_of(note, Page, is_async=is_async, template_path=str(tmp_path))) as site:
        site.get("/")
        wait_for(lambda: "on_end" in note.names(), "the end of the request")
    inside: dict[str, list[str]] = {}
    for step, parts in {
        "in": ("process_request", "handler_started", "begin_request"),
        "render": ("process_render", "handler_render", "begin_render"),
        "response": ("process_response", "handler_response", "begin_response"),
        "endcall": ("process_endcall", "call_finished", "complete_response"),
    }.items():
        inside[step] = [who for name, who in note.events if name in parts]
    assert note.who("process_init") == note.who("process_call") == ["First", "Last"]
    assert inside == {
        "in": ["First", "signal", "Common", "Routed", "Last"],
        "render": ["Last", "Common", "Routed", "signal", "First"],
        "response": ["Last", "Common", "Routed", "signal", "First"],
        "endcall": ["Last", "Common", "Routed", "signal", "First"],
    }


@both_ways
@pytest.mark.parametrize("error", [ValueError("boom"), HTTPError(418)], ids=["generic", "HTTPError"])
def test_the_order_of_errors(note: Recording, is_async: bool, error: Exception) -> None:
    class Failing(recording_handler(note)):  # type: ignore[misc]
        async def get(self) -> None:
            raise error

    order = order_of("Errors")
    with serving(site_of(note, Failing, is_async=is_async, exceptions=True)) as site:
        assert site.get("/").status >= 400
        wait_for(lambda: "on_end" in note.names(), "the end of the request")
    assert note.names(order) == order
    assert "log_exception" not in note.names()
    assert note.who("process_exception") == ["Last", "First"]


@both_ways
def test_the_order_of_errors_without_exception_hooks(note: Recording, is_async: bool) -> None:
    class Failing(recording_handler(note)):  # type: ignore[misc]
        async def get(self) -> None:
            raise ValueError("boom")

    order = ["log_exception" if name == "process_exception" else name for name in order_of("Errors")]
    with serving(site_of(note, Failing, is_async=is_async)) as site:
        assert site.get("/").status == 500
        wait_for(lambda: "on_end" in note.names(), "the end of the request")
    assert note.names(order) == order


@both_ways
def test_the_order_of_streamed_answers(note: Recording, is_async: bool) -> None:
    class Streaming(recording_handler(note)):  # type: ignore[misc]
        async def get(self) -> None:
            note("get")
            for _ in range(3):
                self.write("part")
                await self.flush()

    order = order_of("Streamed answers")
    with serving(site_of(note, Streaming, is_async=is_async)) as site:
        assert site.get("/").body == b"part" * 3
        wait_for(lambda: "on_end" in note.names(), "the end of the request")
    assert note.names(order) == order


@both_ways
def test_the_order_of_streamed_bodies(note: Recording, is_async: bool) -> None:
    @stream_request_body
    class Upload(recording_handler(note)):  # type: ignore[misc]
        async def data_received(self, chunk: bytes) -> None:
            note("data_received")

        def put(self) -> None:
            note("put")

    order = order_of("Streamed bodies")
    with serving(site_of(note, Upload, is_async=is_async)) as site:
        assert site.fetch("PUT", "/", b"x" * 200_000).status == 200
        wait_for(lambda: "on_end" in note.names(), "the end of the request")
    assert note.names(order) == order
    numbers = numbered_steps()
    met = [name for name in note.names(numbers) if name != "return"]
    assert [numbers[name] for name in met] == sorted(numbers[name] for name in met), met


@both_ways
def test_the_order_of_websockets(note: Recording, is_async: bool) -> None:
    class Echo(recording_handler(note, WebSocketHandler)):  # type: ignore[misc]
        async def get(self, *args: str, **kwargs: str) -> None:
            note("get")
            await super().get(*args, **kwargs)

        def open(self) -> None:
            note("open")

        def on_message(self, message: str | bytes) -> None:
            note("on_message")

        def on_close(self) -> None:
            note("on_close")

    order = order_of("WebSockets")
    with serving(site_of(note, Echo, is_async=is_async)) as site:
        with site.connect() as client:
            assert shake_hands(client, "/").status == 101
            wait_for(lambda: {"open", "process_endcall"} <= set(note.names()), "the opening")
            send_frame(client, b"hello")
            wait_for(lambda: "on_message" in note.names(), "the message")
            send_frame(client, b"\x03\xe8", CLOSE)
            assert receive_frame(client)[0] == CLOSE
        wait_for(lambda: "on_end" in note.names(), "the end of the request")
    met = note.names(order)
    if is_async:  # the handshake does not wait for asynchronous endcall hooks
        assert sorted(met) == sorted(order)
        met, order = ([each for each in names if each != "process_endcall"] for names in (met, order))
    assert met == order
