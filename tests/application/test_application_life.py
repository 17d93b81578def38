"""An application from start to stop: its configuration, its hooks, its order of things."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tornado.web

from serving import SECRET, fetch, serving
from tornadopy.application import Application
from tornadopy.conf import Settings, settings
from tornadopy.exceptions import ConfigError, TornadopyError
from tornadopy.handler import WebHandler


class Page(WebHandler):
    def get(self) -> None:
        self.write("page")


class Slow(WebHandler):
    async def get(self) -> None:
        self.application.entered.set()
        await self.application.leave.wait()
        self.write("slow")


class Mark:
    def process_request(self, handler: Any, clear: Any) -> None:
        handler.set_header("X-Mark", "yes")


class Compressed(tornado.web.OutputTransform):
    """A transform of one's own."""

    def transform_first_chunk(self, status_code: int, headers: Any, chunk: bytes, finishing: bool) -> Any:
        headers["X-Transformed"] = "yes"
        return status_code, headers, chunk


@pytest.fixture
def app_with_hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Return a function that writes an app with a ``hooks.py`` and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)
    names: list[str] = []

    def write(name: str, text: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "hooks.py").write_text(text)
        names.append(name)
        return name

    yield write
    for name in [each for each in sys.modules if each.split(".")[0] in names]:
        del sys.modules[name]


def hooks(name: str) -> str:
    return (
        f"def on_startup(application): application.seen.append('{name} up')\n"
        f"async def on_shutdown(application): application.seen.append('{name} down')\n"
    )


def make(**values: Any) -> Any:
    application: Any = Application([("/", Page)], conf=Settings(**values))
    application.seen = []
    return application


def note(text: str, error: Exception | None = None) -> Callable[[Any], None]:
    def hook(application: Any) -> None:
        application.seen.append(text)
        if error is not None:
            raise error

    return hook


