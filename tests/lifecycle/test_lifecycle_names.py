"""A page gets the names that Tornado gives it, whether all are found for it or only those that it reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import tornado.locale
from tornado.web import HTTPError, RequestHandler, UIModule, url

from support.server import make_application, serving
from tornadopy.handler import PageHandler, WebHandler
from tornadopy.lifecycle.names import names_of

HEADERS = {"Accept-Language": "de, en;q=0.5"}
Seen = list[Any]


def shout(handler: RequestHandler, text: str) -> str:
    return f"{text.upper()} & {handler.request.method}"


class Entry(UIModule):
    def render(self, text: str) -> bytes:  # type: ignore[override]
        return self.render_string("entry.html", text=text)

    def embedded_css(self) -> str:
        return ".entry {}"

    def embedded_javascript(self) -> str:
        return "entry()"

    def html_body(self) -> str:
        return "<i>end</i>"


class Page(WebHandler):
    """Renders, and keeps what it knows of itself afterwards."""

    seen: ClassVar[Seen] = []

    def get(self) -> None:
        page = self.render_string("page.html", title="<title>")
        self.seen.append({name for name in ("_locale", "_current_user") if name in vars(self)})
        self.finish(page)


def body(folder: Path, text: str, handler: type[RequestHandler] = Page, **options: Any) -> str:
    """Return what *handler* answers with *text* as its template."""
    (folder / "page.html").write_text(text)
    (folder / "a.css").write_text("a {}")
    tornado_settings = {
        "template_path": str(folder),
        "static_path": str(folder),
        "ui_modules": {"Entry": Entry},
        "ui_methods": {"shout": shout, "hello": shout},
        "cookie_secret": "x" * 32,
        **options.pop("tornado", {}),
    }
    application = make_application([url("/", handler, name="index")], tornado=tornado_settings, **options)
    with serving(application) as site, site.connect() as client:
        return client.get("/", **HEADERS).body.decode()


@pytest.fixture(autouse=True)
def _forget() -> None:
    Page.seen = []


def test_all_names_are_those_of_tornado(tmp_path: Path) -> None:
    """One by one and together; a name that Tornado adds fails here."""

    def result(value: Any) -> Any:
        return getattr(value, "__func__", value), getattr(value, "__self__", None)

    class Names(WebHandler):
        def get(self) -> None:
            expected = self.get_template_namespace()
            read = frozenset(expected)
            assert {name: result(value) for name, value in names_of(self, read | {"title"}).items()} == {
                name: result(value) for name, value in expected.items()
            }
            for name in read:
                assert result(names_of(self, frozenset({name}))[name]) == result(expected[name]), name
            self.finish("compared")

    class NamesOfLocale(Names):
        def get_user_locale(self) -> tornado.locale.Locale:
            return tornado.locale.get("en_US")

    assert body(tmp_path, "", NamesOfLocale) == "compared"


def test_a_page_finds_what_it_reads(tmp_path: Path) -> None:
    (tmp_path / "entry.html").write_text("<p>{{ text }}{{ shout('x') }}</p>")
    text = (
        "<html><head></head><body>{{ title }}|{{ handler.request is request }}|{{ current_user }}"
        "|{{ locale.code }}|{{ _('hi') }}"
        "|{{ pgettext('a', 'b') }}|{{ static_url('a.css')[:12] }}|{% raw xsrf_form_html()[:20] %}"
        "|{{ reverse_url('index') }}"
        "|{{ shout('x') }}|{% module Entry(title) %}|{{ modules.Entry('y') }}</body></html>"
    )

    class Rendering(Page):
        def get(self) -> None:
            self.render("page.html", title="<title>")

    page = body(tmp_path, text, Rendering)
    shown = page[page.index("<body>") + 6 :].split("|")
    assert ".entry {}" in page.partition("</head>")[0]
    assert "entry()" in shown[-1]
    assert "<i>end</i>" in shown[-1]
    assert shown[:-1] == [
        "&lt;title&gt;",
        "True",
        "None",
        "en_US",
        "hi",
        "b",
        "/static/a.css"[:12],
        '<input type="hidden"',
        "/",
        "X &amp; GET",
        "<p>&lt;title&gt;X &amp; GET</p>",
    ]


def test_a_page_that_reads_nothing_of_it_asks_for_nothing(tmp_path: Path) -> None:
    assert body(tmp_path, "{{ title }}") == "&lt;title&gt;"
    assert Page.seen == [set()]


def test_names_within_functions_of_the_page_are_found(tmp_path: Path) -> None:
    text = "{{ [(lambda: locale.code)() for _x in 'a'] }}{% apply xhtml_escape %}{{ request.method }}{% end %}"
    assert body(tmp_path, text) == "[&#x27;en_US&#x27;]GET"


def test_a_page_that_looks_at_its_names_gets_all(tmp_path: Path) -> None:
    assert (
        body(tmp_path, "{{ [name for name in ('locale', 'shout', 'handler') if name in globals()] }}").count("&#x27;")
        == 6
    )


class Asking(Page):
    def get_current_user(self) -> Any:
        self.seen.append("user")
        return "<user>"

    def get_user_locale(self) -> Any:
        self.seen.append("locale")
        return tornado.locale.get("en_US")


def test_who_says_who_asks_is_asked_for_each_page(tmp_path: Path) -> None:
    """As in Tornado: these methods may have effects."""
    body(tmp_path, "{{ title }}", Asking)
    assert {"user", "locale"} <= {each for each in Asking.seen if isinstance(each, str)}


@pytest.mark.usefixtures("caplog")  # it logs, on purpose
def test_who_refuses_the_user_refuses_the_page(tmp_path: Path) -> None:
    class Refusing(Page):
        def get_current_user(self) -> Any:
            raise HTTPError(403)

    assert "403" in body(tmp_path, "{{ title }}", Refusing)


class Mixin:
    """Gives names to pages, from behind the handler."""

    def get_template_namespace(self) -> dict[str, Any]:
        return {**super().get_template_namespace(), "extra": "mine"}  # type: ignore[misc]


def with_method(name: str, function: Callable[..., Any]) -> type[Page]:
    return type("Own", (Page,), {name: function})


@pytest.mark.parametrize(
    ("handler", "text", "expected"),
    [
        (type("Before", (Mixin, Page), {}), "{{ extra }}{{ shout('x') }}", "mineX &amp; GET"),
        (with_method("get_template_namespace", lambda self: {"only": "mine"}), "{{ only }}", "mine"),
        (with_method("get_user_locale", lambda self: None), "{{ locale.code }}", "en_US"),
        (with_method("static_url", lambda self, path: f"//{path}"), "{{ static_url('a') }}", "//a"),
        (with_method("current_user", property(lambda self: "me")), "{{ current_user }}", "me"),
        (
            with_method("ui", property(lambda self: {"shout": str.lower}, lambda self, _none: None)),
            "{{ shout('X') }}",
            "x",
        ),
        (with_method("render_string", lambda self, name, **names: b"own"), "", "own"),
    ],
)
def test_what_a_handler_has_of_its_own_holds(tmp_path: Path, handler: type[Page], text: str, expected: str) -> None:
    assert body(tmp_path, text, handler) == expected


def test_what_a_handler_is_given_for_its_request_holds(tmp_path: Path) -> None:
    class Given(Page):
        def prepare(self) -> None:
            self.current_user = "<me>"
            self.locale = tornado.locale.get("en_US")

    assert body(tmp_path, "{{ current_user }} {{ locale.name }}", Given) == "&lt;me&gt; English (US)"


def _add(handler: Any) -> None:
    handler.ui["extra"] = lambda: "mine"


def _replace(handler: Any) -> None:
    handler.ui = {"extra": lambda: "mine"}


def _name(handler: Any) -> None:
    handler.get_template_namespace = lambda: {"extra": lambda: "mine"}


@pytest.mark.parametrize("change", [_add, _replace, _name])
def test_what_an_object_changes_of_its_names_holds(tmp_path: Path, change: Callable[[Any], None]) -> None:
    assert body(tmp_path, "{{ extra() }}", with_method("prepare", change)) == "mine"


@pytest.mark.parametrize("owner", [RequestHandler, PageHandler])
def test_a_namespace_that_a_library_replaces_holds(
    tmp_path: Path, owner: type[RequestHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "get_template_namespace", lambda handler: {"extra": "mine"})
    assert body(tmp_path, "{{ extra }}") == "mine"


@pytest.mark.parametrize(
    ("name", "expected"), [("xhtml_escape", "[mine][mine]4"), ("str", "&lt;title&gt;[mine][mine]")]
)
def test_functions_of_the_project_may_have_the_names_that_escaping_needs(
    tmp_path: Path, name: str, expected: str
) -> None:
    functions = {name: lambda handler, *values: "[mine]"}
    assert body(tmp_path, "{{ title }}{{ 3 }}{% raw 4 %}", tornado={"ui_methods": functions}) == expected


def test_functions_of_the_project_win_over_tornados_names_and_arguments_over_both(tmp_path: Path) -> None:
    functions = {"locale": lambda handler: "mine", "title": lambda handler: "function"}
    assert body(tmp_path, "{{ locale() }} {{ title }}", tornado={"ui_methods": functions}) == "mine &lt;title&gt;"


def test_context_processors_give_names_to_each_page(tmp_path: Path) -> None:
    asked: Seen = []

    def site_name(handler: PageHandler) -> dict[str, Any]:
        asked.append(handler)
        return {"site": "blog", "locale": "not this"}

    config = {"context_processors": [site_name]}
    assert body(tmp_path, "{{ site }} {{ locale.code }}", TEMPLATE_CONFIG=config) == "blog en_US"
    assert len(asked) == 1


def test_a_loader_of_tornados_own_gets_all_names(tmp_path: Path) -> None:
    class Own(Page):
        def create_template_loader(self, template_path: str) -> Any:
            return RequestHandler.create_template_loader(self, template_path)

    assert body(tmp_path, "{{ locale.code }} {{ title }}", Own) == "en_US &lt;title&gt;"
    assert Own.seen == [{"_locale", "_current_user"}]
