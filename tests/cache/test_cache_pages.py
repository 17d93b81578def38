"""Pages that are kept, over real sockets."""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tornado.web
from test_cache_functions import Remote
from tornado import gen, locale

from support.server import Site, make_application, serving, wait_for
from tornadopy.cache import cache_page
from tornadopy.cache.backends.localcache import LocMemCache
from tornadopy.exceptions import ArgumentError, Http404
from tornadopy.handler import ApiHandler, WebHandler

LOCMEM = "tornadopy.cache.backends.localcache.LocMemCache"
FILES = "tornadopy.cache.backends.filebased.FileBasedCache"
DUMMY = "tornadopy.cache.backends.dummy.DummyCache"


class Made(WebHandler):
    """A page that says how often it has been made."""

    def initialize(self, made: list[str] | None = None) -> None:
        self.made = made if made is not None else []

    def note(self) -> int:
        self.made.append(str(self.request.uri))
        return len(self.made)


def site(handler: type, *middlewares: Any, **conf: Any) -> Any:
    """Serve *handler* under all paths; what is made is noted in the list ``site.application.made``."""
    made: list[str] = []
    application = make_application([(r"/.*", handler, {"made": made})], *middlewares, **conf)
    application.made = made
    return serving(application)


def made(running: Site) -> int:
    return len(running.application.made)


def page(work: Callable[[Any], Any], base: type = Made, **options: Any) -> type:
    """Return a handler whose page is kept for a minute, made by *work*."""

    class Page(base):
        @cache_page(60, **options)
        def get(self) -> Any:
            self.note()
            return work(self)

    return Page


