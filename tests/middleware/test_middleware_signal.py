"""SignalMiddleware sends the five signals, and its hooks fit the pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.httputil import HTTPServerRequest
from tornado.testing import ExpectLog
from tornado.web import Application, RequestHandler

from support.servers import ServerTestCase
from tornadopy import signal as signals
from tornadopy.dispatch import Signal
from tornadopy.exceptions import ArgumentError
from tornadopy.middleware import pipeline
from tornadopy.middleware.signal import SignalMiddleware

FIVE = ("call_started", "handler_started", "handler_render", "handler_response", "call_finished")


class Listening:
    """Connects receivers for one test."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, type, dict[str, Any]]] = []
        self._connected: list[tuple[Signal, Any]] = []

    def listen(self, name: str, *, asynchronous: bool = False, sender: object = None) -> None:
        def plain(signal: Signal, sender: type, **kwargs: Any) -> str:
            assert signal is getattr(signals, name)
            self.heard.append((name, sender, kwargs))
            return "a true value must not end the phase"

        async def awaited(**kwargs: Any) -> str:
            return plain(**kwargs)

        self.connect(name, awaited if asynchronous else plain, sender=sender)

    def connect(self, name: str, receiver: Any, *, sender: object = None) -> None:
        signal: Signal = getattr(signals, name)
        signal.connect(receiver, sender=sender, weak=False)
        self._connected.append((signal, (receiver, sender)))

    def stop(self) -> None:
        for signal, (receiver, sender) in self._connected:
            assert signal.disconnect(receiver, sender=sender)


@pytest.fixture
def listening() -> Iterator[Listening]:
    listening = Listening()
    yield listening
    listening.stop()


class Page(RequestHandler):
    """A handler that walks the phases as an application does."""

    def phase(self, name: str, first: Any, *args: Any, **kwargs: Any) -> Any:
        [hook] = pipeline.collect([self.settings["middleware"]], name)
        return hook(first, lambda: None, *args, **kwargs)

    async def prepare(self) -> None:
        assert self.phase("call", self.request) is None
        waiting = self.phase("request", self)
        self.settings["waits"].append(waiting is not None)
        if waiting is not None:
            await waiting

    async def get(self) -> None:
        assert self.phase("render", self, "page.html", title="T", handler=1) is None
        chunks = [b"body"]
        waiting = self.phase("response", self, chunks)
        if waiting is not None:
            await waiting
        await self.finish(b"".join(chunks))
        waiting = self.phase("endcall", self)
        if waiting is not None:
            await waiting


class TestOverARequest(ServerTestCase):
    def get_app(self) -> Application:
        self.waits: list[bool] = []
        application = Application(
            [("/", Page)],
            middleware=SignalMiddleware(),
            waits=self.waits,
        )
        self.listening = Listening()
        self.addCleanup(self.listening.stop)
        return application

    def test_the_five_signals_come_in_order_with_their_arguments(self) -> None:
        for name in FIVE:
            self.listening.listen(name)
        assert self.fetch("/").body == b"body"
        heard = self.listening.heard
        assert [name for name, _, _ in heard] == list(FIVE)
        assert [sender for _, sender, _ in heard] == [HTTPServerRequest, Page, Page, Page, Page]
        arguments = [sorted(kwargs) for _, _, kwargs in heard]
        assert arguments == [
            ["request"],
            ["handler"],
            ["handler", "template_kwargs", "template_name"],
            ["chunk", "handler"],
            ["handler"],
        ]
        assert heard[2][2]["template_name"] == "page.html"
        assert heard[2][2]["template_kwargs"] == {"title": "T", "handler": 1}
        assert heard[3][2]["chunk"] == [b"body"]
        assert self.waits == [False], "with synchronous receivers nothing is left to await"

    def test_asynchronous_receivers_are_awaited_in_the_three_asynchronous_stages(self) -> None:
        for name in ("handler_started", "handler_response", "call_finished"):
            self.listening.listen(name, asynchronous=True)
        self.fetch("/")
        assert [name for name, _, _ in self.listening.heard] == ["handler_started", "handler_response", "call_finished"]
        assert self.waits == [True]

    def test_a_receiver_may_change_the_chunks(self) -> None:
        async def shout(chunk: list[bytes], **kwargs: Any) -> None:
            chunk[:] = [each.upper() for each in chunk]

        self.listening.connect("handler_response", shout)
        assert self.fetch("/").body == b"BODY"

    def test_a_sender_may_be_chosen(self) -> None:
        class Elsewhere(RequestHandler):
            pass

        self.listening.listen("handler_started", sender=Elsewhere)
        self.listening.listen("call_finished", sender=Page)
        self.fetch("/")
        assert [name for name, _, _ in self.listening.heard] == ["call_finished"]

    def test_an_error_of_a_receiver_is_the_hooks(self) -> None:
        def fail(**kwargs: Any) -> None:
            raise LookupError("receiver failed")

        self.listening.connect("handler_started", fail)
        with ExpectLog("tornado.application", "Uncaught exception"), ExpectLog("tornado.access", "500"):
            assert self.fetch("/").code == 500


def test_the_pipeline_takes_it_by_either_name() -> None:
    names = ["tornadopy.middleware.signal.SignalMiddleware", "tornadopy.middleware.session.SignalMiddleware"]
    assert [type(each) for each in pipeline.create(names)] == [SignalMiddleware, SignalMiddleware]


def test_without_receivers_the_hooks_return_none() -> None:
    middleware: Any = SignalMiddleware()

    def clear() -> None: ...

    assert middleware.process_call(object(), clear) is None
    assert middleware.process_request(object(), clear) is None
    assert middleware.process_render(object(), clear, "page.html", title="T") is None
    assert middleware.process_response(object(), clear, []) is None
    assert middleware.process_endcall(object(), clear) is None


def test_a_hook_hands_back_a_coroutine_only_for_an_asynchronous_receiver(listening: Listening) -> None:
    middleware: Any = SignalMiddleware()
    listening.listen("handler_started")
    assert middleware.process_request(object(), lambda: None) is None
    listening.listen("handler_started", asynchronous=True)
    waiting = middleware.process_request(object(), lambda: None)
    assert inspect.iscoroutine(waiting)
    waiting.close()


@pytest.mark.parametrize("name", ["call_started", "handler_render"])
def test_the_synchronous_stages_refuse_asynchronous_receivers(name: str) -> None:
    async def receiver(**kwargs: Any) -> None: ...

    with pytest.raises(ArgumentError, match="is asynchronous"):
        getattr(signals, name).connect(receiver)


def test_the_seeds_names() -> None:
    from tornadopy.middleware import session

    assert session.SignalMiddleware is SignalMiddleware
    assert callable(signals.receiver)
