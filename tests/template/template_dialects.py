"""How the three template engines write the same things; shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tornadopy.template import create_loader
from tornadopy.types import TemplateLoader


@dataclass(frozen=True)
class Dialect:
    """One engine's syntax."""

    name: str
    engine: str | None
    value: Callable[[str], str]
    include: Callable[[str], str]
    extends: Callable[[str], str]
    block: Callable[[str, str], str]
    raw: Callable[[str], str]
    broken: str
    module: Callable[[str], str]

    def loader(
        self, *folders: Path, debug: bool = False, project_path: Path | None = None, **options: Any
    ) -> TemplateLoader:
        return create_loader(
            self.engine, folders, debug=debug, options=options, project_path=project_path or folders[0].parent
        )

    def __str__(self) -> str:
        return self.name


TORNADO = Dialect(
    name="tornado",
    engine=None,
    value=lambda expression: "{{ " + expression + " }}",
    include=lambda name: "{% include '" + name + "' %}",
    extends=lambda name: "{% extends '" + name + "' %}",
    block=lambda name, text: "{% block " + name + " %}" + text + "{% end %}",
    raw=lambda expression: "{% raw " + expression + " %}",
    broken="{% if x %}\nnever ended",
    module=lambda call: "{% module " + call + " %}",
)

JINJA2 = Dialect(
    name="jinja2",
    engine="tornadopy.template.jinja2_loader.Jinja2TemplateLoader",
    value=TORNADO.value,
    include=TORNADO.include,
    extends=TORNADO.extends,
    block=lambda name, text: "{% block " + name + " %}" + text + "{% endblock %}",
    raw=lambda expression: "{{ " + expression + " | safe }}",
    broken=TORNADO.broken,
    module=lambda call: "{{ modules." + call + " }}",
)

MAKO = Dialect(
    name="mako",
    engine="tornadopy.template.mako_loader.MakoTemplateLoader",
    value=lambda expression: "${" + expression + "}",
    include=lambda name: "<%include file='" + name + "'/>",
    extends=lambda name: "<%inherit file='" + name + "'/>",
    block=lambda name, text: "<%block name='" + name + "'>" + text + "</%block>",
    raw=lambda expression: "${" + expression + " | n}",
    broken="% if x:\nnever ended\n",
    module=lambda call: "${modules." + call + "}",
)

DIALECTS = (TORNADO, JINJA2, MAKO)


def write(folder: Path, **files: str) -> Path:
    """Write templates; ``blog__index`` becomes ``blog/index.html``."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def page(loader: Any, template_name: str, /, **namespace: Any) -> str:
    """Return a page as text."""
    text: str = loader.load(template_name).generate(**namespace).decode()
    return text