class TestWaysToMakeAPage:
    @pytest.mark.parametrize(
        ("work", "body", "kind"),
        [
            (lambda self: self.write("text"), b"text", "text/html; charset=UTF-8"),
            (lambda self: self.write(b"\x00\xff\xfe"), b"\x00\xff\xfe", "text/html; charset=UTF-8"),
            (lambda self: self.write("é" * 9), "é".encode() * 9, "text/html; charset=UTF-8"),
            (lambda self: self.write("a") or self.write(b"b"), b"ab", "text/html; charset=UTF-8"),
            (lambda self: self.write({"a": "</b>"}), b'{"a": "<\\/b>"}', "application/json; charset=UTF-8"),
            (lambda self: self.finish("whole"), b"whole", "text/html; charset=UTF-8"),
            (lambda self: self.finish(b"\xff"), b"\xff", "text/html; charset=UTF-8"),
            (lambda self: self.finish({"a": [1]}), b'{"a": [1]}', "application/json; charset=UTF-8"),
            (lambda self: self.write("a") or self.finish("b"), b"ab", "text/html; charset=UTF-8"),
            (lambda self: self.finish(), b"", "text/html; charset=UTF-8"),
            (lambda self: None, b"", "text/html; charset=UTF-8"),
            (lambda self: self.set_header("Content-Type", "text/css") or self.write("b{}"), b"b{}", "text/css"),
            (
                lambda self: self.set_header("Content-Length", 3) or self.write("abc"),
                b"abc",
                "text/html; charset=UTF-8",
            ),
        ],
    )
    @pytest.mark.parametrize("alias", ["default", "files", "json", "msgpack"])
    def test_the_page_comes_back_as_it_was(
        self, work: Callable[[Any], Any], body: bytes, kind: str, alias: str, tmp_path: Path
    ) -> None:
        stores = {
            "default": {"BACKEND": LOCMEM},
            "files": {"BACKEND": FILES, "LOCATION": tmp_path},
            "json": {"BACKEND": LOCMEM, "OPTIONS": {"SERIALIZER": "json"}},
            "msgpack": {"BACKEND": LOCMEM, "OPTIONS": {"SERIALIZER": "msgpack"}},
        }
        with site(page(work, cache=alias), CACHES=stores) as running:
            answers = [running.get("/") for _ in range(3)]
            assert made(running) == 1
        for answer in answers:
            assert answer.status == 200
            assert answer.body == body
            assert answer.headers["Content-Type"] == kind
            assert answer.headers["Content-Length"] == str(len(body))
        assert len({answer.headers["Etag"] for answer in answers}) == 1
        assert "Age" not in answers[0].headers
        assert answers[1].headers["Age"] in {"0", "1", "2", "3"}

    def test_a_rendered_page(self, tmp_path: Path) -> None:
        (tmp_path / "page.html").write_text("<p>{{ name }} {{ handler.request.path }}</p>")
        handler = page(lambda self: self.render("page.html", name="<you>"))
        made: list[str] = []
        application = make_application([(r"/.*", handler, {"made": made})], tornado={"template_path": str(tmp_path)})
        with serving(application) as running:
            answers = [running.get("/x"), running.get("/x"), running.get("/y")]
        assert [answer.body for answer in answers] == [b"<p>&lt;you&gt; /x</p>"] * 2 + [b"<p>&lt;you&gt; /y</p>"]
        assert made == ["/x", "/y"]
        assert "Vary" not in answers[0].headers, "nobody can log in here"

    def test_an_api(self) -> None:
        class Api(ApiHandler):
            def initialize(self, made: list[str]) -> None:
                self.made = made

            @cache_page(60)
            async def get(self) -> None:
                self.made.append("")
                self.write_api({"a": 1})

        with site(Api) as running:
            answers = [
                running.get("/"),
                running.get("/", Accept="application/json"),
                running.get("/", Accept="application/json"),
                running.get("/?format=jsonp&callback=f"),
            ]
            assert made(running) == 3
        assert {answer.body for answer in answers[:3]} == {b'{"a": 1}'}
        assert answers[3].body.endswith(b'f({"a": 1});')
        assert {answer.headers["Vary"] for answer in answers[:3]} == {"Accept"}

    def test_asynchronous_methods(self) -> None:
        async def wait(self: Any) -> None:
            await asyncio.sleep(0)
            self.write("waited")

        @gen.coroutine
        def yield_(self: Any) -> Any:
            yield gen.sleep(0)
            self.write("yielded")

        async def await_finish(self: Any) -> None:
            await self.finish("finished")

        for work, body in ((wait, b"waited"), (yield_, b"yielded"), (await_finish, b"finished")):
            with site(page(work)) as running:
                assert [running.get("/").body, running.get("/").body] == [body, body]
                assert made(running) == 1

    def test_the_arguments_of_the_route_reach_the_method(self) -> None:
        class Item(WebHandler):
            @cache_page(60)
            async def get(self, number: str, name: str = "") -> None:
                self.write(f"{number} {name}")

        with serving(make_application([(r"/(?P<number>\d+)/(?P<name>\w+)", Item)])) as running:
            assert [running.get("/1/a").body, running.get("/1/a").body, running.get("/2/b").body] == [
                b"1 a",
                b"1 a",
                b"2 b",
            ]

    def test_a_handler_of_plain_tornado(self) -> None:
        class Plain(tornado.web.RequestHandler):
            def initialize(self, made: list[str]) -> None:
                self.made = made

            @cache_page(60)
            def get(self) -> None:
                self.made.append("")
                self.write("plain")

        with site(Plain) as running:
            assert [running.get("/").body, running.get("/").body] == [b"plain", b"plain"]
            assert made(running) == 1

    def test_a_handler_that_wraps_what_it_finishes(self) -> None:
        """What `finish` is given is kept as it is given, so that an override of it works each time."""

        class Enveloped(Made):
            def finish(self, chunk: Any = None) -> Any:
                return super().finish({"page": chunk} if chunk is not None else None)

        with site(page(lambda self: self.finish({"a": 1}), Enveloped)) as running:
            assert [running.get("/").body, running.get("/").body] == [b'{"page": {"a": 1}}'] * 2
            assert made(running) == 1

    def test_the_method_keeps_its_name(self) -> None:
        class Page(WebHandler):
            @cache_page(60)
            async def get(self) -> None:
                """Show the page."""

        assert Page.get.__name__ == "get"
        assert Page.get.__doc__ == "Show the page."


