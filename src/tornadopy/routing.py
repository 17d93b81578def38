"""Routes as users write them, and the router that finds the handler of a request.

`Url`, `route` and `include` are what an app's ``urls.py`` is made of. Handler classes named by strings are imported
when an `Application` takes the routes in, so that an error can say which route it is about. First match wins, in the
order of declaration, as in Tornado.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import isclass
from typing import TYPE_CHECKING, Any, cast

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import HostMatches, PathMatches, Rule, URLSpec
from tornado.web import RequestHandler, _ApplicationRouter

from tornadopy.context import current_request
from tornadopy.exceptions import UrlError
from tornadopy.utils.errors import describe_error
from tornadopy.utils.imports import import_string

if TYPE_CHECKING:
    from tornadopy.application import Application

__all__ = ["ApplicationRouter", "Route", "Url", "include", "route"]

_LEADING_SLASHES = re.compile(r"^(?:\\?/(?![?*]))+|^\\?/(?=[?*])")
_OPENS_WITH_SLASH = re.compile(r"\((?:\?:|\?P<\w+>)?\\?/")


@dataclass(frozen=True, slots=True)
class Route:
    """A route: what is matched, who handles it, what it brings along.

    Attributes:
        pattern: A regular expression for the whole path.
        handler: A handler class, or its dotted name.
        kwargs: What reaches the handler as ``_url_kwargs``.
        name: The name that `reverse_url` and ``ROUTE_MODULES`` know.
    """

    pattern: str
    handler: str | type
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None

    def rule(self) -> URLSpec:
        """Return Tornado's form of this route, its handler imported.

        Raises:
            UrlError: The handler cannot be imported or is none, or the pattern does not compile.
        """
        handler = self._import() if isinstance(self.handler, str) else self.handler
        if isclass(handler) and not issubclass(handler, RequestHandler):
            raise UrlError(f"{self}: {handler.__qualname__} is no handler; it does not inherit RequestHandler")
        if not isclass(handler) and not callable(handler) and not isinstance(handler, (list, tuple)):
            raise UrlError(f"{self}: {handler!r} is no handler class")
        try:
            spec = URLSpec(self.pattern, handler, dict(self.kwargs), self.name)
            spec.matcher = RouteMatches(self.pattern)
        except (re.error, AssertionError) as exc:
            raise UrlError(f"{self}: the pattern does not compile: {exc}") from exc
        return spec

    def _import(self) -> Any:
        try:
            return import_string(str(self.handler))
        except ImportError as exc:
            raise UrlError(f"{self}: cannot import the handler {self.handler!r}: {exc}") from exc
        except Exception as exc:
            raise UrlError(f"{self}: cannot import the handler {self.handler!r}: {describe_error(exc)}") from exc

    def __str__(self) -> str:
        return f"route {self.pattern!r}" + (f" (name {self.name!r})" if self.name else "")


class RouteMatches(PathMatches):
    """Match a path; reverse the optional slash of ``/login/?`` to ``/login``."""

    def _find_groups(self) -> tuple[str | None, int | None]:
        path, groups = super()._find_groups()
        if path is not None and path.endswith("/?"):
            path = path[:-2] or "/"
        return path, groups


class Url:
    """Make routes whose handlers are named below one prefix.

    Args:
        prefix: The dotted name of a module or package; strings given as handlers are below it.
        **overall_kwargs: Keyword arguments of every route; a route's own win.

    Example::

        u = Url("blog.handlers", theme="dark")
        urls = route(u(r"/", "articles.Index", name="index"))

    .. versionadded:: 2.0
    """

    def __init__(self, prefix: str | None = None, /, **overall_kwargs: Any) -> None:
        self.prefix = prefix
        self.overall_kwargs = overall_kwargs

    def __call__(
        self, pattern: str, handler: str | type, kwargs: Mapping[str, Any] | None = None, name: str | None = None
    ) -> Route:
        """Return the route from *pattern* to *handler*.

        Args:
            pattern: A regular expression for the whole path.
            handler: A handler class, or its dotted name below the prefix.
            kwargs: What reaches the handler as ``_url_kwargs``, for this route alone.
            name: The name of the route.
        """
        if isinstance(handler, str) and self.prefix:
            handler = f"{self.prefix}.{handler}"
        return Route(pattern, handler, {**self.overall_kwargs, **(kwargs or {})}, name)


def route(*patterns: Any) -> list[Route | Rule]:
    """Return *patterns* as one flat list.

    Args:
        *patterns: Routes, what `include` returns, ``(pattern, handler, kwargs, name)`` tuples,
            `tornado.web.URLSpec` objects, and lists of them.

    Raises:
        UrlError: One of them is no route.

    .. versionadded:: 2.0
    """
    return list(flatten(patterns))


def include(pattern: str, handlers: Any, prefix_name: str | None = None) -> list[Route | Rule]:
    """Return the routes of *handlers* below the path *pattern*.

    Args:
        pattern: The prefix of their patterns; the two are joined by exactly one slash.
        handlers: A list of routes, or the dotted name of one, such as ``"blog.urls.urls"``.
        prefix_name: If given, the names become ``prefix_name-name``.

    Raises:
        UrlError: The list cannot be imported, or something in it is no route below a path.

    .. versionadded:: 2.0
    """
    where = f"include({pattern!r}, {handlers!r})" if isinstance(handlers, str) else f"include({pattern!r}, …)"
    if isinstance(handlers, str):
        try:
            handlers = import_string(handlers)
        except ImportError as exc:
            raise UrlError(f"{where}: {exc}") from exc
    return [_below(pattern, each, prefix_name, where) for each in flatten([handlers])]


def flatten(patterns: Iterable[Any]) -> Iterator[Route | Rule]:
    """Yield the routes in *patterns*, however deep they are nested.

    Raises:
        UrlError: Something in it is no route.
    """
    for each in patterns:
        if isinstance(each, (Route, Rule)):
            yield each
        elif _is_route_tuple(each):
            yield _from_tuple(each)
        elif isinstance(each, (list, tuple)):
            yield from flatten(each)
        else:
            raise UrlError(
                f"{each!r} is no route; write u(pattern, handler), include(pattern, routes), "
                "a (pattern, handler) tuple or a URLSpec"
            )


def join(prefix: str, pattern: str) -> str:
    """Return *pattern* below *prefix*, joined by exactly one slash."""
    prefix = prefix.removeprefix("^").removesuffix("$").rstrip("/")
    pattern = pattern.removeprefix("^")
    if _has_top_level_alternative(pattern):
        pattern = f"(?:{pattern})"
    if pattern in {"", "$"}:
        return (prefix or "/") + pattern
    if _OPENS_WITH_SLASH.match(pattern):
        return prefix + pattern
    return f"{prefix}/{_LEADING_SLASHES.sub('', pattern)}"


class ApplicationRouter(_ApplicationRouter):
    """Tornado's router of an application, which also takes `Route` objects and notes the route that matched."""

    application: Application

    def add_rules(self, rules: Sequence[Any]) -> None:
        """Append *rules*: routes of any accepted form, matchers with targets, nested lists.

        Raises:
            UrlError: A route's handler cannot be imported, or its name is taken.
        """
        super().add_rules([each.rule() if isinstance(each, Route) else each for each in rules])

    def process_rule(self, rule: Rule) -> Rule:
        """Take in *rule*: refuse a name that is taken, prepare the target for serving."""
        if isinstance(rule.target, (list, tuple)):
            rule.target = ApplicationRouter(self.application, rule.target)
        elif isclass(rule.target) and issubclass(rule.target, RequestHandler):
            self.application.serve_class(rule.target)
        taken = self.named_rules.get(rule.name) if rule.name else None
        if taken is not None and isinstance(rule.matcher, RouteMatches):
            raise UrlError(
                f"two routes are named {rule.name!r}: {_pattern_of(taken)!r} and {_pattern_of(rule)!r}; rename one of "
                "them, or give include(..., prefix_name=...)"
            )
        return super().process_rule(rule)

    def find_handler(self, request: HTTPServerRequest, **_kwargs: Any) -> HTTPMessageDelegate | None:
        """Return the delegate of the first rule that matches *request*."""
        for rule in self.rules:
            parameters = rule.matcher.match(request)
            if parameters is None:
                continue
            if rule.target_kwargs:
                parameters["target_kwargs"] = rule.target_kwargs
            delegate = self.get_target_delegate(rule.target, request, **parameters)
            if delegate is not None:
                context = current_request.get()
                if rule.name and context is not None and context.route_name is None:
                    context.route_name = rule.name
                return delegate
        return None

    def walk(self) -> Iterator[Rule]:
        """Yield the rules, nested ones after the rule that holds them, in the order in which they are tried."""
        for rule in self.rules:
            yield rule
            if isinstance(rule.target, ApplicationRouter):
                yield from rule.target.walk()


