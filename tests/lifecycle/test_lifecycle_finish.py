"""finish(), flush() and render(): what has happened when they return, with synchronous and asynchronous hooks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from support.hooks import hook, recorder
from support.server import ConnectionEnded, make_application, serving, wait_for
from tornadopy.handler import WebHandler

# For tests whose errors are logged as well; what is logged is the matter of others.
logs = pytest.mark.usefixtures("caplog")

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
ways_out = pytest.mark.parametrize("way", ["bare", "sync", "async"])


def ways(way: str, work: Any = lambda *args: None) -> list[type]:
    return [] if way == "bare" else [hook("response", work, is_async=way == "async")]


def exclaim(handler: Any, clear: Any, chunk: list[Any]) -> None:
    chunk.append(b"!")


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


def site_of(handler: type, *middlewares: Any, **tornado: Any) -> Any:
    application = make_application([("/", handler), ("/page", Page)], *middlewares, tornado=tornado)
    application.notes = []
    return application


# What finish does


@pytest.mark.parametrize("way", ["bare", "sync"])
def test_with_synchronous_hooks_finish_does_everything_before_it_returns(way: str) -> None:
    seen: list[Any] = []

    class Now(Page):
        def get(self) -> None:
            self.finish("now")
            seen.append("returned")

        def on_finish(self) -> None:
            seen.append("on_finish")

        def complete_finish(self) -> None:
            seen.append("complete_finish")

    with serving(site_of(Now, hook("endcall", lambda *args: seen.append("endcall")), *ways(way))) as site:
        assert site.get("/").body == b"now"
    assert seen == ["on_finish", "endcall", "complete_finish", "returned"]


def test_an_asynchronous_hook_lets_finish_return_at_once_and_seals() -> None:
    """A second finish() and a write() are errors; what follows happens before the Future resolves."""
    seen: list[Any] = []

    class Sealed(Page):
        async def get(self) -> None:
            sent = self.finish("sealed")
            seen.append("returned")
            for again in (self.finish, lambda: self.finish("more"), lambda: self.write("more")):
                with pytest.raises(RuntimeError, match="finish"):
                    again()
            await sent
            seen.append("sent")
            with pytest.raises(RuntimeError, match="finish"):
                self.finish()
            with pytest.raises(RuntimeError, match="finish"):
                self.write("more")

        def on_finish(self) -> None:
            seen.append("on_finish")

    def append(handler: Any, clear: Any, chunk: list[Any]) -> None:
        seen.append("hook")
        handler.write(" and written to")

    with serving(site_of(Sealed, *ways("async", append))) as site:
        assert site.get("/").body == b"sealed and written to"
    assert seen == ["returned", "hook", "on_finish", "sent"]


@ways_out
def test_a_sealed_response_is_sealed_for_the_tasks_of_the_handler_too(way: str) -> None:
    """Only hooks may still write; a task that the handler has started may not."""
    refused: list[Any] = []

    class Sealed(Page):
        async def get(self) -> None:
            self.finish("sealed")
            async with asyncio.TaskGroup() as group:
                group.create_task(self.late())

        async def late(self) -> None:
            try:
                self.write(" late")
            except RuntimeError:
                refused.append("write")
            try:
                self.finish()
            except RuntimeError:
                refused.append("finish")

    async def slow(self: object, handler: Any, clear: Any, chunk: Any) -> None:
        await asyncio.sleep(0.02)
        handler.write("!")

    middlewares = [type("Slow", (), {"process_response": slow})] if way == "async" else ways(way, exclaim)
    with serving(site_of(Sealed, *middlewares)) as site:
        assert site.get("/").body == b"sealed" + (b"" if way == "bare" else b"!")
    assert refused == ["write", "finish"]


@ways_out
def test_what_a_handler_sets_after_finish_changes_nothing(way: str) -> None:
    """Status and headers are those of the moment of finish(), apart from what hooks do."""

    class Late(Page):
        def get(self) -> None:
            self.finish("done")
            self.set_status(500)
            self.set_header("X-Late", "1")

    with serving(site_of(Late, *ways(way))) as site:
        response = site.get("/")
    assert (response.status, response.body, "X-Late" in response.headers) == (200, b"done", False)


@ways_out
@logs
def test_redirect_and_send_error_after_finish(way: str) -> None:
    """Both come too late."""

    class Late(Page):
        def get(self) -> None:
            self.finish("done")
            if self.get_argument("then") == "redirect":
                self.redirect("/page")
            else:
                self.send_error(503)

    with serving(site_of(Late, *ways(way))) as site, site.connect() as client:
        for then in ("redirect", "send_error"):
            response = client.get(f"/?then={then}")
            assert (response.status, response.body) == (200, b"done")
            assert client.get("/page").body == b"page"


@ways_out
def test_redirect(way: str) -> None:
    class Moved(Page):
        def get(self) -> None:
            self.redirect("/page")

    with serving(site_of(Moved, *ways(way))) as site, site.connect() as client:
        response = client.get("/")
        assert (response.status, response.headers["Location"], response.body) == (302, "/page", b"")
        assert client.get("/page").body == b"page"


@ways_out
def test_finish_resolves_when_the_response_is_sent(way: str) -> None:
    class Waiting(Page):
        async def get(self) -> None:
            sending = self.finish("sent")
            assert asyncio.isfuture(sending)
            self.application.notes.append(await sending)

    application = site_of(Waiting, *ways(way))
    with serving(application) as site:
        assert site.get("/").body == b"sent"
    assert application.notes == [None]


@ways_out
def test_render_returns_the_future_of_finish(way: str, tmp_path: Any) -> None:
    (tmp_path / "hello.html").write_text("hello {{ name }}")

    class Rendering(Page):
        async def get(self) -> None:
            await self.render("hello.html", name="world")
            self.application.notes.append("sent")

    class Forgetful(Page):
        def get(self) -> None:
            self.render("hello.html", name="world")

    body = b"hello world" + (b"" if way == "bare" else b"!")
    for handler in (Rendering, Forgetful):
        application = site_of(handler, *ways(way, exclaim), template_path=str(tmp_path))
        with serving(application) as site:
            response = site.get("/")
        assert (response.body, response.headers["Content-Length"]) == (body, str(len(body)))


# Handlers that finish later


@ways_out
@pytest.mark.parametrize("ends_in", ["callback", "task", "thread"])
def test_a_handler_may_finish_after_its_method_has_returned(way: str, ends_in: str) -> None:
    seen: list[Any] = []

    class Later(Page):
        def get(self) -> None:
            self._auto_finish = False
            loop = asyncio.get_running_loop()
            if ends_in == "callback":
                loop.call_later(0.01, self.finish, "later")
            elif ends_in == "task":
                self.application.task = loop.create_task(self.answer())
            else:
                call = loop.call_soon_threadsafe
                threading.Thread(target=lambda: call(self.finish, "later")).start()

        async def answer(self) -> None:
            await asyncio.sleep(0.01)
            await self.finish("later")

    with serving(site_of(Later, recorder("it", seen), *ways(way, exclaim))) as site, site.connect() as client:
        response = client.get("/")
        assert (response.status, response.body) == (200, b"later" + (b"" if way == "bare" else b"!"))
        assert client.get("/page").status == 200
        wait_for(lambda: ("it", "end", "/") in seen, "the end")
    assert [phase for _, phase, path in seen if path == "/"] == ["call", "request", "response", "endcall", "end"]


@both_ways
@pytest.mark.parametrize("phase", ["response", "endcall"])
def test_a_hook_that_fails_after_the_method_has_returned(
    is_async: bool, phase: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Any] = []

    def fail(handler: Any, clear: Any, *args: Any) -> None:
        if handler.request.path == "/":
            raise ValueError("boom")

    class Later(Page):
        def get(self) -> None:
            self._auto_finish = False
            asyncio.get_running_loop().call_later(0.01, self.finish, "later")

    middlewares = [recorder("outer", seen), hook(phase, fail, is_async=is_async), recorder("inner", seen)]
    with serving(site_of(Later, *middlewares)) as site, site.connect() as client:
        assert client.get("/").status == (500 if phase == "response" else 200)
        assert client.get("/page").body == b"page"
        wait_for(lambda: ("outer", "end", "/") in seen, "the end")
    for name in ("outer", "inner"):
        assert [each for who, each, path in seen if (who, path) == (name, "/")].count("endcall") == 1
    assert sum(each.exc_info is not None for each in caplog.records) == 1


# What flush does


@ways_out
def test_the_hooks_run_once_before_the_first_flush(way: str) -> None:
    """They see what is buffered then; what is written later goes out as it is, in the order of its writing."""
    lengths: list[int] = []

    def look(handler: Any, clear: Any, chunk: list[Any]) -> None:
        lengths.append(sum(map(len, chunk)))
        handler.set_header("X-Hooked", "yes")
        chunk.append(b"!")

    class Streaming(Page):
        async def get(self) -> None:
            for part in ("one ", "two ", "three "):
                self.write(part)
                await self.flush()
            self.write("four")

    with serving(site_of(Streaming, *ways(way, look))) as site, site.connect() as client:
        for _ in range(2):
            response = client.get("/")
            mark = b"" if way == "bare" else b"!"
            assert response.body == b"one " + mark + b"two three four"
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert "Content-Length" not in response.headers
    assert lengths == ([] if way == "bare" else [4, 4])


@ways_out
def test_flushes_that_nobody_waits_for(way: str) -> None:
    """Order is kept; nothing is lost or sent twice."""

    class Streaming(Page):
        def get(self) -> None:
            for part in ("one ", "two ", "three "):
                self.write(part)
                self.flush()
            self.finish("four")

    with serving(site_of(Streaming, *ways(way))) as site, site.connect() as client:
        for _ in range(2):
            assert client.get("/").body == b"one two three four"
            assert client.get("/page").body == b"page"


@ways_out
def test_a_flush_that_nobody_waits_for_and_more_work(way: str) -> None:
    class Streaming(Page):
        async def get(self) -> None:
            self.write("one ")
            self.flush()
            await asyncio.sleep(0.02)
            self.write("two ")
            await self.flush()
            self.write("three")

    with serving(site_of(Streaming, *ways(way))) as site, site.connect() as client:
        assert client.get("/").body == b"one two three"
        assert client.get("/page").body == b"page"


@ways_out
def test_flush_before_anything_is_written(way: str) -> None:
    """An early flush sends the headers."""

    class Early(Page):
        async def get(self) -> None:
            self.set_header("X-Early", "yes")
            await self.flush()
            self.write("body")

    with serving(site_of(Early, *ways(way, exclaim))) as site:
        response = site.get("/")
    assert (response.headers["X-Early"], response.body) == ("yes", (b"" if way == "bare" else b"!") + b"body")


@ways_out
def test_the_first_bytes_reach_the_client_before_the_handler_goes_on(way: str) -> None:
    """A streamed response streams."""
    gate = threading.Event()

    class Streaming(Page):
        async def get(self) -> None:
            self.write("first")
            await self.flush()
            await asyncio.to_thread(gate.wait, 5)
            self.write("last")

    with serving(site_of(Streaming, *ways(way))) as site, site.connect() as client:
        client.request("GET", "/")
        assert client.receive_head().headers["Transfer-Encoding"] == "chunked"
        assert client.read(len(b"5\r\nfirst\r\n")) == b"5\r\nfirst\r\n"
        gate.set()
        assert client.read(len(b"4\r\nlast\r\n0\r\n\r\n")) == b"4\r\nlast\r\n0\r\n\r\n"


@both_ways
def test_a_response_hook_that_fails_at_the_first_flush(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing has gone out yet: the client gets the error page."""

    def fail(handler: Any, clear: Any, chunk: list[Any]) -> None:
        if handler.request.path == "/":
            raise ValueError("boom")

    class Streaming(Page):
        async def get(self) -> None:
            self.write("buffered,")
            await self.flush()
            self.application.notes.append("went on")

    class Forgetful(Page):
        def get(self) -> None:
            self.write("buffered,")
            self.flush()
            self.write("more")

    for handler in (Streaming, Forgetful):
        caplog.clear()
        application = site_of(handler, hook("response", fail, is_async=is_async))
        with serving(application) as site, site.connect() as client:
            response = client.get("/")
            assert (response.status, b"buffered," in response.body) == (500, False)
            assert client.get("/page").body == b"page"
        assert application.notes == []
        assert sum(each.exc_info is not None for each in caplog.records) == 1