class TestWhatIsNotKept:
    @pytest.mark.parametrize(
        "work",
        [
            lambda self: self.set_status(201),
            lambda self: self.set_status(404),
            lambda self: self.send_error(503),
            lambda self: self.redirect("/elsewhere"),
            lambda self: self.set_cookie("a", "b"),
            lambda self: self.set_signed_cookie("a", "b"),
            lambda self: self.clear_cookie("a"),
            lambda self: self.set_header("Set-Cookie", "a=b"),
            lambda self: self.set_header("Cache-Control", "private"),
            lambda self: self.set_header("Cache-Control", "max-age=5, No-Store"),
            lambda self: self.set_header("Cache-Control", "no-cache"),
            lambda self: self.set_header("Cache-Control", 'private="x"'),
            lambda self: self.set_header("Vary", "*"),
            lambda self: self.xsrf_token and None,
            lambda self: self.write("a") or (self.flush() and None),
        ],
        ids=range(15),
    )
    def test_such_a_page_is_made_each_time(self, work: Callable[[Any], Any]) -> None:
        with site(page(lambda self: work(self) and None)) as running:
            for count in (1, 2, 3):
                answer = running.get("/")
                assert made(running) == count
                assert "Expires" not in answer.headers
                assert "max-age=60" not in answer.headers.get("Cache-Control", "")

    def test_a_streamed_page_goes_out_piece_by_piece(self) -> None:
        async def stream(self: Any) -> None:
            for piece in ("a", "b"):
                self.write(piece)
                await self.flush()
            self.write("c")

        with site(page(stream)) as running:
            assert [running.get("/").body, running.get("/").body] == [b"abc", b"abc"]
            assert made(running) == 2

    @pytest.mark.parametrize("error", [Http404(), tornado.web.HTTPError(403)])
    def test_an_error_is_not_kept(self, error: Exception) -> None:
        def fail(self: Any) -> None:
            raise error

        with site(page(fail)) as running:
            assert {running.get("/").status, running.get("/").status} == {error.status_code}
            assert made(running) == 2

    def test_an_unexpected_error_is_not_kept(self, caplog: pytest.LogCaptureFixture) -> None:
        with site(page(lambda self: 1 // 0)) as running:
            assert [running.get("/").status, running.get("/").status] == [500, 500]
            assert made(running) == 2

    def test_an_error_after_the_page_is_not_kept(self, caplog: pytest.LogCaptureFixture) -> None:
        def finish_and_fail(self: Any) -> None:
            self.finish("whole")
            raise ZeroDivisionError

        with site(page(finish_and_fail)) as running:
            assert [running.get("/").body, running.get("/").body] == [b"whole", b"whole"]
            assert made(running) == 2

    def test_what_is_broken_off_is_not_kept(self) -> None:
        def leave(self: Any) -> None:
            self.write("left")
            raise tornado.web.Finish

        with site(page(leave)) as running:
            assert [running.get("/").body, running.get("/").body] == [b"left", b"left"]
            assert made(running) == 2

    def test_a_handler_that_finishes_later_is_not_kept(self) -> None:
        class Later(Made):
            @cache_page(60)
            def get(self) -> None:
                self.note()
                self._auto_finish = False
                asyncio.get_running_loop().call_later(0.01, self.finish, "later")

        with site(Later) as running:
            assert [running.get("/").body, running.get("/").body] == [b"later", b"later"]
            assert made(running) == 2

    def test_other_methods_are_left_alone(self) -> None:
        class Form(Made):
            @cache_page(60)
            def post(self) -> None:
                self.write(str(self.note()))

            put = post

        with site(Form) as running:
            assert [running.fetch("POST", "/").body, running.fetch("POST", "/").body] == [b"1", b"2"]
            assert running.fetch("PUT", "/").body == b"3"

    def test_for_no_time_nothing_is_kept_and_clients_are_told(self) -> None:
        class Page(Made):
            @cache_page(0)
            def get(self) -> None:
                self.write(str(self.note()))

        with site(Page) as running:
            answers = [running.get("/"), running.get("/")]
            assert not running.application.caches["default"]._store.entries
        assert [answer.body for answer in answers] == [b"1", b"2"]
        assert answers[0].headers["Cache-Control"] == "max-age=0"
        assert "Expires" in answers[0].headers

    def test_what_no_serializer_could_keep_is_not_kept(self) -> None:
        class Odd(Made):
            def write(self, chunk: Any) -> None:
                super().write(str(chunk) if isinstance(chunk, (list, dict)) else chunk)

        for chunk in ([1], {"a": object}):
            with site(page(lambda self, chunk=chunk: self.finish(chunk), Odd)) as running:
                assert [running.get("/").body, running.get("/").body] == [str(chunk).encode()] * 2
                assert made(running) == 2


class TestHeaders:
    def test_freshness_is_said_as_in_django(self) -> None:
        with site(page(lambda self: self.write("x"))) as running:
            before = int(time.time())
            first, second = running.get("/"), running.get("/")
        assert first.headers["Cache-Control"] == "max-age=60"
        expires = email.utils.parsedate_to_datetime(first.headers["Expires"]).timestamp()
        assert before + 60 <= expires <= time.time() + 60
        assert second.headers["Expires"] == first.headers["Expires"]
        assert second.headers["Cache-Control"] == "max-age=60"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("public", "public, max-age=60"),
            ("max-age=5", "max-age=5"),
            ("max-age=500, must-revalidate", "max-age=60, must-revalidate"),
            ("max-age=oops", "max-age=60"),
            ("MAX-AGE=7", "max-age=7"),
        ],
    )
    def test_the_methods_own_directives_stay(self, before: str, after: str) -> None:
        with site(page(lambda self: self.set_header("Cache-Control", before))) as running:
            assert [running.get("/").headers["Cache-Control"] for _ in range(2)] == [after, after]
            assert made(running) == 1

    def test_an_expiry_of_its_own_stays(self) -> None:
        date = "Wed, 21 Oct 2099 07:28:00 GMT"
        with site(page(lambda self: self.set_header("Expires", date))) as running:
            assert [running.get("/").headers["Expires"] for _ in range(2)] == [date, date]

    def test_a_304_of_the_methods_own_has_them_and_is_not_kept(self) -> None:
        with site(page(lambda self: self.set_status(304))) as running:
            answers = [running.get("/"), running.get("/")]
            assert made(running) == 2
        assert {answer.status for answer in answers} == {304}
        assert {answer.headers["Cache-Control"] for answer in answers} == {"max-age=60"}

    def test_etag_and_304_work_for_a_page_made_and_a_page_kept(self) -> None:
        with site(page(lambda self: self.write("x"))) as running:
            etag = running.get("/").headers["Etag"]
            kept = running.get("/", If_None_Match=etag)
            other = running.get("/", If_None_Match='"other"')
            running.application.caches["default"].clear()
            fresh = running.get("/", If_None_Match=etag)
            assert made(running) == 2
            after = running.get("/")
        assert [kept.status, other.status, fresh.status] == [304, 200, 304]
        assert kept.body == b""
        assert after.body == b"x", "the page is kept whole, whatever the first client has had"

    def test_several_values_and_several_headers_come_back(self) -> None:
        def link(self: Any) -> None:
            self.add_header("Link", "<a>")
            self.add_header("Link", "<b>")
            self.set_header("X-Own", "ü".encode())
            self.clear_header("Content-Type")

        with site(page(link)) as running:
            answers = [running.get("/"), running.get("/")]
        for answer in answers:
            assert answer.headers.get_list("Link") == ["<a>", "<b>"]
            assert "Content-Type" not in answer.headers
        assert answers[0].headers["X-Own"] == answers[1].headers["X-Own"]

    def test_what_is_said_for_one_request_is_not_repeated_to_another(self) -> None:
        """Headers that others than the method set are those of each request."""

        class Nonce:
            count = 0

            def process_request(self, handler: Any, clear: Any) -> None:
                type(self).count += 1
                handler.set_header("X-Nonce", str(self.count))

            def process_response(self, handler: Any, clear: Any, chunk: Any) -> None:
                handler.set_cookie("seen", str(self.count))

        class Page(Made):
            def prepare(self) -> None:
                self.set_header("X-Prepared", self.get_argument("who", "nobody"))

            @cache_page(60)
            def get(self) -> None:
                self.note()
                self.set_header("X-Made", self.request_id)
                self.write("x")

        with site(Page, Nonce) as running:
            first, second = running.get("/"), running.get("/")
            assert made(running) == 1
        assert [first.headers["X-Nonce"], second.headers["X-Nonce"]] == ["1", "2"]
        assert [first.headers["Set-Cookie"], second.headers["Set-Cookie"]] == ["seen=1; Path=/", "seen=2; Path=/"]
        assert first.headers["X-Request-Id"] == second.headers["X-Made"]
        assert second.headers.get("X-Request-Id") != first.headers["X-Request-Id"]

    def test_compression_is_done_for_each(self) -> None:
        made: list[str] = []
        handler = page(lambda self: self.write("x" * 5000))
        application = make_application([(r"/.*", handler, {"made": made})], tornado={"compress_response": True})
        with serving(application) as running:
            zipped, plain = running.get("/", Accept_Encoding="gzip"), running.get("/")
            again = running.get("/", Accept_Encoding="gzip")
        assert gzip.decompress(zipped.body) == gzip.decompress(again.body) == plain.body == b"x" * 5000
        assert made == ["/"]


