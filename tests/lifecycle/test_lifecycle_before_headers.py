"""`RequestContext.before_headers`: called once before the headers go out, whatever has happened to the hooks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tornado.web import Finish, RequestHandler

from support.hooks import hook
from support.server import make_application, serving
from support.websocket import CLOSE, receive_frame, send_frame, shake_hands
from tornadopy.exceptions import Http404, HttpUnavailableError
from tornadopy.handler import WebHandler
from tornadopy.websocket import WebSocketHandler

both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def answering(is_async: bool, work: Any = None, name: str = "X-Prelude") -> type:
    """Return a middleware that lets a header be set before the headers go out."""

    def register(handler: Any, clear: Any) -> None:
        def plain() -> None:
            handler.add_header(name, str(handler.get_status()))
            if work is not None:
                work(handler)

        async def waiting() -> None:
            await asyncio.sleep(0)
            plain()

        handler.context.before_headers(waiting if is_async else plain)

    return hook("request", register)


class Page(WebHandler):
    async def get(self, kind: str = "") -> None:
        if kind == "stream":
            self.write("one ")
            await self.flush()
            self.write("two")
        elif kind == "lost":
            raise Http404
        elif kind == "broken":
            raise ZeroDivisionError
        elif kind == "early":
            self.write("early")
            raise Finish
        elif kind == "away":
            self.redirect("/")
        elif kind == "awaited":
            self.write("awaited")
            await self.finish()
            assert self._finished
        else:
            self.write("page")


@both_ways
@pytest.mark.parametrize("hooked", [False, True], ids=["", "hooks"])
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("", 200),
        ("stream", 200),
        ("lost", 404),
        ("broken", 500),
        ("early", 200),
        ("away", 302),
        ("awaited", 200),
    ],
)
def test_every_answer_has_met_it_once(
    is_async: bool, hooked: bool, kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With and without response hooks, which may be asynchronous too."""
    hooks = [hook("response", lambda handler, clear, chunk: None, is_async=True)] if hooked else []
    with serving(make_application([("/(.*)", Page)], answering(is_async), *hooks)) as site:
        response = site.get(f"/{kind}")
    assert response.status == status
    assert response.headers.get_list("X-Prelude") == [str(status)]


@both_ways
@pytest.mark.parametrize("hook_is_async", [False, True], ids=["hook", "async hook"])
def test_nothing_that_ends_the_hooks_ends_it(is_async: bool, hook_is_async: bool) -> None:
    """A true value, `clear` and `Finish` drop response hooks, and no more."""

    def clear_all(handler: Any, clear: Any, chunk: Any) -> None:
        clear()

    def stop(handler: Any, clear: Any, chunk: Any) -> bool:
        return True

    def end(handler: Any, clear: Any, chunk: Any) -> None:
        raise Finish(" and more")

    def close(handler: Any, clear: Any, chunk: Any) -> None:
        handler.finish(" and more")

    for work in (clear_all, stop, end, close):
        late = hook("response", work, is_async=hook_is_async)
        never = hook("response", lambda handler, clear, chunk: None)
        with serving(make_application([("/(.*)", Page)], never, late, answering(is_async))) as site:
            # After finish() in a hook there is nothing more to be streamed.
            for kind in ("", "awaited") if work is close else ("", "awaited", "stream"):
                response = site.get(f"/{kind}")
                assert response.headers.get_list("X-Prelude") == ["200"], (work, kind)


@both_ways
def test_it_runs_although_clear_was_called_first(is_async: bool) -> None:
    clearing = hook("request", lambda handler, clear: clear())
    with serving(make_application([("/(.*)", Page)], answering(is_async), clearing)) as site:
        assert site.get("/").headers.get_list("X-Prelude") == ["200"]


@both_ways
def test_it_comes_after_all_response_hooks(is_async: bool) -> None:
    seen: list[str] = []

    def note(handler: Any) -> None:
        seen.append("prelude")

    hooks = [hook("response", lambda *_: seen.append("hook"), is_async=True) for _ in range(2)]
    with serving(make_application([("/(.*)", Page)], hooks[0], answering(is_async, note), hooks[1])) as site:
        site.get("/")
    assert seen == ["hook", "hook", "prelude"]


@both_ways
def test_its_error_is_answered(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Like that of a response hook; the error page does not meet it again."""

    def fail(handler: Any) -> None:
        raise HttpUnavailableError("no store")

    with serving(make_application([("/(.*)", Page)], answering(is_async, fail))) as site:
        for kind in ("", "awaited", "early", "away"):
            response = site.get(f"/{kind}")
            assert response.status == 503
            assert "X-Prelude" not in response.headers


@both_ways
def test_all_are_called_in_their_order(is_async: bool) -> None:
    seen: list[str] = []
    first = answering(is_async, lambda handler: seen.append("first"))

    def once_more(handler: Any) -> None:
        seen.append("second")
        handler.context.before_headers(lambda: seen.append("third"))

    with serving(make_application([("/(.*)", Page)], first, answering(not is_async, once_more))) as site:
        site.get("/")
    assert seen == ["first", "second", "third"]


@both_ways
def test_handlers_of_plain_tornado_have_it_too(is_async: bool) -> None:
    class Plain(RequestHandler):
        def get(self) -> None:
            self.write("plain")

    with serving(make_application([("/", Plain)], answering(is_async))) as site:
        assert site.get("/").headers.get_list("X-Prelude") == ["200"]


@both_ways
def test_a_handshake_waits_for_it(is_async: bool) -> None:
    class Socket(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.close()

    with serving(make_application([("/", Socket)], answering(is_async))) as site, site.connect() as client:
        response = shake_hands(client, "/")
        assert response.status == 101
        assert len(response.headers.get_list("X-Prelude")) == 1
        send_frame(client, b"bye")
        assert receive_frame(client)[0] == CLOSE


@both_ways
def test_it_may_refuse_a_handshake(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    class Socket(WebSocketHandler):
        pass

    def fail(handler: Any) -> None:
        raise HttpUnavailableError("no store")

    with serving(make_application([("/", Socket)], answering(is_async, fail))) as site, site.connect() as client:
        assert shake_hands(client, "/").status == 503


def test_synchronous_ones_leave_finish_synchronous() -> None:
    class Direct(WebHandler):
        def get(self) -> None:
            self.finish("done")
            assert self._finished

    with serving(make_application([("/", Direct)], answering(False))) as site:
        assert site.get("/").body == b"done"


def test_what_is_set_meanwhile_changes_nothing() -> None:
    """While an asynchronous one is awaited, the response is sealed, save for it."""
    going_on = asyncio.Event()

    class Hasty(WebHandler):
        async def get(self) -> None:
            self.context.before_headers(self.wait)
            sent = self.finish("first")
            self.set_header("X-Late", "1")
            with pytest.raises(RuntimeError):
                self.write("more")
            going_on.set()
            await sent

        async def wait(self) -> None:
            await going_on.wait()
            self.set_header("X-Own", "1")

    with serving(make_application([("/", Hasty)])) as site:
        response = site.get("/")
    assert "X-Late" not in response.headers
    assert response.headers["X-Own"] == "1"
    assert response.body == b"first"
