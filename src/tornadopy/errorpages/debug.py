"""The error page of debug mode: everything about a failed request that helps to mend it.

The handlers call `debug_page` while they answer a failed request, so nothing here may raise: each part is made on its
own, and one that fails says so in its place. What is shown comes from everywhere, the client included: texts are masked
and bounded where they are read, and escaped by the template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from tornado.escape import json_encode, xhtml_escape

from tornadopy.errorpages.accept import Format
from tornadopy.errorpages.budget import Budget, noted, printable, shorten
from tornadopy.errorpages.pages import DEBUG_STYLE, render, style
from tornadopy.errorpages.production import HTML, JSON, TEXT
from tornadopy.errorpages.report import ErrorReport, RequestReport, Values
from tornadopy.errorpages.source import Excerpt, Place, SourceReader
from tornadopy.errorpages.text import bounded, traceback_lines
from tornadopy.errorpages.tracebacks import ExceptionReader, Report
from tornadopy.errorpages.values import describe
from tornadopy.utils.masking import MASK, is_secret, mask_headers, mask_query, mask_text

MAX_PAGE_BYTES = 2_000_000
MAX_ROWS = 300
MAX_VALUES = 20

_MAX_RAW = 8_000
_TRACEBACK_BYTES = 800_000
_REST_BYTES = 400_000
_TRACEBACK_SECONDS = 2.0
_REST_SECONDS = 1.0

Rows = list[tuple[str, str]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Chapter:
    """One exception on the page: how it relates to the one before, and how deep in groups it is."""

    number: int
    label: str
    depth: int
    report: Report


@dataclass(slots=True)
class _Contents:
    """What the template shows: texts that are masked and bounded already."""

    status: str = ""
    request_id: str = ""
    handler: str = ""
    error: Report | None = None
    chapters: list[_Chapter] = field(default_factory=list)
    template_name: str = ""
    template: Excerpt | None = None
    request_line: str = ""
    request: list[tuple[str, Rows]] = field(default_factory=list)
    routes: list[tuple[str, str, str]] | None = None
    settings: Rows = field(default_factory=list)
    versions: Rows = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    text: str = ""

    @property
    def is_unmatched(self) -> bool:
        """Whether no code of the user's has had a part in this: the path leads nowhere."""
        origin = self.error.origin if self.error is not None else None
        return self.routes is not None and (origin is None or origin.is_library)


def debug_page(report: ErrorReport, *, fmt: Format) -> tuple[str, bytes]:
    """Return the content type and the body of a page that shows all that is known of a failed request.

    Never raises, takes a few seconds at most, and is never larger than `MAX_PAGE_BYTES`.

    Args:
        report: What happened.
        fmt: What the client wants, by `negotiate`.

    .. versionadded:: 2.0
    """
    contents = _Writer(report).contents()
    if fmt == "json":
        return JSON, _as_json(report, contents)
    if fmt == "text":
        return TEXT, f"{contents.text}\n".encode()
    return HTML, _as_html(contents)


def _as_html(contents: _Contents) -> bytes:
    try:
        page = render("debug.html", style=style(DEBUG_STYLE), page=contents)
    except Exception as exc:  # the page must appear even where its own template fails
        return _plain_html(contents, f"The debug page itself failed ({type(exc).__name__}).")
    return page if len(page) <= MAX_PAGE_BYTES else _plain_html(contents, "The full page would be too large.")


def _plain_html(contents: _Contents, why: str) -> bytes:
    text = xhtml_escape(f"{why}\n\n{contents.text}")
    return f'<!doctype html><html lang="en"><title>{xhtml_escape(contents.status)}</title><pre>{text}</pre>'.encode()


def _as_json(report: ErrorReport, contents: _Contents) -> bytes:
    error = contents.error
    return json_encode(
        {
            "status": report.status,
            "reason": printable(str(report.reason)),
            "request_id": contents.request_id,
            "handler": contents.handler,
            "error": error
            and {
                "type": error.full_name,
                "message": error.message,
                "notes": list(error.notes),
                "traceback": bounded(traceback_lines(error)).split("\n"),
            },
        }
    ).encode()


