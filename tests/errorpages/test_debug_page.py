"""The debug page as a whole: what it shows, what it hides, and that nothing makes it fail."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tornadopy.errorpages import ErrorReport, RequestReport, TemplateReport, debug, debug_page, page_policy
from tornadopy.errorpages.report import ExcInfo

SCRIPT = "<script>alert('x')</script>"
SECRET = "hunter" + str(2)  # put together, so that no source line shown on a page holds it
VOID = {"meta", "link", "br", "hr", "input", "img"}


class Page(HTMLParser):
    """A page, parsed: fails where tags are not balanced."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(body.decode())
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def fail(exc: BaseException, variables: object = None) -> ExcInfo:
    try:
        raise exc
    except BaseException:
        return sys.exc_info()


def report(**changes: Any) -> ErrorReport:
    values: dict[str, Any] = {
        "status": 500,
        "reason": "Internal Server Error",
        "request_id": "4f9d0c2a",
        "exc_info": fail(ValueError("no such thing")),
        "handler_name": "blog.handlers.Show",
        "request": request(),
        "settings": {"DEBUG": True},
        "versions": {"tornadopy": "2.0", "Python": "3.11"},
    }
    return ErrorReport(**{**values, **changes})


def request(**changes: Any) -> RequestReport:
    values: dict[str, Any] = {
        "method": "POST",
        "uri": "/article/1?page=2",
        "version": "HTTP/1.1",
        "protocol": "http",
        "host": "localhost:8000",
        "remote_ip": "127.0.0.1",
        "headers": {"Accept": "*/*"},
        "query_arguments": {"page": [b"2"]},
        "body_arguments": {"title": [b"one", b"two"]},
        "cookies": {"theme": "dark"},
        "files": ["cover.png"],
    }
    return RequestReport(**{**values, **changes})


def html(given: ErrorReport) -> bytes:
    content_type, body = debug_page(given, fmt="html")
    assert content_type == "text/html; charset=UTF-8"
    assert len(body) <= debug.MAX_PAGE_BYTES
    return body


class TestContents:
    def test_everything_known_is_shown(self) -> None:
        template = TemplateReport(name="page.html", line=2, source="<p>\n{{ nothing }}\n</p>")
        text = Page(html(report(template=template))).text
        for expected in (
            "500 Internal Server Error",
            "ValueError",
            "no such thing",
            "4f9d0c2a",
            "blog.handlers.Show",
            "POST /article/1?page=2",
            "test_debug_page.py",
            "raise exc",
            "page.html, line 2",
            "{{ nothing }}",
            "HTTP/1.1",
            "localhost:8000",
            "127.0.0.1",
            "cover.png",
            "theme",
            "one\ntwo",
            "DEBUG",
            "tornadopy",
        ):
            assert expected in text, expected

    def test_chains_groups_and_notes_are_shown(self) -> None:
        cause = KeyError("the cause")
        member = TypeError("the member")
        exc = ExceptionGroup("the group", [member])
        exc.__cause__ = cause
        exc.add_note("the note")
        text = Page(html(report(exc_info=fail(exc)))).text
        for expected in ("the group", "1 of 1 in the group", "the member", "Caused by", "the cause", "the note"):
            assert expected in text

    def test_a_context_is_said_to_have_been_handled(self) -> None:
        exc = ValueError()
        exc.__context__ = KeyError()
        assert "Raised while handling" in Page(html(report(exc_info=fail(exc)))).text

    def test_frames_of_the_user_are_open_and_those_of_libraries_folded(self) -> None:
        try:
            json.loads("{")
        except ValueError:
            page = Page(html(report(exc_info=sys.exc_info())))
        frames = [each for each in page.all("details") if (each["class"] or "").startswith("frame")]
        assert [(each["class"], "open" in each) for each in frames] == [
            ("frame library", False),
            ("frame library", False),
            ("frame library", False),
            ("frame user", True),
        ]

    def test_left_out_frames_are_said_to_be(self) -> None:
        def ping(count: int) -> None:
            pong(count)

        def pong(count: int) -> None:
            ping(count)

        try:
            ping(0)
        except RecursionError:
            body = html(report(exc_info=sys.exc_info()))
        assert "frames are left out here" in Page(body).text

    def test_a_path_that_leads_nowhere_shows_the_routes_first(self) -> None:
        routes = [("/article/(.*)", "article", "blog.handlers.Show"), ("/", None, "blog.handlers.Index")]
        text = Page(html(report(status=404, reason="Not Found", exc_info=None, routes=routes))).text
        assert "Nothing was found at this path. The routes are listed below." in text
        assert text.index("/article/(.*)") < text.index("blog.handlers.Index") < text.index("Headers")

    def test_a_traceback_of_library_frames_alone_opens_the_newest_unless_the_path_leads_nowhere(self) -> None:
        try:
            json.loads("{")
        except ValueError as exc:
            info = (type(exc), exc, exc.__traceback__ and exc.__traceback__.tb_next)
        for routes, expected in ((None, [True, False, False]), ([], [False, False, False])):
            frames = Page(html(report(exc_info=info, routes=routes))).all("details")
            opened = ["open" in each for each in frames if each["class"] == "frame library"]
            assert opened == expected

    def test_a_404_of_the_users_own_code_shows_its_traceback_first(self) -> None:
        text = Page(html(report(status=404, reason="Not Found", routes=[("/", "index", "Index")]))).text
        assert text.index("no such thing") < text.index("raise exc") < text.index("Pattern")

    def test_a_status_without_an_exception_is_shown(self) -> None:
        text = Page(html(report(exc_info=(None, None, None)))).text
        assert "No exception was raised." in text

    def test_the_least_report_makes_a_page(self) -> None:
        text = Page(html(ErrorReport(status=500, reason="", request_id=""))).text
        assert "500" in text

    @pytest.mark.parametrize("source", ["", "one line"])
    def test_a_template_without_its_source_is_named(self, source: str) -> None:
        text = Page(html(report(template=TemplateReport(name="page.html", line=9, source=source)))).text
        assert "page.html, line 9" in text

    def test_arguments_that_are_no_utf8_are_shown(self) -> None:
        assert "\\xff" in Page(html(report(request=request(query_arguments={"a": [b"\xff"]})))).text


