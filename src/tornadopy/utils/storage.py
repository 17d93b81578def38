"""A dictionary whose keys can be read and written as attributes, as web.py has it.

See https://webpy.org/docs/0.3/api#web.utils
"""

from __future__ import annotations

from typing import Any

__all__ = ["Storage", "storage"]


class Storage(dict[str, Any]):
    """A dictionary with attribute access: ``s.a`` is ``s["a"]``.

    A missing key is an `AttributeError` when it is read or deleted as an attribute, a `KeyError` as a key. A key with
    the name of a dictionary's method, such as ``items``, can only be read as a key.

    .. versionadded:: 2.0
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this storage has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"this storage has no {name!r}") from None

    def __repr__(self) -> str:
        return f"<Storage {super().__repr__()}>"

    def copy(self) -> Storage:
        """Return a shallow copy."""
        return type(self)(self)


storage = Storage
"""The seed's name of `Storage`: ``storage(mapping)``, ``storage(a=1)``."""
