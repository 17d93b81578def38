"""Hooks and handlers that wait for something which is cancelled: an error like any other, never a silence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tornado import gen

from support.hooks import recorder
from support.server import make_application, serving, wait_for
from tornadopy.handler import WebHandler

ways_out = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


async def wait_for_something_cancelled() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


@pytest.mark.usefixtures("caplog")
@pytest.mark.parametrize("phase", ["request", "response", "endcall", "exception"])
def test_hook_that_waits_for_something_cancelled(phase: str) -> None:
    """The client has its answer, and the request its end."""
    seen: list[Any] = []

    class Failing(Page):
        def get(self) -> None:
            raise ValueError("boom")

    async def process(self: object, handler: Any, *args: Any) -> None:
        if handler.request.path == "/bad":
            await wait_for_something_cancelled()

    broken = type("Broken", (), {f"process_{phase}": process})
    handler = Failing if phase == "exception" else Page
    application = make_application(
        [("/bad", handler), ("/good", Page)], recorder("outer", seen), broken, recorder("inner", seen)
    )
    with serving(application) as site, site.connect() as client:
        assert client.get("/bad").status == (200 if phase == "endcall" else 500)
        assert client.get("/good").body == b"page"
        wait_for(lambda: ("outer", "end", "/bad") in seen, "the end of the request")
        site.settle()
    for name in ("outer", "inner"):
        assert seen.count((name, "endcall", "/bad")) == 1


@pytest.mark.usefixtures("caplog")
@pytest.mark.parametrize("where", ["prepare", "on_prepare", "complete_finish", "closer"])
def test_method_that_waits_for_something_cancelled(where: str) -> None:
    seen: list[Any] = []

    async def wait(self: Any = None) -> None:
        await wait_for_something_cancelled()

    class Waiting(Page):
        def get(self) -> None:
            self.context.on_end(lambda: seen.append("first closer"))
            if where == "closer":
                self.context.on_end(wait)
            self.write("page")

    handler = type("Waiting", (Waiting,), {} if where == "closer" else {where: wait})
    with serving(make_application([("/", handler)], recorder("it", seen))) as site, site.connect() as client:
        for _ in range(2):
            assert client.get("/").status == (500 if "prepare" in where else 200)
        site.settle()
        wait_for(lambda: seen.count(("it", "end", "/")) == 2, "the ends")
    assert seen.count("first closer") == (0 if "prepare" in where else 2)


@pytest.mark.usefixtures("caplog")
def test_flush_whose_hook_waits_for_something_cancelled() -> None:
    class Streaming(Page):
        async def get(self) -> None:
            self.write("first")
            await self.flush()

    async def process_response(self: object, handler: Any, clear: Any, chunk: Any) -> None:
        await wait_for_something_cancelled()

    broken = type("Broken", (), {"process_response": process_response})
    with serving(make_application([("/", Streaming)], broken)) as site, site.connect() as client:
        assert client.get("/").status == 500
        site.settle()


@ways_out
def test_old_coroutines_are_awaited_too(is_async: bool) -> None:
    """Hooks and methods in the manner of gen.coroutine, and plain functions that hand back a Future."""
    order: list[str] = []

    class Old:
        @gen.coroutine
        def process_request(self, handler: Any, clear: Any) -> Any:
            yield gen.sleep(0.001)
            order.append("request")

        def process_response(self, handler: Any, clear: Any, chunk: Any) -> Any:
            if not is_async:
                order.append("response")
                return None
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def done() -> None:
                order.append("response")
                future.set_result(None)

            asyncio.get_running_loop().call_later(0.001, done)
            return future

    class Handler(WebHandler):
        @gen.coroutine
        def prepare(self) -> Any:
            yield gen.sleep(0.001)
            order.append("prepare")

        @gen.coroutine
        def get(self) -> Any:
            yield gen.sleep(0.001)
            order.append("get")
            yield self.finish("page")
            order.append("sent")

    with serving(make_application([("/", Handler)], Old)) as site:
        assert site.get("/").body == b"page"
    assert order == ["request", "prepare", "get", "response", "sent"]
