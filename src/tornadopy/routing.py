"""Routes as users write them.

`Url`, `route` and `include` are what an app's ``urls.py`` is made of. Handler classes named by strings are imported
when an `Application` takes the routes in, so that an error can say which route it is about. First match wins, in the
order of declaration, as in Tornado.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import isclass
from typing import Any

from tornado.httputil import HTTPServerConnectionDelegate
from tornado.routing import HostMatches, Matcher, PathMatches, Rule, URLSpec
from tornado.web import RequestHandler

from tornadopy.exceptions import UrlError
from tornadopy.utils.errors import describe_error
from tornadopy.utils.imports import import_string
from tornadopy.utils.patterns import alternatives

__all__ = ["Route", "Url", "include", "route"]

_LEADING_SLASHES = r"^(?:\\?/)+"
_TRAILING_SLASHES = r"(?:\\?/[?*+]?)+$"
_OPENS_WITH_SLASH = r"\((?:\?:|\?P<\w+>)?\\?/"


class Route:
    """A route: what is matched, who handles it, what it brings along.

    Args:
        pattern: A regular expression for the whole path.
        handler: A handler class, its dotted name, or whatever else Tornado accepts as the target of a rule.
        kwargs: What reaches the handler as ``_url_kwargs``.
        name: The name that `reverse_url` and ``ROUTE_MODULES`` know.

    Attributes:
        pattern, handler, kwargs, name: The arguments.
    """

    # PERF: no dataclass, whose making takes a hundredth of the start of a small site.
    __slots__ = ("handler", "kwargs", "name", "pattern")

    def __init__(
        self,
        pattern: str | re.Pattern[str],
        handler: Any,
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        self.pattern = pattern
        self.handler = handler
        self.kwargs = {} if kwargs is None else kwargs
        self.name = name

    def __repr__(self) -> str:
        return f"Route(pattern={self.pattern!r}, handler={self.handler!r}, kwargs={self.kwargs!r}, name={self.name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Route):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # a route holds dictionaries

    def rule(self) -> URLSpec:
        """Return Tornado's form of this route, its handler imported.

        Raises:
            UrlError: The handler cannot be imported or is none, or the pattern does not compile.
        """
        handler = self._import() if isinstance(self.handler, str) else self.handler
        if isclass(handler) and not issubclass(handler, RequestHandler):
            raise UrlError(f"{self}: {handler.__qualname__} is no handler; it does not inherit RequestHandler")
        if not is_target(handler):
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
            raise double_name(each.name, named[each.name], each)
        if each.name:
            named[each.name] = each


def join(prefix: str, pattern: str) -> str:
    """Return *pattern* below *prefix*, joined by exactly one slash."""
    prefix = prefix.removeprefix("^").removesuffix("$")
    before = [_open(re.sub(_TRAILING_SLASHES, "", each)) for each in alternatives(prefix)]
    joined = _group(before) + _group([_open(each) for each in alternatives(pattern)])
    return f"/{joined}" if joined in {"", "$"} else joined


def _is_route_tuple(each: Any) -> bool:
    return isinstance(each, tuple) and 2 <= len(each) <= 4 and isinstance(each[0], (str, re.Pattern))


def _is_rule_tuple(each: Any) -> bool:
    return isinstance(each, tuple) and 2 <= len(each) <= 4 and isinstance(each[0], Matcher)


def _from_tuple(each: tuple[Any, ...]) -> Route:
    pattern, handler, kwargs, name = (*each, None, None)[:4]
    if not isinstance(handler, str) and not is_target(handler):
        raise UrlError(f"{each!r} is no route: its handler is neither a class nor a dotted name")
    return Route(pattern, handler, dict(kwargs or {}), name)


def is_target(handler: Any) -> bool:
    """Whether *handler* may be the target of a rule."""
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
    return Route(pattern, each.handler, each.kwargs, name)


def _open(pattern: str) -> str:
    """Return *pattern* with exactly one slash before it, unless it is empty."""
    pattern = pattern.removeprefix("^")
    if pattern in {"", "$"} or re.match(_OPENS_WITH_SLASH, pattern):
        return pattern
    return f"/{re.sub(_LEADING_SLASHES, '', pattern)}"


def _group(branches: Sequence[str]) -> str:
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def double_name(name: str, first: Route | Rule, second: Route | Rule) -> UrlError:
    """Return the error that two routes have one name."""
    return UrlError(
        f"two routes are named {name!r}: {pattern_of(first)!r} and {pattern_of(second)!r}; rename one of them, or "
        "give include(..., prefix_name=...)"
    )


def pattern_of(rule: Route | Rule) -> str:
    """Return the pattern of *rule*, for people."""
    if isinstance(rule, Route):
        return rule.pattern if isinstance(rule.pattern, str) else rule.pattern.pattern
    if isinstance(rule.matcher, PathMatches):
        return str(rule.matcher.regex.pattern).removesuffix("$")
    if isinstance(rule.matcher, HostMatches):
        return f"host {rule.matcher.host_pattern.pattern.removesuffix('$')}"
    return type(rule.matcher).__name__
