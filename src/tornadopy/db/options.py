"""``SQLALCHEMY_CONFIGURATION``: which of its options an engine can have, and what else an engine of ours has.

Called by `tornadopy.db.configuration`. SQLAlchemy itself tells which options a dialect and a pool take.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Engine, pool, util

from tornadopy.conf.values import thaw
from tornadopy.db.pool import NeverOnTheLoopPool
from tornadopy.exceptions import ConfigError
from tornadopy.utils.imports import import_setting
from tornadopy.utils.suggest import nearest

__all__ = ["Options", "engine_options"]

SETTING = "SQLALCHEMY_CONFIGURATION"
PREFIX = "sqlalchemy."

DROPPED = frozenset(
    {
        "case_sensitive", "convert_unicode", "empty_in_strategy", "encoding", "implicit_returning", "listeners",
        "pool_threadlocal", "server_side_cursors", "strategy", "use_native_unicode",
    }
)  # fmt: skip
"""Options of earlier versions of SQLAlchemy."""

_ALWAYS = frozenset({"connect_args", "creator", "enable_from_linting", "module", "plugins", "poolclass"})
_POOL_NAMES = MappingProxyType(
    {
        "echo": "echo_pool",
        "logging_name": "pool_logging_name",
        "pre_ping": "pool_pre_ping",
        "recycle": "pool_recycle",
        "reset_on_return": "pool_reset_on_return",
        "timeout": "pool_timeout",
        "use_lifo": "pool_use_lifo",
    }
)
_POOLS = MappingProxyType(
    {
        # what is named, or what the dialect takes by itself: in threads, in the event loop
        pool.QueuePool: (NeverOnTheLoopPool, pool.AsyncAdaptedQueuePool),
        pool.AsyncAdaptedQueuePool: (NeverOnTheLoopPool, pool.AsyncAdaptedQueuePool),
        pool.SingletonThreadPool: (pool.SingletonThreadPool, pool.AsyncAdaptedQueuePool),
    }
)
_SQLITE_ARGUMENTS = frozenset(
    {"autocommit", "cached_statements", "check_same_thread", "detect_types", "factory", "timeout", "uri"}
)
_WITH_CONNECT_TIMEOUT = frozenset({"aiomysql", "asyncmy", "mysqldb", "psycopg", "psycopg2", "pymysql"})
_CONNECT_PATIENCE = 10  # seconds that a server has to accept a connection, unless connect_args or the URL say otherwise
_SQLITE_PATIENCE = 20.0  # seconds that a writer waits for the one before it, unless connect_args says otherwise


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an engine, and what was asked for and left out, in sentences."""

    values: Mapping[str, Any]
    notes: tuple[str, ...]


def engine_options(url: URL, configuration: Mapping[str, Any], *, is_async: bool = False) -> Options:
    """Return the options of ``SQLALCHEMY_CONFIGURATION`` that an engine for *url* can have, with notes on the others.

    Raises:
        ConfigError: An option has a value that cannot be used.
    """
    asked = {name.removeprefix(PREFIX): thaw(value) for name, value in configuration.items()}
    pool_class = _pool_class(asked.pop("poolclass", None), is_async=is_async)
    known = _known_options(url, pool_class)
    values = {name: value for name, value in asked.items() if name in known}
    notes = [_note(name, url, known) for name in asked if name not in known]
    values["connect_args"], left_out = _connect_args(url, asked.get("connect_args") or {})
    return Options({**values, "poolclass": pool_class}, (*notes, *left_out))


def _known_options(url: URL, pool_class: type[pool.Pool]) -> frozenset[str]:
    dialect = util.get_cls_kwargs(url.get_dialect()) - {"dbapi", "compiler_linting", "implicit_returning"}
    of_pool = {_POOL_NAMES.get(name, name) for name in util.get_cls_kwargs(pool_class)} - {"creator", "dialect"}
    of_engine = util.get_cls_kwargs(Engine) - {"pool", "dialect", "url"}
    return frozenset({*dialect, *of_pool, *of_engine, *_ALWAYS}) - DROPPED


def _note(name: str, url: URL, known: frozenset[str]) -> str:
    path = f"{SETTING}['{PREFIX}{name}']"
    if name in DROPPED:
        return f"{path}: SQLAlchemy 2 has dropped this option; remove it"
    guess = nearest(name, known)
    hint = f"; did you mean '{PREFIX}{guess}'?" if guess else ""
    return f"{path}: {url.get_backend_name()} and its pool know no such option, it is left out{hint}"


def _pool_class(wanted: Any, *, is_async: bool) -> type[pool.Pool]:
    """Return the pool's class: what the setting names, by its name or by itself, else a queue."""
    path = f"{SETTING}['{PREFIX}poolclass']"
    if isinstance(wanted, str):
        found = import_setting(path, wanted) if "." in wanted else getattr(pool, wanted, None)
        if found is None:
            guess = nearest(wanted, (name for name in dir(pool) if name.endswith("Pool")))
            raise ConfigError(f"{path}: there is no pool {wanted!r}; did you mean {guess or 'QueuePool'!r}?")
        wanted = found
    if wanted is None:
        wanted = pool.QueuePool
    if not (inspect.isclass(wanted) and issubclass(wanted, pool.Pool)):
        raise ConfigError(f"{path}: {wanted!r} is no pool; name a class of sqlalchemy.pool")
    in_threads, in_loop = _POOLS.get(wanted, (wanted, wanted))
    return in_loop if is_async else in_threads


def _connect_args(url: URL, asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments of the driver's ``connect``, and notes on those that it does not know."""
    known = _connect_names(url)
    values = {name: value for name, value in asked.items() if known is None or name in known}
    notes = [
        f"{SETTING}['{PREFIX}connect_args'][{name!r}]: {url.get_driver_name()} knows no such argument, it is left out"
        for name in asked
        if name not in values
    ]
    if url.get_backend_name() == "sqlite":
        # NOTE: transactions begin where `tornadopy.db.sqlite` says, not where the sqlite3 module guesses.
        values = {"timeout": _SQLITE_PATIENCE, "check_same_thread": False, **values, "isolation_level": None}
    elif url.get_driver_name() in _WITH_CONNECT_TIMEOUT and "connect_timeout" not in url.query:
        values = {"connect_timeout": _CONNECT_PATIENCE, **values}
    return values, notes


def _connect_names(url: URL) -> frozenset[str] | None:
    """Return the names that the driver's ``connect`` takes, or None if it takes any."""
    if url.get_backend_name() == "sqlite":
        return _SQLITE_ARGUMENTS
    try:
        connect = url.get_dialect().import_dbapi().connect
        parameters = inspect.signature(connect).parameters.values()
    except (ImportError, AttributeError, TypeError, ValueError):
        return None  # the driver does not tell, or is missing, which its user is told elsewhere
    if any(each.kind in {each.VAR_KEYWORD, each.VAR_POSITIONAL} for each in parameters):
        return None
    return frozenset(each.name for each in parameters)
