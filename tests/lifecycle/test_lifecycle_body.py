"""What response hooks do to the body, and that headers fit it afterwards."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Finish, HTTPError, RedirectHandler, RequestHandler

from support.hooks import hook, recorder
from support.server import ConnectionEnded, make_application, serving, wait_for
from tornadopy.handler import WebHandler

# For tests whose errors are logged as well; what is logged is the matter of others.
logs = pytest.mark.usefixtures("caplog")

FOOTER = b"<footer>"
both_ways = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def footer(handler: Any, clear: Any, chunk: list[Any]) -> None:
    chunk.append(FOOTER)


class Page(WebHandler):
    def get(self) -> None:
        self.write("page " * 300)

    head = get


class Declared(WebHandler):
    """A handler that says itself how long its body is."""

    def get(self) -> None:
        self.set_header("Content-Length", 4)
        self.write("body")

    def head(self) -> None:
        self.set_header("Content-Length", 4)


class Empty(WebHandler):
    def get(self) -> None:
        self.set_status(int(self.get_argument("status", "204")))


def site_of(*middlewares: Any, **tornado: Any) -> Any:
    routes = [
        ("/", Page),
        ("/declared", Declared),
        ("/empty", Empty),
        ("/moved", RedirectHandler, {"url": "/"}),
    ]
    return make_application(routes, *middlewares, tornado=tornado)


@both_ways
def test_length_and_etag_are_those_of_the_final_body(is_async: bool) -> None:
    with serving(site_of(hook("response", footer, is_async=is_async))) as site, site.connect() as client:
        response = client.get("/")
        assert response.body == b"page " * 300 + FOOTER
        assert response.headers["Content-Length"] == str(len(response.body))
        head = client.fetch("HEAD", "/")
        assert head.headers["Content-Length"] == response.headers["Content-Length"]
        assert head.headers["Etag"] == response.headers["Etag"]
        again = client.get("/", If_None_Match=response.headers["Etag"])
        assert (again.status, again.body) == (304, b"")
    with serving(site_of()) as site:
        assert site.get("/").headers["Etag"] != response.headers["Etag"]


@both_ways
def test_items_can_be_replaced_appended_and_written(is_async: bool) -> None:
    """Items may be text as well; what the handler's own write() is given comes last."""

    def change(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk[0] = chunk[0].replace(b"page", b"leaf")
        chunk.insert(0, "größer: ")
        handler.write("!")
        handler.write({"also": 1})
        handler.set_header("X-Items", str(len(chunk)))

    with serving(site_of(hook("response", change, is_async=is_async))) as site:
        response = site.get("/")
    assert response.body == "größer: ".encode() + b"leaf " * 300 + b'!{"also": 1}'
    assert response.headers["X-Items"] == "4"
    assert response.headers["Content-Length"] == str(len(response.body))


@both_ways
def test_a_body_can_be_taken_away(is_async: bool) -> None:
    def take(handler: Any, clear: Any, chunk: list[Any]) -> None:
        del chunk[:]

    with serving(site_of(hook("response", take, is_async=is_async))) as site, site.connect() as client:
        for path in ("/", "/declared"):
            response = client.get(path)
            assert (response.status, response.body, response.headers["Content-Length"]) == (200, b"", "0")


@both_ways
def test_status_and_headers_can_be_changed(is_async: bool) -> None:
    def change(handler: Any, clear: Any, chunk: list[Any]) -> None:
        handler.set_status(202)
        handler.set_header("Content-Type", "text/plain")
        handler.set_cookie("seen", "yes")

    with serving(site_of(hook("response", change, is_async=is_async))) as site:
        response = site.get("/")
    assert (response.status, response.headers["Content-Type"]) == (202, "text/plain")
    assert response.headers["Set-Cookie"].startswith("seen=yes")


@both_ways
def test_a_declared_length_grows_with_the_body(is_async: bool) -> None:
    with serving(site_of(hook("response", footer, is_async=is_async))) as site, site.connect() as client:
        response = client.get("/declared")
        assert (response.headers["Content-Length"], response.body) == (str(4 + len(FOOTER)), b"body" + FOOTER)
        assert client.fetch("HEAD", "/declared").headers["Content-Length"] == str(4 + len(FOOTER))
        assert client.get("/").status == 200


@both_ways
@pytest.mark.parametrize("path", ["/", "/declared"])
def test_a_hook_may_declare_the_length_itself(is_async: bool, path: str) -> None:
    """A length that a hook sets for the body that it leaves is taken as it is."""

    def replace(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk[:] = [b"all new"]
        handler.set_header("Content-Length", 7)

    with serving(site_of(hook("response", replace, is_async=is_async))) as site, site.connect() as client:
        response = client.get(path)
        assert (response.status, response.headers["Content-Length"], response.body) == (200, "7", b"all new")
        assert client.get(path).status == 200


@both_ways
@pytest.mark.parametrize("status", [204, 304])
def test_a_footer_for_every_page_does_not_break_answers_without_body(is_async: bool, status: int) -> None:
    with serving(site_of(hook("response", footer, is_async=is_async))) as site, site.connect() as client:
        response = client.get(f"/empty?status={status}")
        assert (response.status, response.body) == (status, b"")
        assert client.get("/").status == 200


@both_ways
def test_a_hook_may_turn_a_page_into_an_answer_without_body(is_async: bool) -> None:
    def nothing(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk.clear()
        handler.set_status(204)

    with serving(site_of(hook("response", nothing, is_async=is_async))) as site, site.connect() as client:
        for path in ("/", "/declared"):
            response = client.get(path)
            assert (response.status, response.body) == (204, b"")
            assert response.headers.get("Content-Length", "0") == "0"


@both_ways
def test_compression_comes_after_the_hooks(is_async: bool) -> None:
    application = site_of(hook("response", footer, is_async=is_async), compress_response=True)
    with serving(application) as site, site.connect() as client:
        response = client.get("/", Accept_Encoding="gzip")
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.body) == b"page " * 300 + FOOTER
        assert response.headers["Content-Length"] == str(len(response.body))
        again = client.get("/", Accept_Encoding="gzip", If_None_Match=response.headers["Etag"])
        assert (again.status, again.body) == (304, b"")
        assert client.get("/").body == b"page " * 300 + FOOTER


@both_ways
def test_something_in_the_list_that_is_no_chunk_is_an_error(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    def spoil(handler: Any, clear: Any, chunk: list[Any]) -> None:
        if handler.request.path == "/":
            chunk.append(42)

    with serving(site_of(hook("response", spoil, is_async=is_async))) as site, site.connect() as client:
        assert client.get("/").status == 500
        assert client.get("/declared").body == b"body"
    assert sum(each.exc_info is not None for each in caplog.records) == 1


@both_ways
@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("empty", [b"", ""])
def test_an_empty_chunk_is_no_body(is_async: bool, status: int, empty: Any) -> None:
    def replace(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk[:] = [b"".join(chunk), empty]

    with serving(site_of(hook("response", replace, is_async=is_async))) as site, site.connect() as client:
        response = client.get(f"/empty?status={status}")
        assert (response.status, response.body) == (status, b"")


@both_ways
@logs
def test_what_is_no_chunk_is_an_error_once(is_async: bool) -> None:
    """The answer to the error may keep the body, and must not fail with it again and again."""
    answers = []

    def spoil(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk.append(42)

    def answer(handler: Any, clear: Any, *error: Any) -> None:
        answers.append(error)
        handler.set_status(503)
        handler.finish("sorry")

    site = site_of(hook("response", spoil, is_async=is_async), hook("exception", answer))
    with serving(site) as served, served.connect() as client:
        assert client.get("/").status == 500
    assert len(answers) == 1


@both_ways
@pytest.mark.parametrize("path", ["/declared", "/", "/empty?status=204", "/empty?status=304"])
def test_the_length_fits_what_a_hook_has_left_though_the_next_one_fails(is_async: bool, path: str) -> None:
    def add(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk.append(b" and a footer")

    def fail(handler: Any, clear: Any, chunk: list[Any]) -> None:
        raise HTTPError(418)

    def end(handler: Any, clear: Any, *error: Any) -> None:
        raise Finish

    def look(handler: Any, clear: Any, chunk: list[Any]) -> None:
        seen.append(b"".join(chunk))

    own = {"/declared": b"body", "/": b"page " * 300}
    seen: list[bytes] = []
    hooks = hook("response", look), hook("response", fail), hook("response", add, is_async=is_async)
    with serving(site_of(*hooks, hook("exception", end))) as site, site.connect() as client:
        response = client.get(path)
        assert response.body == b"".join(seen)
        assert response.body == (b"" if "empty" in path else own[path] + b" and a footer")
        assert client.get(path).status == response.status


@both_ways
@logs
def test_what_is_wrong_in_the_body_hides_no_error(is_async: bool) -> None:
    def spoil(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk.append(42)

    def fail(handler: Any, clear: Any, chunk: list[Any]) -> None:
        raise HTTPError(418)

    def fail_too(handler: Any, clear: Any, chunk: list[Any]) -> None:
        raise HTTPError(409)

    def note(handler: Any, clear: Any, typ: Any, value: Any, tb: Any) -> None:
        errors.append(getattr(value, "status_code", value))
        if len(errors) == 1:
            raise Finish  # and keep the body

    errors: list[Any] = []
    hooks = hook("response", fail_too), hook("response", fail), hook("response", spoil, is_async=is_async)
    with serving(site_of(*hooks, hook("exception", note))) as served, served.connect() as client:
        assert client.get("/").status == 409
    assert errors == [418, 409]


@both_ways
@pytest.mark.parametrize(("text", "sent"), [(" and text", b" and text"), (" \ud800", b" ?")])
def test_text_of_a_hook_goes_out_though_the_next_one_fails(is_async: bool, text: str, sent: bytes) -> None:
    def add(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk.append(text)

    def fail(handler: Any, clear: Any, chunk: list[Any]) -> None:
        raise HTTPError(418)

    def end(handler: Any, clear: Any, *error: Any) -> None:
        raise Finish(" and more")

    site = site_of(hook("response", fail), hook("response", add, is_async=is_async), hook("exception", end))
    with serving(site) as site, site.connect() as client:
        response = client.get("/")
        assert (response.status, response.body) == (200, b"page " * 300 + sent + b" and more")


@both_ways
@pytest.mark.parametrize("path", ["/", "/declared"])
def test_finish_in_a_hook_sends_what_the_hooks_before_have_left(is_async: bool, path: str) -> None:
    """Finish means: this is the answer; text that was appended and the length are right all the same."""

    def end(handler: Any, clear: Any, chunk: list[Any]) -> None:
        chunk.append(" and text")
        raise Finish

    middlewares = [hook("response", end, is_async=is_async), hook("response", footer, is_async=is_async)]
    with serving(site_of(*middlewares)) as site, site.connect() as client:
        response = client.get(path)
        assert response.status == 200
        assert response.body.endswith(FOOTER + b" and text")
        assert response.headers["Content-Length"] == str(len(response.body))
        assert client.get(path).status == 200


@pytest.mark.parametrize("way", ["bare", "sync", "async"])
@pytest.mark.parametrize("length", ["-3", "abc", "2", "9"])
@logs
def test_a_wrong_length_never_leaves_the_client_waiting(way: str, length: str) -> None:
    """A length that does not fit the body ends in an error page or a closed connection, and in the log."""

    class Wrong(WebHandler):
        def get(self) -> None:
            self.set_header("Content-Length", length)
            self.write("body")

    seen: list[Any] = []
    hooks = [] if way == "bare" else [hook("response", lambda *args: None, is_async=way == "async")]
    with serving(make_application([("/", Wrong)], recorder("it", seen), *hooks)) as site, site.connect() as client:
        try:
            response = client.get("/")
        except ConnectionEnded:
            pass
        else:
            assert response.status == 500
        wait_for(lambda: ("it", "end", "/") in seen, "the end of the request")
        site.settle()
    assert [phase for _, phase, _ in seen].count("endcall") == 1


# Files


@both_ways
def test_static_files(is_async: bool, tmp_path: Any) -> None:
    """Whole, by HEAD, in part and not modified: each meets the hooks once, and is itself."""
    seen: list[Any] = []
    body = bytes(range(256)) * 1024
    (tmp_path / "file.bin").write_bytes(body)
    middlewares = [recorder("it", seen), hook("response", lambda *args: None, is_async=is_async)]
    application = site_of(*middlewares, static_path=str(tmp_path))
    with serving(application) as site, site.connect() as client:
        whole = client.get("/static/file.bin")
        assert (whole.status, whole.body) == (200, body)
        assert whole.headers["Content-Length"] == str(len(body))
        head = client.fetch("HEAD", "/static/file.bin")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(body)))
        part = client.get("/static/file.bin", Range="bytes=10-19")
        assert (part.status, part.body) == (206, body[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(body)}"
        known = client.get("/static/file.bin", If_None_Match=whole.headers["Etag"])
        assert (known.status, known.body) == (304, b"")
        wrong = client.get("/static/file.bin", Range="bytes=999999999-")
        assert wrong.status == 416
        missing = client.get("/static/none.bin")
        assert missing.status == 404
        site.settle()
    phases = [phase for _, phase, _ in seen]
    for phase in ("call", "request", "response", "endcall"):
        assert phases.count(phase) == 6, phase


@both_ways
def test_static_file_with_a_footer(is_async: bool, tmp_path: Any) -> None:
    """A file is streamed: what a hook appends goes out before the rest, and the length counts it."""
    (tmp_path / "file.txt").write_bytes(b"file")
    application = site_of(hook("response", footer, is_async=is_async), static_path=str(tmp_path))
    with serving(application) as site, site.connect() as client:
        response = client.get("/static/file.txt")
        assert (response.body, response.headers["Content-Length"]) == (b"file" + FOOTER, str(4 + len(FOOTER)))
        known = client.get("/static/file.txt", If_None_Match=response.headers["Etag"])
        assert (known.status, known.body) == (304, b"")


# Every request passes


@both_ways
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/", 405),
        ("GET", "/moved", 301),
        ("GET", "/empty", 204),
        ("GET", "/static/none", 404),
        ("GET", "/plain", 200),
        ("GET", "/plain?fail=1", 500),
    ],
)
@logs
def test_response_hooks_run_once_for(is_async: bool, method: str, path: str, status: int, tmp_path: Any) -> None:
    seen: list[Any] = []

    class Plain(RequestHandler):
        """A class that is not ours, and calls nobody's super()."""

        def initialize(self) -> None: ...
        def prepare(self) -> None: ...
        def on_finish(self) -> None: ...

        def get(self) -> None:
            assert type(self).__name__ == "Plain"
            assert type(self).__qualname__.endswith("<locals>.Plain")
            assert type(self).__module__ == __name__
            self.finish(f"plain {1 // (not self.get_argument('fail', ''))}")

        def finish(self, chunk: Any = None) -> Any:
            return super().finish(chunk)

    middlewares = [recorder("it", seen), hook("response", lambda *args: None, is_async=is_async)]
    application = site_of(*middlewares, static_path=str(tmp_path))
    application.add_handlers(".*", [("/plain", Plain)])
    with serving(application) as site, site.connect() as client:
        response = client.fetch(method, path)
        assert response.status == status
        assert client.get("/declared").body == b"body"
        site.settle()
    phases = [phase for _, phase, where in seen if where == path.split("?", maxsplit=1)[0]]
    expected = ["call", "request", "response", "endcall", "end"]
    assert phases == expected


@both_ways
@logs
def test_an_error_page_meets_the_hooks_that_have_not_run(is_async: bool) -> None:
    """Those that have run do not run again."""
    seen: list[Any] = []

    def fail(handler: Any, clear: Any, chunk: list[Any]) -> None:
        raise ValueError("boom")

    middlewares = [recorder("outer", seen), hook("response", fail, is_async=is_async), recorder("inner", seen)]
    with serving(site_of(*middlewares)) as site:
        assert site.get("/").status == 500
    assert [name for name, phase, _ in seen if phase == "response"] == ["inner", "outer"]


@pytest.mark.parametrize("sizes", [[1] * 2000, [100_000] * 3 + [1400] * 2000, [4096, 1] * 1000, [10, 50_000, 10]])
def test_a_body_in_pieces_is_put_together_without_being_copied_again_for_each(sizes: list[int]) -> None:
    """What is large stays as it came until the end; what is small takes no object of its own."""
    application = make_application([("/", WebHandler)])
    start_line = RequestStartLine("POST", "/", "HTTP/1.1")
    request = HTTPServerRequest(start_line=start_line, headers=HTTPHeaders({"Host": "x"}), connection=HTTPConnection())
    delegate = application.find_handler(request)
    delegate.headers_received(start_line, request.headers)
    pieces = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    for piece in pieces:
        delegate.data_received(piece)
    large = [piece for piece in pieces if len(piece) >= 4096]
    assert [kept for kept in delegate.chunks if isinstance(kept, bytes)] == large
    assert {id(piece) for piece in large} <= {id(kept) for kept in delegate.chunks}
    assert len(delegate.chunks) <= 2 * len(large) + 1
    assert b"".join(delegate.chunks) == b"".join(pieces)
    delegate.on_connection_close()
    assert application.is_idle