class TestConfiguration:
    def test_keywords_beat_tornado_conf_and_it_the_defaults(self) -> None:
        conf = Settings(DEBUG=True, TORNADO_CONF={"gzip": True, "cookie_secret": SECRET, "autoreload": False})
        application = Application(conf=conf, gzip=False, own="x")
        found = application.settings
        assert (found["debug"], found["gzip"], found["own"], found["cross_origin_protection"]) == (
            True,
            False,
            "x",
            True,
        )
        assert Application(conf=conf, debug=False).settings["debug"] is False

    def test_paths_start_at_project_path(self, tmp_path: Path) -> None:
        conf = Settings(PROJECT_PATH=str(tmp_path), TORNADO_CONF={"template_path": "templates", "static_path": "/abs"})
        found = Application(conf=conf).settings
        assert (found["template_path"], found["static_path"]) == (str(tmp_path / "templates"), "/abs")

    def test_it_takes_the_settings_in_force(self) -> None:
        with settings.override(SITE="here") as conf:
            assert Application().conf is conf

    def test_what_tornado_changes_does_not_change_the_settings(self) -> None:
        conf = Settings(TORNADO_CONF={"ui_modules": {"A": Page}})
        Application(conf=conf).settings["ui_modules"]["B"] = Page
        assert set(conf.TORNADO_CONF.ui_modules) == {"A"}

    def test_middlewares_of_the_settings_or_of_ones_own(self) -> None:
        conf = Settings(MIDDLEWARE_CLASSES=[Mark])
        for given, marked in ((None, True), ((), False), ([], False), ([Mark], True), ([f"{__name__}.Mark"], True)):
            response = fetch(Application([("/", Page)], conf=conf, middlewares=given), "/")
            assert ("X-Mark" in response.headers) is marked, given

    def test_transforms_and_default_host_by_position(self) -> None:
        application = Application([("/", Page)], "default.example", [Compressed], (), conf=Settings())
        assert application.default_host == "default.example"
        assert fetch(application, "/").headers["X-Transformed"] == "yes"

    def test_a_log_function_of_ones_own(self) -> None:
        seen: list[int] = []
        application = Application(
            [("/", Page)], conf=Settings(), log_function=lambda handler: seen.append(handler.get_status())
        )
        fetch(application, "/")
        assert seen == [200]

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"MIDDLEWARE_CLASSES": ["no.Such"]}, r"MIDDLEWARE_CLASSES\[0\]: cannot import 'no\.Such'"),
            ({"WHITELIST": ["nowhere"]}, r"WHITELIST\[0\]"),
            ({"INSTALLED_APPS": ["no_such_app"]}, r"INSTALLED_APPS\[0\]: there is no app 'no_such_app'"),
            ({"TEMPLATE_CONFIG": {"template_engine": "no.Engine"}}, r"TEMPLATE_CONFIG.*no\.Engine"),
            (
                {"TORNADO_CONF": {"static_handler_class": "no.Such", "static_path": "."}},
                r"TORNADO_CONF\['static_handler",
            ),
            ({"TRUSTED_PROXIES": ["127.0.0.1", "x"]}, r"TRUSTED_PROXIES\[1\]"),
            (
                {"TORNADO_CONF": {"default_handler_class": int}},
                r"TORNADO_CONF\['default_handler_class'\]: <class 'int'> is",
            ),
            ({"TORNADO_CONF": {"default_handler_class": "os.path"}}, r"'os\.path' is no handler class; name one that"),
            (
                {"TORNADO_CONF": {"static_handler_class": int}},
                r"TORNADO_CONF\['static_handler_class'\]: <class 'int'> is",
            ),
        ],
    )
    def test_a_mistake_in_the_settings_is_an_error_at_the_start(self, values: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            Application(conf=Settings(**values))

    def test_none_is_no_handler_class_and_no_mistake(self) -> None:
        application = Application(conf=Settings(), default_handler_class=None, static_handler_class=None)
        assert fetch(application, "/").code == 404


class TestHooks:
    def test_apps_first_then_ones_own_and_backwards_at_the_end(self, app_with_hooks: Any) -> None:
        names = [app_with_hooks("hooked_a", hooks("a")), app_with_hooks("hooked_b", hooks("b"))]
        application = make(INSTALLED_APPS=names)
        application.on_startup.append(note("own up"))
        application.on_shutdown.append(note("own down"))

        async def main() -> None:
            await application.startup()
            await application.startup()  # once is enough
            await application.shutdown()
            await application.shutdown()

        asyncio.run(main())
        assert application.seen == ["a up", "b up", "own up", "own down", "b down", "a down"]

    def test_one_that_a_start_up_hook_registers_runs_too(self) -> None:
        application = make()
        application.on_startup.append(lambda app: app.on_shutdown.append(note("later")))

        async def main() -> None:
            await application.startup()
            await application.shutdown()

        asyncio.run(main())
        assert application.seen == ["later"]

    def test_a_start_up_hook_that_fails_stops_the_start_after_the_shut_down_hooks(self) -> None:
        application = make()
        application.on_startup += [note("one"), note("two", RuntimeError("away")), note("three")]
        application.on_shutdown += [note("down")]
        with pytest.raises(TornadopyError, match="away") as caught:
            asyncio.run(application.startup())
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert application.seen == ["one", "two", "down"]

    def test_an_error_of_ours_comes_out_as_it_is(self) -> None:
        application = make()
        application.on_startup.append(note("one", ConfigError("SHOP: missing")))
        with pytest.raises(ConfigError, match=r"^SHOP: missing$"):
            asyncio.run(application.startup())

    def test_a_shut_down_hook_that_fails_does_not_stop_the_others(self, caplog: pytest.LogCaptureFixture) -> None:
        application = make()
        application.on_shutdown += [note("one"), note("two", RuntimeError("away")), note("three")]

        async def main() -> None:
            await application.startup()
            await application.shutdown()

        asyncio.run(main())
        assert application.seen == ["three", "two", "one"]
        assert "Error in the shut-down hook" in caplog.text

    def test_without_a_start_nothing_is_shut_down(self) -> None:
        application = make()
        application.on_shutdown.append(note("down"))
        asyncio.run(application.shutdown())
        assert application.seen == []


class TestRequests:
    def test_it_knows_those_that_are_running(self) -> None:
        application: Any = Application([("/slow", Slow)], conf=Settings(), middlewares=())

        async def main() -> None:
            application.entered, application.leave = asyncio.Event(), asyncio.Event()
            await application.wait_until_idle()
            async with serving(application) as get:
                request = asyncio.create_task(get("/slow"))
                await application.entered.wait()
                assert [type(each) for each in application.active] == [Slow]
                idle = asyncio.create_task(application.wait_until_idle())
                await asyncio.sleep(0)
                assert not idle.done()
                application.leave.set()
                assert (await request).body == b"slow"
                await asyncio.wait_for(idle, 10)
                assert not application.active

        asyncio.run(main())

    def test_each_is_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        access = "tornadopy.middleware.accesslog.AccessLogMiddleware"
        for middlewares, logger in (((), "tornado.access"), ([access], "tornadopy.accesslog")):
            caplog.clear()
            fetch(Application([("/", Page)], conf=Settings(), middlewares=middlewares), "/")
            assert [each.name for each in caplog.records if "GET /" in each.getMessage()] == [logger]