class TestSafety:
    def hostile(self) -> ErrorReport:
        exc = fail(ValueError(SCRIPT))
        assert exc[1] is not None
        exc[1].add_note(SCRIPT)
        return report(
            reason=SCRIPT,
            request_id=SCRIPT,
            exc_info=exc,
            handler_name=SCRIPT,
            request=request(
                method=SCRIPT,
                uri=f"/{SCRIPT}",
                version=SCRIPT,
                protocol=SCRIPT,
                host=SCRIPT,
                remote_ip=SCRIPT,
                headers=[(SCRIPT, SCRIPT)],
                query_arguments={SCRIPT: [SCRIPT]},
                body_arguments={SCRIPT: [SCRIPT.encode()]},
                cookies={SCRIPT: SCRIPT},
                files=[SCRIPT],
            ),
            settings={SCRIPT: SCRIPT, "NESTED": {SCRIPT: [SCRIPT]}},
            versions={SCRIPT: SCRIPT},
            routes=[(SCRIPT, SCRIPT, SCRIPT)],
            template=TemplateReport(name=SCRIPT, line=1, source=SCRIPT),
        )

    def test_markup_is_escaped_wherever_it_comes_from(self) -> None:
        body = html(self.hostile())
        page = Page(body)
        assert not page.all("script")
        assert b"<script" not in body
        assert page.text.count(SCRIPT) > 20

    def test_markup_in_names_of_files_functions_and_variables_is_escaped(self) -> None:
        name = f"/{SCRIPT}.py"
        code = compile("def f():\n    raise ValueError\nf()", name, "exec")
        code = code.replace(co_name=SCRIPT, co_qualname=SCRIPT)
        try:
            exec(code, {SCRIPT: SCRIPT})
        except ValueError:
            page = Page(html(report(exc_info=sys.exc_info())))
        assert not page.all("script")
        assert name in page.text

    def test_text_areas_cannot_be_left(self) -> None:
        page = Page(html(report(exc_info=fail(ValueError("</textarea><b>")))))
        assert len(page.all("textarea")) == 1
        assert len(page.all("b")) == 1

    @pytest.mark.parametrize("fmt", ["html", "json", "text"])
    def test_secrets_are_masked_everywhere(self, fmt: Any) -> None:
        password = api_key = SECRET
        url = f"postgresql://user:{SECRET}@host/db"
        settings_ = {"token": SECRET, "deep": [{"dsn": SECRET}], "url": url, "pair": ("Authorization", SECRET)}
        try:
            try:
                raise KeyError(f"password={SECRET}")
            except KeyError as cause:
                raise ValueError(f"cannot reach {url} {len(password + api_key)}") from cause
        except ValueError as exc:
            exc.add_note(f"Authorization: Bearer {SECRET}")
            info = sys.exc_info()
        _, body = debug_page(
            report(
                exc_info=info,
                settings={**settings_, "SECRET_KEY": SECRET, "CACHES": {"LOCATION": f"redis://:{SECRET}@h"}},
                request=request(
                    uri=f"/?token={SECRET}&a=1",
                    headers=[
                        ("Authorization", f"Bearer {SECRET}"),
                        ("Cookie", f"a={SECRET}"),
                        ("X-Api-Key", SECRET),
                        ("Referer", f"http://u:{SECRET}@h/?api_key={SECRET}"),
                    ],
                    query_arguments={"token": [SECRET]},
                    body_arguments={"password": [SECRET.encode()]},
                    cookies={"session": SECRET},
                ),
            ),
            fmt=fmt,
        )
        assert SECRET.encode() not in body
        assert b"********" in body
        if fmt == "html":
            assert "'deep': [{'dsn': ********}]" in Page(body).text
            assert b"postgresql://user:********@host/db" in body

    @pytest.mark.parametrize("fmt", ["html", "json", "text"])
    @pytest.mark.parametrize(
        "query",
        [
            "token=({0}){0}",
            "password={0},{0}",
            "token='{0}'{0}",
            "u[token]={0}",
            "%74oken={0}",
            "next=%2F%3Ftoken%3D{0}",
        ],
    )
    def test_secret_arguments_of_an_address_lose_their_whole_value(self, query: str, fmt: Any) -> None:
        address = f"/login?a=1&{query.format(SECRET)}&b=2"
        made = request(uri=address, headers=[("Referer", f"http://host{address}")])
        _, body = debug_page(report(request=made), fmt=fmt)
        assert SECRET.encode() not in body

    def test_string_literals_of_secret_names_in_the_source_are_masked(self) -> None:
        try:
            password = "literal-of-the-source"
            raise ValueError(len(password))
        except ValueError:
            text = Page(html(report(exc_info=sys.exc_info()))).text
        assert 'password = "********"' in text
        assert password not in text

    def test_the_page_loads_and_runs_nothing(self) -> None:
        page = Page(html(self.hostile()))
        assert not [tag for tag, _ in page.tags if tag in {"script", "img", "iframe", "object", "form", "base"}]
        for _, attributes in page.tags:
            assert not [name for name in attributes if name.startswith("on") or name in {"style", "src", "srcdoc"}]
        assert [each["href"] for each in page.all("link")] == ["data:,"]
        assert all((each["href"] or "").startswith("#") for each in page.all("a"))
        assert "url(" not in html(report()).decode()


