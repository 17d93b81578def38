"""The handlers that users inherit from: `WebHandler`, `ApiHandler`, `ErrorHandler`.

They add sessions, tokens, templates, error pages and JSON to the request's way that `tornadopy.lifecycle` walks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import tornado.web
from tornado.template import BaseLoader

from tornadopy import errorpages
from tornadopy.conf import settings
from tornadopy.exceptions import ConfigError, HttpBadRequestError
from tornadopy.lifecycle import LifecycleHandler
from tornadopy.lifecycle.names import names_of
from tornadopy.response import encode_json, encode_jsonp
from tornadopy.utils.versions import versions

if TYPE_CHECKING:
    from tornadopy.sessions import Session
    from tornadopy.tokens import Token

__all__ = ["ApiHandler", "ErrorHandler", "WebHandler"]


class StatefulHandler(LifecycleHandler):
    """A handler with what the middlewares of sessions and tokens keep for it.

    Attributes:
        session_prefetch: Whether the middleware fetches the session from a store with I/O; if not, the handler does:
            ``await self.session.load()``.
        token_prefetch: The same for the token.
    """

    session_prefetch: bool = True
    token_prefetch: bool = True

    # NOTE: no property, so that a site may keep something else under these names.
    @cached_property
    def session(self) -> Session:
        """What the site remembers of the client; see `tornadopy.sessions.Session`.

        Raises:
            ConfigError: ``SessionMiddleware`` is not on, or has no secret.

        .. versionadded:: 2.0
        """
        session: Session = self._opener("open_session", "session.SessionMiddleware")(self)
        return session

    @cached_property
    def token(self) -> Token:
        """The token that the request presents, and those that are given out; see `tornadopy.tokens.Token`.

        Raises:
            ConfigError: ``TokenMiddleware`` is not on, or has no secret.

        .. versionadded:: 2.0
        """
        token: Token = self._opener("open_token", "token.TokenMiddleware")(self)
        return token

    def set_expire(self, seconds: int) -> None:
        """Let the session live *seconds* from its last use; 0: until the browser closes.

        .. versionadded:: 2.0
        """
        self.session.set_expire(seconds)

    def _opener(self, name: str, middleware: str) -> Callable[[StatefulHandler], Any]:
        opener: Callable[[StatefulHandler], Any] | None = getattr(self.application, name, None)
        if opener is None:
            thing = name.removeprefix("open_")
            raise ConfigError(
                f"handler.{thing} needs its middleware; add 'tornadopy.middleware.{middleware}' to MIDDLEWARE_CLASSES"
            )
        return opener


class ErrorPageHandler(StatefulHandler):
    """A handler with the error pages of tornadopy; handlers of plain Tornado get them too.

    Attributes:
        exception_response: What error pages of this handler consist of, in place of all others: a string, bytes, a
            dictionary (sent as JSON), or a method of ``(status_code, **kwargs)`` that returns one of these.
    """

    exception_response: Any = None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error: `exception_response`, the debug page, the project's template, or the plain page."""
        if self._should_not_send_content(status_code):
            self.finish()
            return
        own = self.exception_response
        if own is not None:
            self.finish(own(status_code, **kwargs) if callable(own) else own)
            return
        fmt = self.get_error_format()
        if self.shows_debug_page():
            self._finish_page(*errorpages.debug_page(self._report_error(status_code, kwargs.get("exc_info")), fmt=fmt))
            return
        templates = getattr(self.application, "templates", None)
        name = templates.error_template(status_code) if templates is not None and fmt == "html" else None
        if templates is None or name is None:
            self._finish_page(*self._production_page(status_code, fmt))
            return
        namespace = {
            **self.get_template_namespace(),
            "status_code": status_code,
            "reason": self._reason,
            "request_id": self.context.request_id,
        }
        self.finish(templates.generate_error(name, namespace))

    def shows_debug_page(self) -> bool:
        """Whether the client may see the debug page: in debug mode, from ``INTERNAL_IPS`` if there are any."""
        if not self.settings.get("serve_traceback"):
            return False
        internal = getattr(self.application, "internal_addresses", None)
        return internal is None or self.request.remote_ip in internal

    def get_error_format(self) -> errorpages.Format:
        """Return the form of error pages that the client asks for, by its ``Accept`` header."""
        return errorpages.negotiate(self.request.headers.get("Accept", ""))

    def _write_last_resort(self, status_code: int) -> None:
        if self._headers_written or self._answered or self._should_not_send_content(status_code):
            return
        self._write_buffer.clear()
        self._finish_page(*self._production_page(status_code, self.get_error_format()))

    def _production_page(self, status_code: int, fmt: errorpages.Format) -> tuple[str, bytes]:
        return errorpages.production_page(status_code, self._reason, self.context.request_id, fmt=fmt)

    def _finish_page(self, content_type: str, page: bytes) -> None:
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", errorpages.page_policy())
        self.set_header("Vary", "Accept")
        self.finish(page)

    def _report_error(self, status_code: int, exc_info: Any) -> errorpages.ErrorReport:
        request = self.request
        describe_routes = getattr(self.application, "describe_routes", None)
        conf = getattr(self.application, "conf", None) or settings.current()
        return errorpages.ErrorReport(
            status=status_code,
            reason=self._reason,
            request_id=self.context.request_id,
            exc_info=exc_info,
            handler_name=f"{type(self).__module__}.{type(self).__qualname__}",
            request=errorpages.RequestReport(
                method=str(request.method),
                uri=str(request.uri),
                version=request.version,
                protocol=request.protocol,
                host=request.host,
                remote_ip=str(request.remote_ip),
                headers=list(request.headers.get_all()),
                query_arguments=request.query_arguments,
                body_arguments=request.body_arguments,
                cookies={name: morsel.value for name, morsel in request.cookies.items()},
                files=[each["filename"] for files in request.files.values() for each in files],
            ),
            settings=conf.as_dict(),
            versions=versions(),
            routes=describe_routes() if status_code == 404 and describe_routes is not None else None,
        )


