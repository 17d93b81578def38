"""Settings: where they come from, what they may hold, and the view of them that users import.

`Settings` is one application's frozen configuration. `settings` is the view that code imports: it shows the
configuration of the current request's application, else the process default, which is loaded when it is first used.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

from tornadopy.conf import loader
from tornadopy.context import current_request
from tornadopy.exceptions import ConfigError
from tornadopy.utils.suggest import nearest

__all__ = ["LazySettings", "Settings", "settings"]

P = ParamSpec("P")
T = TypeVar("T")


class Settings:
    """A frozen set of settings: built-in defaults, a module, the environment, and values of one's own.

    Args:
        module: The settings module or its dotted name; None takes the defaults alone.
        **values: Settings that win over all others.

    Raises:
        ConfigError: The module cannot be imported, or a value is wrong.

    .. versionadded:: 2.0
    """

    __slots__ = ("__weakref__", "_layers", "module")

    module: str | None
    _layers: loader.Layers

    def __init__(self, module: str | ModuleType | None = None, /, **values: Any) -> None:
        name = module.__name__ if isinstance(module, ModuleType) else module
        object.__setattr__(self, "module", name)
        object.__setattr__(self, "_layers", loader.load(module, values))

    def __getattr__(self, name: str) -> Any:
        try:
            return self._layers.values[name]
        except KeyError:
            pass
        if not name.isupper():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        hint = nearest(name, self._layers.values)
        advice = f"did you mean {hint!r}?" if hint else f"define it in {self.module or 'a settings module'}"
        raise ConfigError(f"there is no setting {name!r}; {advice}")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise TypeError(f"settings are frozen: {name} cannot be set; use settings.override({name}=...)")

    def __contains__(self, name: object) -> bool:
        return name in self._layers.values

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers.values)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._layers.values})

    def __copy__(self) -> Settings:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Settings:
        return self

    def __repr__(self) -> str:
        return f"<Settings {self.module or 'defaults'}>"

    def items(self) -> Iterator[tuple[str, Any, str]]:
        """Yield name, value and origin of every setting; the keys of merged groups one by one."""
        return loader.flatten(self._layers)

    def as_dict(self) -> dict[str, Any]:
        """Return name and value of every setting."""
        return dict(self._layers.values)

    def path(self, value: str | os.PathLike[str]) -> Path:
        """Return *value* as a path that starts, if it is relative, at ``PROJECT_PATH``."""
        return Path(self.PROJECT_PATH, value)

    def replace(self, **values: Any) -> Settings:
        """Return a copy with *values* laid over it.

        Raises:
            ConfigError: A value is wrong.
        """
        layers = loader.Layers(self._layers.values, self._layers.origins)
        loader.lay_own(layers, values)
        copy = object.__new__(type(self))
        object.__setattr__(copy, "module", self.module)
        object.__setattr__(copy, "_layers", layers)
        return copy


class LazySettings:
    """The view of the settings that code imports; loads the process default when it is first used.

    It shows the settings of the current request's application, else the process default. The default's module is
    what `configure` was told (``--settings``), else ``tornadopy_APP_SETTINGS`` or ``TORNADOPY_APP_SETTINGS``.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._default: Settings | None = None
        self._overrides: list[_Override] = []

    def configure(self, module: str | ModuleType | None = None, /, **values: Any) -> Settings:
        """Load *module* with *values* as the process default, whatever was loaded before.

        Args:
            module: The settings module; None asks the environment for it.
            **values: Settings that win over all others.

        Returns:
            The settings loaded.

        Raises:
            ConfigError: The module cannot be imported, or a value is wrong.
        """
        with self._lock:
            self._default = Settings(module or loader.module_from_environment(os.environ), **values)
            return self._default

    def current(self) -> Settings:
        """Return the settings in force here: an override's, the current request's application's, or the default."""
        request = current_request.get()
        for override in reversed(self._overrides):
            if override.request is request:
                return override.settings
        if request is not None:
            conf: Settings = request.application.conf
            return conf
        return self._default or self._load()

    def override(self, **values: Any) -> _Override:
        """Return a context manager, also a decorator of functions, in which *values* hold.

        It reaches the code in it and what is built inside it: an `Application` keeps what it was built with.

        .. versionadded:: 2.0
        """
        return _Override(self, values)

    def _load(self) -> Settings:
        with self._lock:
            return self._default or self.configure()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.current(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.isupper():
            raise TypeError(f"settings are frozen: {name} cannot be set; use settings.override({name}=...)")
        super().__setattr__(name, value)

    def __contains__(self, name: object) -> bool:
        return name in self.current()

    def __iter__(self) -> Iterator[str]:
        return iter(self.current())

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.current()})

    def __repr__(self) -> str:
        return f"<settings: {self._default!r}>" if self._default else "<settings, not loaded>"


class _Override:
    """Values laid over the settings for the time of a block or a call."""

    def __init__(self, owner: LazySettings, values: Mapping[str, Any]) -> None:
        self._owner = owner
        self._values = values

    def __enter__(self) -> Settings:
        # The request is remembered so that an override inside one handler does not reach the requests beside it.
        self.request = current_request.get()
        self.settings = self._owner.current().replace(**self._values)
        self._owner._overrides.append(self)
        return self.settings

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner._overrides.remove(self)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isclass(function):
            raise ConfigError(f"settings.override decorates functions and methods, not the class {function.__name__}")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> Any:
                with _Override(self._owner, self._values):
                    return await function(*args, **kwargs)

            return cast("Callable[P, T]", asynchronous)

        @functools.wraps(function)
        def synchronous(*args: P.args, **kwargs: P.kwargs) -> T:
            with _Override(self._owner, self._values):
                return function(*args, **kwargs)

        return synchronous


settings = LazySettings()
"""The settings in force here; see `LazySettings`."""