@ways_out
def test_streaming_with_a_declared_length(way: str) -> None:
    class Streaming(Page):
        async def get(self) -> None:
            self.set_header("Content-Length", 8)
            self.write("one ")
            await self.flush()
            self.write("two ")

    with serving(site_of(Streaming, *ways(way, exclaim))) as site, site.connect() as client:
        response = client.get("/")
        body = b"one " + (b"" if way == "bare" else b"!") + b"two "
        assert (response.body, response.headers["Content-Length"]) == (body, str(len(body)))
        assert client.get("/page").status == 200


@ways_out
def test_streaming_compressed(way: str) -> None:
    import zlib

    class Streaming(Page):
        async def get(self) -> None:
            for _ in range(3):
                self.write("compress me " * 200)
                await self.flush()

    application = site_of(Streaming, *ways(way, exclaim), compress_response=True)
    with serving(application) as site:
        response = site.get("/", Accept_Encoding="gzip")
    text = zlib.decompress(response.body, wbits=31)
    part = b"compress me " * 200
    assert text == part + (b"" if way == "bare" else b"!") + part * 2


@ways_out
def test_a_client_of_http_1_0_gets_the_whole_stream(way: str) -> None:
    class Streaming(Page):
        async def get(self) -> None:
            self.write("one ")
            await self.flush()
            self.write("two")

    with serving(site_of(Streaming, *ways(way))) as site, site.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.receive().body == b"one two"