class PageHandler(ErrorPageHandler):
    """What `WebHandler` and `ApiHandler` share: error pages and the project's template engine."""

    def create_template_loader(self, template_path: str) -> BaseLoader:
        """Return a loader of the project's engine that searches *template_path*, then the apps' folders."""
        templates = getattr(self.application, "templates", None)
        if templates is None or "template_loader" in self.settings:
            return super().create_template_loader(template_path)
        loader: BaseLoader = templates.create_for_site(template_path)
        return loader

    def get_template_namespace(self) -> dict[str, Any]:
        """Return what every template sees: what the context processors give, and Tornado's names, which win."""
        templates = getattr(self.application, "templates", None)
        namespace: dict[str, Any] = {}
        for processor in templates.context_processors if templates is not None else ():
            namespace.update(processor(self))
        return {**namespace, **super().get_template_namespace()}

    def _names_for(self, template: Any) -> dict[str, Any]:
        read = getattr(template, "names_read", None)  # Tornado's engine knows them
        if read is None or not self._plan.names_at_once or self.application.templates.context_processors:  # type: ignore[attr-defined]
            return super()._names_for(template)
        own = getattr(self.get_template_namespace, "__func__", None)
        if own is not _OWN_NAMESPACE or tornado.web.RequestHandler.get_template_namespace is not _TORNADOS_NAMESPACE:
            return super()._names_for(template)
        return names_of(self, read)


_OWN_NAMESPACE = PageHandler.get_template_namespace
_TORNADOS_NAMESPACE = tornado.web.RequestHandler.get_template_namespace


class WebHandler(PageHandler):
    """A handler with middleware, the project's template engine and error pages.

    .. versionadded:: 2.0
    """


class ApiHandler(PageHandler):
    """A handler that answers in JSON or, if asked to, in JSONP.

    .. versionadded:: 2.0
    """

    def get_format(self, params_name: str = "format") -> str:
        """Return the format that the client asks for: by the argument *params_name*, then by ``Accept``.

        Returns:
            ``"json"``, ``"jsonp"``, or whatever else was asked for.
        """
        asked: str | None = self.get_argument(params_name, None)
        if asked:
            return asked.lower()
        accepted = errorpages.accepted_types(self.request.headers.get("Accept", ""))
        for kind in accepted:
            if kind in {"application/json", "application/*", "*/*"} or kind.endswith("+json"):
                return "json"
            if kind in {"application/javascript", "text/javascript"}:
                return "jsonp"
        return accepted[0] if accepted else "json"

    def write_api(
        self,
        obj: Any,
        nofail: bool = False,
        ensure_ascii: bool = True,
        fmt: str | None = None,
    ) -> None:
        """Write *obj* in the format that the client asks for.

        Args:
            obj: What to write.
            nofail: Whether an unknown format gets *obj* as it is (a string, bytes or a dictionary).
            ensure_ascii: Whether other characters are escaped in JSON; up to ``JSON_ENCODER`` where that is set.
            fmt: The format, if it is not up to the client.

        Raises:
            HttpBadRequestError: The format is unknown, or the name of the JSONP callback is none.
        """
        if fmt is None:
            fmt = self.get_format()
            self.add_header("Vary", "Accept")
        encode = getattr(self.application, "json_encoder", None)
        if fmt == "json":
            self.set_header("Content-Type", "application/json; charset=UTF-8")
            self.write(encode_json(obj, ensure_ascii=ensure_ascii) if encode is None else encode(obj))
        elif fmt == "jsonp":
            callback = self.get_argument("callback", "callback")
            script = encode_jsonp(callback, obj, ensure_ascii=ensure_ascii, encode=encode)
            self.set_header("Content-Type", "application/javascript; charset=UTF-8")
            self.set_header("X-Content-Type-Options", "nosniff")
            self.write(script)
        elif nofail:
            self.write(obj)
        else:
            raise HttpBadRequestError("unknown format %r; json and jsonp are known", fmt[:40])

    def get_error_format(self) -> errorpages.Format:
        """Return the form of error pages: JSON, unless the client prefers another."""
        accept = self.request.headers.get("Accept", "")
        return errorpages.negotiate(accept) if accept and "*/*" not in accept else "json"


class ErrorHandler(tornado.web.ErrorHandler, WebHandler):
    """Answer every request with the error page of ``status_code``; it serves the paths that no route matches.

    .. versionadded:: 2.0
    """
