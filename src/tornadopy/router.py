"""The application's router: which handler class serves a path, and with what.

Called by `tornadopy.application` for each request; takes the routes of `tornadopy.routing` in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from inspect import isclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tornado.escape import url_unescape
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import RequestHandler, _ApplicationRouter

from tornadopy.context import current_request
from tornadopy.exceptions import UrlError
from tornadopy.routeindex import RouteIndex
from tornadopy.routing import Route, RouteMatches, double_name, flatten, is_target, pattern_of

if TYPE_CHECKING:
    from tornadopy.application import Application
    from tornadopy.types import PathArgument

    Page = tuple[Any, dict[str, Any], str | None]
    """The class that serves a path, the keyword arguments and the name of its route."""
    Resolved = tuple[Page, Sequence[PathArgument], Mapping[str, PathArgument]]
    """What serves a path, and what was taken out of the path."""

__all__ = ["ApplicationRouter", "describe_rule"]

_INDEXED_MATCHERS = frozenset({PathMatches, RouteMatches})
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class ApplicationRouter(_ApplicationRouter):
    """Tornado's router of an application, which also takes `Route` objects and notes the route that matched."""

    application: Application
    _index: RouteIndex
    _indexed = -1
    _page_of: Mapping[Rule, tuple[Page, bool] | None]  # and whether the groups of its pattern have names
    _pages: Mapping[str, Resolved] = MappingProxyType({})  # by path, those that nothing but the path decides about

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
        elif not is_target(rule.target):
            raise UrlError(f"route {pattern_of(rule)!r} is no route: {rule.target!r} is no handler class")
        taken = self.named_rules.get(rule.name) if rule.name else None
        if taken is not None and isinstance(rule.matcher, RouteMatches):
            raise double_name(str(rule.name), taken, rule)
        return super().process_rule(rule)

    def resolve(self, path: Any) -> Resolved | None:
        """Return what serves *path*; None if that is not known from the path alone, or takes more than a class.

        PERF: without a delegate for each request (benchmarks/handlers.py).
        """
        if self._indexed != len(self.rules):  # they may be added at any time, as in Tornado
            self._build_index()
        resolved = self._pages.get(path)
        if resolved is not None:
            return resolved
        for rule, _, regex in self._index.find(path):
            if regex is None:
                return None
            match = regex.match(path)
            if match is None:
                continue
            found = self._page_of[rule]
            if found is None:
                return None
            page, has_names = found
            if has_names:
                return page, (), {name: _argument(value) for name, value in match.groupdict().items()}
            groups = match.groups()
            if path.isascii() and "%" not in path:
                return page, groups, _NOTHING
            return page, [_argument(value) for value in groups], _NOTHING
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
        self._page_of = {rule: self._page(rule) for rule in self.rules}
        pages = ((path, self._page_of[rule]) for path, rule in index.spelled_out())
        self._pages = {path: (found[0], (), _NOTHING) for path, found in pages if found is not None}

    def _page(self, rule: Rule) -> tuple[Page, bool] | None:
        """Return what serves the paths of *rule*; None for what is no handler class, or one that streams its body."""
        if not self._is_served(rule.target):
            return None
        served = self.application.served_classes[rule.target]
        if served._stream_request_body:
            return None
        regex: re.Pattern[str] | None = getattr(rule.matcher, "regex", None)
        return (served, rule.target_kwargs, rule.name), regex is not None and bool(regex.groupindex)

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
    return pattern_of(rule), rule.name or "", handler


def _is_tornados_form(each: Any) -> bool:
    # NOTE: Tornado would import a handler's dotted name too, but could not say which route it is about.
    if not isinstance(each, (list, tuple)) or not 2 <= len(each) <= 4:
        return False
    return isinstance(each[0], (str, Matcher)) and not isinstance(each[1], str)
