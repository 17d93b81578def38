"""Where tokens are kept: a cache, asked by keys that are hashes of the ids; and a list of tokens for each user.

`tornadopy.tokens.token` calls it. A token is written before it is listed and deleted before it is struck off, so that
whatever breaks off in between, no token that works is missing from its user's list.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from tornadopy.exceptions import SerializationError
from tornadopy.tokens.index import Listing, Striking, read_index
from tornadopy.utils.secretids import SecretId, SecretIds

if TYPE_CHECKING:
    from tornadopy.cache.backends.base import BaseCache

USER = "userID"
TokenData = dict[str, Any]

_KEYS = frozenset({"data", "address"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """What the setting ``TOKEN`` says.

    Args:
        timeout: How long a token works, in seconds.
        ties_to_address: Whether it works for the address alone that it was given to.
        fails_closed: Whether a store that cannot be reached is an error for the client, or means nobody.
        per_user: How many tokens a user may have; a further one costs him the oldest.
        max_size: How many bytes of JSON the data of a token may have.
    """

    timeout: int
    ties_to_address: bool
    fails_closed: bool
    per_user: int
    max_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """A token as its user may see it in a list; the token itself is known to its holder alone.

    Args:
        handle: What `Token.arevoke` calls it.
        created: When it was given out, in seconds since the epoch.
        expires: When it ceases to work.
        data: What was saved with it.
    """

    handle: str
    created: float
    expires: float
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token to be stored.

    Args:
        owner: Its id.
        record: What the store keeps.
        listing: Puts it on its user's list.
        index: The key of that list; None: it is nobody's.
    """

    owner: SecretId
    record: Mapping[str, Any]
    listing: Listing
    index: str | None


class TokenStore:
    """Keeps tokens in a cache.

    Args:
        cache: Any cache; the lists are as reliable as its own `update`.
        ids: Makes and recognises the ids.
        policy: What the settings say.

    Attributes:
        has_io: Whether asking the store means waiting, so that it must not be done on the event loop's thread.

    .. versionadded:: 2.0
    """

    def __init__(self, cache: BaseCache, ids: SecretIds, policy: TokenPolicy) -> None:
        self._cache = cache.using("json")
        self.ids = ids
        self.policy = policy
        self.has_io = cache.has_io

    def find(self, sought: SecretId, address: str) -> TokenData | None:
        """Return the data of a token; None if there is none, or it is not for *address*."""
        try:
            return self._read(self._cache.get(_token_key(sought.store_key)), address)
        except SerializationError:
            return None  # what is there is not ours

    async def afind(self, sought: SecretId, address: str) -> TokenData | None:
        """Do what `find` does, without holding up the event loop."""
        try:
            return self._read(await self._cache.aget(_token_key(sought.store_key)), address)
        except SerializationError:
            return None

    def create(self, token_data: TokenData, address: str) -> SecretId:
        """Store a new token for *address* and return its id."""
        new = self._prepare(token_data, address)
        self._cache.set(_token_key(new.owner.store_key), new.record, self.policy.timeout)
        if new.index is not None:
            listed = self._cache.update(new.index, new.listing, timeout=self.policy.timeout)
            surplus = new.listing.surplus(listed, self.policy.per_user)
            if surplus:
                self._cache.delete_many([_token_key(handle) for handle in surplus])
                self._cache.update(new.index, self._striking(surplus), timeout=self.policy.timeout)
        return new.owner

    async def acreate(self, token_data: TokenData, address: str) -> SecretId:
        """Do what `create` does, without holding up the event loop."""
        new = self._prepare(token_data, address)
        await self._cache.aset(_token_key(new.owner.store_key), new.record, self.policy.timeout)
        if new.index is not None:
            listed = await self._cache.aupdate(new.index, new.listing, timeout=self.policy.timeout)
            surplus = new.listing.surplus(listed, self.policy.per_user)
            if surplus:
                await self._adelete(new.index, surplus)
        return new.owner

    def delete(self, doomed: SecretId, user: object) -> None:
        """Delete a token of *user*."""
        self._cache.delete(_token_key(doomed.store_key))
        if user is not None:
            striking = self._striking([doomed.store_key])
            self._cache.update(self._index_key(user), striking, timeout=self.policy.timeout)

    async def adelete(self, handles: Iterable[str], user: object) -> None:
        """Delete tokens of *user* by their handles, without holding up the event loop."""
        doomed = list(handles)
        if user is not None:
            await self._adelete(self._index_key(user), doomed)
        else:
            await self._cache.adelete_many([_token_key(handle) for handle in doomed])

    async def alist(self, user: object) -> list[TokenEntry]:
        """Return the tokens of *user* that work, the oldest first."""
        index = read_index(await self._cache.aget(self._index_key(user)), now=time.time())
        found = await self._cache.aget_many([_token_key(handle) for handle in index])
        return [
            TokenEntry(handle=handle, created=created, expires=expires, data=record["data"])
            for handle, (created, expires) in index.items()
            if _is_record(record := found.get(_token_key(handle)))
        ]

    async def _adelete(self, index: str, handles: list[str]) -> None:
        await self._cache.adelete_many([_token_key(handle) for handle in handles])
        await self._cache.aupdate(index, self._striking(handles), timeout=self.policy.timeout)

    def _prepare(self, token_data: TokenData, address: str) -> NewToken:
        owner, now = self.ids.create(), time.time()
        user = token_data.get(USER)
        return NewToken(
            owner=owner,
            record={"data": token_data, "address": address if self.policy.ties_to_address else None},
            listing=Listing(handle=owner.store_key, created=now, expires=now + self.policy.timeout),
            index=None if user is None else self._index_key(user),
        )

    def _read(self, stored: Any, address: str) -> TokenData | None:
        if not _is_record(stored) or (self.policy.ties_to_address and stored["address"] != address):
            return None
        return dict(stored["data"])

    def _index_key(self, user: object) -> str:
        return f"tokens:{self.ids.hash(str(user))}"

    def _striking(self, handles: Iterable[str]) -> Striking:
        return Striking(handles=frozenset(handles), now=time.time())


def _token_key(handle: str) -> str:
    return f"token:{handle}"


def _is_record(stored: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(stored, dict) and stored.keys() == _KEYS and isinstance(stored["data"], dict)
