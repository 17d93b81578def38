"""What is computed or imported when it is first needed."""

from __future__ import annotations

import importlib
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tornadopy.exceptions import ArgumentError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["cached_property", "lazyimport"]


class LazyModule:
    """A module that is imported when one of its attributes is first used; made by `lazyimport`."""

    __slots__ = ("__module_name",)

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_LazyModule__module_name", name)

    def __load(self) -> ModuleType:
        name = self.__module_name
        try:
            return importlib.import_module(name)
        except ImportError as exc:
            raise ImportError(f"lazyimport({name!r}): cannot import it: {exc}", name=exc.name, path=exc.path) from exc

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__load(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__load(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.__load(), name)

    def __dir__(self) -> list[str]:
        return dir(self.__load())

    def __repr__(self) -> str:
        state = "" if self.__module_name in sys.modules else ", not imported yet"
        return f"<lazy module {self.__module_name!r}{state}>"


def lazyimport(name: str) -> Any:
    """Return a stand-in for the module *name*, which is imported when it is first used.

    ::

        numpy = lazyimport("numpy")  # costs nothing
        numpy.array([1, 2])  # imports it

    Args:
        name: The module's dotted name.

    Raises:
        ArgumentError: *name* is not an absolute dotted name.
        ImportError: At the first use: the module cannot be imported; the message names it and the cause.

    .. versionadded:: 2.0
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise ArgumentError(f"lazyimport({name!r}): expected a module's dotted name, such as 'package.module'")
    return LazyModule(name)