class TestWhoSharesAPage:
    def test_each_address_has_its_own(self) -> None:
        with site(page(lambda self: self.write(self.request.full_url()))) as running:
            for _ in range(2):
                for target in ("/a", "/b", "/a?x=1", "/a?x=2"):
                    assert running.get(target).body.decode().endswith(target)
            with running.connect() as client:
                client.send(b"GET /a HTTP/1.1\r\nHost: other.example\r\n\r\n")
                assert client.receive().body == b"http://other.example/a"
            assert made(running) == 5

    def test_what_the_page_says_that_it_depends_on(self) -> None:
        def greet(self: Any) -> None:
            self.set_header("Vary", "Accept, X-Colour")
            self.write(self.request.headers.get("X-Colour", "none"))

        with site(page(greet)) as running:
            for _ in range(2):
                assert running.get("/").body == b"none"
                assert running.get("/", X_Colour="red").body == b"red"
                assert running.get("/", X_Colour="blue").body == b"blue"
                assert running.get("/", X_Colour="red", Accept="text/html").body == b"red"
                assert running.get("/", X_Other="x").body == b"none"
            assert made(running) == 4

    def test_what_the_decorator_says_that_it_depends_on(self) -> None:
        handler = page(lambda self: self.write(self.request.headers.get("X-Colour", "none")), vary="X-Colour")
        with site(handler) as running:
            answers = [running.get("/", X_Colour=colour) for colour in ("red", "blue", "red")]
            assert made(running) == 2
        assert [answer.body for answer in answers] == [b"red", b"blue", b"red"]
        assert {answer.headers["Vary"] for answer in answers} == {"X-Colour"}

    def test_both_together(self) -> None:
        handler = page(lambda self: self.set_header("Vary", "Accept"), vary=["X-Colour", "ACCEPT"])
        with site(handler) as running:
            assert [running.get("/").headers["Vary"] for _ in range(2)] == ["Accept, X-Colour"] * 2

    def test_header_values_cannot_be_taken_for_each_other(self) -> None:
        with site(page(lambda self: self.note() and self.write("x"), vary=["X-A", "X-B"])) as running:
            for headers in ({"X_A": "1", "X_B": "2"}, {"X_A": "12"}, {"X_B": "12"}, {"X_A": "1, X-B: 2"}):
                count = made(running)
                running.get("/", **headers)
                assert made(running) > count

    @pytest.mark.parametrize(
        "read",
        [
            lambda self: self.get_cookie("who", "nobody"),
            lambda self: (self.get_signed_cookie("signed"), self.get_cookie("who", "nobody"))[1],
            lambda self: self.cookies["who"].value if "who" in self.cookies else "nobody",
        ],
    )
    def test_a_page_that_reads_cookies_is_for_those_cookies(self, read: Callable[[Any], str]) -> None:
        with site(page(lambda self: self.write(read(self)))) as running:
            for _ in range(2):
                assert running.get("/").body == b"nobody"
                assert running.get("/", Cookie="who=ann").body == b"ann"
                assert running.get("/", Cookie="who=bob").body == b"bob"
            assert made(running) == 3
            assert running.get("/").headers["Vary"] == "Cookie"

    def test_cookies_that_it_does_not_read_are_no_matter(self) -> None:
        with site(page(lambda self: self.write("x"))) as running:
            for cookie in ("a=1", "a=2", "b=3"):
                assert "Vary" not in running.get("/", Cookie=cookie).headers
            assert made(running) == 1

    def test_a_page_that_asks_for_the_user_is_for_him(self) -> None:
        class Users(Made):
            def get_current_user(self) -> str | None:
                return self.get_cookie("user")

        with site(page(lambda self: self.write(str(self.current_user)), Users)) as running:
            for _ in range(2):
                assert running.get("/", Cookie="user=ann").body == b"ann"
                assert running.get("/", Cookie="user=bob").body == b"bob"
                assert running.get("/").body == b"None"
            assert made(running) == 3

    def test_so_is_one_after_somebody_else_has_found_the_user(self) -> None:
        class Users(Made):
            def prepare(self) -> None:
                self.current_user = self.get_cookie("user")

        with site(page(lambda self: self.write(str(self.current_user)), Users)) as running:
            for _ in range(2):
                assert running.get("/").body == b"None"
                assert running.get("/", Cookie="user=ann").body == b"ann"
            assert made(running) == 2

    def test_so_is_one_that_uses_what_a_middleware_keeps_of_the_client(self) -> None:
        """That is how a session tells that it has been used, though its middleware reads the cookie before."""

        class Kept:
            def __init__(self, name: str) -> None:
                self._name = name
                self.is_used = False

            @property
            def name(self) -> str:
                self.is_used = True
                return self._name

        class Keeping:
            def process_request(self, handler: Any, clear: Any) -> None:
                handler.kept = handler.context.state[Keeping] = Kept(handler.get_cookie("who", "nobody"))

        for work, count in ((lambda self: self.write(self.kept.name), 3), (lambda self: self.write("all"), 1)):
            with site(page(work), Keeping) as running:
                for _ in range(2):
                    for who in ("ann", "bob", "nobody"):
                        body = running.get("/", Cookie=f"who={who}").body.decode()
                        assert body == (who if count == 3 else "all")
                assert made(running) == count

    def test_so_is_one_that_reads_cookies_that_somebody_has_read_before(self) -> None:
        class Analytics:
            def process_request(self, handler: Any, clear: Any) -> None:
                handler.get_cookie("visitor")

        with site(page(lambda self: self.write(self.get_cookie("who", "nobody"))), Analytics) as running:
            for _ in range(2):
                for who in ("ann", "bob", "nobody"):
                    assert running.get("/", Cookie=f"who={who}").body.decode() == who
            assert made(running) == 3

    def test_so_is_one_whose_handler_reads_cookies_in_prepare(self) -> None:
        class Prepared(Made):
            def prepare(self) -> None:
                self.who = self.get_cookie("who", "nobody")

        with site(page(lambda self: self.write(self.who), Prepared)) as running:
            for _ in range(2):
                for who in ("ann", "bob", "nobody"):
                    assert running.get("/", Cookie=f"who={who}").body.decode() == who
            assert made(running) == 3

    @pytest.mark.parametrize("vary", ["Accept-Language", ["X-Colour", "X-Size"]])
    def test_naming_headers_does_not_make_it_one_for_all(self, vary: Any) -> None:
        with site(page(lambda self: self.write(self.get_cookie("who", "nobody")), vary=vary)) as running:
            for _ in range(2):
                for who in ("ann", "bob", "nobody"):
                    assert running.get("/", Cookie=f"who={who}").body.decode() == who
            assert made(running) == 3

    def test_the_site_may_say_that_it_is_for_all_the_same(self) -> None:
        class Users(Made):
            def prepare(self) -> None:
                self.current_user = self.get_cookie("user")

        with site(page(lambda self: self.write("news"), Users, vary=())) as running:
            for cookie in ("user=ann", "user=bob"):
                answer = running.get("/", Cookie=cookie)
                assert answer.body == b"news"
                assert "Vary" not in answer.headers
            assert made(running) == 1

    @pytest.mark.parametrize("options", [{}, {"vary": ()}], ids=["default", "for all"])
    def test_a_form_with_a_token_is_never_shared(self, options: dict[str, Any]) -> None:
        token = "2|1234abcd|" + "0" * 32 + "|1700000000"
        other = "2|4321dcba|" + "f" * 32 + "|1700000000"
        with site(page(lambda self: self.write(self.xsrf_form_html()), **options)) as running:
            first, second = running.get("/", Cookie=f"_xsrf={token}"), running.get("/", Cookie=f"_xsrf={other}")
            assert made(running) == 2
        assert "Cookie" in first.headers["Vary"]
        assert first.body != second.body

    @pytest.mark.parametrize("header", ["Authorization", "X-Token"])
    @pytest.mark.parametrize("first", [None, "Bearer one"])
    def test_who_brings_credentials_shares_with_nobody(self, header: str, first: str | None) -> None:
        """Whoever comes first, and though the method does not say so."""
        handler = page(lambda self: self.write(self.request.headers.get(header, "nobody")), vary=())
        with site(handler) as running:
            for _ in range(2):
                for who in (first, "Bearer one", "Bearer two", None):
                    answer = running.get("/", **({header.replace("-", "_"): who} if who else {}))
                    assert answer.body == (who or "nobody").encode()
                    assert answer.headers.get("Vary") == (header if who else None)
            assert made(running) == 3

    def test_prefixes_and_caches_keep_pages_apart(self) -> None:
        class Page(Made):
            @cache_page(60, key_prefix="a")
            async def get(self) -> None:
                self.write(f"a{self.note()}")

        class Other(Made):
            @cache_page(60, key_prefix="b")
            async def get(self) -> None:
                self.write(f"b{self.note()}")

        made: list[str] = []
        application = make_application([("/a", Page, {"made": made}), ("/b", Other, {"made": made})])
        with serving(application) as running:
            assert [running.get("/a").body, running.get("/b").body, running.get("/a").body] == [b"a1", b"b2", b"a1"]

    def test_each_language_has_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("_translations", "_default_locale", "_supported_locales"):  # the process's
            monkeypatch.setattr(locale, name, getattr(locale, name))
        monkeypatch.setattr(locale.Locale, "_cache", {})
        (tmp_path / "de_DE.csv").write_text('"hello","hallo"\n')
        locale.load_translations(str(tmp_path))
        handler = page(lambda self: self.write(self.locale.translate("hello")))
        with site(handler, TRANSLATIONS=True) as running:
            for _ in range(2):
                assert running.get("/", Accept_Language="de-DE").body == b"hallo"
                assert running.get("/", Accept_Language="de-DE, en;q=0.5").body == b"hallo"
                assert running.get("/", Accept_Language="en-US").body == b"hello"
            assert made(running) == 2, "by language, not by the header as it is written"
            assert running.get("/").headers["Vary"] == "Accept-Language"


