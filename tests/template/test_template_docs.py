"""The page that docs/templates.md shows in three engines is the same page."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from template_dialects import DIALECTS, Dialect, page, write

DOCS = Path(__file__).parents[2] / "docs" / "templates.md"


def blocks() -> dict[str, str]:
    found = re.findall(
        r"^(Tornado|Jinja2|Mako):\n\n```html\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return {name.lower(): text for name, text in found}


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_the_page_of_the_docs(dialect: Dialect, tmp_path: Path) -> None:
    write(
        tmp_path,
        base="<body>" + dialect.block("content", "") + "</body>",
        blog__article=blocks()[dialect.name],
        blog__footer="<footer>",
    )
    modules = SimpleNamespace(Comment=lambda text: f"<p>{text}</p>")
    values: dict[str, Any] = {
        "article": SimpleNamespace(title="<A>", slug="a", comments=["one", "two"]),
        "current_user": "me",
        "reverse_url": lambda name, slug: f"/{name}/{slug}",
        "_": str.upper,
        "modules": modules,
        "_tt_modules": modules,
        "xsrf_form_html": lambda: "<input>",
    }
    assert re.sub(r"\s+", "", page(dialect.loader(tmp_path), "blog/article.html", **values)) == (
        '<body><h1>&lt;A&gt;</h1><ahref="/edit/a">EDIT</a><p>one</p><p>two</p>'
        '<formmethod="post"><input>...</form><footer></body>'
    )


def test_every_option_in_the_docs_exists(tmp_path: Path) -> None:
    from tornadopy.template import _options

    table = re.search(r"^\| option \|.*?\n\n", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert table is not None
    rows = re.findall(r"^\| (`[^|]+`) \|", table[0], re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    known = _options.COMMON | _options.TORNADO | _options.JINJA2 | _options.MAKO
    assert names
    assert names <= known
