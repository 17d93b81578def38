"""What a store keeps of a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from tornadopy.exceptions import SessionError
from tornadopy.sessions.values import Changes, apply_changes

_KEYS = frozenset({"values", "address", "life", "renewed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as it lies in the store.

    Args:
        texts: The JSON of each value.
        address: The client's address, if the session is tied to it.
        life: What `set_expire` said, in seconds; None: what the settings say.
        renewed: When it was last written, in seconds since the epoch.
    """

    texts: Mapping[str, str]
    address: str | None
    life: int | None
    renewed: float

    @classmethod
    def read(cls, stored: Any) -> Self | None:
        """Return the record that *stored* is; None if it is missing, or was not written by `write`."""
        if not isinstance(stored, dict) or stored.keys() != _KEYS:
            return None
        texts, life, renewed = stored["values"], stored["life"], stored["renewed"]
        if not isinstance(texts, dict) or not isinstance(life, int | None) or not isinstance(renewed, (int, float)):
            return None
        return cls(texts=texts, address=stored["address"], life=life, renewed=renewed)

    def write(self) -> dict[str, Any]:
        """Return what the store keeps, as values of JSON."""
        return {"values": dict(self.texts), "address": self.address, "life": self.life, "renewed": self.renewed}

    def changed(self, changes: Changes, *, life: int | None, renewed: float) -> Self:
        """Return the record with *changes* applied and written anew."""
        return replace(self, texts=apply_changes(self.texts, changes), life=life, renewed=renewed)

    def check_size(self, maximum: int) -> None:
        """Refuse more than *maximum* bytes of JSON.

        Raises:
            SessionError: There are more.
        """
        # PERF: characters first; a session that is small in any encoding need not be encoded to be counted.
        if sum(len(key) + len(text) for key, text in self.texts.items()) * 4 <= maximum:
            return
        size = sum(len(key.encode()) + len(text.encode()) for key, text in self.texts.items())
        if size > maximum:
            largest = max(self.texts, key=lambda key: len(self.texts[key]))
            raise SessionError(
                f"the session would have {size:,} bytes of JSON, and SESSION.max_size allows {maximum:,}; the largest "
                f"value is that of {largest!r}: keep it elsewhere (database, cache) and its key here, or raise the "
                "limit"
            )