class TestHead:
    def test_head_gets_what_get_has_made(self) -> None:
        class Page(Made):
            @cache_page(60)
            def get(self) -> None:
                self.note()
                self.write("x" * 7)

            head = get

        with site(Page) as running:
            got = running.get("/")
            head = running.fetch("HEAD", "/")
            assert made(running) == 1
        assert head.headers["Content-Length"] == "7"
        assert head.headers["Etag"] == got.headers["Etag"]

    def test_what_head_has_made_is_not_for_get(self) -> None:
        class Page(Made):
            @cache_page(60)
            def get(self) -> None:
                self.note()
                self.write("body")

            @cache_page(60)
            def head(self) -> None:
                self.note()

        with site(Page) as running:
            running.fetch("HEAD", "/")
            running.fetch("HEAD", "/")
            assert made(running) == 1
            assert running.get("/").body == b"body"
            assert made(running) == 2


class TestMiddlewares:
    def test_they_see_each_answer(self) -> None:
        """What they change is not kept: the page is, as the method has made it."""

        class Footer:
            async def process_response(self, handler: Any, clear: Any, chunk: list[Any]) -> None:
                await asyncio.sleep(0)
                chunk.append("|footer")

        class Plain:
            def process_response(self, handler: Any, clear: Any, chunk: list[Any]) -> None:
                chunk.append("|plain")

        for middleware, tail in ((Footer, b"|footer"), (Plain, b"|plain")):
            for work in (lambda self: self.write("page"), lambda self: self.finish("page")):
                with site(page(work), middleware) as running:
                    answers = [running.get("/") for _ in range(3)]
                    assert made(running) == 1
                assert [answer.body for answer in answers] == [b"page" + tail] * 3
                assert len({answer.headers["Etag"] for answer in answers}) == 1

    def test_the_hooks_before_the_method_run_each_time(self) -> None:
        class Door:
            def process_request(self, handler: Any, clear: Any) -> bool:
                if handler.get_argument("closed", None):
                    handler.set_status(403)
                    handler.finish("closed")
                return False

        with site(page(lambda self: self.write("page")), Door) as running:
            assert [running.get("/").status, running.get("/?closed=1").status, running.get("/").status] == [
                200,
                403,
                200,
            ]


