"""Two applications in one process keep their own configuration, middlewares, modules and templates."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from serving import SECRET, serving
from tornadopy import settings
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import ConfigError
from tornadopy.handler import WebHandler
from tornadopy.httpmodule import BaseHttpModule
from tornadopy.routing import Url, route

MODULES = "tornadopy.httpmodule.httpmodule.HttpModuleMiddleware"


class Which(WebHandler):
    """Say which site this is, as the global settings have it, before and after others had their turn."""

    async def get(self) -> None:
        before = settings.SITE
        await asyncio.sleep(0.001)
        in_thread = await self.ask_in_thread()
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))
        in_task = await asyncio.create_task(self.ask())
        assert before == in_thread == in_task == settings.SITE == self.application.conf.SITE
        self.write(f"{before} {self.cookie_secret}")

    @property
    def cookie_secret(self) -> str:
        return str(settings.TORNADO_CONF.cookie_secret)

    async def ask(self) -> str:
        await asyncio.sleep(0)
        return str(settings.SITE)

    @async_execute
    def ask_in_thread(self) -> str:
        return str(settings.SITE)


class Page(WebHandler):
    def get(self) -> None:
        self.render("page.html")


class Overriding(WebHandler):
    """Override the settings while other requests run."""

    async def get(self) -> None:
        with settings.override(SITE="overridden"):
            for _ in range(20):
                await asyncio.sleep(0)
                assert settings.SITE == "overridden"
            self.write(settings.SITE)


class Mark:
    """A middleware that writes the site's name."""

    def process_call(self, request: Any, clear: Any) -> None:
        request.site = settings.SITE

    def process_request(self, handler: Any, clear: Any) -> None:
        handler.set_header("X-Middleware", settings.SITE)


class Module(BaseHttpModule):
    def begin_request(self, handler: Any, clear: Any) -> None:
        handler.set_header("X-Module", f"{settings.SITE} {handler.request.site}")


def processor(handler: WebHandler) -> dict[str, Any]:
    return {"site": settings.SITE}


def make(tmp_path: Path, site: str, **values: Any) -> Application:
    folder = tmp_path / site
    folder.mkdir()
    (folder / "page.html").write_text(f"<p>{site}: {{{{ site }}}}</p>", encoding="utf-8")
    conf = Settings(
        SITE=site,
        PROJECT_PATH=str(folder),
        TORNADO_CONF={"cookie_secret": site + SECRET, "template_path": "."},
        TEMPLATE_CONFIG={"context_processors": [f"{__name__}.processor"], **values.pop("TEMPLATE_CONFIG", {})},
        **values,
    )
    u = Url()
    urls = route(u(r"/", Which), u(r"/page", Page, name="page"), u(r"/override", Overriding))
    return Application(urls, conf=conf)


def test_interleaved_requests_see_their_own_settings(tmp_path: Path) -> None:
    first = make(tmp_path, "first", MIDDLEWARE_CLASSES=[Mark])
    second = make(tmp_path, "second", MIDDLEWARE_CLASSES=[])

    async def main() -> None:
        async with serving(first) as one, serving(second) as two:
            answers = await asyncio.gather(*(get("/") for _ in range(10) for get in (one, two)))
        assert [each.body.decode() for each in answers] == [f"first first{SECRET}", f"second second{SECRET}"] * 10
        assert {each.headers.get("X-Middleware") for each in answers[::2]} == {"first"}
        assert {each.headers.get("X-Middleware") for each in answers[1::2]} == {None}

    with settings.override(SITE="outside"):
        asyncio.run(main())


def test_templates_modules_and_middlewares_are_their_own(tmp_path: Path) -> None:
    jinja2 = {"template_engine": "tornadopy.template.jinja2_loader.Jinja2TemplateLoader"}
    first = make(tmp_path, "first", MIDDLEWARE_CLASSES=[Mark, MODULES], COMMON_MODULES=[Module])
    second = make(
        tmp_path, "second", MIDDLEWARE_CLASSES=[Mark, MODULES], ROUTE_MODULES={"page": [Module]}, TEMPLATE_CONFIG=jinja2
    )
    third = make(tmp_path, "third", MIDDLEWARE_CLASSES=[Mark, MODULES])

    async def main() -> None:
        async with serving(first) as one, serving(second) as two, serving(third) as three:
            for _ in range(2):
                pages = await asyncio.gather(one("/page"), two("/page"), three("/page"))
                assert [each.body for each in pages] == [
                    b"<p>first: first</p>", b"<p>second: second</p>", b"<p>third: third</p>",
                ]  # fmt: skip
                assert [each.headers.get("X-Module") for each in pages] == ["first first", "second second", None]
            assert (await one("/")).headers["X-Module"] == "first first"
            assert "X-Module" not in (await two("/")).headers

    asyncio.run(main())
    assert first.pipeline.request[0].__self__ is not second.pipeline.request[0].__self__


def test_an_override_in_a_handler_reaches_neither_the_requests_beside_it_nor_the_other_application(
    tmp_path: Path,
) -> None:
    first, second = make(tmp_path, "first"), make(tmp_path, "second")

    async def main() -> None:
        async with serving(first) as one, serving(second) as two:
            paths = ["/override", "/", "/override", "/"]
            answers = await asyncio.gather(*(get(path) for path in paths for get in (one, two)))
        texts = [each.body.decode().split()[0] for each in answers]
        assert texts == ["overridden", "overridden", "first", "second"] * 2

    asyncio.run(main())


def test_an_application_keeps_what_it_was_built_with(tmp_path: Path) -> None:
    with settings.override(SITE="built", TORNADO_CONF={"cookie_secret": SECRET}):
        application = Application([(r"/", Which)])
    assert "SITE" not in settings

    async def main() -> None:
        async with serving(application) as get:
            with settings.override(SITE="later"):
                assert (await get("/")).body.decode().split()[0] == "built"

    asyncio.run(main())


def test_each_in_a_thread_and_loop_of_its_own(tmp_path: Path) -> None:
    applications = [make(tmp_path, f"site{number}") for number in range(3)]
    bodies: dict[int, list[str]] = {}

    def serve(number: int) -> None:
        async def main() -> None:
            async with serving(applications[number]) as get:
                answers = await asyncio.gather(*(get("/") for _ in range(5)))
                bodies[number] = [each.body.decode().split()[0] for each in answers]

        asyncio.run(main())

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == {number: [f"site{number}"] * 5 for number in range(3)}


def test_a_mistake_in_one_does_not_touch_the_other(tmp_path: Path) -> None:
    first = make(tmp_path, "first", MIDDLEWARE_CLASSES=[Mark])
    with pytest.raises(ConfigError, match=r"MIDDLEWARE_CLASSES\[0\]: cannot import 'no\.such'"):
        make(tmp_path, "second", MIDDLEWARE_CLASSES=["no.such"])

    async def main() -> None:
        async with serving(first) as get:
            assert (await get("/")).headers["X-Middleware"] == "first"

    asyncio.run(main())
