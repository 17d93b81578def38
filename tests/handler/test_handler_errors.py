"""What a client gets when a request fails: the handler's own answer, the project's template, or the plain page."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse
from tornado.web import HTTPError, MissingArgumentError

from serving import serving
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.exception import Http404, Http500, HttpBadRequestError, HttpForbiddenError, HttpNotAllowError
from tornadopy.handler import ErrorHandler, WebHandler

ENGINES: dict[str, str | None] = {
    "tornado": None,
    "jinja2": "tornadopy.template.jinja2_loader.Jinja2TemplateLoader",
    "mako": "tornadopy.template.mako_loader.MakoTemplateLoader",
}
ERRORS = {
    "404": Http404,
    "400": HttpBadRequestError,
    "403": HttpForbiddenError,
    "405": HttpNotAllowError,
    "500": Http500,
}


class Failing(WebHandler):
    def get(self, what: str) -> None:
        self.write("what was written before")
        self.set_header("X-Before", "set before")
        if what == "value":
            raise ValueError("a secret of the inside")
        if what == "argument":
            self.get_argument("missing")
        if what == "teapot":
            raise HTTPError(418, "inside %s", "words", reason="Short And Stout")
        raise ERRORS[what]("inside %s", "words")


class Own(WebHandler):
    """A handler whose answer to errors is an attribute."""

    def get(self) -> None:
        raise Http404


class OwnText(Own):
    exception_response = "<p>own</p>"


class OwnBytes(Own):
    exception_response = b"own bytes"


class OwnDict(Own):
    exception_response = {"error": "own"}  # noqa: RUF012 - it is read, never changed


class OwnMethod(Own):
    def exception_response(self, status_code: int, **kwargs: Any) -> dict[str, Any]:
        self.set_header("X-Own", "yes")
        return {"status": status_code, "error": kwargs["exc_info"][0].__name__}


class OwnFailing(Own):
    def exception_response(self, status_code: int, **kwargs: Any) -> str:
        raise KeyError("in the answer to an error")


class OwnPage(Own):
    """Tornado's way."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish(f"own page {status_code}")


class Sending(WebHandler):
    def get(self) -> None:
        self.send_error(409, reason="Taken")


ROUTES = [
    (r"/failing/(\w+)", Failing),
    ("/text", OwnText),
    ("/bytes", OwnBytes),
    ("/dict", OwnDict),
    ("/method", OwnMethod),
    ("/ownfailing", OwnFailing),
    ("/page", OwnPage),
    ("/sending", Sending),
    ("/closed", ErrorHandler, {"status_code": 410}),
]


def ask(path: str, conf: Settings | None = None, *, method: str = "GET", **headers: str) -> HTTPResponse:
    application = Application(ROUTES, conf=conf or Settings(), middlewares=())

    async def main() -> HTTPResponse:
        async with serving(application) as get:
            return await get(path, method=method, headers=headers, allow_nonstandard_methods=True)

    return asyncio.run(main())


