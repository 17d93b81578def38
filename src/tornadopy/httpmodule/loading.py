"""The module objects of one application, found by what ``COMMON_MODULES`` and ``ROUTE_MODULES`` name.

Called by `tornadopy.httpmodule.rules` at start. Knows entries one by one, not what they are for.
"""

from __future__ import annotations

import inspect
from types import ModuleType

from tornado.gen import is_coroutine_function

from tornadopy.exceptions import ConfigError
from tornadopy.httpmodule.base import PHASES, BaseHttpModule
from tornadopy.utils.errors import describe_error
from tornadopy.utils.imports import import_setting


class ModuleLoader:
    """Makes the module objects of one application: one of each class, however often it is named."""

    def __init__(self) -> None:
        self._modules: dict[type[BaseHttpModule], BaseHttpModule] = {}

    def load(self, path: str, entry: object) -> BaseHttpModule:
        """Return the module object that *entry* names.

        Args:
            path: Where the entry stands, such as ``COMMON_MODULES[0]``.
            entry: A class, its dotted name, or the dotted name of a Python module that defines exactly one.

        Raises:
            ConfigError: It cannot be imported, is no HTTP module, or is one that could not work.
        """
        found = import_setting(path, entry) if isinstance(entry, str) else entry
        if isinstance(found, ModuleType):
            found = _only_class(path, found)
        if not inspect.isclass(found):
            raise ConfigError(
                f"{path}: expected a class that inherits BaseHttpModule, or its dotted name, got {entry!r} "
                f"({type(found).__name__})"
            )
        if not issubclass(found, BaseHttpModule):
            raise ConfigError(f"{path}: {full_name(found)} does not inherit tornadopy.httpmodule.BaseHttpModule")
        module = self._modules.get(found)
        if module is None:
            module = self._modules[found] = _create(path, found)
        return module


def full_name(cls: type) -> str:
    """Return the dotted name under which *cls* was defined."""
    return f"{cls.__module__}.{cls.__qualname__}"


def _only_class(path: str, module: ModuleType) -> type[BaseHttpModule]:
    """Return the one HTTP module that the Python module *module* defines; what it merely imports does not count."""
    candidates = (each for each in vars(module).values() if inspect.isclass(each))
    own = {each: None for each in candidates if issubclass(each, BaseHttpModule) and each.__module__ == module.__name__}
    if len(own) == 1:
        return next(iter(own))
    names = ", ".join(sorted(full_name(each) for each in own)) or "none"
    raise ConfigError(
        f"{path}: {module.__name__!r} is a Python module, which can stand here only if it defines exactly one class "
        f"that inherits BaseHttpModule (found: {names}); name the class instead"
    )


def _create(path: str, cls: type[BaseHttpModule]) -> BaseHttpModule:
    _check_hooks(path, cls)
    try:
        return cls()
    except Exception as exc:
        raise ConfigError(f"{path}: cannot create {full_name(cls)}: {describe_error(exc)}") from exc


def _check_hooks(path: str, cls: type[BaseHttpModule]) -> None:
    hooks = {phase: hook for phase in PHASES if (hook := getattr(cls, phase)) is not None}
    if not hooks:
        raise ConfigError(f"{path}: {full_name(cls)} implements no hook; write at least one of {', '.join(PHASES)}")
    for phase, hook in hooks.items():
        if not callable(hook):
            raise ConfigError(f"{path}: {phase} of {full_name(cls)} is no method but {hook!r} ({type(hook).__name__})")
        # What a generator function returns is true, and would end the phase before its body has run.
        if inspect.isgeneratorfunction(hook) or inspect.isasyncgenfunction(hook):
            raise ConfigError(
                f"{path}: {phase} of {full_name(cls)} is a generator; make it 'async def' without 'yield'"
            )
    render = hooks.get("begin_render")
    if inspect.iscoroutinefunction(render) or is_coroutine_function(render):
        raise ConfigError(
            f"{path}: begin_render of {full_name(cls)} is asynchronous, and templates are rendered synchronously; "
            "do the asynchronous part in begin_request"
        )
