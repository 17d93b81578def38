"""HTML that the framework itself puts into pages, marked so that Jinja2 and Mako do not escape it.

Both engines come with ``markupsafe``; hence the loaders of these two import this module, nobody else. Tornado's own
engine has ``{% module %}`` and ``{% raw %}`` for the same purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup


class SafeCall:
    """A function that returns HTML."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Markup:
        """Return what the function returns, marked as HTML."""
        return Markup(self._function(*args, **kwargs))  # noqa: S704 - the function is the framework's or a UI module


class SafeModules:
    """The UI modules of a handler: ``modules.Name(...)`` returns HTML."""

    __slots__ = ("_modules",)

    def __init__(self, modules: Any) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> SafeCall:
        return SafeCall(getattr(self._modules, name))

    def __getitem__(self, name: str) -> SafeCall:
        return SafeCall(self._modules[name])


def mark_safe(namespace: dict[str, Any]) -> None:
    """Replace in a page's namespace ``xsrf_form_html`` and ``modules`` by what returns marked HTML.

    A value of the user's own that is called ``modules`` is left alone; the handler's goes by ``_tt_modules`` too.
    """
    form = namespace.get("xsrf_form_html")
    if callable(form):
        namespace["xsrf_form_html"] = SafeCall(form)
    modules = namespace.get("modules")
    if modules is not None and modules is namespace.get("_tt_modules", modules):
        namespace["modules"] = SafeModules(modules)
