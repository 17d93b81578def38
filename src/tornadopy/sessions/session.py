"""The session as handlers see it: a dictionary that is kept between requests."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from tornadopy.sessions.keeping import SessionKeeping


class Session(SessionKeeping, MutableMapping[str, Any]):
    """What a site remembers of a client: values of JSON by keys of text.

    ::

        self.session["userid"] = 7
        self.session["cart"].append("apple")  # what is changed in place is noticed

    It differs from a dictionary in that a missing key reads as None, and deleting it does nothing.

    .. versionadded:: 2.0
    """

    def __getitem__(self, key: str) -> Any:
        return self._use().get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        """Set the value of *key*.

        Raises:
            TypeError: The value is none of JSON; the message names the key.
            SessionError: The headers have been sent, and the client has no session yet.
        """
        values = self._use()
        if self._owner is None:
            self._refuse_if_sealed("no session can begin")
        values.set(key, value)

    def __delitem__(self, key: str) -> None:
        self._use().delete(key)

    def __contains__(self, key: object) -> bool:
        return key in self._use()

    def __iter__(self) -> Iterator[str]:
        return iter(self._use())

    def __len__(self) -> int:
        return len(self._use())

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, or *default* if it is missing."""
        return self._use().get(key, default)

    def pop(self, key: str, default: Any = None) -> Any:
        """Delete *key* and return its value, or *default* if it is missing."""
        value = self.get(key, default)
        del self[key]
        return value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, after setting it to *default* if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Delete all keys; the id stays. `flush` kills it, too."""
        self._use().clear()

    @property
    def is_new(self) -> bool:
        """Whether the client has no session yet."""
        self._use()
        return self._owner is None or self._is_unknown

    @property
    def is_empty(self) -> bool:
        """Whether there are no values."""
        return not len(self)

    def __repr__(self) -> str:
        # SECURITY: neither the id nor the values: this ends up in logs and on error pages.
        state = f"{len(self._values)} keys" if self.is_loaded else "not loaded"
        return f"<{type(self).__name__}, {state}>"