class TestNothingMakesItFail:
    class Broken(Mapping[str, Any]):
        """A mapping that cannot be read."""

        def __getitem__(self, key: str) -> Any:
            raise RuntimeError(SCRIPT)

        def __iter__(self) -> Iterator[str]:
            raise RuntimeError(SCRIPT)

        def __len__(self) -> int:
            raise RuntimeError(SCRIPT)

    def test_a_part_that_cannot_be_read_says_so_and_hides_no_other(self) -> None:
        broken = self.Broken()
        page = Page(
            html(
                report(
                    settings=broken,
                    versions=broken,
                    request=request(headers=broken, query_arguments=broken, cookies=broken, files=None),
                    routes=[("only one",)],
                    exc_info=("not", "an", "exception"),
                )
            )
        )
        for part in ("settings", "versions", "request's headers", "request's files", "routes", "exception"):
            assert f"The {part} cannot be shown: " in page.text
        assert "POST /article/1" in page.text

    def test_a_setting_that_cannot_be_read_does_not_hide_the_others(self) -> None:
        class Half(dict[str, Any]):
            def __getitem__(self, key: str) -> Any:
                if key == "BAD":
                    raise RuntimeError("no")
                return super().__getitem__(key)

        text = Page(html(report(settings=Half(BAD=1, GOOD="fine")))).text
        assert "<it raised RuntimeError: no>" in text
        assert "'fine'" in text

    def test_an_endless_mapping_is_not_read_to_its_end(self) -> None:
        class Endless(dict[str, Any]):
            def __iter__(self) -> Iterator[str]:
                number = 0
                while True:
                    yield f"NAME{number}"
                    number += 1

            def __missing__(self, key: str) -> Any:
                return 1

        assert "NAME299" in Page(html(report(settings=Endless()))).text

    def test_a_large_request_stays_within_the_size(self) -> None:
        started = time.monotonic()
        big = "<" * 100_000
        many = {f"name{number}{big}": [big] * 100 for number in range(1000)}
        body = html(
            report(
                request=request(query_arguments=many, body_arguments=many, headers=[(big, big)] * 1000, uri=big),
                settings=many,
                exc_info=fail(ValueError(big), many),
            )
        )
        assert time.monotonic() - started < 10
        Page(body)
        assert len(body) > 100_000

    def test_a_page_that_is_too_large_all_the_same_gives_way_to_its_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(debug, "MAX_PAGE_BYTES", 10_000)
        body = html(report(exc_info=fail(ValueError(SCRIPT))))
        assert b"The full page would be too large." in body
        assert b"&lt;script&gt;" in body

    def test_a_template_that_fails_gives_way_to_the_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def render(*args: object, **kwargs: object) -> bytes:
            raise RuntimeError(SCRIPT)

        monkeypatch.setattr(debug, "render", render)
        body = html(report())
        assert b"The debug page itself failed (RuntimeError)." in body
        assert b"no such thing" in body
        assert b"<script" not in body

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
    @given(
        text=st.text(st.characters()),
        value=st.recursive(
            st.none() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
        ),
        fmt=st.sampled_from(["html", "json", "text"]),
    )
    def test_any_text_and_any_value_make_a_page(self, text: str, value: object, fmt: Any) -> None:
        """Lone surrogates, controls and markup included."""
        _, body = debug_page(
            report(
                reason=text,
                exc_info=fail(ValueError(text)),
                handler_name=text,
                request=request(uri=text, headers={text: text}, query_arguments={text: [text]}),
                settings={text: value},
            ),
            fmt=fmt,
        )
        body.decode()
        if fmt == "html":
            Page(body)
        if fmt == "json":
            json.loads(body)