def describe_rule(rule: Rule) -> tuple[str, str, str]:
    """Return pattern, name and handler of *rule*, for people."""
    target = rule.target
    handler = f"{target.__module__}.{target.__qualname__}" if hasattr(target, "__qualname__") else repr(target)
    return _pattern_of(rule), rule.name or "", handler


def _is_route_tuple(each: Any) -> bool:
    return isinstance(each, tuple) and 2 <= len(each) <= 4 and isinstance(each[0], str)


def _from_tuple(each: tuple[Any, ...]) -> Route:
    pattern, handler, kwargs, name = (*each, None, None)[:4]
    if not isinstance(handler, (str, type)):
        raise UrlError(f"{each!r} is no route: its handler is neither a class nor a dotted name")
    return Route(pattern, handler, dict(kwargs or {}), name)


def _below(prefix: str, each: Route | Rule, prefix_name: str | None, where: str) -> Route:
    if isinstance(each, URLSpec):
        each = Route(each.regex.pattern, cast("Any", each.target), dict(each.target_kwargs), each.name)
    if not isinstance(each, Route):
        raise UrlError(f"{where}: {each!r} has no path to put the prefix before")
    name = f"{prefix_name}-{each.name}" if prefix_name and each.name else each.name
    return replace(each, pattern=join(prefix, each.pattern), name=name)


def _has_top_level_alternative(pattern: str) -> bool:
    depth, escaped, in_class = 0, False, False
    for char in pattern:
        if escaped or char == "\\":
            escaped = not escaped
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            return True
    return False


def _pattern_of(rule: Rule) -> str:
    if isinstance(rule.matcher, PathMatches):
        return str(rule.matcher.regex.pattern).removesuffix("$")
    if isinstance(rule.matcher, HostMatches):
        return f"host {rule.matcher.host_pattern.pattern.removesuffix('$')}"
    return type(rule.matcher).__name__
