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
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tornado.escape import url_unescape
from tornado.httputil import HTTPMessageDelegate, HTTPServerConnectionDelegate, HTTPServerRequest
from tornado.routing import HostMatches, Matcher, PathMatches, Rule, URLSpec
from tornado.web import RequestHandler, _ApplicationRouter

from tornadopy.context import current_request
from tornadopy.exceptions import UrlError
from tornadopy.routeindex import RouteIndex
from tornadopy.types import PathArgument
from tornadopy.utils.errors import describe_error
from tornadopy.utils.imports import import_string
from tornadopy.utils.patterns import alternatives

if TYPE_CHECKING:
    from tornadopy.application import Application

__all__ = ["ApplicationRouter", "Route", "Url", "include", "route"]

_LEADING_SLASHES = re.compile(r"^(?:\\?/)+")
_TRAILING_SLASHES = re.compile(r"(?:\\?/[?*+]?)+$")
_OPENS_WITH_SLASH = re.compile(r"\((?:\?:|\?P<\w+>)?\\?/")


@dataclass(frozen=True, slots=True)
class Route:
    """A route: what is matched, who handles it, what it brings along.

    Attributes:
        pattern: A regular expression for the whole path.
        handler: A handler class, its dotted name, or whatever else Tornado accepts as the target of a rule.
        kwargs: What reaches the handler as ``_url_kwargs``.
        name: The name that `reverse_url` and ``ROUTE_MODULES`` know.
    """

    pattern: str | re.Pattern[str]
    handler: Any
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
        if not _is_target(handler):
            raise UrlError(f"{self}: {handler!r} is no handler class")
        if not isinstance(self.pattern, (str, re.Pattern)):
            raise UrlError(f"{self}: the pattern is no regular expression")
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


_INDEXED_MATCHERS = frozenset({PathMatches, RouteMatches})


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

    def __init__(self, prefix: str | None = None, **overall_kwargs: Any) -> None:
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
        elif _is_rule_tuple(each):
            yield Rule(*each)
        elif isinstance(each, (list, tuple)):
            yield from flatten(each)
        else:
            raise UrlError(
                f"{each!r} is no route; write u(pattern, handler), include(pattern, routes), "
                "a (pattern, handler) tuple or a URLSpec"
            )


def refuse_doubles(routes: Iterable[Route | Rule]) -> None:
    """Refuse two routes of one name, whatever form they have.

    Raises:
        UrlError: There are two; the message gives both patterns.
    """
    named: dict[str, Route | Rule] = {}
    for each in routes:
        if each.name and each.name in named:
            raise _double(each.name, named[each.name], each)
        if each.name:
            named[each.name] = each


def join(prefix: str, pattern: str) -> str:
    """Return *pattern* below *prefix*, joined by exactly one slash."""
    prefix = prefix.removeprefix("^").removesuffix("$")
    before = [_open(_TRAILING_SLASHES.sub("", each)) for each in alternatives(prefix)]
    joined = _group(before) + _group([_open(each) for each in alternatives(pattern)])
    return f"/{joined}" if joined in {"", "$"} else joined


Resolved = tuple[Rule, Sequence[PathArgument], Mapping[str, PathArgument]]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class ApplicationRouter(_ApplicationRouter):
    """Tornado's router of an application, which also takes `Route` objects and notes the route that matched."""

    application: Application
    _index: RouteIndex
    _indexed = -1
    _pages: Mapping[str, Rule] = MappingProxyType({})  # by path, those that nothing but the path decides about

    def add_rules(self, rules: Sequence[Any]) -> None:
        """Append *rules*: routes of any accepted form, matchers with targets, nested lists.

        Raises:
            UrlError: Something is no route, a handler cannot be imported, or a name is taken.
        """
        for each in rules:
            found = [each] if _is_tornados_form(each) else flatten([each])
            super().add_rules([one.rule() if isinstance(one, Route) else one for one in found])

    def process_rule(self, rule: Rule) -> Rule:
        """Take in *rule*: refuse a name that is taken, prepare the target for serving."""
        if isinstance(rule.target, (list, tuple)):
            rule.target = ApplicationRouter(self.application, rule.target)
        elif isclass(rule.target) and issubclass(rule.target, RequestHandler):
            self.application.serve_class(rule.target)
        elif not _is_target(rule.target):
            raise UrlError(f"route {_pattern_of(rule)!r} is no route: {rule.target!r} is no handler class")
        taken = self.named_rules.get(rule.name) if rule.name else None
        if taken is not None and isinstance(rule.matcher, RouteMatches):
            raise _double(str(rule.name), taken, rule)
        return super().process_rule(rule)

    def resolve(self, path: str) -> Resolved | None:
        """Return the rule that serves *path* with what its pattern takes out; None if more than the path is asked for.

        PERF: without a delegate for each request (benchmarks/handlers.py).
        """
        if self._indexed != len(self.rules):  # they may be added at any time, as in Tornado
            self._build_index()
        page = self._pages.get(path)
        if page is not None:
            return page, (), _NOTHING
        for rule, _, regex in self._index.find(path):
            if regex is None or not self._is_served(rule.target):
                return None
            match = regex.match(path)
            if match is None:
                continue
            if regex.groupindex:
                return rule, (), {name: _argument(value) for name, value in match.groupdict().items()}
            return rule, [_argument(value) for value in match.groups()], _NOTHING
        return None

    def find_handler(self, request: HTTPServerRequest, **_kwargs: Any) -> HTTPMessageDelegate | None:
        """Return the delegate of the first rule that matches *request*."""
        application = self.application
        if self._indexed != len(self.rules):  # they may be added at any time, as in Tornado
            self._build_index()
        for rule, is_certain, _ in self._index.find(request.path):
            parameters: dict[str, Any] | None = {} if is_certain else rule.matcher.match(request)
            if parameters is None:
                continue
            if rule.target_kwargs:
                parameters["target_kwargs"] = rule.target_kwargs
            target = rule.target
            delegate: HTTPMessageDelegate | None
            if self._is_served(target):
                delegate = application.get_handler_delegate(request, target, **parameters)
            else:
                delegate = self.get_target_delegate(target, request, **parameters)
            if delegate is not None:
                if rule.name:
                    _note_name(rule.name)
                return delegate
        return None

    def _build_index(self) -> None:
        index = self._index = RouteIndex(self.rules, _INDEXED_MATCHERS)
        self._indexed = len(self.rules)
        self._pages = {path: rule for path, rule in index.spelled_out() if self._is_served(rule.target)}

    def _is_served(self, target: object) -> bool:
        return isinstance(target, type) and target in self.application.served_classes

    def walk(self) -> Iterator[Rule]:
        """Yield the rules, nested ones after the rule that holds them, in the order in which they are tried."""
        for rule in self.rules:
            yield rule
            if isinstance(rule.target, ApplicationRouter):
                yield from rule.target.walk()


