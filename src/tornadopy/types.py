"""Protocols and aliases shared by all rooms; knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Clear = Callable[[], None]
"""What a hook calls to drop every remaining hook of every phase of its request."""


class Template(Protocol):
    """A compiled template, whatever its engine."""

    def generate(self, **namespace: Any) -> bytes:
        """Return the page as UTF-8."""
        ...


class TemplateLoader(Protocol):
    """What each template engine offers to the handlers; ``tornado.template.BaseLoader`` has its shape."""

    def load(self, name: str, parent_path: str | None = None) -> Template:
        """Return the template *name*, compiled.

        Raises:
            TemplateNotFound: No folder of the search path holds it.
            TemplateSyntaxError: It cannot be compiled.
        """
        ...

    def exists(self, name: str) -> bool:
        """Whether a folder of the search path holds the template *name*."""
        ...

    def reset(self) -> None:
        """Forget what has been compiled."""
        ...
