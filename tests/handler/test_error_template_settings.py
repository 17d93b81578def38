"""The settings that an application is called with hold for the project's error pages too."""

from __future__ import annotations

from pathlib import Path

from tornado.template import DictLoader

from support.server import serving
from tornadopy.application import Application


def body(**settings: object) -> bytes:
    with serving(Application([], **settings)) as site:
        return site.get("/missing").body


def test_a_template_path_given_to_the_application_is_searched(tmp_path: Path) -> None:
    (tmp_path / "404.html").write_text("own page, {{ status_code }}")
    assert body(template_path=str(tmp_path)) == b"own page, 404"


def test_autoescape_given_to_the_application_holds(tmp_path: Path) -> None:
    (tmp_path / "error.html").write_text("{{ '<b>' }}")
    assert body(template_path=str(tmp_path)) == b"&lt;b&gt;"
    assert body(template_path=str(tmp_path), autoescape=None) == b"<b>"


def test_a_template_loader_given_to_the_application_has_no_error_pages_of_its_own() -> None:
    """Tornado's loaders cannot say whether they have a template: the plain page it is."""
    assert b"404: Not Found" in body(template_loader=DictLoader({"404.html": "own"}))