class TestProduction:
    @pytest.mark.parametrize("status", sorted(ERRORS))
    def test_the_status_of_each_error_and_nothing_of_the_inside(
        self, status: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        response = ask(f"/failing/{status}")
        assert response.code == int(status)
        assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
        assert response.headers["Cache-Control"] == "no-store"
        assert "X-Before" not in response.headers
        page = response.body.decode()
        assert status in page
        assert response.headers["X-Request-Id"] in page
        assert "inside" not in page
        assert "written before" not in page
        assert "inside words" in caplog.text
        assert response.headers["X-Request-Id"] in caplog.text

    def test_any_other_error_is_500(self, caplog: pytest.LogCaptureFixture) -> None:
        response = ask("/failing/value")
        assert response.code == 500
        assert b"secret of the inside" not in response.body
        assert "secret of the inside" in caplog.text

    def test_reasons_of_ones_own(self, caplog: pytest.LogCaptureFixture) -> None:
        response = ask("/failing/teapot")
        assert (response.code, response.reason) == (418, "Short And Stout")
        assert b"Short And Stout" in response.body
        assert ask("/sending").reason == "Taken"

    def test_a_missing_argument_is_a_bad_request(self, caplog: pytest.LogCaptureFixture) -> None:
        assert ask("/failing/argument").code == 400
        assert issubclass(MissingArgumentError, HTTPError)

    @pytest.mark.parametrize(
        ("path", "status"), [("/nowhere", 404), ("/closed", 410), ("/sending", 409), ("/text2", 404)]
    )
    def test_each_path_has_the_same_page(self, path: str, status: int) -> None:
        response = ask(path)
        assert response.code == status
        assert response.headers["X-Request-Id"] in response.body.decode()

    def test_405(self) -> None:
        response = ask("/page", method="POST", **{"Content-Length": "0"})
        assert (response.code, response.body) == (405, b"own page 405")
        assert ask("/failing/404", method="PUT", **{"Content-Length": "0"}).code == 405

    def test_json_and_text_where_the_client_asks_for_it(self) -> None:
        found = ask("/nowhere", Accept="application/json")
        assert json.loads(found.body) == {
            "status": 404,
            "reason": "Not Found",
            "request_id": found.headers["X-Request-Id"],
        }
        text = ask("/nowhere", Accept="text/plain;q=0.9, text/html;q=0.1")
        assert text.headers["Content-Type"].startswith("text/plain")
        assert text.body.decode() == f"404 Not Found\nRequest id: {text.headers['X-Request-Id']}\n"

    def test_the_answer_to_head_has_no_body(self) -> None:
        assert ask("/nowhere", method="HEAD").body == b""

    def test_ids_differ_and_are_hexadecimal(self) -> None:
        ids = {ask("/nowhere").headers["X-Request-Id"] for _ in range(5)}
        assert len(ids) == 5
        assert all(len(each) >= 8 and int(each, 16) >= 0 for each in ids)


class TestDebug:
    CONF = Settings(DEBUG=True, TORNADO_CONF={"cookie_secret": "the-secret-of-cookies", "autoreload": False})

    def test_the_page_tells_everything_but_secrets(self, caplog: pytest.LogCaptureFixture) -> None:
        page = ask("/failing/value", self.CONF, Cookie="sid=hidden-cookie").body.decode()
        for text in ("ValueError", "a secret of the inside", "test_handler_errors.py", "raise ValueError", "DEBUG"):
            assert text in page
        assert "the-secret-of-cookies" not in page
        assert "hidden-cookie" not in page

    def test_as_text_and_json(self, caplog: pytest.LogCaptureFixture) -> None:
        assert (
            "Traceback (most recent call last)" in ask("/failing/value", self.CONF, Accept="text/plain").body.decode()
        )
        assert "ValueError" in json.dumps(json.loads(ask("/failing/value", self.CONF, Accept="application/json").body))

    def test_a_404_lists_the_routes(self) -> None:
        page = ask("/nowhere", self.CONF).body.decode()
        assert "/failing/" in page
        assert "OwnText" in page

    def test_the_projects_template_waits_for_production(self, tmp_path: Path) -> None:
        (tmp_path / "404.html").write_text("template")
        conf = self.CONF.replace(TORNADO_CONF={"template_path": str(tmp_path)})
        assert ask("/nowhere", conf).body != b"template"


class TestOwnAnswers:
    @pytest.mark.parametrize("accept", ["text/html", "application/json"])
    def test_exception_response_takes_the_place_of_all_others(self, accept: str) -> None:
        assert ask("/text", Accept=accept).body == b"<p>own</p>"
        assert ask("/bytes", Accept=accept).body == b"own bytes"
        response = ask("/dict", Accept=accept)
        assert (response.code, json.loads(response.body)) == (404, {"error": "own"})
        assert response.headers["Content-Type"].startswith("application/json")

    def test_a_method_gets_the_status_and_the_error(self) -> None:
        response = ask("/method")
        assert (response.code, json.loads(response.body)) == (404, {"status": 404, "error": "Http404"})
        assert response.headers["X-Own"] == "yes"

    def test_it_holds_in_debug_too(self) -> None:
        assert ask("/text", TestDebug.CONF).body == b"<p>own</p>"

    def test_one_that_fails_leaves_the_plain_page(self, caplog: pytest.LogCaptureFixture) -> None:
        response = ask("/ownfailing")
        assert response.code == 404
        assert response.headers["X-Request-Id"] in response.body.decode()
        assert b"KeyError" not in response.body
        assert "Uncaught exception in write_error" in caplog.text

    def test_write_error_is_tornados(self) -> None:
        assert ask("/page").body == b"own page 404"


@pytest.mark.parametrize("engine", sorted(ENGINES))
class TestTemplates:
    def conf(self, tmp_path: Path, engine: str, **pages: str) -> Settings:
        for name, text in pages.items():
            (tmp_path / f"{name.lstrip('_')}.html").write_text(text)
        return Settings(
            TORNADO_CONF={"template_path": str(tmp_path)}, TEMPLATE_CONFIG={"template_engine": ENGINES[engine]}
        )

    def page(self, engine: str, text: str) -> str:
        """Return *text* in the engine's dialect; names stand in ``{{ }}``."""
        return text.replace("{{ ", "${").replace(" }}", "}") if engine == "mako" else text

    def test_the_page_of_a_status_and_the_one_for_all_others(
        self, tmp_path: Path, engine: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        text = self.page(engine, "{{ status_code }} {{ reason }} {{ request_id }} {{ handler.request.path }}")
        conf = self.conf(tmp_path, engine, _404=f"404: {text}", _500=f"500: {text}", error=f"error: {text}")
        for path, name in (("/nowhere", "404: 404 Not Found"), ("/failing/value", "500: 500 Internal Server Error"),
                           ("/failing/403", "error: 403 Forbidden")):  # fmt: skip
            response = ask(path, conf)
            request_id = response.headers["X-Request-Id"]
            assert response.body.decode() == f"{name} {request_id} {path}"
            assert response.headers["Content-Type"] == "text/html; charset=UTF-8"

    def test_without_one_for_the_status_the_plain_page(self, tmp_path: Path, engine: str) -> None:
        conf = self.conf(tmp_path, engine, _500="500")
        response = ask("/nowhere", conf)
        assert response.headers["X-Request-Id"] in response.body.decode()

    def test_they_are_for_people_alone(self, tmp_path: Path, engine: str) -> None:
        conf = self.conf(tmp_path, engine, _404="page")
        assert json.loads(ask("/nowhere", conf, Accept="application/json").body)["status"] == 404
        assert ask("/nowhere", conf, Accept="text/plain").body.startswith(b"404 Not Found")

    def test_one_that_fails_leaves_the_plain_page(
        self, tmp_path: Path, engine: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        conf = self.conf(tmp_path, engine, _404=self.page(engine, "begun {{ 1 / 0 }} after"))
        response = ask("/nowhere", conf)
        assert response.code == 404
        assert response.headers["X-Request-Id"] in response.body.decode()
        assert b"begun" not in response.body
        assert "ZeroDivisionError" in caplog.text

    def test_what_the_client_sends_is_escaped(self, tmp_path: Path, engine: str) -> None:
        conf = self.conf(tmp_path, engine, _404=self.page(engine, "{{ handler.get_argument('q') }}"))
        assert ask("/nowhere?q=%3Cscript%3E", conf).body == b"&lt;script&gt;"

    def test_an_apps_own(self, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
        name = f"error_app_{engine}"
        templates = tmp_path / name / "templates"
        templates.mkdir(parents=True)
        (templates.parent / "__init__.py").touch()
        (templates / "error.html").write_text(self.page(engine, "app: {{ status_code }}"))
        monkeypatch.syspath_prepend(tmp_path)
        conf = Settings(INSTALLED_APPS=[name], TEMPLATE_CONFIG={"template_engine": ENGINES[engine]})
        assert ask("/nowhere", conf).body == b"app: 404"
