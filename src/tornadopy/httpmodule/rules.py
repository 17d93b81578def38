"""Which HTTP modules a request meets, compiled from ``COMMON_MODULES`` and ``ROUTE_MODULES``.

Compiled once by `tornadopy.httpmodule.httpmodule`, which asks it for each request's plan. Knows names of routes and
paths, not requests.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tornadopy.exceptions import ConfigError
from tornadopy.httpmodule.base import BaseHttpModule
from tornadopy.httpmodule.loading import ModuleLoader, full_name
from tornadopy.utils.suggest import nearest

Hook = Callable[..., Any]

PLANS_KEPT = 1024
"""How many plans of requests that match expressions are remembered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the requests of one kind meet: their modules, and the hooks of each phase, in order.

    .. versionadded:: 2.0
    """

    modules: tuple[BaseHttpModule, ...]
    begin_request: tuple[Hook, ...]
    begin_render: tuple[Hook, ...]
    begin_response: tuple[Hook, ...]
    complete_response: tuple[Hook, ...]

    @classmethod
    def of(cls, modules: Sequence[BaseHttpModule]) -> Plan:
        """Return the plan of *modules*, each of which takes part once, at its first place."""
        once = tuple(dict.fromkeys(modules))
        return cls(
            modules=once,
            begin_request=_hooks(once, "begin_request"),
            begin_render=_hooks(once, "begin_render"),
            begin_response=_hooks(once, "begin_response"),
            complete_response=_hooks(once, "complete_response"),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``ROUTE_MODULES``, compiled.

    Attributes:
        key: A route's name, or an expression.
        search: Finds the expression in a path; None where the key is a route's name.
        modules: The route's own modules.
        excluded: The common modules that the entry keeps away.
    """

    key: str
    search: Callable[[str], object] | None
    modules: tuple[BaseHttpModule, ...]
    excluded: frozenset[BaseHttpModule]


class Rules:
    """The compiled settings: finds the plan of a request.

    Args:
        common: The modules of ``COMMON_MODULES``.
        entries: The entries of ``ROUTE_MODULES``, in their order.

    Attributes:
        common: As given.
        entries: As given.

    .. versionadded:: 2.0
    """

    __slots__ = ("_combined", "_expressions", "_settled", "common", "entries")

    def __init__(self, common: Sequence[BaseHttpModule], entries: Sequence[Entry]) -> None:
        self.common = tuple(common)
        self.entries = tuple(entries)
        self._expressions = tuple((place, each.search) for place, each in enumerate(self.entries) if each.search)
        names = {each.key for each in self.entries if each.search is None}
        self._settled = {name: self._build(name, ()) for name in (None, *names)}
        self._combined = functools.lru_cache(PLANS_KEPT)(self._build)

    @property
    def modules(self) -> tuple[BaseHttpModule, ...]:
        """Every module that any request can meet."""
        own = (module for entry in self.entries for module in entry.modules)
        return tuple(dict.fromkeys((*self.common, *own)))

    def plan(self, route_name: str | None, path: str) -> Plan:
        """Return what a request meets.

        Args:
            route_name: The name of the route that matched, if it has one.
            path: The request's path, as it was sent.

        Returns:
            A plan that equal requests share.
        """
        name = route_name if route_name in self._settled else None
        matched = tuple(place for place, search in self._expressions if search(path))
        return self._combined(name, matched) if matched else self._settled[name]

    def _build(self, name: str | None, matched: tuple[int, ...]) -> Plan:
        entries = [
            each
            for place, each in enumerate(self.entries)
            if place in matched or (each.search is None and each.key == name)
        ]
        excluded = frozenset().union(*(each.excluded for each in entries))
        common = [module for module in self.common if module not in excluded]
        return Plan.of([*common, *(module for each in entries for module in each.modules)])


def compile_rules(
    common: Sequence[str | type], routes: Mapping[str, Sequence[str | type]], route_names: Collection[str]
) -> Rules:
    """Compile ``COMMON_MODULES`` and ``ROUTE_MODULES``; each module is created once.

    Args:
        common: Classes or their dotted names.
        routes: Lists of the same, or of ``!name`` and ``!all``, by a route's name or an expression.
        route_names: The names that routes have; any other key is an expression, which `re.search` seeks in the path.

    Raises:
        ConfigError: An entry cannot be used; the message says which.

    .. versionadded:: 2.0
    """
    loader = ModuleLoader()
    common_modules = [loader.load(f"COMMON_MODULES[{index}]", entry) for index, entry in enumerate(common)]
    known = {full_name(type(module)): module for module in common_modules}
    known |= {name: module for name, module in zip(common, common_modules, strict=True) if isinstance(name, str)}
    entries = [_compile_entry(key, names, known, loader, route_names) for key, names in routes.items()]
    return Rules(common_modules, entries)


def _compile_entry(
    key: str,
    names: Sequence[str | type],
    common: Mapping[str, BaseHttpModule],
    loader: ModuleLoader,
    route_names: Collection[str],
) -> Entry:
    modules: list[BaseHttpModule] = []
    excluded: set[BaseHttpModule] = set()
    for index, name in enumerate(names):
        path = f"ROUTE_MODULES[{key!r}][{index}]"
        if not isinstance(name, str) or not name.startswith("!"):
            modules.append(loader.load(path, name))
        elif name == "!all":
            excluded.update(common.values())
        else:
            excluded.add(_find_common(path, name.removeprefix("!"), common))
    search = None if key in route_names else _compile_expression(key, route_names)
    return Entry(key, search, tuple(modules), frozenset(excluded))


def _find_common(path: str, name: str, common: Mapping[str, BaseHttpModule]) -> BaseHttpModule:
    try:
        return common[name]
    except KeyError:
        guess = nearest(name, common)
        hint = f"did you mean '!{guess}'?" if guess else f"it has {', '.join(sorted(common)) or 'no modules'}"
        raise ConfigError(f"{path}: '!{name}' names no module of COMMON_MODULES; {hint}") from None


def _compile_expression(key: str, route_names: Collection[str]) -> Callable[[str], object]:
    guess = nearest(key, route_names) if re.fullmatch(r"[\w-]+", key) else None
    if guess:
        logging.getLogger("tornado.application").warning(
            "ROUTE_MODULES[%r]: no route has this name, so it is sought in the path as an expression; "
            "if you mean the route %r, write its name",
            key,
            guess,
        )
    try:
        return re.compile(key).search
    except re.error as exc:
        raise ConfigError(
            f"ROUTE_MODULES[{key!r}]: neither the name of a route nor a regular expression: {exc}"
        ) from exc


def _hooks(modules: Sequence[BaseHttpModule], phase: str) -> tuple[Hook, ...]:
    return tuple(hook for module in modules if (hook := getattr(module, phase)) is not None)
