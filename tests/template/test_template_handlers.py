"""The engines in real handlers of Tornado, over a real socket."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from template_dialects import DIALECTS, JINJA2, MAKO, TORNADO, Dialect, write
from tornado.httpclient import AsyncHTTPClient
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, UIModule, url

from support.servers import server_class

LOOP = {
    "tornado": "{% for n in numbers %}{{ n }},{% end %}",
    "jinja2": "{% for n in numbers %}{{ n }},{% endfor %}",
    "mako": "<% comma = ',' %>${comma.join(map(str, numbers))},",
}


class Entry(UIModule):
    def render(self, text: str, *, level: int = 1) -> bytes | str:
        return self.render_string("entry.html", text=text, level=level)

    def embedded_css(self) -> str:
        return ".entry {}"


def shout(handler: RequestHandler, text: str) -> str:
    return f"{text.upper()} & {handler.request.method}"


class Index(RequestHandler):
    def get_current_user(self) -> str:
        return "<user>"

    def get(self) -> None:
        self.render("index.html", numbers=[1, 2], title="<title>")


def build(dialect: Dialect, folder: Path) -> Application:
    form = dialect.raw("xsrf_form_html()") if dialect is TORNADO else dialect.value("xsrf_form_html()")
    write(
        folder,
        base="<html><head></head><body>" + dialect.block("content", "") + "</body></html>",
        entry=f"<h{dialect.value('level')}>{dialect.value('text')}</h{dialect.value('level')}>",
        index=dialect.extends("base.html")
        + dialect.block(
            "content",
            " | ".join(
                [
                    dialect.value("title"),
                    dialect.value("current_user"),
                    dialect.value("_('hello')"),
                    dialect.value("reverse_url('index')"),
                    dialect.value("static_url('a.css')"),
                    dialect.value("handler.request.path"),
                    dialect.value("request.method"),
                    dialect.value("locale.code"),
                    dialect.value("shout('x')"),
                    dialect.module("Entry(title, level=2)"),
                    LOOP[dialect.name],
                    form,
                ]
            ),
        ),
    )
    (folder / "a.css").write_text("a {}")
    return Application(
        [url("/", Index, name="index")],
        template_loader=dialect.loader(folder),
        template_path=str(folder),
        ui_modules={"Entry": Entry},
        ui_methods={"shout": shout},
        static_path=str(folder),
        cookie_secret="x" * 32,
    )


def fetch(application: Application) -> str:
    """Return the page at the root of *application*."""

    async def work() -> str:
        server = server_class()(application)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        client = AsyncHTTPClient(force_instance=True)
        try:
            response = await client.fetch(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/")
        finally:
            client.close()
            server.stop()
            await server.close_all_connections()
        return response.body.decode()

    return asyncio.run(work())


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_page_is_the_same_in_each_engine(dialect: Dialect, tmp_path: Path) -> None:
    text = re.sub(r'(value="|[?]v=)[^"\s]+', r"\1x", fetch(build(dialect, tmp_path)))
    head, body = re.fullmatch(r"\s*<html><head>(.*)</head><body>(.*)</body></html>\s*", text, re.DOTALL).groups()  # type: ignore[union-attr]
    assert ".entry {}" in head
    assert body.split(" | ") == [
        "&lt;title&gt;",
        "&lt;user&gt;",
        "hello",
        "/",
        "/static/a.css?v=x",
        "/",
        "GET",
        "en_US",
        "X &amp; GET",
        "<h2>&lt;title&gt;</h2>",
        "1,2,",
        '<input type="hidden" name="_xsrf" value="x"/>',
    ]


@pytest.mark.parametrize("dialect", [JINJA2, MAKO], ids=str)
def test_the_template_module_of_tornado_works_elsewhere_too(dialect: Dialect, tmp_path: Path) -> None:
    class Page(RequestHandler):
        def get(self) -> None:
            self.render("page.html")

    write(tmp_path, page=dialect.module("Template('part.html', x='<')"), part="<i>" + dialect.value("x") + "</i>")
    application = Application([("/", Page)], template_loader=dialect.loader(tmp_path), template_path=str(tmp_path))
    assert fetch(application) == "<i>&lt;</i>"
