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


class PageHandler(Protocol):
    """What ``cache_page`` needs of a handler; `tornado.web.RequestHandler` has its shape."""

    request: Any
    locale: Any
    _headers: Any
    _write_buffer: list[bytes]
    _finished: bool
    _auto_finish: bool
    _headers_written: bool

    def get_status(self) -> int:
        """Return the status code of the response."""
        ...

    def clear_header(self, name: str) -> None:
        """Take a header out of the response."""
        ...

    def add_header(self, name: str, value: Any) -> None:
        """Add a header to the response."""
        ...

    def set_header(self, name: str, value: Any) -> None:
        """Set a header of the response."""
        ...

    def write(self, chunk: Any) -> None:
        """Append to the body of the response."""
        ...

    def finish(self, chunk: Any = None) -> Any:
        """Finish the response."""
        ...

    def flush(self, include_footers: bool = False) -> Any:
        """Send what there is of the response."""
        ...


PathArgument = str | bytes | None
"""What the group of a pattern took out of a path: bytes, a string if it is plain ASCII, None if it took no part."""