@ways_out
def test_pipelined_requests_are_answered_in_order(way: str) -> None:
    class Slow(Page):
        async def get(self) -> None:
            await asyncio.sleep(0.01)
            self.write("slow")

    with serving(site_of(Slow, *ways(way))) as site, site.connect() as client:
        one = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        client.send(one % b"/" + one % b"/page" + one % b"/none" + one % b"/")
        answers = [client.receive() for _ in range(4)]
    assert [(each.status, each.body[:4]) for each in answers[:2]] == [(200, b"slow"), (200, b"page")]
    assert [each.status for each in answers[2:]] == [404, 200]


@ways_out
def test_a_client_that_half_closes_gets_its_answer_or_an_end(way: str) -> None:
    seen: list[Any] = []
    application = site_of(Page, recorder("it", seen), *ways(way))
    with serving(application) as site, site.connect() as client:
        client.request("GET", "/page")
        client.half_close()
        with contextlib.suppress(ConnectionEnded):
            assert client.receive().body == b"page"
        wait_for(lambda: ("it", "end", "/page") in seen, "the end")
    assert [phase for _, phase, _ in seen].count("endcall") == 1


@ways_out
def test_response_length_is_what_was_sent(way: str) -> None:
    """The length that access logs show: of whole, streamed, and missing bodies."""
    lengths: list[int] = []

    class Sized(Page):
        async def get(self) -> None:
            if self.get_argument("how") == "stream":
                for _ in range(3):
                    self.write(b"x" * 10)
                    await self.flush()
            self.write("end")

        head = get

        def on_finish(self) -> None:
            lengths.append(self.response_length)

    with serving(site_of(Sized, *ways(way))) as site, site.connect() as client:
        for method, how in (("GET", "whole"), ("GET", "stream"), ("HEAD", "whole")):
            client.fetch(method, f"/?how={how}")
        client.get("/?how=whole", If_None_Match="*")
        site.settle()
    assert lengths == [3, 33, 0, 0]


def test_the_request_id_is_on_page_and_header() -> None:
    class Asked(Page):
        def get(self) -> None:
            self.write(self.request_id)

    with serving(site_of(Asked)) as site:
        response = site.get("/")
        assert response.headers["X-Request-Id"] == response.body.decode()
        missing = site.get("/none")
        assert missing.headers["X-Request-Id"].encode() in missing.body
