"""What a cache asks of Redis, in the words of redis-py; a request serves blocking and asynchronous clients alike.

`tornadopy.cache.backends.rediscache` makes requests here, and lets `tornadopy.cache.backends._redis_connections` carry
them out. Values are bytes here, lives are milliseconds: 0 deletes, None means for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

# Lua runs alone in the server. The sum is read again because a number of Lua is exact up to 2 ** 53 only.
_INCREMENT = """
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[1])
"""
_REPLACE = """
local found = redis.call('GET', KEYS[1])
if (found and '1' or '0') ~= ARGV[1] or (found and found ~= ARGV[2]) then return 0 end
if ARGV[4] == '0' then redis.call('DEL', KEYS[1])
elseif ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3])
else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
return 1
"""


class Request(NamedTuple, Generic[T]):
    """A call of a client, and what its answer means.

    Attributes:
        operation: Calls the client; given an asynchronous one, it returns what is to be awaited.
        read: Makes the result of the answer.
        reads: Whether a replica may answer.
    """

    operation: Callable[[Any], Any]
    read: Callable[[Any], T]
    reads: bool = False


def _as_it_is(answer: Any) -> Any:
    return answer


def _nothing(answer: Any) -> None:
    """Forget an answer that says no more than that the command has been carried out."""


def encode_key(key: str) -> bytes:
    """Return a key as the server has it, whatever characters it holds."""
    return key.encode("utf-8", "surrogatepass")


def is_cluster(client: Any) -> bool:
    """Whether a client is that of a Cluster, in which the keys of one command have to lie on one node."""
    return hasattr(client, "get_primaries")


def add(key: str, value: bytes, life: int | None) -> Request[bool]:
    """Store a value unless the key is there; whether it has been stored."""
    made = encode_key(key)
    if life == 0:
        return Request(lambda client: client.exists(made), lambda found: not found)
    return Request(lambda client: client.set(made, value, nx=True, px=life), bool)


def fetch(key: str) -> Request[bytes | None]:
    """Get a value, or None."""
    made = encode_key(key)
    return Request(lambda client: client.get(made), _as_it_is, reads=True)


def read_to_replace(key: str) -> Request[bytes | None]:
    """Get a value, or None, for `replace`: as the server has it that takes the writes."""
    return fetch(key)._replace(reads=False)


def exists(key: str) -> Request[bool]:
    """Whether a key is there."""
    made = encode_key(key)
    return Request(lambda client: client.exists(made), bool, reads=True)


def store(key: str, value: bytes, life: int | None) -> Request[None]:
    """Store a value."""
    made = encode_key(key)
    return Request(lambda client: _store(client, made, value, life), _nothing)


def delete(key: str) -> Request[bool]:
    """Delete a key; whether it was there."""
    made = encode_key(key)
    return Request(lambda client: client.delete(made), bool)


def touch(key: str, life: int | None) -> Request[bool]:
    """Set the rest of a value's life; whether it is there."""
    made = encode_key(key)
    if life is not None:
        return Request(lambda client: client.pexpire(made, life), bool)
    return Request(
        lambda client: client.pipeline(transaction=False).persist(made).exists(made).execute(),
        lambda answers: bool(answers[-1]),
    )


def increment(key: str, delta: int) -> Request[int | None]:
    """Add to a number; the sum, or None if the key is missing."""
    made = encode_key(key)
    return Request(
        lambda client: client.eval(_INCREMENT, 1, made, delta), lambda found: None if found is None else int(found)
    )


def replace(key: str, expected: bytes | None, value: bytes, life: int | None) -> Request[bool]:
    """Store a value if *expected* is there, or, where that is None, if nothing is; whether it has been stored."""
    made = encode_key(key)
    arguments = (int(expected is not None), expected or b"", value, "" if life is None else life)
    return Request(lambda client: client.eval(_REPLACE, 1, made, *arguments), bool)


def fetch_many(keys: Iterable[str]) -> Request[list[bytes | None]]:
    """Get the values of all keys in one round trip, with None for those that are missing."""
    made = [encode_key(key) for key in keys]
    return Request(
        lambda client: _each(client, "get", made) if is_cluster(client) else client.mget(made), list, reads=True
    )


def store_many(values: Mapping[str, bytes], life: int | None) -> Request[None]:
    """Store all values in one round trip."""
    made = {encode_key(key): value for key, value in values.items()}

    def operation(client: Any) -> Any:
        pipeline = client.pipeline(transaction=False)
        for key, value in made.items():
            _store(pipeline, key, value, life)
        return pipeline.execute()

    return Request(operation, _nothing)


def delete_many(keys: Iterable[str]) -> Request[None]:
    """Delete all keys in one round trip."""
    made = [encode_key(key) for key in keys]
    return Request(
        lambda client: _each(client, "delete", made) if is_cluster(client) else client.delete(*made), _nothing
    )


def flush() -> Request[None]:
    """Delete all keys of the database."""
    return Request(lambda client: client.flushdb(), _nothing)


def _store(client: Any, key: bytes, value: bytes, life: int | None) -> Any:
    return client.delete(key) if life == 0 else client.set(key, value, px=life)


def _each(client: Any, command: str, keys: Iterable[bytes]) -> Any:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        getattr(pipeline, command)(key)
    return pipeline.execute()
