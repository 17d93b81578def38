"""What Tornado lets each template see, for a template that tells which names it reads.

Used by the handlers whose plan says that nobody can tell: that the user and the locale are those of Tornado's own
methods, which have no effect but their results.

PERF: the locale, for one, is found by the request's ``Accept-Language``, and most pages do not read it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from tornado.web import RequestHandler


def _itself(handler: RequestHandler) -> RequestHandler:
    return handler


_GETTERS: dict[str, Callable[[Any], Any]] = {
    "handler": _itself,
    "request": attrgetter("request"),
    "current_user": attrgetter("current_user"),
    "locale": attrgetter("locale"),
    "_": attrgetter("locale.translate"),
    "pgettext": attrgetter("locale.pgettext"),
    "static_url": attrgetter("static_url"),
    "xsrf_form_html": attrgetter("xsrf_form_html"),
    "reverse_url": attrgetter("reverse_url"),
}
_NAMES = frozenset(_GETTERS)


def names_of(handler: RequestHandler, read: frozenset[str]) -> dict[str, Any]:
    """Return of the names in `tornado.web.RequestHandler.get_template_namespace` those that are *read*.

    Args:
        handler: Whose template it is.
        read: The names that the template reads; others may be among them.

    .. versionadded:: 2.0
    """
    return {name: _GETTERS[name](handler) for name in _NAMES & read} | handler.ui