def _argument(value: str | None) -> PathArgument:
    if value is None or (value.isascii() and "%" not in value):
        return value
    return url_unescape(value, encoding=None, plus=False)


def _note_name(name: str) -> None:
    context = current_request.get()
    if context is not None and context.route_name is None:
        context.route_name = name


def describe_rule(rule: Rule) -> tuple[str, str, str]:
    """Return pattern, name and handler of *rule*, for people."""
    target = rule.target
    handler = f"{target.__module__}.{target.__qualname__}" if hasattr(target, "__qualname__") else repr(target)
    return _pattern_of(rule), rule.name or "", handler


def _is_route_tuple(each: Any) -> bool:
    return isinstance(each, tuple) and 2 <= len(each) <= 4 and isinstance(each[0], (str, re.Pattern))


def _is_tornados_form(each: Any) -> bool:
    # NOTE: Tornado would import a handler's dotted name too, but could not say which route it is about.
    if not isinstance(each, (list, tuple)) or not 2 <= len(each) <= 4:
        return False
    return isinstance(each[0], (str, Matcher)) and not isinstance(each[1], str)


def _is_rule_tuple(each: Any) -> bool:
    return isinstance(each, tuple) and 2 <= len(each) <= 4 and isinstance(each[0], Matcher)


def _from_tuple(each: tuple[Any, ...]) -> Route:
    pattern, handler, kwargs, name = (*each, None, None)[:4]
    if not isinstance(handler, str) and not _is_target(handler):
        raise UrlError(f"{each!r} is no route: its handler is neither a class nor a dotted name")
    return Route(pattern, handler, dict(kwargs or {}), name)


def _is_target(handler: Any) -> bool:
    return callable(handler) or isinstance(handler, (list, tuple, HTTPServerConnectionDelegate))


def _below(prefix: str, each: Route | Rule, prefix_name: str | None, where: str) -> Route:
    if isinstance(each, URLSpec):
        each = Route(each.regex, each.target, dict(each.target_kwargs), each.name)
    if not isinstance(each, Route):
        raise UrlError(f"{where}: {each!r} has no path to put the prefix before")
    pattern: str | re.Pattern[str]
    if isinstance(each.pattern, re.Pattern):
        pattern = re.compile(join(prefix, each.pattern.pattern), each.pattern.flags & ~re.UNICODE)
    else:
        pattern = join(prefix, each.pattern)
    name = f"{prefix_name}-{each.name}" if prefix_name and each.name else each.name
    return replace(each, pattern=pattern, name=name)


def _open(pattern: str) -> str:
    """Return *pattern* with exactly one slash before it, unless it is empty."""
    pattern = pattern.removeprefix("^")
    if pattern in {"", "$"} or _OPENS_WITH_SLASH.match(pattern):
        return pattern
    return f"/{_LEADING_SLASHES.sub('', pattern)}"


def _group(branches: Sequence[str]) -> str:
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _double(name: str, first: Route | Rule, second: Route | Rule) -> UrlError:
    return UrlError(
        f"two routes are named {name!r}: {_pattern_of(first)!r} and {_pattern_of(second)!r}; rename one of them, or "
        "give include(..., prefix_name=...)"
    )


def _pattern_of(rule: Route | Rule) -> str:
    if isinstance(rule, Route):
        return rule.pattern if isinstance(rule.pattern, str) else rule.pattern.pattern
    if isinstance(rule.matcher, PathMatches):
        return str(rule.matcher.regex.pattern).removesuffix("$")
    if isinstance(rule.matcher, HostMatches):
        return f"host {rule.matcher.host_pattern.pattern.removesuffix('$')}"
    return type(rule.matcher).__name__
