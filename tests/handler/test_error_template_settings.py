"""The settings that an application is called with hold for the project's error pages too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tornado.template import DictLoader, Loader

from support.server import serving
from tornadopy.application import Application
from tornadopy.conf import Settings


def body(**settings: Any) -> bytes:
    with serving(Application([], **settings)) as site:
        return site.get("/missing").body


def test_a_template_path_given_to_the_application_is_searched(tmp_path: Path) -> None:
    (tmp_path / "404.html").write_text("own page, {{ status_code }}")
    assert body(template_path=str(tmp_path)) == b"own page, 404"


def test_autoescape_given_to_the_application_holds(tmp_path: Path) -> None:
    (tmp_path / "error.html").write_text("{{ '<b>' }}")
    assert body(template_path=str(tmp_path)) == b"&lt;b&gt;"
    assert body(template_path=str(tmp_path), autoescape=None) == b"<b>"


@pytest.mark.parametrize("name", ["404.html", "error.html"])
def test_a_template_loader_given_to_the_application_holds(name: str) -> None:
    """Tornado's loaders cannot say whether they have a template; they are asked for it."""
    assert body(template_loader=DictLoader({name: "own {{ status_code }}"})) == b"own 404"


def test_a_template_loader_without_error_pages_leaves_the_plain_page(tmp_path: Path) -> None:
    for loader in (DictLoader({}), Loader(str(tmp_path))):
        assert b"404: Not Found" in body(template_loader=loader)


def test_a_broken_error_page_of_a_loader_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert body(template_loader=DictLoader({"404.html": "{% if %}"})) != b""
    assert "ParseError" in caplog.text


def test_the_setting_holds_where_no_keyword_is_given(tmp_path: Path) -> None:
    (tmp_path / "404.html").write_text("of the setting")
    (tmp_path / "keyword").mkdir()
    (tmp_path / "keyword" / "404.html").write_text("of the keyword")
    conf = Settings(TORNADO_CONF={"template_path": str(tmp_path)})
    assert body(conf=conf) == b"of the setting"
    assert body(conf=conf, template_path=str(tmp_path / "keyword")) == b"of the keyword"
