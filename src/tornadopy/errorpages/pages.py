"""The page templates and style sheets, which are data of this package."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from tornado.template import Template

DEBUG_STYLE = ("base.css", "debug.css")
PRODUCTION_STYLE = ("base.css",)


def render(name: str, **values: Any) -> bytes:
    """Return the page *name*, filled with values, each of which its template escapes."""
    return _template(name).generate(**values)


@cache
def style(names: tuple[str, ...]) -> str:
    """Return style sheets as one text, to stand inside a page."""
    return "\n".join(map(_read, names))


@cache
def page_policy() -> str:
    """Return a ``Content-Security-Policy`` under which the pages look as they should and can load and run nothing.

    .. versionadded:: 2.0
    """
    hashes = " ".join(f"'sha256-{_digest(style(names))}'" for names in (DEBUG_STYLE, PRODUCTION_STYLE))
    return (
        f"default-src 'none'; style-src {hashes}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _template(name: str) -> Template:
    return Template(_read(name), name=name, autoescape="xhtml_escape")


def _read(name: str) -> str:
    return files(__package__).joinpath("pages", name).read_text("utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
