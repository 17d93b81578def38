"""A session's way from its store and back: loaded once, written if changed, its id made, changed and killed.

`tornadopy.sessions.session` shows users the values; this is what the middleware calls.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping
from typing import NamedTuple

from tornadopy.exceptions import ArgumentError, CacheConnectionError, HttpUnavailableError, SessionError
from tornadopy.sessions.record import SessionRecord
from tornadopy.sessions.store import UNCHANGED, SessionStore, Write
from tornadopy.sessions.values import SessionValues, apply_changes
from tornadopy.utils.secretids import SecretId

LONGEST_LIFE = 100 * 365 * 24 * 60 * 60
"""Seconds; dates beyond it do not fit into a cookie."""

_log = logging.getLogger("tornadopy.tracelog")


class CookieOrder(NamedTuple):
    """What is to become of the client's cookie.

    Args:
        owner: The id that it is to hold; None: it is to be deleted.
        max_age: How long the client keeps it, in seconds; 0: until the browser closes.
    """

    owner: SecretId | None
    max_age: int


class SessionKeeping:
    """The part of a session that the store and the middleware deal with.

    Args:
        store: Where it is kept.
        presented: The id that the client has, if it has one that could be known.
        address: The client's address.

    Attributes:
        is_loaded: Whether the store has been asked.
        is_used: Whether somebody has looked at the values, so that the answer may depend on them.

    .. versionadded:: 2.0
    """

    def __init__(self, store: SessionStore, presented: SecretId | None, address: str) -> None:
        self._store = store
        self._address = address
        self._owner = presented
        self._values = SessionValues({})
        self._life: int | None = None
        self._saved_life: int | None = None
        self._renewed = 0.0
        self._base: Mapping[str, str] = {}  # what a new id inherits
        self._partings: list[asyncio.Task[SessionRecord | None]] = []
        self._inheritance: asyncio.Task[SessionRecord | None] | None = None
        self._turn = asyncio.Lock()
        self._cookie: CookieOrder | None = None
        self._failure: CacheConnectionError | None = None
        self._is_written = False
        self._is_unknown = False  # the store could not say what it has
        self._is_lost = False  # nothing can be saved any more
        self._is_sealed = False  # the client cannot be told of another id any more
        self.is_loaded = presented is None
        self.is_used = False

    # In

    async def load(self, *, fresh: bool = False) -> None:
        """Ask the store for the values, unless they are loaded.

        Needed where the middleware does not do it: in a handler with ``session_prefetch = False`` on a store with I/O.

        Args:
            fresh: Ask again, and drop what has been changed and not saved.
        """
        async with self._turn:  # what one who loads has changed since must not be dropped by another who loads
            owner = self._owner
            if owner is None or (self.is_loaded and not fresh):
                return
            try:
                record = await self._store.afind(owner)
            except CacheConnectionError as error:
                self.is_loaded = self._is_unknown = True
                self._values = SessionValues({})
                self._note_failure(error)
            else:
                self._take(record)

    def _use(self) -> SessionValues:
        """Return the values; those in this process are loaded when they are first asked for."""
        if not self.is_loaded and self._owner is not None:
            if self._store.has_io:
                raise SessionError(
                    "the session is not loaded, and its store must not be waited for here: write 'await "
                    "self.session.load()' first, or leave session_prefetch at True; a middleware that uses the session "
                    "comes after SessionMiddleware in MIDDLEWARE_CLASSES"
                )
            self._take(self._store.find(self._owner))
        if self._failure is not None and self._store.policy.fails_closed:
            raise HttpUnavailableError from self._failure
        self.is_used = True
        return self._values

    def _take(self, record: SessionRecord | None) -> None:
        """Take what the store has; what is unknown or another address's is left alone, and its id is not adopted."""
        if record is None or (self._store.policy.ties_to_address and record.address != self._address):
            self._owner = record = None
        self.is_loaded = True
        self._is_unknown = self._is_lost = False
        self._failure = None
        self._values = SessionValues({} if record is None else record.texts)
        self._life = self._saved_life = None if record is None else record.life
        self._renewed = 0.0 if record is None else record.renewed

    # The id and the life

    def cycle_id(self) -> None:
        """Keep the values under a new id, and kill the old one at once; each login should do so.

        Raises:
            SessionError: The headers have been sent, so that the client could not be told.
        """
        self._use()
        self._refuse_if_sealed("its id cannot change")
        self._part(inherits=True)

    def flush(self) -> None:
        """Forget all values, and kill the id at once; each logout should do so."""
        self._use()
        self._values = SessionValues({})
        self._life = self._saved_life = self._inheritance = None
        self._base = {}
        self._part(inherits=False)

    def set_expire(self, seconds: int) -> None:
        """Let the session live *seconds* from its last use, whatever the settings say.

        Args:
            seconds: 0: until the browser closes.

        Raises:
            ArgumentError: That is no number of seconds.
            SessionError: The headers have been sent, so that the client could not be told.
        """
        if type(seconds) is not int or not 0 <= seconds <= LONGEST_LIFE:
            raise ArgumentError(
                f"set_expire({seconds!r}): expected whole seconds, from 0 (until the browser closes) to {LONGEST_LIFE}"
            )
        self._use()
        self._refuse_if_sealed("its life cannot change")
        self._life = seconds

    def _part(self, *, inherits: bool) -> None:
        """Take the session out of the store at once, if it is there.

        Args:
            inherits: Whether a new id gets what it was to the last, which other requests may have changed meanwhile.
        """
        owner = self._owner
        if owner is None or self._is_unknown:
            return
        self._owner = None
        self._cookie = CookieOrder(None, 0)
        if self._store.has_io and _is_in_event_loop():
            parting = asyncio.get_running_loop().create_task(self._store.atake(owner))
            self._partings.append(parting)
            self._inheritance = parting if inherits else None
            return
        try:
            record = self._store.take(owner)
        except CacheConnectionError as error:
            self._is_lost = True
            self._fail(error)
        else:
            self._base = record.texts if inherits and record is not None else {}

    def _refuse_if_sealed(self, consequence: str) -> None:
        if self._is_sealed:
            raise SessionError(
                f"the headers have been sent, so {consequence}: the client could not be given a cookie; use the "
                "session before flush() and finish(), and in a WebSocket before the handshake is through"
            )

    # Out

    async def save(self) -> None:
        """Write what has changed now, and not only when the response goes out: in a WebSocket, or in long work.

        Raises:
            TypeError: A value cannot be kept; the message names its key.
            SessionError: The session is too large.
            HttpUnavailableError: The store cannot be reached, and ``SESSION.fail_closed`` is on.
        """
        async with self._turn:
            try:
                await self._await_partings()
                order = self._order()
                if order is not None:
                    self._take_result(order, await self._store.awrite(order, life=self._life))
            except CacheConnectionError as error:
                self._fail(error)
            else:
                self._failure = None if not self._is_unknown else self._failure

    def conclude(self) -> Awaitable[None] | None:
        """Save what has changed; return what is to be awaited for that, if anything.

        Raises what `save` raises, once: what could not be saved now is not tried again.
        """
        try:
            order = self._order() if self._failure is None else None
            if order is not None and not self._store.has_io:
                self._take_result(order, self._store.write(order, life=self._life))
                return None
        except Exception:
            self._is_lost = True
            raise
        return self._save_once() if order is not None or self._partings else None

    async def _save_once(self) -> None:
        try:
            await self.save()
        except Exception:
            self._is_lost = True
            raise

    def seal(self) -> CookieOrder | None:
        """Take note that the headers go out now; return what they are to do with the client's cookie, if anything."""
        self._is_sealed = True
        cookie, self._cookie = self._cookie, None
        return cookie

    def close(self) -> Awaitable[None] | None:
        """Save what has changed since the headers went out; return what is to be awaited for that, if anything."""
        self._is_sealed = True
        return self.conclude()

    def _order(self) -> Write | None:
        """Return what is to be written, if anything is."""
        if self._is_unknown or self._is_lost or not self.is_loaded:
            return None
        now = time.time()
        if self._owner is None:
            return self._creation(now)
        changes = self._values.changes()
        if changes or self._life != self._saved_life or self._is_to_be_renewed(now):
            life = UNCHANGED if self._life == self._saved_life else self._life
            maximum = self._store.policy.max_size
            return Write(target=self._owner, changes=changes, now=now, life=life, max_size=maximum)
        return None

    def _creation(self, now: float) -> Write | None:
        changes = self._values.changes()
        texts = apply_changes(self._base, changes)
        if self._is_sealed or not texts:
            return None
        policy = self._store.policy
        address = self._address if policy.ties_to_address else None
        record = SessionRecord(texts=texts, address=address, life=self._life, renewed=now)
        record.check_size(policy.max_size)
        return Write(target=self._store.ids.create(), record=record, changes=changes, now=now)

    def _is_to_be_renewed(self, now: float) -> bool:
        policy = self._store.policy
        if policy.saves_always and not self._is_written:
            return True
        return self.is_used and now - self._renewed > policy.lifetime(self._life) / 2

    def _take_result(self, order: Write, record: SessionRecord | None) -> None:
        """Take note of what the store has now; None: somebody has killed the session while we had it."""
        if record is None:
            self._is_lost = True
            return
        max_age = self._store.policy.expires if record.life is None else record.life
        if order.record is not None or max_age or record.life != self._saved_life:
            self._cookie = CookieOrder(order.target, max_age)
        self._is_written = True
        self._owner = order.target
        self._values.saved(order.changes)
        self._base = {}
        self._life = self._saved_life = record.life
        self._renewed = order.now

    async def _await_partings(self) -> None:
        """Wait until the old ids are dead, and take over what they leave."""
        partings = self._partings[:]
        if not partings:
            return
        await asyncio.wait(partings)  # they go on if the one who waits is cancelled, and are waited for again
        del self._partings[: len(partings)]
        errors = [error for parting in partings if (error := parting.exception()) is not None]
        if errors:
            raise errors[0]
        if self._inheritance is not None:
            record = self._inheritance.result()
            self._base = {} if record is None else record.texts
            self._inheritance = None

    def _fail(self, error: CacheConnectionError) -> None:
        """Take note that something could not be written; where it is asked for, the client must be told."""
        self._cookie = None
        self._note_failure(error)
        if self._store.policy.fails_closed and not self._is_sealed:
            raise HttpUnavailableError from error

    def _note_failure(self, error: CacheConnectionError) -> None:
        if self._failure is None:
            _log.error("the session goes on empty, and nothing of it is saved: %s", error)
        self._failure = error


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
