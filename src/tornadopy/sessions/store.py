"""Where sessions are kept: a cache, asked by keys that are hashes of the ids.

`tornadopy.sessions.keeping` calls it. The cache is asked for JSON, whatever it keeps for others, so that nothing is
ever unpickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

from tornadopy.exceptions import SerializationError
from tornadopy.sessions.record import SessionRecord
from tornadopy.sessions.values import Changes
from tornadopy.utils.secretids import SecretId, SecretIds

if TYPE_CHECKING:
    from tornadopy.cache.backends.base import BaseCache

DAY = 24 * 60 * 60
PREFIX = "session:"


class _Mark(Enum):
    UNCHANGED = "as the store has it"


UNCHANGED: Final = _Mark.UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """What the setting ``SESSION`` says of sessions; what it says of their cookie is not the store's concern.

    Args:
        expires: How long a session lives without being used, in seconds; 0: until the browser closes.
        ties_to_address: Whether it is for the address alone that it was begun from.
        saves_always: Whether it is written at each request that has one.
        fails_closed: Whether a store that cannot be reached is an error for the client, or an empty session.
        max_size: How many bytes of JSON a session may have.
    """

    expires: int
    ties_to_address: bool
    saves_always: bool
    fails_closed: bool
    max_size: int

    def lifetime(self, life: int | None) -> int:
        """Return how many seconds the store keeps a session that lives *life*; None: as the settings say; 0: a day."""
        return (self.expires if life is None else life) or DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What is to be written.

    Args:
        target: The id under which the session is kept.
        changes: What has changed.
        now: The time of the write, in seconds since the epoch.
        life: What `set_expire` has said since the session was loaded, if it has.
        record: The whole session, if it is new.
        max_size: How many bytes of JSON a changed session may have.
    """

    target: SecretId
    changes: Changes
    now: float
    life: int | Literal[_Mark.UNCHANGED] | None = UNCHANGED
    record: SessionRecord | None = None
    max_size: int = 0

    def __call__(self, stored: Any) -> Any:
        """Return what the store is to hold in the place of *stored*; what has been killed stays dead."""
        record = SessionRecord.read(stored)
        if record is None:
            return None
        life = record.life if self.life is UNCHANGED else self.life
        changed = record.changed(self.changes, life=life, renewed=self.now)
        if self.changes:
            changed.check_size(self.max_size)
        return changed.write()


class SessionStore:
    """Keeps sessions in a cache.

    Args:
        cache: Any cache; updates are as atomic as its own `update`.
        ids: Makes and recognises the ids.
        policy: What the settings say.

    Attributes:
        has_io: Whether asking the store means waiting, so that it must not be done on the event loop's thread.

    .. versionadded:: 2.0
    """

    def __init__(self, cache: BaseCache, ids: SecretIds, policy: SessionPolicy) -> None:
        self._cache = cache.using("json")
        self.ids = ids
        self.policy = policy
        self.has_io = cache.has_io

    def find(self, sought: SecretId) -> SessionRecord | None:
        """Return the session of that id, or None if there is none."""
        try:
            return SessionRecord.read(self._cache.get(_key(sought)))
        except SerializationError:
            return None  # what is there is not ours

    async def afind(self, sought: SecretId) -> SessionRecord | None:
        """Do what `find` does, without holding up the event loop."""
        try:
            return SessionRecord.read(await self._cache.aget(_key(sought)))
        except SerializationError:
            return None

    def write(self, order: Write, *, life: int | None) -> SessionRecord | None:
        """Carry out *order*.

        Args:
            order: What is to be written.
            life: How long the session lives, as far as its owner knows.

        Returns:
            What the store has now; None if the session has been killed.
        """
        key, seconds = _key(order.target), self.policy.lifetime(life)
        if order.record is not None:
            self._cache.set(key, order.record.write(), seconds)
            return order.record
        record = SessionRecord.read(self._cache.update(key, order, timeout=seconds))
        if record is not None and record.life != life:  # another request has changed it
            self._cache.touch(key, self.policy.lifetime(record.life))
        return record

    async def awrite(self, order: Write, *, life: int | None) -> SessionRecord | None:
        """Do what `write` does, without holding up the event loop."""
        key, seconds = _key(order.target), self.policy.lifetime(life)
        if order.record is not None:
            await self._cache.aset(key, order.record.write(), seconds)
            return order.record
        record = SessionRecord.read(await self._cache.aupdate(key, order, timeout=seconds))
        if record is not None and record.life != life:
            await self._cache.atouch(key, self.policy.lifetime(record.life))
        return record

    def take(self, doomed: SecretId) -> SessionRecord | None:
        """Delete the session of that id, and return what it was to the last; None if there is none any more."""
        taking = _Taking()
        self._cache.update(_key(doomed), taking)
        return taking.record

    async def atake(self, doomed: SecretId) -> SessionRecord | None:
        """Do what `take` does, without holding up the event loop."""
        taking = _Taking()
        await self._cache.aupdate(_key(doomed), taking)
        return taking.record


class _Taking:
    """Notes what is stored, and has it deleted; what it has noted last is what the cache has deleted."""

    record: SessionRecord | None = None

    def __call__(self, stored: Any) -> None:
        self.record = SessionRecord.read(stored)


def _key(owner: SecretId) -> str:
    return PREFIX + owner.store_key
