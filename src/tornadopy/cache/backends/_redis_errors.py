"""What redis-py raises, as errors of tornadopy that say what is wrong and what to do.

`tornadopy.cache.backends._redis_connections` calls this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from redis import exceptions

from tornadopy.exceptions import ArgumentError, CacheConnectionError, TornadopyError
from tornadopy.utils.masking import mask_text

DRIVER_ERRORS = (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError)
"""All that redis-py raises when a server cannot be reached, or refuses a command."""

_SHOWN = 200
_IN_PIPELINE = re.compile(r"Command # [0-9]+ \(.*\) of pipeline caused error: ")
_CLIENTS = re.compile(r" : <redis\..*")
_NO_NUMBER = ("is not an integer", "would overflow")
_COUNTING = "Redis counts with whole numbers of 64 bits, and either the value or the step is none"

_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.BusyLoadingError, "is still loading its data; try again when it is done"),
    (
        exceptions.OutOfMemoryError,
        "has no memory left for a write; raise its maxmemory, or set a maxmemory-policy that evicts",
    ),
    (
        exceptions.ReadOnlyError,
        "is a replica and takes no writes; name its primary first in LOCATION, or ask Sentinels for it",
    ),
    (exceptions.MasterDownError, "has lost its primary, and does not serve stale data"),
    (exceptions.ClusterDownError, "has lost a part of its slots; see CLUSTER INFO of its nodes"),
    (exceptions.AuthenticationError, "refuses the user name or password; see OPTIONS.USERNAME and OPTIONS.PASSWORD"),
    (
        exceptions.NoPermissionError,
        "does not permit the command to the user; see OPTIONS.USERNAME, and the server's ACL LIST",
    ),
)
# By the word that the answer begins with; the others have a class of their own, and have lost their word.
_BY_WORD: Mapping[str, str] = {
    "MISCONF": "refuses writes because it cannot save to its disk; look into its log, and make room there",
    "WRONGTYPE": "holds no value of a cache under this key; keep other things in another database",
    "BUSY": "is busy with a script; end that with SCRIPT KILL",
}


def translate(exc: BaseException, place: str, seconds: float | None) -> TornadopyError:
    """Return the error that takes the place of *exc*.

    Args:
        exc: What redis-py has raised.
        place: The server, as messages call it.
        seconds: How long an answer may take.

    Returns:
        A `CacheConnectionError`; an `ArgumentError`, if Redis was to count with what is no number.
    """
    if isinstance(exc, exceptions.ResponseError) and any(words in str(exc) for words in _NO_NUMBER):
        return ArgumentError(_COUNTING)
    if isinstance(exc, exceptions.DataError):  # of all that a cache sends, only the step of a count may be of any type
        return ArgumentError(_COUNTING)
    return CacheConnectionError(f"Redis at {place} {_explain(exc, seconds)}")


def _explain(exc: BaseException, seconds: float | None) -> str:
    if isinstance(exc, (TimeoutError, exceptions.TimeoutError)):
        return f"has not answered within {seconds:g} s; is it overloaded, or stopped?" if seconds else "has timed out"
    for kind, meaning in _BY_CLASS:
        if isinstance(exc, kind):
            return meaning
    # SECURITY: what has been sent is taken out, for it is the value of an entry, and what the clients are told.
    text = _CLIENTS.sub("", _IN_PIPELINE.sub("", " ".join(mask_text(str(exc)).split())))[:_SHOWN]
    if isinstance(exc, exceptions.ResponseError):
        return _BY_WORD.get(text.partition(" ")[0], f"has refused the command: {text}")
    if isinstance(exc, exceptions.MaxConnectionsError) or "max number of clients" in text:
        return f"takes no more connections ({text}); raise its maxclients, or max_connections in OPTIONS.POOL_KWARGS"
    return f"cannot be reached: {text or type(exc).__name__}; is it running, and is LOCATION right?"