class TestStampede:
    @pytest.mark.parametrize("alias", ["default", "files"])
    def test_one_makes_the_page_and_the_others_wait(self, alias: str, tmp_path: Path) -> None:
        class Page(Made):
            @cache_page(60, cache=alias)
            async def get(self) -> None:
                self.note()
                await gate.wait()
                self.write("page")

        stores = {"default": {"BACKEND": LOCMEM}, "files": {"BACKEND": FILES, "LOCATION": tmp_path}}
        gate = asyncio.Event()
        with site(Page, CACHES=stores) as running, ThreadPoolExecutor(20) as pool:
            answers = [pool.submit(running.get, "/") for _ in range(20)]
            wait_for(lambda: len(running.application.active) == 20, "all requests")
            wait_for(lambda: made(running) == 1, "the first one")
            running.loop.call_soon_threadsafe(gate.set)
            assert {each.result(10).body for each in answers} == {b"page"}
            assert made(running) == 1

    def test_a_page_that_is_not_kept_is_made_by_all_at_once_after_the_first(self) -> None:
        at_once: list[int] = []

        class Page(Made):
            inside = 0

            @cache_page(60)
            async def get(self) -> None:
                count = self.note()
                cls = type(self)
                cls.inside += 1
                at_once.append(cls.inside)
                await (gate if count == 1 else second).wait()
                cls.inside -= 1
                self.set_cookie("a", "b")

        gate, second = asyncio.Event(), asyncio.Event()
        with site(Page) as running, ThreadPoolExecutor(10) as pool:
            answers = [pool.submit(running.get, "/") for _ in range(10)]
            wait_for(lambda: len(running.application.active) == 10, "all requests")
            running.loop.call_soon_threadsafe(gate.set)
            wait_for(lambda: made(running) == 10, "the others")
            running.loop.call_soon_threadsafe(second.set)
            assert {each.result(10).status for each in answers} == {200}
        assert max(at_once) == 9

    def test_when_the_first_fails_the_next_one_makes_it(self, caplog: pytest.LogCaptureFixture) -> None:
        class Page(Made):
            @cache_page(60)
            async def get(self) -> None:
                count = self.note()
                await gate.wait()
                if count == 1:
                    raise ZeroDivisionError
                self.write("page")

        gate = asyncio.Event()
        with site(Page) as running, ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(running.get, "/") for _ in range(8)]
            wait_for(lambda: len(running.application.active) == 8, "all requests")
            running.loop.call_soon_threadsafe(gate.set)
            statuses = sorted(each.result(10).status for each in answers)
            assert statuses == [200] * 7 + [500]
            assert made(running) == 2

    def test_pages_that_depend_on_headers_are_made_once_for_each(self) -> None:
        class Page(Made):
            @cache_page(60, vary="X-Colour")
            async def get(self) -> None:
                self.note()
                await asyncio.sleep(0)
                self.write(self.request.headers["X-Colour"])

        with site(Page) as running, ThreadPoolExecutor(12) as pool:
            colours = ["red", "blue", "green"] * 4
            answers = list(pool.map(lambda colour: running.get("/", X_Colour=colour).body.decode(), colours))
            assert answers == colours
            assert made(running) <= 12
            count = made(running)
            assert [running.get("/", X_Colour=colour).body.decode() for colour in colours] == colours
            assert made(running) == count

    def test_a_page_that_comes_while_one_begins_to_make_it_is_taken(self) -> None:
        """Between looking for the page and making it, another request may have been through with it."""

        class Late(LocMemCache):
            overlooked = 0

            async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
                found = await super().aget(key, default, version)
                if isinstance(found, dict) and not self.overlooked:
                    self.overlooked += 1
                    return default
                return found

        with site(page(lambda self: self.write("page")), CACHES={"default": {"BACKEND": Late}}) as running:
            assert [running.get("/").body for _ in range(3)] == [b"page"] * 3
            assert running.application.caches["default"].overlooked == 1
            assert made(running) == 1

    def test_a_client_that_does_not_read_holds_up_nobody(self) -> None:
        size = 20_000_000  # more than the buffers of a socket hold

        class Large(Made):
            @cache_page(60)
            async def get(self) -> None:
                self.note()
                await self.finish(b"x" * size)

        with site(Large) as running, running.connect() as idle, running.connect() as client:
            idle.request("GET", "/")
            wait_for(lambda: made(running), "the page")
            assert len(client.fetch("GET", "/").body) == size
            assert made(running) == 1

    def test_nobody_waits_for_the_end_of_a_stream(self) -> None:
        class Stream(Made):
            @cache_page(60)
            async def get(self) -> None:
                number = self.note()
                self.write(str(number))
                await self.flush()
                while len(self.made) < 2:
                    await asyncio.sleep(0.01)

        with site(Stream) as running, ThreadPoolExecutor(2) as pool:
            assert sorted(answer.body for answer in pool.map(running.get, ["/", "/"])) == [b"1", b"2"]

    def test_a_method_that_calls_itself_does_not_wait_for_itself(self) -> None:
        class Page(Made):
            @cache_page(60)
            async def get(self) -> None:
                if self.note() == 1:
                    await self.get()
                else:
                    self.write("inner")

        with site(Page) as running:
            assert [running.get("/").body, running.get("/").body] == [b"inner", b"inner"]

    def test_nothing_is_left_behind(self) -> None:
        handler = page(lambda self: self.write("x"))
        flights = handler.get.__closure__
        with site(handler) as running:
            for number in range(20):
                running.get(f"/{number}")
        (pages,) = [cell.cell_contents for cell in flights if hasattr(cell.cell_contents, "_flights")]
        assert len(pages._flights) == 0


