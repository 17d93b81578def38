"""The values of a session: JSON by key, decoded when they are asked for, compared when they are saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tornadopy.utils.jsonvalues import decode_value, encode_value

Changes = Mapping[str, str | None]
"""The new JSON of each key; None where the key is gone."""


class SessionValues:
    """Values by key, and what has become of them since they were loaded.

    A value that is changed in place (a list that is appended to) counts as changed: the JSON of what has been handed
    out is compared with the JSON that was loaded. What nobody has asked for is not even decoded.

    Args:
        texts: The JSON of each value, as it was loaded.
    """

    __slots__ = ("_deleted", "_live", "_seen", "_texts")

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._live: dict[str, Any] = {}  # what has been set, or could have been changed in place
        self._seen: dict[str, Any] = {}  # what has been decoded and cannot be changed in place
        self._deleted: set[str] = set()

    def __contains__(self, key: object) -> bool:
        return key in self._live or (key in self._texts and key not in self._deleted)

    def __iter__(self) -> Iterator[str]:
        yield from [key for key in self._texts if key not in self._deleted]
        yield from [key for key in self._live if key not in self._texts]

    def __len__(self) -> int:
        return len(self._texts) - len(self._deleted) + sum(key not in self._texts for key in self._live)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, the same object each time."""
        if key in self._live:
            return self._live[key]
        if key not in self:
            return default
        if key not in self._seen:
            value = decode_value(self._texts[key])
            (self._live if isinstance(value, (list, dict)) else self._seen)[key] = value
            return value
        return self._seen[key]

    def set(self, key: str, value: Any) -> None:
        """Set the value of *key*.

        Raises:
            TypeError: The key is no text, or the value cannot be kept.
        """
        if not isinstance(key, str):
            raise TypeError(f"session[{key!r}]: the keys of a session are text")
        if not key.isascii():
            encode_value(_name(key), key)
        encode_value(_name(key), value)
        self._live[key] = value
        self._deleted.discard(key)

    def delete(self, key: str) -> None:
        """Delete *key*, if it is there."""
        self._live.pop(key, None)
        if key in self._texts:
            self._deleted.add(key)

    def clear(self) -> None:
        """Delete all keys."""
        self._live.clear()
        self._deleted.update(self._texts)

    def changes(self) -> Changes:
        """Return what differs from what was loaded.

        Raises:
            TypeError: A value has been changed into one that cannot be kept; the message names its key.
        """
        now = {key: encode_value(_name(key), value) for key, value in self._live.items()}
        changed: dict[str, str | None] = {key: text for key, text in now.items() if text != self._texts.get(key)}
        return {**changed, **dict.fromkeys(self._deleted)}

    def saved(self, changes: Changes) -> None:
        """Take note that the store has *changes* now."""
        self._texts = apply_changes(self._texts, changes)
        self._seen.clear()
        self._deleted = {key for key in self._deleted if key in self._texts}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self)} keys>"


def apply_changes(texts: Mapping[str, str], changes: Changes) -> dict[str, str]:
    """Return *texts* with *changes* applied."""
    merged = {key: changes.get(key, text) for key, text in {**texts, **changes}.items()}
    return {key: text for key, text in merged.items() if text is not None}


def _name(key: str) -> str:
    return f"session[{key!r}]"
