"""Attributes that are made when somebody asks for them. Used by requests and handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Lazy:
    """An attribute that is made when it is first asked for, and may be set.

    PERF: with ``__getattr__`` every other attribute of the object would be slow to read, too; so they are once somebody
    has had its ``__dict__``, such as `functools.cached_property`.

    Args:
        make: Makes it for an object.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        value = self._make(instance)
        setattr(instance, self._name, value)
        return value
