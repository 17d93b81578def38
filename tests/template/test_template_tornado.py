"""What is particular to Tornado's engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from template_dialects import TORNADO, page, write
from tornado.template import BaseLoader

from tornadopy.exceptions import ConfigError, TemplateNotFound, TemplateSyntaxError


def test_the_loader_is_one_of_tornado(tmp_path: Path) -> None:
    assert isinstance(TORNADO.loader(tmp_path), BaseLoader)


def test_names_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    write(
        tmp_path,
        base="root {% block content %}{% end %}",
        blog__base="blog {% block content %}{% end %}",
        blog__index="{% extends 'base.html' %}{% block content %}index{% end %}",
        blog__other="{% extends '../base.html' %}{% block content %}other{% end %}",
        blog__root="{% extends '/base.html' %}{% block content %}root{% end %}",
    )
    loader = TORNADO.loader(tmp_path)
    assert page(loader, "blog/index.html") == "blog index"
    assert page(loader, "blog/other.html") == "root other"
    assert page(loader, "blog/root.html") == "root root"


def test_a_name_that_is_meant_from_the_root_gets_a_hint(tmp_path: Path) -> None:
    write(tmp_path, base="root", blog__index="{% extends 'base.html' %}")
    with pytest.raises(TemplateNotFound, match=r"'blog/base.html'.*relative to the file .* write '/base.html'"):
        TORNADO.loader(tmp_path).load("blog/index.html")


def test_a_parent_can_lie_in_another_folder_below_the_same_name(tmp_path: Path) -> None:
    first = write(tmp_path / "first", blog__base="first {% block content %}{% end %}")
    second = write(
        tmp_path / "second",
        blog__base="second",
        blog__index="{% extends 'base.html' %}{% block content %}index{% end %}",
    )
    assert page(TORNADO.loader(first, second), "blog/index.html") == "first index"


def test_autoescape_can_name_a_function_of_the_namespace(tmp_path: Path) -> None:
    write(tmp_path, index="{{ x }}")
    loader = TORNADO.loader(tmp_path, autoescape="shout", namespace={"shout": lambda text: text.upper() + b"!"})
    assert page(loader, "index.html", x="hey") == "HEY!"


def test_a_template_can_choose_its_own_escaping(tmp_path: Path) -> None:
    write(tmp_path, index="{% autoescape None %}{{ x }}")
    assert page(TORNADO.loader(tmp_path), "index.html", x="<") == "<"


@pytest.mark.parametrize("wrong", ["not a name", "f()", 3])
def test_another_escape_function_is_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"TEMPLATE_CONFIG\['autoescape'\]"):
        TORNADO.loader(tmp_path, autoescape=wrong)


@pytest.mark.parametrize(
    ("mode", "expected"), [("all", "a  b \n\n c"), ("single", "a b\nc"), ("oneline", "a b c"), (None, "a b\nc")]
)
def test_whitespace(tmp_path: Path, mode: str | None, expected: str) -> None:
    write(tmp_path, index="a  b \n\n c")
    assert page(TORNADO.loader(tmp_path, whitespace=mode), "index.html") == expected


def test_another_whitespace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"TEMPLATE_CONFIG\['whitespace'\]: 'none' is none of 'all', 'single'"):
        TORNADO.loader(tmp_path, whitespace="none")


def test_namespace_is_there_in_each_template(tmp_path: Path) -> None:
    write(tmp_path, index="{{ site }} {{ x }}")
    assert page(TORNADO.loader(tmp_path, namespace={"site": "blog.example"}), "index.html", x=1) == "blog.example 1"


def test_a_namespace_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"TEMPLATE_CONFIG\['namespace'\]: \['x'\] is not a mapping"):
        TORNADO.loader(tmp_path, namespace=["x"])


def test_a_wrong_whitespace_directive_names_its_line(tmp_path: Path) -> None:
    write(tmp_path, index="{% whitespace all %}\n\n{% whitespace none %}")
    with pytest.raises(TemplateSyntaxError, match=r"index.html, line 3: invalid whitespace mode none"):
        TORNADO.loader(tmp_path).load("index.html")


@pytest.mark.usefixtures("caplog")  # it logs, on purpose
def test_a_statement_over_several_lines_names_its_first(tmp_path: Path) -> None:
    write(tmp_path, index="\n{% set x = (1,\n  2 3) %}\n")
    with pytest.raises(TemplateSyntaxError, match=r"index.html, line 2: "):
        TORNADO.loader(tmp_path).load("index.html")


@pytest.mark.usefixtures("caplog")  # it logs, on purpose
def test_an_error_that_an_included_file_makes_in_its_place_names_that_file(tmp_path: Path) -> None:
    """The included file alone is fine; within a function that uses the name before, `global` is not."""
    write(tmp_path, index="{{ x }}\n{% include 'part.html' %}", part="\n\n{% set global x %}")
    with pytest.raises(TemplateSyntaxError, match=r"part.html, line 3: .*used prior to global"):
        TORNADO.loader(tmp_path).load("index.html")


@pytest.mark.parametrize("directive", ["extends", "include"])
def test_a_circle_is_an_error_that_shows_it(tmp_path: Path, directive: str) -> None:
    write(
        tmp_path,
        index="{% extends 'base.html' %}",
        base="\n\n{% " + directive + " 'blog/part.html' %}",
        blog__part="\n{% " + directive + " '../base.html' %}",
    )
    with pytest.raises(
        TemplateSyntaxError, match=r"blog/part.html, line 2: .*itself: base.html -> blog/part.html -> base.html"
    ):
        TORNADO.loader(tmp_path).load("index.html")


def test_a_template_that_extends_itself(tmp_path: Path) -> None:
    write(tmp_path, index="{% extends 'index.html' %}")
    loader = TORNADO.loader(tmp_path)
    for _ in range(2):
        with pytest.raises(TemplateSyntaxError, match=r"index.html, line 1: .*index.html -> index.html"):
            loader.load("index.html")


def test_modules_and_forms(tmp_path: Path) -> None:
    """``{% module %}`` asks `_tt_modules`, where ``Template`` and the UI modules are."""

    class Modules:
        def Entry(self, text: str) -> str:
            return f"<p>{text}</p>"

    write(tmp_path, index="{% module Entry(x) %}{% raw xsrf_form_html() %}{{ xsrf_form_html() }}")
    text = page(TORNADO.loader(tmp_path), "index.html", _tt_modules=Modules(), x="y", xsrf_form_html=lambda: "<input>")
    assert text == "<p>y</p><input>&lt;input&gt;"


def test_a_runtime_error_in_an_inherited_block_names_the_child(tmp_path: Path) -> None:
    write(
        tmp_path,
        base="\n\n\n{% block content %}{% end %}",
        index="{% extends 'base.html' %}\n{% block content %}\n{{ 1 / x }}{% end %}",
    )
    with pytest.raises(ZeroDivisionError) as caught:
        page(TORNADO.loader(tmp_path), "index.html", x=0)
    assert caught.value.__notes__ == ["template index.html, line 3"]


def test_an_error_before_the_first_line_is_of_the_first_line(tmp_path: Path) -> None:
    template = TORNADO.loader(write(tmp_path, index="")).load("index.html")
    with pytest.raises(TypeError) as caught:
        template.generate(_tt_utf8=3)
    assert caught.value.__notes__ == ["template index.html, line 1"]


def test_an_error_before_the_template_runs_has_no_note(tmp_path: Path) -> None:
    template: Any = TORNADO.loader(write(tmp_path, index="x")).load("index.html")
    template.namespace = 3
    with pytest.raises(TypeError) as caught:
        template.generate()
    assert not hasattr(caught.value, "__notes__")


def test_the_seeds_flash_messages_page(tmp_path: Path) -> None:
    class Handler:
        def get_flashed_messages(self) -> list[tuple[str, str]]:
            return [("success", "Welcome <back>")]

    write(
        tmp_path,
        base="""{% set messages = handler.get_flashed_messages() %}{% if messages %}<div id="flashed">
{% for category, msg in messages %}<span class="flash-{{ category }}">{{ msg }}</span>{% end %}</div>{% end %}""",
    )
    assert page(TORNADO.loader(tmp_path), "base.html", handler=Handler()) == (
        '<div id="flashed">\n<span class="flash-success">Welcome &lt;back&gt;</span></div>'
    )