class TestTime:
    def test_a_page_is_made_again_when_its_time_is_over(self) -> None:
        class Page(Made):
            @cache_page(0.05)
            def get(self) -> None:
                self.write(str(self.note()))

        with site(Page) as running:
            assert running.get("/").body == b"1"
            wait_for(lambda: running.get("/").body != b"1", "a new page")
            assert made(running) >= 2


class TestWithoutTheCache:
    def test_the_page_is_made_and_the_log_says_so_once(self, caplog: pytest.LogCaptureFixture) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        stores = {"default": {"BACKEND": Remote, "LOCATION": port}}
        with site(page(lambda self: self.write("page")), CACHES=stores) as running:
            assert [running.get("/").body for _ in range(3)] == [b"page"] * 3
            assert made(running) == 3
            assert running.application.caches["default"].asked == 3, "each request waits for it once"
            with socket.create_server(("127.0.0.1", port)):
                assert [running.get("/").body for _ in range(3)] == [b"page"] * 3
                assert made(running) == 4
        messages = [record.getMessage() for record in caplog.records if record.name == "tornadopy.tracelog"]
        assert messages == [
            f"the cache 'default' does not answer; this is said once: nobody listens on port {port}",
            "the cache 'default' answers again",
        ]

    def test_a_cache_that_keeps_nothing_serves_all(self) -> None:
        with (
            site(page(lambda self: self.write("page")), CACHES={"default": {"BACKEND": DUMMY}}) as running,
            ThreadPoolExecutor(8) as pool,
        ):
            answers = list(pool.map(lambda _: running.get("/").body, range(16)))
            assert answers == [b"page"] * 16


class TestMistakes:
    @pytest.mark.parametrize("wrong", [None, "60", True, [], lambda self: None])
    def test_a_time_that_is_none_is_an_error_at_once(self, wrong: Any) -> None:
        with pytest.raises(ArgumentError, match="cache_page: expected"):
            cache_page(wrong)

    def test_applications_do_not_share_pages(self) -> None:
        handler = page(lambda self: self.write(str(len(self.made))))
        with site(handler) as one, site(handler) as two:
            assert one.get("/").body == two.get("/").body == b"1"
            assert one.get("/").body == b"1"
            assert [made(one), made(two)] == [1, 1]
