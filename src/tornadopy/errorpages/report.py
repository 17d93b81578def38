"""What the caller tells about a failed request: primitives alone, so that this room knows no handler.

The handlers fill an `ErrorReport` and hand it to `tornadopy.errorpages.debug_page`, which masks and bounds what it
shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
"""What `sys.exc_info` returns."""

Values = Mapping[str, Sequence[str | bytes]]
"""Arguments as ``HTTPServerRequest.query_arguments`` holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReport:
    """The request that failed.

    Args:
        method: ``GET``, ``POST``, ….
        uri: Path and query as the client sent them.
        version: The protocol's version, as ``HTTP/1.1``.
        protocol: ``http`` or ``https``.
        host: The host asked for.
        remote_ip: The client's address.
        headers: A mapping, or pairs of name and value where names repeat.
        query_arguments: Arguments of the query.
        body_arguments: Arguments of the body.
        cookies: Name and value; the page shows the names alone.
        files: Names of uploaded files.

    .. versionadded:: 2.0
    """

    method: str
    uri: str
    version: str = ""
    protocol: str = ""
    host: str = ""
    remote_ip: str = ""
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    query_arguments: Values = field(default_factory=dict)
    body_arguments: Values = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateReport:
    """The line of a template at which rendering failed.

    Args:
        name: The template's name or path.
        line: The line's number, from 1.
        source: The template's text, if the engine has it.

    .. versionadded:: 2.0
    """

    name: str
    line: int
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport:
    """All that a debug page may show.

    Args:
        status: The HTTP status of the answer.
        reason: The reason phrase of the status.
        request_id: What the log calls this request.
        exc_info: The exception that was raised, if any.
        handler_name: The handler that was asked.
        request: The request, if it came as far as being one.
        settings: The effective settings.
        versions: Names of programs and their versions.
        routes: Pattern, name and handler of each route; for a path that none of them matches.
        template: The line of a template that failed, if its engine tells.

    .. versionadded:: 2.0
    """

    status: int
    reason: str
    request_id: str
    exc_info: ExcInfo | None = None
    handler_name: str = ""
    request: RequestReport | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    routes: Sequence[tuple[str, str | None, str]] | None = None
    template: TemplateReport | None = None
