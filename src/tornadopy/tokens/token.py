"""The token of a request as handlers see it, and the giving out and revoking of tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from tornadopy.exceptions import ArgumentError, CacheConnectionError, HttpUnavailableError, TokenError
from tornadopy.tokens.store import USER, TokenData, TokenEntry, TokenStore
from tornadopy.utils.jsonvalues import encode_value
from tornadopy.utils.secretids import SecretId

USER_NAME = "userName"

_log = logging.getLogger("tornadopy.tracelog")


class Token:
    """The token that a request presents.

    Who has none, or one that is unknown, expired, forged or another address's, is nobody.

    The synchronous methods `save`, `fetch` and `expire` hold up the event loop while they wait for a store with I/O;
    the coroutines beside them do not.

    Args:
        store: Where tokens are kept.
        presented: The id that the client shows, if it can be one.
        address: The client's address.
        is_presented: Whether it shows anything.

    Attributes:
        is_loaded: Whether the store has been asked.
        is_presented: Whether the client shows a token, good or bad.

    .. versionadded:: 2.0
    """

    def __init__(self, store: TokenStore, presented: SecretId | None, address: str, *, is_presented: bool) -> None:
        self._store = store
        self._owner = presented
        self._address = address
        self._data: TokenData = {}
        self._failure: CacheConnectionError | None = None
        self.is_loaded = presented is None
        self.is_presented = is_presented

    # Whose it is

    async def load(self) -> None:
        """Ask the store whose the token is, unless it has been asked.

        Needed where the middleware does not do it: in a handler with ``token_prefetch = False`` on a store with I/O.
        """
        if not self.is_loaded and self._owner is not None:
            self._data = await self._afind(self._owner)
            self.is_loaded = True

    def get_current_user(self) -> Any:
        """Return the ``userID`` that was saved with the token; None for nobody."""
        return self._use().get(USER)

    def get_current_user_name(self) -> Any:
        """Return the ``userName`` that was saved with the token; None for nobody."""
        return self._use().get(USER_NAME)

    def get_current_parameter(self, name: str, default: Any = None) -> Any:
        """Return what was saved under *name* with the token, or *default*."""
        return self._use().get(name, default)

    def _use(self) -> TokenData:
        """Return the token's data; those in this process are loaded when they are first asked for."""
        if not self.is_loaded and self._owner is not None:
            if self._store.has_io:
                raise TokenError(
                    "the token is not loaded, and its store must not be waited for here: write 'await "
                    "self.token.load()' first, or leave token_prefetch at True; a middleware that uses the token comes "
                    "after TokenMiddleware in MIDDLEWARE_CLASSES"
                )
            self._data = self._find(self._owner)
            self.is_loaded = True
        if self._failure is not None and self._store.policy.fails_closed:
            raise HttpUnavailableError from self._failure
        return self._data

    # Giving out and looking up

    def save(self, token_data: Mapping[str, Any]) -> str:
        """Store a new token and return it; the client shows it with its later requests.

        Args:
            token_data: Values of JSON; ``userID`` says whose the token is.

        Raises:
            ArgumentError: They are too large.
            TypeError: They are none of JSON; the message names the key.
            CacheConnectionError: The store cannot be reached.
        """
        return self._store.create(self._checked(token_data), self._address).text

    async def asave(self, token_data: Mapping[str, Any]) -> str:
        """Do what `save` does, without holding up the event loop."""
        return (await self._store.acreate(self._checked(token_data), self._address)).text

    def fetch(self, token_id: str) -> TokenData:
        """Return what was saved with the token *token_id*; an empty dictionary if it does not work."""
        sought = self._store.ids.parse(token_id)
        return {} if sought is None else self._find(sought)

    async def afetch(self, token_id: str) -> TokenData:
        """Do what `fetch` does, without holding up the event loop."""
        sought = self._store.ids.parse(token_id)
        return {} if sought is None else await self._afind(sought)

    # Revoking

    def expire(self, token_id: str | None = None) -> bool:
        """Let a token work no longer.

        Args:
            token_id: The token; None: the one that the request presents.

        Returns:
            Whether it has worked so far.

        Raises:
            CacheConnectionError: The store cannot be reached.
        """
        doomed = self._owner if token_id is None else self._store.ids.parse(token_id)
        found = None if doomed is None else self._store.find(doomed, self._address)
        if doomed is None or found is None:
            return False
        self._store.delete(doomed, found.get(USER))
        self._forget({doomed.store_key})
        return True

    async def aexpire(self, token_id: str | None = None) -> bool:
        """Do what `expire` does, without holding up the event loop."""
        doomed = self._owner if token_id is None else self._store.ids.parse(token_id)
        found = None if doomed is None else await self._store.afind(doomed, self._address)
        if doomed is None or found is None:
            return False
        await self._store.adelete([doomed.store_key], found.get(USER))
        self._forget({doomed.store_key})
        return True

    async def alist(self, user_id: object = None) -> list[TokenEntry]:
        """Return the tokens of a user that work, the oldest first.

        Args:
            user_id: The user; None: the one whose token the request presents.

        Raises:
            CacheConnectionError: The store cannot be reached.
        """
        user = self._user(user_id)
        return [] if user is None else await self._store.alist(user)

    async def arevoke(self, handle: str, user_id: object = None) -> bool:
        """Let one token of a user work no longer.

        Args:
            handle: Which, by its `TokenEntry`.
            user_id: As for `alist`.

        Returns:
            Whether it was one of this user's.
        """
        return await self._revoke(user_id, lambda each: each == handle) > 0

    async def arevoke_all(self, user_id: object = None, *, keep_current: bool = False) -> int:
        """Let no token of a user work any longer: log him out everywhere.

        Args:
            user_id: As for `alist`.
            keep_current: Whether the token that the request presents goes on working.

        Returns:
            How many there were.
        """
        kept = self._owner.store_key if keep_current and self._owner is not None else None
        return await self._revoke(user_id, lambda each: each != kept)

    async def _revoke(self, user_id: object, is_meant: Callable[[str], bool]) -> int:
        user = self._user(user_id)
        doomed = {each.handle for each in await self.alist(user_id) if is_meant(each.handle)}
        if doomed:
            await self._store.adelete(doomed, user)
            self._forget(doomed)
        return len(doomed)

    def _user(self, user_id: object) -> Any:
        if user_id is not None:
            return user_id
        user = self.get_current_user()
        if user is None and self._failure is not None:  # who this is must not be told that all has been revoked
            raise CacheConnectionError(str(self._failure)) from self._failure
        return user

    def _forget(self, handles: set[str]) -> None:
        if self._owner is not None and self._owner.store_key in handles:
            self._owner, self._data, self.is_loaded = None, {}, True

    # The store

    def _find(self, sought: SecretId) -> TokenData:
        try:
            return self._store.find(sought, self._address) or {}
        except CacheConnectionError as error:
            return self._note_failure(error)

    async def _afind(self, sought: SecretId) -> TokenData:
        try:
            return await self._store.afind(sought, self._address) or {}
        except CacheConnectionError as error:
            return self._note_failure(error)

    def _note_failure(self, error: CacheConnectionError) -> TokenData:
        if self._failure is None:
            _log.error("the token counts as nobody's: %s", error)
        self._failure = error
        return {}

    def _checked(self, token_data: Mapping[str, Any]) -> TokenData:
        size = sum(len(encode_value(f"token[{key!r}]", {key: each}).encode()) for key, each in token_data.items())
        if size > self._store.policy.max_size:
            raise ArgumentError(
                f"the data of a token would have {size:,} bytes of JSON, and TOKEN.max_size allows "
                f"{self._store.policy.max_size:,}; keep them elsewhere and their key here, or raise the limit"
            )
        return dict(token_data)

    def __repr__(self) -> str:
        # SECURITY: no id: this ends up in logs and on error pages.
        state = "nobody's" if self._owner is None else "presented"
        return f"<{type(self).__name__}, {state}>"