class TestOtherForms:
    def test_json_is_structured(self) -> None:
        exc = ValueError("wrong")
        exc.add_note("a note")
        content_type, body = debug_page(report(exc_info=fail(exc)), fmt="json")
        assert content_type == "application/json; charset=UTF-8"
        answer = json.loads(body)
        assert (answer["status"], answer["reason"]) == (500, "Internal Server Error")
        assert (answer["request_id"], answer["handler"]) == ("4f9d0c2a", "blog.handlers.Show")
        error = answer["error"]
        assert (error["type"], error["message"], error["notes"]) == ("ValueError", "wrong", ["a note"])
        assert error["traceback"][0] == "Traceback (most recent call last):"
        assert error["traceback"][-2:] == ["ValueError: wrong", "a note"]

    def test_json_without_an_exception_has_no_error(self) -> None:
        assert json.loads(debug_page(report(exc_info=None), fmt="json")[1])["error"] is None

    def test_text_is_a_traceback_and_the_request(self) -> None:
        content_type, body = debug_page(report(), fmt="text")
        assert content_type == "text/plain; charset=UTF-8"
        lines = body.decode().splitlines()
        assert lines[0] == "500 Internal Server Error"
        assert lines[2] == "Traceback (most recent call last):"
        assert lines[-6:] == [
            "ValueError: no such thing",
            "",
            "Request: POST /article/1?page=2",
            "Handler: blog.handlers.Show",
            "Request id: 4f9d0c2a",
            "Versions: tornadopy 2.0, Python 3.11",
        ]

    def test_the_same_text_stands_on_the_page_to_be_copied(self) -> None:
        given = report()
        text = debug_page(given, fmt="text")[1].decode().strip()
        assert text in Page(html(given)).text


class TestAccessibility:
    def page(self) -> Page:
        exc = ExceptionGroup("group", [ValueError("x" * 1000)])
        exc.__cause__ = KeyError()
        template = TemplateReport(name="a.html", line=1, source="x")
        return Page(html(report(exc_info=fail(exc), routes=[("/", "index", "Index")], template=template)))

    def test_language_viewport_and_landmarks_are_there(self) -> None:
        page = self.page()
        assert page.all("html") == [{"lang": "en"}]
        assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.tags}
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")

    def test_headings_are_in_order(self) -> None:
        levels = [int(tag[1]) for tag, _ in self.page().tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))

    def test_every_anchor_and_label_has_its_target_and_ids_are_unique(self) -> None:
        page = self.page()
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        targets = [(each["href"] or "")[1:] for each in page.all("a")]
        labels = [attributes["aria-labelledby"] for _, attributes in page.tags if "aria-labelledby" in attributes]
        assert set(targets) | set(labels) <= set(ids)

    def test_boxes_that_scroll_can_be_reached_by_keyboard_and_have_a_name(self) -> None:
        for attributes in self.page().all("pre"):
            assert attributes["tabindex"] == "0"
            assert attributes["role"] == "region"
            assert attributes["aria-label"]


def test_the_policy_names_the_hashes_of_the_pages_styles() -> None:
    policy = page_policy()
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
