"""`ApiHandler` answers in the format that the client asks for: by an argument, then by its Accept header."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from serving import fetch, serving
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.handler import ApiHandler, WebHandler


class Format(ApiHandler):
    def get(self) -> None:
        self.write(self.get_format())

    def post(self) -> None:
        self.write(self.get_format(params_name="as"))


class Api(ApiHandler):
    def get(self) -> None:
        self.write_api({"name": "ä</script>", "at": dt.date(2016, 1, 2)})


class Options(ApiHandler):
    def get(self, what: str) -> None:
        value = {"name": "ä"}
        if what == "list":
            self.write_api([1, 2])
        elif what == "unicode":
            self.write_api(value, ensure_ascii=False)
        elif what == "positional":
            self.write_api(value, True, False, "jsonp")
        elif what == "nofail":
            self.write_api(value, nofail=True)
        elif what == "text":
            self.write_api("as it is", nofail=True)
        elif what == "fmt":
            self.write_api(value, fmt="json")
        elif what == "nan":
            self.write_api(float("nan"))


class Failing(ApiHandler):
    def get(self) -> None:
        raise ValueError("inside")


def ask(path: str, *, debug: bool = False, method: str = "GET", **headers: str) -> HTTPResponse:
    routes = [("/format", Format), ("/api", Api), (r"/options/(\w+)", Options), ("/failing", Failing)]
    conf = Settings(DEBUG=debug, TORNADO_CONF={"cookie_secret": "x" * 20, "autoreload": False})
    application = Application(routes, conf=conf, middlewares=())

    async def main() -> HTTPResponse:
        async with serving(application) as get:
            body = b"" if method == "POST" else None
            return await get(path, method=method, body=body, headers=headers)

    return asyncio.run(main())


class TestFormat:
    @pytest.mark.parametrize(
        ("path", "accept", "found"),
        [
            ("/format", "", b"json"),
            ("/format", "*/*", b"json"),
            ("/format", "application/json", b"json"),
            ("/format", "application/*", b"json"),
            ("/format", "application/problem+json; q=0.9", b"json"),
            ("/format", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", b"json"),
            ("/format", "text/javascript", b"jsonp"),
            ("/format", "application/javascript, */*;q=0.1", b"jsonp"),
            ("/format", "APPLICATION/JSON", b"json"),
            ("/format", "text/xml", b"text/xml"),
            ("/format?format=json", "text/javascript", b"json"),
            ("/format?format=JSONP", "application/json", b"jsonp"),
            ("/format?format=xml", "application/json", b"xml"),
            ("/format?format=", "text/javascript", b"jsonp"),
        ],
    )
    def test_the_argument_then_the_header(self, path: str, accept: str, found: bytes) -> None:
        assert ask(path, Accept=accept).body == found

    @pytest.mark.parametrize(
        ("accept", "found"),
        [
            ("text/javascript;q=0.1, application/json", b"json"),
            ("application/json;q=0.2, application/javascript;q=0.8", b"jsonp"),
            ("application/json;q=0, text/javascript", b"jsonp"),
        ],
    )
    def test_the_client_prefers_what_has_the_greatest_quality(self, accept: str, found: bytes) -> None:
        assert ask("/format", Accept=accept).body == found

    def test_the_arguments_name_can_be_another(self) -> None:
        assert ask("/format?as=jsonp&format=json", method="POST").body == b"jsonp"


class TestWrite:
    def test_json(self) -> None:
        response = ask("/api")
        assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
        assert response.body == b'{"name": "\\u00e4<\\/script>", "at": "2016-01-02"}'
        assert json.loads(response.body)["name"] == "ä</script>"

    def test_jsonp(self) -> None:
        response = ask("/api?format=jsonp&callback=app.show")
        assert response.headers["Content-Type"] == "application/javascript; charset=UTF-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.body.startswith(b'/**/app.show({"name":')
        assert response.body.endswith(b"});")
        assert ask("/api?format=jsonp").body.startswith(b"/**/callback(")

    @pytest.mark.parametrize("callback", ["alert(1)", "a%20b", "a;b", "%3Cscript%3E"])
    def test_a_callback_that_is_none(self, callback: str, caplog: pytest.LogCaptureFixture) -> None:
        response = ask(f"/api?format=jsonp&callback={callback}")
        assert response.code == 400
        assert response.headers["Content-Type"].startswith("application/json")
        assert b"script" not in response.body
        assert "is no JavaScript identifier" in caplog.text

    def test_an_unknown_format(self, caplog: pytest.LogCaptureFixture) -> None:
        assert ask("/api?format=xml").code == 400
        assert ask("/api", Accept="text/xml").code == 400
        assert "unknown format 'xml'; json and jsonp are known" in caplog.text

    def test_options(self) -> None:
        assert ask("/options/list").body == b"[1, 2]"
        assert ask("/options/unicode").body == '{"name": "ä"}'.encode()
        assert ask("/options/positional?format=xml").body == '/**/callback({"name": "ä"});'.encode()
        assert ask("/options/fmt?format=jsonp").body == b'{"name": "\\u00e4"}'

    def test_nofail_writes_what_it_got(self) -> None:
        response = ask("/options/nofail?format=xml")
        assert (response.code, json.loads(response.body)) == (200, {"name": "ä"})
        assert ask("/options/text?format=xml").body == b"as it is"
        assert ask("/options/text?format=json").body == b'"as it is"', "a known format is used all the same"

    def test_what_json_cannot_express_is_an_error_of_the_server(self, caplog: pytest.LogCaptureFixture) -> None:
        assert ask("/options/nan").code == 500
        assert "Uncaught exception" in caplog.text

    def test_together_with_a_web_handler(self) -> None:
        class Both(WebHandler, ApiHandler):
            def get(self) -> None:
                self.write_api({"both": True})

        class Reversed(ApiHandler, WebHandler):
            pass

        conf = Settings(TORNADO_CONF={"cookie_secret": "x" * 20})
        assert fetch(Application([("/both", Both)], conf=conf), "/both").body == b'{"both": true}'
        for handler in (Both, Reversed):
            response = fetch(Application([("/", handler)], conf=conf, middlewares=()), "/", method="DELETE")
            assert json.loads(response.body)["status"] == 405


class TestErrors:
    @pytest.mark.parametrize(
        ("accept", "kind"),
        [
            ("", "application/json"),
            ("*/*", "application/json"),
            ("text/html", "text/html"),
            ("text/plain", "text/plain"),
            ("application/json", "application/json"),
        ],
    )
    def test_they_are_json_unless_the_client_prefers_another_form(
        self, accept: str, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        response = ask("/failing", Accept=accept)
        assert response.code == 500
        assert response.headers["Content-Type"].startswith(kind)
        assert b"inside" not in response.body
        assert "inside" in caplog.text

    def test_json_says_status_reason_and_request_id(self, caplog: pytest.LogCaptureFixture) -> None:
        response = ask("/failing")
        found: Any = json.loads(response.body)
        request_id = response.headers["X-Request-Id"]
        assert found == {"status": 500, "reason": "Internal Server Error", "request_id": request_id}
        assert request_id in caplog.text

    def test_in_debug_it_tells_more(self, caplog: pytest.LogCaptureFixture) -> None:
        assert "inside" in ask("/failing", debug=True).body.decode()
        assert "inside" in caplog.text