class _Writer:
    """Makes the contents of one page, part by part."""

    def __init__(self, report: ErrorReport) -> None:
        self._report = report
        self._of_traceback = Budget(page_bytes=_TRACEBACK_BYTES, seconds=_TRACEBACK_SECONDS)
        self._of_rest = Budget(page_bytes=_REST_BYTES, seconds=_REST_SECONDS)
        self._problems: list[str] = []

    def contents(self) -> _Contents:
        report, text = self._report, self._text
        contents = _Contents(
            status=self._part("status", lambda: text(f"{report.status} {report.reason}"), "Error"),
            request_id=self._part("request id", lambda: text(report.request_id), ""),
            handler=self._part("handler", lambda: text(report.handler_name, 300), ""),
            template_name=self._part("template", self._template_name, ""),
            template=self._part("template", self._template, None),
            request_line=self._part("request", self._request_line, ""),
            routes=self._part("routes", self._routes, None),
            error=self._part("exception", self._exception, None),
            versions=self._part("versions", self._versions, []),
            problems=self._problems,
        )
        contents.chapters = self._part("traceback", lambda: list(_chapters(contents.error)), [])
        contents.request = self._part("request", self._request, [])
        contents.settings = self._part("settings", self._settings, [])
        contents.text = self._part("text", lambda: bounded(_text_lines(contents)), contents.status)
        return contents

    def _part(self, name: str, make: Callable[[], _T], otherwise: _T) -> _T:
        """Return what *make* makes; if it raises, note that this part is missing."""
        try:
            return make()
        except Exception as exc:  # one part that cannot be made must not hide the others
            self._problems.append(f"The {name} cannot be shown: {type(exc).__name__}.")
            return otherwise

    def _text(self, text: str, limit: int = 2_000) -> str:
        return self._of_rest.spend(shorten(mask_text(text[:_MAX_RAW]), limit))

    def _some(self, items: Iterable[_T]) -> Iterator[_T]:
        """Yield items while the page has room for them."""
        for item in islice(items, MAX_ROWS):
            if self._of_rest.exhausted:
                return
            yield item

    def _exception(self) -> Report | None:
        value, entry = (self._report.exc_info or (None, None, None))[1:]
        return None if value is None else ExceptionReader(self._of_traceback).read(value, entry)

    def _template_name(self) -> str:
        template = self._report.template
        return self._text(f"{template.name}, line {template.line}") if template else ""

    def _template(self) -> Excerpt | None:
        template = self._report.template
        if template is None or not template.source:
            return None
        lines = template.source.split("\n")
        return SourceReader(self._of_traceback).excerpt(lines, Place(template.name, template.line))

    def _request_line(self) -> str:
        request = self._report.request
        return self._text(f"{request.method} {mask_query(request.uri)}", 300) if request else ""

    def _request(self) -> list[tuple[str, Rows]]:
        request = self._report.request
        if request is None:
            return []
        parts: list[tuple[str, Callable[[], Rows]]] = [
            ("Query arguments", lambda: self._arguments(request.query_arguments)),
            ("Body arguments", lambda: self._arguments(request.body_arguments)),
            ("Files", lambda: [("Name", self._text(name)) for name in self._some(request.files)]),
            ("Headers", lambda: self._headers(request)),
            ("Cookies", lambda: [(self._text(name), MASK) for name in self._some(request.cookies)]),
            ("Connection", lambda: self._connection(request)),
        ]
        none: Rows = []
        made = [(name, self._part(f"request's {name.lower()}", make, none)) for name, make in parts]
        return [(name, rows) for name, rows in made if rows]

    def _arguments(self, values: Values) -> Rows:
        return [(self._text(name), self._argument(name, each)) for name, each in self._some(values.items())]

    def _argument(self, name: str, values: Sequence[str | bytes]) -> str:
        return self._text(MASK if is_secret(name) else "\n".join(map(_decoded, values[:MAX_VALUES])))

    def _headers(self, request: RequestReport) -> Rows:
        headers = request.headers.items() if isinstance(request.headers, Mapping) else request.headers
        pairs = ((str(name), str(value)[:_MAX_RAW]) for name, value in self._some(headers))
        return [(self._text(name), self._text(value)) for pair in pairs for name, value in mask_headers([pair])]

    def _connection(self, request: RequestReport) -> Rows:
        rows = {
            "URI": mask_query(request.uri),
            "Address": request.remote_ip,
            "Host": request.host,
            "Scheme": request.protocol,
            "Version": request.version,
        }
        return [(name, self._text(str(value))) for name, value in rows.items() if value]

    def _routes(self) -> list[tuple[str, str, str]] | None:
        if self._report.routes is None:
            return None
        routes = self._some(self._report.routes)
        return [(self._text(pattern), self._text(name or ""), self._text(handler)) for pattern, name, handler in routes]

    def _versions(self) -> Rows:
        return [(self._text(name), self._text(version)) for name, version in self._some(self._report.versions.items())]

    def _settings(self) -> Rows:
        return [(self._text(name), self._setting(name)) for name in self._some(self._report.settings)]

    def _setting(self, name: str) -> str:
        return noted(lambda: describe(name, self._report.settings[name], self._of_rest))


def _decoded(value: str | bytes) -> str:
    return value[:_MAX_RAW] if isinstance(value, str) else value[:_MAX_RAW].decode("utf-8", "backslashreplace")


def _chapters(report: Report | None) -> Iterator[_Chapter]:
    """Yield an exception, then those it follows from, each followed by its group's members."""
    for number, (label, depth, each) in enumerate(_in_order(report, "", 0), 1):
        yield _Chapter(number, label, depth, each)


def _in_order(report: Report | None, label: str, depth: int) -> Iterator[tuple[str, int, Report]]:
    while report is not None:
        yield label, depth, report
        total = len(report.members) + report.more_members
        for number, member in enumerate(report.members, 1):
            yield from _in_order(member, f"{number} of {total} in the group", depth + 1)
        label = "Caused by" if report.relation == "cause" else "Raised while handling"
        report = report.previous


def _text_lines(contents: _Contents) -> Iterable[str]:
    yield contents.status
    yield ""
    if contents.error is not None:
        yield from traceback_lines(contents.error)
        yield ""
    facts = {
        "Request": contents.request_line,
        "Handler": contents.handler,
        "Template": contents.template_name,
        "Request id": contents.request_id,
        "Versions": ", ".join(f"{name} {version}" for name, version in contents.versions),
    }
    yield from (f"{name}: {value}" for name, value in facts.items() if value)
    yield from contents.problems
